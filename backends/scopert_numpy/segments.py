"""Updates of rows by index: scatters into variables, and sums over segments.

Machine code walks the indices once (``native/rows.py``). Without it, ``np.add.at`` would visit single elements; where
every row occurs once, a gather, one operation and a scatter do the same; rows that occur more often are found by
numbers that are left at rows, and dealt to rounds by their number of occurrence. Each row meets its updates in the
order in which they stand, so the results are those of ``np.add.at`` to the bit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.backend import Kernel, Origin
from scopert.ops.math_segment import segment_kernels
from scopert.ops.math_sparse_segment import sparse_segment_kernels
from scopert.ops.state_scatter_kernels import scatter_rows
from scopert_numpy.native import unavailable
from scopert_numpy.threads import pool

Array = Any

# Below so many elements the rounds cost more than ``ufunc.at``, which is also quick where rows are single elements.
_FEW_ELEMENTS = 256
# NumPy's name of an operation -> that of the primitive.
_NATIVE = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "minimum": "min", "maximum": "max"}
# Numbers that are left at rows: not for more rows than so many, and not for more per update.
_MOST_ROWS, _SPARSEST = 1 << 24, 1 << 8
# Bytes that a thread keeps, and bytes of rows for which another thread is worth its overhead.
_KEPT, _GRAIN = 1 << 22, 1 << 20
_OWN = threading.local()
# Rows with more updates than so many are reduced one by one.
_MANY = 8


def update_rows(ufunc: Any, target: Array, places: Array, values: Any) -> None:
    """The same as ``ufunc.at(target, places, values)`` for checked, non-negative `places` along the first axis."""
    places = places.reshape(-1)
    row = target.shape[1:]
    values = np.asarray(values)
    if not values.ndim:
        values = np.broadcast_to(values, places.shape + row)
    else:
        values = values.reshape(places.shape + row)
    if values.size < _FEW_ELEMENTS or values.size < 2 * places.size:
        ufunc.at(target, places, values)
        return
    if unavailable() is None and ufunc.__name__ in _NATIVE:
        from scopert_numpy.native.rows import scatter

        if scatter(_NATIVE[ufunc.__name__], target, places, values):
            return
    places = places.astype(np.intp, copy=False)
    again = _earlier_occurrences(places, len(target))
    if again is not None:
        number, last = again
        if not number.size:
            _once(ufunc, target, places, values)
            return
        if 4 * number.size < places.size:
            # Few rows occur more often than once: they get back what they had, and then their updates, in order.
            repeated = places[number]
            before = target[repeated]
            _once(ufunc, target, places, values)
            target[repeated] = before
            number = np.union1d(number, last)
            places, values = places[number], values[number]
    order = np.argsort(places, kind="stable")
    arranged = places[order]
    first = np.empty(places.size, bool)
    first[0] = True
    np.not_equal(arranged[1:], arranged[:-1], out=first[1:])
    if first.all():
        _once(ufunc, target, places, values)
        return
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=places.size)
    # Rows with many updates: a reduction along the first of several axes adds row by row, in order.
    many = counts > _MANY
    for start, count in zip(starts[many].tolist(), counts[many].tolist(), strict=True):
        chosen = order[start : start + count]
        place = places[chosen[0]]
        ufunc.reduce(np.concatenate((target[place][None], values[chosen])), axis=0, out=target[place])
    if many.any():
        starts, counts = starts[~many], counts[~many]
    for offset in range(int(counts.max(initial=0))):
        left = starts[counts > offset] + offset
        chosen = order[left]
        _once(ufunc, target, places[chosen], values[chosen])


def _earlier_occurrences(places: Array, rows: int) -> tuple[Array, Array] | None:
    """The positions whose row occurs again later, and where it does so last; None where sorting is better.

    Every position leaves its number at its row, so the last one stays: no sorting, no memory to be cleared.
    """
    if rows > _MOST_ROWS or rows > _SPARSEST * places.size:
        return None
    numbers = np.arange(places.size, dtype=np.int32)
    left = _memory("numbers", 4 * rows).view(np.int32)
    left[places] = numbers
    last = left.take(places, mode="clip")
    earlier = np.flatnonzero(last != numbers)
    return earlier, last[earlier]


def _once(ufunc: Any, target: Array, places: Array, values: Array) -> None:
    """Updates rows; of those that occur several times, one update or the other is lost."""

    row = target.nbytes // len(target)
    item = f"V{row}"  # a row is one item, which NumPy copies at once
    whole = target.reshape(len(target), -1).view(item)[:, 0] if target.flags.c_contiguous else None

    def some(lo: int, hi: int) -> None:
        here, memory = places[lo:hi], _memory("rows", (hi - lo) * row)
        rows = memory.view(target.dtype).reshape(hi - lo, *target.shape[1:])
        target.take(here, axis=0, out=rows, mode="clip")
        ufunc(rows, values[lo:hi], out=rows)
        if whole is None:
            target[here] = rows
        else:
            whole[here] = memory.view(item)

    def quietly(lo: int, hi: int) -> None:
        with np.errstate(all="ignore"):
            some(lo, hi)

    if len(places) * row < 2 * _GRAIN:
        some(0, len(places))
    else:
        pool().parallel_for(quietly, len(places), _GRAIN // row)


def _memory(name: str, nbytes: int) -> Array:
    """Bytes that this thread uses again and again under a name, whatever was in them; large ones are new."""
    if nbytes > _KEPT:
        return np.empty(nbytes, np.uint8)
    kept: Array | None = getattr(_OWN, name, None)
    if kept is None or kept.size < nbytes:
        kept = np.empty(1 << max(nbytes - 1, 0).bit_length(), np.uint8)
        setattr(_OWN, name, kept)
    return kept[:nbytes]


def _scatter(ufunc: Any, returns: bool) -> Callable[..., Any]:
    def update(xp: Any, view: Array, places: Array, values: Any) -> None:
        update_rows(ufunc, view, places, values)

    def of_ref(xp: Any, ref: Any, indices: Array, updates: Array) -> Any:
        scatter_rows(xp, ref, indices, updates, update)
        return ref

    def of_resource(xp: Any, ref: Any, indices: Array, updates: Array) -> None:
        scatter_rows(xp, ref, indices, updates, update)

    return of_ref if returns else of_resource


def _is_number(origin: Origin) -> bool:
    return origin.input_dtypes[-1].np.kind in "fiuc"


def _is_float(origin: Origin) -> bool:
    return origin.input_dtypes[-1].np.kind in "fc"


def _is_exact(origin: Origin) -> bool:
    """Whether segments are combined in the type of the data."""
    return origin.input_dtypes[0].np.kind in "fiu" and origin.input_dtypes[0].np.itemsize > 2


def _unsorted_into(ufunc: Any, first: int, plain: Any) -> Callable[..., Array]:
    def kernel(xp: Any, data: Array, ids: Array, num_segments: Array, *, out: Array) -> Array:
        flat = ids.reshape(-1)
        if not flat.size or flat.min() < 0 or flat.max() >= len(out):
            np.copyto(out, plain(np, data, ids, num_segments))  # which drops what is negative, and says what is wrong
            return out
        out.fill(first)
        update_rows(ufunc, out, flat, data.reshape((flat.size, *out.shape[1:])))
        return out

    return kernel


_PLAIN = segment_kernels(update_rows)
_UFUNCS = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Min": np.minimum, "Max": np.maximum}

SEGMENTS: tuple[Kernel, ...] = (
    *[
        Kernel(prefix + kind, _scatter(ufunc, returns=not prefix.startswith("Resource")), _is_number)
        for kind, ufunc in _UFUNCS.items()
        for prefix in ("Scatter", "ResourceScatter")
    ],
    *[
        Kernel(prefix + "Div", _scatter(np.true_divide, returns=not prefix.startswith("Resource")), _is_float)
        for prefix in ("Scatter", "ResourceScatter")
    ],
    *[Kernel(op, kernel) for op, kernel in _PLAIN.items()],
    *[
        Kernel(op, _unsorted_into(ufunc, first, _PLAIN[op]), _is_exact, out=True)
        for op, ufunc, first in (("UnsortedSegmentSum", np.add, 0), ("UnsortedSegmentProd", np.multiply, 1))
    ],
    *[Kernel(op, kernel) for op, kernel in sparse_segment_kernels(update_rows).items()],
)

__all__ = ["SEGMENTS", "update_rows"]
