"""The two fused bodies of attention: the softmax of scores that were scaled and masked, and its gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
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
    """

    scale: float
    causal: bool
    bias: tuple[int, Access] | None


def softmax_of(
    body: Fused, product: int, known: Mapping[int, Any], stacks: int, rows: int, columns: int
) -> Scores | None:  # fmt: skip
    """A body as the softmax over the columns of what it makes of its input `product`; None if it is none.

    Every store must be that softmax, as it is or cast. `known` are arrays of other inputs; the product is a stack of
    `stacks` matrices of `rows` by `columns`.
    """
    if not _fits(body, body.loads[product], stacks * rows, columns):
        return None
    roots = {_uncast(body, store.node) for store in body.stores}
    if len(roots) != 1 or any(not _is_whole(body, store.access) for store in body.stores):
        return None
    root = body.nodes[roots.pop()]
    if root.op != "div":
        return None
    exponential, total = root.args
    if not _reduces(body, total, "sum", exponential) or body.nodes[exponential].op != "exp":
        return None
    shifted = body.nodes[body.nodes[exponential].args[0]]
    if shifted.op != "sub" or not _reduces(body, shifted.args[1], "max_over", shifted.args[0]):
        return None
    seed = _load(body, product)
    if seed is None:
        return None
    found = Reading(body, known).of(shifted.args[0], seed)
    return None if found is None else _scores(body, found, stacks, rows, columns)


def is_gradient_of(
    scores: Scores, body: Fused, gradient: int, softmax: int, known: Mapping[int, Any], rounding: float,
    stacks: int, rows: int, columns: int,
) -> bool:  # fmt: skip
    """Whether a body makes the gradient of the product from that of the softmax, which is input `gradient`."""
    if len(body.stores) != 1 or not _is_whole(body, body.stores[0].access):
        return False
    if not all(_fits(body, body.loads[number], stacks * rows, columns) for number in (gradient, softmax)):
        return False
    seed = next(
        (number for number in range(len(body.nodes)) if _is_core(body, number, gradient, softmax)), None
    )  # fmt: skip
    if seed is None:
        return False
    found = Reading(body, known).of(body.stores[0].node, seed)
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


def _is_core(body: Fused, number: int, gradient: int, softmax: int) -> bool:
    """Whether a node is ``(g - sum(g * p)) * p``."""
    node = body.nodes[number]
    if node.op != "mul":
        return False
    for difference, p in (node.args, node.args[::-1]):
        inner = body.nodes[difference]
        if inner.op != "sub" or _input(body, p) != softmax or _input(body, inner.args[0]) != gradient:
            continue
        total = body.nodes[_uncast(body, inner.args[1])]
        if total.op != "sum" or total.value != _columns(body):
            continue
        product = body.nodes[_uncast(body, total.args[0])]
        if product.op == "mul" and {_input(body, arg) for arg in product.args} == {gradient, softmax}:
            return True
    return False


def _uncast(body: Fused, number: int) -> int:
    """A node before its casts to other floating types."""
    while body.nodes[number].op == "cast" and body.nodes[body.nodes[number].args[0]].dtype.is_floating:
        number = body.nodes[number].args[0]
    return number


def _input(body: Fused, number: int) -> int | None:
    """The input that a node is, but for casts."""
    node = body.nodes[_uncast(body, number)]
    return int(node.value) if node.op == "load" else None


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
    if access.offset:
        return False
    step = 1
    for extent, stride in reversed(list(zip(body.extents, access.strides, strict=True))):
        if extent != 1 and stride != step:
            return False
        step *= extent
    return True


__all__ = ["MASKED", "Scores", "is_gradient_of", "softmax_of"]
