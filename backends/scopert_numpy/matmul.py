"""Matrix products: BLAS with one thread, and the backend's own pool for large ones.

OpenBLAS' threads look for work all the time: beside other threads, or on a busy machine, a product with two of them
can take fifty times as long as with one. While a program runs that multiplies matrices, BLAS therefore has one
thread, and products worth it are cut here, along the longer side of the result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache
from math import log2
from time import perf_counter_ns, sleep
from typing import Any

import numpy as np

from scopert.backend import FUSED, LOOP, TOGETHER, Executable, Kernel, Loop, Origin, Program, TraceRow
from scopert.ops.math_matmul import BATCH_MATMUL, MATMUL
from scopert.ops.training_ops import dense_kernels
from scopert_numpy.native import unavailable
from scopert_numpy.threads import blas, pool

Array = Any

# Sharing must save several times what it costs, and be worth asking.
_MARGIN = 4
_SMALL = 1 << 22
#: Ops whose kernels call BLAS.
BLAS_OPS = frozenset({
    "MatMul", "BatchMatMul", "BatchMatMulV2", "SparseMatMul", "Einsum",
    "Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter",
    "Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2", *dense_kernels(lambda *_: None), TOGETHER,
})  # fmt: skip


@cache
def worth_sharing() -> int:
    """Multiplications from which on a product is shared, a power of two: measured once in a process.

    What it costs to wake another thread, against how fast BLAS is.
    """
    workers = pool()

    def time_of(call: Callable[[], Any]) -> float:
        times = []
        for _ in range(9):
            sleep(2e-4)  # workers go to sleep between products too
            start = perf_counter_ns()
            call()
            times.append(perf_counter_ns() - start)
        return float(sorted(times)[2])  # others may be running too

    square = np.ones((128, 128), np.float32)
    out = np.empty_like(square)
    multiplications = square.size * 128 / time_of(lambda: np.matmul(square, square, out=out))
    dispatch = time_of(lambda: workers.parallel_for(lambda lo, hi: None, 2))
    return int(2 ** round(min(max(log2(_MARGIN * dispatch * multiplications), log2(_SMALL)), 25)))


def _is_shared(multiplications: int) -> bool:
    return multiplications >= _SMALL and pool().threads > 1 and multiplications >= worth_sharing()


def product(left: Array, right: Array, out: Array) -> Array:
    """``out[...] = left @ right`` for matrices, or stacks of them of one shape, in several threads if worth it."""
    m, k = left.shape[-2:]
    n = right.shape[-1]
    if not _is_shared(out.size * k) or left.shape[:-2] != right.shape[:-2]:
        return np.matmul(left, right, out=out)
    workers = pool()
    if out.ndim > 2:
        target, stacks = out, [_one_stack(array) for array in (left, right, out)]
        if all(stack is not None for stack in stacks):
            left, right, target = stacks
        if len(target) >= 2 * workers.threads or len(target) == workers.threads:
            workers.parallel_for(lambda lo, hi: np.matmul(left[lo:hi], right[lo:hi], out=target[lo:hi]), len(target))
        else:
            for a, b, c in zip(left, right, target, strict=True):
                product(a, b, c)
    elif m >= n:
        workers.parallel_for(lambda lo, hi: np.matmul(left[lo:hi], right, out=out[lo:hi]), m)
    else:
        workers.parallel_for(lambda lo, hi: np.matmul(left, right[:, lo:hi], out=out[:, lo:hi]), n)
    return out


def bound_product(
    inputs: Sequence[Array], transposed: tuple[bool, bool], out: Array
) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    """The call of a product of two matrices for these arrays; None if they do not fit."""
    left, right = [array.T if turned else array for array, turned in zip(inputs, transposed, strict=True)]
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[0]:
        return None
    call = product if _is_shared(out.size * left.shape[1]) else np.matmul
    return call, (left, right, out)


def _one_stack(x: Array) -> Any:
    """The matrices along one axis, as a view; None where their distances in memory differ."""
    stacked = np.lib.stride_tricks.as_strided
    shape, strides = x.shape[:-2], x.strides[:-2]
    if any(strides[k] != strides[k + 1] * shape[k + 1] for k in range(len(shape) - 1) if shape[k] > 1):
        return None
    count = 1
    for size in shape:
        count *= size
    return stacked(x, (count, *x.shape[-2:]), (strides[-1], *x.strides[-2:]))


def _matmul(xp: Any, a: Array, b: Array, *, transpose_a: bool, transpose_b: bool) -> Array:
    if a.ndim != 2 or b.ndim != 2:
        return _plain(xp, a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    left, right = a.T if transpose_a else a, b.T if transpose_b else b
    rows, inner = left.shape
    if inner != right.shape[0]:
        return _plain(xp, a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    if not _is_shared(rows * inner * right.shape[1]):
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
    if not _is_shared(count * rows * inner * columns):
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
        if step.op in BLAS_OPS or (step.op == FUSED and unavailable() is not None):  # sums along rows in NumPy
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
