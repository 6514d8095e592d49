"""Repeating each slice of a tensor along an axis."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_broadcast import broadcast_to
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones
from scopert.ops.array_mask import all_dimensions, boolean_mask, sequence_mask
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import rank, set_known_shape, shape
from scopert.ops.array_stack import stack
from scopert.ops.array_tile import tile
from scopert.ops.raw import raw
from scopert.public import public


def _tile_axis(data: Tensor, axis: int, count: Tensor) -> Tensor:
    if data._shape is not None:
        multiples: Any = [1] * len(data._shape)
        multiples[axis] = count
    else:
        once = ones(rank(data), int32)
        multiples = concat([once[:axis], [count], once[axis + 1 :]], axis=0)
    return tile(data, multiples)


def _positive_axis(axis: Any, count: int | None) -> int:
    if not isinstance(axis, int):
        raise TypeError(f"axis must be an int; got {type(axis).__name__}")
    if count is None:
        if axis < 0:
            raise ValueError("axis may only be negative if ndims is statically known.")
        return axis
    if not -count <= axis < count:
        raise ValueError(f"axis={axis} out of bounds: expected {-count}<=axis<{count}")
    return axis % count


def _at_least_a_vector(data: Tensor) -> Tensor:
    if data._shape is None:
        data_shape, count = shape(data), rank(data)
        return reshape(data, concat([[1], data_shape], axis=0)[-count:])
    return data if data._shape else stack([data])


def _target(data_shape: Tensor, axis: int) -> Tensor:
    return concat([data_shape[:axis], [-1], data_shape[axis + 1 :]], axis=0)


@public("repeat")
def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """Each slice of `input` along an axis several times in a row.

    Parameters
    ----------
    input : Tensor
        What is repeated.
    repeats : Tensor
        How often: one integer, or one for each slice.
    axis : int, optional
        Along which axis; by default `input` is flattened first.
    name : str, optional
        The operation's name.

    Raises
    ------
    TypeError
        If `repeats` is not of an integer type, or `axis` not an integer.
    ValueError
        If there is no such axis, or `repeats` has another length than it.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.repeat([1, 2], [1, 3])))
    [1 2 2 2]
    """
    if axis is None:
        input, axis = reshape(input, [-1]), 0
    if not isinstance(axis, int):
        raise TypeError(f"axis must be an int; got {type(axis).__name__}")
    with name_scope(name, "Repeat", [input, repeats]):
        data = to_tensor(input, None, "data")
        counts = to_tensor(repeats, None, "repeats", int32)
        if not counts.dtype.is_integer:
            raise TypeError(f"repeats must be an integer tensor; dtype={counts.dtype}")
        counts = raw("Cast", counts, DstT=int32)
        counts.shape.with_rank_at_most(1)
        data = _at_least_a_vector(data)
        data_shape = shape(data)
        where = _positive_axis(axis, None if data._shape is None else len(data._shape))
        if counts._shape and data._shape is not None:
            data.shape[where].assert_is_compatible_with(counts.shape[0])
        if counts._shape == ():
            tiled = _tile_axis(expand_dims(data, where + 1), where + 1, counts)
            return reshape(tiled, _target(data_shape, where))
        if counts._shape is None or len(counts._shape) != where + 1:
            counts_shape, counts_rank = shape(counts), rank(counts)
            counts = broadcast_to(counts, concat([data_shape[: where + 1 - counts_rank], counts_shape], axis=0))
            set_known_shape(counts, (None,) * (where + 1))
        longest = raw("Maximum", 0, raw("Max", counts, all_dimensions(counts)))
        mask = sequence_mask(counts, longest)
        tiled = _tile_axis(expand_dims(data, where + 1), where + 1, longest)
        result = boolean_mask(tiled, mask)
        if where:
            result = reshape(result, _target(data_shape, where))
        if data._shape is not None:
            length = 0 if counts._shape and counts._shape[0] == 0 else None
            set_known_shape(result, (*data._shape[:where], length, *data._shape[where + 1 :]))
        return result
