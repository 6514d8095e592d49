"""Metrics over the classes of a classification or segmentation."""

from __future__ import annotations

from typing import Any

from scopert.graph.dtypes import float32, float64, int64
from scopert.graph.tensor import Tensor
from scopert.metrics.state import Metric, collected, metric_variable, ratio
from scopert.ops.array_diag import diag_part
from scopert.ops.array_fill import ones, ones_like
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import size
from scopert.ops.array_where import where
from scopert.ops.math_binary import div
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal, greater, not_equal
from scopert.ops.math_confusion import confusion_matrix
from scopert.ops.math_reduction import reduce_mean, reduce_sum
from scopert.ops.state_assign import assign_add
from scopert.ops.state_scatter import scatter_add
from scopert.public import public
from scopert.scope.variable_scope import variable_scope


def _flat(tensor: Tensor) -> Tensor:
    return reshape(tensor, [-1]) if (tensor._rank or 0) > 1 else tensor


@public("metrics.mean_per_class_accuracy")
def mean_per_class_accuracy(
    labels: Any, predictions: Any, num_classes: int, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean over the classes of how often each was predicted right; see `tf.metrics.mean`.

    The update returns the accuracy of each class.
    """
    with variable_scope(name, "mean_accuracy", (predictions, labels, weights)):
        labels = _flat(cast(labels, int64))
        predictions = _flat(predictions)
        predictions.shape.assert_is_compatible_with(labels.shape)
        total = metric_variable([num_classes], float32, "total")
        count = metric_variable([num_classes], float32, "count")
        each = ones([size(labels)], float32)
        if labels.dtype != predictions.dtype:
            predictions = cast(predictions, labels.dtype)
        right = cast(equal(predictions, labels), float32)
        if weights is not None:
            weights = cast(_flat(weights), float32)
            right *= weights
            each *= weights
        total_update = scatter_add(total, labels, each)
        count_update = scatter_add(count, labels, right)
        value = reduce_mean(ratio(count, total, None), name="mean_accuracy")
        collected(value, metrics_collections)
        return value, collected(ratio(count_update, total_update, "update_op"), updates_collections)


@public("metrics.mean_iou")
def mean_iou(
    labels: Any, predictions: Any, num_classes: int, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean over the classes of intersection over union; see `tf.metrics.mean`.

    With the confusion matrix C it is ``C[i, i] / (sum(C[i, :]) + sum(C[:, i]) - C[i, i])`` for class i; classes that
    never occur do not count. The update returns the confusion matrix.
    """
    with variable_scope(name, "mean_iou", (predictions, labels, weights)):
        predictions.shape.assert_is_compatible_with(labels.shape)
        matrix, update = _total_confusion(labels, predictions, num_classes, weights)
        rows = cast(reduce_sum(matrix, 0), float32)
        columns = cast(reduce_sum(matrix, 1), float32)
        hits = cast(diag_part(matrix), float32)
        union = rows + columns - hits
        classes = reduce_sum(cast(not_equal(union, 0), float32))
        union = where(greater(union, 0), union, ones_like(union))
        share = div(hits, union)
        value = where(greater(classes, 0), reduce_sum(share, name="mean_iou") / classes, 0)
        return collected(value, metrics_collections), collected(update, updates_collections)


def _total_confusion(labels: Any, predictions: Any, num_classes: Any, weights: Any) -> tuple[Any, Any]:
    matrix = metric_variable([num_classes, num_classes], float64, "total_confusion_matrix")
    predictions = cast(predictions, int64)
    labels = cast(labels, int64)
    num_classes = cast(num_classes, int64)
    predictions = _flat(predictions)
    labels = _flat(labels)
    if weights is not None:
        weights = _flat(weights)
    batch = confusion_matrix(labels, predictions, num_classes, weights=weights, dtype=float64)
    return matrix, assign_add(matrix, batch)
