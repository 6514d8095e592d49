"""Machine code for rows picked by index: gathers, and updates of rows one index after the other.

A scatter shares its work by the *target's* rows: each thread walks all indices and does those of its own rows, so a
row meets its updates in the order in which they stand, however often it occurs, and however many threads there are.
"""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from scopert.graph.dtypes import DType, as_dtype, float32, float64, int32, int64
from scopert_numpy.native import jit, primitives
from scopert_numpy.native.builder import BITS, Value
from scopert_numpy.native.writer import Function, Writer
from scopert_numpy.threads import pool

#: Combinations of a row and its update, as primitives; "set" stores the update.
UPDATES = frozenset({"add", "sub", "mul", "div", "min", "max", "set"})
TYPES = frozenset({float32, float64, int32, int64})
#: Memory is asked for so many rows ahead.
AHEAD = 8
#: Target rows are dealt to the threads in so many classes.
_CLASSES = 64
_LINE = 64
#: About what a row costs besides its bytes, and a byte, in nanoseconds: rows lie far apart.
_ROW, _BYTE = 8.0, 0.15
WORDS = {np.dtype(np.int32): "i32", np.dtype(np.int64): "i64"}
_ELEMENTS = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}


def is_mine(w: Writer, place: Value, shift: Value, mask: Value, rows: Value) -> Value:
    """Whether a target row is one of a function's classes; what is outside was checked, or is dropped."""
    b = w.b
    own = b.binary("and", b.binary("lshr", place, shift), mask)
    mine = b.binary("and", b.compare("icmp sge", own, w.lo), b.compare("icmp slt", own, w.hi))
    return b.binary("and", mine, b.compare("icmp ult", place, rows))


def _scatter_text(op: str, dtype: DType, index: str, lanes: int) -> str:
    w = Writer("rows", 3, 5)
    b, kind = w.b, primitives.memory_kind(dtype)
    count, width, shift, mask, rows = w.numbers
    last = b.binary("sub", count, b.constant("i64", 1))

    def update(i: Value, place: Value) -> None:
        target, source = w.row("%p0", kind, place, width), w.row("%p2", kind, i, width)

        def point(j: Value, lanes: int, mask: Value | None) -> None:
            new = b.load(b.address(source, kind, j), kind, lanes, mask)
            at = b.address(target, kind, j)
            if op != "set":
                new = primitives.binary(b, op, b.load(at, kind, lanes, mask), new, dtype)
            b.store(new, at, mask)

        w.lanes(width, lanes, point)

    def one(i: Value) -> None:
        ahead = b.call("smin", b.binary("add", i, b.constant("i64", AHEAD)), last)
        w.prefetch(w.row("%p0", kind, w.index(1, index, ahead), width), write=True)
        place = w.index(1, index, i)
        w.when(is_mine(w, place, shift, mask, rows), lambda: update(i, place))

    w.loop(b.constant("i64", 0), count, 1, one)
    return w.text()


def _gather_text(kind: str, index: str, lanes: int) -> str:
    w = Writer("rows", 3, 4)
    b = w.b
    count, width, length, _ = w.numbers
    last = b.binary("sub", count, b.constant("i64", 1))

    def one(unit: Value) -> None:
        outer = b.make(f"udiv i64 {unit.ref}, {count.ref}", "i64", 1)
        i = b.make(f"urem i64 {unit.ref}, {count.ref}", "i64", 1)
        base = w.row("%p0", kind, b.binary("mul", outer, length), width)
        ahead = b.call("smin", b.binary("add", i, b.constant("i64", AHEAD)), last)
        w.prefetch(w.row(base, kind, w.index(1, index, ahead), width), write=False)
        place = w.index(1, index, i)
        outside = b.compare("icmp uge", place, length)
        w.when(outside, lambda: b.emit(f"store i64 1, ptr {b.address('%p3', 'i64', 3)}, align 8"))

        def copy() -> None:
            source, target = w.row(base, kind, place, width), w.row("%p2", kind, unit, width)

            def point(j: Value, lanes: int, mask: Value | None) -> None:
                b.store(b.load(b.address(source, kind, j), kind, lanes, mask), b.address(target, kind, j), mask)

            w.lanes(width, lanes, point)

        w.when(b.compare("icmp ult", place, length), copy)

    w.loop(w.lo, w.hi, 1, one)
    return w.text()


@cache
def _scatter_function(op: str, dtype: DType, index: str, wide: bool) -> Function:
    lanes = jit.host().vector_bits // BITS[primitives.memory_kind(dtype)] if wide else 1
    return Function(_scatter_text(op, dtype, index, lanes), 3)


@cache
def _gather_function(kind: str, index: str, wide: bool) -> Function:
    return Function(_gather_text(kind, index, jit.host().vector_bits // BITS[kind] if wide else 1), 3)


_Scatter = ctypes.c_int64 * 5
_Gather = ctypes.c_int64 * 4


def shares(count: int, nbytes: int, nanoseconds: float) -> tuple[int, int, int]:
    """For so many updates of rows of `nbytes`: classes of target rows, their shift, and into how many chunks to cut.

    Rows on one line of memory are of one class. `nanoseconds` is the work besides looking the rows up.
    """
    shift = max(0, (_LINE // nbytes).bit_length() - 1) if nbytes < _LINE else 0
    workers = pool()
    if workers.chunks(_CLASSES, count * _ROW + nanoseconds) == 1:
        return 1, shift, 1
    return _CLASSES, shift, 2 * workers.threads


def scatter(op: str, target: np.ndarray, places: np.ndarray, values: np.ndarray) -> bool:
    """``target[place] = op(target[place], value)`` for each place and its row of values, in order.

    Parameters
    ----------
    op : str
        One of `UPDATES`.
    target : array
        Contiguous, of one of `TYPES`; places outside of its first axis are left out.
    places : array
        A vector of int32 or int64.
    values : array
        Of the target's type, and of the shape ``places.shape + target.shape[1:]``.

    Returns
    -------
    bool
        Whether it was done: false where there is no machine code for these arrays.
    """
    dtype, word = as_dtype(target.dtype), WORDS.get(places.dtype)
    if dtype not in TYPES or word is None or values.dtype != target.dtype or (op == "div" and dtype.is_integer):
        return False
    if not (target.flags.c_contiguous and places.flags.c_contiguous and values.flags.c_contiguous):
        return False
    count, rows = places.size, target.shape[0]
    if not target.size or not count:
        return True
    width = target.size // rows
    nbytes = width * target.itemsize
    classes, shift, chunks = shares(count, nbytes, count * _BYTE * nbytes)
    function = _scatter_function(op, dtype, word, width >= 4)
    function((target, places, values), _Scatter(count, width, shift, classes - 1, rows), classes, chunks)
    return True


def gather(source: np.ndarray, places: np.ndarray, axis: int, out: np.ndarray) -> bool:
    """``out[...] = source.take(places, axis)``.

    Returns
    -------
    bool
        Whether it was done: false where there is no machine code for these arrays.

    Raises
    ------
    IndexError
        If a place is not on the axis.
    """
    kind, word = _ELEMENTS.get(source.itemsize), WORDS.get(places.dtype)
    if kind is None or word is None or source.dtype.kind not in "biufV" or out.dtype != source.dtype:
        return False
    if not (source.flags.c_contiguous and places.flags.c_contiguous and out.flags.c_contiguous):
        return False
    if not out.size:
        return False
    length, count = source.shape[axis], places.size
    width = 1
    for n in source.shape[axis + 1 :]:
        width *= n
    units = out.size // width
    numbers = _Gather(count, width, length, 0)
    nanoseconds = units * (_ROW + _BYTE * width * source.itemsize)
    function = _gather_function(kind, word, width >= 4)
    function((source, places, out), numbers, units, pool().chunks(units, nanoseconds))
    if numbers[3]:
        raise IndexError(f"an index is not in [0, {length})")
    return True
