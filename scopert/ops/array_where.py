"""Choosing by a condition: where it holds, and from which of two tensors to take."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import bool_
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import broadcast, merge
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_fill import zeros, zeros_like
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape, tensor_array
from scopert.ops.raw import raw
from scopert.public import public

WHERE = define_op(
    "Where",
    inputs="input: T",
    outputs="index: int64",
    attrs="T: {float32, float64, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, "
    "uint16, complex128, float16, uint32, uint64, bool} = bool",
    shape=lambda op: [(None, None if op.inputs[0]._shape is None else len(op.inputs[0]._shape))],
    kernel=lambda xp, x: xp.argwhere(xp.asarray(x)).astype(np.int64, copy=False),
    differentiable=False,
)


def _condition_shape(condition: Shape, value: Shape) -> None:
    """Raises ValueError unless the condition is a scalar, a vector of rows, or as large as the values."""
    if condition is None or value is None or condition == ():
        return
    if len(condition) == 1 and len(value) >= 1:
        if None not in (condition[0], value[0]) and condition[0] != value[0]:
            raise ValueError(f"Dimensions must be equal, but are {condition[0]} and {value[0]}")
        return
    merge(condition, value)


def _select_rule(op: Operation) -> list[Shape]:
    condition, yes, no = (tensor._shape for tensor in op.inputs)
    joint = merge(yes, no)
    _condition_shape(condition, joint)
    return [joint]


def _select_kernel(xp: Any, condition: Any, t: Any, e: Any) -> Any:
    condition, yes, no = xp.asarray(condition), tensor_array(xp, t), tensor_array(xp, e)
    if yes.shape != no.shape:
        raise InvalidArgumentError(
            None, None, f"'then' and 'else' must have the same size, but received: {yes.shape} vs. {no.shape}"
        )
    if condition.ndim == 1 and yes.ndim > 1 and len(condition) == len(yes):
        condition = condition.reshape((-1,) + (1,) * (yes.ndim - 1))
    elif condition.ndim and condition.shape != yes.shape:
        raise InvalidArgumentError(
            None,
            None,
            f"Inputs to operation must have the same size and shape, or the condition must be a vector of rows: "
            f"{condition.shape} and {yes.shape}",
        )
    return xp.where(condition, yes, no)


SELECT = define_op(
    "Select",
    inputs="condition: bool, t: T, e: T",
    outputs="output: T",
    attrs="T: type",
    shape=_select_rule,
    kernel=_select_kernel,
)


@gradient("Select")
def _select_grad(op: Operation, grad: Any) -> Any:
    condition = op.inputs[0]
    nothing = zeros_like(op.inputs[1])
    return None, where(condition, grad, nothing), where(condition, nothing, grad)


def _select_v2_rule(op: Operation) -> list[Shape]:
    condition, yes, no = (tensor._shape for tensor in op.inputs)
    return [broadcast(condition, broadcast(yes, no))]


def _select_v2_kernel(xp: Any, condition: Any, t: Any, e: Any) -> Any:
    try:
        return xp.where(xp.asarray(condition), tensor_array(xp, t), tensor_array(xp, e))
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None


SELECT_V2 = define_op(
    "SelectV2",
    inputs="condition: bool, t: T, e: T",
    outputs="output: T",
    attrs="T: type",
    shape=_select_v2_rule,
    kernel=_select_v2_kernel,
)


def _unbroadcast(grad: Tensor, value_shape: Tensor, output_shape: Tensor) -> Tensor:
    """The gradient added up over the axes along which a value of that shape was repeated."""
    from scopert.ops.math_reduction import reduce_sum

    axes, _ = raw("BroadcastGradientArgs", value_shape, output_shape)
    return reshape(reduce_sum(grad, keepdims=True, axis=axes), value_shape)


@gradient("SelectV2")
def _select_v2_grad(op: Operation, grad: Any) -> Any:
    condition, yes, no = op.inputs
    nothing = zeros([], dtype=grad.dtype.base)
    yes_grad = where_v2(condition, grad, nothing)
    yes_shape, output_shape = shape(yes), shape(op.outputs[0])
    yes_grad = _unbroadcast(yes_grad, yes_shape, output_shape)
    no_grad = where_v2(condition, nothing, grad)
    return None, yes_grad, _unbroadcast(no_grad, shape(no), output_shape)


def _choose(condition: Any, x: Any, y: Any, name: str | None, select: Any) -> Tensor:
    if x is None and y is None:
        with name_scope(name, "Where", [condition]) as scope:
            mask = to_tensor(condition, None, "condition", bool_)
            return apply(WHERE, mask, name=scope)
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    return apply(select, condition, x, y, name=name)


@public("where")
def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """The elements of `x` where a condition holds and those of `y` elsewhere; or where it holds.

    Parameters
    ----------
    condition : Tensor
        Booleans: a scalar, a vector that chooses rows, or of the shape of `x`.
    x, y : Tensor, optional
        Of one type and shape. Without them the indices of what is true (not 0) are the result: int64, one
        row each.
    name : str, optional
        The operation's name.

    Raises
    ------
    ValueError
        If only one of `x` and `y` is given, or shapes do not fit.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.where([True, False, True], [1, 2, 3], [4, 5, 6])))
    [1 5 3]
    """
    return _choose(condition, x, y, name, SELECT)


@public("where_v2")
def where_v2(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Like `where`, but the three tensors broadcast against one another."""
    return _choose(condition, x, y, name, SELECT_V2)


