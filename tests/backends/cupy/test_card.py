"""On a card: what the host device promises of it. ``pytest -m gpu tests/backends/cupy`` runs these."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from scopert_cupy.command import Gemm, Matrix, Operand
from scopert_cupy.failures import DeviceError, OutOfMemory
from scopert_cupy.host.device import HostDevice

import scopert as tf
from scopert.backend import as_dtype
from scopert.runtime.backends import forget_backends

cupy = pytest.importorskip("cupy")
cuda = pytest.importorskip("scopert_cupy.cuda")

from backends.cupy.batches import batches, check_values, run_values  # noqa: E402
from ops.conformance import on  # noqa: E402

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(cuda.reason() is not None, reason=str(cuda.reason()))]

SOURCE = """
SC_KERNEL void __launch_bounds__(256) sums(const float* __restrict__ x, float* __restrict__ y, int columns) {
  __shared__ float part[32];
  SC_DYNAMIC_SHARED(float, row);
  float v = 0.f;
  for (int j = threadIdx.x; j < columns; j += blockDim.x) row[j] = x[(size_t)blockIdx.x * columns + j];
  __syncthreads();
  for (int j = threadIdx.x; j < columns; j += blockDim.x) v += row[columns - 1 - j];
  for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
  __syncthreads();
  v = 0.f;
  for (int w = 0; w < blockDim.x / 32; ++w) v += part[w];
  if (threadIdx.x == 0) y[blockIdx.x] = v;
}
SC_KERNEL void __launch_bounds__(128) add_to(float* y, float a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += a;
}
SC_KERNEL void scalars(double* y, float a, int b, long long c, double d, unsigned char e, bool f) {
  y[0] = a; y[1] = b; y[2] = (double)c; y[3] = d; y[4] = e; y[5] = f;
}
"""
NAMES = [("sums", True), ("add_to", False), ("scalars", False)]


@pytest.fixture(autouse=True)
def real_card(monkeypatch: Any) -> Any:
    """Sessions open the card."""
    monkeypatch.delenv("SCOPERT_CUPY_DEVICE", raising=False)
    forget_backends()
    yield
    forget_backends()


@pytest.fixture(scope="module")
def device() -> Any:
    return cuda.open_device(0)


@pytest.fixture(scope="module")
def module(device: Any) -> Any:
    return device.compile(SOURCE, NAMES)


def put(device: Any, values: Any) -> Any:
    memory = device.allocate(values.nbytes)
    device.copy_in(memory.address, np.ascontiguousarray(values), values.nbytes)
    return memory


def get(device: Any, memory: Any, shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
    out = np.empty(shape, dtype)
    device.copy_out(out, memory.address, out.nbytes)
    device.synchronize()
    return out


def test_facts(device: Any) -> None:
    facts = device.facts
    assert facts.architecture.startswith("sm_")
    assert facts.multiprocessors > 0
    assert facts.shared >= 64 << 10
    assert 0 < device.free_memory() <= facts.memory
    assert dict(facts.versions).keys() - {"cudnn"} == {"driver", "runtime", "nvrtc", "cupy"}


def test_memory_copies_and_views(device: Any) -> None:
    values = np.arange(1000, dtype=np.float32)
    memory, other = put(device, values), device.allocate(4000)
    assert memory.address % 256 == 0
    device.fill(other.address, 0, 4000)
    device.copy(other.address + 400, memory.address, 400)
    np.testing.assert_array_equal(get(device, other, (1000,))[100:200], values[:100])
    view = device.view(memory, 40, (3, 5), as_dtype("float32"))
    assert device.address_of(view) == memory.address + 40
    with device.ordered():
        np.testing.assert_array_equal(cupy.asnumpy(view * 2), 2 * values[10:25].reshape(3, 5))
    half = device.view(memory, 0, (4,), as_dtype("bfloat16"))
    assert half.dtype == ml_dtypes.bfloat16
    with pytest.raises(DeviceError, match="not in an allocation"):
        device.view(memory, 3996, (2,), as_dtype("float32"))


def test_a_kernel_gives_the_bits_of_the_host_device(device: Any, module: Any) -> None:
    columns = 20000  # more shared memory than a function has by right
    x = np.random.default_rng(0).standard_normal((7, columns), np.float32)
    found = []
    host = HostDevice()
    for each, compiled in ((device, module), (host, host.compile(SOURCE, NAMES))):
        a, b = put(each, x), each.allocate(28)
        arguments = [np.uint64(a.address), np.uint64(b.address), np.int32(columns)]
        each.launch(compiled.function("sums"), (7, 1, 1), (256, 1, 1), 4 * columns, arguments)
        found.append(get(each, b, (7,)))
    np.testing.assert_array_equal(*found)
    np.testing.assert_allclose(found[0], x.astype(np.float64).sum(1), rtol=1e-3, atol=1e-3)


def test_scalars_of_every_size_arrive(device: Any, module: Any) -> None:
    memory = device.allocate(48)
    values = [np.float32(1.5), np.int32(-2), np.int64(1 << 40), np.float64(0.1), np.uint8(200), np.bool_(True)]
    device.launch(module.function("scalars"), (1, 1, 1), (1, 1, 1), 0, [np.uint64(memory.address), *values])
    assert get(device, memory, (6,), np.float64).tolist() == [1.5, -2, 1 << 40, 0.1, 200, 1]
    with pytest.raises(LookupError, match="other"):
        module.function("other")


def _add(device: Any, module: Any, memory: Any, value: float, n: int) -> None:
    arguments = [np.uint64(memory.address), np.float32(value), np.int32(n)]
    device.launch(module.function("add_to"), (-(-n // 64), 1, 1), (64, 1, 1), 0, arguments)


def test_a_graph_replays_copies_and_kernels_and_keeps_their_memory(device: Any, module: Any) -> None:
    memory, result = put(device, np.zeros(100, np.float32)), device.pinned(4)
    staging = device.pinned(4)
    device.begin_capture()
    device.copy_in(memory.address, staging, 4)
    _add(device, module, memory, 2, 100)
    device.copy(memory.address + 200, memory.address, 4)
    device.copy_out(result, memory.address, 4)
    recording = device.end_capture()
    assert recording.nodes == 4
    address = memory.address
    del memory
    gc.collect()
    assert device.allocate(1 << 20).address != address
    for value in (10, 20):
        staging.view(np.float32)[0] = value
        device.replay(recording)
        device.synchronize()
        assert result.view(np.float32)[0] == value + 2


def test_a_capture_that_fails_leaves_the_device_usable(device: Any, module: Any) -> None:
    memory = put(device, np.zeros(64, np.float32))
    device.begin_capture()
    with pytest.raises(DeviceError, match="captured"):
        device.allocate(4)
    with pytest.raises(DeviceError, match="captured"):
        device.synchronize()
    _add(device, module, memory, 1, 64)
    with pytest.raises(DeviceError):
        device.launch(module.function("add_to"), (1, 1, 1), (1025, 1, 1), 0, [np.uint64(0), np.float32(1), np.int32(0)])
    try:
        device.end_capture()
    except DeviceError:
        assert not device.stream.is_capturing()
    _add(device, module, memory, 1, 64)
    np.testing.assert_array_equal(get(device, memory, (64,)), 1)
    assert gc.isenabled()


def test_a_full_device_raises_out_of_memory(device: Any) -> None:
    with pytest.raises(OutOfMemory):
        device.allocate(device.facts.memory * 2)
    assert device.allocate(1 << 20).nbytes == 1 << 20


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
@pytest.mark.parametrize("flip", [(False, False), (True, False), (False, True)])
def test_products(device: Any, dtype: Any, flip: tuple[bool, bool]) -> None:
    rng, at = np.random.default_rng(1), Operand("input")
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in ((3, 96, 64), (3, 64, 80)))
    stored = [np.ascontiguousarray(each.swapaxes(1, 2)) if back else each for each, back in zip((a, b), flip, strict=True)]
    gemm = Gemm(
        96, 80, 64, Matrix(at, stored[0].shape[2], flip[0], (96 * 64,)), Matrix(at, stored[1].shape[2], flip[1], (64 * 80,)),
        Matrix(at, 80, strides=(96 * 80,)), np.dtype(dtype).name, batch=(3,),
    )  # fmt: skip
    plan = device.plan_gemm(gemm)
    left, right, out = put(device, stored[0]), put(device, stored[1]), device.allocate(3 * 96 * 80 * a.itemsize)
    workspace = device.allocate(plan.workspace)
    device.gemm(plan, left.address, right.address, out.address, 0, workspace.address if plan.workspace else 0)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    found = get(device, out, exact.shape, dtype).astype(np.float64)
    tolerance = {np.float16: 1e-2, ml_dtypes.bfloat16: 6e-2, np.float32: 1e-4, np.float64: 1e-12}[dtype]
    np.testing.assert_allclose(found, exact, rtol=tolerance, atol=tolerance * 8)


def test_memory_is_shared_with_another_process(device: Any) -> None:
    memory = put(device, np.arange(100, dtype=np.float32))
    device.synchronize()
    code = f"""
from scopert.backend import as_dtype
from scopert_cupy.cuda import open_device
device = open_device(0)
memory = device.attach({device.export(memory)!r}, 400)
view = device.view(memory, 0, (100,), as_dtype("float32"))
with device.ordered():
    print(float(view.sum()))
    view[:] = 7
device.synchronize()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "4950.0", done.stderr
    np.testing.assert_array_equal(get(device, memory, (100,)), 7)


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
    device.synchronize()


def _losses(backend: str, steps: int = 5) -> list[float]:
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((64, 20)).astype(np.float32), rng.integers(0, 5, 64).astype(np.int32)
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(1)
        h = tf.layers.dense(tf.placeholder_with_default(x, x.shape), 32, tf.nn.relu)
        h = tf.layers.dropout(h, 0.2, training=True)
        logits = tf.layers.dense(h, 5)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        train = tf.train.AdamOptimizer(1e-2).minimize(loss)
        with tf.Session(graph=graph, backend=backend) as session:
            session.run(tf.global_variables_initializer())
            return [float(session.run([loss, train])[0]) for _ in range(steps)]


def test_training_agrees_with_numpy_and_repeats_to_the_bit() -> None:
    first = _losses("cupy")
    assert _losses("cupy") == first
    np.testing.assert_allclose(first, _losses("numpy"), rtol=1e-4)


@pytest.mark.parametrize("trials", batches(), ids=lambda trials: trials[0].title)
def test_conformance(trials: Any) -> None:
    """The whole table, a hundred rows a program."""
    with tf.Graph().as_default(), on("cupy") as session:
        assert session.backend.device.facts.name != "host"
    failures = []
    for trial, (built, values) in zip(trials, run_values(trials, "cupy"), strict=True):
        try:
            check_values(trial, built, values)
        except AssertionError as error:
            failures.append(f"{trial.title}: {error}")
    assert not failures, "\n\n".join(failures)
