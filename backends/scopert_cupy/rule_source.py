"""A function over arrays as C++: it is called with symbols, and what it does to them is written down.

The rules of the optimizers (`scopert.ops.training_rules`) are such functions, so their formulas stand in one place.
What depends on numbers only is computed once per thread, before the loop over elements; a rule that looks at a number
is called once for each way it can go, and the kernel branches before the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


class Untraceable(Exception):
    """A function does more than compute."""


@dataclass(slots=True)
class _Trace:
    """One way through a function: statements before the loop, in it, and what was decided when."""

    decisions: list[bool]
    before: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    #: For each look at a number: how many statements stood before the loop, and the variable that decides.
    looks: list[tuple[int, str]] = field(default_factory=list)

    def new(self, expression: str, uniform: bool, kind: str = "A") -> Symbol:
        statements = self.before if uniform else self.inside
        name = f"{'u' if uniform else 'e'}{len(statements)}"
        statements.append(f"const {kind} {name} = {expression};")
        return Symbol(self, name, uniform, kind)

    def decide(self, name: str) -> bool:
        if len(self.looks) == len(self.decisions):
            self.decisions.append(True)
        self.looks.append((len(self.before), name))
        return self.decisions[len(self.looks) - 1]


class Symbol:
    """Stands for an array (of one shape with all others), or for a number; in-place operators rename it.

    Parameters
    ----------
    trace : _Trace
    name : str
        A C++ variable.
    uniform : bool
        It is a number.
    kind : str
        ``A`` for the type of arithmetic, or ``bool``.
    shape : tuple
        What it says its shape is.
    """

    __slots__ = ("_trace", "kind", "name", "shape", "uniform")

    def __init__(self, trace: _Trace, name: str, uniform: bool, kind: str = "A", shape: tuple[int, ...] = ()) -> None:
        self._trace, self.name, self.uniform, self.kind, self.shape = trace, name, uniform, kind, shape

    def write_view(self) -> Symbol:
        """A variable's memory: the symbol of its value."""
        return self

    def call(self, function: str, *others: Any, kind: str = "A") -> Symbol:
        """``function(self, *others)`` in C++."""
        names = [self.name]
        uniform = self.uniform
        for other in others:
            name, flat = _operand(other)
            names.append(name)
            uniform = uniform and flat
        return self._trace.new(f"{function}({', '.join(names)})", uniform, kind)

    def _binary(self, sign: str, other: Any, swap: bool = False, kind: str = "A") -> Symbol:
        name, flat = _operand(other)
        left, right = (name, self.name) if swap else (self.name, name)
        return self._trace.new(f"{left} {sign} {right}", self.uniform and flat, kind)

    def _become(self, other: Symbol) -> Symbol:
        if self.uniform and not other.uniform:
            raise Untraceable("a number cannot become an array")
        self.name, self.uniform = other.name, other.uniform
        return self

    def __add__(self, other: Any) -> Symbol:
        return self._binary("+", other)

    def __radd__(self, other: Any) -> Symbol:
        return self._binary("+", other, swap=True)

    def __sub__(self, other: Any) -> Symbol:
        return self._binary("-", other)

    def __rsub__(self, other: Any) -> Symbol:
        return self._binary("-", other, swap=True)

    def __mul__(self, other: Any) -> Symbol:
        return self._binary("*", other)

    def __rmul__(self, other: Any) -> Symbol:
        return self._binary("*", other, swap=True)

    def __truediv__(self, other: Any) -> Symbol:
        return self._binary("/", other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return self._binary("/", other, swap=True)

    def __neg__(self) -> Symbol:
        return self._trace.new(f"-{self.name}", self.uniform)

    def __gt__(self, other: Any) -> Symbol:
        return self._binary(">", other, kind="bool")

    def __eq__(self, other: object) -> Symbol:  # type: ignore[override]
        return self._binary("==", other, kind="bool")

    __hash__ = None  # type: ignore[assignment]

    def __iadd__(self, other: Any) -> Symbol:
        return self._become(self + other)

    def __isub__(self, other: Any) -> Symbol:
        return self._become(self - other)

    def __imul__(self, other: Any) -> Symbol:
        return self._become(self * other)

    def __itruediv__(self, other: Any) -> Symbol:
        return self._become(self / other)

    def __setitem__(self, key: Any, value: Symbol) -> None:
        if key is not Ellipsis:
            raise Untraceable("only whole arrays can be traced")
        self._become(value)

    def __bool__(self) -> bool:
        if not self.uniform or self.kind != "bool":
            raise Untraceable("the function looks at an array")
        return self._trace.decide(self.name)

    def __int__(self) -> int:
        raise Untraceable("the function looks at a number")

    @property
    def dtype(self) -> Any:
        """Not told."""
        raise Untraceable("the function looks at a type")


def _operand(value: Any) -> tuple[str, bool]:
    if isinstance(value, Symbol):
        return value.name, value.uniform
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise Untraceable(f"{type(value).__name__} cannot be traced")
    return f"(A){float(value)!r}", True


class _Namespace:
    """The array functions that can be traced."""

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"{name} cannot be traced")

    sqrt = staticmethod(lambda x: x.call("sc_sqrt"))
    exp = staticmethod(lambda x: x.call("sc_exp"))
    abs = staticmethod(lambda x: x.call("sc_abs"))
    sign = staticmethod(lambda x: x.call("sc_sign"))
    power = staticmethod(lambda x, y: x.call("sc_pow", y))
    maximum = staticmethod(lambda x, y: x.call("sc_max", y))
    where = staticmethod(lambda condition, x, y: condition.call("sc_select", x, y))
    zeros_like = staticmethod(lambda x: x._trace.new("0", True))


@dataclass(frozen=True, slots=True)
class Way:
    """Statements before the loop, those for an element, and the new values of what is changed.

    Attributes
    ----------
    before, inside : tuple of str
    looks : tuple of (int, str, bool)
        Where among `before` it was decided, by which variable, and how.
    changed : tuple of str
        For each array of `states`, the variable with its new value.
    """

    before: tuple[str, ...]
    inside: tuple[str, ...]
    looks: tuple[tuple[int, str, bool], ...]
    changed: tuple[str, ...]


Rule = Callable[..., None]


def ways(call: Callable[[Any, Sequence[Symbol]], None], arrays: Sequence[bool], states: int) -> list[Way]:
    """All ways through a function.

    Parameters
    ----------
    call : callable
        ``call(xp, symbols)`` runs it; the first `states` symbols are changed.
    arrays : sequence of bool
        Which of the symbols are arrays: in C++ they are called ``x0``, ``x1``...; the numbers too.

    Raises
    ------
    Untraceable
        If the function does more than compute.
    """
    found: list[Way] = []
    decisions: list[bool] = []
    while True:
        trace = _Trace(list(decisions))
        symbols = [Symbol(trace, f"x{k}", not each, shape=(2,) if each else ()) for k, each in enumerate(arrays)]
        call(_Namespace(), symbols)
        looks = tuple([(*look, decided) for look, decided in zip(trace.looks, trace.decisions, strict=True)])
        changed = tuple([symbol.name for symbol in symbols[:states]])
        found.append(Way(tuple(trace.before), tuple(trace.inside), looks, changed))
        decisions = trace.decisions
        while decisions and not decisions[-1]:
            decisions.pop()
        if not decisions:
            return found
        decisions[-1] = False


def branches(found: Sequence[Way], loop: Callable[[Way], str], depth: int = 0, done: int = 0) -> str:
    """C++ that goes the right way: `loop` gives the text of the loop of each."""
    first = found[0]
    if depth == len(first.looks):
        return "\n".join([*first.before[done:], loop(first)])
    count, name, _ = first.looks[depth]
    parts = [[way for way in found if way.looks[depth][2] is decided] for decided in (True, False)]
    yes, no = (branches(part, loop, depth + 1, count) for part in parts)
    return "\n".join([*first.before[done:count], f"if ({name}) {{", yes, "} else {", no, "}"])
