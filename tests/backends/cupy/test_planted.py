"""Planted faults: each kind of wrong kernel is caught on the host device, and the right one beside it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scopert_cupy.failures import DeviceError
from scopert_cupy.host.device import HostDevice

SOURCE = """
SC_KERNEL void rotate(const float* x, float* y, int barrier) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  if (barrier) __syncthreads();
  y[threadIdx.x] = s[(threadIdx.x + 37) % 64];
}
SC_KERNEL void overwrite(const float* x, float* y, int barrier) {
  SC_DYNAMIC_SHARED(float, s);
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  float v = s[63 - threadIdx.x];
  if (barrier) __syncthreads();
  s[threadIdx.x] = 2.f * v;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}
SC_KERNEL void within_a_warp(const float* x, float* y, int barrier) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  if (barrier) __syncwarp();
  y[threadIdx.x] = s[threadIdx.x ^ 1];
}
SC_KERNEL void between_blocks(float* y, int apart) {
  y[apart ? blockIdx.x * 64 + threadIdx.x : threadIdx.x] = (float)threadIdx.x;
}
SC_KERNEL void through_memory(float* y, int barrier) {
  y[threadIdx.x] = (float)threadIdx.x;
  if (barrier) __syncthreads();
  float v = y[(threadIdx.x + 1) % 64];
  __syncthreads();
  y[threadIdx.x] = v;
}
SC_KERNEL void counted(int* y, int atomic) {
  if (atomic) atomicAdd(y, 1); else y[0] += 1;
}
SC_KERNEL void last_block(const float* x, float* part, float* y, unsigned* done) {
  __shared__ bool last;
  if (threadIdx.x == 0) {
    part[blockIdx.x] = x[blockIdx.x];
    __threadfence();
    last = atomicAdd(done, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last || threadIdx.x) return;
  float sum = 0.f;
  for (int i = 0; i < gridDim.x; ++i) sum += part[i];
  y[0] = sum;
}
SC_KERNEL void left_early(float* y, int n) {
  if (threadIdx.x >= n) return;
  __syncthreads();
  y[threadIdx.x] = 1.f;
}
SC_KERNEL void two_barriers(float* y, int n) {
  if (threadIdx.x < n) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  y[threadIdx.x] = 1.f;
}
SC_KERNEL void missing_lanes(int* y, int n) {
  if (threadIdx.x < n) y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, (int)threadIdx.x, 1);
  else __syncthreads();
}
SC_KERNEL void write_at(float* y, int i) { y[i] = 1.f; }
SC_KERNEL void read_at(const float* x, float* y, int i) { y[0] = x[i]; }
SC_KERNEL void index_shared(float* y, int i) {
  __shared__ float s[8];
  s[i] = 1.f;
  y[0] = s[i];
}
SC_KERNEL void dynamic_at(float* y, int i) {
  SC_DYNAMIC_SHARED(float, s);
  s[i] = 1.f;
  y[0] = s[i];
}
SC_KERNEL void vector_from(const float* x, float* y, int i) {
  float4 v = *reinterpret_cast<const float4*>(x + i);
  *reinterpret_cast<float4*>(y) = v;
}
SC_KERNEL void vector_to(const float* x, float* y, int i) {
  uint4 v = *reinterpret_cast<const uint4*>(x);
  *reinterpret_cast<uint4*>(y + i) = v;
}
SC_KERNEL void word_from(const unsigned char* x, float* y, int i) { y[0] = *reinterpret_cast<const float*>(x + i); }
"""
LOOPS = ("between_blocks", "counted", "write_at", "read_at", "vector_from", "vector_to", "word_from")
NAMES = [line.split("(")[0].split()[-1] for line in SOURCE.splitlines() if line.startswith("SC_KERNEL")]


@pytest.fixture(scope="module")
def modules() -> dict[bool, Any]:
    names = [(name, name not in LOOPS) for name in NAMES]
    return {checked: HostDevice(checked=checked).compile(SOURCE, names) for checked in (False, True)}


def launch(
    modules: dict[bool, Any], name: str, *numbers: int, arrays: int = 1, grid: int = 1, block: int = 64,
    shared: int = 0, seed: int = 0, checked: bool = True,
) -> Any:  # fmt: skip
    """Launches over arrays of 128 numbers; what the last one holds."""
    device = HostDevice(seed=seed, checked=checked)
    held = []
    for number in range(arrays):
        values = np.arange(128, dtype=np.float32) if number < arrays - 1 else np.zeros(128, np.float32)
        held.append(device.allocate(512))
        device.copy_in(held[-1].address, values, 512)
    arguments = [*[np.uint64(each.address) for each in held], *map(np.int32, numbers)]
    device.launch(modules[checked].function(name), (grid, 1, 1), (block, 1, 1), shared, arguments)
    out = np.empty(128, np.float32)
    device.copy_out(out, held[-1].address, 512)
    device.synchronize()
    return out


@pytest.mark.parametrize(
    "name, arrays, shared, text",
    [
        ("rotate", 2, 0, "race: .* of shared memory .* no barrier"),
        ("overwrite", 2, 256, "race: .* of shared memory .* no barrier"),
        ("within_a_warp", 2, 0, "race: .* of shared memory"),
        ("through_memory", 1, 0, "race: .* of an allocation .* no barrier"),
    ],
)
@pytest.mark.parametrize("seed", [0, 5])
def test_a_race_is_caught(modules: Any, name: str, arrays: int, shared: int, text: str, seed: int) -> None:
    with pytest.raises(DeviceError, match=text):
        launch(modules, name, 0, arrays=arrays, shared=shared, seed=seed)
    launch(modules, name, 1, arrays=arrays, shared=shared, seed=seed)


def test_a_missing_barrier_gives_a_wrong_result_even_without_checks(modules: Any) -> None:
    right = np.roll(np.arange(64), -37)
    np.testing.assert_array_equal(launch(modules, "rotate", 1, arrays=2, checked=False)[:64], right)
    for seed in (0, 1, 2):
        assert (launch(modules, "rotate", 0, arrays=2, seed=seed, checked=False)[:64] != right).any()


def test_blocks_that_write_the_same_place_are_caught(modules: Any) -> None:
    with pytest.raises(DeviceError, match=r"race: .* that another block of the launch wrote"):
        launch(modules, "between_blocks", 0, grid=2)
    launch(modules, "between_blocks", 1, grid=2)


def test_atomics_do_not_race_but_what_they_replace_does(modules: Any) -> None:
    with pytest.raises(DeviceError, match="race"):
        launch(modules, "counted", 0)
    assert launch(modules, "counted", 1).view(np.int32)[0] == 64


@pytest.mark.parametrize("seed", [0, 1])
def test_the_last_block_may_read_what_the_others_wrote(modules: Any, seed: int) -> None:
    device = HostDevice(seed=seed, checked=True)
    held = [device.allocate(512) for _ in range(4)]
    device.copy_in(held[0].address, np.arange(128, dtype=np.float32), 512)
    device.fill(held[3].address, 0, 512)
    arguments = [np.uint64(each.address) for each in held]
    device.launch(modules[True].function("last_block"), (8, 1, 1), (32, 1, 1), 0, arguments)
    out = np.empty(1, np.float32)
    device.copy_out(out, held[2].address, 4)
    device.synchronize()
    assert out[0] == 28


@pytest.mark.parametrize(
    "name, text",
    [
        ("left_early", "divergent barrier: some threads of the block left"),
        ("two_barriers", "divergent barrier: threads of the block wait at different"),
        ("missing_lanes", "a warp operation waits for lanes that never reach it"),
    ],
)
@pytest.mark.parametrize("checked", [False, True])
def test_a_divergent_barrier_is_caught(modules: Any, name: str, text: str, checked: bool) -> None:
    with pytest.raises(DeviceError, match=text):
        launch(modules, name, 40, checked=checked)
    if name != "missing_lanes":
        launch(modules, name, 64, checked=checked)


@pytest.mark.parametrize(
    "name, index, text",
    [
        ("write_at", 128, "out-of-bounds write: .* 512 bytes after the beginning of an allocation of 512"),
        ("write_at", -1, "out-of-bounds write: .* 4 bytes before an allocation"),
        ("write_at", 1 << 29, "out-of-bounds write"),
        ("read_at", 128, "out-of-bounds read"),
        ("read_at", -3, "out-of-bounds read"),
        ("index_shared", 8, "out-of-bounds index 8 of an array"),
        ("dynamic_at", 4, "out-of-bounds write"),
    ],
)
def test_an_access_out_of_bounds_is_caught(modules: Any, name: str, index: int, text: str) -> None:
    arrays = 2 if name == "read_at" else 1
    with pytest.raises(DeviceError, match=text):
        launch(modules, name, index, arrays=arrays, block=1, shared=16)
    launch(modules, name, 3, arrays=arrays, block=1, shared=16)


@pytest.mark.parametrize("name", ["vector_from", "vector_to", "word_from"])
def test_a_misaligned_vector_access_is_caught(modules: Any, name: str) -> None:
    with pytest.raises(DeviceError, match=r"misaligned access: thread .*, line .* is not a multiple of"):
        launch(modules, name, 1, arrays=2, block=1)
    launch(modules, name, 4, arrays=2, block=1)


def test_a_failure_leaves_the_device_usable(modules: Any) -> None:
    device = HostDevice(checked=True)
    memory = device.allocate(512)
    function = modules[True].function("write_at")
    for index in (128, 5, 128, 6):
        arguments = [np.uint64(memory.address), np.int32(index)]
        if index == 128:
            with pytest.raises(DeviceError):
                device.launch(function, (1, 1, 1), (1, 1, 1), 0, arguments)
        else:
            device.launch(function, (1, 1, 1), (1, 1, 1), 0, arguments)
    out = np.zeros(128, np.float32)
    device.copy_out(out, memory.address, 512)
    device.synchronize()
    assert np.flatnonzero(~np.isnan(out)).tolist() == [5, 6]
