"""Random graphs: fused and step by step they compute the same, with their gradients and their assignments."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program.fused_programs import assert_close, run_both

import scopert as tf

_SHAPES = [(6, 8), (6, 1), (8,), (1, 8), (2, 3, 8), (6, 2, 4), (), (8, 6), (48,)]
_UNARY = [
    tf.tanh, tf.sigmoid, tf.nn.relu, tf.square, tf.negative, tf.abs, tf.nn.softplus, tf.nn.elu, tf.sin,
    lambda x: tf.exp(tf.minimum(x, 2.0)), lambda x: tf.rsqrt(tf.square(x) + 1.0), tf.nn.softmax, tf.stop_gradient,
    lambda x: tf.where(x > 0.0, x, 0.5 * x), lambda x: tf.cast(tf.cast(x, tf.float64), tf.float32),
    lambda x: tf.clip_by_value(x, -1.0, 1.0),
]  # fmt: skip
_BINARY = [tf.add, tf.subtract, tf.multiply, tf.maximum, tf.squared_difference, lambda x, y: x / (tf.square(y) + 1.0)]


def _compatible(left: Any, right: Any) -> bool:
    try:
        np.broadcast_shapes(tuple(left.shape.as_list()), tuple(right.shape.as_list()))
    except ValueError:
        return False
    return True


def _grow(data: Any, pool: list[Any]) -> Any:
    """One more tensor of those that are there."""
    kind = data.draw(st.sampled_from(["unary"] * 4 + ["binary"] * 5 + ["reduce", "keep", "layout", "part", "matmul"]))
    x = data.draw(st.sampled_from(pool))
    shape = x.shape.as_list()
    if kind == "binary":
        others = [y for y in pool if _compatible(x, y)]
        return data.draw(st.sampled_from(_BINARY))(x, data.draw(st.sampled_from(others)))
    if kind in ("reduce", "keep") and shape:
        reduce = data.draw(st.sampled_from([tf.reduce_sum, tf.reduce_mean, tf.reduce_max]))
        axes = data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, max_size=len(shape), unique=True))
        return reduce(x, axis=axes, keepdims=kind == "keep")
    if kind == "layout" and shape:
        size = int(np.prod(shape))
        targets = [s for s in _SHAPES if int(np.prod(s)) == size]
        if targets and data.draw(st.booleans()):
            return tf.reshape(x, data.draw(st.sampled_from(targets)))
        return tf.transpose(x, data.draw(st.permutations(range(len(shape)))))
    if kind == "part" and shape and shape[-1] > 1 and shape[-1] % 2 == 0:
        halves = tf.split(x, 2, axis=-1)
        return halves[0] * tf.tanh(halves[1])
    if kind == "matmul" and shape == [6, 8]:
        return tf.matmul(x, tf.ones((8, 8)) * 0.1)
    return data.draw(st.sampled_from(_UNARY))(x) if shape else tf.tanh(x)


def _graph(data: Any, steps: int) -> tuple[list[Any], list[Any]]:
    rng = np.random.RandomState(data.draw(st.integers(0, 1000)))
    variables = [
        tf.Variable(rng.standard_normal(shape).astype(np.float32), name=f"v{k}")
        for k, shape in enumerate([(6, 8), (8,), (6, 1)])
    ]
    pool: list[Any] = [variable.read_value() for variable in variables]
    made = []
    for _ in range(steps):
        tensor = _grow(data, pool)
        pool.append(tensor)
        made.append(tensor)
    return variables, made


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_values_and_gradients(data: Any) -> None:
    tf.reset_default_graph()
    variables, made = _graph(data, data.draw(st.integers(1, 14)))
    fetches = data.draw(st.lists(st.sampled_from(made), min_size=1, max_size=3))
    total = tf.add_n([tf.reduce_sum(tensor) for tensor in fetches])
    gradients = [g for g in tf.gradients(total, variables) if g is not None]
    plain, fused, _ = run_both([*fetches, *gradients], machine_code=data.draw(st.booleans()))
    for left, right in zip(plain, fused, strict=True):
        assert_close(left, right, rtol=2e-4, atol=2e-4 * float(np.abs(left).max(initial=1.0)))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_assignments_keep_their_order(data: Any) -> None:
    tf.reset_default_graph()
    variables, made = _graph(data, data.draw(st.integers(2, 8)))
    done: list[Any] = []
    read: list[Any] = []
    for tensor in made:
        shape = tuple(tensor.shape.as_list())
        targets = [v for v in variables if tuple(v.shape.as_list()) == shape]
        if not targets:
            continue
        with tf.control_dependencies(done[-1:]):
            variable = data.draw(st.sampled_from(targets))
            read.append(tf.tanh(variable) * 2.0 + 1.0)
            assign = data.draw(st.sampled_from([tf.assign, tf.assign_add]))
            done.append(assign(variable, tf.tanh(0.1 * tensor)).op)  # small: a sine of thousands tells rounding only
            with tf.control_dependencies(done[-1:]):
                read.append(tf.sin(variable.read_value()) + 1.0)
    plain, fused, _ = run_both([*read, *made, *done], rounds=2, machine_code=data.draw(st.booleans()))
    for left, right in zip(plain, fused, strict=True):
        assert_close(left, right, rtol=2e-4, atol=2e-4 * float(np.abs(left).max(initial=1.0)))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_loops(data: Any) -> None:
    tf.reset_default_graph()
    x = tf.constant(np.random.RandomState(data.draw(st.integers(0, 99))).standard_normal((6, 8)).astype(np.float32))
    steps = data.draw(st.integers(0, 4))

    def body(i: Any, value: Any) -> Any:
        pool = [value, x]
        for _ in range(3):
            pool.append(_grow(data, pool))
        fitting = [t for t in pool if t.shape.as_list() == [6, 8]]
        return i + 1, tf.tanh(fitting[-1] + tf.cast(i, tf.float32))

    _, result = tf.while_loop(lambda i, value: i < steps, body, [tf.constant(0), x])
    plain, fused, _ = run_both([result, tf.gradients(tf.reduce_sum(result), x)[0]], machine_code=data.draw(st.booleans()))
    for left, right in zip(plain, fused, strict=True):
        assert_close(left, right, rtol=2e-4, atol=2e-4)
