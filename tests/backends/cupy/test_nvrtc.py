"""NVRTC without a card: machine code for four architectures, what it takes, and how wide its accesses are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scopert_cupy import nvrtc
from scopert_cupy.failures import CompileError

ARCHITECTURES = ("sm_80", "sm_90", "sm_100", "sm_120")
SOURCE = """
SC_KERNEL void __launch_bounds__(256) narrow(const float* __restrict__ x, float* __restrict__ y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = erff(x[i]);
}
SC_KERNEL void __launch_bounds__(256) wide(const float4* __restrict__ x, float4* __restrict__ y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) { float4 v = x[i]; v.x *= 2.f; y[i] = v; }
}
SC_KERNEL void __launch_bounds__(256) loads_wide(const uint4* __restrict__ x, unsigned short* __restrict__ y, int n) {
  __shared__ unsigned s[256];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  uint4 v = x[i];
  s[threadIdx.x] = v.x + v.y + v.z + v.w;
  __syncthreads();
  y[i] = (unsigned short)s[255 - threadIdx.x];
}
"""
SPILLS = """
SC_KERNEL void __launch_bounds__(1024, 2) crowded(const float* __restrict__ x, float* __restrict__ y) {
  float v[64];
  #pragma unroll
  for (int i = 0; i < 64; ++i) v[i] = x[threadIdx.x + 1024 * i];
  #pragma unroll
  for (int r = 0; r < 3; ++r)
    #pragma unroll
    for (int i = 0; i < 64; ++i) v[i] = v[i] * v[(i * 7 + 3) % 64] + v[(i + 1) % 64];
  #pragma unroll
  for (int i = 0; i < 64; ++i) y[threadIdx.x + 1024 * i] = v[i];
}
"""

needs_nvrtc = pytest.mark.skipif(not nvrtc.available(), reason="NVRTC is not installed")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.setenv("SCOPERT_CACHE", str(tmp_path))
    return tmp_path


@needs_nvrtc
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_functions_compile_for_every_architecture(architecture: str) -> None:
    cubin = nvrtc.compile_cubin(SOURCE, architecture)
    assert cubin.code[:4] == b"\x7fELF"
    assert set(cubin.resources) == {"narrow", "wide", "loads_wide"}
    for resources in cubin.resources.values():
        assert 0 < resources.registers <= 64
        assert resources.spills == 0
        assert resources.stack == 0
    assert cubin.resources["loads_wide"].shared >= 1024


@needs_nvrtc
def test_spills_are_seen() -> None:
    assert nvrtc.compile_cubin(SPILLS, "sm_90").resources["crowded"].spills > 0


@needs_nvrtc
def test_widths_of_accesses_are_read_from_the_ptx() -> None:
    ptx = nvrtc.compile_ptx(SOURCE, "sm_90")
    assert nvrtc.access_width(ptx, "narrow") == (4, 4)
    assert nvrtc.access_width(ptx, "wide") == (16, 16)
    assert nvrtc.access_width(ptx, "loads_wide") == (16, 2)
    with pytest.raises(LookupError, match="other"):
        nvrtc.access_width(ptx, "other")


@needs_nvrtc
def test_an_error_shows_the_compilers_log_and_the_source() -> None:
    with pytest.raises(CompileError, match=r"(?s)NVRTC.*nothing_known.*1  SC_KERNEL void f"):
        nvrtc.compile_cubin("SC_KERNEL void f(int* y) { y[0] = nothing_known; }", "sm_90")


@needs_nvrtc
def test_products_and_sums_stay_apart_unless_fused_by_name() -> None:
    source = """
    SC_KERNEL void apart(const float* x, float* y) { y[0] = x[0] * x[1] + x[2]; }
    SC_KERNEL void fused(const float* x, float* y) { y[0] = fmaf(x[0], x[1], x[2]); }
    """
    ptx = nvrtc.compile_ptx(source, "sm_90")
    apart, fused = ptx[ptx.index(".entry apart") : ptx.index(".entry fused")], ptx[ptx.index(".entry fused") :]
    assert "mul" in apart and "fma" not in apart
    assert "fma" in fused


@needs_nvrtc
def test_a_cubin_is_compiled_once_for_all_processes(folder: Path, monkeypatch: Any) -> None:
    first = nvrtc.compile_cubin(SOURCE, "sm_80")
    (file,) = folder.glob("*.cubin")
    monkeypatch.setattr(nvrtc, "_run", None)
    assert nvrtc.compile_cubin(SOURCE, "sm_80") == first
    with pytest.raises(TypeError):  # another architecture is not there
        nvrtc.compile_cubin(SOURCE, "sm_90")
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(TypeError):  # a damaged one is compiled anew
        nvrtc.compile_cubin(SOURCE, "sm_80")
    monkeypatch.undo()
    monkeypatch.setenv("SCOPERT_CACHE", str(folder))
    assert nvrtc.compile_cubin(SOURCE, "sm_80") == first


def test_the_log_of_ptxas_is_understood() -> None:
    log = """
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'a' for 'sm_90'
ptxas info    : Function properties for a
ptxas         .     8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 45 registers, used 1 barriers, 2048 bytes smem
ptxas info    : Compile time = 0.000 ms
ptxas info    : Compiling entry function 'b' for 'sm_90'
ptxas info    : Function properties for b
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers
"""
    assert nvrtc.parse_log(log) == {"a": nvrtc.Resources(45, 16, 8, 2048), "b": nvrtc.Resources(8, 0, 0, 0)}


def test_without_nvrtc_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['cupy'] = None; sys.modules['cupy.cuda'] = None\n"
        "from scopert_cupy import nvrtc; assert not nvrtc.available()\n"
        "try: nvrtc.compile_cubin('', 'sm_90')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert done.stdout.startswith("DeviceError NVRTC is not installed"), done.stdout + done.stderr
