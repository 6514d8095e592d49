"""Dropping a last axis of size 1 where labels and predictions differ in rank by it."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import squeeze
from scopert.ops.array_shape import rank
from scopert.ops.control_flow_cond import cond
from scopert.ops.math_comparison import equal


def _may_squeeze(shape: Shape) -> bool:
    return shape is None or (len(shape) > 0 and shape[-1] in (1, None))


def _squeeze_if(predicate: Tensor, tensor: Tensor) -> Tensor:
    made: Tensor = cond(predicate, lambda: squeeze(tensor, [-1]), lambda: tensor)
    return made


def remove_squeezable_dimensions(
    labels: Any, predictions: Any, expected_rank_diff: int = 0, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Labels and predictions whose ranks differ by `expected_rank_diff`, if dropping a last axis of 1 does it.

    Where a rank is not known, that is decided in the run.
    """
    with name_scope(name, "remove_squeezable_dimensions", [labels, predictions]):
        predictions = convert_to_tensor(predictions)
        labels = convert_to_tensor(labels)
        ours, theirs = labels._shape, predictions._shape
        if ours is not None and theirs is not None:
            more = len(theirs) - len(ours) - expected_rank_diff
            if more == 1:
                predictions = squeeze(predictions, [-1])
            elif more == -1:
                labels = squeeze(labels, [-1])
            return labels, predictions
        difference = rank(predictions) - rank(labels)
        if _may_squeeze(theirs):
            predictions = _squeeze_if(equal(expected_rank_diff + 1, difference), predictions)
        if _may_squeeze(ours):
            labels = _squeeze_if(equal(expected_rank_diff - 1, difference), labels)
        return labels, predictions


def squeeze_with_weights(
    labels: Any, predictions: Any, weights: Any = None, expected_rank_diff: int = 0
) -> tuple[Tensor, Tensor, Any]:
    """`remove_squeezable_dimensions`, and the same for weights against the labels."""
    labels, predictions = remove_squeezable_dimensions(labels, predictions, expected_rank_diff)
    if weights is None:
        return labels, predictions, None
    weights = convert_to_tensor(weights)
    ours, theirs = labels._shape, weights._shape
    if ours is not None and theirs is not None:
        if len(theirs) - len(ours) == 1:
            weights = squeeze(weights, [-1])
        return labels, predictions, weights
    difference = rank(weights) - rank(labels)
    if _may_squeeze(theirs):
        weights = _squeeze_if(equal(1, difference), weights)
    return labels, predictions, weights
