"""The host device keeps the promises of a card: memory, order of work, capture, and what is refused."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from scopert_cupy.command import Gemm, Matrix, Operand, mask_bits
from scopert_cupy.failures import DeviceError, OutOfMemory
from scopert_cupy.host.device import HostDevice

from scopert.backend import as_dtype

F32 = as_dtype("float32")
AT = Operand("input")
SOURCE = """
SC_KERNEL void __launch_bounds__(128) add_to(float* y, float a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += a;
}
SC_KERNEL void past_the_end(float* y, int i) { y[i] = 1.f; }
"""


@pytest.fixture(scope="module")
def module() -> Any:
    return HostDevice().compile(SOURCE, [("add_to", False), ("past_the_end", False)])


@pytest.fixture
def device() -> HostDevice:
    return HostDevice(memory=1 << 20)


def put(device: HostDevice, values: Any) -> Any:
    """An allocation that holds an array."""
    memory = device.allocate(values.nbytes)
    device.copy_in(memory.address, np.ascontiguousarray(values), values.nbytes)
    return memory


def get(device: HostDevice, memory: Any, shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
    """What an allocation holds."""
    out = np.empty(shape, dtype)
    device.copy_out(out, memory.address, out.nbytes)
    device.synchronize()
    return out


def add(device: HostDevice, module: Any, memory: Any, value: float, n: int) -> None:
    arguments = [np.uint64(memory.address), np.float32(value), np.int32(n)]
    device.launch(module.function("add_to"), (-(-n // 64), 1, 1), (64, 1, 1), 0, arguments)


# Memory.


def test_fresh_memory_is_poisoned_and_aligned(device: HostDevice) -> None:
    for nbytes in (0, 1, 257, 4000):
        memory = device.allocate(nbytes)
        assert memory.address % 256 == 0
        assert memory.nbytes == nbytes
    assert np.isnan(device.view(memory, 0, (10, 100), F32)).all()


def test_memory_is_free_when_nobody_holds_it(device: HostDevice) -> None:
    before = device.free_memory()
    memory = device.allocate(1 << 19)
    assert device.free_memory() == before - (1 << 19)
    view = device.view(memory, 4, (3,), F32)
    assert device.address_of(view) == memory.address + 4
    del memory
    gc.collect()
    assert device.free_memory() == before - (1 << 19), "a view keeps its memory"
    del view
    gc.collect()
    assert device.free_memory() == before


def test_a_full_device_raises_out_of_memory(device: HostDevice) -> None:
    held = device.allocate(1 << 19)
    with pytest.raises(OutOfMemory, match="524288 bytes free, 524289 were asked for"):
        device.allocate((1 << 19) + 1)
    assert device.allocate(1 << 19).nbytes == held.nbytes


@pytest.mark.parametrize("offset, count", [(0, 5), (8, 3), (-4, 1)])
def test_a_view_outside_of_its_allocation_is_refused(device: HostDevice, offset: int, count: int) -> None:
    with pytest.raises(DeviceError, match="not in an allocation of 16 bytes"):
        device.view(device.allocate(16), offset, (count,), F32)


def test_copies_outside_of_memory_are_refused(device: HostDevice) -> None:
    memory = device.allocate(16)
    with pytest.raises(DeviceError, match="copy_in: 16 bytes"):
        device.copy_in(memory.address + 4, np.zeros(4, np.float32), 16)
    with pytest.raises(DeviceError, match="copy_out: 4 bytes"):
        device.copy_out(np.zeros(4, np.float32), memory.address + 16, 4)
    with pytest.raises(DeviceError, match="overlap"):
        device.copy(memory.address, memory.address + 4, 8)
    with pytest.raises(DeviceError, match="fill"):
        device.fill(memory.address, 0, 17)
    with pytest.raises(DeviceError, match="8 bytes of an array of 4"):
        device.copy_in(memory.address, np.zeros(1, np.float32), 8)
    with pytest.raises(DeviceError, match="contiguous"):
        device.copy_in(memory.address, np.zeros(8, np.float32)[::2], 16)


def test_a_write_past_an_end_is_found_at_the_next_synchronisation(device: HostDevice, module: Any) -> None:
    memory = device.allocate(16)
    device.launch(module.function("past_the_end"), (1, 1, 1), (1, 1, 1), 0, [np.uint64(memory.address), np.int32(5)])
    with pytest.raises(DeviceError, match=r"out-of-bounds write: 4 bytes after an allocation of 16 bytes .* 4 bytes away"):
        device.synchronize()


# Other processes.


def test_memory_is_shared_with_another_process(device: HostDevice) -> None:
    values = np.arange(100, dtype=np.float32)
    memory = device.allocate(values.nbytes, shareable=True)
    device.copy_in(memory.address, values, values.nbytes)
    code = f"""
import numpy as np
from scopert.backend import as_dtype
from scopert_cupy.host.device import HostDevice
device = HostDevice()
memory = device.attach({device.export(memory)!r}, 400)
view = device.view(memory, 0, (100,), as_dtype("float32"))
print(view.sum())
view[:] = 7
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "4950.0", done.stderr
    np.testing.assert_array_equal(get(device, memory, (100,)), 7)
    handle = device.export(memory)
    del memory
    gc.collect()
    with pytest.raises(DeviceError, match="no process exports"):
        device.attach(handle, 400)
    with pytest.raises(DeviceError, match="not allocated as shareable"):
        device.export(device.allocate(4))


def test_a_forked_child_cannot_use_the_device(device: HostDevice, module: Any) -> None:
    memory = device.allocate(16)
    calls = [
        lambda: device.allocate(16), lambda: device.synchronize(), lambda: add(device, module, memory, 1, 4),
        lambda: device.fill(memory.address, 0, 16),
    ]  # fmt: skip
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        refused = []
        for call in calls:
            try:
                call()
            except DeviceError as error:
                refused.append("forked" in str(error) and "spawn" in str(error))
        os.write(writer, repr(refused).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100).decode() == repr([True] * 4)
    device.synchronize()


# Order.


def test_what_is_copied_out_arrives_when_the_device_is_waited_for(device: HostDevice) -> None:
    memory = put(device, np.ones(4, np.float32))
    out = np.zeros(4, np.float32)
    device.copy_out(out, memory.address, 16)
    assert np.isnan(out).all()
    device.fill(memory.address, 0, 16)  # comes after the copy
    device.synchronize()
    np.testing.assert_array_equal(out, 1)


def test_pinned_memory_must_stay_until_the_device_was_waited_for(device: HostDevice) -> None:
    staging = device.pinned(16)
    staging[:] = 1
    memory = device.allocate(16)
    device.copy_in(memory.address, staging, 16)
    staging[3] = 2
    with pytest.raises(DeviceError, match="pinned memory was changed"):
        device.synchronize()
    device.copy_in(memory.address, staging, 16)
    device.synchronize()
    staging[3] = 4
    device.synchronize()


# Capture.


def test_a_replay_repeats_the_captured_commands_with_their_arguments(device: HostDevice, module: Any) -> None:
    memory = put(device, np.zeros(100, np.float32))
    staging = device.pinned(4)
    device.begin_capture()
    device.copy_in(memory.address, staging, 4)
    add(device, module, memory, 2, 100)
    device.copy(memory.address + 200, memory.address, 4)
    recording = device.end_capture()
    assert recording.nodes == 3
    np.testing.assert_array_equal(get(device, memory, (100,)), 0)
    for value in (10, 20):
        staging.view(np.float32)[0] = value
        device.replay(recording)
        device.synchronize()
    found = get(device, memory, (100,))
    assert found[[0, 1, 50]].tolist() == [22, 4, 22]


def test_a_recording_keeps_the_memory_that_it_uses(device: HostDevice, module: Any) -> None:
    before = device.free_memory()
    memory = put(device, np.zeros(100, np.float32))
    device.begin_capture()
    add(device, module, memory, 1, 100)
    recording = device.end_capture()
    del memory
    gc.collect()
    assert device.free_memory() == before - 400
    device.replay(recording)
    device.synchronize()
    del recording
    gc.collect()
    assert device.free_memory() == before


@pytest.mark.parametrize(
    "call",
    [
        lambda device, memory: device.allocate(4),
        lambda device, memory: device.synchronize(),
        lambda device, memory: device.compile(SOURCE, [("add_to", False)]),
        lambda device, memory: device.begin_capture(),
        lambda device, memory: device.plan_gemm(None),
        lambda device, memory: device.copy_in(memory.address, np.zeros(4, np.float32), 16),
        lambda device, memory: device.copy_out(np.zeros(4, np.float32), memory.address, 16),
    ],
    ids=["allocate", "synchronize", "compile", "capture", "plan", "copy_in", "copy_out"],
)
def test_what_a_capture_does_not_allow_is_refused(device: HostDevice, call: Any) -> None:
    memory = device.allocate(16)
    device.begin_capture()
    with pytest.raises(DeviceError, match="captured"):
        call(device, memory)
    assert device.end_capture().nodes == 0


def test_no_capture_ends_that_has_not_begun(device: HostDevice) -> None:
    with pytest.raises(DeviceError, match="no capture has begun"):
        device.end_capture()


# Launches.


@pytest.mark.parametrize(
    "grid, block, shared, text",
    [
        ((1, 1, 1), (1025, 1, 1), 0, "a block of"),
        ((1, 1, 1), (64, 4, 8), 0, "a block of"),
        ((1, 1, 1), (1, 1, 65), 0, "a block of"),
        ((1, 1, 1), (0, 1, 1), 0, "a block of"),
        ((1, 65536, 1), (1, 1, 1), 0, "a grid of"),
        ((0, 1, 1), (1, 1, 1), 0, "a grid of"),
        ((2**31, 1, 1), (1, 1, 1), 0, "a grid of"),
        ((1, 1, 1), (129, 1, 1), 0, "129 threads, but it was compiled for blocks of 128"),
        ((1, 1, 1), (1, 1, 1), 227 * 1024 + 1, "shared memory"),
    ],
)
def test_launches_that_a_driver_refuses_are_refused(
    device: HostDevice, module: Any, grid: Any, block: Any, shared: int, text: str
) -> None:
    memory = device.allocate(16)
    arguments = [np.uint64(memory.address), np.float32(1), np.int32(0)]
    with pytest.raises(DeviceError, match=text):
        device.launch(module.function("add_to"), grid, block, shared, arguments)


# Matrix products.


def product(device: HostDevice, a: Any, b: Any, **options: Any) -> Any:
    """``a @ b`` by the device, of two arrays of one batch axis at most."""
    batch = a.shape[:-2]
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    strides = {"a": (m * k,), "b": (k * n,), "out": (m * n,)} if batch else {"a": (), "b": (), "out": ()}
    gemm = Gemm(
        m, n, k, Matrix(AT, k, strides=strides["a"]), Matrix(AT, n, strides=strides["b"]),
        Matrix(AT, n, strides=strides["out"]), a.dtype.name, batch=batch,
        **{key: value for key, value in options.items() if key not in ("bias", "out", "aux", "bias_gradient")},
        **{key: AT for key in ("bias", "aux", "bias_gradient") if key in options},
    )  # fmt: skip
    out = put(device, options.get("out", np.zeros((*batch, m, n), a.dtype)))
    bias = options.get("bias", options.get("bias_gradient"))
    held = [put(device, each) if each is not None else None for each in (a, b, bias, options.get("aux"))]
    at = [0 if each is None else each.address for each in held]
    device.gemm(device.plan_gemm(gemm), at[0], at[1], out.address, at[2], 0, at[3])
    result = get(device, out, (*batch, m, n), a.dtype)
    for name, memory in (("bias_gradient", held[2]), ("aux", held[3])):
        if name in options:
            options[name][...] = get(device, memory, options[name].shape, options[name].dtype)
    return result


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_products_of_every_type(device: HostDevice, dtype: Any, batch: Any) -> None:
    rng = np.random.default_rng(1)
    a, b = [rng.standard_normal((*batch, *shape)).astype(dtype) for shape in ((5, 7), (7, 4))]
    exact = np.matmul(a.astype(np.float64), b.astype(np.float64))
    tolerance = {2: 2e-2 if dtype is not np.float16 else 2e-3, 4: 1e-6, 8: 1e-14}[a.itemsize]
    np.testing.assert_allclose(product(device, a, b).astype(np.float64), exact, rtol=tolerance, atol=tolerance)


def test_a_product_with_bias_epilogue_and_what_was_there(device: HostDevice) -> None:
    rng = np.random.default_rng(2)
    a, b, c, out = [rng.standard_normal(shape).astype(np.float32) for shape in ((5, 7), (7, 4), (4,), (5, 4))]
    sums = a @ b + c + out
    found = product(device, a, b, bias=c, out=out.copy(), accumulate=True, epilogue="relu")
    np.testing.assert_allclose(found, np.maximum(sums, 0), rtol=1e-5, atol=1e-6)
    gelu = 0.5 * sums * (1 + np.tanh(np.sqrt(2 / np.pi) * (sums + 0.044715 * sums**3)))
    found = product(device, a, b, bias=c, out=out.copy(), accumulate=True, epilogue="gelu")
    np.testing.assert_allclose(found, gelu, rtol=1e-5, atol=1e-6)


def test_relu_leaves_a_mask_that_its_gradient_uses(device: HostDevice) -> None:
    rng = np.random.default_rng(3)
    a, b, c = [rng.standard_normal(shape).astype(np.float32) for shape in ((6, 7), (7, 40), (40,))]
    mask = np.zeros((6, mask_bits(40) // 8), np.uint8)
    product(device, a, b, bias=c, epilogue="relu_aux", aux=mask)
    sums = np.zeros(40, np.float32)
    found = product(device, a, b, epilogue="drelu", aux=mask, bias_gradient=sums)
    np.testing.assert_allclose(found, (a @ b) * ((a @ b + c) > 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sums, found.sum(0), rtol=1e-5, atol=1e-5)


def test_a_transposed_operand_and_rows_that_are_parts_of_longer_ones(device: HostDevice) -> None:
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((7, 5)).astype(np.float32), rng.standard_normal((7, 9)).astype(np.float32)
    gemm = Gemm(5, 4, 7, Matrix(AT, 5, transposed=True), Matrix(AT, 9), Matrix(AT, 4), "float32")
    left, right, out = put(device, a), put(device, b), device.allocate(80)
    device.gemm(device.plan_gemm(gemm), left.address, right.address, out.address, 0, 0)
    np.testing.assert_allclose(get(device, out, (5, 4)), a.T @ b[:, :4], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("precision, error", [("float32", 1e-6), ("tf32", 2e-3), ("bf16", 2e-2)])
def test_precision_is_what_was_asked_for(device: HostDevice, precision: str, error: float) -> None:
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((16, 64)).astype(np.float32), rng.standard_normal((64, 16)).astype(np.float32)
    exact = a.astype(np.float64) @ b
    worst = np.abs(product(device, a, b, precision=precision) - exact).max() / np.abs(exact).max()
    assert error / 50 < worst < error if precision != "float32" else worst < error


def test_products_that_cannot_be_are_refused(device: HostDevice) -> None:
    good = Gemm(4, 4, 4, Matrix(AT, 4), Matrix(AT, 4), Matrix(AT, 4), "float32")
    for change, text in (
        ({"dtype": "int32"}, "of int32"), ({"epilogue": "swish"}, "epilogue"), ({"m": 0}, "empty"),
        ({"a": Matrix(AT, 3)}, "overlap"), ({"batch": (2,)}, "strides|stride"), ({"precision": "fp8"}, "precision"),
        ({"epilogue": "drelu"}, "mask"), ({"out": Matrix(AT, 4, transposed=True)}, "transposed"),
    ):  # fmt: skip
        with pytest.raises(DeviceError, match=text):
            device.plan_gemm(replace(good, **change))
    memory = device.allocate(64)
    with pytest.raises(DeviceError, match="gemm: 64 bytes"):
        device.gemm(device.plan_gemm(good), memory.address, memory.address, memory.address + 4, 0, 0)
