"""Convolutions and poolings of tf.contrib.layers."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.layers.arg_scope import add_arg_scope
from scopert.layers.contrib_around import RENAMED, XAVIER, Around, Function, check_format
from scopert.layers.contrib_variables import (
    collect_named_outputs,
    model_getter,
)
from scopert.layers.convolution import Conv1D, Conv2D, Conv3D
from scopert.layers.dense import ZEROS
from scopert.layers.layer import Layer
from scopert.layers.pooling import AveragePooling2D, MaxPooling2D
from scopert.layers.separable import SeparableConv2D
from scopert.layers.transposed import Conv2DTranspose
from scopert.ops.nn_activation import relu as relu_op
from scopert.public import public
from scopert.scope.variable_scope import variable_scope


def _channels(data_format: str | None) -> str:
    return "channels_first" if data_format is not None and data_format.startswith("NC") else "channels_last"


@public("contrib.layers.convolution", "contrib.slim.convolution")
@add_arg_scope
def convolution(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
    activation_fn: Function | None = relu_op,
    normalizer_fn: Function | None = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = XAVIER,
    weights_regularizer: Function | None = None,
    biases_initializer: Any = ZEROS,
    biases_regularizer: Function | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
    conv_dims: int | None = None,
) -> Tensor:
    """A convolution in one to three dimensions, by the rank of `inputs`; see `fully_connected` for the rest.

    Raises
    ------
    ValueError
        If layout or rank are not valid, or the rank is not that of `conv_dims`.
    """
    check_format(data_format, (None, "NWC", "NCW", "NHWC", "NCHW", "NDHWC", "NCDHW"))
    with variable_scope(scope, "Conv", [inputs], reuse=reuse, custom_getter=model_getter(RENAMED)) as inner:
        inputs = convert_to_tensor(inputs)
        rank = inputs.shape.ndims
        if conv_dims is not None and conv_dims + 2 != rank:
            raise ValueError(f"Convolution expects input with rank {conv_dims + 2}, got {rank}")
        kind = {3: Conv1D, 4: Conv2D, 5: Conv3D}.get(rank)
        if kind is None:
            raise ValueError(f"Convolution not supported for input with rank {rank}")
        around = Around(
            activation_fn, normalizer_fn, normalizer_params, biases_initializer, biases_regularizer, reuse,
            variables_collections, outputs_collections, trainable,
        )  # fmt: skip
        return around.apply(
            kind,
            inputs,
            inner,
            filters=num_outputs,
            kernel_size=kernel_size,
            strides=stride,
            padding=padding,
            data_format=_channels(data_format),
            dilation_rate=rate,
            kernel_initializer=weights_initializer,
            kernel_regularizer=weights_regularizer,
        )


@public("contrib.layers.conv1d", "contrib.slim.conv1d", "contrib.layers.convolution1d", "contrib.slim.convolution1d")
@add_arg_scope
def convolution1d(*args: Any, **kwargs: Any) -> Tensor:
    """`contrib.layers.convolution` of ``(batch, width, channels)``; see there."""
    return convolution(*args, **{**kwargs, "conv_dims": 1})


@public("contrib.layers.conv2d", "contrib.slim.conv2d", "contrib.layers.convolution2d", "contrib.slim.convolution2d")
@add_arg_scope
def convolution2d(*args: Any, **kwargs: Any) -> Tensor:
    """`contrib.layers.convolution` of ``(batch, height, width, channels)``; see there."""
    return convolution(*args, **{**kwargs, "conv_dims": 2})


@public("contrib.layers.conv3d", "contrib.slim.conv3d", "contrib.layers.convolution3d", "contrib.slim.convolution3d")
@add_arg_scope
def convolution3d(*args: Any, **kwargs: Any) -> Tensor:
    """`contrib.layers.convolution` of ``(batch, depth, height, width, channels)``; see there."""
    return convolution(*args, **{**kwargs, "conv_dims": 3})


@public(
    "contrib.layers.conv2d_transpose",
    "contrib.slim.conv2d_transpose",
    "contrib.layers.convolution2d_transpose",
    "contrib.slim.convolution2d_transpose",
)
@add_arg_scope
def convolution2d_transpose(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    activation_fn: Function | None = relu_op,
    normalizer_fn: Function | None = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = XAVIER,
    weights_regularizer: Function | None = None,
    biases_initializer: Any = ZEROS,
    biases_regularizer: Function | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """A transposed convolution of images; see `fully_connected` for the rest.

    Raises
    ------
    ValueError
        If the layout is not valid.
    """
    check_format(data_format, ("NHWC", "NCHW"))
    getter = model_getter(RENAMED)
    with variable_scope(scope, "Conv2d_transpose", [inputs], reuse=reuse, custom_getter=getter) as inner:
        inputs = convert_to_tensor(inputs)
        around = Around(
            activation_fn, normalizer_fn, normalizer_params, biases_initializer, biases_regularizer, reuse,
            variables_collections, outputs_collections, trainable,
        )  # fmt: skip
        return around.apply(
            Conv2DTranspose,
            inputs,
            inner,
            filters=num_outputs,
            kernel_size=kernel_size,
            strides=stride,
            padding=padding,
            data_format=_channels(data_format),
            kernel_initializer=weights_initializer,
            kernel_regularizer=weights_regularizer,
        )


@public(
    "contrib.layers.separable_conv2d",
    "contrib.slim.separable_conv2d",
    "contrib.layers.separable_convolution2d",
    "contrib.slim.separable_convolution2d",
)
@add_arg_scope
def separable_convolution2d(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    depth_multiplier: int = 1,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    rate: Any = 1,
    activation_fn: Function | None = relu_op,
    normalizer_fn: Function | None = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = XAVIER,
    pointwise_initializer: Any = None,
    weights_regularizer: Function | None = None,
    biases_initializer: Any = ZEROS,
    biases_regularizer: Function | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """A separable convolution of images; see `fully_connected` for the rest.

    Raises
    ------
    NotImplementedError
        For `num_outputs` of None, a depthwise convolution alone: use `tf.nn.depthwise_conv2d`.
    ValueError
        If the layout is not valid.
    """
    check_format(data_format, ("NHWC", "NCHW"))
    if num_outputs is None:
        raise NotImplementedError("separable_conv2d without num_outputs: use tf.nn.depthwise_conv2d")
    names = {"bias": "biases", "depthwise_kernel": "depthwise_weights", "pointwise_kernel": "pointwise_weights"}
    getter = model_getter(names)
    with variable_scope(scope, "SeparableConv2d", [inputs], reuse=reuse, custom_getter=getter) as inner:
        inputs = convert_to_tensor(inputs)
        around = Around(
            activation_fn, normalizer_fn, normalizer_params, biases_initializer, biases_regularizer, reuse,
            variables_collections, outputs_collections, trainable,
        )  # fmt: skip
        return around.apply(
            SeparableConv2D,
            inputs,
            inner,
            names,
            filters=num_outputs,
            kernel_size=kernel_size,
            strides=stride,
            padding=padding,
            data_format=_channels(data_format),
            dilation_rate=rate,
            depth_multiplier=depth_multiplier,
            depthwise_initializer=weights_initializer,
            pointwise_initializer=pointwise_initializer or weights_initializer,
            depthwise_regularizer=weights_regularizer,
            pointwise_regularizer=weights_regularizer,
        )


def _pool(
    kind: type[Layer], default: str, inputs: Any, kernel_size: Any, stride: Any, padding: str, data_format: str,
    outputs_collections: Any, scope: Any,
) -> Tensor:  # fmt: skip
    check_format(data_format, ("NHWC", "NCHW"))
    with name_scope(scope, default, [inputs]) as inner:
        layer = kind(
            pool_size=kernel_size, strides=stride, padding=padding, data_format=_channels(data_format), _scope=inner
        )
        outputs = layer.apply(convert_to_tensor(inputs))
        return collect_named_outputs(outputs_collections, inner, outputs)


@public("contrib.layers.max_pool2d", "contrib.slim.max_pool2d")
@add_arg_scope
def max_pool2d(
    inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", data_format: str = "NHWC",
    outputs_collections: Any = None, scope: Any = None,
) -> Tensor:  # fmt: skip
    """The largest element of each window of images."""
    return _pool(
        MaxPooling2D, "MaxPool2D", inputs, kernel_size, stride, padding, data_format, outputs_collections, scope
    )


@public("contrib.layers.avg_pool2d", "contrib.slim.avg_pool2d")
@add_arg_scope
def avg_pool2d(
    inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", data_format: str = "NHWC",
    outputs_collections: Any = None, scope: Any = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of images."""
    return _pool(
        AveragePooling2D, "AvgPool2D", inputs, kernel_size, stride, padding, data_format, outputs_collections, scope
    )
