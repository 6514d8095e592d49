"""CUDA C++ on the CPU: threads that meet, what they exchange, and what a module costs to compile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scopert_cupy.failures import CompileError, DeviceError
from scopert_cupy.host.device import HostDevice

from scopert.backend import as_dtype

SOURCE = """
__device__ float sum_of_warp(float v) {
  for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
  return v;
}
SC_KERNEL void __launch_bounds__(256) sums(const float* __restrict__ x, float* __restrict__ y, int columns) {
  __shared__ float part[32];
  float v = 0.f;
  for (int j = threadIdx.x; j < columns; j += blockDim.x) v += x[(size_t)blockIdx.x * columns + j];
  v = sum_of_warp(v);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
  __syncthreads();
  v = threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0.f;
  v = sum_of_warp(v);
  if (threadIdx.x == 0) y[blockIdx.x] = v;
}
SC_KERNEL void shared_is_poisoned(float* y, int* z) {
  __shared__ float fresh[4];
  SC_DYNAMIC_SHARED(int, more);
  if (threadIdx.x < 4) { y[4 * blockIdx.x + threadIdx.x] = fresh[threadIdx.x]; z[4 * blockIdx.x + threadIdx.x] = more[threadIdx.x]; }
  __syncthreads();
  fresh[threadIdx.x % 4] = 1.f; more[threadIdx.x % 4] = 1;
}
SC_KERNEL void lanes(int* y, unsigned* votes) {
  int t = threadIdx.x;
  y[t] = __shfl_down_sync(~0u, t, 1);
  y[64 + t] = __shfl_up_sync(~0u, t, 2, 16);
  y[128 + t] = __shfl_sync(~0u, t, 3, 8);
  y[192 + t] = __shfl_xor_sync(~0u, t, 5);
  votes[t] = __ballot_sync(~0u, t % 3 == 0);
  y[256 + t] = __syncthreads_count(t % 2);
  y[320 + t] = __syncthreads_or(t == 7) + 2 * __syncthreads_and(t < 64) + 4 * __syncthreads_and(t < 63);
}
SC_KERNEL void half_a_warp(int* y) {
  int v = -5;
  if (threadIdx.x < 16) v = __shfl_xor_sync(0x0000ffffu, (int)threadIdx.x, 1);
  y[threadIdx.x] = v;
}
SC_KERNEL void grid(int* y) {
  y[((blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x) * 6 + (threadIdx.z * 3 + threadIdx.y) * 1 + threadIdx.x] =
      100 * blockIdx.x + 10 * blockIdx.y + blockIdx.z;
}
SC_KERNEL void counts(int* total, unsigned long long* most, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    atomicAdd(total, i); atomicMax(most, (unsigned long long)i);
  }
}
SC_KERNEL void scalars(double* y, float a, int b, long long c, double d, unsigned char e, bool f) {
  y[0] = a; y[1] = b; y[2] = (double)c; y[3] = d; y[4] = e; y[5] = f;
}
"""
NAMES = [("sums", True), ("shared_is_poisoned", True), ("lanes", True), ("half_a_warp", True), ("grid", False),
         ("counts", False), ("scalars", False)]  # fmt: skip


@pytest.fixture(scope="module")
def module() -> Any:
    return HostDevice().compile(SOURCE, NAMES)


def call(module: Any, name: str, *arguments: Any, grid: Any = 1, block: Any = 1, shared: int = 0, seed: int = 0) -> list[Any]:
    """Launches a function; what its arrays hold afterwards."""
    device = HostDevice(seed=seed)
    held, values = [], []
    for value in arguments:
        if isinstance(value, np.ndarray):
            memory = device.allocate(value.nbytes)
            device.copy_in(memory.address, value, value.nbytes)
            held.append((memory, value))
            value = np.uint64(memory.address)
        values.append(value)
    shape = [(extent, 1, 1) if isinstance(extent, int) else extent for extent in (grid, block)]
    device.launch(module.function(name), shape[0], shape[1], shared, values)
    device.synchronize()
    return [device.view(memory, 0, value.shape, as_dtype(value.dtype)).copy() for memory, value in held]


@pytest.mark.parametrize("seed", [0, 1, 2, 12345])
def test_a_block_sum_has_the_same_bits_in_every_order_of_threads(module: Any, seed: int) -> None:
    x = np.random.default_rng(0).standard_normal((5, 1000), np.float32)
    found, straight = [
        call(module, "sums", x, np.zeros(5, np.float32), np.int32(1000), grid=5, block=256, seed=each)[1]
        for each in (seed, 0)
    ]
    np.testing.assert_allclose(found, x.astype(np.float64).sum(1), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found, straight)


def test_shared_memory_of_every_block_starts_as_nan(module: Any) -> None:
    y, z = np.zeros(8, np.float32), np.zeros(8, np.int32)
    y, z = call(module, "shared_is_poisoned", y, z, grid=2, block=32, shared=64)
    assert np.isnan(y).all()
    assert (z == -1).all()


@pytest.mark.parametrize("seed", [0, 7])
def test_lanes_exchange_values_as_on_hardware(module: Any, seed: int) -> None:
    y, votes = call(module, "lanes", np.zeros(384, np.int32), np.zeros(64, np.uint32), block=64, seed=seed)
    lane, warp = np.arange(64) % 32, np.arange(64) // 32 * 32
    np.testing.assert_array_equal(y[:64], warp + np.minimum(lane + 1, 31))
    np.testing.assert_array_equal(y[64:128], warp + np.where(lane % 16 < 2, lane, lane - 2))
    np.testing.assert_array_equal(y[128:192], warp + lane // 8 * 8 + 3)
    np.testing.assert_array_equal(y[192:256], warp + (lane ^ 5))
    np.testing.assert_array_equal(y[256:320], 32)
    np.testing.assert_array_equal(y[320:], 1 + 2 + 0)
    expected = [sum(1 << each for each in range(32) if (each + base) % 3 == 0) for base in (0, 32)]
    np.testing.assert_array_equal(votes, np.repeat(expected, 32))


def test_lanes_outside_of_the_mask_take_no_part(module: Any) -> None:
    (y,) = call(module, "half_a_warp", np.zeros(32, np.int32), block=32)
    np.testing.assert_array_equal(y, [*(np.arange(16) ^ 1), *[-5] * 16])


def test_three_axes_of_blocks_and_threads(module: Any) -> None:
    (y,) = call(module, "grid", np.zeros((2, 3, 4, 6), np.int32), grid=(4, 3, 2), block=(1, 3, 2), seed=3)
    z, j, i = np.indices((2, 3, 4))
    np.testing.assert_array_equal(y, np.broadcast_to((100 * i + 10 * j + z)[..., None], y.shape))


def test_atomics(module: Any) -> None:
    total, most = call(module, "counts", np.zeros(1, np.int32), np.zeros(1, np.uint64), np.int32(1000), grid=2, block=64, seed=5)
    assert total[0] == 499500
    assert most[0] == 999


def test_scalars_of_every_size_arrive(module: Any) -> None:
    (y,) = call(module, "scalars", np.zeros(6), np.float32(1.5), np.int32(-2), np.int64(1 << 40), np.float64(0.1), np.uint8(200), np.bool_(True))
    assert y.tolist() == [1.5, -2, 1 << 40, 0.1, 200, 1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((np.int32(1),), "takes 7 arguments, not 2"),
        ((np.float64(1), np.int32(1), np.int64(1), np.float64(1), np.uint8(1), np.bool_(1)), "argument 1 has 8 bytes, the parameter 4"),
        ((np.int32(1), np.int32(1), np.int64(1), np.float64(1), np.uint8(1), np.bool_(1)), "argument 1 is int32, the parameter a float"),
        ((1.0, np.int32(1), np.int64(1), np.float64(1), np.uint8(1), np.bool_(1)), "argument 1 is a float, not a NumPy scalar"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(module: Any, arguments: Any, text: str) -> None:
    with pytest.raises(DeviceError, match=text):
        call(module, "scalars", np.zeros(6), *arguments)


def test_a_source_that_does_not_compile_is_shown() -> None:
    with pytest.raises(CompileError, match=r"(?s)refused a kernel.*nothing_known.*1  SC_KERNEL void f"):
        HostDevice().compile("SC_KERNEL void f(int* y) { y[0] = nothing_known; }", [("f", False)])


def test_an_unknown_function_is_a_lookup_error(module: Any) -> None:
    with pytest.raises(LookupError, match="no function 'other'"):
        module.function("other")
