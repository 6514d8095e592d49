"""Fused loops: what a `FUSED` step computes, as scalar expressions over one iteration space.

A fused step walks a space of `extents`, rows first, columns last. At each point it loads from its inputs,
computes, reduces, and stores::

    fused 4096 x 1000, 1 row axis
      0 = load 0 [1000, 1]                 %7 logits
      1 = max 0 over columns
      2 = sub 0 1
      3 = exp 2
      4 = sum 3 over columns
      5 = div 3 4
      store 5 [1000, 1]                    %9 Softmax

It says *what* happens at a point, never how: one expression has several printers (blocks of NumPy calls,
machine code, CUDA), and each decides on blocks, threads and vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from scopert.graph.dtypes import DType

Axes: TypeAlias = frozenset[int]

#: Primitives of one, two and three operands. All printers know all of them, and no others.
UNARY = frozenset({
    "neg", "abs", "sign", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log", "log1p", "sin", "cos",
    "tan", "tanh", "sigmoid", "softplus", "erf", "floor", "ceil", "round", "not", "isnan", "isinf", "isfinite",
})  # fmt: skip
BINARY = frozenset({
    "add", "sub", "mul", "div", "max", "min", "pow", "mod", "floordiv", "atan2",
    "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor",
})  # fmt: skip
#: ``select(condition, then, otherwise)``.
TERNARY = frozenset({"select"})
#: Reductions over axes of the space; ``sum`` of float16 and bfloat16 accumulates in float32.
REDUCTIONS = frozenset({"sum", "prod", "max_over", "min_over"})
LEAVES = frozenset({"load", "const", "index"})
#: ``cast`` to the node's dtype.
OTHERS = frozenset({"cast"})


@dataclass(frozen=True, slots=True)
class Access:
    """Where a point of the space lies in an array: ``offset + sum(index[k] * strides[k])``, in elements.

    A stride of 0 broadcasts; a transpose, slice or reversal of a contiguous array is an Access too.
    """

    strides: tuple[int, ...]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """One scalar operation.

    Attributes
    ----------
    op : str
        ``load``, ``const``, ``index`` or a primitive.
    args : tuple of int
        Earlier nodes.
    dtype : DType
    axes : frozenset of int
        The axes of the space along which the value varies: where it may be computed once.
    value : object
        The input's number for ``load``, the Python scalar for ``const``, the axis for ``index``, the
        reduced axes (a frozenset) for reductions.
    """

    op: str
    args: tuple[int, ...]
    dtype: DType
    axes: Axes
    value: Any = None


@dataclass(frozen=True, slots=True)
class Store:
    """A result: a node and where it goes in the step's output of the same position."""

    node: int
    access: Access


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """The body of a `FUSED` step.

    Attributes
    ----------
    extents : tuple of int
        The iteration space.
    rows : int
        How many leading axes are rows; the others are columns. A reduction whose result is used again in
        the same body reduces exactly the columns; any other may reduce any axes and only be stored.
    nodes : tuple of Node
        Each after its arguments.
    loads : tuple of Access
        One for each input of the step.
    stores : tuple of Store
        One for each output of the step. A stored reduction has stride 0 along the reduced axes.
    """

    extents: tuple[int, ...]
    rows: int
    nodes: tuple[Node, ...]
    loads: tuple[Access, ...]
    stores: tuple[Store, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """The text of the body, a line a node."""
        space = " x ".join(str(n) for n in self.extents) or "1"
        yield f"fused {space}, {self.rows} row {'axis' if self.rows == 1 else 'axes'}"
        for number, node in enumerate(self.nodes):
            yield f"  {number} = {self._node_text(node)}"
        for output, store in enumerate(self.stores):
            yield f"  store {output} = {store.node} {_access_text(store.access)}"

    def _node_text(self, node: Node) -> str:
        words = [node.op]
        if node.op == "load":
            words += [str(node.value), _access_text(self.loads[node.value])]
        elif node.op in LEAVES:
            words.append(repr(node.value))
        words += [str(arg) for arg in node.args]
        if node.op in REDUCTIONS:
            columns = frozenset(range(self.rows, len(self.extents)))
            words.append("over columns" if node.value == columns else f"over {sorted(node.value)}")
        if node.op == "cast":
            words.append(node.dtype.name)
        return " ".join(words)


def _access_text(access: Access) -> str:
    text = f"[{', '.join(str(stride) for stride in access.strides)}]"
    return text if not access.offset else f"{text} + {access.offset}"


def check(fused: Fused) -> None:
    """The rules that every body obeys.

    Raises
    ------
    ValueError
        Naming the rule and the node that breaks it.
    """
    every = frozenset(range(len(fused.extents)))
    columns = frozenset(range(fused.rows, len(fused.extents)))
    for number, node in enumerate(fused.nodes):
        if any(not 0 <= arg < number for arg in node.args):
            raise ValueError(f"node {number} ({node.op}) uses a node that does not come before it: {node.args}")
        count = {1: UNARY | REDUCTIONS | OTHERS, 2: BINARY, 3: TERNARY, 0: LEAVES}.get(len(node.args), frozenset())
        if node.op not in count:
            raise ValueError(f"node {number}: {node.op} with {len(node.args)} operands is no primitive")
        below = frozenset[int]().union(*(fused.nodes[arg].axes for arg in node.args))
        if node.op == "load":
            below = frozenset(k for k, stride in enumerate(fused.loads[node.value].strides) if stride)
        elif node.op == "index":
            below = frozenset({node.value})
        elif node.op in REDUCTIONS:
            below = below - node.value
        below = frozenset(k for k in below if fused.extents[k] != 1)
        if node.axes != below or not node.axes <= every:
            raise ValueError(f"node {number} ({node.op}) varies along {sorted(below)}, not {sorted(node.axes)}")
        for arg in node.args:
            used = fused.nodes[arg]
            if used.op in REDUCTIONS and used.value != columns:
                raise ValueError(f"node {number} uses reduction {arg}, which is not over the columns")
    for store in fused.stores:
        varying = frozenset(k for k, stride in enumerate(store.access.strides) if stride)
        if not fused.nodes[store.node].axes <= varying:
            raise ValueError(f"the store of node {store.node} does not keep all of its axes")
