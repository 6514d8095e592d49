"""Machine code for updates of single rows of variables by a rule of an optimizer, one index after the other.

The rule is the loop over elements of `flat`; around it stands a walk over the indices as in `rows`: each thread does
those of its own rows, so rows that occur several times are updated as often, in order.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert.graph.dtypes import DType, as_dtype
from scopert.program.expression import Fused
from scopert_numpy.native import jit, primitives
from scopert_numpy.native.builder import Value
from scopert_numpy.native.flat import FlatPrinter
from scopert_numpy.native.plan import make_plan
from scopert_numpy.native.primitives import Unsupported
from scopert_numpy.native.rows import AHEAD, WORDS, is_mine, shares
from scopert_numpy.native.writer import Writer
from scopert_numpy.threads import pool
from scopert_numpy.tracing import Untraceable, trace

_Numbers = ctypes.c_int64 * 5


class RowRule:
    """A compiled rule: ``f(states, indices, others)``, where the others that are arrays have a row for each index."""

    def __init__(self, fused: Fused, states: int, full: Sequence[bool], dtype: DType, index: str) -> None:
        bits = jit.host().vector_bits
        plan = make_plan(fused, bits)
        flat = FlatPrinter("flat", plan, [dtype] * len(fused.loads), [dtype] * states, bits).text()
        flat = flat.replace("define void @flat", "define internal void @flat")
        lines = _walk(states, full, dtype, index).splitlines()
        declared = [line for line in lines if line.startswith("declare") and line not in flat]
        text = "\n".join([*declared, flat, *[line for line in lines if not line.startswith("declare")], ""])
        self._library = jit.compile_text(text)
        self._address = self._library.address("rows")
        self._full, self._dtype = tuple(full), dtype.np
        self._nanoseconds = (plan.weight + 4) * 0.02 + 0.1 * states
        self._table = ctypes.c_void_p * (states + len(self._full) + 2)

    def __call__(self, states: Sequence[np.ndarray], indices: np.ndarray, others: Sequence[Any]) -> None:
        numbers = np.array([item for item, full in zip(others, self._full, strict=True) if not full], self._dtype)
        at = numbers.__array_interface__["data"][0]
        places = [array.__array_interface__["data"][0] for array in states]
        for item, full in zip(others, self._full, strict=True):
            places.append(item.__array_interface__["data"][0] if full else at)
            at += 0 if full else self._dtype.itemsize
        count, rows = indices.size, states[0].shape[0]
        width = states[0].size // rows
        classes, shift, chunks = shares(count, width * self._dtype.itemsize, count * width * self._nanoseconds)
        facts = _Numbers(count, width, shift, classes - 1, rows)
        table = self._table(*places, indices.__array_interface__["data"][0], ctypes.addressof(facts))
        pool().run_native(self._address, ctypes.addressof(table), classes, chunks)


def _walk(states: int, full: Sequence[bool], dtype: DType, index: str) -> str:
    arrays = states + len(full)
    w = Writer("rows", arrays + 1, 5)
    b, kind = w.b, primitives.memory_kind(dtype)
    b.lines.insert(0, f"  %row = alloca ptr, i64 {arrays + states}, align 8")
    count, width, shift, mask, rows = w.numbers
    last = b.binary("sub", count, b.constant("i64", 1))

    def put(place: int, pointer: str) -> None:
        b.emit(f"store ptr {pointer}, ptr {b.address('%row', 'ptr', place)}, align 8")

    for number, each in enumerate(full, states):
        if not each:
            put(number, f"%p{number}")

    def update(i: Value, place: Value) -> None:
        for number in range(states):
            pointer = w.row(f"%p{number}", kind, place, width)
            put(number, pointer)
            put(arrays + number, pointer)
        for number, each in enumerate(full, states):
            if each:
                put(number, w.row(f"%p{number}", kind, i, width))
        b.emit(f"call void @flat(ptr %row, i64 0, {width.typed}, i64 0)")

    def one(i: Value) -> None:
        ahead = b.call("smin", b.binary("add", i, b.constant("i64", AHEAD)), last)
        following = w.index(arrays, index, ahead)
        for number in range(states):
            w.prefetch(w.row(f"%p{number}", kind, following, width), write=True)
        place = w.index(arrays, index, i)
        w.when(is_mine(w, place, shift, mask, rows), lambda: update(i, place))

    w.loop(b.constant("i64", 0), count, 1, one)
    return w.text()


def row_rule(
    rule: Callable[..., None], states: int, full: Sequence[bool], dtype: np.dtype[Any], index: np.dtype[Any],
    flags: dict[str, bool],
) -> RowRule | None:  # fmt: skip
    """The rule as machine code; None if it does more than compute, or there is none for these types."""
    kind, word = as_dtype(dtype), WORDS.get(index)
    if word is None:
        return None
    try:
        return RowRule(trace(rule, states, full, kind, flags), states, full, kind, word)
    except (Untraceable, Unsupported):
        return None
