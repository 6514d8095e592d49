"""Depthwise and separable convolutions: the op, its gradients and the public functions."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops import convolution_kernels as kernels
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.nn_arguments import one_of
from scopert.ops.nn_conv import Geometry, grad_filter_shape, spatial_attr
from scopert.ops.nn_convolution import conv2d
from scopert.ops.nn_space_to_batch import with_space_to_batch
from scopert.ops.run_checks import require
from scopert.ops.window import channel_axis, output_size, spatial_axes
from scopert.public import public

Array = Any

ATTRS = (
    'T: {float16, bfloat16, float32, float64}; strides: list(int); padding: {"SAME", "VALID"}; '
    'data_format: {"NHWC", "NCHW"} = "NHWC"; dilations: list(int) = [1, 1, 1, 1]'
)


def _shape(op: Operation) -> list[Shape]:
    attrs = op.attrs
    data_format = attrs["data_format"]
    x, w = with_rank(op.inputs[0]._shape, 4), with_rank(op.inputs[1]._shape, 4)
    strides = spatial_attr(attrs["strides"], data_format, "strides")
    dilations = spatial_attr(attrs["dilations"], data_format, "dilations")
    channels = channel_axis(data_format, 4)
    if x[channels] is not None and w[2] is not None and x[channels] != w[2]:
        raise ValueError(f"Dimensions must be equal, but are {x[channels]} and {w[2]}")
    depth = x[channels] if w[2] is None else w[2]
    out: list[int | None] = [x[0], None, None, None]
    out[channels] = None if depth is None or w[3] is None else depth * w[3]
    for k, axis in enumerate(spatial_axes(data_format, 4)):
        out[axis] = output_size(x[axis], w[k], strides[k], attrs["padding"], dilations[k])
    return [tuple(out)]


def _input_shape(op: Operation) -> list[Shape]:
    return [with_rank(known_shape(op.inputs[0]), 4)]


def forward(xp: Any, x: Array, w: Array, geometry: Geometry, how: Any = kernels) -> Array:
    """The convolution; `how` has `depthwise` and its gradients for channels that come last."""
    geometry.check(x, w)
    x = geometry.last(xp, x)
    require(x.shape[-1] == w.shape[2], f"input and filter must have the same depth: {x.shape[-1]} vs {w.shape[2]}")
    return geometry.back(xp, how.depthwise(xp, x, w, *geometry.arguments(x.shape[1:-1], w.shape[:-2])))


def backward_input(xp: Any, sizes: Array, w: Array, dy: Array, geometry: Geometry, how: Any = kernels) -> Array:
    """Its gradient to the input."""
    full = geometry.last_sizes(sizes)
    arguments = geometry.arguments(full[1:-1], w.shape[:-2])
    return geometry.back(xp, how.depthwise_grad_input(xp, full, w, geometry.last(xp, dy), *arguments))


def backward_filter(xp: Any, x: Array, sizes: Array, dy: Array, geometry: Geometry, how: Any = kernels) -> Array:
    """Its gradient to the filter."""
    x, shape = geometry.last(xp, x), tuple(int(n) for n in sizes)
    arguments = geometry.arguments(x.shape[1:-1], shape[:-2])
    return how.depthwise_grad_filter(xp, x, shape, geometry.last(xp, dy), *arguments)


def kernel_of(function: Any, how: Any = kernels) -> Any:
    """The kernel of an op from one of the three functions above."""

    def kernel(
        xp: Any, a: Array, b: Array, *rest: Array, strides: Any, padding: str, data_format: str, dilations: Any
    ) -> Array:
        return function(xp, a, b, *rest, Geometry(strides, padding, data_format, dilations), how)

    return kernel


DEPTHWISE = define_op(
    "DepthwiseConv2dNative", "input: T, filter: T", "output: T", ATTRS, shape=_shape,
    kernel=kernel_of(forward),
)  # fmt: skip
DEPTHWISE_INPUT = define_op(
    "DepthwiseConv2dNativeBackpropInput", "input_sizes: int32, filter: T, out_backprop: T", "output: T", ATTRS,
    shape=_input_shape, kernel=kernel_of(backward_input),
)  # fmt: skip
DEPTHWISE_FILTER = define_op(
    "DepthwiseConv2dNativeBackpropFilter", "input: T, filter_sizes: int32, out_backprop: T", "output: T",
    ATTRS, shape=grad_filter_shape, kernel=kernel_of(backward_filter),
)  # fmt: skip


def _attrs(op: Operation) -> dict[str, Any]:
    return {name: op.attrs[name] for name in ("strides", "padding", "data_format", "dilations")}


@gradient("DepthwiseConv2dNative")
def _rule(op: Operation, grad: Tensor) -> Any:
    x, w = op.inputs
    attrs = _attrs(op)
    return (
        apply(DEPTHWISE_INPUT, shape_of(x), w, grad, **attrs),
        apply(DEPTHWISE_FILTER, x, shape_of(w), grad, **attrs),
    )


@gradient("DepthwiseConv2dNativeBackpropInput")
def _input_rule(op: Operation, grad: Tensor) -> Any:
    _, w, dy = op.inputs
    attrs = _attrs(op)
    return None, apply(DEPTHWISE_FILTER, grad, shape_of(w), dy, **attrs), apply(DEPTHWISE, grad, w, **attrs)


@gradient("DepthwiseConv2dNativeBackpropFilter")
def _filter_rule(op: Operation, grad: Tensor) -> Any:
    x, _, dy = op.inputs
    attrs = _attrs(op)
    return apply(DEPTHWISE_INPUT, shape_of(x), grad, dy, **attrs), None, apply(DEPTHWISE, x, grad, **attrs)


def _depthwise(
    x: Any, w: Any, strides: Any, padding: str, data_format: str | None, dilations: Any, name: str | None
) -> Tensor:
    return apply(
        DEPTHWISE,
        x,
        w,
        strides=list(strides),
        padding=padding,
        data_format=data_format,
        dilations=None if dilations is None else list(dilations),
        name=name,
    )


@public("nn.depthwise_conv2d_native")
def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """`depthwise_conv2d` as one op, without a scope of its own."""
    return _depthwise(input, filter, strides, padding, data_format, dilations, name)


@public("nn.depthwise_conv2d")
def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: str,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Convolve each channel with filters of its own.

    Parameters
    ----------
    input : tensor-like
        ``(batch, height, width, channels)``, or ``NCHW``.
    filter : tensor-like
        ``(height, width, channels, multiplier)``; the result has ``channels * multiplier`` channels.
    strides : list of four int
    padding : str
    rate, dilations : pair of int, optional
        Dilation; needs strides of 1.
    """
    rate = one_of("dilations", dilations, "rate", rate)
    with name_scope(name, "depthwise", [input, filter]) as scope:
        x = convert_to_tensor(input, name="tensor_in")
        w = convert_to_tensor(filter, name="filter_in")

        def op(parts: Tensor, _: int, chosen: str) -> Tensor:
            return _depthwise(parts, w, strides, chosen, data_format, None, scope)

        return with_space_to_batch(
            x,
            filter_shape=shape_of(w),
            dilation_rate=[1, 1] if rate is None else rate,
            padding=padding,
            data_format=data_format,
            op=op,
        )


@public("nn.depthwise_conv2d_native_backprop_input", "nn.depthwise_conv2d_backprop_input")
def depthwise_conv2d_native_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Gradient of `depthwise_conv2d_native` to its input of shape `input_sizes`."""
    return apply(
        DEPTHWISE_INPUT,
        input_sizes,
        filter,
        out_backprop,
        strides=list(strides),
        padding=padding,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
    )


@public("nn.depthwise_conv2d_native_backprop_filter", "nn.depthwise_conv2d_backprop_filter")
def depthwise_conv2d_native_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Gradient of `depthwise_conv2d_native` to its filter of shape `filter_sizes`."""
    return apply(
        DEPTHWISE_FILTER,
        input,
        filter_sizes,
        out_backprop,
        strides=list(strides),
        padding=padding,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
    )


@public("nn.separable_conv2d")
def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: str,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """`depthwise_conv2d`, then a mix of its channels by a 1 x 1 convolution.

    Raises
    ------
    ValueError
        If `pointwise_filter` is not ``(1, 1, channels * multiplier, out_channels)``.
    """
    rate = one_of("dilations", dilations, "rate", rate)
    with name_scope(name, "separable_conv2d", [input, depthwise_filter, pointwise_filter]) as scope:
        x = convert_to_tensor(input, name="tensor_in")
        each = convert_to_tensor(depthwise_filter, name="depthwise_filter")
        mix = convert_to_tensor(pointwise_filter, name="pointwise_filter")
        sizes = with_rank(mix._shape, 4)
        if sizes[0] not in (None, 1) or sizes[1] not in (None, 1):
            raise ValueError(f"the pointwise filter must be 1 x 1, got shape {sizes}")

        def op(parts: Tensor, _: int, chosen: str) -> Tensor:
            return _depthwise(parts, each, strides, chosen, data_format, None, "depthwise")

        between = with_space_to_batch(
            x,
            filter_shape=shape_of(each),
            dilation_rate=[1, 1] if rate is None else rate,
            padding=padding,
            data_format=data_format,
            op=op,
        )
        return conv2d(between, mix, strides=[1, 1, 1, 1], padding="VALID", data_format=data_format, name=scope)
