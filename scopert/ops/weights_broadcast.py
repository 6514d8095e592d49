"""Weights of losses and metrics: whether and how they broadcast to the values that they weigh."""

from __future__ import annotations

from typing import Any

from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones_like
from scopert.ops.array_reshape import expand_dims
from scopert.ops.array_shape import rank, size
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.assert_op import assert_
from scopert.ops.control_flow_cond import cond
from scopert.ops.math_binary import multiply
from scopert.ops.math_comparison import equal
from scopert.ops.no_op import no_op
from scopert.ops.set_ops import set_difference

_PROBLEM = "weights can not be broadcast to values."


def _measured(value: Any, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """A value as a tensor, with shape and rank, in a scope of the name."""
    with name_scope(None, name, [value]) as scope:
        tensor = convert_to_tensor(value, name=scope)
        return tensor, shape_of(tensor, name="shape"), rank(tensor, name="rank")


def assert_broadcastable(weights: Any, values: Any) -> Operation:
    """An operation that fails in a run unless `weights` broadcast to `values`.

    They must be a scalar, or have the same rank with every size equal or 1.

    Raises
    ------
    ValueError
        If that is known to be wrong while the graph is built.
    """
    with name_scope(None, "assert_broadcastable", [weights, values]) as scope:
        weights, weights_shape, weights_rank = _measured(weights, "weights")
        values, values_shape, values_rank = _measured(values, "values")
        known, other = constant_value(weights_rank), constant_value(values_rank)
        if known is not None and other is not None:
            if known == 0:
                return no_op(name="static_scalar_check_success")
            if known != other:
                raise ValueError(
                    f"{_PROBLEM} values.rank={other}. weights.rank={known}. values.shape={values.shape}. "
                    f"weights.shape={weights.shape}."
                )
            sizes, others = constant_value(weights_shape), constant_value(values_shape)
            if sizes is not None and others is not None:
                for axis, (a, b) in enumerate(zip(sizes, others, strict=True)):
                    if a not in (1, b):
                        raise ValueError(
                            f"{_PROBLEM} Mismatch at dim {axis}. values.shape={others} weights.shape={sizes}."
                        )
                return no_op(name="static_dims_check_success")
        is_scalar = equal(0, weights_rank, name="is_scalar")
        data = (
            _PROBLEM, "weights.shape=", weights.name, weights_shape, "values.shape=", values.name, values_shape,
            "is_scalar=", is_scalar,
        )  # fmt: skip
        is_valid = cond(
            is_scalar,
            lambda: is_scalar,
            lambda: _same_rank_and_dims(weights_rank, weights_shape, values_rank, values_shape),
            name="is_valid_shape",
        )
        return assert_(is_valid, data, name=scope)


def _same_rank_and_dims(weights_rank: Tensor, weights_shape: Tensor, values_rank: Tensor, values_shape: Tensor) -> Any:
    inputs = [weights_rank, weights_shape, values_rank, values_shape]
    with name_scope(None, "has_valid_nonscalar_shape", inputs) as scope:
        same = equal(values_rank, weights_rank, name="is_same_rank")
        return cond(same, lambda: _dims_fit(weights_shape, values_shape), lambda: same, name=scope)


def _dims_fit(weights_shape: Tensor, values_shape: Tensor) -> Tensor:
    """Whether no size of the weights lies outside the set of 1 and the value's size."""
    with name_scope(None, "has_invalid_dims", [weights_shape, values_shape]) as scope:
        column = expand_dims(values_shape, -1)
        allowed = concat((column, ones_like(column)), axis=1)
        asked = expand_dims(weights_shape, -1)
        wrong = set_difference(asked, allowed).values
        return equal(0, size(wrong, name="num_invalid_dims"), name=scope)


def broadcast_weights(weights: Any, values: Any) -> Tensor:
    """The weights in the full shape of the values.

    Raises
    ------
    ValueError
        If they are known not to broadcast.
    """
    with name_scope(None, "broadcast_weights", [weights, values]) as scope:
        values = convert_to_tensor(values, name="values")
        weights = convert_to_tensor(weights, name="weights")
        shape = weights._shape
        if shape is not None and None not in shape and shape == values._shape:
            return weights
        with control_dependencies([assert_broadcastable(weights, values)]):
            return multiply(weights, ones_like(values), name=scope)
