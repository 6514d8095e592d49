"""Machine code for sums and means of rows: of segments, and of rows that are picked by index, where they lie.

Each thread does rows of the result: it adds up what belongs to one of them, in order, in the memory of that row.
"""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from scopert.graph.dtypes import DType, as_dtype, float32, float64
from scopert_numpy.native import jit, primitives
from scopert_numpy.native.builder import BITS, Value
from scopert_numpy.native.rows import AHEAD, WORDS
from scopert_numpy.native.writer import Function, Writer
from scopert_numpy.threads import pool

TYPES = frozenset({float32, float64})
#: About what a row costs besides its bytes, and a byte, in nanoseconds.
_ROW, _BYTE = 6.0, 0.1
_LINE = 64
_Numbers = ctypes.c_int64 * 5
_Facts = ctypes.c_int64 * 3


def _sum_text(dtype: DType, index: str | None, even: bool, mean: bool, lanes: int) -> str:
    w = Writer("rows", 4, 5)
    b, kind = w.b, primitives.memory_kind(dtype)
    one = b.constant("i64", 1)
    width, length, each, _, count = w.numbers
    last = b.binary("sub", count, one)
    lines = b.binary("mul", width, b.constant("i64", BITS[kind] // 8))

    def row(s: Value) -> None:
        target = w.row("%p3", kind, s, width)
        if even:
            begin = b.binary("mul", s, each)
            end = b.binary("add", begin, each)
        else:
            begin, end = w.index(2, "i64", s), w.index(2, "i64", b.binary("add", s, one))
        w.lanes(width, lanes, lambda j, n, mask: b.store(b.constant(kind, 0, n), b.address(target, kind, j), mask))

        def add(source: str) -> None:
            def point(j: Value, n: int, mask: Value | None) -> None:
                at = b.address(target, kind, j)
                sum_ = b.add(b.load(at, kind, n, mask), b.load(b.address(source, kind, j), kind, n, mask))
                b.store(sum_, at, mask)

            w.lanes(width, lanes, point)

        def visit(i: Value) -> None:
            if index is None:
                add(w.row("%p0", kind, i, width))
                return
            ahead = b.call("smin", b.binary("add", i, b.constant("i64", AHEAD)), last)
            following = w.row("%p0", kind, w.index(1, index, ahead), width)
            w.loop(
                b.constant("i64", 0), lines, _LINE, lambda at: w.prefetch(b.address(following, "i8", at), write=False)
            )
            place = w.index(1, index, i)
            outside = b.compare("icmp uge", place, length)
            w.when(outside, lambda: b.emit(f"store i64 1, ptr {b.address('%p4', 'i64', 3)}, align 8"))
            w.when(b.compare("icmp ult", place, length), lambda: add(w.row("%p0", kind, place, width)))

        w.loop(begin, end, 1, visit)
        if mean:
            divisor = b.convert("sitofp", b.call("smax", b.binary("sub", end, begin), one), kind)

            def divide(j: Value, n: int, mask: Value | None) -> None:
                at = b.address(target, kind, j)
                b.store(b.binary("fdiv", b.load(at, kind, n, mask), b.splat(divisor, n)), at, mask)

            w.lanes(width, lanes, divide)

    w.loop(w.lo, w.hi, 1, row)
    return w.text()


def _starts_text(word: str) -> str:
    """Where each segment begins: `starts` has one place more than there are segments."""
    w = Writer("rows", 2, 3)
    b = w.b
    count, rows, _ = w.numbers
    at, before = w.variable("i64", 1), w.variable("i64", 1)
    at.set(b.constant("i64", 0))
    before.set(b.constant("i64", 0))

    def fill(i: Value, to: Value) -> None:
        w.loop(at.get(), to, 1, lambda s: b.store(i, b.address("%p1", "i64", s)))
        at.set(b.call("smax", at.get(), to))

    def visit(i: Value) -> None:
        number = w.index(0, word, i)
        wrong = b.binary(
            "or", b.compare("icmp slt", number, before.get()), b.compare("icmp sge", number, rows)
        )  # fmt: skip
        w.when(wrong, lambda: b.emit(f"store i64 1, ptr {b.address('%p2', 'i64', 2)}, align 8"))

        def new() -> None:
            fill(i, b.binary("add", number, b.constant("i64", 1)))
            before.set(number)

        inside = b.binary(
            "and", b.compare("icmp sge", number, at.get()), b.compare("icmp slt", number, rows)
        )  # fmt: skip
        w.when(inside, new)

    w.loop(b.constant("i64", 0), count, 1, visit)
    fill(count, b.binary("add", rows, b.constant("i64", 1)))
    return w.text()


@cache
def _sum_function(dtype: DType, index: str | None, even: bool, mean: bool, wide: bool) -> Function:
    lanes = jit.host().vector_bits // BITS[primitives.memory_kind(dtype)] if wide else 1
    return Function(_sum_text(dtype, index, even, mean, lanes), 4)


@cache
def _starts_function(word: str) -> Function:
    return Function(_starts_text(word), 2)


def starts(ids: np.ndarray, rows: int) -> np.ndarray | None:
    """Where each of so many segments begins, and the end; None if the numbers are not in order or out of range."""
    word = WORDS.get(ids.dtype)
    if word is None or not ids.flags.c_contiguous:
        return None
    made = np.empty(rows + 1, np.int64)
    facts = _Facts(ids.size, rows, 0)
    _starts_function(word)((ids, made), facts, 1, 1)
    return None if facts[2] else made


def sums(data: np.ndarray, indices: np.ndarray | None, bounds: np.ndarray | None, mean: bool, out: np.ndarray) -> bool:
    """``out[s]`` is the sum or mean of rows of `data` (picked by `indices`) from ``bounds[s]`` to ``bounds[s + 1]``.

    Without bounds all sums are of equally many rows.

    Returns
    -------
    bool
        Whether it was done: false where there is no machine code for these arrays, or if an index is out of range.
    """
    dtype = as_dtype(data.dtype)
    word = None if indices is None else WORDS.get(indices.dtype)
    if dtype not in TYPES or out.dtype != data.dtype or not out.size or (indices is not None and word is None):
        return False
    arrays = [data, data if indices is None else indices, data if bounds is None else bounds, out]
    if not all(array.flags.c_contiguous for array in arrays) or not data.size:
        return False
    rows = len(out) if bounds is not None else out.size // (data.size // len(data))
    width, count = out.size // rows, len(data) if indices is None else indices.size
    each = count // rows
    numbers = _Numbers(width, len(data), each, 0, count)
    nanoseconds = count * (_ROW + _BYTE * width * data.itemsize)
    function = _sum_function(dtype, word, bounds is None, mean, width >= 4)
    function(arrays, numbers, rows, pool().chunks(rows, nanoseconds))
    return not numbers[3]
