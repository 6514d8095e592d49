"""The glue between the device's calls and CuPy, over a stand-in for CuPy; `test_card` has what needs a card."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import scopert as tf
from scopert.backend import as_dtype
from scopert.runtime.backends import forget_backends

cupy = pytest.importorskip("cupy")
nvrtc = pytest.importorskip("scopert_cupy.nvrtc")
if not nvrtc.available():
    pytest.skip("NVRTC is not installed", allow_module_level=True)

from backends.cupy.fake_cudnn import FakeCudnn, Plan  # noqa: E402
from backends.cupy.stand_in import Card, install  # noqa: E402
from scopert_cupy import cuda  # noqa: E402
from scopert_cupy.command import Gemm, Matrix, Operand  # noqa: E402
from scopert_cupy.failures import DeviceError, OutOfMemory  # noqa: E402
from scopert_cupy.operation import Convolution, Tensor  # noqa: E402

SOURCE = """
SC_KERNEL void __launch_bounds__(128) add_to(float* y, float a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += a;
}
"""


@pytest.fixture
def card(monkeypatch: Any) -> Card:
    return install(monkeypatch)


@pytest.fixture
def device(card: Card) -> Any:
    return cuda.open_device(0)


@pytest.fixture
def module(device: Any) -> Any:
    return device.compile(SOURCE, [("add_to", False)])


def put(device: Any, values: Any) -> Any:
    memory = device.allocate(values.nbytes)
    device.copy_in(memory.address, values, values.nbytes)
    return memory


def get(device: Any, memory: Any, count: int, dtype: Any = np.float32) -> Any:
    out = np.empty(count, dtype)
    device.copy_out(out, memory.address, out.nbytes)
    device.synchronize()
    return out


def add(device: Any, module: Any, memory: Any, value: float, n: int, threads: int = 64) -> None:
    arguments = [np.uint64(memory.address), np.float32(value), np.int32(n)]
    device.launch(module.function("add_to"), (-(-n // threads), 1, 1), (threads, 1, 1), 0, arguments)


def test_facts_of_a_card(device: Any) -> None:
    facts = device.facts
    assert (facts.name, facts.architecture, facts.multiprocessors, facts.shared) == ("stand-in", "sm_90", 4, 227 << 10)
    assert dict(facts.versions)["driver"] == "13000"
    assert device.free_memory() <= facts.memory


def test_memory_copies_views_and_launches(device: Any, module: Any) -> None:
    memory = put(device, np.arange(100, dtype=np.float32))
    add(device, module, memory, 0.5, 100)
    other = device.allocate(400)
    device.fill(other.address, 0, 400)
    device.copy(other.address, memory.address, 40)
    np.testing.assert_array_equal(get(device, other, 100), [*(np.arange(10) + 0.5), *[0] * 90])
    view = device.view(memory, 40, (3, 5), as_dtype("bfloat16"))
    assert (view.shape, view.dtype.name, device.address_of(view)) == ((3, 5), "bfloat16", memory.address + 40)
    with pytest.raises(DeviceError, match="not in an allocation of 400 bytes"):
        device.view(memory, 392, (3,), as_dtype("float32"))
    with pytest.raises(DeviceError, match="contiguous NumPy array"):
        device.copy_in(memory.address, np.zeros(20, np.float32)[::2], 40)


def test_memory_is_free_when_neither_views_nor_graphs_hold_it(card: Card, device: Any, module: Any) -> None:
    memory = put(device, np.zeros(100, np.float32))
    view = device.view(memory, 0, (100,), as_dtype("float32"))
    device.begin_capture()
    add(device, module, memory, 1, 100)
    recording = device.end_capture()
    held = card.live.nbytes
    del memory, view
    gc.collect()
    assert card.live.nbytes == held
    device.replay(recording)
    del recording
    gc.collect()
    assert card.live.nbytes == held - 400


def test_a_graph_replays(device: Any, module: Any) -> None:
    memory, staging, result = put(device, np.zeros(100, np.float32)), device.pinned(4), device.pinned(4)
    device.begin_capture()
    assert not gc.isenabled()
    device.copy_in(memory.address, staging, 4)
    add(device, module, memory, 2, 100)
    device.copy_out(result, memory.address, 4)
    recording = device.end_capture()
    assert gc.isenabled()
    assert recording.nodes == 3
    for value in (10, 20):
        staging.view(np.float32)[0] = value
        device.replay(recording)
        device.synchronize()
        assert result.view(np.float32)[0] == value + 2


@pytest.mark.parametrize("call", ["begin_capture", "end_capture", "upload", "launch"])
def test_a_capture_that_fails_is_over(card: Card, device: Any, module: Any, call: str) -> None:
    memory = put(device, np.zeros(64, np.float32))
    card.refuse[call] = 900
    with pytest.raises(DeviceError, match="cudaErrorStreamCaptureUnsupported"):
        device.begin_capture()
        try:
            add(device, module, memory, 1, 64)
        finally:
            if call == "launch":
                device.end_capture()
        device.end_capture()
    card.refuse.clear()
    assert gc.isenabled()
    assert cuda._capturing.acquire(blocking=False)
    cuda._capturing.release()
    add(device, module, memory, 1, 64)
    np.testing.assert_array_equal(get(device, memory, 64), 1)


def test_what_a_capture_does_not_allow_is_refused(device: Any) -> None:
    device.begin_capture()
    for call in (
        lambda: device.allocate(4), device.synchronize, device.begin_capture, lambda: device.plan_gemm(None), lambda: device.plan_operation(None),
        lambda: device.compile(SOURCE, [("add_to", False)]),
    ):  # fmt: skip
        with pytest.raises(DeviceError, match="while commands are captured"):
            call()
    device.end_capture()
    with pytest.raises(DeviceError, match="no capture has begun"):
        device.end_capture()


def test_errors_of_calls_are_ours(card: Card, device: Any, module: Any) -> None:
    card.refuse["malloc"] = 2
    with pytest.raises(OutOfMemory, match="allocate: the device has no room: cudaErrorMemoryAllocation"):
        device.allocate(1 << 40)
    card.refuse = {"synchronize": 700}
    with pytest.raises(DeviceError, match=r"synchronize: the device is lost .* cudaErrorIllegalAddress"):
        device.synchronize()
    with pytest.raises(LookupError, match="no function 'other'"):
        module.function("other")
    with pytest.raises(ValueError, match="there are 1 CUDA devices"):
        cuda.open_device(1)


def test_products_without_a_library(card: Card, device: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("SCOPERT_CUBLASLT", "/nowhere/libcublasLt.so")
    rng, at = np.random.default_rng(1), Operand("input")
    a, b = rng.standard_normal((6, 5)).astype(np.float32), rng.standard_normal((5, 4)).astype(np.float32)
    gemm = Gemm(6, 4, 5, Matrix(at, 5), Matrix(at, 4), Matrix(at, 4), "float32")
    plan = device.plan_gemm(gemm)
    left, right, out = put(device, a), put(device, b), device.allocate(96)
    device.gemm(plan, left.address, right.address, out.address, 0, 0)
    np.testing.assert_allclose(get(device, out, 24).reshape(6, 4), a @ b, rtol=1e-5, atol=1e-6)


def test_a_forked_child_is_told_so(device: Any) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            device.allocate(4)
        except DeviceError as error:
            os.write(writer, str(error).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert b"forked" in os.read(reader, 1000)


def test_a_session_runs_through_the_glue(card: Card, monkeypatch: Any) -> None:
    monkeypatch.setattr("scopert_cupy._cuda_reason", lambda: None)
    monkeypatch.delenv("SCOPERT_CUPY_DEVICE")
    forget_backends()
    x = np.random.default_rng(0).standard_normal((8, 16)).astype(np.float32)
    with tf.Graph().as_default() as graph:
        fed = tf.placeholder(tf.float32, [8, 16])
        w = tf.get_variable("w", [16, 4], initializer=tf.zeros_initializer())
        fill = tf.assign(w, np.full((16, 4), 0.1, np.float32))
        y = tf.nn.softmax(tf.nn.relu(fed) * 2.0)
        z = tf.reduce_sum(w * 3.0, 0)
        results = []
        for each in ("cupy", "numpy"):
            with tf.Session(graph=graph, backend=each) as session:
                session.run(fill.op)
                results.append([session.run([y, z], {fed: x * scale}) for scale in (1, 2, 3)])
                if each == "cupy":
                    assert session.backend.device.facts.name == "stand-in"
                    assert "graph of" in str(session.executable([y, z], {fed: x}))
    forget_backends()
    for found, expected in zip(*results, strict=True):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)


def test_the_calls_have_the_signatures_of_cupy() -> None:
    """Without a driver CuPy takes the arguments, and only then finds that there is none."""
    if cuda.device_count():
        pytest.skip("there is a card")
    code = """
import cupy
from cupy.cuda import runtime
from cupy_backends.cuda.api import driver
calls = [
    lambda: runtime.memcpyAsync(0, 0, 0, runtime.memcpyHostToDevice, 0), lambda: runtime.memsetAsync(0, 0, 0, 0),
    lambda: runtime.memGetInfo(), lambda: runtime.ipcGetMemHandle(0), lambda: runtime.ipcOpenMemHandle(bytes(64)),
    lambda: runtime.getDeviceProperties(0), lambda: cupy.cuda.Memory(16), lambda: cupy.cuda.PinnedMemory(16),
    lambda: cupy.cuda.Device(0).__enter__(), lambda: runtime.ipcCloseMemHandle(0),
    lambda: runtime.deviceGetAttribute(runtime.cudaDevAttrMaxSharedMemoryPerBlockOptin, 0),
    lambda: cupy.cuda.Stream(non_blocking=True), lambda: cupy.cuda.function.Module().load(b"x"),
    lambda: driver.funcSetAttribute(0, driver.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1),
]
for number, call in enumerate(calls):
    try:
        call()
    except (runtime.CUDARuntimeError, driver.CUDADriverError):
        continue
    except RuntimeError as error:
        if "libcuda" in str(error): continue
        raise
    raise SystemExit(f"call {number} succeeded without a driver")
print(runtime.streamCaptureModeRelaxed, runtime.memcpyDeviceToHost, runtime.memcpyDeviceToDevice)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.split() == ["2", "2", "3"]


def _convolves(backend: str) -> tuple[list[Any], str, list[str]]:
    """Results of a convolution and its gradients, the text of the executable, and the device's versions."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 6, 7, 3)).astype(np.float32), rng.standard_normal((3, 3, 3, 5)).astype(np.float32)
    with tf.Graph().as_default():
        image, filters = tf.placeholder(tf.float32, x.shape), tf.placeholder(tf.float32, w.shape)
        made = tf.nn.relu(tf.nn.conv2d(image, filters, 1, "SAME"))
        fetches = [made, *tf.gradients(tf.reduce_sum(tf.square(made)), [image, filters])]
        with tf.Session(backend=backend) as session:
            results = [session.run(fetches, {image: x * scale, filters: w}) for scale in (1, 2, 3)]
            facts = session.backend.device.facts if backend == "cupy" else None
            text = str(session.executable(fetches, {image: x, filters: w}))
    return results, text, [] if facts is None else [name for name, _ in facts.versions]


def test_convolutions_go_through_cudnn(card: Card, monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setattr("scopert_cupy._cuda_reason", lambda: None)
    monkeypatch.delenv("SCOPERT_CUPY_DEVICE")
    monkeypatch.setenv("SCOPERT_CACHE", str(tmp_path))
    monkeypatch.setenv("SCOPERT_GEMM_TUNE", "0")
    fake = FakeCudnn()
    fake.plans = [Plan("eng1", workspace=4096)]
    fake.launch = lambda work: card.do(next(iter(card.streams)), work)
    monkeypatch.setitem(sys.modules, "cudnn", fake)  # type: ignore[arg-type]
    forget_backends()
    results, text, versions = _convolves("cupy")
    expected, _, _ = _convolves("numpy")
    assert "cudnn" in versions
    assert text.count("operate") == 3
    assert "graph of" in text
    assert len(fake.ran) == 9
    assert list(fake.handles.values()) == list(card.streams)
    for found, other in zip(results, expected, strict=True):
        for one, two in zip(found, other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)
    monkeypatch.setenv("SCOPERT_CUDNN", "0")
    monkeypatch.setenv("SCOPERT_CUBLASLT", "/nowhere/libcublasLt.so")
    forget_backends()
    _, text, versions = _convolves("cupy")
    assert "cudnn" not in text
    assert "cudnn" not in versions
    forget_backends()


def test_a_cudnn_that_cannot_be_opened_is_left_alone(card: Card, monkeypatch: Any, caplog: Any) -> None:
    fake = FakeCudnn()

    def broken() -> int:
        raise RuntimeError("CUDNN_STATUS_NOT_INITIALIZED")

    fake.create_handle = broken  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "cudnn", fake)  # type: ignore[arg-type]
    device = cuda.open_device(0)
    image = Tensor((1, 4, 5, 5), (100, 25, 5, 1), "float32")
    operation = Convolution("forward", image, replace(image, shape=(4, 4, 3, 3)), image, (1, 1), (1, 1), (1, 1), (1, 1))
    for _ in range(2):
        assert not device.facts.computes(operation)
    assert caplog.text.count("NOT_INITIALIZED") == 1
    with pytest.raises(DeviceError, match="no library of this card"):
        device.plan_operation(operation)
