"""Pooling of images: machine code where there is any, else the generic kernels over blocks of images, in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from scopert.backend import Kernel, Origin
from scopert.ops import pooling_kernels as generic
from scopert_numpy.native import unavailable
from scopert_numpy.threads import pool

Array = Any

# Elements of a block of images: with what is made of them, about a core's cache.
_BLOCK = 1 << 17


#: The shape of the result and the padding of each axis.
_geometry = lru_cache(maxsize=1024)(generic.pool_geometry)


def _native(kind: str, arrays: Sequence[Array], shape: Sequence[int], ksize: Any, strides: Any, padding: str) -> bool:
    """Fills the last array by machine code; false if that cannot be done."""
    if unavailable() is not None or ksize[0] != 1 or strides[0] != 1:
        return False
    first = 1 if ksize[3] == strides[3] == 1 else 2
    if first == 2 and not ksize[1] == strides[1] == 1:
        return False
    from scopert_numpy.native import pooling

    out, pads = _geometry(tuple(shape), tuple(ksize), tuple(strides), padding)
    second = first + 1
    images, lines, width = (shape[0], *shape[1:3]) if first == 1 else (shape[0] * shape[1], *shape[2:])
    return pooling.run(
        kind, arrays, (images, lines, width, shape[3] if first == 1 else 1), (out[first], out[second]),
        (ksize[first], ksize[second]), (strides[first], strides[second]), (pads[first][0], pads[second][0]),
    )  # fmt: skip


def _in_blocks(function: Callable[[slice], Array], images: int, elements: int, out: Array) -> None:
    """``out[images] = function(images)`` for blocks of images."""
    step = max(1, _BLOCK // max(elements // max(images, 1), 1))

    def part(lo: int, hi: int) -> None:
        for start in range(lo, hi, step):
            rows = slice(start, min(start + step, hi))
            out[rows] = function(rows)

    if images:
        pool().parallel_for(part, images, step)


def _pools_images(ksize: Sequence[int], strides: Sequence[int]) -> bool:
    return ksize[0] == strides[0] == 1


def _filled(fill: Callable[..., None], shape: Callable[..., Sequence[int]]) -> tuple[Callable[..., Array], ...]:
    """The kernel that returns new memory, and the one that fills what it is given."""

    def fresh(xp: Any, *inputs: Array, ksize: Any, strides: Any, padding: str) -> Array:
        dtype = inputs[-1].dtype
        out = np.empty(shape(*inputs, ksize=ksize, strides=strides, padding=padding), dtype)
        fill(*inputs, out, ksize, strides, padding)
        return out

    def into(xp: Any, *inputs: Array, ksize: Any, strides: Any, padding: str, out: Array) -> Array:
        fill(*inputs, out, ksize, strides, padding)
        return out

    return fresh, into


def _pooled_shape(x: Array, *, ksize: Any, strides: Any, padding: str) -> Sequence[int]:
    return generic.pool_geometry(x.shape, ksize, strides, padding)[0]


def _forward(kind: str, plain: Callable[..., Array]) -> tuple[Callable[..., Array], ...]:
    def fill(x: Array, out: Array, ksize: Any, strides: Any, padding: str) -> None:
        if _native(kind, (x, out), x.shape, ksize, strides, padding):
            return
        if _pools_images(ksize, strides):
            _in_blocks(lambda rows: plain(np, x[rows], ksize, strides, padding), x.shape[0], x.size, out)
        else:
            out[...] = plain(np, x, ksize, strides, padding)

    return _filled(fill, _pooled_shape)


def _fill_max_grad(x: Array, y: Array, dy: Array, out: Array, ksize: Any, strides: Any, padding: str) -> None:
    if _native("max_grad", (x, y, dy, out), x.shape, ksize, strides, padding):
        return
    if _pools_images(ksize, strides):
        _in_blocks(
            lambda rows: generic.max_pool_grad(np, x[rows], y[rows], dy[rows], ksize, strides, padding),
            x.shape[0], x.size, out,
        )  # fmt: skip
    else:
        out[...] = generic.max_pool_grad(np, x, y, dy, ksize, strides, padding)


def _fill_avg_grad(shape: Array, dy: Array, out: Array, ksize: Any, strides: Any, padding: str) -> None:
    if _native("avg_grad", (dy, out), out.shape, ksize, strides, padding):
        return
    if _pools_images(ksize, strides):
        _in_blocks(
            lambda rows: generic.avg_pool_grad(np, out[rows].shape, dy[rows], ksize, strides, padding),
            out.shape[0], out.size, out,
        )  # fmt: skip
    else:
        out[...] = generic.avg_pool_grad(np, shape, dy, ksize, strides, padding)


def _is_float(origin: Origin) -> bool:
    return origin.output_dtypes[0].np in (np.float32, np.float64)


_KERNELS: tuple[tuple[str, tuple[Callable[..., Array], ...]], ...] = (
    ("MaxPool", _forward("max", generic.max_pool)),
    ("AvgPool", _forward("avg", generic.avg_pool)),
    ("MaxPoolGrad", _filled(_fill_max_grad, lambda x, y, dy, **_: x.shape)),
    ("AvgPoolGrad", _filled(_fill_avg_grad, lambda shape, dy, **_: tuple(int(n) for n in shape))),
)

POOLINGS: tuple[Kernel, ...] = tuple([
    Kernel(op, function, _is_float, out=bool(into)) for op, pair in _KERNELS for into, function in enumerate(pair)
])  # fmt: skip

__all__ = ["POOLINGS"]
