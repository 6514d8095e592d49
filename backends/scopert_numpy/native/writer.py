"""Whole functions in LLVM: loops, conditions and masked vectors on top of a `Builder`."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert_numpy.native import jit
from scopert_numpy.native.builder import Builder, Value
from scopert_numpy.threads import pool


class Variable:
    """What loops change. LLVM finds out that no memory is needed."""

    def __init__(self, b: Builder, place: str, kind: str, lanes: int) -> None:
        self._b, self.place, self._kind, self._lanes = b, place, kind, lanes

    def get(self) -> Value:
        """What it is now."""
        return self._b.load(self.place, self._kind, self._lanes)

    def set(self, value: Value) -> None:
        """From now on it is `value`; a scalar in all lanes."""
        self._b.store(self._b.splat(value, self._lanes), self.place)


class Writer:
    """A function over a range of units, its arrays, and the numbers that it is called with."""

    def __init__(self, name: str, arrays: int, numbers: int) -> None:
        self.b = b = Builder()
        self._variables: list[str] = []
        self.head = f"define void @{name}(ptr %buffers, i64 %lo, i64 %hi, i64 %chunk) nounwind {{"
        for number in range(arrays + 1):
            b.emit(f"%p{number} = load ptr, ptr {b.address('%buffers', 'ptr', number)}, align 8")
        self.numbers = [b.load(b.address(f"%p{arrays}", "i64", k), "i64", 1) for k in range(numbers)]
        self.lo, self.hi = Value("%lo", "i64", 1), Value("%hi", "i64", 1)

    def loop(self, start: Value, end: Value, step: int, body: Callable[[Value], None]) -> None:
        """``for i in range(start, end, step): body(i)``."""
        b = self.b
        head, inside, after = b.name("head"), b.name("body"), b.name("after")
        i, following = Value("%" + b.name("i"), "i64", 1), Value("%" + b.name("i"), "i64", 1)
        before = b.block
        b.emit(f"br label %{head}")
        b.label(head)
        phi = len(b.lines)
        b.emit("phi")
        b.emit(f"br {b.compare('icmp slt', i, end).typed}, label %{inside}, label %{after}")
        b.label(inside)
        body(i)
        b.emit(f"{following.ref} = add nsw i64 {i.ref}, {step}")
        b.lines[phi] = f"  {i.ref} = phi i64 [ {start.ref}, %{before} ], [ {following.ref}, %{b.block} ]"
        b.emit(f"br label %{head}")
        b.label(after)

    def when(self, condition: Value, body: Callable[[], None]) -> None:
        """``if condition: body()``."""
        b = self.b
        inside, after = b.name("then"), b.name("after")
        b.emit(f"br {condition.typed}, label %{inside}, label %{after}")
        b.label(inside)
        body()
        b.emit(f"br label %{after}")
        b.label(after)

    def lanes(self, count: Value, width: int, body: Callable[[Value, int, Value | None], None]) -> None:
        """Calls ``body(j, lanes, mask)`` for whole vectors and, masked, for what is left."""
        b = self.b
        if width == 1:
            self.loop(b.constant("i64", 0), count, 1, lambda j: body(j, 1, None))
            return
        whole = b.binary("and", count, b.constant("i64", -width))
        self.loop(b.constant("i64", 0), whole, width, lambda j: body(j, width, None))

        def rest() -> None:
            left = b.splat(b.convert("trunc", b.binary("sub", count, whole), "i32"), width)
            steps = Value("<" + ", ".join(f"i32 {k}" for k in range(width)) + ">", "i32", width)
            body(whole, width, b.compare("icmp ult", steps, left))

        self.when(b.compare("icmp slt", whole, count), rest)

    def index(self, array: int, kind: str, place: Value) -> Value:
        """An index, as 64 bits."""
        b = self.b
        found = b.load(b.address(f"%p{array}", kind, place), kind, 1)
        return found if kind == "i64" else b.convert("sext", found, "i64")

    def prefetch(self, pointer: str, write: bool) -> None:
        """Asks for a line of memory that will be needed soon; any address is allowed."""
        self.b.needs.add("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.b.emit(f"call void @llvm.prefetch.p0(ptr {pointer}, i32 {int(write)}, i32 3, i32 1)")

    def row(self, base: str, kind: str, index: Value, width: Value) -> str:
        """Where a row begins."""
        return self.b.address(base, kind, self.b.binary("mul", index, width))

    def variable(self, kind: str, lanes: int) -> Variable:
        """A variable of the function, which becomes a register."""
        made = Variable(self.b, "%" + self.b.name("variable"), kind, lanes)
        self._variables.append(f"  {made.place} = alloca {Value('', kind, lanes).type}, align 64")
        return made

    def text(self) -> str:
        """The module."""
        body = ["entry:", *self._variables, *self.b.lines, "  ret void", "}", ""]
        return "\n".join([*sorted(self.b.needs), "", self.head, *body])


class Function:
    """The function of a module, to be called with arrays and numbers."""

    def __init__(self, text: str, arrays: int) -> None:
        self._library = jit.compile_text(text)
        self._address = self._library.address("rows")
        self._table = ctypes.c_void_p * (arrays + 1)

    def __call__(self, arrays: Sequence[np.ndarray], numbers: Any, units: int, chunks: int) -> None:
        """Runs over ``range(units)``, in so many chunks; `numbers` is a ctypes array of 64-bit integers."""
        places = [array.__array_interface__["data"][0] for array in arrays]
        table = self._table(*places, ctypes.addressof(numbers))
        pool().run_native(self._address, ctypes.addressof(table), units, chunks)
