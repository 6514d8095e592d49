"""From one loss per element to one number: weights and reductions."""

from __future__ import annotations

from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import float32
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.tensor import Tensor
from scopert.losses.collection import add_loss
from scopert.ops.array_fill import ones_like, zeros_like
from scopert.ops.array_range import range as range_of
from scopert.ops.array_shape import rank, size
from scopert.ops.array_where import where
from scopert.ops.math_binary import div_no_nan, multiply
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.weights_broadcast import assert_broadcastable, broadcast_weights
from scopert.public import public


@public("losses.Reduction")
class Reduction:
    """How the losses of all elements become one.

    ``NONE`` leaves them; ``SUM`` adds them; the others divide the sum: ``MEAN`` by the sum of the weights,
    ``SUM_OVER_BATCH_SIZE`` by the number of elements, ``SUM_BY_NONZERO_WEIGHTS`` by that of elements whose weight is
    not zero.
    """

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """All of them."""
        return (
            cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_OVER_NONZERO_WEIGHTS,
            cls.SUM_BY_NONZERO_WEIGHTS,
        )  # fmt: skip

    @classmethod
    def validate(cls, key: str) -> None:
        """Whether `key` is one of them.

        Raises
        ------
        ValueError
            If it is not.
        """
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}.")


def _mean(losses: Tensor, count: Tensor) -> Tensor:
    """The sum divided by a count, 0 if that is 0."""
    return div_no_nan(reduce_sum(losses), count, name="value")


def count_present(losses: Tensor, weights: Any, per_batch: bool = False) -> Tensor:
    """How many losses have a weight that is not zero, in all or for each example."""
    if isinstance(weights, float) and weights != 0.0:
        return _count_elements(losses)
    with name_scope(None, "num_present", [losses, weights]) as scope:
        weights = cast(weights, float32)
        present = where(equal(weights, 0.0), zeros_like(weights), ones_like(weights))
        present = broadcast_weights(present, losses)
        if per_batch:
            return reduce_sum(present, axis=range_of(1, rank(present)), keepdims=True, name=scope)
        return reduce_sum(present, name=scope)


def _count_elements(losses: Tensor) -> Tensor:
    with name_scope(None, "num_elements", [losses]) as scope:
        return cast(size(losses, name=scope), losses.dtype)


@public("losses.compute_weighted_loss")
def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Losses times weights, reduced.

    Parameters
    ----------
    losses : tensor-like
        One per element.
    weights : tensor-like
        A scalar, or of the same rank with every size equal or 1.
    scope : str, optional
        Name of the scope.
    loss_collection : str, optional
        The result is added to it.
    reduction : str
        One of `Reduction`.

    Returns
    -------
    Tensor
        A scalar of the type of `losses`, or their shape for ``Reduction.NONE``.

    Raises
    ------
    ValueError
        If the reduction is unknown or weights do not broadcast.
    """
    Reduction.validate(reduction)
    with (
        name_scope(scope, "weighted_loss", [losses, weights]),
        control_dependencies([assert_broadcastable(weights, losses)]),
    ):
        losses = convert_to_tensor(losses)
        dtype = losses.dtype
        losses = cast(losses, float32)
        weights = cast(weights, float32)
        weighted = multiply(losses, weights)
        if reduction == Reduction.NONE:
            loss = weighted
        else:
            loss = reduce_sum(weighted)
            if reduction == Reduction.MEAN:
                loss = _mean(loss, reduce_sum(ones_like(losses) * weights))
            elif reduction == Reduction.SUM_BY_NONZERO_WEIGHTS:
                loss = _mean(loss, count_present(losses, weights))
            elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
                loss = _mean(loss, _count_elements(losses))
        loss = cast(loss, dtype)
        add_loss(loss, loss_collection)
        return loss
