"""Gradients of 16 bits go into the update of a model without a cast, and to the bit as with one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scopert_cupy import nvrtc, passes
from scopert_cupy.emitters.optimizers import _function, gradient_of
from scopert_cupy.take_halves import take_halves

import scopert as tf
from scopert.program.passes.pipeline import DEVICE_PIPELINE, optimised
from scopert.program.verify import verify

OPTIMIZERS: dict[str, Any] = {
    "adam": lambda: tf.train.AdamOptimizer(0.01),
    "momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    "ftrl": lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
}


def _net(half: Any, name: str) -> tuple[Any, Any, Any]:
    """Weights in float32, products in 16 bits; one variable whose gradient is float32."""
    rng = np.random.RandomState(4)
    x = tf.placeholder(tf.float32, [6, 50])
    h = tf.cast(x, half)
    for k, (rows, columns) in enumerate([(50, 70), (70, 3)]):
        w = tf.get_variable(f"w{k}", initializer=tf.constant(rng.normal(size=(rows, columns)) * 0.2, tf.float32))
        b = tf.get_variable(f"b{k}", initializer=tf.constant(rng.normal(size=columns) * 0.2, tf.float32))
        h = tf.tanh(tf.matmul(h, tf.cast(w, half)) + tf.cast(b, half))
    scale = tf.get_variable("scale", initializer=tf.constant([1.0, 2.0, 0.5]))
    loss = tf.reduce_mean(tf.square(tf.cast(h, tf.float32) * scale - 1.0))
    return x, loss, OPTIMIZERS[name]().minimize(loss)


@pytest.mark.parametrize("half", [tf.bfloat16, tf.float16], ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_to_the_bit_as_with_a_cast(name: str, half: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for takes in (True, False):
        if not takes:
            monkeypatch.setattr(passes, "take_halves", lambda program, place: program)
        with tf.Graph().as_default():
            x, loss, train = _net(half, name)
            feed = {x: np.random.RandomState(1).normal(size=(6, 50))}
            with tf.Session(backend="cupy") as session:
                session.run(tf.global_variables_initializer())
                found.append([*(session.run([loss, train], feed)[0] for _ in range(4)), *session.run(tf.global_variables())])
    for left, right in zip(*found, strict=True):
        np.testing.assert_array_equal(left, right)
    assert found[0][0] != found[0][3]


def test_the_casts_are_left_out() -> None:
    x, loss, train = _net(tf.bfloat16, "adam")
    with tf.Session() as session:
        before = optimised(session.program([loss], [train], [x]), [(6, 50)], DEVICE_PIPELINE)
    after = take_halves(before)
    verify(after)
    update = next(step for step in after.steps if step.op == "together")
    kinds = [after.values[member.inputs[9]].dtype.name for member in update.body.members]
    # One bias has its gradient from a step that does more.
    assert sorted(kinds) == ["bfloat16"] * 3 + ["float32"] * 2
    assert len(before.steps) - len(after.steps) == 3
    inputs = [slot for member in update.body.members for slot in member.inputs]
    assert inputs == list(update.inputs)


def test_what_else_needs_a_gradient_keeps_its_cast() -> None:
    x, loss, _ = _net(tf.bfloat16, "adam")
    optimizer = tf.train.AdamOptimizer(0.01)
    pairs = optimizer.compute_gradients(loss)
    train = optimizer.apply_gradients(pairs)
    with tf.Session() as session:
        program = optimised(session.program([loss, pairs[0][0]], [train], [x]), [(6, 50)], DEVICE_PIPELINE)
    update = next(step for step in take_halves(program).steps if step.op == "together")
    kinds = [program.values[member.inputs[9]].dtype.name for member in update.body.members]
    assert kinds.count("float32") == 3


def test_a_gradient_that_is_a_variable_is_read_before_it_changes() -> None:
    """Its memory could be written before the update."""
    half = tf.get_variable("half", initializer=tf.ones([40], tf.bfloat16), trainable=False)
    a, b = (tf.get_variable(name, initializer=tf.ones([40])) for name in "ab")
    gradient = tf.cast(half.read_value(), tf.float32)
    train = tf.train.GradientDescentOptimizer(1.0).apply_gradients([(gradient, a), (gradient + 0.0, b)])
    with tf.Session() as session:
        program = optimised(session.program([], [train]), [], DEVICE_PIPELINE)
    for step in take_halves(program).steps:
        if step.op == "together":
            assert all(program.values[member.inputs[2]].dtype is tf.float32 for member in step.body.members)


def test_which_input_is_a_gradient() -> None:
    assert gradient_of("ApplyAdam", {"use_nesterov": False}) == 9
    assert gradient_of("ApplyGradientDescent", {}) == 2
    assert gradient_of("ApplyAdagradDA", {}) is None  # no kernel
    assert gradient_of("MatMul", {}) is None


@pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_the_kernels_do_not_spill(architecture: str) -> None:
    made = [_function(op, "float32", flags, True, half) for op, flags in (("ApplyAdam", (("use_nesterov", False),)), ("ApplyFtrl", ()))
            for half in ("bfloat16", "float16")]  # fmt: skip
    functions = [function for function in made if function is not None]
    source = "\n".join(function.source for function in functions)
    assert all(found.spills == 0 for found in nvrtc.compile_cubin(source, architecture).resources.values())
    ptx = nvrtc.compile_ptx(source, architecture)
    assert all(nvrtc.access_width(ptx, function.name) == (16, 16) for function in functions)
