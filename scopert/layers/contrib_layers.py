"""Layers of tf.contrib.layers: a layer, then a normaliser, then an activation, in one scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.layers.arg_scope import add_arg_scope
from scopert.layers.contrib_variables import (
    collect_named_outputs,
    collect_variable,
    model_getter,
    model_variable,
    variable_collections,
)
from scopert.layers.convolution import Conv1D, Conv2D, Conv3D
from scopert.layers.dense import ZEROS, Dense
from scopert.layers.layer import Layer
from scopert.layers.pooling import AveragePooling2D, MaxPooling2D
from scopert.layers.separable import SeparableConv2D
from scopert.layers.shaping import Dropout
from scopert.layers.shaping import flatten as flatten_layer
from scopert.layers.transposed import Conv2DTranspose
from scopert.ops.array_one_hot import one_hot
from scopert.ops.array_shape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_cast import to_int64
from scopert.ops.nn_activation import relu as relu_op
from scopert.ops.nn_activation import relu6 as relu6_op
from scopert.ops.nn_bias import bias_add as bias_add_op
from scopert.ops.nn_softmax import softmax as softmax_op
from scopert.public import export, public
from scopert.scope.scaling_initializers import xavier_initializer
from scopert.scope.variable_scope import variable_scope

Function = Callable[..., Any]

XAVIER = xavier_initializer()
_RENAMED = {"kernel": "weights", "bias": "biases"}


def _finish(
    outputs: Tensor, scope: str, normalizer_fn: Function | None, normalizer_params: dict[str, Any] | None,
    activation_fn: Function | None, outputs_collections: Any,
) -> Tensor:  # fmt: skip
    """Normaliser, activation and collections."""
    if normalizer_fn is not None:
        outputs = normalizer_fn(outputs, **(normalizer_params or {}))
    if activation_fn is not None:
        outputs = activation_fn(outputs)
    return collect_named_outputs(outputs_collections, scope, outputs)


def _collect(layer: Layer, collections: Any, names: dict[str, str]) -> None:
    for attribute, name in names.items():
        made = getattr(layer, attribute)
        if made is not None:
            collect_variable(made, collections, name)


def _channels(data_format: str | None) -> str:
    return "channels_first" if data_format is not None and data_format.startswith("NC") else "channels_last"


def _check_format(data_format: str | None, allowed: tuple[str | None, ...]) -> None:
    if data_format not in allowed:
        raise ValueError(f"Invalid data_format: {data_format!r}")


@public("contrib.layers.fully_connected", "contrib.slim.fully_connected")
@add_arg_scope
def fully_connected(
    inputs: Any,
    num_outputs: int,
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
    """``activation_fn(normalizer_fn(inputs @ weights))``, or with biases instead of a normaliser.

    Parameters
    ----------
    inputs : tensor-like
        Rank 2 or more; the last axis is multiplied.
    num_outputs : int
    activation_fn : callable, optional
        Rectifier by default; None for a linear layer.
    normalizer_fn, normalizer_params : callable, dict, optional
        E.g. `batch_norm`; there are no biases then.
    weights_initializer, weights_regularizer, biases_initializer, biases_regularizer : callable, optional
    reuse : bool, optional
    variables_collections : list, or dict of lists by variable, optional
    outputs_collections : str or list, optional
    trainable : bool
    scope : str or VariableScope, optional

    Raises
    ------
    ValueError
        If `num_outputs` is not an integer.
    """
    if not isinstance(num_outputs, int):
        raise ValueError(f"num_outputs type should be one of [int], got {type(num_outputs)}.")
    with variable_scope(scope, "fully_connected", [inputs], reuse=reuse, custom_getter=model_getter(_RENAMED)) as inner:
        inputs = convert_to_tensor(inputs)
        layer = Dense(
            num_outputs,
            use_bias=bool(not normalizer_fn and biases_initializer),
            kernel_initializer=weights_initializer,
            bias_initializer=biases_initializer,
            kernel_regularizer=weights_regularizer,
            bias_regularizer=biases_regularizer,
            trainable=trainable,
            name=inner.name,
            dtype=inputs.dtype.base,
            _scope=inner,
            _reuse=reuse,
        )
        outputs = layer.apply(inputs)
        _collect(layer, variables_collections, _RENAMED)
        return _finish(outputs, inner.name, normalizer_fn, normalizer_params, activation_fn, outputs_collections)


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
    _check_format(data_format, (None, "NWC", "NCW", "NHWC", "NCHW", "NDHWC", "NCDHW"))
    with variable_scope(scope, "Conv", [inputs], reuse=reuse, custom_getter=model_getter(_RENAMED)) as inner:
        inputs = convert_to_tensor(inputs)
        rank = inputs.shape.ndims
        if conv_dims is not None and conv_dims + 2 != rank:
            raise ValueError(f"Convolution expects input with rank {conv_dims + 2}, got {rank}")
        kind = {3: Conv1D, 4: Conv2D, 5: Conv3D}.get(rank)
        if kind is None:
            raise ValueError(f"Convolution not supported for input with rank {rank}")
        layer = kind(
            num_outputs,
            kernel_size,
            strides=stride,
            padding=padding,
            data_format=_channels(data_format),
            dilation_rate=rate,
            use_bias=bool(not normalizer_fn and biases_initializer),
            kernel_initializer=weights_initializer,
            bias_initializer=biases_initializer,
            kernel_regularizer=weights_regularizer,
            bias_regularizer=biases_regularizer,
            trainable=trainable,
            name=inner.name,
            dtype=inputs.dtype.base,
            _scope=inner,
            _reuse=reuse,
        )
        outputs = layer.apply(inputs)
        _collect(layer, variables_collections, _RENAMED)
        return _finish(outputs, inner.name, normalizer_fn, normalizer_params, activation_fn, outputs_collections)


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
    _check_format(data_format, ("NHWC", "NCHW"))
    getter = model_getter(_RENAMED)
    with variable_scope(scope, "Conv2d_transpose", [inputs], reuse=reuse, custom_getter=getter) as inner:
        inputs = convert_to_tensor(inputs)
        layer = Conv2DTranspose(
            num_outputs,
            kernel_size,
            strides=stride,
            padding=padding,
            data_format=_channels(data_format),
            use_bias=bool(not normalizer_fn and biases_initializer),
            kernel_initializer=weights_initializer,
            bias_initializer=biases_initializer,
            kernel_regularizer=weights_regularizer,
            bias_regularizer=biases_regularizer,
            trainable=trainable,
            name=inner.name,
            dtype=inputs.dtype.base,
            _scope=inner,
            _reuse=reuse,
        )
        outputs = layer.apply(inputs)
        _collect(layer, variables_collections, _RENAMED)
        return _finish(outputs, inner.name, normalizer_fn, normalizer_params, activation_fn, outputs_collections)


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
    _check_format(data_format, ("NHWC", "NCHW"))
    if num_outputs is None:
        raise NotImplementedError("separable_conv2d without num_outputs: use tf.nn.depthwise_conv2d")
    names = {"bias": "biases", "depthwise_kernel": "depthwise_weights", "pointwise_kernel": "pointwise_weights"}
    getter = model_getter(names)
    with variable_scope(scope, "SeparableConv2d", [inputs], reuse=reuse, custom_getter=getter) as inner:
        inputs = convert_to_tensor(inputs)
        layer = SeparableConv2D(
            num_outputs,
            kernel_size,
            strides=stride,
            padding=padding,
            data_format=_channels(data_format),
            dilation_rate=rate,
            depth_multiplier=depth_multiplier,
            use_bias=bool(not normalizer_fn and biases_initializer),
            depthwise_initializer=weights_initializer,
            pointwise_initializer=pointwise_initializer or weights_initializer,
            bias_initializer=biases_initializer,
            depthwise_regularizer=weights_regularizer,
            pointwise_regularizer=weights_regularizer,
            bias_regularizer=biases_regularizer,
            trainable=trainable,
            name=inner.name,
            dtype=inputs.dtype.base,
            _scope=inner,
            _reuse=reuse,
        )
        outputs = layer.apply(inputs)
        _collect(layer, variables_collections, names)
        return _finish(outputs, inner.name, normalizer_fn, normalizer_params, activation_fn, outputs_collections)


@public("contrib.layers.bias_add", "contrib.slim.bias_add")
@add_arg_scope
def bias_add(
    inputs: Any,
    activation_fn: Function | None = None,
    initializer: Any = ZEROS,
    regularizer: Function | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    data_format: str = "NHWC",
    scope: Any = None,
) -> Tensor:
    """Adds a variable ``biases`` along the channels; see `fully_connected` for the rest.

    Raises
    ------
    ValueError
        If the layout is not valid, or the number of channels is not known.
    """
    _check_format(data_format, ("NHWC", "NCHW"))
    with variable_scope(scope, "BiasAdd", [inputs], reuse=reuse) as inner:
        inputs = convert_to_tensor(inputs)
        shape = inputs._shape
        if shape is None:
            raise ValueError("Dims of shape must be known but is None")
        channels = shape[1] if data_format == "NCHW" else shape[-1]
        if channels is None:
            raise ValueError("`C` dimension must be known but is None")
        biases = model_variable(
            "biases",
            shape=[channels],
            dtype=inputs.dtype.base,
            initializer=initializer,
            regularizer=regularizer,
            collections=variable_collections(variables_collections, "biases"),
            trainable=trainable,
        )
        outputs = bias_add_op(inputs, biases, data_format=data_format)
        return _finish(outputs, inner.name, None, None, activation_fn, outputs_collections)


@public("contrib.layers.dropout", "contrib.slim.dropout")
@add_arg_scope
def dropout(
    inputs: Any,
    keep_prob: Any = 0.5,
    noise_shape: Any = None,
    is_training: Any = True,
    outputs_collections: Any = None,
    scope: Any = None,
    seed: int | None = None,
) -> Tensor:
    """`tf.layers.dropout` by the share that is kept, and in training unless told."""
    with variable_scope(scope, "Dropout", [inputs], custom_getter=model_getter()) as inner:
        inputs = convert_to_tensor(inputs)
        layer = Dropout(rate=1 - keep_prob, noise_shape=noise_shape, seed=seed, name=inner.name, _scope=inner)
        outputs = layer.apply(inputs, training=is_training)
        return collect_named_outputs(outputs_collections, inner.name, outputs)


@public("contrib.layers.flatten", "contrib.slim.flatten")
@add_arg_scope
def flatten(inputs: Any, outputs_collections: Any = None, scope: Any = None) -> Tensor:
    """One axis of all but the batch."""
    with name_scope(scope, "Flatten", [inputs]) as inner:
        outputs = flatten_layer(convert_to_tensor(inputs))
        return collect_named_outputs(outputs_collections, inner, outputs)


def _pool(
    kind: type[Layer], default: str, inputs: Any, kernel_size: Any, stride: Any, padding: str, data_format: str,
    outputs_collections: Any, scope: Any,
) -> Tensor:  # fmt: skip
    _check_format(data_format, ("NHWC", "NCHW"))
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


@public("contrib.layers.one_hot_encoding", "contrib.slim.one_hot_encoding")
@add_arg_scope
def one_hot_encoding(
    labels: Any, num_classes: int, on_value: float = 1.0, off_value: float = 0.0, outputs_collections: Any = None,
    scope: Any = None,
) -> Tensor:  # fmt: skip
    """`tf.one_hot` with collections."""
    with name_scope(scope, "OneHotEncoding", [labels, num_classes]) as inner:
        labels = convert_to_tensor(labels)
        if labels.dtype is int32:
            labels = to_int64(labels)
        outputs = one_hot(labels, num_classes, on_value=on_value, off_value=off_value)
        return collect_named_outputs(outputs_collections, inner, outputs)


@public("contrib.layers.softmax", "contrib.slim.softmax")
@add_arg_scope
def softmax(logits: Any, scope: Any = None) -> Tensor:
    """`tf.nn.softmax` over the last axis, whose size must be known."""
    with variable_scope(scope, "softmax", [logits]):
        logits = convert_to_tensor(logits)
        classes = logits._shape[-1]
        predictions = softmax_op(reshape(logits, [-1, classes]))
        predictions = reshape(predictions, shape_of(logits))
        predictions.set_shape(logits._shape)
        return predictions


@public("contrib.layers.stack", "contrib.slim.stack")
@add_arg_scope
def stack(inputs: Any, layer: Function, stack_args: Any, **kwargs: Any) -> Tensor:
    """Applies a layer several times, each time with other arguments.

    Parameters
    ----------
    layer : callable
        ``layer(inputs, *arguments, scope=...)``.
    stack_args : list
        The arguments of each time: one, or a list.
    """
    scope, reuse = kwargs.pop("scope", None), kwargs.pop("reuse", None)
    with variable_scope(scope, "Stack", [inputs], reuse=reuse):
        outputs = convert_to_tensor(inputs)
        name = scope or getattr(layer, "__name__", "stack")
        for number, arguments in enumerate(stack_args, 1):
            arguments = arguments if isinstance(arguments, (list, tuple)) else [arguments]
            outputs = layer(outputs, *arguments, **{**kwargs, "scope": f"{name}_{number}"})
        return outputs


@public("contrib.layers.repeat", "contrib.slim.repeat")
@add_arg_scope
def repeat(inputs: Any, repetitions: int, layer: Function, *args: Any, **kwargs: Any) -> Tensor:
    """Applies a layer several times with the same arguments and scopes of its own."""
    scope = kwargs.pop("scope", None)
    with variable_scope(scope, "Repeat", [inputs]):
        outputs = convert_to_tensor(inputs)
        name = scope or getattr(layer, "__name__", "repeat")
        for number in range(1, repetitions + 1):
            outputs = layer(outputs, *args, **{**kwargs, "scope": f"{name}_{number}"})
        return outputs


def _with_activation(activation: Function | None, name: str) -> Function:
    def call(*args: Any, **kwargs: Any) -> Tensor:
        return fully_connected(*args, **{"activation_fn": activation, **kwargs})

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`fully_connected` with {'no activation' if activation is None else activation.__name__}."
    return call


linear = _with_activation(None, "linear")
relu = _with_activation(relu_op, "relu")
relu6 = _with_activation(relu6_op, "relu6")

for _name in ("linear", "relu", "relu6"):
    export(__name__, _name, f"contrib.layers.{_name}")
