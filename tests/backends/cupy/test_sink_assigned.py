"""New values of variables are made right before they are assigned, and so in the variables' memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from scopert_cupy.sink_assigned import sink_assigned

import scopert as tf
from scopert.program.passes.pipeline import DEVICE_PIPELINE, optimised
from scopert.program.verify import verify


def _ops(fetches: Any, operations: Any) -> list[str]:
    with tf.Session(backend="numpy") as session:
        program = sink_assigned(optimised(session.program(fetches, operations), (), DEVICE_PIPELINE))
    verify(program)
    return [step.op for step in program.steps if step.op != "read"]


def _adam() -> tuple[Any, Any]:
    rng = np.random.RandomState(0)
    variables = [tf.get_variable(f"v{k}", initializer=tf.constant(rng.normal(size=shape), tf.float32)) for k, shape in enumerate([(40,), (3, 4)])]
    loss = tf.add_n([tf.reduce_sum(tf.square(v)) for v in variables])
    return loss, tf.train.AdamOptimizer(0.1).minimize(loss)


def test_powers_of_beta_are_multiplied_where_they_are_assigned() -> None:
    ops = _ops([], [_adam()[1]])
    assert ops[-5:] == ["together", "fused", "fused", "Assign", "Assign"]


def test_a_step_of_adam_copies_nothing() -> None:
    loss, train = _adam()
    found = {}
    for backend in ("numpy", "cupy"):
        with tf.Session(backend=backend) as session:
            session.run(tf.global_variables_initializer())
            losses = [session.run([loss, train])[0] for _ in range(5)]
            found[backend] = [*losses, *session.run(tf.global_variables())]
            if backend == "cupy":
                text = [str(made) for found_ in session._executables.values() for made in getattr(found_, "_found", {}).values()]
                (step,) = [each for each in text if "together" in each]
                assert not any(line.split()[0] == "copy" and line.split()[-1] == "copy" for line in step.splitlines() if line.strip())
    for left, right in zip(found["numpy"], found["cupy"], strict=True):
        np.testing.assert_allclose(left, right, rtol=2e-5, atol=1e-6)


def test_an_old_value_is_not_read_after_a_write() -> None:
    """What is made of a variable that is written in between stays before the write."""
    a, b, c = (tf.get_variable(name, initializer=tf.constant([1.0, 2.0])) for name in "abc")
    old = a * 2.0 + c
    with tf.control_dependencies([old]):
        change = tf.assign(a, [7.0, 8.0])
    with tf.control_dependencies([change]):
        late = tf.assign(b, old)
    with tf.Session(backend="cupy") as session:
        session.run(tf.global_variables_initializer())
        session.run(late.op)
        np.testing.assert_array_equal(session.run(b), [3.0, 6.0])
        np.testing.assert_array_equal(session.run(a), [7.0, 8.0])


def test_what_is_fetched_or_used_otherwise_stays() -> None:
    a, b = (tf.get_variable(name, initializer=tf.constant([1.0, 2.0])) for name in "ab")
    new = a * 2.0
    with tf.control_dependencies([tf.assign(b, [5.0, 5.0])]):
        write = tf.assign(a, new)
    shown = _ops([new], [write.op])
    assert shown.index("fused") == 0
    assert shown.count("Assign") == 2
