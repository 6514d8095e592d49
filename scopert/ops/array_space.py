"""Blocks of space moved into the batch axis or into the channels, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import constant_value, known_value
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_fill import zeros
from scopert.ops.array_shape import ints, set_known_shape, tensor_array
from scopert.ops.array_stack import stack
from scopert.public import public


def _times(size: int | None, factor: int) -> int | None:
    return None if size is None else size * factor


def _divided(size: int | None, factor: int, what: str) -> int | None:
    if size is None:
        return None
    if size % factor:
        raise ValueError(f"Dimension size must be evenly divisible by {factor} but is {size} ({what})")
    return size // factor


def _nd_rule(op: Operation) -> list[Shape]:
    """Of both directions: the batch grows by what the other axes shrink, or the other way round."""
    source, block, margins = op.inputs[0]._shape, known_value(op.inputs[1]), known_value(op.inputs[2])
    to_batch = op.type == "SpaceToBatchND"
    if source is None:
        return [None]
    count = None if op.inputs[1]._shape is None else op.inputs[1]._shape[0]
    if count is not None and len(source) < count + 1:
        raise ValueError(f"Shape must be at least rank {count + 1} but is rank {len(source)}")
    if block is None:
        rest = (None,) * (len(source) - 1) if count is None else (*(None,) * count, *source[count + 1 :])
        return [(None, *rest)]
    sizes = [int(size) for size in block.reshape(-1)]
    if margins is not None and (margins.shape != (len(sizes), 2) or (margins.size and int(margins.min()) < 0)):
        raise ValueError(f"paddings and crops must be non-negative, two for each block size, got {margins.tolist()}")
    if min(sizes, default=1) < 1:
        raise ValueError(f"block_shape must be positive, got {sizes}")
    blocks = int(np.prod(sizes, dtype=np.int64))
    batch = _times(source[0], blocks) if to_batch else _divided(source[0], blocks, "batch")
    space: list[int | None] = []
    for axis, size in enumerate(sizes):
        length = source[axis + 1]
        if margins is None or length is None:
            space.append(None)
        elif to_batch:
            space.append(_divided(length + int(margins[axis].sum()), size, f"padded_shape[{axis}]"))
        else:
            cropped = length * size - int(margins[axis].sum())
            if cropped < 0:
                raise ValueError(f"cropped_shape[{axis}]={cropped} must be non-negative")
            space.append(cropped)
    return [(batch, *space, *source[len(sizes) + 1 :])]


def _margins(table: Any) -> list[tuple[int, int]]:
    found = [(int(a), int(b)) for a, b in table.reshape(-1, 2).tolist()]
    if any(a < 0 or b < 0 for a, b in found):
        raise InvalidArgumentError(None, None, f"paddings and crops must be non-negative, got {found}")
    return found


def _to_batch(xp: Any, array: Any, block: tuple[int, ...], paddings: list[tuple[int, int]]) -> Any:
    rest = array.ndim - 1 - len(block)
    padded = xp.pad(array, [(0, 0), *paddings, *[(0, 0)] * rest])
    for axis, size in enumerate(block):
        if padded.shape[axis + 1] % size:
            raise InvalidArgumentError(
                None,
                None,
                f"padded_shape[{axis}]={padded.shape[axis + 1]} is not divisible by block_shape[{axis}]={size}",
            )
    batch, inner = array.shape[0], padded.shape[1 + len(block) :]
    cut: list[int] = [batch]
    for axis, size in enumerate(block):
        cut += [padded.shape[axis + 1] // size, size]
    count = len(block)
    order = [2 * i + 2 for i in range(count)] + [0] + [2 * i + 1 for i in range(count)]
    order += range(1 + 2 * count, 1 + 2 * count + rest)
    moved = padded.reshape(*cut, *inner).transpose(order)
    space = [padded.shape[axis + 1] // size for axis, size in enumerate(block)]
    return moved.reshape(batch * int(np.prod(block, dtype=np.int64)), *space, *inner)


def _from_batch(xp: Any, array: Any, block: tuple[int, ...], crops: list[tuple[int, int]]) -> Any:
    count, blocks = len(block), int(np.prod(block, dtype=np.int64))
    if array.shape[0] % blocks:
        raise InvalidArgumentError(
            None,
            None,
            f"Input batch dimension ({array.shape[0]}) is not divisible by product of block sizes ({blocks})",
        )
    batch, inner = array.shape[0] // blocks, array.shape[1 + count :]
    cut = array.reshape(*block, batch, *array.shape[1:])
    order = [count]
    for i in range(count):
        order += [count + 1 + i, i]
    order += range(2 * count + 1, cut.ndim)
    space = [n * size for n, size in zip(array.shape[1:], block, strict=False)]
    whole = cut.transpose(order).reshape(batch, *space, *inner)
    for axis, (n, (a, b)) in enumerate(zip(space, crops, strict=True)):
        if a + b > n:
            raise InvalidArgumentError(None, None, f"cropped_shape[{axis}]={n - a - b} must be non-negative")
    return whole[(slice(None), *(slice(a, n - b) for n, (a, b) in zip(space, crops, strict=True)))]


SPACE_TO_BATCH_ND = define_op(
    "SpaceToBatchND",
    inputs="input: T, block_shape: Tblock_shape, paddings: Tpaddings",
    outputs="output: T",
    attrs="T: type; Tblock_shape: {int32, int64} = int32; Tpaddings: {int32, int64} = int32",
    shape=_nd_rule,
    kernel=lambda xp, x, block, paddings: _to_batch(xp, tensor_array(xp, x), ints(block), _margins(paddings)),
    traits=VIEW,
)
BATCH_TO_SPACE_ND = define_op(
    "BatchToSpaceND",
    inputs="input: T, block_shape: Tblock_shape, crops: Tcrops",
    outputs="output: T",
    attrs="T: type; Tblock_shape: {int32, int64} = int32; Tcrops: {int32, int64} = int32",
    shape=_nd_rule,
    kernel=lambda xp, x, block, crops: _from_batch(xp, tensor_array(xp, x), ints(block), _margins(crops)),
    traits=VIEW,
)


@gradient("SpaceToBatchND")
def _space_to_batch_nd_grad(op: Operation, grad: Any) -> Any:
    return [batch_to_space_nd(grad, op.inputs[1], op.inputs[2]), None, None]


@gradient("BatchToSpaceND")
def _batch_to_space_nd_grad(op: Operation, grad: Any) -> Any:
    return [space_to_batch_nd(grad, op.inputs[1], op.inputs[2]), None, None]


@public("space_to_batch_nd", "manip.space_to_batch_nd")
def space_to_batch_nd(input: Any, block_shape: Any, paddings: Any, name: str | None = None) -> Tensor:
    """Blocks of the axes after the first taken apart, each place in a block an entry of the batch.

    Parameters
    ----------
    input : Tensor
        Of shape ``[batch] + space + rest``.
    block_shape : Tensor
        The sizes of the blocks: a vector, one for each axis of space.
    paddings : Tensor
        With how many zeros each axis of space is padded before and after, to become a multiple of its block.
    name : str, optional
        The operation's name.
    """
    return apply(SPACE_TO_BATCH_ND, input, block_shape, paddings, name=name)


@public("batch_to_space_nd", "manip.batch_to_space_nd")
def batch_to_space_nd(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Tensor:
    """The inverse of `space_to_batch_nd`; `crops` are cut off where that one pads."""
    return apply(BATCH_TO_SPACE_ND, input, block_shape, crops, name=name)


def _block(block_size: Any, block_shape: Any) -> Any:
    if block_size is not None and block_shape is not None:
        raise ValueError("Cannot specify both 'block_shape' and 'block_size'")
    size = block_size if block_shape is None else block_shape
    return np.array([size, size], np.int64)


@public("space_to_batch", "nn.space_to_batch")
def space_to_batch(
    input: Any, paddings: Any, block_size: int | None = None, name: str | None = None, block_shape: Any = None
) -> Tensor:
    """`space_to_batch_nd` of pictures, with square blocks of side `block_size`."""
    block = _block(block_size, block_shape)
    result = space_to_batch_nd(input, block_shape=block, paddings=paddings, name=name)
    set_known_shape(result, result.shape.with_rank(4)._sizes)
    return result


@public("batch_to_space")
def batch_to_space(
    input: Any, crops: Any, block_size: int | None = None, name: str | None = None, block_shape: Any = None
) -> Tensor:
    """`batch_to_space_nd` of pictures, with square blocks of side `block_size`."""
    block = _block(block_size, block_shape)
    result = batch_to_space_nd(input, block_shape=block, crops=crops, name=name)
    set_known_shape(result, result.shape.with_rank(4)._sizes)
    return result


def _old_rule(op: Operation) -> list[Shape]:
    source, margins, size = op.inputs[0]._shape, known_value(op.inputs[1]), op.attrs["block_size"]
    if source is None:
        return [(None,) * 4]
    batch, height, width, depth = source
    extra = [None, None] if margins is None else [int(row.sum()) for row in margins]
    space: list[int | None] = []
    for length, more in zip((height, width), extra, strict=True):
        if length is None or more is None:
            space.append(None)
        elif op.type == "SpaceToBatch":
            space.append(_divided(length + more, size, "padded size"))
        else:
            space.append(length * size - more)
    changed = _times(batch, size**2) if op.type == "SpaceToBatch" else _divided(batch, size**2, "batch")
    return [(changed, *space, depth)]


define_op(
    "SpaceToBatch",
    inputs="input: T, paddings: Tpaddings",
    outputs="output: T",
    attrs="T: type; Tpaddings: {int32, int64} = int32; block_size: int >= 2",
    shape=_old_rule,
    kernel=lambda xp, x, paddings, *, block_size: _to_batch(xp, x, (block_size,) * 2, _margins(paddings)),
    traits=VIEW,
)
define_op(
    "BatchToSpace",
    inputs="input: T, crops: Tidx",
    outputs="output: T",
    attrs="T: type; block_size: int >= 2; Tidx: {int32, int64} = int32",
    shape=_old_rule,
    kernel=lambda xp, x, crops, *, block_size: _from_batch(xp, x, (block_size,) * 2, _margins(crops)),
    traits=VIEW,
)


@gradient("SpaceToBatch")
def _old_space_to_batch_grad(op: Operation, grad: Any) -> Any:
    return [batch_to_space(grad, op.inputs[1], block_size=op.get_attr("block_size")), None]


@gradient("BatchToSpace")
def _old_batch_to_space_grad(op: Operation, grad: Any) -> Any:
    return [space_to_batch(grad, op.inputs[1], block_size=op.get_attr("block_size")), None]


@public("required_space_to_batch_paddings")
def required_space_to_batch_paddings(
    input_shape: Any, block_shape: Any, base_paddings: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """The paddings with which `space_to_batch_nd` can cut a shape into blocks, and the crops that undo them.

    Parameters
    ----------
    input_shape, block_shape : Tensor
        int32 vectors of one known length.
    base_paddings : Tensor, optional
        Paddings that are wanted in any case.
    name : str, optional
        The name of the scope around the operations.
    """
    with name_scope(name, "required_space_to_batch_paddings", [input_shape, block_shape]):
        source: Any = to_tensor(input_shape, int32, "input_shape")
        block: Any = to_tensor(block_shape, int32, "block_shape")
        block.shape.assert_is_fully_defined()
        block.shape.assert_has_rank(1)
        count = block._shape[0]
        if count == 0:
            return zeros([0, 2], int32), zeros([0, 2], int32)
        source.shape.assert_is_compatible_with([count])
        base: Any
        if base_paddings is not None:
            base = to_tensor(base_paddings, int32, "base_paddings")
            base.shape.assert_is_compatible_with([count, 2])
        else:
            base = zeros([count, 2], int32)
        known = [constant_value(tensor) for tensor in (block, source, base)]
        if all(value is not None for value in known):
            block, source, base = known
        start, end = base[:, 0], base[:, 1]
        full = source + start + end
        extra = (block - full % block) % block
        end = end + extra
        paddings = stack([[start[i], end[i]] for i in range(count)], name="paddings")
        return paddings, stack([[0, extra[i]] for i in range(count)], name="crops")
