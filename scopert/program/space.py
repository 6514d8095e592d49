"""The space that a fused body walks, in another way: its axes in another order, several of them as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from scopert.program.expression import REDUCTIONS, Access, Axes, Fused, Node, Store

Strides: TypeAlias = tuple[int, ...]

#: What a reduction over no axis is: its operand. Printers know it beside the primitives.
SAME = "same"


def with_axes(fused: Fused, order: Sequence[int], rows: int) -> Fused:
    """The body with its axes in this order, the first `rows` of them rows; those left out have extent 1."""
    place = {old: new for new, old in enumerate(order)}

    def axes(old: Iterable[int]) -> Axes:
        return frozenset([place[k] for k in old if k in place])

    nodes = []
    for node in fused.nodes:
        value, op = node.value, node.op
        if op in REDUCTIONS:
            value = axes(value)
            if not value:
                op, value = SAME, None
        elif op == "index":
            if value in place:
                value = place[value]
            else:
                op, value = "const", 0
        nodes.append(Node(op, node.args, node.dtype, axes(node.axes), value))
    return Fused(
        tuple([fused.extents[k] for k in order]), rows, tuple(nodes),
        *_moved(fused, lambda strides: tuple([strides[k] for k in order])),
    )  # fmt: skip


def with_joined_axes(fused: Fused) -> Fused:
    """The body with neighbouring axes as one where every access walks them as one; rows and columns stay apart."""
    k = 0
    while k + 1 < len(fused.extents):
        if k + 1 != fused.rows and _is_one(fused, k):
            fused = _joined(fused, k)
        else:
            k += 1
    return fused


def _is_one(fused: Fused, k: int) -> bool:
    n = fused.extents[k + 1]
    for access in (*fused.loads, *[store.access for store in fused.stores]):
        if access.strides[k] != access.strides[k + 1] * n:
            return False
    for node in fused.nodes:
        if node.op == "index" and node.value in (k, k + 1):
            return False
        if node.op in REDUCTIONS and (k in node.value) != (k + 1 in node.value):
            return False
    return True


def _joined(fused: Fused, k: int) -> Fused:
    def axes(old: Iterable[int]) -> Axes:
        return frozenset([a if a <= k else a - 1 for a in old])

    nodes = []
    for node in fused.nodes:
        value = node.value
        if node.op in REDUCTIONS:
            value = axes(value)
        elif node.op == "index" and value > k:
            value -= 1
        nodes.append(replace(node, axes=axes(node.axes), value=value))
    return Fused(
        (*fused.extents[:k], fused.extents[k] * fused.extents[k + 1], *fused.extents[k + 2 :]),
        fused.rows - (k < fused.rows), tuple(nodes),
        *_moved(fused, lambda strides: (*strides[:k], *strides[k + 1 :])),
    )  # fmt: skip


def _moved(fused: Fused, strides: Callable[[Strides], Strides]) -> tuple[tuple[Access, ...], tuple[Store, ...]]:
    """Loads and stores with other strides."""

    def access(old: Access) -> Access:
        return Access(strides(old.strides), old.offset)

    loads = tuple([access(load) for load in fused.loads])
    return loads, tuple([Store(store.node, access(store.access)) for store in fused.stores])
