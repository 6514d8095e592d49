"""Repeating a whole tensor along its axes."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import ints, set_known_shape, shape, size, tensor_array
from scopert.ops.array_stack import stack
from scopert.ops.array_transpose import transpose
from scopert.ops.raw import raw
from scopert.public import public


def _tile_rule(op: Operation) -> list[Shape]:
    source, multiples = op.inputs[0]._shape, known_shape(op.inputs[1])
    if source is None:
        return [None if multiples is None else (None,) * len(multiples)]
    if multiples is None:
        return [(None,) * len(source)]
    if len(multiples) != len(source):
        raise ValueError(f"Shape must be rank {len(multiples)} but is rank {len(source)}")
    return [
        tuple(None if n is None or times is None else n * times for n, times in zip(source, multiples, strict=True))
    ]


def _tile_kernel(xp: Any, x: Any, multiples: Any) -> Any:
    array = tensor_array(xp, x)
    times = ints(multiples) if multiples.size else ()
    if len(times) != array.ndim:
        raise InvalidArgumentError(
            None, None, f"Expected multiples argument to be a vector of length {array.ndim} but got length {len(times)}"
        )
    if min(times, default=0) < 0:
        raise InvalidArgumentError(None, None, f"Expected multiples >= 0, but got {list(times)}")
    return xp.tile(array, times)


TILE = define_op(
    "Tile",
    inputs="input: T, multiples: Tmultiples",
    outputs="output: T",
    attrs="T: type; Tmultiples: {int32, int64} = int32",
    shape=_tile_rule,
    kernel=_tile_kernel,
)


@gradient("Tile")
def _tile_grad(op: Operation, grad: Any) -> Any:
    from scopert.ops.math_cast import cast
    from scopert.ops.math_reduction import reduce_sum

    source, multiples = op.inputs
    source_shape = shape(source, out_type=multiples.dtype)
    split_shape = reshape(transpose(stack([multiples, source_shape])), [-1])
    axes = range_of(0, size(split_shape), 2)
    if isinstance(grad, IndexedSlices):
        length = cast(source_shape[0], grad.indices.dtype)
        grad = raw("UnsortedSegmentSum", grad.values, raw("FloorMod", grad.indices, length), length)
        split_shape = concat([[1], split_shape[1:]], axis=0)
    result = reduce_sum(reshape(grad, split_shape), axes)
    set_known_shape(result, source._shape)
    return [result, None]


@public("tile", "manip.tile")
def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """`input` repeated as a whole along its axes.

    Parameters
    ----------
    input : Tensor
        What is repeated.
    multiples : Tensor
        How often, for each axis.
    name : str, optional
        The operation's name.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.tile([1, 2], [3])))
    [1 2 1 2 1 2]
    """
    return apply(TILE, input, multiples, name=name)
