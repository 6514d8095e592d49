"""Patterns of fused bodies that NumPy has quicker ways for than one call for each primitive.

A label per row, compared with the position along the row, picks one element: ``sum(where(position == label, x, 0))``
is a gather, ``x - where(position == label, 1, 0)`` changes one element of each row. Sums along rows, and of products
along rows, are products with vectors, which BLAS has.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from scopert.backend import Fused, Node

#: ``sum_rows(x)``, ``dot_rows(x, y)``, ``pick(x, label)``, ``put_add(x, label)`` and ``put_sub(x, label)``.
ROWS = frozenset({"sum_rows", "dot_rows", "pick", "put_add", "put_sub"})
#: Longer rows are summed in pairs by NumPy, which is more exact.
_LONGEST = 1 << 13


def with_row_calls(fused: Fused) -> Fused:
    """The body with those patterns as primitives of their own; others stay."""
    last = len(fused.extents) - 1
    if fused.rows != last or not 1 < fused.extents[last] <= _LONGEST:
        return fused
    uses = Counter(arg for node in fused.nodes for arg in node.args)
    uses.update(store.node for store in fused.stores)
    nodes = list(fused.nodes)
    for number, node in enumerate(fused.nodes):
        nodes[number] = _sum(fused, uses, node, last) or _put(fused, node, last) or node
    return _without_dead(replace(fused, nodes=tuple(nodes)))


def _sum(fused: Fused, uses: Counter[int], node: Node, last: int) -> Node | None:
    if node.op != "sum" or node.value != frozenset({last}) or not node.dtype.is_floating:
        return None
    what = fused.nodes[node.args[0]]
    if last not in what.axes or what.dtype.np.itemsize < 4:
        return None
    label = _label(fused, what.args[0], last) if what.op == "select" else None
    if label is not None and _is_number(fused, what.args[2], 0.0) and last in fused.nodes[what.args[1]].axes:
        return replace(node, op="pick", args=(what.args[1], label), value=None)
    if what.op in ("mul", "square") and uses[node.args[0]] == 1:
        factors = what.args * (2 // len(what.args))
        if any(fused.nodes[arg].axes == what.axes for arg in factors) and all(
            last in fused.nodes[arg].axes for arg in factors
        ):
            return replace(node, op="dot_rows", args=factors, value=None)
    return replace(node, op="sum_rows", value=None)


def _put(fused: Fused, node: Node, last: int) -> Node | None:
    if node.op not in ("add", "sub") or not node.dtype.is_floating:
        return None
    x, change = (fused.nodes[arg] for arg in node.args)
    if change.op != "select" or x.axes != node.axes or last not in x.axes:
        return None
    label = _label(fused, change.args[0], last)
    one = fused.nodes[change.args[1]]
    if label is None or one.op != "const" or not _is_number(fused, change.args[2], 0.0):
        return None
    return replace(node, op=f"put_{node.op}", args=(node.args[0], label), value=one.value)


def _label(fused: Fused, condition: int, last: int) -> int | None:
    """The label of a row, where the condition is that the position along the row is the label."""
    node = fused.nodes[condition]
    if node.op != "eq":
        return None
    for here, other in (node.args, node.args[::-1]):
        position, label = fused.nodes[here], fused.nodes[other]
        if position.op == "index" and position.value == last and last not in label.axes and label.dtype.is_integer:
            return other
    return None


def _is_number(fused: Fused, number: int, value: float) -> bool:
    node = fused.nodes[number]
    return node.op == "const" and node.value == value


def _without_dead(fused: Fused) -> Fused:
    live = {store.node for store in fused.stores}
    for number in reversed(range(len(fused.nodes))):
        if number in live:
            live.update(fused.nodes[number].args)
    place = {old: new for new, old in enumerate(sorted(live))}
    nodes = tuple([replace(fused.nodes[old], args=tuple([place[a] for a in fused.nodes[old].args])) for old in place])
    return replace(fused, nodes=nodes, stores=tuple([replace(s, node=place[s.node]) for s in fused.stores]))


@cache
def _ones(count: int, dtype: Any) -> Any:
    return np.ones(count, dtype)


def _sum_rows(x: Any, out: Any) -> None:
    n = x.shape[-1]
    if x.flags.c_contiguous and out.flags.c_contiguous and n > 1:
        np.dot(x.reshape(-1, n), _ones(n, x.dtype), out=out.reshape(-1))
    else:
        np.add.reduce(x, -1, None, out, keepdims=True)


def _dot_rows(x: Any, y: Any, out: Any) -> None:
    np.vecdot(x, y, out=out[..., 0])


@cache
def _leading(shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Positions along all axes of a shape, to index with."""
    return tuple(np.ogrid[tuple([slice(0, size) for size in shape])])


def _rows_of(x: Any, label: Any) -> tuple[tuple[Any, ...], Any]:
    """The index of an element in each row, and which rows have one (None: all)."""
    n, label = x.shape[-1], label[..., 0]
    valid = None
    if label.view(f"u{label.itemsize}").max() >= n:  # negative ones are large then
        valid = (label >= 0) & (label < n)
        label = np.where(valid, label, 0)
    return (*_leading(x.shape[:-1]), label), valid


def _pick(x: Any, label: Any, out: Any) -> None:
    place, valid = _rows_of(x, label)
    found = x[place]
    out[..., 0] = found if valid is None else np.where(valid, found, 0)


def _put_one(x: Any, label: Any, change: Any, out: Any) -> None:
    if x is not out:
        np.copyto(out, x)
    place, valid = _rows_of(out, label)
    out[place] += change if valid is None else np.where(valid, change, 0).astype(out.dtype)


def row_call(node: Node) -> Any:
    """``function(*operands, out)`` of such a primitive."""
    if node.op == "sum_rows":
        return _sum_rows
    if node.op == "dot_rows":
        return _dot_rows
    if node.op == "pick":
        return _pick
    change = node.dtype.np.type(node.value if node.op == "put_add" else -node.value)
    return lambda x, label, out: _put_one(x, label, change, out)
