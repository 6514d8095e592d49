"""Rules of optimizers as expressions: a Python function over arrays is called once with symbols instead of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scopert.backend import Access, DType, Fused, Node, as_dtype
from scopert.program.expression import Axes, Store

_boolean = as_dtype("bool")
# The size that the body is planned for: longer than any array.
_LONG = 1 << 40


class Untraceable(Exception):
    """A function does more than compute."""


class _Symbol:
    """Stands for an array, or for a number, while a function is traced; in-place operators replace its node."""

    __slots__ = ("_nodes", "kind", "node")

    def __init__(self, nodes: list[Node], node: int, kind: DType) -> None:
        self._nodes, self.node, self.kind = nodes, node, kind

    def _new(self, op: str, others: Sequence[Any] = (), kind: DType | None = None, swap: bool = False) -> _Symbol:
        args = [self.node, *[self._number(other) for other in others]]
        if swap:
            args.reverse()
        axes: Axes = frozenset().union(*[self._nodes[arg].axes for arg in args])
        made = kind or self.kind
        self._nodes.append(Node(op, tuple(args), made, axes))
        return _Symbol(self._nodes, len(self._nodes) - 1, made)

    def _number(self, other: Any) -> int:
        if isinstance(other, _Symbol):
            return other.node
        if not isinstance(other, int | float):
            raise Untraceable(f"{type(other).__name__} cannot be traced")
        self._nodes.append(Node("const", (), self.kind, frozenset(), float(other)))
        return len(self._nodes) - 1

    def _become(self, other: _Symbol) -> _Symbol:
        self.node = other.node
        return self

    def __add__(self, other: Any) -> _Symbol:
        return self._new("add", [other])

    def __radd__(self, other: Any) -> _Symbol:
        return self._new("add", [other], swap=True)

    def __sub__(self, other: Any) -> _Symbol:
        return self._new("sub", [other])

    def __rsub__(self, other: Any) -> _Symbol:
        return self._new("sub", [other], swap=True)

    def __mul__(self, other: Any) -> _Symbol:
        return self._new("mul", [other])

    def __rmul__(self, other: Any) -> _Symbol:
        return self._new("mul", [other], swap=True)

    def __truediv__(self, other: Any) -> _Symbol:
        return self._new("div", [other])

    def __rtruediv__(self, other: Any) -> _Symbol:
        return self._new("div", [other], swap=True)

    def __neg__(self) -> _Symbol:
        return self._new("neg")

    def __gt__(self, other: Any) -> _Symbol:
        return self._new("gt", [other], _boolean)

    def __iadd__(self, other: Any) -> _Symbol:
        return self._become(self + other)

    def __isub__(self, other: Any) -> _Symbol:
        return self._become(self - other)

    def __imul__(self, other: Any) -> _Symbol:
        return self._become(self * other)

    def __itruediv__(self, other: Any) -> _Symbol:
        return self._become(self / other)

    def __setitem__(self, key: Any, value: _Symbol) -> None:
        if key is not Ellipsis:
            raise Untraceable("only whole arrays can be traced")
        self._become(value)

    def __bool__(self) -> bool:
        raise Untraceable("the function looks at a number")

    def __int__(self) -> int:
        raise Untraceable("the function looks at a number")

    @property
    def dtype(self) -> Any:
        raise Untraceable("the function looks at a type")


class _Namespace:
    """The array functions that can be traced."""

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"{name} cannot be traced")

    sqrt = staticmethod(lambda x: x._new("sqrt"))
    exp = staticmethod(lambda x: x._new("exp"))
    abs = staticmethod(lambda x: x._new("abs"))
    sign = staticmethod(lambda x: x._new("sign"))
    maximum = staticmethod(lambda x, y: x._new("max", [y]))


def trace(rule: Callable[..., None], states: int, full: Sequence[bool], dtype: DType, flags: dict[str, bool]) -> Fused:
    """The body of ``rule(xp, *states, *others, **flags)``; `full` says which of the others are arrays.

    Raises
    ------
    Untraceable
        If the rule does more than compute.
    """
    nodes: list[Node] = []
    symbols = []
    for number, array in enumerate((*[True] * states, *full)):
        nodes.append(Node("load", (), dtype, frozenset({0} if array else ()), number))
        symbols.append(_Symbol(nodes, number, dtype))
    rule(_Namespace(), *symbols, **flags)
    loads = tuple(Access((int(array),)) for array in (*[True] * states, *full))
    stores = tuple(Store(symbol.node, Access((1,))) for symbol in symbols[:states])
    return Fused((_LONG,), 0, tuple(nodes), loads, stores)
