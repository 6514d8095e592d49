"""Shapes, sizes and ranks as tensors, and what kernels need to read them."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.constant_value import known_value, static_shape, static_value
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.opdef import define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import is_known, merge, num_elements
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


def set_known_shape(tensor: Tensor, known: Shape) -> None:
    """Adds `known` to what is known of the shape of `tensor`."""
    tensor._shape = merge(tensor._shape, known)
    tensor._shape_object = None
