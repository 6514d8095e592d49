"""Penalties on the size of weights."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.math_addn import add_n
from scopert.ops.math_binary import multiply
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_unary import abs_
from scopert.ops.nn_cross_entropy import l2_loss
from scopert.public import public

Regularizer = Callable[..., Any]


def _regularizer(scale: Any, scope: str | None, name: str, size: Callable[[Any], Tensor]) -> Regularizer:
    if isinstance(scale, numbers.Integral):
        raise ValueError(f"scale cannot be an integer: {scale}")
    if isinstance(scale, numbers.Real):
        if float(scale) < 0.0:
            raise ValueError(f"Setting a scale less than 0 on a regularizer: {float(scale):g}.")
        if float(scale) == 0.0:
            return lambda weights, name=None: None

    def regularizer(weights: Any, name: str | None = None) -> Tensor:
        with name_scope(scope, default, [weights]) as inner:
            factor = convert_to_tensor(scale, dtype=weights.dtype.base, name="scale")
            return multiply(factor, size(weights), name=inner)

    default = name
    return regularizer


@public("contrib.layers.l1_regularizer", "contrib.slim.l1_regularizer")
def l1_regularizer(scale: float, scope: str | None = None) -> Regularizer:
    """A function of weights: `scale` times the sum of their absolute values; None for a scale of 0.

    Raises
    ------
    ValueError
        If `scale` is an integer or negative.
    """
    return _regularizer(scale, scope, "l1_regularizer", lambda weights: reduce_sum(abs_(weights)))


@public("contrib.layers.l2_regularizer", "contrib.slim.l2_regularizer")
def l2_regularizer(scale: float, scope: str | None = None) -> Regularizer:
    """A function of weights: `scale` times half the sum of their squares; None for a scale of 0.

    Raises
    ------
    ValueError
        If `scale` is an integer or negative.
    """
    return _regularizer(scale, scope, "l2_regularizer", l2_loss)


@public("contrib.layers.l1_l2_regularizer", "contrib.slim.l1_l2_regularizer")
def l1_l2_regularizer(scale_l1: float = 1.0, scale_l2: float = 1.0, scope: str | None = None) -> Regularizer | None:
    """The sum of `l1_regularizer` and `l2_regularizer`."""
    for scale in (scale_l1, scale_l2):
        if isinstance(scale, numbers.Integral):
            raise ValueError(f"scale cannot be an integer: {scale}")
    scope = scope or "l1_l2_regularizer"
    if scale_l1 == 0.0:
        return l2_regularizer(scale_l2, scope)
    if scale_l2 == 0.0:
        return l1_regularizer(scale_l1, scope)
    return sum_regularizer([l1_regularizer(scale_l1), l2_regularizer(scale_l2)], scope=scope)


@public("contrib.layers.sum_regularizer", "contrib.slim.sum_regularizer")
def sum_regularizer(regularizer_list: Sequence[Regularizer | None], scope: str | None = None) -> Regularizer | None:
    """A function of weights: the sum of several; None if there is none."""
    regularizers = [regularizer for regularizer in regularizer_list if regularizer is not None]
    if not regularizers:
        return None

    def regularizer(weights: Any) -> Tensor | None:
        with name_scope(scope, "sum_regularizer", [weights]) as inner:
            penalties = [one(weights) for one in regularizers]
            penalties = [penalty for penalty in penalties if penalty is not None]
            return add_n(penalties, name=inner) if penalties else None

    return regularizer


@public("contrib.layers.apply_regularization", "contrib.slim.apply_regularization")
def apply_regularization(regularizer: Regularizer, weights_list: Sequence[Any] | None = None) -> Tensor:
    """The sum of a penalty over weights, which also goes to ``GraphKeys.REGULARIZATION_LOSSES``.

    Parameters
    ----------
    regularizer : callable
    weights_list : list of tensors, optional
        Default: the collection ``GraphKeys.WEIGHTS``.

    Raises
    ------
    ValueError
        If there are no weights, or a penalty is not a scalar.
    """
    weights = weights_list or get_default_graph().get_collection(GraphKeys.WEIGHTS)
    if not weights:
        raise ValueError("No weights to regularize.")
    with name_scope("get_regularization_penalty", values=weights) as scope:
        penalties = [regularizer(one) for one in weights]
        penalties = [constant(0.0) if penalty is None else penalty for penalty in penalties]
        for penalty in penalties:
            if penalty.shape.ndims != 0:
                raise ValueError(
                    f"regularizer must return a scalar Tensor instead of a Tensor with rank {penalty.shape.ndims}."
                )
        total = add_n(penalties, name=scope)
        get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, total)
        return total
