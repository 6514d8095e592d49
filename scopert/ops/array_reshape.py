"""Ops that give a tensor another shape with the same elements in order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape, known_value
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import brackets, num_elements
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_shape import canonical_axis, ints, tensor_array
from scopert.ops.array_shape import shape as shape_of
from scopert.public import public


def _reshape_rule(op: Operation) -> list[Shape]:
    source = op.inputs[0]._shape
    vector = op.inputs[1]._shape
    if vector is not None and len(vector) != 1:
        raise ValueError(f"Shape must be rank 1 but is rank {len(vector)}")
    target = known_shape(op.inputs[1])
    if target is None:
        return [None]
    count = num_elements(source)
    if count is None:
        return [target]
    wanted = num_elements(target)
    if wanted is not None:
        if wanted != count:
            raise ValueError(
                f"Cannot reshape a tensor with {count} elements to shape {brackets(target)} ({wanted} elements)"
            )
        return [target]
    if target.count(None) > 1:
        return [target]
    rest = num_elements(tuple(n for n in target if n is not None))
    if not rest:
        return [target]
    if count % rest:
        raise ValueError(f"Dimension size must be evenly divisible by {rest} but is {count}")
    return [tuple(count // rest if n is None else n for n in target)]


def _missing_size(source: tuple[int, ...], target: list[int]) -> int:
    """The size that -1 stands for. Sizes of 0 count on neither side, so that it is known beside them too."""
    product = math.prod(n for n in target if n > 0)
    count = math.prod(n for n in source if n or 0 not in target)
    if count % product:
        raise InvalidArgumentError(
            None,
            None,
            f"Input to reshape is a tensor with {math.prod(source)} values, but the requested "
            f"shape requires a multiple of {product}",
        )
    return count // product


def _reshape_kernel(xp: Any, tensor: Any, shape: Any) -> Any:
    array = tensor_array(xp, tensor)
    target = list(ints(shape)) if shape.size else []
    if target.count(-1) == 1:
        target[target.index(-1)] = _missing_size(array.shape, target)
    if min(target, default=0) < 0:
        raise InvalidArgumentError(None, None, f"Size must be non-negative, except for one -1: {target}")
    wanted = math.prod(target)
    if wanted != array.size:
        raise InvalidArgumentError(
            None,
            None,
            f"Input to reshape is a tensor with {array.size} values, but the requested shape has {wanted}",
        )
    return array.reshape(target)


RESHAPE = define_op(
    "Reshape",
    inputs="tensor: T, shape: Tshape",
    outputs="output: T",
    attrs="T: type; Tshape: {int32, int64} = int32",
    shape=_reshape_rule,
    kernel=_reshape_kernel,
    traits=VIEW,
)


@gradient("Reshape", "ExpandDims")
def _reshape_grad(op: Operation, grad: Any) -> Any:
    return [reshape(grad, shape_of(op.inputs[0])), None]


@public("reshape", "manip.reshape")
def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The elements of `tensor`, in row-major order, in another shape.

    Parameters
    ----------
    tensor : Tensor
        Any type and shape.
    shape : Tensor
        A vector of integers; one of them may be -1, which stands for what is left.
    name : str, optional
        The operation's name.

    Raises
    ------
    ValueError
        If the numbers of elements are known to differ.
    InvalidArgumentError
        If they turn out to differ in a run.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     tf.reshape(tf.zeros([4, 3]), [2, -1]).shape.as_list()
    [2, 6]
    """
    return apply(RESHAPE, tensor, shape, name=name)


# ExpandDims, Squeeze


def _expand_dims_rule(op: Operation) -> list[Shape]:
    source = op.inputs[0]._shape
    if source is None:
        return [None]
    dim = known_value(op.inputs[1])
    if dim is None:
        return [(None,) * (len(source) + 1)]
    if dim.size != 1:
        raise ValueError("'dim' must be a tensor with a single value")
    axis = int(dim.reshape(-1)[0])
    if not -1 - len(source) <= axis <= len(source):
        raise ValueError(f"dim {axis} not in the interval [{-1 - len(source)}, {len(source)}].")
    axis += len(source) + 1 if axis < 0 else 0
    return [(*source[:axis], 1, *source[axis:])]


def _expand_dims_kernel(xp: Any, x: Any, dim: Any) -> Any:
    array = tensor_array(xp, x)
    axis = ints(dim)[0]
    if not -1 - array.ndim <= axis <= array.ndim:
        raise InvalidArgumentError(
            None, None, f"Tried to expand dim index {axis} for tensor with {array.ndim} dimensions."
        )
    axis += array.ndim + 1 if axis < 0 else 0
    return array.reshape(*array.shape[:axis], 1, *array.shape[axis:])


EXPAND_DIMS = define_op(
    "ExpandDims",
    inputs="input: T, dim: Tdim",
    outputs="output: T",
    attrs="T: type; Tdim: {int32, int64} = int32",
    shape=_expand_dims_rule,
    kernel=_expand_dims_kernel,
    traits=VIEW,
)


@public("expand_dims")
def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """`input` with one more axis, of size 1, before axis `axis` (-1: after the last).

    Raises
    ------
    ValueError
        If no axis is given, there is none such, or it is given twice (`dim` is the old name of `axis`).
    """
    if dim is not None:
        if axis is not None:
            raise ValueError("Cannot specify both 'axis' and 'dim'")
        axis = dim
    if axis is None:
        raise ValueError("Must specify an axis argument to tf.expand_dims()")
    return apply(EXPAND_DIMS, input, axis, name=name)


def _squeezed(source: tuple[int | None, ...], dims: list[int]) -> Shape:
    axes = {canonical_axis(axis, len(source), "squeeze axis") for axis in dims}
    if not axes:
        return None if None in source else tuple(n for n in source if n != 1)
    for axis in axes:
        if source[axis] not in (1, None):
            raise ValueError(f"Can not squeeze dim[{axis}], expected a dimension of 1, got {source[axis]}")
    return tuple(n for axis, n in enumerate(source) if axis not in axes)


def _squeeze_rule(op: Operation) -> list[Shape]:
    source = op.inputs[0]._shape
    return [None if source is None else _squeezed(source, op.attrs["squeeze_dims"])]


def _squeeze_kernel(xp: Any, x: Any, *, squeeze_dims: list[int]) -> Any:
    array = tensor_array(xp, x)
    try:
        return array.reshape(_squeezed(array.shape, squeeze_dims))
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None


SQUEEZE = define_op(
    "Squeeze",
    inputs="input: T",
    outputs="output: T",
    attrs="T: type; squeeze_dims: list(int) >= 0 = []",
    shape=_squeeze_rule,
    kernel=_squeeze_kernel,
    traits=VIEW,
)


@gradient("Squeeze")
def _squeeze_grad(op: Operation, grad: Any) -> Any:
    return reshape(grad, shape_of(op.inputs[0]))


@public("squeeze")
def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Tensor:
    """`input` without the axes of size 1 that `axis` lists; without all of them by default.

    Raises
    ------
    ValueError
        If an axis is not of size 1, or does not exist.
    """
    if squeeze_dims is not None:
        if axis is not None:
            raise ValueError("Cannot specify both 'axis' and 'squeeze_dims'")
        axis = squeeze_dims
    if np.isscalar(axis):
        axis = [axis]
    return apply(SQUEEZE, input, squeeze_dims=axis, name=name)
