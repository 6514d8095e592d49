"""Shapes as tensors, and ops that give a tensor another shape with the same elements in order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.constant_value import known_shape, known_value, static_shape, static_value
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import brackets, is_known, merge, num_elements
from scopert.graph.shape_rules import scalar
from scopert.graph.sparse_tensor import is_sparse
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.raw import raw
from scopert.public import public


def tensor_array(xp: Any, value: Any) -> Any:
    """The value of a tensor in a kernel as an array that can be reshaped; a lone string is boxed."""
    if isinstance(value, bytes):
        boxed = np.empty((), object)
        boxed[()] = value
        return boxed
    return xp.asarray(value)


def ints(value: Any) -> tuple[int, ...]:
    """A small vector of integers in a kernel as a tuple; a scalar gives one entry."""
    found = value.tolist() if hasattr(value, "tolist") else value
    return tuple(found) if isinstance(found, list | tuple) else (int(found),)


def canonical_axis(axis: int, rank: int, what: str = "axis") -> int:
    """The axis counted from the front.

    Raises
    ------
    ValueError
        If there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ValueError(f"{what} = {axis} not in [{-rank}, {rank})")
    return axis + rank if axis < 0 else axis


# Shape, ShapeN, Size, Rank: optimised away where the static shape tells.


def _dense_shape(tensor: Any) -> Tensor | None:
    """The shape of a sparse tensor, which knows it; None for others."""
    return tensor.dense_shape if is_sparse(tensor) else None


SHAPE = define_op(
    "Shape",
    inputs="input: T",
    outputs="output: out_type",
    attrs="T: type; out_type: {int32, int64} = int32",
    shape=lambda op: [(None if op.inputs[0]._shape is None else len(op.inputs[0]._shape),)],
    kernel=lambda xp, x, *, out_type: np.array(np.shape(x) if isinstance(x, bytes) else x.shape, out_type.np),
    differentiable=False,
)


def _known_result_shape(tensor: Tensor) -> tuple[int, ...] | None:
    """The shape of a tensor, which may follow only from its value (that of Where, for example)."""
    if tensor._shape is not None and None not in tensor._shape:
        return tuple(n for n in tensor._shape if n is not None)
    value = known_value(tensor)
    return None if value is None else value.shape


@static_value("Shape")
def _shape_value(op: Operation) -> Any:
    shape = _known_result_shape(op.inputs[0])
    return None if shape is None else np.array(shape, op.outputs[0].dtype.np)


@static_shape("Shape")
def _shape_of_shape(op: Operation) -> Shape:
    return op.inputs[0]._shape


@public("shape")
def shape(input: Any, name: str | None = None, out_type: Any = int32) -> Tensor:
    """The shape of `input` as a vector of integers.

    Parameters
    ----------
    input : Tensor or SparseTensor
        What is measured.
    name : str, optional
        The operation's name.
    out_type : DType, optional
        int32 or int64.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.shape([[1, 2, 3]])))
    [1 3]
    """
    return shape_internal(input, name, True, out_type)


def shape_internal(
    input: Any, name: str | None = None, optimize: bool = True, out_type: Any = int32
) -> Tensor:
    """`shape`, a constant where the static shape tells it and `optimize` allows that."""
    with name_scope(name, "Shape", [input]) as scope:
        dense_shape = _dense_shape(input)
        if dense_shape is not None:
            return raw("Cast", dense_shape, DstT=out_type)
        tensor = to_tensor(input)
        if optimize and is_known(tensor._shape):
            return constant(list(tensor._shape or ()), out_type, name=scope)
        return apply(SHAPE, tensor, out_type=out_type, name=scope)


SHAPE_N = define_op(
    "ShapeN",
    inputs="input: N * T",
    outputs="output: N * out_type",
    attrs="N: int >= 1; T: type; out_type: {int32, int64} = int32",
    shape=lambda op: [(None if t._shape is None else len(t._shape),) for t in op.inputs],
    kernel=lambda xp, *xs, out_type: tuple(np.array(tensor_array(xp, x).shape, out_type.np) for x in xs),
    differentiable=False,
)


@static_value("ShapeN")
def _shape_n_values(op: Operation) -> list[Any]:
    shapes = [_known_result_shape(tensor) for tensor in op.inputs]
    return [None if shape is None else np.array(shape, op.attrs["out_type"].np) for shape in shapes]


@public("shape_n")
def shape_n(input: Any, out_type: Any = int32, name: str | None = None) -> list[Tensor]:
    """The shape of each of several tensors, as vectors of integers."""
    return list(apply(SHAPE_N, input, out_type=out_type, name=name))


SIZE = define_op(
    "Size",
    inputs="input: T",
    outputs="output: out_type",
    attrs="T: type; out_type: {int32, int64} = int32",
    shape=scalar,
    kernel=lambda xp, x, *, out_type: out_type.np.type(tensor_array(xp, x).size),
    differentiable=False,
)


@static_value("Size")
def _size_value(op: Operation) -> Any:
    shape = _known_result_shape(op.inputs[0])
    return None if shape is None else np.array(num_elements(shape), op.outputs[0].dtype.np)


@public("size")
def size(input: Any, name: str | None = None, out_type: Any = int32) -> Tensor:
    """The number of elements of `input`, as a scalar of type `out_type` (int32 or int64)."""
    return size_internal(input, name, True, out_type)


def size_internal(
    input: Any, name: str | None = None, optimize: bool = True, out_type: Any = int32
) -> Tensor:
    """`size`, a constant where the static shape tells it and `optimize` allows that."""
    with name_scope(name, "Size", [input]) as scope:
        dense_shape = _dense_shape(input)
        if dense_shape is not None:
            return raw("Prod", raw("Cast", dense_shape, DstT=out_type), 0, name=scope)
        tensor = to_tensor(input)
        if optimize:
            count = num_elements(tensor._shape)
            if count is not None:
                return constant(count, out_type, name=scope)
            if tensor._shape and 0 in tensor._shape:
                return constant(0, out_type, name=scope)
        return apply(SIZE, tensor, out_type=out_type, name=scope)


RANK = define_op(
    "Rank",
    inputs="input: T",
    outputs="output: int32",
    attrs="T: type",
    shape=scalar,
    kernel=lambda xp, x: np.int32(tensor_array(xp, x).ndim),
    differentiable=False,
)


@static_value("Rank")
def _rank_value(op: Operation) -> Any:
    found = op.inputs[0]._shape
    return None if found is None else np.array(len(found), np.int32)


@public("rank")
def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of axes of `input`, as an int32 scalar."""
    return rank_internal(input, name, True)


def rank_internal(input: Any, name: str | None = None, optimize: bool = True) -> Tensor:
    """`rank`, a constant where the static shape tells it and `optimize` allows that."""
    with name_scope(name, "Rank", [input]) as scope:
        dense_shape = _dense_shape(input)
        if dense_shape is not None:
            return apply(SIZE, dense_shape, name=scope)
        tensor = to_tensor(input)
        if optimize and tensor._shape is not None:
            return constant(len(tensor._shape), int32, name=scope)
        return apply(RANK, tensor, name=scope)


# Reshape


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
    return [reshape(grad, shape(op.inputs[0])), None]


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
    return reshape(grad, shape(op.inputs[0]))


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


def set_known_shape(tensor: Tensor, known: Shape) -> None:
    """Adds `known` to what is known of the shape of `tensor`."""
    tensor._shape = merge(tensor._shape, known)
    tensor._shape_object = None
