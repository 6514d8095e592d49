"""Means over all batches: of values, of correctness, of errors."""

from __future__ import annotations

from typing import Any

from scopert.graph.dtypes import float32
from scopert.graph.scopes import control_dependencies
from scopert.metrics.state import Metric, collected, matching, metric_variable, ratio
from scopert.ops.array_fill import ones_like, zeros_like
from scopert.ops.array_shape import size
from scopert.ops.array_where import where
from scopert.ops.math_binary import div, multiply, squared_difference, subtract
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal, less
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_unary import abs_, sqrt
from scopert.ops.squeezable import remove_squeezable_dimensions
from scopert.ops.state_assign import assign_add
from scopert.ops.weights_broadcast import broadcast_weights
from scopert.public import public
from scopert.scope.variable_scope import variable_scope


@public("metrics.mean", "contrib.metrics.streaming_mean", "contrib.slim.metrics.streaming_mean")
def mean(
    values: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
    name: str | None = None,
) -> Metric:  # fmt: skip
    """The (weighted) mean of all values of all batches.

    Parameters
    ----------
    values : Tensor
    weights : Tensor, optional
        A scalar, or of the rank of the values with every size equal or 1.
    metrics_collections, updates_collections : list, optional
        The value and the update are added to them.
    name : str, optional
        Of the variable scope.

    Returns
    -------
    value : Tensor
        The mean of what was taken in; 0 before.
    update_op : Tensor
        Takes the batch in; the mean after that.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     x = tf.placeholder(tf.float32, [None])
    ...     value, update = tf.metrics.mean(x)
    ...     session.run(tf.local_variables_initializer())
    ...     _ = [session.run(update, {x: batch}) for batch in ([1, 2], [6])]
    ...     print(session.run(value))
    3.0
    """
    with variable_scope(name, "mean", (values, weights)):
        values = cast(values, float32)
        total = metric_variable([], float32, "total")
        count = metric_variable([], float32, "count")
        if weights is None:
            number = cast(size(values), float32)
        else:
            values, _, weights = matching(values, None, weights)
            weights = broadcast_weights(cast(weights, float32), values)
            values = multiply(values, weights)
            number = reduce_sum(weights)
        total_update = assign_add(total, reduce_sum(values))
        with control_dependencies([values]):
            count_update = assign_add(count, number)
        value = collected(ratio(total, count, "value"), metrics_collections)
        return value, collected(ratio(total_update, count_update, "update_op"), updates_collections)


@public("metrics.mean_tensor")
def mean_tensor(
    values: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
    name: str | None = None,
) -> Metric:  # fmt: skip
    """The (weighted) mean over batches, element by element; see `mean`."""
    with variable_scope(name, "mean", (values, weights)):
        values = cast(values, float32)
        total = metric_variable(values.get_shape(), float32, "total_tensor")
        count = metric_variable(values.get_shape(), float32, "count_tensor")
        number = ones_like(values)
        if weights is not None:
            values, _, weights = matching(values, None, weights)
            weights = broadcast_weights(cast(weights, float32), values)
            values = multiply(values, weights)
            number = multiply(number, weights)
        total_update = assign_add(total, values)
        with control_dependencies([values]):
            count_update = assign_add(count, number)
        value = collected(ratio(total, count, "value"), metrics_collections)
        return value, collected(ratio(total_update, count_update, "update_op"), updates_collections)


@public("metrics.accuracy")
def accuracy(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """How often predictions equal labels; see `mean` for the other parameters.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    predictions, labels, weights = matching(predictions, labels, weights)
    predictions.shape.assert_is_compatible_with(labels.shape)
    if labels.dtype != predictions.dtype:
        predictions = cast(predictions, labels.dtype)
    right = cast(equal(predictions, labels), float32)
    return mean(right, weights, metrics_collections, updates_collections, name or "accuracy")


@public("contrib.metrics.streaming_accuracy", "contrib.slim.metrics.streaming_accuracy")
def streaming_accuracy(
    predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """`tf.metrics.accuracy` with the predictions first."""
    return accuracy(labels, predictions, weights, metrics_collections, updates_collections, name)


@public("metrics.percentage_below")
def percentage_below(
    values: Any, threshold: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """Which part of the values is below the threshold; see `mean`."""
    below = cast(less(values, threshold), float32)
    return mean(below, weights, metrics_collections, updates_collections, name or "percentage_below_threshold")


@public("metrics.mean_absolute_error")
def mean_absolute_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean of ``|labels - predictions|``; see `mean`."""
    predictions, labels, weights = matching(predictions, labels, weights)
    errors = abs_(predictions - labels)
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_absolute_error")


@public("metrics.mean_squared_error")
def mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean of ``(labels - predictions) ** 2``; see `mean`."""
    predictions, labels, weights = matching(predictions, labels, weights)
    errors = squared_difference(labels, predictions)
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_squared_error")


@public("metrics.root_mean_squared_error")
def root_mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The square root of `mean_squared_error`; see `mean`."""
    predictions, labels, weights = matching(predictions, labels, weights)
    value, update = mean_squared_error(labels, predictions, weights, None, None, name or "root_mean_squared_error")
    root = collected(sqrt(value), metrics_collections)
    return root, collected(sqrt(update), updates_collections)


@public("metrics.mean_relative_error")
def mean_relative_error(
    labels: Any, predictions: Any, normalizer: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean of ``|labels - predictions| / normalizer``, 0 where that is 0; see `mean`."""
    predictions, labels, weights = matching(predictions, labels, weights)
    predictions, normalizer = remove_squeezable_dimensions(predictions, normalizer)
    predictions.shape.assert_is_compatible_with(normalizer.shape)
    none = equal(normalizer, 0.0)
    errors = where(none, zeros_like(labels), div(abs_(labels - predictions), normalizer))
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_relative_error")


@public("metrics.mean_cosine_distance")
def mean_cosine_distance(
    labels: Any, predictions: Any, dim: int, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """1 minus the mean inner product along the axis `dim`, for vectors of length 1; see `mean`."""
    predictions, labels, weights = matching(predictions, labels, weights)
    products = reduce_sum(multiply(predictions, labels), axis=[dim], keepdims=True)
    value, update = mean(products, weights, None, None, name or "mean_cosine_distance")
    distance, update = subtract(1.0, value), subtract(1.0, update)
    return collected(distance, metrics_collections), collected(update, updates_collections)
