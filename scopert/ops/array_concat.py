"""Joining tensors along an axis: concat and what its gradient needs."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.constant_value import known_shape, known_value, static_shape
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import merge
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_identity import identity
from scopert.ops.array_reshape import squeeze
from scopert.ops.array_shape import canonical_axis, ints, rank, shape, shape_n, tensor_array
from scopert.ops.raw import raw
from scopert.public import public


def _concatenated(shapes: list[Shape], axis: int | None) -> Shape:
    known = [s for s in shapes if s is not None]
    if not known:
        return None
    count = len(known[0])
    if any(len(s) != count for s in known):
        raise ValueError(
            f"Shapes must be equal rank, but are {' and '.join(str(n) for n in sorted({len(s) for s in known}))}"
        )
    if count == 0:
        raise ValueError("Can't concatenate scalars (use tf.stack instead)")
    if axis is None:
        return (None,) * count
    axis = canonical_axis(axis, count, "concat axis")
    rest: Shape = (None,) * (count - 1)
    total: int | None = 0
    for s in shapes:
        length = None if s is None else s[axis]
        total = None if total is None or length is None else total + length
        rest = merge(rest, None if s is None else s[:axis] + s[axis + 1 :])
    assert rest is not None
    return (*rest[:axis], total, *rest[axis:])


def _axis_of(tensor: Tensor) -> int | None:
    if tensor._shape not in (None, ()):
        raise ValueError("Shape must be rank 0 but is rank 1")
    value = known_value(tensor)
    return None if value is None else int(value)


def _concat_kernel(xp: Any, *args: Any) -> Any:
    *values, axis = args
    arrays = [tensor_array(xp, value) for value in values]
    where = ints(axis)[0]
    if not -arrays[0].ndim <= where < arrays[0].ndim:
        raise InvalidArgumentError(
            None,
            None,
            f"ConcatOp : Expected concatenating dimensions in the range [{-arrays[0].ndim}, {arrays[0].ndim}), "
            f"but got {where}",
        )
    try:
        return xp.concatenate(arrays, where)
    except ValueError:
        shapes = " vs. ".join(str(list(array.shape)) for array in arrays)
        raise InvalidArgumentError(
            None, None, f"ConcatOp : Dimensions of inputs should match: {shapes}"
        ) from None


CONCAT_V2 = define_op(
    "ConcatV2",
    inputs="values: N * T, axis: Tidx",
    outputs="output: T",
    attrs="N: int >= 2; T: type; Tidx: {int32, int64} = int32",
    shape=lambda op: [_concatenated([t._shape for t in op.inputs[:-1]], _axis_of(op.inputs[-1]))],
    kernel=_concat_kernel,
)

CONCAT = define_op(
    "Concat",
    inputs="concat_dim: int32, values: N * T",
    outputs="output: T",
    attrs="N: int >= 2; T: type",
    shape=lambda op: [_concatenated([t._shape for t in op.inputs[1:]], _axis_of(op.inputs[0]))],
    kernel=lambda xp, axis, *values: _concat_kernel(xp, *values, axis),
)


@static_shape("ConcatV2")
def _shape_from_concat(op: Operation) -> Shape:
    if op.outputs[0]._shape is None or len(op.outputs[0]._shape) != 1:
        return None
    joined: tuple[int | None, ...] = ()
    for tensor in op.inputs[:-1]:
        part = known_shape(tensor)
        if part is None:
            return None
        joined += part
    return joined


def _offset_kernel(xp: Any, axis: Any, *shapes: Any) -> tuple[Any, ...]:
    where = canonical_axis(ints(axis)[0], len(shapes[0]), "concat axis")
    offsets, start = [], 0
    for vector in shapes:
        sizes = np.asarray(vector.tolist(), np.int32)
        offset = np.zeros(len(sizes), np.int32)
        offset[where] = start
        offsets.append(offset)
        start += int(sizes[where])
    return tuple(offsets)


CONCAT_OFFSET = define_op(
    "ConcatOffset",
    inputs="concat_dim: int32, shape: N * int32",
    outputs="offset: N * int32",
    attrs="N: int >= 2",
    shape=lambda op: [tensor._shape for tensor in op.inputs[1:]],
    kernel=_offset_kernel,
    differentiable=False,
)


@public("concat")
def concat(values: Any, axis: Any, name: str = "concat") -> Tensor:
    """Tensors joined one after the other along an axis.

    Parameters
    ----------
    values : list of Tensor
        Of one type, and of one shape except along `axis`. A single one is handed on.
    axis : int or Tensor
        The axis; negative ones count from the back.
    name : str, optional
        The operation's name.

    Raises
    ------
    ValueError
        If the shapes are known not to fit.
    InvalidArgumentError
        If they turn out not to fit in a run.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.concat([[1, 2], [3]], 0)))
    [1 2 3]
    """
    items = values if isinstance(values, list | tuple) else [values]
    if len(items) == 1:
        with name_scope(name):
            to_tensor(axis, int32, "concat_dim").shape.assert_has_rank(0)
            return identity(items[0], name=name)
    return apply(CONCAT_V2, list(items), axis, name=name)


@gradient("ConcatV2")
def _concat_v2_grad(op: Operation, grad: Any) -> list[Any]:
    return [*_parts_of(grad, op.inputs[:-1], op.inputs[-1]), None]


@gradient("Concat")
def _concat_grad(op: Operation, grad: Any) -> list[Any]:
    return [None, *_parts_of(grad, op.inputs[1:], op.inputs[0])]


def _input_shapes(values: list[Tensor]) -> list[Tensor]:
    shapes = []
    for value in values:
        found = shape(value)
        if found.op.type != "Const":
            return shape_n(values)
        shapes.append(found)
    return shapes


def _parts_of(grad: Any, values: list[Tensor], axis: Tensor) -> list[Any]:
    """The gradient of each of `values` from that of what they were joined to along `axis`."""
    from scopert.ops.array_slice import slice as slice_of
    from scopert.ops.array_split import split
    from scopert.ops.array_stack import stack

    if isinstance(grad, IndexedSlices):
        return _sparse_parts_of(grad, values, axis)
    if axis.op.type == "Const" and _flow(axis) is not _flow(grad):
        # A constant of the loop in which the gradient is computed, not of the loop around it.
        axis = constant(axis.op.get_attr("value"), dtype=axis.dtype)
    positive_axis = axis % rank(values[0])
    sizes: Any = _input_shapes(values)
    if len(sizes) > 16:
        sizes = squeeze(slice_of(stack(sizes, axis=1), [positive_axis, 0], [1, -1]))
        return split(grad, sizes, positive_axis)
    offsets = apply(CONCAT_OFFSET, positive_axis, sizes)
    return [slice_of(grad, begin, size) for begin, size in zip(offsets, sizes, strict=True)]


def _flow(tensor: Tensor) -> Any:
    return tensor.op._get_control_flow_context()


def _sparse_parts_of(grad: IndexedSlices, values: list[Tensor], axis: Tensor) -> list[Any]:
    from scopert.ops.array_fill import fill
    from scopert.ops.array_gather import gather
    from scopert.ops.array_reshape import expand_dims
    from scopert.ops.array_slice import slice as slice_of
    from scopert.ops.array_where import where

    positive_axis = axis % rank(values[0])
    static = known_value(axis)
    if static is None:
        raise ValueError("Can only compute IndexedSlices gradient with statically-known concat_dim")
    position = int(static)
    if position < 0:
        known_rank = None if values[0]._shape is None else len(values[0]._shape)
        if known_rank is None:
            raise ValueError(
                "Can only compute IndexedSlices gradient with negative concat_dim when first value rank is "
                "statically-known."
            )
        position %= known_rank
    sizes = [shape(value) for value in values]
    parts: list[Any] = []
    if position > 0:
        length = shape(sizes[0])
        mask = concat(
            [fill(expand_dims(positive_axis, 0), 0), [1], fill(length - positive_axis - 1, 0)], 0
        )
        begin = fill(length, 0)
        for size in sizes:
            rows = slice_of(grad.values, begin, concat([[-1], slice_of(size, [1], [-1])], 0))
            parts.append(IndexedSlices(rows, grad.indices, size))
            begin = raw("Add", begin, size * mask)
        return parts
    start: Any = constant(0, dtype=grad.indices.dtype)
    for size in sizes:
        length = gather(size, positive_axis)
        if length.dtype != grad.indices.dtype:
            length = raw("Cast", length, DstT=grad.indices.dtype)
        end = start + length
        chosen = squeeze(where(raw("LogicalAnd", grad.indices >= start, grad.indices < end)), axis=[1])
        indices = gather(grad.indices, chosen) - start
        parts.append(IndexedSlices(gather(grad.values, chosen), indices, size))
        start = end
    return parts
