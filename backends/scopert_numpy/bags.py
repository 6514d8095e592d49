"""Sums and means of rows that are picked by index or belong to segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.backend import Kernel, Origin, generic_kernel
from scopert_numpy.native import unavailable
from scopert_numpy.threads import pool

Array = Any

#: Without machine code, so many bytes of rows are picked at a time: they are added up while they lie in the cache.
_BLOCK = 1 << 17


def _is_float(origin: Origin) -> bool:
    return origin.input_dtypes[0].np in (np.float32, np.float64)


def _is_native_float(origin: Origin) -> bool:
    return unavailable() is None and _is_float(origin)


def _bag(mean: bool) -> Callable[..., Array]:
    def kernel(xp: Any, data: Array, indices: Array, *, out: Array) -> Array:
        if unavailable() is None:
            from scopert_numpy.native.bags import sums

            if sums(data, indices, None, mean, out):
                return out
        if not indices.size or int(indices.min()) < 0 or int(indices.max()) >= len(data):
            generic_kernel("GatherV2")(np, data, indices, 0, batch_dims=0)  # which says what is wrong
        each = indices.shape[-1]
        picked = indices.reshape(-1, each)
        target = out.reshape(len(picked), *data.shape[1:])
        size = each * data[:1].nbytes
        bags = max(1, _BLOCK // max(1, size))
        reduce = np.mean if mean else np.add.reduce

        def part(lo: int, hi: int) -> None:
            for first in range(lo, hi, bags):
                last = min(first + bags, hi)
                reduce(data.take(picked[first:last], axis=0, mode="clip"), axis=1, out=target[first:last])

        pool().parallel_for(part, len(picked), max(1, (1 << 20) // max(1, size)))
        return out

    return kernel


def _new(kernel: Callable[..., Array]) -> Callable[..., Array]:
    """The same into new memory."""

    def made(xp: Any, data: Array, indices: Array, *, keep_dims: bool) -> Array:
        shape = (*indices.shape[:-1], *((1,) if keep_dims else ()), *data.shape[1:])
        return kernel(xp, data, indices, out=np.empty(shape, data.dtype))

    return made


def _segments(mean: bool, picks: bool) -> Callable[..., Array]:
    op = "SegmentMean" if mean else "SegmentSum"

    def kernel(xp: Any, data: Array, *more: Array) -> Array:
        from scopert_numpy.native.bags import starts, sums

        indices, ids = more if picks else (None, more[0])
        count = len(data) if indices is None else len(indices)
        if ids.size and ids.shape == (count,) and ids[-1] >= 0:
            bounds = starts(ids, int(ids[-1]) + 1)
            if bounds is not None:
                out = np.empty((len(bounds) - 1, *data.shape[1:]), data.dtype)
                if sums(data, indices, bounds, mean, out):
                    return out
        if picks:
            data = generic_kernel("GatherV2")(np, data, indices, 0, batch_dims=0)
        return generic_kernel(op)(np, data, ids)

    return kernel


_HOWS = (("Sum", False), ("Mean", True))
BAGS: tuple[Kernel, ...] = (
    *[Kernel(f"Bag{name}", _bag(mean), _is_float, out=True) for name, mean in _HOWS],
    *[Kernel(f"Bag{name}", _new(_bag(mean)), _is_float) for name, mean in _HOWS],
    *[
        Kernel(prefix + name, _segments(mean, prefix == "SegmentBag"), _is_native_float)
        for name, mean in _HOWS
        for prefix in ("Segment", "SegmentBag")
    ],
)
