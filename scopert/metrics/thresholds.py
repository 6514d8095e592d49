"""Metrics of predictions in [0, 1] that become yes or no at thresholds, and areas under their curves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from scopert.graph.constant import constant
from scopert.graph.dtypes import bool as bool_
from scopert.graph.dtypes import float32, int32, int64
from scopert.graph.scopes import control_dependencies
from scopert.graph.tensor import Tensor
from scopert.metrics.state import Metric, collected, matching, metric_variable
from scopert.ops.array_fill import ones_like
from scopert.ops.array_identity import identity
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_stack import stack
from scopert.ops.array_tile import tile
from scopert.ops.array_transpose import transpose
from scopert.ops.array_where import where
from scopert.ops.check_comparisons import assert_greater_equal, assert_less_equal
from scopert.ops.math_arg import argmax, argmin
from scopert.ops.math_binary import div, div_no_nan, maximum, minimum, multiply
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal, greater, logical_and, logical_not
from scopert.ops.math_cumulative import cumsum
from scopert.ops.math_reduction import reduce_min, reduce_sum
from scopert.ops.math_unary import abs_, log
from scopert.ops.state_assign import assign_add
from scopert.ops.weights_broadcast import broadcast_weights
from scopert.public import public
from scopert.scope.variable_scope import variable_scope

_log = logging.getLogger("scopert")

# In the order in which TensorFlow makes them: the variable, and whether label and prediction are positive.
_KINDS = {
    "tp": ("true_positives", True, True),
    "fn": ("false_negatives", True, False),
    "tn": ("true_negatives", False, False),
    "fp": ("false_positives", False, True),
}
_NEAR_0 = 1e-7

Counts = dict[str, Any]


def _counts_at(
    labels: Any, predictions: Any, thresholds: list[float], weights: Any, wanted: tuple[str, ...] = tuple(_KINDS)
) -> tuple[Counts, Counts]:
    """For each wanted kind the vector of counts at the thresholds, as variables and as updates."""
    checks = [
        assert_greater_equal(predictions, cast(0.0, predictions.dtype), message="predictions must be in [0, 1]"),
        assert_less_equal(predictions, cast(1.0, predictions.dtype), message="predictions must be in [0, 1]"),
    ]
    with control_dependencies(checks):
        predictions, labels, weights = matching(cast(predictions, float32), cast(labels, bool_), weights)
    number = len(thresholds)
    column = reshape(predictions, [-1, 1])
    row = reshape(cast(labels, bool_), [1, -1])
    known = column.shape.as_list()[0]
    count = shape_of(column)[0] if known is None else known
    limits = tile(expand_dims(constant(thresholds), [1]), stack([1, count]))
    positive = greater(tile(transpose(column), [number, 1]), limits)
    predicted = {True: positive}
    if "fn" in wanted or "tn" in wanted:
        predicted[False] = logical_not(positive)
    label = tile(row, [number, 1])
    true = {True: label}
    if "fp" in wanted or "tn" in wanted:
        true[False] = logical_not(label)
    tiled = None
    if weights is not None:
        weights = broadcast_weights(cast(weights, float32), predictions)
        tiled = tile(reshape(weights, [1, -1]), [number, 1])
        limits.shape.assert_is_compatible_with(tiled.shape)
    values: Counts = {}
    updates: Counts = {}
    for kind, (name, label_is, prediction_is) in _KINDS.items():
        if kind not in wanted:
            continue
        values[kind] = metric_variable([number], float32, name)
        hits = cast(logical_and(true[label_is], predicted[prediction_is]), float32)
        if tiled is not None:
            hits *= tiled
        updates[kind] = assign_add(values[kind], reduce_sum(hits, 1))
    return values, updates


def _spread(number: int, end: float = 1.0 + _NEAR_0) -> list[float]:
    """Thresholds at equal distances, the first and the last a little outside of [0, 1]."""
    return [0.0 - _NEAR_0, *((i + 1) * 1.0 / (number - 1) for i in range(number - 2)), end]


def _one_kind(
    kind: str, labels: Any, predictions: Any, thresholds: Any, weights: Any, metrics_collections: Any,
    updates_collections: Any, name: str | None,
) -> Metric:  # fmt: skip
    with variable_scope(name, _KINDS[kind][0], (predictions, labels, weights)):
        values, updates = _counts_at(labels, predictions, thresholds, weights, (kind,))
        value = collected(identity(values[kind]), metrics_collections)
        return value, collected(updates[kind], updates_collections)


@public("metrics.true_positives_at_thresholds")
def true_positives_at_thresholds(
    labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """`tf.metrics.true_positives` for each threshold."""
    collections = metrics_collections, updates_collections
    return _one_kind("tp", labels, predictions, thresholds, weights, *collections, name)


@public("metrics.true_negatives_at_thresholds")
def true_negatives_at_thresholds(
    labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """`tf.metrics.true_negatives` for each threshold."""
    collections = metrics_collections, updates_collections
    return _one_kind("tn", labels, predictions, thresholds, weights, *collections, name)


@public("metrics.false_positives_at_thresholds")
def false_positives_at_thresholds(
    labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """`tf.metrics.false_positives` for each threshold."""
    collections = metrics_collections, updates_collections
    return _one_kind("fp", labels, predictions, thresholds, weights, *collections, name)


@public("metrics.false_negatives_at_thresholds")
def false_negatives_at_thresholds(
    labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """`tf.metrics.false_negatives` for each threshold."""
    collections = metrics_collections, updates_collections
    return _one_kind("fn", labels, predictions, thresholds, weights, *collections, name)


def _both(
    values: Counts, updates: Counts, measure: Callable[[Counts, str], Any], metrics_collections: Any,
    updates_collections: Any,
) -> Metric:  # fmt: skip
    """A measure of the counts and the same of the updates."""
    value = collected(measure(values, "value"), metrics_collections)
    return value, collected(measure(updates, "update_op"), updates_collections)


@public("metrics.precision_at_thresholds")
def precision_at_thresholds(
    labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """`tf.metrics.precision` for each threshold."""
    with variable_scope(name, "precision_at_thresholds", (predictions, labels, weights)):
        values, updates = _counts_at(labels, predictions, thresholds, weights, ("tp", "fp"))

        def measure(counts: Counts, name: str) -> Tensor:
            return div(counts["tp"], _NEAR_0 + counts["tp"] + counts["fp"], name="precision_" + name)

        return _both(values, updates, measure, metrics_collections, updates_collections)


@public("metrics.recall_at_thresholds")
def recall_at_thresholds(
    labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """`tf.metrics.recall` for each threshold."""
    with variable_scope(name, "recall_at_thresholds", (predictions, labels, weights)):
        values, updates = _counts_at(labels, predictions, thresholds, weights, ("tp", "fn"))

        def measure(counts: Counts, name: str) -> Tensor:
            return div(counts["tp"], _NEAR_0 + counts["tp"] + counts["fn"], name="recall_" + name)

        return _both(values, updates, measure, metrics_collections, updates_collections)


@public("metrics.sensitivity_at_specificity")
def sensitivity_at_specificity(
    labels: Any, predictions: Any, specificity: float, weights: Any = None, num_thresholds: int = 200,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The recall at the threshold whose specificity ``tn / (tn + fp)`` is nearest to the one given.

    Raises
    ------
    ValueError
        If the specificity is not in [0, 1].
    """
    if specificity < 0 or specificity > 1:
        raise ValueError("`specificity` must be in the range [0, 1].")
    with variable_scope(name, "sensitivity_at_specificity", (predictions, labels, weights)):
        values, updates = _counts_at(labels, predictions, _spread(num_thresholds), weights)

        def measure(counts: Counts, name: str) -> Tensor:
            found = div(counts["tn"], counts["tn"] + counts["fp"] + _NEAR_0)
            at = cast(argmin(abs_(found - specificity), 0), int32)
            hits = counts["tp"]
            return div(hits[at], hits[at] + counts["fn"][at] + _NEAR_0, name)

        return _both(values, updates, measure, metrics_collections, updates_collections)


@public("metrics.specificity_at_sensitivity")
def specificity_at_sensitivity(
    labels: Any, predictions: Any, sensitivity: float, weights: Any = None, num_thresholds: int = 200,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The specificity ``tn / (tn + fp)`` at the highest threshold whose recall is nearest to the one given.

    Raises
    ------
    ValueError
        If the sensitivity is not in [0, 1].
    """
    if sensitivity < 0 or sensitivity > 1:
        raise ValueError("`sensitivity` must be in the range [0, 1].")
    with variable_scope(name, "specificity_at_sensitivity", (predictions, labels, weights)):
        limits = _spread(num_thresholds, 1.0 - _NEAR_0)
        values, updates = _counts_at(labels, predictions, limits, weights)

        def measure(counts: Counts, name: str) -> Tensor:
            found = div(counts["tp"], counts["tp"] + counts["fn"] + _NEAR_0)
            least = reduce_min(abs_(found - sensitivity))
            nearest = cast(equal(abs_(found - sensitivity), least), int64)
            at = cast(argmax(cumsum(nearest), 0), int32)
            right = counts["tn"]
            return div(right[at], right[at] + counts["fp"][at] + _NEAR_0, name)

        return _both(values, updates, measure, metrics_collections, updates_collections)


@public("metrics.auc")
def auc(
    labels: Any, predictions: Any, weights: Any = None, num_thresholds: int = 200, metrics_collections: Any = None,
    updates_collections: Any = None, curve: str = "ROC", name: str | None = None,
    summation_method: str = "trapezoidal", thresholds: Any = None,
) -> Metric:  # fmt: skip
    """The area under a curve, approximated at thresholds.

    Parameters
    ----------
    labels : Tensor
        True or False.
    predictions : Tensor
        In [0, 1].
    weights : Tensor, optional
    num_thresholds : int
    curve : str
        ``ROC``, or ``PR`` for precision over recall.
    summation_method : str
        ``trapezoidal``, ``minoring`` (always below), ``majoring`` (always above), or ``careful_interpolation`` (for PR;
        Davis and Goadrich 2006).
    thresholds : list of float, optional
        Instead of `num_thresholds` at equal distances.
    metrics_collections, updates_collections, name
        See `tf.metrics.mean`.

    Raises
    ------
    ValueError
        If the curve or the method is unknown.
    InvalidArgumentError
        In the run, if a prediction is not in [0, 1].
    """
    with variable_scope(name, "auc", (labels, predictions, weights)):
        if curve not in ("ROC", "PR"):
            raise ValueError(f"curve must be either ROC or PR, {curve} unknown")
        limits = _spread(num_thresholds) if thresholds is None else [-_NEAR_0, *sorted(thresholds), 1.0 + _NEAR_0]
        values, updates = _counts_at(labels, predictions, limits, weights)

        def measure(counts: Counts, name: str) -> Tensor:
            return _area(counts, len(limits), curve, summation_method, name)

        return _both(values, updates, measure, metrics_collections, updates_collections)


def _area(counts: Counts, number: int, curve: str, method: str, name: str) -> Tensor:
    tp, fn, tn, fp = (counts[kind] for kind in _KINDS)
    if curve == "PR":
        if method == "trapezoidal":
            _log.warning(
                "Trapezoidal rule is known to produce incorrect PR-AUCs; please switch to "
                '"careful_interpolation" instead.'
            )
        elif method == "careful_interpolation":
            return _interpolated(tp, fp, fn, number)
    small = 1e-6
    recall = div(tp + small, tp + fn + small)
    if curve == "ROC":
        x, y = div(fp, fp + tn + small), recall
    else:
        x, y = recall, div(tp + small, tp + fp + small)
    # Written out for each method: the widths come before the heights.
    if method in ("trapezoidal", "careful_interpolation"):
        area = multiply(x[: number - 1] - x[1:], (y[: number - 1] + y[1:]) / 2.0)
    elif method == "minoring":
        area = multiply(x[: number - 1] - x[1:], minimum(y[: number - 1], y[1:]))
    elif method == "majoring":
        area = multiply(x[: number - 1] - x[1:], maximum(y[: number - 1], y[1:]))
    else:
        raise ValueError(f"Invalid summation_method: {method}")
    return reduce_sum(area, name=name)


def _interpolated(tp: Any, fp: Any, fn: Any, number: int) -> Tensor:
    """The area under precision over recall with true positives linear between thresholds."""
    step = tp[: number - 1] - tp[1:]
    positive = tp + fp
    slope = div_no_nan(step, maximum(positive[: number - 1] - positive[1:], 0), name="prec_slope")
    intercept = tp[1:] - multiply(slope, positive[1:])
    both = logical_and(positive[: number - 1] > 0, positive[1:] > 0)
    quotient = div_no_nan(positive[: number - 1], maximum(positive[1:], 0), name="recall_relative_ratio")
    quotient = where(both, quotient, ones_like(positive[1:]))
    increment = div_no_nan(
        slope * (step + intercept * log(quotient)), maximum(tp[1:] + fn[1:], 0), name="pr_auc_increment"
    )
    return reduce_sum(increment, name="interpolate_pr_auc")
