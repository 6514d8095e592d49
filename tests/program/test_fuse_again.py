"""Cheap maps are computed again where they are used, with the same results, and never behind a write."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program.fused_programs import assert_close, bodies, fused_program, run_both
from program.test_fuse_random import _graph

import scopert as tf
from scopert.program.passes import fuse_again
from scopert.program.passes.fuse import Fuse

SHAPE = (40, 30, 64)


def _variable(*shape: int, name: str = "v") -> Any:
    return tf.Variable(np.random.RandomState(3).standard_normal(shape).astype(np.float32), name=name)


def _standardised(x: Any, axes: list[int]) -> Any:
    mean = tf.reduce_mean(x, axis=axes)
    difference = x - mean
    return difference * tf.rsqrt(tf.reduce_mean(tf.square(difference), axis=axes) + 1e-3)


def _stored_bytes(fetches: list[Any], fuse: Fuse | None = None) -> int:
    with tf.Session() as session:
        program = fused_program(session, fetches, fuse=fuse)
    inside = {slot for step in program.steps for slot in step.outputs} - {fetch.slot for fetch in program.fetches}
    shapes = [program.values[slot].shape for slot in inside]
    return sum(4 * int(np.prod(shape)) for shape in shapes if shape is not None) - 4 * int(np.prod(SHAPE))  # the read


def test_differences_are_not_stored() -> None:
    x = _variable(*SHAPE).read_value()
    fetches = [tf.exp(_standardised(x, [0, 1]))]
    assert 0 < _stored_bytes(fetches) < 2000
    assert _stored_bytes(fetches, Fuse(maps=0)) > 4 * int(np.prod(SHAPE))


def test_costly_maps_are_computed_again_where_memory_is_slow() -> None:
    x = _variable(*SHAPE).read_value()
    bent = tf.tanh(2.0 * x)
    fetches = [tf.exp(bent * tf.reduce_sum(bent, axis=[0, 1]))]
    assert _stored_bytes(fetches) > 4 * int(np.prod(SHAPE))
    assert _stored_bytes(fetches, Fuse(costly=True, maps=32)) < 2000
    plain, fused, _ = run_both(fetches, fuse=Fuse(costly=True, maps=32))
    for left, right in zip(plain, fused, strict=True):
        assert_close(left, right, rtol=1e-4, atol=1e-5)


def test_a_bias_that_was_cast_does_not_keep_a_split_apart() -> None:
    """The vector is stored, by a step of its own size; the sum of it and the array is not."""
    x, bias = tf.Variable(np.random.RandomState(2).standard_normal((64, 96)).astype(np.float16)), _variable(96)
    y = tf.nn.bias_add(tf.matmul(x, x, transpose_b=True)[:, :48], tf.cast(bias[:48], tf.float16))
    y = tf.nn.bias_add(tf.matmul(y, tf.ones([48, 96], tf.float16)), tf.cast(bias, tf.float16))
    halves = [tf.transpose(tf.reshape(part, [8, 8, 48]), [1, 0, 2]) for part in tf.split(y, 2, axis=1)]
    with tf.Session() as session:
        program = fused_program(session, halves)
    stored = [program.values[slot].shape for step in program.steps if step.op == "fused" for slot in step.outputs]
    assert (96,) in stored
    assert (64, 96) not in stored
    assert not {"Split", "Transpose"} & {step.op for step in program.steps}
    plain, fused, _ = run_both(halves)
    for left, right in zip(plain, fused, strict=True):
        assert_close(left, right, rtol=1e-3, atol=1e-3)


def test_what_is_fetched_or_multiplied_is_read() -> None:
    x = _variable(60, 400).read_value()
    difference = x - tf.reduce_mean(x, axis=0)
    y = tf.reduce_sum(tf.square(difference), axis=0)
    with tf.Session() as session:
        program = fused_program(session, [difference * y, tf.matmul(difference, difference, transpose_b=True)])
    assert [body for body in bodies(program) if any(node.op == "mul" for node in body.nodes)]
    for step in program.steps:
        if step.op == "fused" and any(node.op == "mul" for node in step.body.nodes):  # type: ignore[union-attr]
            assert not any(node.op == "sub" for node in step.body.nodes)  # type: ignore[union-attr]


@pytest.mark.parametrize("machine_code", [False, True])
@pytest.mark.parametrize("axes", [[0], [0, 1], [2], [1, 2]])
def test_values_and_gradients_of_normalisation(axes: list[int], machine_code: bool) -> None:
    tf.reset_default_graph()
    variable = _variable(*SHAPE)
    x = variable.read_value()
    if axes != [0] and axes != [0, 1]:
        x = tf.transpose(x, [2, 0, 1] if axes == [2] else [2, 1, 0])
        axes = [0, 1] if len(axes) == 2 else [0]
    y = tf.tanh(_standardised(x, axes) * 2.0 + 1.0)
    gradient = tf.gradients(tf.reduce_sum(y * tf.stop_gradient(tf.sin(x))), variable)[0]
    plain, fused, _ = run_both([y, gradient], machine_code=machine_code)
    for left, right in zip(plain, fused, strict=True):
        assert_close(left, right, rtol=2e-4, atol=2e-4)


def test_nothing_is_read_behind_a_write() -> None:
    tf.reset_default_graph()
    variable = _variable(200, 200)
    double = variable.read_value() * 2.0
    total = tf.reduce_sum(double, axis=0)
    with tf.control_dependencies([total]):
        assign = tf.assign(variable, tf.zeros([200, 200]))
    with tf.control_dependencies([assign]):
        after = double + tf.identity(total) * tf.reduce_sum(total)
    plain, fused, _ = run_both([after, assign.op], machine_code=True)
    assert_close(plain[0], fused[0], rtol=1e-4, atol=1e-2)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_graphs(data: Any) -> None:
    tf.reset_default_graph()
    with mock.patch.object(fuse_again, "_SMALLEST", 0):
        variables, made = _graph(data, data.draw(st.integers(2, 14)))
        total = tf.add_n([tf.reduce_sum(tensor) for tensor in made[-3:]])
        gradients = [g for g in tf.gradients(total, variables) if g is not None]
        with tf.control_dependencies([made[0], *gradients[:1]]):
            write = tf.assign(variables[0], 0.5 * variables[0].read_value())
        with tf.control_dependencies([write]):
            late = tf.reduce_sum(made[len(made) // 2] * tf.reduce_sum(variables[0].read_value()))
        fuse = Fuse(costly=True, maps=32) if data.draw(st.booleans()) else None
        fetches = [*made[-3:], *gradients, late]
        plain, fused, _ = run_both(fetches, rounds=2, machine_code=data.draw(st.booleans()), fuse=fuse)
    for left, right in zip(plain, fused, strict=True):
        assert_close(left, right, rtol=4e-4, atol=4e-4 * float(np.abs(left).max(initial=1.0)))
