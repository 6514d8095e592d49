"""The order of steps: less memory, the same results, effects and reads where they were."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program.fused_programs import assert_close
from program.test_fuse_random import _graph

import scopert as tf
from scopert.program.ir import Program, Step
from scopert.program.passes.order import Order
from scopert.program.passes.place import Place, alive_at_once
from scopert.program.uses import is_pure
from scopert.program.verify import verify


def _program(session: Any, fetches: list[Any]) -> Program:
    tensors = [item for item in fetches if not isinstance(item, tf.Operation)]
    return session.program(tensors, [item for item in fetches if isinstance(item, tf.Operation)])


def _names(program: Program) -> str:
    return " ".join(step.origin.name for step in program.steps if step.op in ("MatMul", "Sum", "AddN"))


def test_golden() -> None:
    tf.reset_default_graph()
    x = tf.Variable(np.ones((100, 10), np.float32)).read_value()
    wide = [tf.matmul(x, x, transpose_b=True, name=f"wide{k}") for k in range(3)]
    thin = [tf.reduce_sum(w, axis=1, name=f"thin{k}") for k, w in enumerate(wide)]
    with tf.Session() as session:
        before = _program(session, [tf.add_n(thin, name="all")])
    after = Order(smallest=0)(before)
    assert _names(before) == "wide0 wide1 wide2 thin0 thin1 thin2 all"
    assert _names(after) == "wide0 thin0 wide1 thin1 wide2 thin2 all"
    assert alive_at_once(before) == 3 * 40000 + 400 and alive_at_once(after) == 40000 + 3 * 400
    assert "best order found: 41200 bytes" in str(Place()(after).memory)
    assert Order()(before) is before and Order(smallest=0)(after) is after


def test_a_reader_stays_before_the_next_write() -> None:
    tf.reset_default_graph()
    v = tf.Variable(np.ones((50, 50), np.float32))
    double = [tf.matmul(v, v, name=f"early{k}") for k in range(4)]
    with tf.control_dependencies(double):
        write = tf.assign(v, tf.zeros([50, 50]))
    with tf.control_dependencies([write]):
        last = tf.add_n([tf.reduce_sum(d) for d in double]) + tf.reduce_sum(v.read_value())
    with tf.Session() as session:
        program = Order(smallest=0)(_program(session, [last]))
    names = [step.origin.name for step in program.steps]
    assert max(names.index(f"early{k}") for k in range(4)) < names.index("Assign")


def _effects(steps: tuple[Step, ...]) -> list[str]:
    return [step.origin.name for step in steps if not is_pure(step)]


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_graphs(data: Any) -> None:
    tf.reset_default_graph()
    variables, made = _graph(data, data.draw(st.integers(3, 20)))
    total = tf.add_n([tf.reduce_sum(tensor) for tensor in made])
    gradients = [(g, v) for g, v in zip(tf.gradients(total, variables), variables, strict=True) if g is not None]
    updates = [tf.assign_sub(v, 0.01 * g).op for g, v in gradients]
    with tf.control_dependencies(updates[:1]):
        late = tf.reduce_sum(tf.sin(variables[1].read_value())) + tf.reduce_sum(made[0])
    results = []
    with tf.Session() as session:
        program = _program(session, [total, made[-1], late, *updates])
        ordered = Order(smallest=0)(program)
        verify(ordered)
        assert _effects(ordered.steps) == _effects(program.steps)
        assert sorted(map(id, ordered.steps)) == sorted(map(id, program.steps))
        assert alive_at_once(ordered) <= alive_at_once(program)
        for one in (program, Place()(ordered)):
            session.run(tf.global_variables_initializer())
            executable = session.compile(one)
            rounds = [executable.run([]) for _ in range(2)]
            results.append([np.copy(x) for x in (*rounds[0], *rounds[1], *session.run(variables))])
    for left, right in zip(*results, strict=True):
        assert_close(left, right, rtol=1e-5, atol=1e-5)
