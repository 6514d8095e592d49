"""The public convolutions without transposition: plain and dilated, and what dilation is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import expand_dims, squeeze
from scopert.ops.nn_arguments import one_of, padding_attrs, spatial_sequence, strides_and_rates
from scopert.ops.nn_conv import CONV_2D, CONV_2D_FILTER, CONV_2D_INPUT, CONV_3D, CONV_3D_FILTER
from scopert.ops.nn_space_to_batch import SpaceToBatch, WindowOp
from scopert.public import public


def _channel(data_format: str, rank: int) -> int:
    return 1 if data_format.startswith("NC") else rank - 1


@public("nn.conv2d")
def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str | None = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Cross-correlation of images with a bank of filters.

    Parameters
    ----------
    input : tensor-like of floats
        ``(batch, height, width, channels)``, or channels second if `data_format` is ``NCHW``.
    filter, filters : tensor-like
        ``(height, width, in_channels, out_channels)``. With fewer input channels than the images have, the
        convolution is grouped.
    strides, dilations : int or list of 1, 2 or 4 int
    padding : str or list of four pairs
        ``SAME``, ``VALID``, or the rows and columns to add on each side.
    use_cudnn_on_gpu : bool
        Recorded in the graph; the backend chooses its algorithm.

    Raises
    ------
    ValueError
        If ranks, channels, strides or padding do not fit.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     tf.nn.conv2d(tf.zeros([8, 28, 28, 1]), tf.zeros([3, 3, 1, 16]), 2, "SAME").shape.as_list()
    [8, 14, 14, 16]
    """
    filter = one_of("filters", filters, "filter", filter)
    data_format = data_format or "NHWC"
    channel = _channel(data_format, 4)
    return apply(
        CONV_2D,
        input,
        filter,
        strides=spatial_sequence(strides, 2, channel, "strides"),
        use_cudnn_on_gpu=use_cudnn_on_gpu,
        data_format=data_format,
        dilations=spatial_sequence(dilations, 2, channel, "dilations"),
        name=name,
        **padding_attrs(padding),
    )


@public("nn.conv2d_backprop_input")
def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any = None,
    out_backprop: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Gradient of `conv2d` to its input of shape `input_sizes`."""
    filter = one_of("filters", filters, "filter", filter)
    return apply(
        CONV_2D_INPUT,
        input_sizes,
        filter,
        out_backprop,
        strides=list(strides),
        use_cudnn_on_gpu=use_cudnn_on_gpu,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
        **padding_attrs(padding),
    )


@public("nn.conv2d_backprop_filter")
def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Gradient of `conv2d` to its filter of shape `filter_sizes`."""
    return apply(
        CONV_2D_FILTER,
        input,
        filter_sizes,
        out_backprop,
        strides=list(strides),
        use_cudnn_on_gpu=use_cudnn_on_gpu,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
        **padding_attrs(padding),
    )


@public("nn.conv1d")
def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Tensor:
    """`conv2d` over one spatial axis, by way of an image of height 1.

    Parameters
    ----------
    value, input : tensor-like
        ``(batch, width, channels)``, or channels second if `data_format` is ``NCW``.
    filters : tensor-like
        ``(width, in_channels, out_channels)``.
    stride, dilations : int or list of 1 or 3 int
    padding : str
    """
    value = one_of("input", input, "value", value)
    with name_scope(name, "conv1d", [value, filters]) as scope:
        if data_format in (None, "NHWC", "NWC"):
            data_format, axis, channel = "NHWC", 1, 2
        elif data_format in ("NCHW", "NCW"):
            data_format, axis, channel = "NCHW", 2, 1
        else:
            raise ValueError('data_format must be "NWC" or "NCW".')
        strides = [1, *spatial_sequence(stride, 1, channel, "stride")]
        rates = [1, *spatial_sequence(dilations, 1, channel, "dilations")]
        value = expand_dims(value, axis)
        filters = expand_dims(filters, 0)
        result = apply(
            CONV_2D,
            value,
            filters,
            strides=strides,
            padding=padding,
            use_cudnn_on_gpu=use_cudnn_on_gpu,
            data_format=data_format,
            dilations=rates,
            name=scope,
        )
        return squeeze(result, [axis])


@public("nn.conv3d")
def conv3d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: str | None = None,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """`conv2d` in three dimensions: ``(batch, depth, height, width, channels)`` or ``NCDHW``."""
    filter = one_of("filters", filters, "filter", filter)
    return apply(
        CONV_3D,
        input,
        filter,
        strides=None if strides is None else list(strides),
        padding=padding,
        data_format=data_format,
        dilations=None if dilations is None else list(dilations),
        name=name,
    )


@public("nn.conv3d_backprop_filter", "nn.conv3d_backprop_filter_v2")
def conv3d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: str,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Gradient of `conv3d` to its filter of shape `filter_sizes`."""
    return apply(
        CONV_3D_FILTER,
        input,
        filter_sizes,
        out_backprop,
        strides=list(strides),
        padding=padding,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
    )


class Convolution:
    """A convolution in one to three dimensions, prepared for an input and a filter shape.

    Layers keep one, so that what depends on the shapes alone is built once.

    Parameters
    ----------
    input_shape, filter_shape : tuple or None
    padding : str
        ``SAME`` or ``VALID``.
    strides, dilation_rate : list of int, optional
        One per spatial axis; not both may exceed 1.
    name : str, optional
        Of the convolution op.
    data_format : str, optional
        ``N...C`` or ``NC...``.

    Raises
    ------
    ValueError
        If ranks or channels do not fit, or there are not one to three spatial axes.
    """

    def __init__(
        self,
        input_shape: Shape,
        filter_shape: Shape,
        padding: str,
        strides: Sequence[int] | None = None,
        dilation_rate: Sequence[int] | None = None,
        name: str | None = None,
        data_format: str | None = None,
    ) -> None:
        rank = len(filter_shape) if filter_shape is not None else None if input_shape is None else len(input_shape)
        if rank is None:
            raise ValueError("rank of input and filter must be known")
        if not 3 <= rank <= 5:
            raise ValueError(f"rank of a convolution's input must be 3, 4 or 5, got {rank}")
        x = with_rank(input_shape, rank)
        w = with_rank(filter_shape, rank)
        last = data_format is None or not data_format.startswith("NC")
        if last and data_format is not None and not data_format.endswith("C"):
            raise ValueError(f"data_format must be of the form N...C or NC..., got {data_format!r}")
        channels = x[-1 if last else 1]
        if channels is not None and w[-2] is not None and channels != w[-2]:
            raise ValueError(
                f"number of input channels does not match corresponding dimension of filter, {channels} != {w[-2]}"
            )
        spatial = rank - 2
        self._strides, self._rates = strides_and_rates(spatial, strides, dilation_rate)
        self._name = name
        self._data_format = data_format
        self._spatial = spatial
        known = None if filter_shape is None or None in w else list(w)
        self._call = SpaceToBatch(x, self._rates, padding, self._build, known, data_format=data_format)

    def _build(self, padding: str) -> WindowOp:
        strides = [int(n) for n in self._strides]
        last = self._data_format is None or not self._data_format.startswith("NC")
        around = [1, *strides, 1] if last else [1, 1, *strides]

        def call(x: Tensor, w: Tensor) -> Tensor:
            if self._spatial == 1:
                return conv1d(x, w, stride=strides[0], padding=padding, data_format=self._data_format, name=self._name)
            made: Tensor
            if self._spatial == 2:
                made = apply(
                    CONV_2D, x, w, strides=around, padding=padding, data_format=self._data_format, name=self._name
                )
            else:
                made = apply(
                    CONV_3D, x, w, strides=around, padding=padding, data_format=self._data_format, name=self._name
                )
            return made

        return call

    def __call__(self, inputs: Tensor, filters: Tensor) -> Tensor:
        """The convolution of ``inputs`` with ``filters``."""
        return self._call(inputs, filters)


@public("nn.convolution")
def convolution(
    input: Any,
    filter: Any,
    padding: str,
    strides: Sequence[int] | None = None,
    dilation_rate: Sequence[int] | None = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Any = None,
    dilations: Sequence[int] | None = None,
) -> Tensor:
    """A convolution in one, two or three dimensions, possibly dilated.

    Parameters
    ----------
    input : tensor-like
        ``(batch, *spatial, channels)``, or channels second if `data_format` starts with ``NC``.
    filter, filters : tensor-like
        ``(*window, in_channels, out_channels)``.
    padding : str
        ``SAME`` or ``VALID``.
    strides, dilation_rate, dilations : list of int, optional
        One per spatial axis; not both may exceed 1.

    Raises
    ------
    ValueError
        If ranks, channels, strides and rates do not fit together.
    """
    filter = one_of("filters", filters, "filter", filter)
    rates = one_of("dilations", dilations, "dilation_rate", dilation_rate)
    with name_scope(name, "convolution", [input, filter]) as scope:
        x = convert_to_tensor(input, name="input")
        w = convert_to_tensor(filter, name="filter")
        if rates is None or all(rate == 1 for rate in rates):
            return _undilated(x, w, padding, strides, data_format, scope)
        prepared = Convolution(x._shape, w._shape, padding, strides, rates, name=scope, data_format=data_format)
        return prepared(x, w)


def _undilated(
    x: Tensor, w: Tensor, padding: str, strides: Sequence[int] | None, data_format: str | None, name: str
) -> Tensor:
    rank = len(w._shape) if w._shape is not None else None if x._shape is None else len(x._shape)
    if rank is None or not 3 <= rank <= 5:
        raise ValueError(f"a convolution needs an input and a filter of known rank 3, 4 or 5, got {x!r} and {w!r}")
    with_rank(x._shape, rank)
    with_rank(w._shape, rank)
    spatial = rank - 2
    if rank == 3:
        return conv1d(
            x, w, stride=1 if strides is None else strides, padding=padding, data_format=data_format, name=name
        )
    channel = 1 if data_format is not None and data_format.startswith("NC") else rank - 1
    around = spatial_sequence(strides, spatial, channel, "strides")
    made: Tensor = apply(
        CONV_2D if rank == 4 else CONV_3D, x, w, strides=around, padding=padding, data_format=data_format, name=name
    )
    return made


@public("nn.atrous_conv2d")
def atrous_conv2d(value: Any, filters: Any, rate: Any, padding: str, name: str | None = None) -> Tensor:
    """`convolution` of images with filters dilated by `rate` in both directions."""
    rates = [int(n) for n in np.broadcast_to(rate, (2,))]
    return convolution(value, filters, padding, dilation_rate=rates, name=name)
