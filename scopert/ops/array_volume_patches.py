"""Patches of volumes, the elements of each side by side in the channels."""

from __future__ import annotations

from itertools import product
from typing import Any

from scopert.graph.build import apply
from scopert.graph.dtypes import int64
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import with_rank
from scopert.graph.sparse_tensor import SparseTensor
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import shape
from scopert.ops.array_transpose import transpose
from scopert.ops.sparse_dense import sparse_tensor_dense_matmul
from scopert.ops.sparse_form import sparse_slice
from scopert.public import public


def _extent(length: int, size: int, stride: int, padding: Any) -> tuple[int, int, int]:
    """How many patches there are along an axis, and how much padding comes before and after."""
    if padding in ("SAME", b"SAME"):
        count = -(-length // stride)
        missing = max((count - 1) * stride + size - length, 0)
        return count, missing // 2, missing - missing // 2
    return max(-(-(length - size + 1) // stride), 0), 0, 0


def _space(attrs: dict[str, Any]) -> list[tuple[int, int]]:
    for what in ("ksizes", "strides"):
        values = attrs[what]
        if len(values) != 5 or values[0] != 1 or values[4] != 1 or min(values) < 1:
            raise ValueError(f"{what} must be [1, planes, rows, columns, 1], got {list(values)}")
    return list(zip(attrs["ksizes"][1:4], attrs["strides"][1:4], strict=True))


def _rule(op: Operation) -> list[Shape]:
    source = with_rank(op.inputs[0]._shape, 5)
    axes = _space(op.attrs)
    inner: list[int | None] = []
    count = 1
    for length, (size, stride) in zip(source[1:4], axes, strict=True):
        inner.append(None if length is None else _extent(length, size, stride, op.attrs["padding"])[0])
        count *= size
    return [(source[0], *inner, None if source[4] is None else source[4] * count)]


def _kernel(xp: Any, x: Any, *, ksizes: list[int], strides: list[int], padding: Any) -> Any:
    axes = _space({"ksizes": ksizes, "strides": strides})
    extents = [_extent(n, size, stride, padding) for n, (size, stride) in zip(x.shape[1:4], axes, strict=True)]
    padded = xp.pad(x, [(0, 0), *((before, after) for _, before, after in extents), (0, 0)])
    parts = []
    for offsets in product(*(range(size) for size, _ in axes)):
        window = [slice(None)]
        for first, (count, _, _), (_, stride) in zip(offsets, extents, axes, strict=True):
            window.append(slice(first, first + (count - 1) * stride + 1 if count else first, stride))
        parts.append(padded[tuple(window)])
    return xp.concatenate(parts, axis=-1)


EXTRACT_VOLUME_PATCHES = define_op(
    "ExtractVolumePatches",
    inputs="input: T",
    outputs="patches: T",
    attrs="ksizes: list(int) >= 5; strides: list(int) >= 5; T: {float32, float64, int32, uint8, int16, int8, int64, "
    'bfloat16, uint16, float16, uint32, uint64}; padding: {"SAME", "VALID"}',
    shape=_rule,
    kernel=_kernel,
)


@gradient("ExtractVolumePatches")
def _grad(op: Operation, grad: Any) -> Any:
    known, made = op.inputs[0]._shape, op.outputs[0]._shape
    if known is None or made is None or None in known[1:4]:
        raise ValueError(f"the gradient of '{op.name}' needs to know planes, rows and columns of its input")
    planes, rows, columns = (size or 0 for size in known[1:4])
    outer = [size or 0 for size in made[1:4]]
    sizes = shape(op.inputs[0])
    batch, channels = sizes[0], sizes[4]
    # Elements are numbered from 1 on: padding is 0, and the row of 0 is cut off.
    count_in = 1 + planes * rows * columns
    numbers = reshape(range_of(1, count_in, dtype=int64), (1, planes, rows, columns, 1))
    numbered = apply(
        EXTRACT_VOLUME_PATCHES, numbers, ksizes=op.get_attr("ksizes"), strides=op.get_attr("strides"),
        padding=op.get_attr("padding"),
    )  # fmt: skip
    patch = op.get_attr("ksizes")[1:4]
    elements = patch[0] * patch[1] * patch[2]
    count_out = outer[0] * outer[1] * outer[2] * elements
    places = reshape(range_of(count_out, dtype=int64), (1, *outer, elements))
    pairs = concat([expand_dims(numbered, axis=-1), expand_dims(places, axis=-1)], axis=-1)
    indices = reshape(pairs, (-1, 2))
    matrix = SparseTensor(indices, ones([count_out], dtype=grad.dtype), (count_in, count_out))
    inside = sparse_slice(matrix, (1, 0), (count_in - 1, count_out))
    spread = transpose(reshape(grad, (batch, *outer, *patch, channels)), (1, 2, 3, 4, 5, 6, 0, 7))
    flat = reshape(spread, (-1, batch * channels))
    result = reshape(sparse_tensor_dense_matmul(inside, flat), (planes, rows, columns, batch, channels))
    return [transpose(result, (3, 0, 1, 2, 4))]


@public("extract_volume_patches")
def extract_volume_patches(
    input: Any, ksizes: Any, strides: Any, padding: str, name: str | None = None
) -> Tensor:
    """Patches of volumes: the elements of each patch as the channels of one place.

    Parameters
    ----------
    input : Tensor
        Of shape ``[batch, planes, rows, columns, channels]``.
    ksizes, strides : list of int
        ``[1, planes, rows, columns, 1]`` of a patch, and from one patch to the next.
    padding : {"SAME", "VALID"}
        Whether patches may reach beyond the volume, where there are zeros.
    name : str, optional
        The operation's name.
    """
    return apply(EXTRACT_VOLUME_PATCHES, input, ksizes=ksizes, strides=strides, padding=padding, name=name)
