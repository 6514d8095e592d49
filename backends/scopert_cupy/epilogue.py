"""What follows a product, as generated kernels: for where the library has no epilogue for it, or is missing."""

from __future__ import annotations

from functools import cache

import numpy as np

from scopert.backend import as_dtype
from scopert_cupy.command import Argument, Function, Gemm, Launch, mask_bits
from scopert_cupy.prelude import define, stored

_THREADS = 256

_FINISH_PARAMETERS = """\
{0}* out, const {0}* bias, unsigned char* aux, long long rows, long long n, long long ld, long long mask, \
long long step, int stack"""

#: A thread does eight neighbours of a row: a byte of the mask.
_FINISH = """\
  typedef %(T)s T;
  typedef sc_value<T> A;
  const long long across = (n + 7) / 8, each = rows * across;
  for (long long e = (long long)blockIdx.x * blockDim.x + threadIdx.x; e < each * stack;
       e += (long long)gridDim.x * blockDim.x) {
    const long long row = e %% each / across, col = e %% across * 8;
    T* at = out + e / each * step + row * ld + col;
    unsigned char* byte = aux + row * mask + col / 8;
    unsigned bits = %(before)s;
%(wide)s    for (int j = 0; j < 8 && col + j < n; ++j) {
      A v = sc_get(at[j])%(bias)s;
      %(change)s
      at[j] = sc_put<T>(v);
    }
    %(after)s
  }"""

#: Where all addresses are multiples of 16 bytes.
_WIDE = """\
    if (col + 8 <= n) {
      sc_pack<T, 8> x = sc_load<8>(at);
      %(bias)s
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        A v = sc_get(x.at[j])%(add)s;
        %(change)s
        x.at[j] = sc_put<T>(v);
      }
      sc_store<8>(at, x);
    } else
"""

#: 32 columns, 8 rows at a time; the eight sums are added in order.
_COLUMNS = """\
  typedef %(T)s T;
  typedef sc_value<T> A;
  __shared__ A part[8][33];
  const int lane = threadIdx.x & 31, slice = threadIdx.x >> 5;
  const long long col = (long long)blockIdx.x * 32 + lane;
  A sum = 0;
  for (long long row = slice; row < rows; row += 8)
    if (col < n) sum += sc_get(out[row * ld + col]);
  part[slice][lane] = sum;
  __syncthreads();
  if (slice == 0 && col < n) {
    for (int i = 1; i < 8; ++i) sum += part[i][lane];
    sums[col] = sc_put<T>(sum);
  }"""

_RELU = "v = sc_max(v, (A)0);"
_GELU = "v = (A)0.5 * v * ((A)1 + sc_tanh((A)0.7978845608028654 * (v + (A)0.044715 * v * v * v)));"
#: epilogue -> (the bits before, what happens to an element, what happens to the bits)
_CHANGES = {
    "": ("0", "", ""),
    "relu": ("0", _RELU, ""),
    "gelu": ("0", _GELU, ""),
    "relu_aux": ("0", "bits |= (unsigned)(v > 0) << j; " + _RELU, "*byte = (unsigned char)bits;"),
    "drelu": ("*byte", "if (!(bits >> j & 1u)) v = 0;", ""),
}


def finish(gemm: Gemm) -> list[Launch]:
    """The launches that turn ``a @ b`` in `out` into what `gemm` asks for."""
    launches = []
    stack = gemm.batch[0] if gemm.batch else 1
    step = gemm.out.strides[0] if gemm.batch else 0
    if gemm.bias is not None or gemm.epilogue:
        sizes = (gemm.m, gemm.n, gemm.out.leading, mask_bits(gemm.n) // 8, step)
        arguments: tuple[Argument, ...] = (
            gemm.out.at, gemm.bias or gemm.out.at, gemm.aux or gemm.out.at, *(np.int64(size) for size in sizes),
            np.int32(stack),
        )  # fmt: skip
        threads = gemm.m * -(-gemm.n // 8) * stack
        grid = min(-(-threads // _THREADS), 1 << 16)
        size = as_dtype(gemm.dtype).np.itemsize
        offsets = (gemm.out.at.offset, gemm.out.leading * size, step * size, gemm.bias.offset if gemm.bias else 0)
        wide = not any(offset % 16 for offset in offsets)
        function = _finish(gemm.dtype, gemm.epilogue, gemm.bias is not None, wide)
        launches.append(Launch(function, (grid, 1, 1), (_THREADS, 1, 1), arguments))
    if gemm.bias_gradient is not None:
        sums = (gemm.out.at, gemm.bias_gradient, np.int64(gemm.m), np.int64(gemm.n), np.int64(gemm.out.leading))
        launches.append(Launch(_columns(gemm.dtype), (-(-gemm.n // 32), 1, 1), (_THREADS, 1, 1), sums))
    return launches


@cache
def _finish(dtype: str, epilogue: str, bias: bool, wide: bool) -> Function:
    kind = stored(as_dtype(dtype))
    assert kind is not None
    before, change, after = _CHANGES[epilogue]
    vector = "const sc_pack<T, 8> y = sc_load<8>(bias + col);" if bias else ""
    pack = _WIDE % {"bias": vector, "add": " + sc_get(y.at[j])" if bias else "", "change": change}
    words = {
        "T": kind, "before": before, "change": change, "after": after, "wide": pack if wide else "",
        "bias": " + sc_get(bias[col + j])" if bias else "",
    }  # fmt: skip
    parameters = _FINISH_PARAMETERS.format(kind)
    return define("gemm_finish", parameters, _FINISH % words, width=16 if wide and (bias or epilogue) else 0)


@cache
def _columns(dtype: str) -> Function:
    kind = stored(as_dtype(dtype))
    assert kind is not None
    parameters = f"const {kind}* out, {kind}* sums, long long rows, long long n, long long ld"
    return define("gemm_columns", parameters, _COLUMNS % {"T": kind}, fibers=True)
