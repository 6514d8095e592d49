"""The two fused bodies of attention: the softmax of scores that were scaled and masked, and its gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scopert.backend import Access, Fused
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
    bias : tuple of int and Access, or None
        An input of the body that is added, and how the body walks it.
    stored : tuple of str
        What the body stores: the ``softmax``, and the ``largest`` and the ``total`` of each row.
    """

    scale: float
    causal: bool
    bias: tuple[int, Access] | None
    stored: tuple[str, ...] = ()


def softmax_of(
    body: Fused, product: int, known: Mapping[int, Any], stacks: int, rows: int, columns: int
) -> Scores | None:  # fmt: skip
    """A body as the softmax over the columns of what it makes of its input `product`; None if it is none.

    It stores that, as it is or cast, and perhaps what a gradient computes it from again. `known` are arrays of other
    inputs; the product is a stack of `stacks` matrices of `rows` by `columns`.
    """
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
    found = None if read is None else _scores(body, read, stacks, rows, columns)
    return None if found is None else replace(found, stored=tuple(stored))


def is_gradient_of(
    scores: Scores, body: Fused, roles: Mapping[int, str], known: Mapping[int, Any], rounding: float,
    stacks: int, rows: int, columns: int,
) -> bool:  # fmt: skip
    """Whether a body makes the gradient of the product from that of the softmax.

    `roles` says which inputs are the ``gradient`` of the softmax, the ``product``, what the softmax's body stored, and
    the ``bias`` that it added.
    """
    if len(body.stores) != 1 or not _is_whole(body, body.stores[0].access):
        return False
    for number, role in roles.items():
        vector = role in ("largest", "total")
        right = _is_vector if vector else _is_whole
        if role != "bias" and not right(body, body.loads[number]):
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
        made = None if read is None else _scores(body, read, stacks, rows, columns)
        if made is None or made.causal != scores.causal or not math.isclose(made.scale, scores.scale, rel_tol=rounding):
            return False
        return (None if made.bias is None else roles.get(made.bias[0])) == (None if scores.bias is None else "bias")

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


def _scores(body: Fused, found: Affine, stacks: int, rows: int, columns: int) -> Scores | None:
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
    bias = None if found.beside is None else (found.beside, body.loads[found.beside])
    return Scores(float(seen[0]), causal, bias)


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


__all__ = ["MASKED", "Scores", "is_gradient_of", "softmax_of"]
