"""Separable convolution layers: each channel on its own, then a mix of the channels."""

from __future__ import annotations

from typing import Any

from scopert.graph.tensor import Tensor
from scopert.layers.arguments import op_format
from scopert.layers.convolution import ConvolutionLayer, Function
from scopert.layers.dense import ZEROS
from scopert.layers.functional import functional
from scopert.ops.array_reshape import expand_dims, squeeze
from scopert.ops.nn_bias import bias_add
from scopert.ops.nn_depthwise import separable_conv2d as separable_conv2d_op
from scopert.public import export, public


class SeparableLayer(ConvolutionLayer):
    """A depthwise convolution with `depth_multiplier` filters per channel, then a 1 x 1 convolution.

    Its kernels are ``depthwise_kernel`` and ``pointwise_kernel``, each with initializer, regularizer and constraint;
    see `ConvolutionLayer` for the other parameters.
    """

    def __init__(
        self, rank: int, filters: int, kernel_size: Any, strides: Any, padding: str, data_format: str,
        dilation_rate: Any, depth_multiplier: int, activation: Function | None, use_bias: bool,
        depthwise_initializer: Any, pointwise_initializer: Any, bias_initializer: Any,
        depthwise_regularizer: Function | None, pointwise_regularizer: Function | None,
        bias_regularizer: Function | None, activity_regularizer: Function | None,
        depthwise_constraint: Function | None, pointwise_constraint: Function | None,
        bias_constraint: Function | None, trainable: bool, name: Any, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            rank, filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            None, bias_initializer, None, bias_regularizer, activity_regularizer, None, bias_constraint,
            trainable, name, **kwargs,
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier
        self.depthwise_initializer = depthwise_initializer
        self.pointwise_initializer = pointwise_initializer
        self.depthwise_regularizer = depthwise_regularizer
        self.pointwise_regularizer = pointwise_regularizer
        self.depthwise_constraint = depthwise_constraint
        self.pointwise_constraint = pointwise_constraint
        self.depthwise_kernel: Any = None
        self.pointwise_kernel: Any = None

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.depthwise_kernel = self.add_weight(
            "depthwise_kernel",
            shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            trainable=True,
            dtype=self.dtype,
        )
        self.pointwise_kernel = self.add_weight(
            "pointwise_kernel",
            shape=((1,) * self.rank + (self.depth_multiplier * channels, self.filters)),
            initializer=self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            trainable=True,
            dtype=self.dtype,
        )
        self._add_bias()
        self.built = True

    def call(self, inputs: Tensor, **kwargs: Any) -> Tensor:
        first = self.data_format == "channels_first"
        if self.rank == 2:
            around = (1, 1, *self.strides) if first else (1, *self.strides, 1)
            outputs = separable_conv2d_op(
                inputs,
                self.depthwise_kernel,
                self.pointwise_kernel,
                strides=around,
                padding=self.padding.upper(),
                rate=self.dilation_rate,
                data_format=op_format(self.data_format, 2),
            )
            return self._finish(outputs)
        # One dimension by way of images of height 1.
        around = (1, 1, *(self.strides * 2)) if first else (1, *(self.strides * 2), 1)
        axis = 2 if first else 1
        image = expand_dims(inputs, axis)
        each = expand_dims(self.depthwise_kernel, 0)
        mix = expand_dims(self.pointwise_kernel, 0)
        outputs = separable_conv2d_op(
            image,
            each,
            mix,
            strides=around,
            padding=self.padding.upper(),
            rate=(1, *self.dilation_rate),
            data_format=op_format(self.data_format, 2),
        )
        if self.use_bias:
            outputs = bias_add(outputs, self.bias, data_format="NCHW" if first else "NHWC")
        outputs = squeeze(outputs, [axis])
        return outputs if self.activation is None else self.activation(outputs)


@public("layers.SeparableConv1D")
class SeparableConv1D(SeparableLayer):
    """A separable convolution layer over ``(batch, width, channels)``; see `SeparableLayer`."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str = "channels_last", dilation_rate: Any = 1, depth_multiplier: int = 1,
        activation: Function | None = None, use_bias: bool = True, depthwise_initializer: Any = None,
        pointwise_initializer: Any = None, bias_initializer: Any = ZEROS,
        depthwise_regularizer: Function | None = None, pointwise_regularizer: Function | None = None,
        bias_regularizer: Function | None = None, activity_regularizer: Function | None = None,
        depthwise_constraint: Function | None = None, pointwise_constraint: Function | None = None,
        bias_constraint: Function | None = None, trainable: bool = True, name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            1, filters, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier, activation,
            use_bias, depthwise_initializer, pointwise_initializer, bias_initializer, depthwise_regularizer,
            pointwise_regularizer, bias_regularizer, activity_regularizer, depthwise_constraint,
            pointwise_constraint, bias_constraint, trainable, name, **kwargs,
        )  # fmt: skip


@public("layers.SeparableConv2D")
class SeparableConv2D(SeparableLayer):
    """A separable convolution layer over ``(batch, height, width, channels)``; see `SeparableLayer`."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: str = "valid",
        data_format: str = "channels_last", dilation_rate: Any = (1, 1), depth_multiplier: int = 1,
        activation: Function | None = None, use_bias: bool = True, depthwise_initializer: Any = None,
        pointwise_initializer: Any = None, bias_initializer: Any = ZEROS,
        depthwise_regularizer: Function | None = None, pointwise_regularizer: Function | None = None,
        bias_regularizer: Function | None = None, activity_regularizer: Function | None = None,
        depthwise_constraint: Function | None = None, pointwise_constraint: Function | None = None,
        bias_constraint: Function | None = None, trainable: bool = True, name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            2, filters, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier, activation,
            use_bias, depthwise_initializer, pointwise_initializer, bias_initializer, depthwise_regularizer,
            pointwise_regularizer, bias_regularizer, activity_regularizer, depthwise_constraint,
            pointwise_constraint, bias_constraint, trainable, name, **kwargs,
        )  # fmt: skip


separable_conv1d = functional(SeparableConv1D, "separable_conv1d")
separable_conv2d = functional(SeparableConv2D, "separable_conv2d")

for _name in ("separable_conv1d", "separable_conv2d"):
    export(__name__, _name, f"layers.{_name}")
