"""ExtractImagePatches: the windows of images as rows of channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_transpose import transpose
from scopert.ops.convolution_kernels import count_windows, pad_axes
from scopert.ops.nn_arguments import one_of
from scopert.ops.nn_depthwise import DEPTHWISE_INPUT
from scopert.ops.run_checks import require_rank, require_windows
from scopert.ops.window import output_size, window_pads
from scopert.public import public

Array = Any

ATTRS = (
    "ksizes: list(int) >= 4; strides: list(int) >= 4; rates: list(int) >= 4; "
    "T: {float32, float64, int32, uint8, int16, int8, int64, bfloat16, uint16, float16, uint32, uint64}; "
    'padding: {"SAME", "VALID"}'
)


def _inner(op: Operation, name: str) -> list[int]:
    values: list[int] = op.attrs[name]
    if len(values) != 4 or values[0] != 1 or values[3] != 1 or min(values) < 1:
        raise ValueError(f"{op.type} needs {name} of the form [1, height, width, 1], got {values}")
    return values[1:3]


def _shape(op: Operation) -> list[Shape]:
    x = with_rank(op.inputs[0]._shape, 4)
    kernel, strides, rates = (_inner(op, name) for name in ("ksizes", "strides", "rates"))
    out = [output_size(x[k + 1], kernel[k], strides[k], op.attrs["padding"], rates[k]) for k in (0, 1)]
    return [(x[0], *out, None if x[3] is None else x[3] * kernel[0] * kernel[1])]


def _extract(xp: Any, x: Array, *, ksizes: Any, strides: Any, rates: Any, padding: str) -> Array:
    require_rank(x, 4, "images")
    kernel, steps, gaps = ksizes[1:3], strides[1:3], rates[1:3]
    pads = [window_pads(n, k, s, padding, d) for n, k, s, d in zip(x.shape[1:3], kernel, steps, gaps, strict=True)]
    require_windows(x.shape[1:3], kernel, steps, gaps, pads)
    out = count_windows(x.shape[1:3], kernel, steps, gaps, pads)
    padded = pad_axes(xp, x, pads)
    patches = xp.empty((x.shape[0], *out, *kernel, x.shape[3]), dtype=x.dtype)
    if patches.size:
        for row in range(kernel[0]):
            for column in range(kernel[1]):
                rows = slice(row * gaps[0], row * gaps[0] + (out[0] - 1) * steps[0] + 1, steps[0])
                columns = slice(column * gaps[1], column * gaps[1] + (out[1] - 1) * steps[1] + 1, steps[1])
                patches[:, :, :, row, column] = padded[:, rows, columns]
    return (
        patches.reshape(x.shape[0], *out, -1)
        if patches.size
        else patches.reshape(x.shape[0], *out, kernel[0] * kernel[1] * x.shape[3])
    )


EXTRACT_PATCHES = define_op("ExtractImagePatches", "images: T", "patches: T", ATTRS, shape=_shape, kernel=_extract)


@gradient("ExtractImagePatches")
def _rule(op: Operation, grad: Tensor) -> Any:
    # Extracting is a depthwise convolution with one filter per place of the window, each a single one there. So
    # its gradient is that of the convolution, for patches ordered by channel first.
    x = op.inputs[0]
    rows, columns = op.attrs["ksizes"][1:3]
    depth = None if x._shape is None else x._shape[3]
    if depth is None:
        raise ValueError(f"the gradient of {op.name!r} needs images with a known number of channels, got {x!r}")
    places = rows * columns
    sizes = shape_of(grad)
    by_place = reshape(grad, [sizes[0], sizes[1], sizes[2], places, depth])
    by_channel = reshape(transpose(by_place, [0, 1, 2, 4, 3]), [sizes[0], sizes[1], sizes[2], depth * places])
    single = np.eye(places).reshape(rows, columns, 1, places)
    filters = constant(np.broadcast_to(single, (rows, columns, depth, places)), dtype=grad.dtype)
    return apply(
        DEPTHWISE_INPUT,
        shape_of(x),
        filters,
        by_channel,
        strides=op.attrs["strides"],
        padding=op.attrs["padding"],
        dilations=op.attrs["rates"],
    )


@public("extract_image_patches", "image.extract_image_patches")
def extract_image_patches(
    images: Any,
    ksizes: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: str | None = None,
    name: str | None = None,
    sizes: Any = None,
) -> Tensor:
    """The windows of images, each laid out along the channels.

    Parameters
    ----------
    images : tensor-like
        ``(batch, height, width, channels)``.
    ksizes, sizes, strides, rates : list of four int
        Size of the windows, distance between them and between their elements, as ``[1, height, width, 1]``.
    padding : str
        ``SAME`` or ``VALID``.

    Returns
    -------
    Tensor
        ``(batch, rows, columns, window height * window width * channels)``.

    Raises
    ------
    ValueError
        If a list is not of that form.
    """
    return apply(
        EXTRACT_PATCHES,
        images,
        ksizes=one_of("sizes", sizes, "ksizes", ksizes),
        strides=strides,
        rates=rates,
        padding=padding,
        name=name,
    )
