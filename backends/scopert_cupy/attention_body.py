"""The two fused bodies of attention: the softmax of scores that were scaled and masked, and its gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scopert.backend import Access, Fused
from scopert.program.expression import REDUCTIONS, Store
from scopert_cupy.affine import Affine, Reading

#: A score at most so large is never chosen: what people add is -1e4 in 16 bits, or far less. As bfloat16 that is -9984.
MASKED = -9000.0
_MOST = 1 << 24


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a softmax is taken of, and where it goes.

    Attributes
    ----------
    scale : float
        Of the product of queries and keys.
    causal : bool
        Row ``i`` sees the columns up to ``i``; else all rows see all columns.
    bias : int or None
        A node of the body that is added, and depends on nothing but other inputs.
    negated : bool
        It is taken away.
    added : tuple
        What that node computes, said without the numbers of nodes and inputs: what is the same is equal.
    stored : tuple of str
        What the body stores: the ``softmax``, and the ``largest`` and the ``total`` of each row.
    """

    scale: float
    causal: bool
    bias: int | None
    negated: bool = False
    added: tuple[Any, ...] = ()
    stored: tuple[str, ...] = ()


def softmax_of(
    body: Fused, product: int, slots: tuple[int, ...], known: Mapping[int, Any], shape: tuple[int, int, int, int]
) -> Scores | None:  # fmt: skip
    """A body as the softmax over the columns of what it makes of its input `product`; None if it is none.

    It stores that, as it is or cast, and perhaps what a gradient computes it from again. `slots` are its inputs, and
    `known` the arrays of some of them; the product has batches, heads, rows and columns.
    """
    stacks, rows, columns = shape[0] * shape[1], *shape[2:]
    if not _fits(body, body.loads[product], stacks * rows, columns):
        return None
    roots = {_uncast(body, store.node) for store in body.stores if _is_whole(body, store.access)}
    parts = _quotient(body, roots.pop()) if len(roots) == 1 else None
    seed = _load(body, product)
    if parts is None or seed is None:
        return None
    scores, largest, exponential, total = parts
    if not _reduces(body, total, "sum", exponential) or not _reduces(body, largest, "max_over", scores):
        return None
    stored = []
    for store in body.stores:
        vector = {largest: "largest", total: "total"}.get(store.node) if _is_vector(body, store.access) else None
        if vector is None and not _is_whole(body, store.access):
            return None
        stored.append(vector or "softmax")
    read = Reading(body, known).of(scores, seed)
    found = None if read is None else _scores(body, read, slots, shape)
    return None if found is None else replace(found, stored=tuple(stored))


def is_gradient_of(
    scores: Scores, body: Fused, roles: Mapping[int, str], slots: tuple[int, ...], known: Mapping[int, Any],
    rounding: float, shape: tuple[int, int, int, int],
) -> bool:  # fmt: skip
    """Whether a body makes the gradient of the product from that of the softmax.

    `roles` says which inputs are the ``gradient`` of the softmax, the ``product``, and what the softmax's body stored.
    """
    stacks, rows, columns = shape[0] * shape[1], *shape[2:]
    if len(body.stores) != 1 or not _is_whole(body, body.stores[0].access):
        return False
    for number, role in roles.items():
        right = _is_vector if role in ("largest", "total") else _is_whole
        if not right(body, body.loads[number]):
            return False
    if math.prod(body.extents[: body.rows]) != stacks * rows or math.prod(body.extents[body.rows :]) != columns:
        return False
    reading = Reading(body, known)

    def is_softmax(number: int) -> bool:
        if roles.get(_input(body, number), "") == "softmax":
            return True
        parts = _quotient(body, _uncast(body, number))
        seed = next((_load(body, each) for each, role in roles.items() if role == "product"), None)
        if parts is None or seed is None:
            return False
        again, largest, _, total = parts
        if (roles.get(_input(body, largest)), roles.get(_input(body, total))) != ("largest", "total"):
            return False
        read = reading.of(again, seed)
        made = None if read is None else _scores(body, read, slots, shape)
        if made is None or not math.isclose(made.scale, scores.scale, rel_tol=rounding):
            return False
        return (made.causal, made.negated, made.added) == (scores.causal, scores.negated, scores.added)

    def is_core(number: int) -> bool:
        """Whether a node is ``(g - sum(g * p)) * p``."""
        node = body.nodes[number]
        for difference, p in (node.args, node.args[::-1]) if node.op == "mul" else ():
            inner = body.nodes[difference]
            if inner.op != "sub" or not is_gradient(inner.args[0]) or not is_softmax(p):
                continue
            total = body.nodes[_uncast(body, inner.args[1])]
            product = body.nodes[_uncast(body, total.args[0])] if total.op == "sum" else node
            if product is node or product.op != "mul" or total.value != _columns(body):
                continue
            if any(is_gradient(a) and is_softmax(b) for a, b in (product.args, product.args[::-1])):
                return True
        return False

    def is_gradient(number: int) -> bool:
        return roles.get(_input(body, number)) == "gradient"

    seed = next((number for number in range(len(body.nodes)) if is_core(number)), None)
    found = None if seed is None else reading.of(body.stores[0].node, seed)
    if found is None or found.beside is not None:
        return False
    parts = [_square(body, array, stacks, rows, columns) for array in (found.factor, found.offset)]
    if parts[0] is None or parts[1] is None or parts[1].any():
        return False
    # Where the softmax is 0, so is its gradient, whatever it is multiplied with.
    visible = np.tri(rows, columns, dtype=bool) if scores.causal else np.ones((), bool)
    right = np.isclose(parts[0], scores.scale, rtol=rounding, atol=0)
    return bool((right | ~visible).all() and np.isfinite(parts[0]).all())


def _scores(
    body: Fused, found: Affine, slots: tuple[int, ...], shape: tuple[int, int, int, int]
) -> Scores | None:  # fmt: skip
    stacks, rows, columns = shape[0] * shape[1], *shape[2:]
    parts = [_square(body, array, stacks, rows, columns) for array in (found.factor, found.offset)]
    if parts[0] is None or parts[1] is None:
        return None
    factor, offset = np.broadcast_arrays(*parts)
    visible = ~(offset <= MASKED)
    seen = factor[visible]
    if not seen.size or not math.isfinite(seen[0]) or (seen != seen[0]).any() or offset[visible].any():
        return None
    causal = not visible.all()
    if causal and (visible != np.tri(rows, columns, dtype=bool)).any():
        return None
    added: tuple[Any, ...] = ()
    if found.beside is not None:
        said = _said(body, found.beside, slots, shape)
        if said is None:
            return None
        added = said
    return Scores(float(seen[0]), causal, found.beside, found.negated, added)


def _said(body: Fused, number: int, slots: tuple[int, ...], shape: tuple[int, int, int, int]) -> tuple[Any, ...] | None:
    """What a node computes, in terms of slots and of the axes of `shape`; None of what is not a map of elements."""
    node = body.nodes[number]
    if node.op in REDUCTIONS or node.op == "index":
        return None
    if node.op == "load":
        access = body.loads[node.value]
        strides = divided(body.extents, access.strides, shape)
        return None if strides is None else ("load", slots[node.value], access.offset, strides)
    args = [_said(body, arg, slots, shape) for arg in node.args]
    return None if None in args else (node.op, node.dtype.name, node.value, *args)


def divided(
    extents: tuple[int, ...], strides: tuple[int, ...], shape: tuple[int, int, int, int]
) -> tuple[int, ...] | None:
    """Strides over `extents`, whose axes are neighbours of `shape` joined, as strides over `shape`."""
    found: list[int] = []
    axes = list(shape)
    for extent, stride in zip(reversed(extents), reversed(strides), strict=True):
        while axes and (extent > 1 or axes[-1] == 1):
            size = axes.pop()
            if extent % size:
                return None
            found.append(stride if size > 1 else 0)
            stride, extent = stride * size, extent // size
        if extent > 1:
            return None
    found += [0] * len(axes)
    return tuple(reversed(found)) if set(axes) <= {1} else None


def body_of(body: Fused, number: int, negated: bool) -> tuple[Fused, tuple[int, ...]]:
    """A body that makes a node alone, over the axes along which it varies; and which inputs of the other it takes."""
    needed = {number}
    for each in range(number, -1, -1):
        if each in needed:
            needed.update(body.nodes[each].args)
    kept = sorted(needed)
    place = {old: new for new, old in enumerate(kept)}
    inputs = tuple(sorted({body.nodes[each].value for each in kept if body.nodes[each].op == "load"}))
    nodes = []
    for each in kept:
        node = body.nodes[each]
        value = inputs.index(node.value) if node.op == "load" else node.value
        nodes.append(replace(node, args=tuple([place[arg] for arg in node.args]), value=value))
    if negated:
        nodes.append(replace(nodes[-1], op="neg", args=(len(nodes) - 1,), value=None))
    extents = tuple([n if axis in nodes[-1].axes else 1 for axis, n in enumerate(body.extents)])
    loads = [body.loads[each] for each in inputs]
    within = [
        Access(tuple([s if n > 1 else 0 for s, n in zip(load.strides, extents, strict=True)]), load.offset)
        for load in loads
    ]  # fmt: skip
    strides, step = [0] * len(extents), 1
    for axis in reversed(range(len(extents))):
        strides[axis] = step if extents[axis] > 1 else 0
        step *= extents[axis]
    store = Store(len(nodes) - 1, Access(tuple(strides)))
    return Fused(extents, len(extents), tuple(nodes), tuple(within), (store,)), inputs


def _square(body: Fused, array: Any, stacks: int, rows: int, columns: int) -> Any:
    """An array over the space as ``(stacks or 1, rows, columns)``; None if it is too large to look at."""
    array = np.asarray(array)
    array = array.reshape((1,) * (len(body.extents) - array.ndim) + array.shape)
    for first in range(len(body.extents)):
        if math.prod(body.extents[first:]) == rows * columns and set(array.shape[:first]) <= {1}:
            inner = np.broadcast_to(array.reshape(array.shape[first:]), body.extents[first:])
            return inner.reshape(1, rows, columns)
    if stacks * rows * columns > _MOST:
        return None
    return np.broadcast_to(array, body.extents).reshape(stacks, rows, columns)


def _quotient(body: Fused, number: int) -> tuple[int, int, int, int] | None:
    """A node ``exp(scores - largest) / total`` as scores, largest, exponential and total."""
    root = body.nodes[number]
    exponential = body.nodes[root.args[0]] if root.op == "div" else root
    shifted = body.nodes[exponential.args[0]] if exponential.op == "exp" else root
    return (*shifted.args, *root.args) if shifted.op == "sub" and shifted is not root else None  # type: ignore[return-value]


def _uncast(body: Fused, number: int) -> int:
    """A node before its casts to other floating types."""
    while body.nodes[number].op == "cast" and body.nodes[body.nodes[number].args[0]].dtype.is_floating:
        number = body.nodes[number].args[0]
    return number


def _input(body: Fused, number: int) -> int:
    """The input that a node is, but for casts; -1 if it is none."""
    node = body.nodes[_uncast(body, number)]
    return int(node.value) if node.op == "load" else -1


def _load(body: Fused, number: int) -> int | None:
    """The node that loads an input, if there is one."""
    found = [k for k, node in enumerate(body.nodes) if node.op == "load" and node.value == number]
    return found[0] if len(found) == 1 else None


def _columns(body: Fused) -> frozenset[int]:
    return frozenset(range(body.rows, len(body.extents)))


def _reduces(body: Fused, number: int, op: str, of: int) -> bool:
    """Whether a node is a reduction of another over the columns."""
    node = body.nodes[number]
    return node.op == op and node.args == (of,) and node.value == _columns(body)


def _fits(body: Fused, access: Access, rows: int, columns: int) -> bool:
    """Whether an access walks a matrix of so many rows and columns as the body's space has."""
    return (
        math.prod(body.extents[: body.rows]) == rows
        and math.prod(body.extents[body.rows :]) == columns
        and _is_whole(body, access)
    )


def _is_whole(body: Fused, access: Access) -> bool:
    """Whether an access walks a contiguous array from its first element to its last."""
    return not access.offset and _is_packed(body.extents, access.strides)


def _is_vector(body: Fused, access: Access) -> bool:
    """Whether an access walks a contiguous array with an element for each row."""
    columns = range(body.rows, len(body.extents))
    still = all(not access.strides[axis] or body.extents[axis] == 1 for axis in columns)
    return still and not access.offset and _is_packed(body.extents[: body.rows], access.strides[: body.rows])


def _is_packed(extents: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    step = 1
    for extent, stride in reversed(list(zip(extents, strides, strict=True))):
        if extent != 1 and stride != step:
            return False
        step *= extent
    return True


__all__ = ["MASKED", "Scores", "body_of", "divided", "is_gradient_of", "softmax_of"]
