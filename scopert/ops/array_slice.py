"""Blocks of tensors: the op Slice."""

from __future__ import annotations

import builtins
from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape, known_value
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import ints, rank, shape, tensor_array
from scopert.public import public


def _slice_rule(op: Operation) -> list[Shape]:
    source, begin, size = op.inputs[0]._shape, known_value(op.inputs[1]), known_value(op.inputs[2])
    lengths = [t._shape[0] for t in op.inputs[1:] if t._shape is not None and len(t._shape) == 1]
    known = [n for n in lengths if n is not None]
    if source is not None:
        if any(n != len(source) for n in known):
            raise ValueError(f"Shape must be rank {known[0]} but is rank {len(source)}")
    elif not known:
        return [None]
    count = len(source) if source is not None else known[0]
    starts = None if begin is None else begin.tolist()
    if size is None:
        partial = known_shape(op.inputs[2])
        if partial is not None and len(partial) == count:
            return [partial]
        return [(None,) * count]
    result: list[int | None] = []
    for axis, wanted in enumerate(size.tolist()):
        length = None if source is None else source[axis]
        start = None if starts is None else starts[axis]
        if length is not None and start is not None and wanted == -1:
            wanted = length - start
            if start < 0 or wanted < 0:
                raise ValueError(f"begin[{axis}] = {start} is beyond the dimension, which is {length}")
        result.append(None if wanted == -1 else wanted)
    return [tuple(result)]


def _slice_kernel(xp: Any, x: Any, begin: Any, size: Any) -> Any:
    array = tensor_array(xp, x)
    index = []
    for axis, (start, count, length) in enumerate(zip(ints(begin), ints(size), array.shape, strict=True)):
        if not 0 <= start <= length:
            raise InvalidArgumentError(
                None, None, f"Expected begin[{axis}] in [0, {length}], but got {start}"
            )
        if not -1 <= count <= length - start:
            raise InvalidArgumentError(
                None, None, f"Expected size[{axis}] in [0, {length - start}], but got {count}"
            )
        index.append(builtins.slice(start, length if count == -1 else start + count))
    return array[tuple(index)]


SLICE = define_op(
    "Slice",
    inputs="input: T, begin: Index, size: Index",
    outputs="output: T",
    attrs="T: type; Index: {int32, int64}",
    shape=_slice_rule,
    kernel=_slice_kernel,
    traits=VIEW,
)


@gradient("Slice")
def _slice_grad(op: Operation, grad: Any) -> Any:
    from scopert.ops.array_concat import concat
    from scopert.ops.array_pad import pad
    from scopert.ops.array_stack import stack

    source, begin = op.inputs[0], op.inputs[1]
    count = rank(source)
    size = shape(op.outputs[0], out_type=begin.dtype.base)
    column = stack([count, 1])
    before = reshape(begin, column)
    after = reshape(shape(source, out_type=begin.dtype.base) - size - begin, column)
    return pad(grad, concat([before, after], 1)), None, None


@public("slice")
def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """The block of a tensor that begins at `begin` and has the shape `size`.

    Parameters
    ----------
    input_ : Tensor
        What to cut from.
    begin, size : Tensor
        One integer for each axis; a size of -1 goes to the end.
    name : str, optional
        The operation's name.

    Raises
    ------
    ValueError
        If the block is known to reach beyond the tensor.
    InvalidArgumentError
        If it turns out to in a run.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.slice([[1, 2, 3], [4, 5, 6]], [1, 0], [1, -1])))
    [[4 5 6]]
    """
    return apply(SLICE, input_, begin, size, name=name)
