"""A generated kernel for every `Gemm`: tiles in shared memory, sums in order of the inner axis.

It serves integers, and floats where cuBLASLt is missing. A block makes a tile of 64 x 64, its 256 threads 4 x 4
elements each. What comes after the product (bias, relu, masks) is done by the kernels of `scopert_cupy.epilogue`.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from scopert.backend import as_dtype
from scopert_cupy.command import Argument, Function, Gemm, Launch
from scopert_cupy.prelude import define, stored

_TILE, _THREADS = 64, 256
# Matrices of a stack go along y; a block takes several where there are more than a grid has room for.
_MOST_Y = 65535

_PARAMETERS = """\
const {0}* a, const {0}* b, {0}* out, long long m, long long n, long long k, long long lda, long long ldb, \
long long ldc, long long step_a, long long step_b, long long step_c, int stack, int accumulate"""

_BODY = """\
  typedef %(T)s T;
  typedef sc_value<T> A;
  __shared__ A left[16][68];
  __shared__ A right[16][68];
  const int t = threadIdx.x, tx = t & 15, ty = t >> 4;
  const long long across = (n + 63) / 64;
  const long long row0 = blockIdx.x / across * 64, col0 = blockIdx.x %% across * 64;
  for (int z = blockIdx.y; z < stack; z += gridDim.y) {
    const T* az = a + z * step_a;
    const T* bz = b + z * step_b;
    T* oz = out + z * step_c;
    A sum[4][4];
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) sum[i][j] = 0;
    for (long long k0 = 0; k0 < k; k0 += 16) {
      for (int i = 0; i < 4; ++i) {
        const int e = t + 256 * i, r = %(lane_a)s, d = %(deep_a)s;
        const long long row = row0 + r, deep = k0 + d;
        left[d][r] = row < m && deep < k ? sc_get(az[%(at_a)s]) : (A)0;
      }
      for (int i = 0; i < 4; ++i) {
        const int e = t + 256 * i, c = %(lane_b)s, d = %(deep_b)s;
        const long long col = col0 + c, deep = k0 + d;
        right[d][c] = col < n && deep < k ? sc_get(bz[%(at_b)s]) : (A)0;
      }
      __syncthreads();
      for (int d = 0; d < 16; ++d) {
        A x[4], y[4];
        for (int i = 0; i < 4; ++i) x[i] = left[d][ty * 4 + i];
        for (int j = 0; j < 4; ++j) y[j] = right[d][tx * 4 + j];
        for (int i = 0; i < 4; ++i)
          for (int j = 0; j < 4; ++j) sum[i][j] = %(fma)s;
      }
      __syncthreads();
    }
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) {
        const long long row = row0 + ty * 4 + i, col = col0 + tx * 4 + j;
        if (row < m && col < n) {
          T* at = oz + row * ldc + col;
          *at = sc_put<T>(accumulate ? sc_add(sum[i][j], sc_get(*at)) : sum[i][j]);
        }
      }
  }"""


def tiled(gemm: Gemm) -> Launch:
    """The launch that computes a product without a library, and without what follows it.

    `Gemm.precision` does not matter: elements are multiplied in their own type, 16-bit floats in float32.
    """
    stack = gemm.batch[0] if gemm.batch else 1
    steps = [matrix.strides[0] if gemm.batch else 0 for matrix in (gemm.a, gemm.b, gemm.out)]
    sizes = (gemm.m, gemm.n, gemm.k, gemm.a.leading, gemm.b.leading, gemm.out.leading, *steps)
    arguments: tuple[Argument, ...] = (
        gemm.a.at, gemm.b.at, gemm.out.at,
        *(np.int64(size) for size in sizes), np.int32(stack), np.int32(gemm.accumulate),
    )  # fmt: skip
    tiles = -(-gemm.m // _TILE) * -(-gemm.n // _TILE)
    function = _function(gemm.dtype, gemm.a.transposed, gemm.b.transposed)
    return Launch(function, (tiles, min(stack, _MOST_Y), 1), (_THREADS, 1, 1), arguments)


@cache
def _function(dtype: str, flip_a: bool, flip_b: bool) -> Function:
    kind = stored(as_dtype(dtype))
    assert kind is not None
    # Neighbouring threads read neighbouring memory: along the stored rows.
    along_deep, along_lane = ("e & 15", "e >> 4"), ("e >> 6", "e & 63")
    deep_a, lane_a = along_lane if flip_a else along_deep
    deep_b, lane_b = along_deep if flip_b else along_lane
    # Asked for by name: the compiler keeps products and sums apart.
    fma = {"float64": "fma(x[i], y[j], sum[i][j])", "int32": "", "int64": ""}.get(dtype, "fmaf(x[i], y[j], sum[i][j])")
    words = {
        "fma": fma or "sc_add(sum[i][j], sc_mul(x[i], y[j]))",
        "T": kind, "deep_a": deep_a, "lane_a": lane_a, "deep_b": deep_b, "lane_b": lane_b,
        "at_a": "deep * lda + row" if flip_a else "row * lda + deep",
        "at_b": "col * ldb + deep" if flip_b else "deep * ldb + col",
    }  # fmt: skip
    return define("gemm_tiled", _PARAMETERS.format(kind), _BODY % words, fibers=True)
