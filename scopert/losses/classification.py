"""Losses between classes and scores."""

from __future__ import annotations

from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.losses.regression import require
from scopert.losses.weighted import Reduction, compute_weighted_loss
from scopert.ops.array_identity import stop_gradient
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_cast import cast
from scopert.ops.nn_cross_entropy import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
)
from scopert.ops.squeezable import squeeze_with_weights
from scopert.public import public


def _labels_like(labels: Any, logits: Any) -> tuple[Tensor, Tensor]:
    """Labels of the type and shape of the logits."""
    logits = convert_to_tensor(logits)
    labels = cast(labels, logits.dtype)
    logits.shape.assert_is_compatible_with(labels.shape)
    return labels, logits


@public("losses.sigmoid_cross_entropy")
def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """`tf.nn.sigmoid_cross_entropy_with_logits`, weighted; see `compute_weighted_loss`.

    Parameters
    ----------
    multi_class_labels, logits : tensor-like
        Of one shape.
    label_smoothing : float
        Moves labels towards 1/2 by this part.

    Raises
    ------
    ValueError
        If shapes differ, or labels or logits are None.
    """
    require(multi_class_labels=multi_class_labels, logits=logits)
    with name_scope(scope, "sigmoid_cross_entropy_loss", [logits, multi_class_labels, weights]) as inner:
        labels, logits = _labels_like(multi_class_labels, logits)
        if label_smoothing > 0:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = sigmoid_cross_entropy_with_logits(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


@public("losses.softmax_cross_entropy")
def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """`tf.nn.softmax_cross_entropy_with_logits_v2`, weighted; see `compute_weighted_loss`.

    Parameters
    ----------
    onehot_labels, logits : tensor-like
        Of one shape, ``(batch, classes)``. No gradient flows to the labels.
    label_smoothing : float
        Moves labels towards a uniform distribution by this part.

    Raises
    ------
    ValueError
        If shapes differ, or labels or logits are None.
    """
    require(onehot_labels=onehot_labels, logits=logits)
    with name_scope(scope, "softmax_cross_entropy_loss", [logits, onehot_labels, weights]) as inner:
        labels, logits = _labels_like(onehot_labels, logits)
        if label_smoothing > 0:
            classes = cast(shape_of(labels)[1], logits.dtype)
            kept = 1.0 - label_smoothing
            spread = label_smoothing / classes
            labels = labels * kept + spread
        labels = stop_gradient(labels, name="labels_stop_gradient")
        losses = softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


@public("losses.sparse_softmax_cross_entropy")
def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """`tf.nn.sparse_softmax_cross_entropy_with_logits`, weighted; see `compute_weighted_loss`.

    Parameters
    ----------
    labels : tensor-like of int
        Class numbers; a last axis of size 1 too much is dropped, as for `weights`.
    logits : tensor-like of floats
        One axis more than `labels`.

    Raises
    ------
    ValueError
        If shapes do not fit, or labels or logits are None.
    """
    require(labels=labels, logits=logits)
    with name_scope(scope, "sparse_softmax_cross_entropy_loss", [logits, labels, weights]) as inner:
        labels, logits, weights = squeeze_with_weights(labels, logits, weights, expected_rank_diff=1)
        losses = sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)
