"""Losses between numbers: differences, logarithms, hinges and angles."""

from __future__ import annotations

from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import float32
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.tensor import Tensor
from scopert.losses.collection import add_loss
from scopert.losses.weighted import Reduction, compute_weighted_loss, count_present
from scopert.ops.array_fill import ones_like, zeros_like
from scopert.ops.array_range import range as range_of
from scopert.ops.array_shape import rank
from scopert.ops.array_where import where
from scopert.ops.math_binary import add, div_no_nan, maximum, minimum, multiply, squared_difference, subtract
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_unary import abs_, log, square
from scopert.ops.nn_activation import relu
from scopert.ops.nn_arguments import one_of
from scopert.ops.weights_broadcast import assert_broadcastable
from scopert.public import public


def require(**arguments: Any) -> None:
    """Whether all arguments were given.

    Raises
    ------
    ValueError
        Naming the first that was not.
    """
    for name, value in arguments.items():
        if value is None:
            raise ValueError(f"{name} must not be None.")


def _pair(labels: Any, predictions: Any) -> tuple[Tensor, Tensor]:
    """Labels and predictions as float32 of one shape."""
    predictions = cast(predictions, float32)
    labels = cast(labels, float32)
    predictions.shape.assert_is_compatible_with(labels.shape)
    return labels, predictions


@public("losses.absolute_difference")
def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """``abs(predictions - labels)``, weighted; see `compute_weighted_loss` for weights and reduction.

    Raises
    ------
    ValueError
        If shapes differ, or labels or predictions are None.
    """
    require(labels=labels, predictions=predictions)
    with name_scope(scope, "absolute_difference", [predictions, labels, weights]) as inner:
        labels, predictions = _pair(labels, predictions)
        losses = abs_(subtract(predictions, labels))
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


@public("losses.cosine_distance")
def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
    dim: int | None = None,
) -> Tensor:
    """``1 - reduce_sum(predictions * labels, axis)`` of vectors of unit length, weighted.

    Raises
    ------
    ValueError
        If there is no axis, shapes differ, or labels or predictions are None.
    """
    axis = one_of("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError("You must specify 'axis'.")
    require(labels=labels, predictions=predictions)
    with name_scope(scope, "cosine_distance_loss", [predictions, labels, weights]) as inner:
        labels, predictions = _pair(labels, predictions)
        along = multiply(predictions, labels)
        losses = 1 - reduce_sum(along, axis=(axis,), keepdims=True)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


@public("losses.hinge_loss")
def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """``max(1 - (2 * labels - 1) * logits, 0)`` for labels of 0 and 1, weighted.

    Raises
    ------
    ValueError
        If shapes differ, or labels or logits are None.
    """
    require(labels=labels, logits=logits)
    with name_scope(scope, "hinge_loss", [logits, labels, weights]) as inner:
        labels, logits = _pair(labels, logits)
        ones = ones_like(labels)
        signs = subtract(2 * labels, ones)
        losses = relu(subtract(ones, multiply(signs, logits)))
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


@public("losses.huber_loss")
def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Half the square of the error up to `delta`, and linear beyond; weighted.

    Raises
    ------
    ValueError
        If shapes differ, or labels or predictions are None.
    """
    require(labels=labels, predictions=predictions)
    with name_scope(scope, "huber_loss", [predictions, labels, weights]) as inner:
        labels, predictions = _pair(labels, predictions)
        error = abs_(subtract(predictions, labels))
        quadratic = minimum(error, delta)
        linear = subtract(error, quadratic)
        half = convert_to_tensor(0.5, dtype=quadratic.dtype)
        losses = add(multiply(half, multiply(quadratic, quadratic)), multiply(delta, linear))
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


@public("losses.log_loss")
def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Cross-entropy of predicted probabilities, each raised by `epsilon` against infinity; weighted.

    Raises
    ------
    ValueError
        If shapes differ, or labels or predictions are None.
    """
    require(labels=labels, predictions=predictions)
    with name_scope(scope, "log_loss", [predictions, labels, weights]) as inner:
        labels, predictions = _pair(labels, predictions)
        losses = -multiply(labels, log(predictions + epsilon)) - multiply((1 - labels), log(1 - predictions + epsilon))
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


@public("losses.mean_squared_error")
def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """``(predictions - labels) ** 2``, weighted; see `compute_weighted_loss` for weights and reduction.

    Raises
    ------
    ValueError
        If shapes differ, or labels or predictions are None.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     float(session.run(tf.losses.mean_squared_error([1.0, 2.0], [1.0, 4.0])))
    2.0
    """
    require(labels=labels, predictions=predictions)
    with name_scope(scope, "mean_squared_error", [predictions, labels, weights]) as inner:
        labels, predictions = _pair(labels, predictions)
        losses = squared_difference(predictions, labels)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


@public("losses.mean_pairwise_squared_error")
def mean_pairwise_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
) -> Tensor:
    """The squared difference between differences of all pairs of elements of an example, on average.

    ``2 * (sum(d ** 2) / (n - 1) - sum(d) ** 2 / (n * (n - 1)))`` for the `n` errors `d` of an example.

    Parameters
    ----------
    labels, predictions : tensor-like
        Of one shape, examples along the first axis.
    weights : tensor-like
        A scalar or one per example.

    Raises
    ------
    ValueError
        If shapes differ, or labels or predictions are None.
    """
    require(labels=labels, predictions=predictions)
    with name_scope(scope, "mean_pairwise_squared_error", [predictions, labels, weights]):
        weights = cast(weights, float32)
        labels = cast(labels, float32)
        with control_dependencies([assert_broadcastable(weights, labels)]):
            predictions = cast(predictions, float32)
            predictions.shape.assert_is_compatible_with(labels.shape)
            errors = subtract(predictions, labels)
            axes = range_of(1, rank(errors))
            squares = reduce_sum(square(errors), axis=axes, keepdims=True)
            count = count_present(errors, weights, per_batch=True)
            first = 2.0 * div_no_nan(squares, maximum(count - 1, 0), name="value")
            total = reduce_sum(errors, axis=axes, keepdims=True)
            second = 2.0 * div_no_nan(square(total), maximum(multiply(count, count - 1), 0), name="value")
            loss = reduce_sum(multiply(first - second, weights))
            mean = where(reduce_sum(count) > 0, loss, zeros_like(loss), name="value")
            add_loss(mean, loss_collection)
            return mean
