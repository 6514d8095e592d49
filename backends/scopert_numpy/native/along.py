"""Machine code for what goes along rows: running sums, and the largest elements."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from scopert.backend import as_dtype
from scopert_numpy.native import jit, primitives
from scopert_numpy.native.builder import BITS, Value
from scopert_numpy.native.rows import TYPES
from scopert_numpy.native.writer import Function, Writer
from scopert_numpy.threads import pool

#: Rows whose sums run side by side: an addition waits for the one before it, those of other rows do not.
_SIDE = 4
#: About what an element costs, in nanoseconds.
_SUM, _LOOK = 0.5, 0.3

_INSERT = """
; Puts an element among the first ones, which are in falling order; the last of them is overwritten.
define internal void @insert(ptr %values, ptr %places, i64 %from, KIND %v, i32 %place) nounwind {
entry:
  br label %head
head:
  %p = phi i64 [ %from, %entry ], [ %q, %shift ]
  %first = icmp eq i64 %p, 0
  br i1 %first, label %put, label %look
look:
  %q = sub i64 %p, 1
  %a = getelementptr KIND, ptr %values, i64 %q
  %o = load KIND, ptr %a
  %less = LESS KIND %o, %v
  br i1 %less, label %shift, label %put
shift:
  %b = getelementptr KIND, ptr %values, i64 %p
  store KIND %o, ptr %b
  %c = getelementptr i32, ptr %places, i64 %q
  %d = getelementptr i32, ptr %places, i64 %p
  %e = load i32, ptr %c
  store i32 %e, ptr %d
  br label %head
put:
  %f = getelementptr KIND, ptr %values, i64 %p
  store KIND %v, ptr %f
  %g = getelementptr i32, ptr %places, i64 %p
  store i32 %place, ptr %g
  ret void
}
"""


@cache
def _running_function(op: str, kind: str, exclusive: bool) -> Function:
    w = Writer("rows", 2, 4)
    b = w.b
    length, last, first, step = w.numbers
    one = f"{'f' if kind in ('float', 'double') else ''}{op}"
    start = b.constant(kind, 0 if op == "add" else 1)
    totals = [f"%{b.name('total')}" for _ in range(_SIDE)]
    for total in totals:
        b.emit(f"{total} = alloca {kind}")

    def unit(u: Value) -> None:
        bases = []
        for k, total in enumerate(totals):
            row = b.binary("add", b.binary("mul", u, b.constant("i64", _SIDE)), b.constant("i64", k))
            bases.append(b.binary("mul", b.call("smin", row, last), length))
            b.emit(f"store {start.typed}, ptr {total}")

        def element(i: Value) -> None:
            place = b.binary("add", first, b.binary("mul", i, step))
            for base, total in zip(bases, totals, strict=True):
                at = b.binary("add", base, place)
                before = b.load(total, kind, 1)
                after = b.binary(one, before, b.load(b.address("%p0", kind, at), kind, 1))
                b.emit(f"store {after.typed}, ptr {total}")
                b.store(before if exclusive else after, b.address("%p1", kind, at), None)

        w.loop(b.constant("i64", 0), length, 1, element)

    w.loop(w.lo, w.hi, 1, unit)
    return Function(w.text(), 2)


@cache
def _top_function(kind: str) -> Function:
    lanes = jit.host().vector_bits // BITS[kind]
    w = Writer("rows", 3, 3)
    b = w.b
    length, count, _ = w.numbers
    last = b.binary("sub", count, b.constant("i64", 1))
    real = kind in ("float", "double")
    greater, less = ("fcmp ugt", "fcmp olt") if real else ("icmp sgt", "icmp slt")

    def row(unit: Value) -> None:
        source = w.row("%p0", kind, unit, length)
        values, places = w.row("%p1", kind, unit, count), w.row("%p2", "i32", unit, count)

        def insert(i: Value, behind: Value) -> None:
            value = b.load(b.address(source, kind, i), kind, 1)
            place = b.convert("trunc", i, "i32")
            if real:  # an element that is not a number has no place in an order
                flag = b.address(f"%p{3}", "i64", 2)
                w.when(b.compare("fcmp uno", value, value), lambda: b.emit(f"store i64 1, ptr {flag}"))
            b.emit(f"call void @insert(ptr {values}, ptr {places}, {behind.typed}, {value.typed}, {place.typed})")

        def above(i: Value, lanes: int) -> Value:
            limit = b.load(b.address(values, kind, last), kind, 1)
            return b.compare(greater, b.load(b.address(source, kind, i), kind, lanes), b.splat(limit, lanes))

        def one(i: Value) -> None:
            w.when(above(i, 1), lambda: insert(i, last))

        def many(i: Value) -> None:
            some = b.make(f"bitcast {above(i, lanes).typed} to i{lanes}", f"i{lanes}", 1)
            found = b.make(f"icmp ne i{lanes} {some.ref}, 0", "i1", 1)
            w.when(found, lambda: w.loop(i, b.binary("add", i, b.constant("i64", lanes)), 1, one))

        w.loop(b.constant("i64", 0), count, 1, lambda i: insert(i, i))
        rest = b.binary("sub", length, count)
        end = b.binary("add", count, b.binary("and", rest, b.constant("i64", -lanes)))
        w.loop(count, end, lanes, many)
        w.loop(end, length, 1, one)

    w.loop(w.lo, w.hi, 1, row)
    return Function(w.text() + _INSERT.replace("KIND", kind).replace("LESS", less), 3)


_Running, _Top = ctypes.c_int64 * 4, ctypes.c_int64 * 3


def running(op: str, x: np.ndarray, out: np.ndarray, exclusive: bool, reverse: bool) -> bool:
    """``ufunc.accumulate`` along the rows of a contiguous matrix; `op` is ``add`` or ``mul``.

    Returns
    -------
    bool
        Whether it was done: false where there is no machine code for these arrays.
    """
    if as_dtype(x.dtype) not in TYPES or not (x.flags.c_contiguous and out.flags.c_contiguous):
        return False
    rows, length = x.shape
    units = -(-rows // _SIDE)
    numbers = _Running(length, rows - 1, length - 1 if reverse else 0, -1 if reverse else 1)
    function = _running_function(op, primitives.memory_kind(as_dtype(x.dtype)), exclusive)
    function((x, out), numbers, units, pool().chunks(units, _SUM * x.size))
    return True


def top(x: np.ndarray, k: int, values: np.ndarray, places: np.ndarray) -> bool:
    """The `k` largest of each row of a contiguous matrix, in falling order, and where they are (int32).

    Returns
    -------
    bool
        Whether it was done: false where there is no machine code for these arrays, or where an element is not
        a number.
    """
    if as_dtype(x.dtype) not in TYPES or not x.flags.c_contiguous:
        return False
    rows, length = x.shape
    numbers = _Top(length, k, 0)
    function = _top_function(primitives.memory_kind(as_dtype(x.dtype)))
    function((x, values, places), numbers, rows, pool().chunks(rows, _LOOK * x.size))
    return not numbers[2]
