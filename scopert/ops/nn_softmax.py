"""Softmax and LogSoftmax over any axis."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import OpDef, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import at_least_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_range import range as range_of
from scopert.ops.array_shape import rank
from scopert.ops.array_transpose import transpose
from scopert.ops.array_where import where
from scopert.ops.math_binary import subtract
from scopert.ops.math_comparison import less
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_unary import exp
from scopert.ops.run_checks import require
from scopert.ops.softmax_kernels import log_softmax as log_softmax_kernel
from scopert.ops.softmax_kernels import softmax as softmax_kernel
from scopert.public import public

FLOATING = "T: {float16, bfloat16, float32, float64}"


def _rows(op: Operation) -> list[Shape]:
    return [at_least_rank(op.inputs[0]._shape, 1)]


def _softmax(xp: Any, logits: Any) -> Any:
    require(logits.ndim >= 1, f"logits must have >= 1 dimension, got shape {list(logits.shape)}")
    return softmax_kernel(xp, logits)


def _log_softmax(xp: Any, logits: Any) -> Any:
    require(logits.ndim >= 1, f"logits must have >= 1 dimension, got shape {list(logits.shape)}")
    return log_softmax_kernel(xp, logits)


SOFTMAX = define_op("Softmax", "logits: T", "softmax: T", FLOATING, shape=_rows, kernel=_softmax)
LOG_SOFTMAX = define_op("LogSoftmax", "logits: T", "logsoftmax: T", FLOATING, shape=_rows, kernel=_log_softmax)


@gradient("Softmax")
def _softmax_rule(op: Operation, grad: Tensor) -> Any:
    p = op.outputs[0]
    along = reduce_sum(grad * p, -1, keepdims=True)
    return (grad - along) * p


@gradient("LogSoftmax")
def _log_softmax_rule(op: Operation, grad: Tensor) -> Any:
    p = exp(op.outputs[0])
    return grad - reduce_sum(grad, -1, keepdims=True) * p


def _swap_axes(x: Tensor, axis: Any, last: Tensor, name: str | None = None) -> Tensor:
    """Exchange ``axis`` and ``last``."""
    order = concat([range_of(axis), [last], range_of(axis + 1, last), [axis]], 0)
    return transpose(x, order, name=name)


def _over_axis(opdef: OpDef, logits: Any, axis: Any, name: str | None) -> Tensor:
    """Apply an op that works along the last axis to any axis, by two transpositions where it must."""
    logits = convert_to_tensor(logits)
    shape = logits._shape
    if not isinstance(axis, Tensor) and (axis == -1 or (shape is not None and axis == len(shape) - 1)):
        return apply(opdef, logits, name=name)
    if shape is None:
        raise ValueError(f"{opdef.name} along axis {axis} needs logits of known rank: {logits!r}")
    value = constant_value(axis) if isinstance(axis, Tensor) else axis
    if value is not None and not -len(shape) <= value < len(shape):
        raise InvalidArgumentError(
            None,
            None,
            f"Dimension ({value}) must be in the range [{-len(shape)}, {len(shape)}) where {len(shape)} is the "
            "number of dimensions in the input.",
        )
    dimensions = rank(logits)
    if isinstance(axis, Tensor):
        axis = where(less(axis, 0), axis + dimensions, axis)
    elif axis < 0:
        axis = axis + dimensions
    input_rank = rank(logits)
    axis = axis % len(shape)
    made = apply(opdef, _swap_axes(logits, axis, subtract(input_rank, 1)))
    made = _swap_axes(made, axis, subtract(input_rank, 1), name=name)
    made.set_shape(shape)
    return made


def choose(values: dict[str, Any], default: Any = None) -> Any:
    """The one of several names of an argument that was given.

    Raises
    ------
    ValueError
        If more than one was.
    """
    given = [name for name, value in values.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"Cannot specify both '{given[0]}' and '{given[1]}'")
    return values[given[0]] if given else default


@public("nn.softmax", "math.softmax")
def softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """``exp(logits) / reduce_sum(exp(logits), axis)``.

    Parameters
    ----------
    logits : tensor-like of floats
        Rank 1 or more.
    axis : int, optional
        Default: the last one. `dim` is its old name.

    Raises
    ------
    InvalidArgumentError
        If `logits` has no such axis.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     session.run(tf.nn.softmax([1.0, 1.0])).tolist()
    [0.5, 0.5]
    """
    return _over_axis(SOFTMAX, logits, choose({"axis": axis, "dim": dim}, -1), name)


@public("nn.log_softmax", "math.log_softmax")
def log_softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """The logarithm of `softmax`: ``logits - log(reduce_sum(exp(logits), axis))``; see there."""
    return _over_axis(LOG_SOFTMAX, logits, choose({"axis": axis, "dim": dim}, -1), name)
