"""Metrics of the first k of a ranking: precision, recall, average precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.dtypes import float64, int64
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.sparse_tensor import SparseTensor
from scopert.graph.tensor import Tensor
from scopert.metrics.state import Metric, collected, metric_variable
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import fill, ones_like, zeros_like
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import rank, size
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_slice import slice as slice_
from scopert.ops.array_tile import tile
from scopert.ops.array_where import where_v2
from scopert.ops.composite import to_tensor_or_composite
from scopert.ops.control_flow_cond import cond
from scopert.ops.math_binary import add, div, div_no_nan, minimum, multiply
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal, greater_equal
from scopert.ops.math_cumulative import cumsum
from scopert.ops.math_reduction import reduce_max, reduce_sum
from scopert.ops.math_sum_grad import reduced_shape
from scopert.ops.nn_selection import top_k
from scopert.ops.set_ops import set_difference, set_intersection, set_size
from scopert.ops.sparse_form import sparse_concat, sparse_reshape
from scopert.ops.sparse_make import sparse_retain
from scopert.ops.state_assign import assign_add
from scopert.ops.weights_broadcast import assert_broadcastable, broadcast_weights
from scopert.public import public


def _name_at(name: str, k: int | None, class_id: Any = None) -> str:
    name = f"{name}_at_k" if k is None else f"{name}_at_{k}"
    return name if class_id is None else f"{name}_class{class_id}"


def _with_axis(labels: Any, predictions: Tensor) -> Any:
    """Labels with as many axes as predictions; those of one class each get a last axis of 1."""
    with name_scope(None, "expand_labels", (labels, predictions)) as scope:
        labels = to_tensor_or_composite(labels)
        if isinstance(labels, SparseTensor):
            return cond(
                equal(rank(predictions), size(labels.dense_shape) + 1),
                lambda: sparse_reshape(labels, shape=concat((labels.dense_shape, (1,)), 0), name=scope),
                lambda: labels,
            )
        ours, theirs = labels._rank, predictions._rank
        if ours is not None and theirs is not None:
            if theirs == ours:
                return labels
            if theirs == ours + 1:
                return expand_dims(labels, -1, name=scope)
            raise ValueError(f"Unexpected labels shape {labels.shape} for predictions shape {predictions.shape}.")
        return cond(
            equal(rank(predictions), rank(labels) + 1), lambda: expand_dims(labels, -1, name=scope), lambda: labels
        )


def _only(ids: Any, class_id: Any) -> SparseTensor:
    """The ids that are this class."""
    ids = to_tensor_or_composite(ids)
    if isinstance(ids, SparseTensor):
        return sparse_retain(ids, equal(ids.values, class_id))
    shape = shape_of(ids, out_type=int64)
    last = size(shape) - 1
    wanted = fill(reduced_shape(shape, reshape(last, [1])), cast(class_id, int64))
    found = set_intersection(wanted, ids)
    return SparseTensor(found.indices, found.values, shape)


def _set_sizes(
    scope: str, operation: Callable[[Any, Any], SparseTensor], labels: Any, ids: Any, class_id: Any, weights: Any,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The (weighted) sizes of what a set operation makes of labels and predicted ids."""
    with name_scope(name, scope, (ids, labels, weights)):
        if class_id is not None:
            labels, ids = _only(labels, class_id), _only(ids, class_id)
        sizes = cast(set_size(operation(ids, labels)), float64)
        if weights is not None:
            with control_dependencies((assert_broadcastable(weights, sizes),)):
                weights = cast(weights, float64)
                sizes = multiply(sizes, weights)
        return sizes


_COUNTS: dict[str, Callable[[Any, Any], SparseTensor]] = {
    "true_positive": set_intersection,
    "false_positive": lambda ids, labels: set_difference(ids, labels, aminusb=True),
    "false_negative": lambda ids, labels: set_difference(ids, labels, aminusb=False),
}  # fmt: skip


def _total(kind: str, labels: Any, ids: Any, k: int | None, class_id: Any, weights: Any) -> tuple[Any, Any]:
    """The sum over all batches, as a variable and as its update."""
    with name_scope(None, _name_at(kind, k, class_id), (ids, labels, weights)) as scope:
        sizes = _set_sizes(kind + "s", _COUNTS[kind], labels, ids, class_id, weights)
        batch = cast(reduce_sum(sizes), float64)
        total = metric_variable([], float64, scope)
        return total, assign_add(total, batch, name="update")


def _share_at(
    name: str, against: str, labels: Any, ids: Any, k: int | None, class_id: Any, weights: Any,
    metrics_collections: Any, updates_collections: Any, scope_name: str | None,
) -> Metric:  # fmt: skip
    with name_scope(scope_name, _name_at(name, k, class_id), (ids, labels, weights)) as scope:
        labels = _with_axis(labels, ids)
        ids = cast(ids, int64)
        hits, hits_update = _total("true_positive", labels, ids, k, class_id, weights)
        misses, misses_update = _total(against, labels, ids, k, class_id, weights)
        value = collected(div(hits, add(hits, misses), name=scope), metrics_collections)
        update = div(hits_update, add(hits_update, misses_update), name="update")
        return value, collected(update, updates_collections)


@public("metrics.recall_at_top_k")
def recall_at_top_k(
    labels: Any, predictions_idx: Any, k: int | None = None, class_id: Any = None, weights: Any = None,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """Which part of the labels is among the predicted classes.

    Parameters
    ----------
    labels : Tensor or SparseTensor of int64
        The classes of each example, of shape ``[..., number of labels]`` or ``[...]``.
    predictions_idx : Tensor
        The first k classes, of shape ``[..., k]``.
    k : int, optional
        Only for names.
    class_id : int, optional
        Count this class only.
    weights, metrics_collections, updates_collections, name
        See `tf.metrics.mean`.

    Raises
    ------
    ValueError
        If shapes are known not to fit.
    """
    collections = metrics_collections, updates_collections
    return _share_at("recall", "false_negative", labels, predictions_idx, k, class_id, weights, *collections, name)


@public("metrics.precision_at_top_k")
def precision_at_top_k(
    labels: Any, predictions_idx: Any, k: int | None = None, class_id: Any = None, weights: Any = None,
    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """Which part of the predicted classes is among the labels; see `recall_at_top_k`."""
    collections = metrics_collections, updates_collections
    return _share_at("precision", "false_positive", labels, predictions_idx, k, class_id, weights, *collections, name)


@public("metrics.recall_at_k")
def recall_at_k(
    labels: Any, predictions: Any, k: int, class_id: Any = None, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """`recall_at_top_k` for the k classes with the largest predictions (logits)."""
    with name_scope(name, _name_at("recall", k, class_id), (predictions, labels, weights)) as scope:
        _, ids = top_k(predictions, k)
        return recall_at_top_k(labels, ids, k, class_id, weights, metrics_collections, updates_collections, scope)


@public("metrics.precision_at_k", "metrics.sparse_precision_at_k")
def precision_at_k(
    labels: Any, predictions: Any, k: int, class_id: Any = None, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """`precision_at_top_k` for the k classes with the largest predictions (logits)."""
    with name_scope(name, _name_at("precision", k, class_id), (predictions, labels, weights)) as scope:
        _, ids = top_k(predictions, k)
        return precision_at_top_k(labels, ids, k, class_id, weights, metrics_collections, updates_collections, scope)


@public("metrics.average_precision_at_k", "metrics.sparse_average_precision_at_k")
def average_precision_at_k(
    labels: Any, predictions: Any, k: int, weights: Any = None, metrics_collections: Any = None,
    updates_collections: Any = None, name: str | None = None,
) -> Metric:  # fmt: skip
    """The mean over examples of the average precision of the k largest predictions.

    That is the sum over i of the precision at i where the i-th class is a label, divided by the number of labels, at
    most k. Labels that are no class do not count.

    Raises
    ------
    ValueError
        If `k` is below 1, or shapes are known not to fit.
    """
    if k < 1:
        raise ValueError(f"Invalid k={k}.")
    with name_scope(name, _name_at("average_precision", k), (predictions, labels, weights)) as outer:
        _, ids = top_k(predictions, k)
        labels = _inside(labels, cast(shape_of(predictions)[-1], int64))
        with name_scope(outer, "average_precision_at_top_k", (ids, labels, weights)) as scope:
            average = _average_precision(labels, ids)
            if weights is not None:
                weights = broadcast_weights(cast(weights, float64), average)
                average = multiply(average, weights)
            with name_scope(None, "max", (average,)) as inner:
                most = metric_variable([], float64, inner)
                if weights is None:
                    batch_most = cast(size(average, name="batch_max"), float64)
                else:
                    batch_most = reduce_sum(weights, name="batch_max")
                most_update = assign_add(most, batch_most, name="update")
            with name_scope(None, "total", (average,)) as inner:
                total = metric_variable([], float64, inner)
                total_update = assign_add(total, reduce_sum(average, name="batch_total"), name="update")
            value = collected(div_no_nan(total, most, name="mean"), metrics_collections)
            return value, collected(div_no_nan(total_update, most_update, name=scope), updates_collections)


def _inside(labels: Any, number: Tensor) -> Any:
    """Labels with -1 for what is no class."""
    sparse = isinstance(labels, SparseTensor)

    def clean(values: Any) -> Tensor:
        return where_v2(greater_equal(values, number), -1 * ones_like(values), values)

    def cleaned() -> Any:
        if sparse:
            return SparseTensor(labels.indices, clean(labels.values), labels.dense_shape)
        return clean(labels)

    largest = reduce_max(labels.values if sparse else labels)
    return cond(greater_equal(largest, number), cleaned, lambda: labels)


def _average_precision(labels: Any, ids: Any) -> Tensor:
    with name_scope(None, "average_precision", (ids, labels)) as scope:
        ids = cast(ids, int64, name="predictions_idx")
        if ids._rank == 0:
            raise ValueError("The rank of predictions_idx must be at least 1.")
        k = ids.shape.as_list()[-1]
        if k is None:
            raise ValueError("The last dimension of predictions_idx must be set.")
        labels = _with_axis(labels, ids)
        each = expand_dims(ids, -1, name="predictions_idx_per_k")
        repeated = _repeated(labels, k)
        relevant = _set_sizes("true_positives", set_intersection, repeated, each, None, None, "relevant_per_k")
        hits = cumsum(relevant, axis=-1, name="tp_per_k")
        seen = cumsum(ones_like(relevant), axis=-1, name="retrieved_per_k")
        precision = div(cast(hits, float64), cast(seen, float64), name="precision_per_k")
        counted = multiply(precision, cast(relevant, float64), name="relevant_precision_per_k")
        total = reduce_sum(counted, axis=(-1,), name="precision_sum")
        return div(total, cast(_relevant(labels, k), float64), name=scope)


def _repeated(labels: Any, k: int) -> Any:
    """Labels k times along a new axis before the last."""
    with name_scope("labels_per_k", "expand_and_tile", (labels, k, -1)) as scope:
        labels = to_tensor_or_composite(labels)
        if isinstance(labels, SparseTensor):
            place = reshape(size(labels.dense_shape) + -1, [1])
            shape = concat(
                (slice_(labels.dense_shape, [0], place), [1], slice_(labels.dense_shape, place, [-1])), 0,
                name="expanded_shape",
            )  # fmt: skip
            expanded = sparse_reshape(labels, shape=shape, name="expand")
            return expanded if k == 1 else sparse_concat(-2, [expanded] * k, name=scope)
        dense = expand_dims(labels, -2, name="expand")
        if k == 1:
            return dense
        ones = ones_like(shape_of(labels))
        return tile(dense, concat((ones[:-1], (k,), ones[-1:]), 0, name="multiples"), name=scope)


def _relevant(labels: Any, k: int) -> Tensor:
    """How many labels each example has, at most k."""
    with name_scope(None, "num_relevant", (labels,)) as scope:
        labels = to_tensor_or_composite(labels)
        if isinstance(labels, SparseTensor):
            return minimum(set_size(labels), k, name=scope)
        present = where_v2(greater_equal(labels, 0), ones_like(labels), zeros_like(labels))
        return minimum(reduce_sum(present, axis=-1), k, name=scope)
