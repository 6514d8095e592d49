"""Convolutions as operations of a library, which the host device stands for (``SCOPERT_CUDNN=1``)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from backends.cupy.checking import check, emitted, kept
from backends.cupy.convolution_cases import convolutions
from backends.cupy.recorded import of_table, record
from scopert_cupy.command import Gemm, Operate
from scopert_cupy.emitters import convolving_by_library
from scopert_cupy.host import operations
from scopert_cupy.host.device import HostDevice
from scopert_cupy.operation import Convolution

import scopert as tf


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOPERT_CUDNN", "1")


def _operations(commands: Any) -> list[Convolution]:
    return [command.operation for command in commands if isinstance(command, Operate)]


def test_rows_of_the_table() -> None:
    steps = [step for op in convolving_by_library.TABLE for step in of_table().get(op, ())]
    counts = check(steps, tolerance=100.0)
    assert sum(counts.values()) > 30
    asked = [made for _, made in emitted(steps, HostDevice()) if _operations(made.commands)]
    assert len(asked) > 15


def test_all_layouts_strides_paddings_and_groups() -> None:
    cases = convolutions()
    steps = record(kept(case.op for case in cases), cases)
    counts = check(steps, tolerance=200.0)
    assert min(counts.values()) == 32
    made = [(step, _operations(found.commands)) for step, found in emitted(steps, HostDevice())]
    # Convolutions of single elements are products.
    pointwise = [step for step, found in made if not found]
    assert {1} == {step.request.attrs["strides"][2] for step in pointwise}
    assert len(pointwise) == 2 * 2 * 2 * 3
    found = {operation.kind for _, one in made for operation in one}
    assert found == {"forward", "input", "filter"}
    groups = {operation.image.shape[1] // operation.filter.shape[1] for _, one in made for operation in one}
    assert groups == {1, 4}
    last = {operation.image.strides[1] == 1 for _, one in made for operation in one}
    assert last == {True, False}


def test_every_access_is_checked() -> None:
    cases = convolutions()[::5]
    check(record(kept(case.op for case in cases), cases), tolerance=200.0, checked=True)


@pytest.mark.parametrize(("size", "taps", "stride", "rate", "before", "out", "expected"), [
    (8, 3, 1, 1, 1, 8, 1), (9, 3, 2, 1, 1, 5, 1), (8, 3, 2, 1, 0, 4, 1), (224, 7, 2, 1, 2, 112, 3), (56, 3, 2, 1, 1, 28, 1),
    (9, 3, 2, 1, 0, 4, 0), (10, 3, 2, 1, 0, 4, 0), (8, 2, 1, 1, 0, 8, 1), (9, 3, 1, 2, 2, 9, 2),
])  # fmt: skip
def test_zeros_behind_an_axis(
    size: int, taps: int, stride: int, rate: int, before: int, out: int, expected: int
) -> None:
    from scopert_cupy.emitters.convolving import Sizes
    from scopert_cupy.emitters.windows import Windows

    windows = Windows((size,), (taps,), (stride,), (rate,), (before,), (out,))
    p = Sizes(windows, False, 1, 1, 1, 1, "float", "float32", 4, "float32", HostDevice().facts)
    behind = convolving_by_library._behind(p, 0)
    assert behind == expected
    assert (size + before + behind - (taps - 1) * rate - 1) // stride + 1 == out


def _joined(dtype: Any, activation: Any, layout: str = "NHWC") -> tuple[list[Any], str]:
    rng = np.random.RandomState(2)
    with tf.Graph().as_default():
        x = tf.placeholder(dtype, [3, 9, 8, 5] if layout == "NHWC" else [3, 5, 9, 8])
        filters = tf.get_variable("w", initializer=tf.constant(rng.normal(size=(3, 3, 5, 16)) * 0.3, dtype))
        bias = tf.get_variable("b", initializer=tf.constant(rng.normal(size=16) * 0.3, dtype))
        made = tf.nn.bias_add(tf.nn.conv2d(x, filters, 1, "SAME", data_format=layout), bias, data_format=layout)
        made = activation(made) if activation is not None else made
        loss = tf.reduce_sum(tf.square(tf.cast(made, tf.float32)))
        gradients = tf.gradients(loss, [x, filters, bias])
        with tf.Session(backend="cupy") as session:
            session.run(tf.global_variables_initializer())
            feed = {x: rng.normal(size=x.shape.as_list())}
            found = [session.run([made, *gradients], feed) for _ in range(3)]
            inference = session.run(made, feed)
            text = str(session.executable(made, feed)) + str(session.executable([made, *gradients], feed))
    for again in found[1:]:
        assert [np.asarray(a).tobytes() for a in again] == [np.asarray(a).tobytes() for a in found[0]]
    return [np.asarray(a, np.float64) for a in (inference, *found[0])], text


@pytest.fixture
def with_library(monkeypatch: pytest.MonkeyPatch) -> Any:
    from scopert_cupy.backend import CupyBackend

    from scopert.runtime import backends

    def use(library: bool) -> None:
        monkeypatch.setitem(backends._registry._opened, ("cupy", 0), CupyBackend(HostDevice(library=library)))

    return use


@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float32, 1e-4), (tf.bfloat16, 0.06), (tf.float16, 8e-3)])
@pytest.mark.parametrize("activation", [None, tf.nn.relu, tf.nn.tanh, "gelu"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_layer_and_its_gradients_as_without(
    dtype: Any, tolerance: float, activation: Any, layout: str, with_library: Any
) -> None:
    if activation == "gelu":
        activation = lambda v: 0.5 * v * (1 + tf.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * tf.pow(v, 3))))  # noqa: E731
    with_library(True)
    by_library, text = _joined(dtype, activation, layout)
    assert text.count("cudnn") >= 4
    assert "operate" in text
    if layout == "NHWC" and activation in (None, tf.nn.relu):
        assert "Conv2D+bias" in text
    with_library(False)
    generated, text = _joined(dtype, activation, layout)
    assert "cudnn" not in text
    for one, other in zip(by_library, generated, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(other).max())


def test_a_library_without_the_activation_is_followed_by_kernels(
    with_library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_library(True)
    whole, text = _joined(tf.float32, tf.nn.relu)
    assert "operate" in text
    real = operations.computes
    monkeypatch.setattr(operations, "computes", lambda operation: real(operation) and not operation.bias)
    with_library(True)
    parts, text = _joined(tf.float32, tf.nn.relu)
    assert "operate, launch" in text
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-5, atol=1e-5)


def test_what_the_library_does_not_compute_is_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [replace(case, dtypes=("float64",)) for case in convolutions()[:3]]
    steps = record(kept(case.op for case in cases), cases)
    made = [found for _, found in emitted(steps, HostDevice())]
    assert made
    assert all(not _operations(found.commands) for found in made)
    assert any(isinstance(command, Gemm) for found in made for command in found.commands)
    # No library multiplies float32 operands as bfloat16 within a convolution.
    monkeypatch.setenv("SCOPERT_MATMUL_PRECISION", "bf16")
    cases = [replace(case, dtypes=("float32",)) for case in convolutions()[:3]]
    steps = record(kept(case.op for case in cases), cases)
    assert not any(_operations(found.commands) for _, found in emitted(steps, HostDevice()))
    monkeypatch.setenv("SCOPERT_MATMUL_PRECISION", "tf32")
    found = [o for _, one in emitted(steps, HostDevice()) for o in _operations(one.commands)]
    assert {operation.precision for operation in found} == {"tf32"}


def test_without_the_switch_the_host_has_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOPERT_CUDNN", "0")
    cases = convolutions()[:3]
    steps = record(kept(case.op for case in cases), cases)
    assert not any(_operations(found.commands) for _, found in emitted(steps, HostDevice()))


@pytest.mark.parametrize("kind", ["forward", "input", "filter"])
def test_the_host_refuses_what_a_library_would(kind: Any) -> None:
    from scopert_cupy.failures import DeviceError
    from scopert_cupy.operation import Tensor

    image, kernel = Tensor((1, 4, 5, 5), (100, 25, 5, 1), "float32"), Tensor((2, 4, 3, 3), (36, 9, 3, 1), "float32")
    out = Tensor((1, 2, 5, 5), (50, 25, 5, 1), "float32")
    made = Convolution(kind, image, kernel, out, (1, 1), (1, 1), (1, 1), (1, 1))
    device = HostDevice(library=True)
    held = [device.allocate(tensor.nbytes) for tensor in made.tensors.values()]
    plan = device.plan_operation(made)
    device.operate(plan, [a.address for a in held], 0)
    with pytest.raises(DeviceError, match="no multiple of 16"):
        device.operate(plan, [held[0].address + 4, *[a.address for a in held[1:]]], 0)
    with pytest.raises(DeviceError, match="not in an allocation"):
        device.operate(plan, [held[0].address + 64, *[a.address for a in held[1:]]], 0)
    with pytest.raises(DeviceError, match="do not make"):
        device.operate(device.plan_operation(replace(made, before=(0, 1))), [a.address for a in held], 0)
    with pytest.raises(DeviceError, match="no library computes"):
        device.plan_operation(replace(made, precision="bf16"))
    device.begin_capture()
    with pytest.raises(DeviceError, match="captured"):
        device.plan_operation(made)
