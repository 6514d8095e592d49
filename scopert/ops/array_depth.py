"""Blocks of space moved into the channels of a picture, and back."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.public import public

_ATTRS = 'T: type; block_size: int >= 2; data_format: {"NHWC", "NCHW", "NCHW_VECT_C"} = "NHWC"'


def _format(data_format: str) -> str:
    if data_format == "NCHW_VECT_C":
        raise NotImplementedError("the data format NCHW_VECT_C is not supported")
    return data_format


def _rule(op: Operation) -> list[Shape]:
    last = _format(op.attrs["data_format"]) == "NHWC"
    size = op.attrs["block_size"]
    batch, a, b, c = with_rank(op.inputs[0]._shape, 4)
    height, width, depth = (a, b, c) if last else (b, c, a)
    if op.type == "SpaceToDepth":
        for length in (height, width):
            if length is not None and length % size:
                raise ValueError(f"Dimension size must be evenly divisible by {size} but is {length}")
        new = [None if n is None else n // size for n in (height, width)]
        channels = None if depth is None else depth * size**2
    else:
        if depth is not None and depth % size**2:
            raise ValueError(f"Dimension size must be evenly divisible by {size**2} but is {depth}")
        new = [None if n is None else n * size for n in (height, width)]
        channels = None if depth is None else depth // size**2
    return [(batch, *new, channels) if last else (batch, channels, *new)]


def _to_depth(xp: Any, x: Any, *, block_size: int, data_format: Any) -> Any:
    last = _format(data_format) == "NHWC"
    array = x if last else xp.moveaxis(x, 1, 3)
    n, height, width, depth = array.shape
    if height % block_size or width % block_size:
        raise InvalidArgumentError(
            None, None, f"Image width {width} and height {height} should be divisible by block_size: {block_size}"
        )
    rows, columns = height // block_size, width // block_size
    cut = array.reshape(n, rows, block_size, columns, block_size, depth).transpose(0, 1, 3, 2, 4, 5)
    result = cut.reshape(n, rows, columns, block_size**2 * depth)
    return result if last else xp.moveaxis(result, 3, 1)


def _from_depth(xp: Any, x: Any, *, block_size: int, data_format: Any) -> Any:
    last = _format(data_format) == "NHWC"
    array = x if last else xp.moveaxis(x, 1, 3)
    n, rows, columns, depth = array.shape
    if depth % block_size**2:
        raise InvalidArgumentError(
            None, None, f"Input depth dimension {depth} should be divisible by: {block_size**2}"
        )
    rest = depth // block_size**2
    cut = array.reshape(n, rows, columns, block_size, block_size, rest).transpose(0, 1, 3, 2, 4, 5)
    result = cut.reshape(n, rows * block_size, columns * block_size, rest)
    return result if last else xp.moveaxis(result, 3, 1)


SPACE_TO_DEPTH = define_op(
    "SpaceToDepth", inputs="input: T", outputs="output: T", attrs=_ATTRS, shape=_rule, kernel=_to_depth, traits=VIEW
)
DEPTH_TO_SPACE = define_op(
    "DepthToSpace", inputs="input: T", outputs="output: T", attrs=_ATTRS, shape=_rule, kernel=_from_depth, traits=VIEW
)


@gradient("SpaceToDepth")
def _space_to_depth_grad(op: Operation, grad: Any) -> Any:
    data_format = _format(op.attrs["data_format"])
    return depth_to_space(grad, op.get_attr("block_size"), data_format=data_format)


@gradient("DepthToSpace")
def _depth_to_space_grad(op: Operation, grad: Any) -> Any:
    data_format = _format(op.attrs["data_format"])
    return space_to_depth(grad, op.get_attr("block_size"), data_format=data_format)


@public("space_to_depth", "nn.space_to_depth")
def space_to_depth(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Pictures with each square block of side `block_size` as the channels of one pixel.

    Raises
    ------
    ValueError
        If height or width is known not to be a multiple of `block_size`.
    """
    return apply(SPACE_TO_DEPTH, input, block_size=block_size, data_format=data_format, name=name)


@public("depth_to_space", "nn.depth_to_space")
def depth_to_space(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Pictures with the channels of each pixel as a square block of side `block_size`.

    Raises
    ------
    ValueError
        If the number of channels is known not to be a multiple of ``block_size ** 2``.
    """
    return apply(DEPTH_TO_SPACE, input, block_size=block_size, data_format=data_format, name=name)
