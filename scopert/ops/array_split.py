"""Cutting a tensor into pieces along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape, known_value
from scopert.graph.convert import to_tensor
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import Dimension
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_shape import canonical_axis, ints, tensor_array
from scopert.public import public


def _pieces(xp: Any, array: Any, sizes: list[int], axis: int) -> tuple[Any, ...]:
    index: list[Any] = [slice(None)] * array.ndim
    parts, start = [], 0
    for size in sizes:
        index[axis] = slice(start, start + size)
        parts.append(array[tuple(index)])
        start += size
    return tuple(parts)


def _axis_in(xp: Any, axis: Any, array: Any) -> int:
    if axis.size != 1:
        raise InvalidArgumentError(None, None, "split_dim_tensor must have exactly one element.")
    where = ints(axis)[0]
    if not -array.ndim <= where < array.ndim:
        raise InvalidArgumentError(
            None, None, f"-input rank(-{array.ndim}) <= split_dim < input rank ({array.ndim}), but got {where}"
        )
    return where % array.ndim


def _split_rule(op: Operation) -> list[Shape]:
    source, count = op.inputs[1]._shape, op.attrs["num_split"]
    value = known_value(op.inputs[0])
    if source is None:
        return [None] * count
    if value is None:
        return [(None,) * len(source)] * count
    axis = canonical_axis(int(value), len(source), "split_dim")
    length = source[axis]
    if length is not None and length % count:
        raise ValueError(
            f"Dimension size must be evenly divisible by {count} but is {length} for axis {axis}; "
            "Number of ways to split should evenly divide the split dimension"
        )
    part = None if length is None else length // count
    return [(*source[:axis], part, *source[axis + 1 :])] * count


def _split_kernel(xp: Any, split_dim: Any, value: Any, *, num_split: int) -> tuple[Any, ...]:
    array = tensor_array(xp, value)
    axis = _axis_in(xp, split_dim, array)
    length = array.shape[axis]
    if length % num_split:
        raise InvalidArgumentError(
            None,
            None,
            f"Number of ways to split should evenly divide the split dimension, but got split_dim {axis} "
            f"(size = {length}) and num_split {num_split}",
        )
    return _pieces(xp, array, [length // num_split] * num_split, axis)


SPLIT = define_op(
    "Split",
    inputs="split_dim: int32, value: T",
    outputs="output: num_split * T",
    attrs="num_split: int >= 1; T: type",
    shape=_split_rule,
    kernel=_split_kernel,
    traits=VIEW,
)


@gradient("Split")
def _split_grad(op: Operation, *grads: Any) -> Any:
    return None, concat(list(grads), op.inputs[0])


def _split_v_rule(op: Operation) -> list[Shape]:
    source, count = op.inputs[0]._shape, op.attrs["num_split"]
    lengths = op.inputs[1]._shape
    if lengths is not None and lengths != (None,) and lengths != (count,):
        raise ValueError(f"Length of size_splits should be equal to num_outputs: {lengths} and {count}")
    value = known_value(op.inputs[2])
    if source is None:
        return [None] * count
    if value is None:
        return [(None,) * len(source)] * count
    axis = canonical_axis(int(value), len(source), "split_dim")
    found = known_shape(op.inputs[1])
    sizes = list((None,) * count if found is None or len(found) != count else found)
    length = source[axis]
    known = sum(size for size in sizes if size is not None)
    if length is not None and known_value(op.inputs[1]) is not None:
        if sizes.count(None) == 1 and known <= length:
            sizes[sizes.index(None)] = length - known
        elif None in sizes or known != length:
            raise ValueError(f"can't split axis of size {length} into pieces of size {sizes}")
    return [(*source[:axis], size, *source[axis + 1 :]) for size in sizes]


def _split_v_kernel(xp: Any, value: Any, size_splits: Any, split_dim: Any, *, num_split: int) -> tuple[Any, ...]:
    array = tensor_array(xp, value)
    axis = _axis_in(xp, split_dim, array)
    sizes = list(ints(size_splits))
    length = array.shape[axis]
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = length - (sum(sizes) + 1)
    if len(sizes) != num_split or sum(sizes) != length or min(sizes) < 0:
        raise InvalidArgumentError(
            None,
            None,
            f"Determined shape must either match input shape along split_dim exactly if fully specified, or be "
            f"less than the size of the input along split_dim if not fully specified. Got {sizes} for {length}",
        )
    return _pieces(xp, array, sizes, axis)


SPLIT_V = define_op(
    "SplitV",
    inputs="value: T, size_splits: Tlen, split_dim: int32",
    outputs="output: num_split * T",
    attrs="num_split: int >= 1; T: type; Tlen: {int32, int64} = int64",
    shape=_split_v_rule,
    kernel=_split_v_kernel,
    traits=VIEW,
)


@gradient("SplitV")
def _split_v_grad(op: Operation, *grads: Any) -> Any:
    return concat(list(grads), op.inputs[2]), None, None


@public("split")
def split(
    value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None, name: str = "split"
) -> list[Tensor]:
    """Pieces of a tensor along an axis.

    Parameters
    ----------
    value : Tensor
        What to cut.
    num_or_size_splits : int or Tensor
        The number of equal pieces, or a vector of their sizes, one of which may be -1.
    axis : int or Tensor, optional
        Along which axis; negative ones count from the back.
    num : int, optional
        How many sizes there are, where the static shape does not tell.
    name : str, optional
        The operation's name.

    Raises
    ------
    ValueError
        If the pieces do not fit, or `num` is neither given nor known.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     [t.shape.as_list() for t in tf.split(tf.zeros([5, 6]), [1, 4])]
    [[1, 6], [4, 6]]
    """
    sizes = to_tensor(num_or_size_splits)
    if isinstance(num_or_size_splits, int | np.integer | Dimension):
        return list(apply(SPLIT, axis, value, num_split=int(num_or_size_splits), name=name))
    if sizes._shape == ():
        raise ValueError(
            "Rank-0 tensors are not supported as the num_or_size_splits argument to split. "
            f"Argument provided: {num_or_size_splits}"
        )
    if num is None:
        num = sizes._shape[0] if sizes._shape else None
        if num is None:
            raise ValueError(f"Cannot infer num from shape {num_or_size_splits}")
    return list(apply(SPLIT_V, value, sizes, axis, num_split=num, name=name))
