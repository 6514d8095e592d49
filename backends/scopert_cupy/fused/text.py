"""Writing kernels: lines, index arithmetic, and nodes as C++ expressions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from scopert.backend import Access, DType, Fused, Node
from scopert.program.expression import REDUCTIONS
from scopert.program.space import SAME
from scopert_cupy.fused.space import Array, Nest, is_vector
from scopert_cupy.prelude import computed, stored

_INFIX = {
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=", "and": "&&", "or": "||", "xor": "!=",
}  # fmt: skip


#: Functions that have a faster form for results that are rounded to these types.
_FAST = {"exp": ("float16", "bfloat16"), "sigmoid": ("float16", "bfloat16"), "tanh": ("bfloat16",)}


class Unsupported(Exception):
    """A body, or a part of it, that no kernel is written for."""


class Lines:
    """Lines of C++."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 1

    def __call__(self, text: str) -> None:
        self._lines.append("  " * self._depth + text)

    @contextmanager
    def block(self, head: str, unrolled: bool = False) -> Iterator[None]:
        """``head { ... }``."""
        if unrolled:
            self("#pragma unroll")
        self(f"{head} {{" if head else "{")
        self._depth += 1
        yield
        self._depth -= 1
        self("}")

    def text(self) -> str:
        return "\n".join(self._lines)


def literal(value: Any, dtype: DType) -> str:
    """A number of a type, as it is computed with."""
    kind = computed(dtype)
    if kind == "bool":
        return "true" if value else "false"
    if dtype.is_floating:
        number, suffix, double = float(value), "f" if kind == "float" else "", "" if kind == "float" else "_F64"
        if math.isnan(number):
            return f"SC_NAN{double}"
        if math.isinf(number):
            return f"{'-' if number < 0 else ''}SC_INFINITY{double}"
        return f"({number!r}{suffix})" if number < 0 or math.copysign(1, number) < 0 else f"{number!r}{suffix}"
    number = int(value)
    if kind == "unsigned long long":
        return f"{number}ull"
    if kind == "long long":
        return f"({number + 1}ll - 1)" if number == -(1 << 63) else f"({number}ll)"
    if kind == "unsigned":
        return f"{number}u"
    text = f"({number + 1} - 1)" if number == -(1 << 31) else f"({number})"
    return text if kind == "int" else f"({kind}){text}"


def expression(node: Node, fused: Fused, args: Sequence[str]) -> str:
    """A primitive of operands that have names.

    Raises
    ------
    Unsupported
        If there is none.
    """
    op, dtype = node.op, node.dtype
    if op in _INFIX:
        return f"{args[0]} {_INFIX[op]} {args[1]}"
    if op == SAME:
        return args[0]
    if op == "not":
        return f"!{args[0]}"
    if op == "cast":
        text = f"sc_cast<{computed(dtype)}>({args[0]})"
        return f"sc_round_to<{stored(dtype)}>({text})" if stored(dtype) in ("sc_f16", "sc_bf16") else text
    if op in REDUCTIONS:
        raise Unsupported(f"{op} in the wrong place")
    if op in _FAST and dtype.name in _FAST[op]:
        return f"sc_fast_{op}({args[0]})"
    return f"sc_{op}({', '.join(args)})"


def check_types(nest: Nest) -> None:
    """Raises `Unsupported` where kernels have no type for a value."""
    for dtype in (*[node.dtype for node in nest.fused.nodes], *[a.dtype for a in (*nest.loads, *nest.stores)]):
        if stored(dtype) is None:
            raise Unsupported(f"values of type {dtype.name}")
    if len(nest.loads) + len(nest.stores) > 400:
        raise Unsupported("more arrays than a kernel takes arguments")


class Indices:
    """Positions along the axes of a space, and where accesses lie.

    Parameters
    ----------
    wide : bool
        Count in 64 bits.
    """

    def __init__(self, wide: bool) -> None:
        self.signed = "long long" if wide else "int"
        self.unsigned = "unsigned long long" if wide else "unsigned"
        #: Axis -> its position as a C++ expression.
        self.at: dict[int, str] = {}

    def split(self, write: Lines, flat: str, axes: Sequence[int], extents: Sequence[int], unit: int, tag: str) -> None:
        """Positions along `axes` from one number that counts them, the last axis in steps of `unit`."""
        rest = flat
        for place, k in reversed(list(enumerate(axes))):
            count = extents[k] // unit if place == len(axes) - 1 else extents[k]
            times = f" * {unit}" if unit > 1 and place == len(axes) - 1 else ""
            name = f"{tag}{k}"
            if place:
                write(f"{self.unsigned} {name}q = {rest} / {count}u;")
                write(f"{self.signed} {name} = ({self.signed})({rest} - {name}q * {count}u){times};")
                rest = f"{name}q"
            else:
                write(f"{self.signed} {name} = ({self.signed}){rest}{times};")
            self.at[k] = name

    def offset(self, access: Access, leave: int | None = None) -> str:
        """Where an access lies at the current position, in elements; without its part along one axis."""
        terms = [
            f"{self.at[k]}" if stride == 1 else f"{self.at[k]} * {_number(stride, self.signed)}"
            for k, stride in enumerate(access.strides)
            if stride and k in self.at and k != leave
        ]
        if access.offset:
            terms.append(_number(access.offset, self.signed))
        return " + ".join(terms) or "0"

    def first(self, access: Access, axes: Sequence[int], extents: Sequence[int]) -> str:
        """The condition that a store writes an element once: at the beginning of axes along which it stands still."""
        return " && ".join([f"{self.at[k]} == 0" for k in axes if not access.strides[k] and extents[k] > 1])


def _number(value: int, kind: str) -> str:
    suffix = "ll" if kind == "long long" else ""
    return f"({value}{suffix})" if value < 0 else f"{value}{suffix}"


class Values:
    """Prints nodes, each once in a scope.

    Names of values: ``n<number>``. A scope inherits what its parent has.
    """

    def __init__(self, fused: Fused, indices: Indices, names: Mapping[int, str] | None = None) -> None:
        self.fused = fused
        self.indices = indices
        self.names: dict[int, str] = dict(names or {})
        #: Names of reciprocals by node, for divisions by it.
        self.inverses: dict[int, str] = {}

    def inner(self) -> Values:
        """A scope inside of this one."""
        made = Values(self.fused, self.indices, self.names)
        made.inverses = self.inverses
        return made

    def invert(self, write: Lines, number: int) -> None:
        """Prints the reciprocal of a value that many will be divided by."""
        if number not in self.inverses:
            write(f"const float r{number} = 1.0f / {self(write, number)};")
            self.inverses[number] = f"r{number}"

    def __call__(self, write: Lines, number: int) -> str:
        """The name of a node's value; prints what it needs. Loads must have names already."""
        found = self.names.get(number)
        if found is not None:
            return found
        waiting = [number]
        while waiting:
            now = waiting[-1]
            missing = [arg for arg in self.fused.nodes[now].args if arg not in self.names]
            if now in self.names:
                waiting.pop()
            elif missing:
                waiting.extend(reversed(missing))
            else:
                self.names[now] = self._print(write, now)
                waiting.pop()
        return self.names[number]

    def _print(self, write: Lines, number: int) -> str:
        node = self.fused.nodes[number]
        kind = computed(node.dtype)
        if node.op == "const":
            return literal(node.value, node.dtype)
        if node.op == "index":
            text = f"sc_cast<{kind}>({self.indices.at[node.value]})"
        elif node.op == "load":
            raise Unsupported(f"load {number} was not made")
        elif node.op == "div" and node.args[1] in self.inverses:
            x, y = (self.names[arg] for arg in node.args)
            text = f"sc_quotient({x}, {y}, {self.inverses[node.args[1]]})"
        else:
            text = expression(node, self.fused, [self.names[arg] for arg in node.args])
        write(f"{kind} n{number} = {text};")
        return f"n{number}"


def parameters(nest: Nest, *more: str) -> str:
    """The parameters of a kernel: the arrays of loads, of stores, and more."""
    loads = [
        f"const {'unsigned long long' if array.drawn else stored(array.dtype)}* in{k}"
        for k, array in enumerate(nest.loads)
    ]
    stores = [f"{stored(array.dtype)}* out{k}" for k, array in enumerate(nest.stores)]
    return ", ".join([*loads, *stores, *more])


def drawn(array: Array, k: int, width: int, at: str) -> str:
    """The expression of some neighbours of an array that is not in memory, but drawn."""
    kind = stored(array.dtype)
    return f"sc_drawn<sc_{array.drawn}_of<{kind}>, {width}>(sc_stream_at(in{k}), (unsigned long long)({at}))"


def widest(nest: Nest, inner: int | None, width: int) -> int:
    """The bytes of the widest access of a kernel whose threads take `width` neighbours; 0 if that is below 16."""
    if inner is None or width == 1:
        return 0
    accesses: list[tuple[Access, Array]] = [*zip(nest.fused.loads, nest.loads, strict=True)]
    accesses += [(s.access, array) for s, array in zip(nest.fused.stores, nest.stores, strict=True)]
    found = [a.dtype.np.itemsize * width for access, a in accesses if is_vector(access, inner, width) and not a.drawn]
    return 16 if max(found, default=0) >= 16 else 0
