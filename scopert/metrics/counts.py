"""Counts of right and wrong answers to yes-or-no questions, and what follows from them."""

from __future__ import annotations

from typing import Any

from scopert.graph.dtypes import bool as bool_
from scopert.graph.dtypes import float32
from scopert.graph.scopes import control_dependencies
from scopert.graph.tensor import Tensor
from scopert.metrics.state import Metric, collected, matching, metric_variable
from scopert.ops.array_identity import identity
from scopert.ops.array_shape import rank
from scopert.ops.array_where import where
from scopert.ops.check_ranks import assert_rank_in
from scopert.ops.check_types import assert_type
from scopert.ops.math_binary import div, multiply
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal, greater, logical_and
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.state_assign import assign_add
from scopert.public import public
from scopert.scope.variable_scope import variable_scope


def _as_bools(predictions: Any, labels: Any, weights: Any) -> tuple[Tensor, Tensor, Any]:
    return matching(cast(predictions, bool_), cast(labels, bool_), weights)


def _count(hits: Tensor, weights: Any, metrics_collections: Any, updates_collections: Any) -> Metric:
    """The (weighted) number of True."""
    assert_type(hits, bool_)
    count = metric_variable([], float32, "count")
    values = cast(hits, float32)
    if weights is not None:
        with control_dependencies([assert_rank_in(weights, (0, rank(values)))]):
            weights = cast(weights, float32)
            values = multiply(values, weights)
    value = collected(identity(count), metrics_collections)
    return value, collected(assign_add(count, reduce_sum(values)), updates_collections)


def _counted(
    scope: str, label: bool, prediction: bool, labels: Any, predictions: Any, weights: Any,
    metrics_collections: Any, updates_collections: Any, name: str | None,
) -> Metric:  # fmt: skip
    with variable_scope(name, scope, (predictions, labels, weights)):
        predictions, labels, weights = _as_bools(predictions, labels, weights)
        hits = logical_and(equal(labels, label), equal(predictions, prediction))
        return _count(hits, weights, metrics_collections, updates_collections)


@public("metrics.true_positives")
def true_positives(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """How many labels and predictions are both True (or not 0); see `tf.metrics.mean`."""
    collections = metrics_collections, updates_collections
    return _counted("true_positives", True, True, labels, predictions, weights, *collections, name)


@public("metrics.true_negatives")
def true_negatives(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """How many labels and predictions are both False; see `tf.metrics.mean`."""
    collections = metrics_collections, updates_collections
    return _counted("true_negatives", False, False, labels, predictions, weights, *collections, name)


@public("metrics.false_positives")
def false_positives(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """How many labels are False where the prediction is True; see `tf.metrics.mean`."""
    collections = metrics_collections, updates_collections
    return _counted("false_positives", False, True, labels, predictions, weights, *collections, name)


@public("metrics.false_negatives")
def false_negatives(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """How many labels are True where the prediction is False; see `tf.metrics.mean`."""
    collections = metrics_collections, updates_collections
    return _counted("false_negatives", True, False, labels, predictions, weights, *collections, name)


def _share(hits: Any, misses: Any, name: str) -> Tensor:
    """``hits / (hits + misses)``, 0 if there are none."""
    any_at_all = greater(hits + misses, 0)
    return where(any_at_all, div(hits, hits + misses), 0, name)


@public("metrics.precision")
def precision(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """Which part of the positive predictions is right; 0 before there is one. See `tf.metrics.mean`."""
    with variable_scope(name, "precision", (predictions, labels, weights)):
        predictions, labels, weights = _as_bools(predictions, labels, weights)
        right, right_update = true_positives(labels, predictions, weights)
        wrong, wrong_update = false_positives(labels, predictions, weights)
        value = collected(_share(right, wrong, "value"), metrics_collections)
        return value, collected(_share(right_update, wrong_update, "update_op"), updates_collections)


@public("metrics.recall")
def recall(
    labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """Which part of the positive labels was predicted; 0 before there is one. See `tf.metrics.mean`."""
    with variable_scope(name, "recall", (predictions, labels, weights)):
        predictions, labels, weights = _as_bools(predictions, labels, weights)
        found, found_update = true_positives(labels, predictions, weights)
        missed, missed_update = false_negatives(labels, predictions, weights)
        value = collected(_share(found, missed, "value"), metrics_collections)
        return value, collected(_share(found_update, missed_update, "update_op"), updates_collections)
