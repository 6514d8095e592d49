"""Selecting by rank along the last axis: the largest, the n-th, and membership in the top."""

from __future__ import annotations

from typing import Any

Array = Any


def top_k(xp: Any, x: Array, k: int) -> tuple[Array, Array]:
    """The ``k`` largest of each row in falling order, with positions; of equals the first leads."""
    if k == 1 and x.shape[-1]:
        index = xp.expand_dims(xp.argmax(x, axis=-1), -1)
    else:
        # An ascending stable sort of the reversed row, read backwards: no negation, so any dtype will do.
        order = xp.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1][..., :k]
        index = x.shape[-1] - 1 - order
    return xp.take_along_axis(x, index, axis=-1), index.astype(xp.int32)


def nth_element(xp: Any, x: Array, n: int, reverse: bool) -> Array:
    """The element of each row that would stand at place ``n`` if the row were sorted."""
    place = x.shape[-1] - 1 - n if reverse else n
    return xp.ascontiguousarray(xp.partition(x, place, axis=-1)[..., place])


def in_top_k(xp: Any, predictions: Array, targets: Array, k: int) -> Array:
    """Whether fewer than ``k`` classes score above the target; never where a score is not finite."""
    rows, classes = predictions.shape
    if rows == 0 or classes == 0:
        return xp.zeros((rows,), dtype=bool)
    valid = (targets >= 0) & (targets < classes)
    score = predictions[xp.arange(rows), xp.where(valid, targets, 0)]
    above = (predictions > score[:, None]).sum(axis=-1)
    return valid & xp.isfinite(predictions).all(axis=-1) & (above < k)
