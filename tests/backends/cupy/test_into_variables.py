"""Values that are made in the memory of the variable that they are assigned to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scopert_cupy.command import Copy

import scopert as tf


def copies(session: Any) -> int:
    """Copies of the program that ran last."""
    executable = session.backend.residents.all()[-1]
    batches = [action for action in executable.plan.top.actions if hasattr(action, "works")]
    return sum(isinstance(command, Copy) for batch in batches for work in batch.works for command in work.emitted.commands)


def assigned(f: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda v, w: tf.assign(v, f(v, w))


def read_between(v: Any, w: Any) -> Any:
    """What was read before the assignment is used by something else, too."""
    old = v.read_value()
    new = old * 2.0
    with tf.control_dependencies([tf.assign(v, new)]):
        return tf.assign(w, tf.matmul(old, tf.transpose(old)))


def after_another(v: Any, w: Any) -> Any:
    """A product needs the variable before its new value is assigned: the value is made behind the product."""
    made = tf.exp(w)
    with tf.control_dependencies([made]):
        product = tf.matmul(v.read_value(), w)
    with tf.control_dependencies([product]):
        first = tf.assign(v, made)
    with tf.control_dependencies([first]):
        return tf.assign(w, product)


#: Name -> what is run, and how many copies are left.
PROGRAMS: dict[str, tuple[Callable[[Any, Any], Any], int]] = {
    "a map": (assigned(lambda v, w: tf.tanh(w) + 1.0), 0),
    "in place": (assigned(lambda v, w: v * 0.9 + w), 0),
    "rows of itself": (assigned(lambda v, w: tf.nn.softmax(v)), 1),
    "transposed itself": (assigned(lambda v, w: tf.transpose(v) + w), 1),
    "a product": (assigned(lambda v, w: tf.matmul(w, w)), 0),
    "a product with itself": (assigned(lambda v, w: tf.matmul(v, w)), 1),
    "random numbers": (assigned(lambda v, w: tf.random_uniform([24, 24], seed=3)), 0),
    "another variable": (assigned(lambda v, w: w), 1),
    "used twice": (lambda v, w: [tf.assign(v, y) for y in [tf.exp(v)]] + [tf.assign(w, tf.exp(v) * 2.0)], 1),
    "read between": (read_between, 1),
    "after another": (after_another, 1),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_variables_are_those_of_numpy(name: str) -> None:
    build, left = PROGRAMS[name]
    random = np.random.default_rng(0)
    starts = [random.uniform(-0.1, 0.1, (24, 24)).astype(np.float32) for _ in range(2)]
    found = {}
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            v, w = (tf.get_variable(n, [24, 24], initializer=tf.constant_initializer(a)) for n, a in zip("vw", starts, strict=True))
            step = build(v, w)
            with tf.Session(backend=backend) as session:
                session.run(tf.global_variables_initializer())
                rows = []
                for _ in range(2):
                    session.run(step)
                    if backend == "cupy":
                        number = copies(session)
                    rows += session.run([v, w])
                found[backend] = rows
    for a, b in zip(found["numpy"], found["cupy"], strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=1e-6)
    assert number == left


def test_a_variable_has_a_value_only_after_its_assignment() -> None:
    with tf.Graph().as_default():
        v = tf.get_variable("v", [300], initializer=tf.random_normal_initializer(seed=1))
        with tf.Session(backend="cupy") as session:
            with pytest.raises(tf.errors.FailedPreconditionError):
                session.run(v)
            session.run(v.initializer)
            assert copies(session) == 0
            first = session.run(v)
            session.run(v.initializer)
            assert np.isfinite(first).all() and not np.array_equal(first, session.run(v))
