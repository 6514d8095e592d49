"""Transposed convolutions: the gradient of a convolution to its input, used as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_reshape import expand_dims, squeeze
from scopert.ops.array_space import batch_to_space_nd, space_to_batch_nd
from scopert.ops.nn_arguments import one_of, spatial_sequence
from scopert.ops.nn_conv import CONV_2D_INPUT, CONV_3D_INPUT
from scopert.public import public


def _transposed_2d(
    x: Any, w: Any, output_shape: Any, strides: Any, padding: str, data_format: str | None, dilations: Any, name: str
) -> Tensor:
    data_format = data_format or "NHWC"
    channel = 1 if data_format.startswith("NC") else 3
    return apply(
        CONV_2D_INPUT,
        output_shape,
        w,
        x,
        strides=spatial_sequence(strides, 2, channel, "strides"),
        padding=padding,
        data_format=data_format,
        dilations=spatial_sequence(dilations, 2, channel, "dilations"),
        name=name,
    )


@public("nn.conv2d_transpose")
def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: str = "SAME",
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The transpose of `conv2d`: spread each element of `value` over a window of the output.

    Parameters
    ----------
    value, input : tensor-like of floats
        ``(batch, height, width, in_channels)`` or ``NCHW``.
    filter, filters : tensor-like
        ``(height, width, out_channels, in_channels)``.
    output_shape : tensor-like of int32
        Of the result; the convolution of it with the same arguments must have the shape of `value`.
    strides : int or list of 1, 2 or 4 int
    """
    value = one_of("input", input, "value", value)
    filter = one_of("filters", filters, "filter", filter)
    with name_scope(name, "conv2d_transpose", [value, filter, output_shape]) as scope:
        return _transposed_2d(value, filter, output_shape, strides, padding, data_format, dilations, scope)


@public("nn.conv1d_transpose")
def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transpose of `conv1d`; see `conv2d_transpose`.

    Raises
    ------
    ValueError
        If `data_format` is neither ``NWC`` nor ``NCW``.
    """
    with name_scope(name, "conv1d_transpose", [input, filters, output_shape]) as scope:
        if data_format in (None, "NWC"):
            layout, axis, channel = "NHWC", 1, 2
        elif data_format == "NCW":
            layout, axis, channel = "NCHW", 2, 1
        else:
            raise ValueError('data_format must be "NWC" or "NCW".')
        around = [1, *spatial_sequence(strides, 1, channel, "stride")]
        rates = [1, *spatial_sequence(dilations, 1, channel, "dilations")]
        x = expand_dims(input, axis)
        w = expand_dims(filters, 0)
        sizes = output_shape if isinstance(output_shape, Tensor) else list(output_shape)
        sizes = concat([sizes[:axis], [1], sizes[axis:]], 0)
        result = apply(
            CONV_2D_INPUT, sizes, w, x,
            strides=around, padding=padding, data_format=layout, dilations=rates, name=scope,
        )  # fmt: skip
        return squeeze(result, [axis])


@public("nn.conv3d_transpose")
def conv3d_transpose(
    value: Any,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: str = "SAME",
    data_format: str | None = "NDHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The transpose of `conv3d`; see `conv2d_transpose`."""
    value = one_of("input", input, "value", value)
    filter = one_of("filters", filters, "filter", filter)
    with name_scope(name, "conv3d_transpose", [value, filter, output_shape]) as scope:
        layout = data_format or "NDHWC"
        channel = 1 if layout.startswith("NC") else 4
        return apply(
            CONV_3D_INPUT,
            output_shape,
            filter,
            value,
            strides=spatial_sequence(strides, 3, channel, "strides"),
            padding=padding,
            data_format=layout,
            dilations=spatial_sequence(dilations, 3, channel, "dilations"),
            name=scope,
        )


@public("nn.conv_transpose")
def conv_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transposed convolution of as many dimensions as `output_shape` has; see `conv2d_transpose`.

    Raises
    ------
    ValueError
        If the number of dimensions is not 1, 2 or 3.
    """
    with name_scope(name, "conv_transpose", [input, filters, output_shape]) as scope:
        shape = output_shape._shape if isinstance(output_shape, Tensor) else (len(output_shape),)
        if shape is None or len(shape) != 1 or shape[0] is None:
            raise ValueError("output_shape must be a vector of known length.")
        spatial = shape[0] - 2
        if spatial == 1:
            return conv1d_transpose(input, filters, output_shape, strides, padding, data_format, dilations, scope)
        if spatial not in (2, 3):
            raise ValueError(f"output_shape must be of length 3, 4 or 5 but was {shape[0]}.")
        call = conv2d_transpose if spatial == 2 else conv3d_transpose
        return call(input, filters, output_shape, strides, padding, data_format, scope, dilations=dilations)


@public("nn.atrous_conv2d_transpose")
def atrous_conv2d_transpose(
    value: Any, filters: Any, output_shape: Any, rate: int, padding: str, name: str | None = None
) -> Tensor:
    """The transpose of `atrous_conv2d`.

    Parameters
    ----------
    value : tensor-like
        ``(batch, height, width, in_channels)``.
    filters : tensor-like
        ``(height, width, out_channels, in_channels)`` of known height and width.
    output_shape : tensor-like of int32
    rate : int
        Positive.

    Raises
    ------
    ValueError
        If channels, `rate`, `padding` or `output_shape` are not valid.
    """
    with name_scope(name, "atrous_conv2d_transpose", [value, filters, output_shape]):
        x = convert_to_tensor(value, name="value")
        w = convert_to_tensor(filters, name="filters")
        assert x._shape is not None and w._shape is not None
        if x._shape[3] is not None and w._shape[3] is not None and x._shape[3] != w._shape[3]:
            raise ValueError(
                f"value's input channels does not match filters' input channels, {x._shape[3]} != {w._shape[3]}"
            )
        if rate < 1:
            raise ValueError(f"rate {rate} cannot be less than one")
        if rate == 1:
            return conv2d_transpose(x, w, output_shape, strides=[1, 1, 1, 1], padding=padding, data_format="NHWC")
        sizes = convert_to_tensor(output_shape, name="output_shape")
        if sizes._shape is not None and sizes._shape != (4,) and sizes._shape != (None,):
            raise ValueError(f"output_shape must have shape (4,), got {sizes._shape}")
        # As numbers where they are known: then no arithmetic is left in the graph.
        known: Any = output_shape if isinstance(output_shape, Sequence) else sizes
        height, width = w._shape[0], w._shape[1]
        if height is None or width is None:
            raise ValueError(f"atrous_conv2d_transpose needs filters of known height and width, got {w!r}")
        if padding == "SAME":
            extra_height, extra_width = (height - 1) * (rate - 1) + height - 1, (width - 1) * (rate - 1) + width - 1
            top, left = extra_height // 2, extra_width // 2
            bottom, right = extra_height - top, extra_width - left
        elif padding == "VALID":
            top = bottom = left = right = 0
        else:
            raise ValueError(f"padding must be either VALID or SAME: {padding}")
        in_height = known[1] + top + bottom
        in_width = known[2] + left + right
        more_bottom = (rate - in_height % rate) % rate
        more_right = (rate - in_width % rate) % rate
        parts = space_to_batch_nd(x, block_shape=[rate, rate], paddings=[[0, more_bottom], [0, more_right]])
        part_sizes = [
            rate * rate * known[0],
            (in_height + more_bottom) // rate,
            (in_width + more_right) // rate,
            known[3],
        ]
        spread = apply(CONV_2D_INPUT, part_sizes, w, parts, strides=[1, 1, 1, 1], padding="VALID")
        crops = [[top, bottom + more_bottom], [left, right + more_right]]
        return batch_to_space_nd(spread, block_shape=[rate, rate], crops=crops)
