"""What metrics have in common: their variables, the shapes of what they compare, the collections they go to."""

from __future__ import annotations

from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import add_to_collections
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import zeros
from scopert.ops.array_reshape import expand_dims, squeeze
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.control_flow_cond import cond
from scopert.ops.math_binary import div_no_nan, maximum
from scopert.ops.math_comparison import equal
from scopert.ops.squeezable import remove_squeezable_dimensions
from scopert.scope.creators import create_variable
from scopert.scope.distribution import VariableAggregation, VariableSynchronization

#: A metric: its value now, and the operation that takes a batch in and returns the value after it.
Metric = tuple[Any, Any]


def metric_variable(shape: Any, dtype: Any, name: str) -> Any:
    """A local variable of zeros, which ``tf.local_variables_initializer()`` sets back."""
    return create_variable(
        initial_value=lambda: zeros(shape, dtype), trainable=False,
        collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES],
        synchronization=VariableSynchronization.ON_READ, aggregation=VariableAggregation.SUM, name=name,
    )  # fmt: skip


def collected(value: Any, collections: Any) -> Any:
    """The value itself, added to the collections if there are any."""
    if collections:
        add_to_collections(collections, value)
    return value


def ratio(total: Any, count: Any, name: str | None) -> Tensor:
    """``total / count``, 0 where the count is not positive."""
    return div_no_nan(total, maximum(count, 0), name=name)


def matching(predictions: Any, labels: Any, weights: Any) -> tuple[Tensor, Any, Any]:
    """Predictions, labels and weights with the same number of axes, if one last axis of size 1 makes the difference.

    Raises
    ------
    ValueError
        If predictions and labels are known to differ in shape.
    """
    predictions = convert_to_tensor(predictions)
    if labels is not None:
        labels, predictions = remove_squeezable_dimensions(labels, predictions)
        predictions.shape.assert_is_compatible_with(labels.shape)
    if weights is None:
        return predictions, labels, None
    weights = convert_to_tensor(weights)
    ours, theirs = weights._rank, predictions._rank
    if ours == 0:
        return predictions, labels, weights
    if ours is None or theirs is None:
        return predictions, labels, _aligned_in_run(weights, predictions)
    if ours - theirs == 1:
        weights = squeeze(weights, [-1])
    elif theirs - ours == 1:
        weights = expand_dims(weights, [-1])
    return predictions, labels, weights


def _aligned_in_run(weights: Tensor, predictions: Tensor) -> Tensor:
    """The same when only the run tells the ranks."""
    rank = rank_of(weights)
    difference = rank - rank_of(predictions)
    last = weights._shape[-1] if weights._shape else None

    def expanded() -> Any:
        return cond(equal(difference, -1), lambda: expand_dims(weights, [-1]), lambda: weights)

    def reduced() -> Tensor:
        return squeeze(weights, [-1]) if weights._shape is None or last in (None, 1) else weights

    def adjusted() -> Any:
        return cond(equal(difference, 1), reduced, expanded)

    made: Tensor = cond(equal(rank, 0), lambda: weights, adjusted)
    return made
