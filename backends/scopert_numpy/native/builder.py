"""Text of LLVM functions, line by line: the values are scalars or vectors with a fixed number of lanes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Widths in bits.
BITS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "half": 16, "bfloat": 16, "float": 32, "double": 64}
#: The integer as wide as a floating point type.
INTEGER = {"float": "i32", "double": "i64"}


@dataclass(frozen=True, slots=True)
class Value:
    """An SSA value or a literal: how it is written, the type of an element, and the number of lanes (1: scalar)."""

    ref: str
    kind: str
    lanes: int

    @property
    def type(self) -> str:
        """LLVM's name of the type."""
        return self.kind if self.lanes == 1 else f"<{self.lanes} x {self.kind}>"

    @property
    def typed(self) -> str:
        """The type and the value, as an operand."""
        return f"{self.type} {self.ref}"


def literal(kind: str, value: float) -> str:
    """A number of a type, exactly."""
    if kind == "i1":
        return "true" if value else "false"
    if kind in ("float", "double"):
        number = float(np.float32(value)) if kind == "float" else float(value)
        return "0x" + struct.pack(">d", number).hex().upper()
    return str(int(value))


class Builder:
    """Writes instructions; each method that makes a value returns it.

    Operands of different numbers of lanes are made alike by repeating the scalar.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.block = "entry"
        #: Declarations and helper functions that the text needs.
        self.needs: set[str] = set()
        self._count = 0

    def name(self, stem: str = "v") -> str:
        """A fresh name."""
        self._count += 1
        return f"{stem}.{self._count}"

    def emit(self, line: str) -> None:
        """An instruction without a result."""
        self.lines.append("  " + line)

    def make(self, text: str, kind: str, lanes: int) -> Value:
        """An instruction with a result."""
        ref = "%" + self.name()
        self.lines.append(f"  {ref} = {text}")
        return Value(ref, kind, lanes)

    def label(self, name: str) -> None:
        """Begins a block; the block before must have ended."""
        self.lines.append(f"{name}:")
        self.block = name

    # Values

    def constant(self, kind: str, value: float, lanes: int = 1) -> Value:
        """A literal in all lanes."""
        text = literal(kind, value)
        return Value(text if lanes == 1 else f"splat ({kind} {text})", kind, lanes)

    def like(self, value: Value, number: float) -> Value:
        """A literal of the type of `value`."""
        return self.constant(value.kind, number, value.lanes)

    def splat(self, value: Value, lanes: int) -> Value:
        """A scalar in all lanes."""
        if value.lanes == lanes:
            return value
        if not value.ref.startswith("%"):
            return Value(f"splat ({value.kind} {value.ref})", value.kind, lanes)
        wide = f"<{lanes} x {value.kind}>"
        first = self.make(f"insertelement {wide} poison, {value.typed}, i64 0", value.kind, lanes)
        return self.make(f"shufflevector {wide} {first.ref}, {wide} poison, <{lanes} x i32> zeroinitializer",
                         value.kind, lanes)  # fmt: skip

    def alike(self, *values: Value) -> list[Value]:
        """The values, all with the most lanes of any."""
        lanes = max(value.lanes for value in values)
        return [self.splat(value, lanes) for value in values]

    def shuffle(self, a: Value, lanes: Sequence[int]) -> Value:
        """Some lanes of a vector, as a vector."""
        mask = ", ".join(f"i32 {k}" for k in lanes)
        return self.make(f"shufflevector {a.typed}, {a.type} poison, <{len(lanes)} x i32> <{mask}>", a.kind, len(lanes))

    def lane(self, a: Value, number: int) -> Value:
        """One lane as a scalar."""
        return self.make(f"extractelement {a.typed}, i64 {number}", a.kind, 1)

    # Instructions

    def binary(self, opcode: str, a: Value, b: Value, kind: str = "") -> Value:
        """E.g. ``fadd contract``; `kind` is the result's, where it is another."""
        a, b = self.alike(a, b)
        return self.make(f"{opcode} {a.typed}, {b.ref}", kind or a.kind, a.lanes)

    def add(self, a: Value, b: Value) -> Value:
        """Exactly rounded."""
        return self.binary("fadd", a, b)

    def sub(self, a: Value, b: Value) -> Value:
        """Exactly rounded."""
        return self.binary("fsub", a, b)

    def mul(self, a: Value, b: Value) -> Value:
        """Exactly rounded."""
        return self.binary("fmul", a, b)

    def div(self, a: Value, b: Value) -> Value:
        """Exactly rounded."""
        return self.binary("fdiv", a, b)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """``a * b + c``, with one rounding where the machine can."""
        return self.call("fmuladd", *self.alike(a, b, c))

    def negate(self, a: Value) -> Value:
        """-a."""
        return self.make(f"fneg {a.typed}", a.kind, a.lanes)

    def compare(self, condition: str, a: Value, b: Value) -> Value:
        """``fcmp olt``, ``icmp slt`` ..."""
        return self.binary(condition, a, b, "i1")

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """`a` where the condition holds, else `b`."""
        condition, a, b = self.alike(condition, a, b)
        return self.make(f"select {condition.typed}, {a.typed}, {b.typed}", a.kind, a.lanes)

    def convert(self, opcode: str, a: Value, kind: str) -> Value:
        """``fptrunc``, ``zext``, ``bitcast`` ..."""
        to = kind if a.lanes == 1 else f"<{a.lanes} x {kind}>"
        return self.make(f"{opcode} {a.typed} to {to}", kind, a.lanes)

    def bits(self, a: Value) -> Value:
        """The bits of a float as an integer."""
        return self.convert("bitcast", a, INTEGER[a.kind])

    def floats(self, a: Value) -> Value:
        """An integer's bits as a float."""
        return self.convert("bitcast", a, "float" if a.kind == "i32" else "double")

    def call(self, intrinsic: str, *args: Value, tail: str = "") -> Value:
        """An intrinsic overloaded by its first argument, whose type the result has."""
        first = args[0]
        suffix = first.kind if first.kind[0] == "i" else {"float": "f32", "double": "f64"}[first.kind]
        suffix = suffix if first.lanes == 1 else f"v{first.lanes}{suffix}"
        name = f"@llvm.{intrinsic}.{suffix}"
        types = ", ".join(a.type for a in args) + (", i1" if tail else "")
        self.needs.add(f"declare {first.type} {name}({types})")
        operands = ", ".join(a.typed for a in args) + (f", {tail}" if tail else "")
        return self.make(f"call {first.type} {name}({operands})", first.kind, first.lanes)

    # Memory

    def address(self, base: str, kind: str, offset: Value | int) -> str:
        """A pointer to an element."""
        if offset == 0:
            return base
        index = f"i64 {offset}" if isinstance(offset, int) else f"i64 {offset.ref}"
        return self.make(f"getelementptr {kind}, ptr {base}, {index}", "ptr", 1).ref

    def load(self, pointer: str, kind: str, lanes: int, mask: Value | None = None) -> Value:
        """Neighbours in memory; lanes where `mask` is false are zero."""
        size = max(BITS[kind] // 8, 1)
        kind_lanes = Value("", kind, lanes)
        if mask is None:
            return self.make(f"load {kind_lanes.type}, ptr {pointer}, align {size}", kind, lanes)
        name = f"@llvm.masked.load.v{lanes}{_suffix(kind)}.p0"
        self.needs.add(f"declare {kind_lanes.type} {name}(ptr, i32, {mask.type}, {kind_lanes.type})")
        return self.make(
            f"call {kind_lanes.type} {name}(ptr {pointer}, i32 {size}, {mask.typed}, "
            f"{kind_lanes.type} zeroinitializer)", kind, lanes)  # fmt: skip

    def store(self, value: Value, pointer: str, mask: Value | None = None) -> None:
        """Neighbours in memory; lanes where `mask` is false are left."""
        size = max(BITS[value.kind] // 8, 1)
        if mask is None:
            self.emit(f"store {value.typed}, ptr {pointer}, align {size}")
            return
        name = f"@llvm.masked.store.v{value.lanes}{_suffix(value.kind)}.p0"
        self.needs.add(f"declare void {name}({value.type}, ptr, i32, {mask.type})")
        self.emit(f"call void {name}({value.typed}, ptr {pointer}, i32 {size}, {mask.typed})")

    def spread(self, base: str, kind: str, stride: int, lanes: int) -> Value:
        """Pointers `stride` elements apart."""
        steps = ", ".join(f"i64 {k * stride}" for k in range(lanes))
        return self.make(f"getelementptr {kind}, ptr {base}, <{lanes} x i64> <{steps}>", "ptr", lanes)

    def gather(self, pointers: Value, kind: str, mask: Value | None) -> Value:
        """One element from each pointer."""
        lanes = pointers.lanes
        mask = mask or self.constant("i1", 1, lanes)
        size, result = max(BITS[kind] // 8, 1), f"<{lanes} x {kind}>"
        name = f"@llvm.masked.gather.v{lanes}{_suffix(kind)}.v{lanes}p0"
        self.needs.add(f"declare {result} {name}(<{lanes} x ptr>, i32, {mask.type}, {result})")
        return self.make(
            f"call {result} {name}(<{lanes} x ptr> {pointers.ref}, i32 {size}, {mask.typed}, {result} zeroinitializer)",
            kind, lanes)  # fmt: skip

    def scatter(self, value: Value, pointers: Value, mask: Value | None) -> None:
        """One element to each pointer."""
        lanes = pointers.lanes
        mask = mask or self.constant("i1", 1, lanes)
        size = max(BITS[value.kind] // 8, 1)
        name = f"@llvm.masked.scatter.v{lanes}{_suffix(value.kind)}.v{lanes}p0"
        self.needs.add(f"declare void {name}({value.type}, <{lanes} x ptr>, i32, {mask.type})")
        self.emit(f"call void {name}({value.typed}, <{lanes} x ptr> {pointers.ref}, i32 {size}, {mask.typed})")


def _suffix(kind: str) -> str:
    return {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16"}.get(kind, kind)
