"""Machine code for functions that change arrays of one size element by element, whatever that size is.

A rule of an optimizer is traced (`scopert_numpy.tracing`); what it does becomes the body of a loop.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert.graph.dtypes import DType, as_dtype
from scopert.program.expression import Fused
from scopert_numpy.native import jit
from scopert_numpy.native.builder import Value
from scopert_numpy.native.loops import _Printer
from scopert_numpy.native.plan import make_plan
from scopert_numpy.native.primitives import Unsupported
from scopert_numpy.threads import pool
from scopert_numpy.tracing import Untraceable, trace

#: Calls the function for many tables: a unit is (table, first element, element behind the last).
_OVER = """
define void @over(ptr %units, i64 %lo, i64 %hi, i64 %chunk) nounwind {
entry:
  %any = icmp slt i64 %lo, %hi
  br i1 %any, label %loop, label %end
loop:
  %k = phi i64 [ %lo, %entry ], [ %next, %loop ]
  %at = mul i64 %k, 3
  %first = getelementptr i64, ptr %units, i64 %at
  %table = load ptr, ptr %first, align 8
  %second = getelementptr i64, ptr %first, i64 1
  %from = load i64, ptr %second, align 8
  %third = getelementptr i64, ptr %first, i64 2
  %to = load i64, ptr %third, align 8
  call void @flat(ptr %table, i64 %from, i64 %to, i64 0)
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %hi
  br i1 %more, label %loop, label %end
end:
  ret void
}
"""


class FlatPrinter(_Printer):
    """``void name(void** buffers, i64 lo, i64 hi, i64 chunk)`` over elements instead of units."""

    def text(self) -> str:
        """The function, and what it needs in front of it."""
        b = self.b
        self._pointers(len(self.inputs) + len(self.outputs))
        self.index, self.env = [], {}
        self.ranges = [(Value("%lo", "i64", 1), b.make("sub i64 %hi, %lo", "i64", 1))]
        self._rows(0)
        b.emit("ret void")
        head = [f"define void @{self.name}(ptr %buffers, i64 %lo, i64 %hi, i64 %chunk) nounwind {{", "entry:"]
        return "\n".join([*sorted(b.needs), "", *head, *self.allocas, *b.lines, "}", ""])


class Elementwise:
    """A compiled rule: ``f(states, others)`` for flat contiguous arrays of one size, and numbers."""

    def __init__(self, fused: Fused, states: int, full: Sequence[bool], dtype: DType) -> None:
        plan = make_plan(fused, jit.host().vector_bits)
        text = FlatPrinter("flat", plan, [dtype] * len(fused.loads), [dtype] * states, jit.host().vector_bits).text()
        self._library = jit.compile_text(text + _OVER)
        self._address = self._library.address("flat")
        self._address_over = self._library.address("over")
        self._nanoseconds = (plan.weight + 4) * 0.02
        self._full = tuple(full)
        self._dtype = dtype.np
        self._table = ctypes.c_void_p * (2 * states + len(self._full))

    def __call__(self, states: Sequence[np.ndarray], others: Sequence[Any]) -> None:
        numbers = np.array([item for item, full in zip(others, self._full, strict=True) if not full], self._dtype)
        at, size = numbers.__array_interface__["data"][0], self._dtype.itemsize
        places = [array.__array_interface__["data"][0] for array in states]
        arrays = [numbers]  # what must live until the call is over
        for item, full in zip(others, self._full, strict=True):
            if full:
                array = np.ascontiguousarray(item, self._dtype)
                arrays.append(array)
                places.append(array.__array_interface__["data"][0])
            else:
                places.append(at)
                at += size
        places += places[: len(states)]
        table = self._table(*places)
        workers, count = pool(), states[0].size
        chunks = workers.chunks(count, count * self._nanoseconds)
        workers.run_native(self._address, ctypes.addressof(table), count, chunks)

    def over(
        self, rows: Sequence[Sequence[np.ndarray]], block: int
    ) -> Callable[[Sequence[np.ndarray], Sequence[Any]], None]:
        """The same for many sets of arrays, each with its states first, at once: ``g(rows, numbers)``.

        The function changes the arrays that were given here; it does not look at its first argument.
        """
        full, states = self._full, len(rows[0]) - sum(self._full)
        width = 2 * states + len(full)
        numbers = np.zeros(len(full) - sum(full), self._dtype)
        tables = np.zeros((len(rows), width), np.int64)
        start, begin, size = _address(numbers), _address(tables), self._dtype.itemsize
        work: list[tuple[int, int, int]] = []
        for k, row in enumerate(rows):
            places = [_address(array) for array in row]
            gradients, others = iter(places[states:]), iter(range(start, start + size * len(numbers), size))
            tables[k] = [*places[:states], *[next(gradients if each else others) for each in full], *places[:states]]
            table, count = begin + 8 * width * k, row[0].size
            work += [(table, lo, min(lo + block, count)) for lo in range(0, count, block)]
        units = np.array(work, np.int64).reshape(-1, 3)
        where, address = _address(units), self._address_over
        total = sum(row[0].size for row in rows)

        def call(_arrays: Sequence[np.ndarray], given: Sequence[Any]) -> None:
            numbers[:] = given
            workers = pool()
            chunks = workers.chunks(len(units), total * self._nanoseconds)
            # Units are of different sizes: many chunks even that out.
            chunks = min(len(units), 4 * chunks) if chunks > 1 else 1
            workers.run_native(address, where, len(units), chunks)

        call.__dict__["kept"] = tables, units, self._library
        return call


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def elementwise(
    rule: Callable[..., None], states: int, full: Sequence[bool], dtype: np.dtype[Any], flags: dict[str, bool]
) -> Elementwise | None:
    """The rule as machine code; None if it does more than compute."""
    kind = as_dtype(dtype)
    try:
        return Elementwise(trace(rule, states, full, kind, flags), states, full, kind)
    except (Untraceable, Unsupported):
        return None
