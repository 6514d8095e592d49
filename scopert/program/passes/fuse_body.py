"""Writing the nodes of a `Fused` body: equal nodes are written once, and axes follow from the operands."""

from __future__ import annotations

from typing import Any

from scopert.graph import dtypes
from scopert.graph.dtypes import DType
from scopert.program.expression import REDUCTIONS, Axes, Node

_BOOLEAN = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "isnan", "isinf", "isfinite"})


class Body:
    """The nodes so far.

    Attributes
    ----------
    nodes : list of Node
    place : tuple of tuple of int
        For `position`: the axes of the space along each axis of the array that is being computed.
    """

    def __init__(self, extents: tuple[int, ...]) -> None:
        self.extents = extents
        self.nodes: list[Node] = []
        self.place: tuple[tuple[int, ...], ...] = ()
        self._known: dict[Any, int] = {}

    def __call__(self, op: str, *args: int, dtype: DType | None = None) -> int:
        """A primitive; its type is bool for comparisons, else that of its last operand."""
        if dtype is None:
            dtype = dtypes.bool if op in _BOOLEAN else self.nodes[args[-1]].dtype
        axes: Axes = frozenset().union(*[self.nodes[arg].axes for arg in args])
        return self._add(op, args, dtype, axes)

    def const(self, value: Any, dtype: DType) -> int:
        """A scalar, rounded to its type."""
        if dtype.is_floating:
            value = float(dtype.np.type(value))
        else:
            value = bool(value) if dtype.is_bool else int(value)
        return self._add("const", (), dtype, frozenset(), value)

    def like(self, node: int, value: Any) -> int:
        """A scalar of a node's type."""
        return self.const(value, self.nodes[node].dtype)

    def cast(self, node: int, dtype: DType) -> int:
        """A node in another type."""
        return node if self.nodes[node].dtype is dtype else self("cast", node, dtype=dtype)

    def load(self, number: int, dtype: DType, axes: Axes) -> int:
        """An input at the current point."""
        return self._add("load", (), dtype, axes, number)

    def reduce(self, op: str, node: int, over: Axes) -> int:
        """A reduction over axes of the space."""
        assert op in REDUCTIONS
        made = self.nodes[node]
        return self._add(op, (node,), made.dtype, made.axes - over, over)

    def position(self, axis: int, dtype: DType) -> int:
        """Where along an axis of the array the current point is."""
        made: int | None = None
        step = 1
        for k in reversed(self.place[axis]):
            index = self._add("index", (), dtype, frozenset({k}), k)
            if step != 1:
                index = self("mul", index, self.const(step, dtype))
            made = index if made is None else self("add", index, made)
            step *= self.extents[k]
        return self.const(0, dtype) if made is None else made

    def _add(self, op: str, args: tuple[int, ...], dtype: DType, axes: Axes, value: Any = None) -> int:
        # -0.0 equals 0.0, but is another constant.
        key = (op, args, dtype, repr(value) if op == "const" else value)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.nodes)
            self.nodes.append(Node(op, args, dtype, axes, value))
        return found
