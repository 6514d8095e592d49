"""Where the extreme elements of an axis are."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.constant_value import known_value
from scopert.graph.dtypes import DType
from scopert.graph.opdef import OpDef, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.math_reduction import one_of
from scopert.ops.math_types import INDEX, NUMERIC
from scopert.public import public

Array = Any


def _shape(op: Operation) -> list[Shape]:
    source, dimension = op.inputs[0]._shape, op.inputs[1]
    if dimension._shape is not None and dimension._shape != ():
        raise ValueError(f"Shape must be rank 0 but is rank {len(dimension._shape)}")
    if source is None:
        return [None]
    if len(source) <= 1:
        return [()]
    axis = known_value(dimension)
    if axis is None:
        return [(None,) * (len(source) - 1)]
    position = int(axis)
    if not -len(source) <= position < len(source):
        raise ValueError(f"Dimension ({position}) must be in the range [{-len(source)}, {len(source)})")
    position %= len(source)
    return [source[:position] + source[position + 1 :]]


def _kernel(function: str) -> Any:
    def kernel(xp: Any, x: Array, dimension: Array, *, output_type: DType) -> Array:
        axis = int(dimension)
        if not -x.ndim <= axis < x.ndim:
            raise InvalidArgumentError(
                None, None, f"Expected dimension in the range [{-x.ndim}, {x.ndim}), but got {axis}"
            )
        if x.shape[axis] == 0:
            raise InvalidArgumentError(
                None, None, f"Reduction axis {axis % x.ndim} is empty in shape {list(x.shape)}"
            )
        if x.dtype.kind in "fV":  # NaN is neither greater nor less than the start
            filler = xp.array(-xp.inf if function == "argmax" else xp.inf).astype(x.dtype)
            found = getattr(xp, function)(xp.where(xp.isnan(x), filler, x), axis=axis)
        else:
            found = getattr(xp, function)(x, axis=axis)
        return found.astype(output_type.np)

    return kernel


def _op(name: str, function: str) -> OpDef:
    return define_op(
        name, inputs="input: T, dimension: Tidx", outputs="output: output_type",
        attrs=f"T: {NUMERIC}; Tidx: {INDEX}; output_type: {{int32, int64}} = int64", shape=_shape,
        kernel=_kernel(function),
    )  # fmt: skip


ARG_MAX = _op("ArgMax", "argmax")
ARG_MIN = _op("ArgMin", "argmin")


@gradient("ArgMax", "ArgMin")
def _arg_grad(op: Operation, grad: Tensor) -> Any:
    return [None, None]


@public("argmax", "math.argmax")
def argmax(
    input: Any, axis: Any = None, name: str | None = None, dimension: Any = None, output_type: Any = dtypes.int64
) -> Tensor:
    """The index of the greatest element along an axis (default 0); the first of equal ones.

    Parameters
    ----------
    input : tensor-like
    axis : int or scalar tensor, optional
    name : str, optional
    dimension : int, optional
        Old name of `axis`.
    output_type : DType
        int32 or int64.

    Raises
    ------
    ValueError
        If there is no such axis, or it is given under both names.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.argmax(tf.ones([2, 3]), axis=1).dtype
    tf.int64
    """
    axis = one_of("dimension", dimension, "axis", axis)
    return apply(ARG_MAX, input, 0 if axis is None else axis, output_type=output_type, name=name)


@public("argmin", "math.argmin")
def argmin(
    input: Any, axis: Any = None, name: str | None = None, dimension: Any = None, output_type: Any = dtypes.int64
) -> Tensor:
    """The index of the least element along an axis (default 0); arguments as `argmax`."""
    axis = one_of("dimension", dimension, "axis", axis)
    return apply(ARG_MIN, input, 0 if axis is None else axis, output_type=output_type, name=name)


@public("arg_max")
def arg_max(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Tensor:
    """`argmax` with its old arguments."""
    return apply(ARG_MAX, input, dimension, output_type=output_type, name=name)


@public("arg_min")
def arg_min(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Tensor:
    """`argmin` with its old arguments."""
    return apply(ARG_MIN, input, dimension, output_type=output_type, name=name)
