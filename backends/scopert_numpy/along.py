"""What goes along an axis row by row: places of extremes, largest elements, running sums; rows shared by threads."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from scopert.backend import Kernel, Origin, generic_kernel
from scopert_numpy.native import unavailable
from scopert_numpy.threads import pool

#: Elements for which another thread is worth its overhead.
_GRAIN = 1 << 15
#: Columns that are turned around together.
_COLUMNS = 32
#: The most elements that machine code keeps in order by inserting.
_INSERTED = 64

Array = np.ndarray


def _is_plain(origin: Origin) -> bool:
    return origin.input_dtypes[0].np.kind in "fiu"


def _over_rows(function: Callable[[int, int], None], rows: int, width: int) -> None:
    pool().parallel_for(function, rows, max(1, _GRAIN // max(width, 1)))


def _position(axis: Any, rank: int) -> int | None:
    """The axis, counted from the front; None if it is not one: the generic kernel says so."""
    place = int(axis) if np.ndim(axis) == 0 else rank
    return place % rank if -rank <= place < rank else None


def _arg(op: str, name: str) -> list[Kernel]:
    generic: Any = generic_kernel(op)
    extreme: Any = getattr(np, name)

    def find(x: Array, out: Array) -> None:
        """``out[i, j]``: where along the second of three axes the extreme is."""
        outer, length, inner = x.shape
        if inner == 1:
            flat, target = x.reshape(outer, length), out.reshape(outer)

            def rows(lo: int, hi: int) -> None:
                target[lo:hi] = extreme(flat[lo:hi], axis=1)

            _over_rows(rows, outer, length)
            return
        blocks = -(-inner // _COLUMNS)

        def columns(lo: int, hi: int) -> None:
            for unit in range(lo, hi):
                i, block = divmod(unit, blocks)
                piece = slice(block * _COLUMNS, (block + 1) * _COLUMNS)
                out[i, piece] = extreme(np.ascontiguousarray(x[i, :, piece].T), axis=1)

        _over_rows(columns, outer * blocks, length * _COLUMNS)

    def into(xp: Any, x: Array, dimension: Any, *, output_type: Any, out: Array) -> Array:
        axis = _position(dimension, x.ndim)
        if axis is None or not x.size:
            out[...] = generic(np, x, dimension, output_type=output_type)
            return out
        around = (prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :]))
        find(np.ascontiguousarray(x).reshape(around), out.reshape(around[0], around[2]))
        if x.dtype.kind == "f":
            # NumPy takes the first number that is none; TensorFlow passes it over.
            taken = np.take_along_axis(x, np.expand_dims(out.astype(np.intp, copy=False), axis), axis)
            if np.isnan(taken).any():
                out[...] = generic(np, x, dimension, output_type=output_type)
        return out

    def new(xp: Any, x: Array, dimension: Any, *, output_type: Any) -> Array:
        axis = _position(dimension, x.ndim)
        if axis is None or not x.size or x.ndim == 1:
            made: Array = generic(np, x, dimension, output_type=output_type)
            return made
        shape = x.shape[:axis] + x.shape[axis + 1 :]
        return into(np, x, dimension, output_type=output_type, out=np.empty(shape, output_type.np))

    return [Kernel(op, new, _is_plain), Kernel(op, into, _is_plain, out=True)]


def _top(x: Array, k: int) -> tuple[Array, Array]:
    """The `k` largest of each row of a matrix, in falling order, and where they are; of equals the first leads."""
    rows, width = x.shape
    values, places = np.empty((rows, k), x.dtype), np.empty((rows, k), np.int32)
    if k <= _INSERTED and unavailable() is None:
        from scopert_numpy.native.along import top

        if top(x, k, values, places):
            return values, places

    def some(lo: int, hi: int) -> None:
        part = x[lo:hi]
        least = np.partition(part, width - k, axis=1)[:, width - k :].min(axis=1, keepdims=True)
        chosen = part >= least
        more = np.flatnonzero(np.count_nonzero(chosen, axis=1) != k)
        if more.size:  # several equals, of which the last ones are too many
            equal = part[more] == least[more]
            room = k - np.count_nonzero(part[more] > least[more], axis=1, keepdims=True)
            chosen[more] &= ~(equal & (np.cumsum(equal, axis=1) > room))
        where = np.flatnonzero(chosen).reshape(hi - lo, k) % width
        taken = np.take_along_axis(part, where, axis=1)
        order = k - 1 - np.argsort(taken[:, ::-1], axis=1, kind="stable")[:, ::-1]
        values[lo:hi] = np.take_along_axis(taken, order, axis=1)
        places[lo:hi] = np.take_along_axis(where, order, axis=1)

    _over_rows(some, rows, width)
    return values, places


def _top_k(generic: Any, x: Array, k: int, **attrs: Any) -> Any:
    """Partitions rows instead of sorting them, where few are asked for."""
    few = x.ndim >= 1 and 1 < k < x.shape[-1] // 4
    if not few or not x.size or (x.dtype.kind == "f" and np.isnan(x.max())):
        return generic()
    values, places = _top(np.ascontiguousarray(x).reshape(-1, x.shape[-1]), k)
    shape = (*x.shape[:-1], k)
    return values.reshape(shape), places.reshape(shape)


def _top_k_v1(xp: Any, x: Array, *, k: int) -> Any:
    generic: Any = generic_kernel("TopK")
    return _top_k(lambda: generic(np, x, k=k), x, k)


def _top_k_v2(xp: Any, x: Array, k: Any) -> Any:
    return _top_k(lambda: generic_kernel("TopKV2")(np, x, k), x, int(k))


def _running(op: str, ufunc: Any, name: str) -> list[Kernel]:
    generic: Any = generic_kernel(op)

    def into(xp: Any, x: Array, axis: Any, *, exclusive: bool, reverse: bool, out: Array) -> Array:
        place = _position(axis, x.ndim)
        if place is None or not x.size or x.dtype.itemsize == 2:
            out[...] = generic(np, x, axis, exclusive=exclusive, reverse=reverse)
            return out
        around = (prod(x.shape[:place]), x.shape[place], prod(x.shape[place + 1 :]))
        source, target = np.ascontiguousarray(x).reshape(around), out.reshape(around)
        if around[2] == 1 and unavailable() is None:
            from scopert_numpy.native.along import running

            if running(name, source[:, :, 0], target[:, :, 0], exclusive, reverse):
                return out
        if reverse:
            source, target = source[:, ::-1], target[:, ::-1]
        rest = target
        if exclusive:
            target[:, 0] = ufunc.identity
            source, rest = source[:, :-1], target[:, 1:]

        def rows(lo: int, hi: int) -> None:
            ufunc.accumulate(source[lo:hi], 1, None, rest[lo:hi])

        def columns(lo: int, hi: int) -> None:
            # One call a step along the axis, over whole rows of memory, not one a column.
            for i in range(source.shape[0]):
                own, sums = source[i, :, lo:hi], rest[i, :, lo:hi]
                sums[0] = own[0]
                for step in range(1, len(own)):
                    ufunc(sums[step - 1], own[step], out=sums[step])

        if not rest.shape[1]:
            return out
        if around[2] == 1:
            _over_rows(rows, around[0], around[1])
        else:
            _over_rows(columns, around[2], around[0] * around[1])
        return out

    def new(xp: Any, x: Array, axis: Any, *, exclusive: bool, reverse: bool) -> Array:
        return into(np, x, axis, exclusive=exclusive, reverse=reverse, out=np.empty(x.shape, x.dtype))

    return [Kernel(op, new, _is_plain), Kernel(op, into, _is_plain, out=True)]


ALONG: tuple[Kernel, ...] = (
    *_arg("ArgMax", "argmax"),
    *_arg("ArgMin", "argmin"),
    Kernel("TopK", _top_k_v1, _is_plain),
    Kernel("TopKV2", _top_k_v2, _is_plain),
    *_running("Cumsum", np.add, "add"),
    *_running("Cumprod", np.multiply, "mul"),
)
