"""Matrix products: BLAS with one thread, and the backend's own pool for large ones.

OpenBLAS' threads look for work all the time: beside other threads, or on a busy machine, a product with two of them
can take fifty times as long as with one. While a program runs that multiplies matrices, BLAS therefore has one
thread, and products worth it are cut here, along the longer side of the result.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from scopert.backend import LOOP, TOGETHER, Executable, Kernel, Loop, Origin, Program, TraceRow
from scopert.ops.math_matmul import BATCH_MATMUL, MATMUL
from scopert.ops.training_ops import dense_kernels
from scopert_numpy.threads import blas, pool

Array = Any

# Multiplications from which on a product is shared: about 0.3 milliseconds of one thread.
_SHARED = 1 << 24
#: Ops whose kernels call BLAS.
BLAS_OPS = frozenset({
    "MatMul", "BatchMatMul", "BatchMatMulV2", "SparseMatMul", "Einsum",
    "Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter",
    "Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2", *dense_kernels(lambda *_: None), TOGETHER,
})  # fmt: skip


def product(left: Array, right: Array, out: Array) -> Array:
    """``out[...] = left @ right`` for matrices, or stacks of them of one shape, in several threads if worth it."""
    m, k = left.shape[-2:]
    n = right.shape[-1]
    workers = pool()
    if workers.threads == 1 or out.size * k < _SHARED:
        return np.matmul(left, right, out=out)
    if out.ndim > 2 and left.ndim == right.ndim == out.ndim and out.shape[0] >= workers.threads:
        if left.shape[0] != right.shape[0]:
            return np.matmul(left, right, out=out)
        workers.parallel_for(lambda lo, hi: np.matmul(left[lo:hi], right[lo:hi], out=out[lo:hi]), out.shape[0])
    elif out.ndim > 2:
        return np.matmul(left, right, out=out)
    elif m >= n:
        workers.parallel_for(lambda lo, hi: np.matmul(left[lo:hi], right, out=out[lo:hi]), m)
    else:
        workers.parallel_for(lambda lo, hi: np.matmul(left, right[:, lo:hi], out=out[:, lo:hi]), n)
    return out


def _matmul(xp: Any, a: Array, b: Array, *, transpose_a: bool, transpose_b: bool) -> Array:
    if a.ndim != 2 or b.ndim != 2:
        return _plain(xp, a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    left, right = a.T if transpose_a else a, b.T if transpose_b else b
    rows, inner = left.shape
    if inner != right.shape[0]:
        return _plain(xp, a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    if rows * inner * right.shape[1] < _SHARED:
        return np.matmul(left, right)
    return product(left, right, np.empty((rows, right.shape[1]), a.dtype))


def _batch_matmul(xp: Any, x: Array, y: Array, *, adj_x: bool, adj_y: bool) -> Array:
    if x.ndim < 3 or x.shape[:-2] != y.shape[:-2]:
        return _plain_batch(xp, x, y, adj_x=adj_x, adj_y=adj_y)
    left, right = x.swapaxes(-1, -2) if adj_x else x, y.swapaxes(-1, -2) if adj_y else y
    if left.shape[-1] != right.shape[-2]:
        return _plain_batch(xp, x, y, adj_x=adj_x, adj_y=adj_y)
    *lead, rows, inner = left.shape
    columns = right.shape[-1]
    count = 1
    for size in lead:
        count *= size
    if count * rows * inner * columns < _SHARED:
        return np.matmul(left, right)
    out = np.empty((count, rows, columns), x.dtype)
    product(left.reshape(count, rows, inner), right.reshape(count, inner, columns), out)
    return out.reshape(*lead, rows, columns)


_plain: Any = MATMUL.kernel
_plain_batch: Any = BATCH_MATMUL.kernel


def _is_real(origin: Origin) -> bool:
    return origin.input_dtypes[0].np.kind == "f" and origin.input_dtypes[0].np.itemsize > 2


class _Alone:
    """Keeps BLAS at one thread while at least one caller is within; the number before comes back afterwards."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callers = 0
        self._before = 1

    def __enter__(self) -> None:
        with self._lock:
            if not self._callers:
                library = blas()
                self._before = library.threads
                if self._before != 1:
                    library.use(1)
            self._callers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._callers -= 1
            if not self._callers and self._before != 1:
                blas().use(self._before)


ALONE = _Alone()


class WithBlas:
    """An executable whose steps call BLAS."""

    def __init__(self, executable: Executable) -> None:
        self._executable = executable
        self._run = executable.run

    def __str__(self) -> str:
        return str(self._executable)

    def run(self, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        """Runs once, with BLAS at one thread."""
        with ALONE:
            return self._run(feeds, trace)


def uses_blas(program: Program) -> bool:
    """Whether a step, or one in a loop, calls BLAS."""
    for step in program.steps:
        if step.op in BLAS_OPS:
            return True
        if step.op == LOOP and isinstance(step.body, Loop) and uses_blas(step.body.program):
            return True
    return False


MATMULS: tuple[Kernel, ...] = (
    Kernel("MatMul", _matmul, _is_real),
    Kernel("BatchMatMul", _batch_matmul, _is_real),
    Kernel("BatchMatMulV2", _batch_matmul, _is_real),
)

__all__ = ["ALONE", "BLAS_OPS", "MATMULS", "WithBlas", "product", "uses_blas"]
