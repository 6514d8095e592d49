"""Transposed convolution layers in two and three dimensions."""

from __future__ import annotations

from typing import Any

from scopert.graph.shape import TensorShape, as_tuple
from scopert.graph.tensor import Tensor
from scopert.layers.arguments import op_format, spread_length
from scopert.layers.convolution import ConvolutionLayer, Function
from scopert.layers.dense import ZEROS
from scopert.layers.functional import functional
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_stack import stack
from scopert.ops.nn_transposed import conv2d_transpose as conv2d_transpose_op
from scopert.ops.nn_transposed import conv3d_transpose as conv3d_transpose_op
from scopert.public import export, public


class TransposedLayer(ConvolutionLayer):
    """A transposed convolution with bias and activation; see `ConvolutionLayer` for the parameters."""

    def build(self, input_shape: Any) -> None:
        shape = as_tuple(input_shape)
        if shape is None or len(shape) != self.rank + 2:
            raise ValueError(f"Inputs should have rank {self.rank + 2}. Received input shape: {input_shape}")
        channels = self._channels(input_shape)
        self._add_kernel((*self.kernel_size, self.filters, channels))
        self._add_bias()
        self.built = True

    def call(self, inputs: Tensor, **kwargs: Any) -> Tensor:
        sizes = shape_of(inputs)
        first = 2 if self.data_format == "channels_first" else 1
        batch = sizes[0]
        spatial = [sizes[first + k] for k in range(self.rank)]
        spread = [
            spread_length(n, k, self.padding, s)
            for n, k, s in zip(spatial, self.kernel_size, self.strides, strict=True)
        ]
        if self.data_format == "channels_first":
            output_shape = stack([batch, self.filters, *spread])
            around = (1, 1, *self.strides)
        else:
            output_shape = stack([batch, *spread, self.filters])
            around = (1, *self.strides, 1)
        convolve = conv2d_transpose_op if self.rank == 2 else conv3d_transpose_op
        if self.rank == 2:
            output_shape[0]  # TensorFlow leaves this slice behind; later names count it
        outputs = convolve(
            inputs,
            self.kernel,
            output_shape,
            around,
            padding=self.padding.upper(),
            data_format=op_format(self.data_format, self.rank),
        )
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        return self._finish(outputs)

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        shape = list(as_tuple(input_shape) or ())
        first = 2 if self.data_format == "channels_first" else 1
        shape[self._channel_axis] = self.filters
        for k, (kernel, stride) in enumerate(zip(self.kernel_size, self.strides, strict=True)):
            shape[first + k] = spread_length(shape[first + k], kernel, self.padding, stride)
        return TensorShape(shape)


@public("layers.Conv2DTranspose")
class Conv2DTranspose(TransposedLayer):
    """A transposed convolution layer over images; see `ConvolutionLayer` for the parameters."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: str = "valid",
        data_format: str = "channels_last", activation: Function | None = None, use_bias: bool = True,
        kernel_initializer: Any = None, bias_initializer: Any = ZEROS, kernel_regularizer: Function | None = None,
        bias_regularizer: Function | None = None, activity_regularizer: Function | None = None,
        kernel_constraint: Function | None = None, bias_constraint: Function | None = None,
        trainable: bool = True, name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            2, filters, kernel_size, strides, padding, data_format, (1, 1), activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, trainable, name, **kwargs,
        )  # fmt: skip


@public("layers.Conv3DTranspose")
class Conv3DTranspose(TransposedLayer):
    """A transposed convolution layer over volumes; see `ConvolutionLayer` for the parameters."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = (1, 1, 1), padding: str = "valid",
        data_format: str = "channels_last", activation: Function | None = None, use_bias: bool = True,
        kernel_initializer: Any = None, bias_initializer: Any = ZEROS, kernel_regularizer: Function | None = None,
        bias_regularizer: Function | None = None, activity_regularizer: Function | None = None,
        kernel_constraint: Function | None = None, bias_constraint: Function | None = None,
        trainable: bool = True, name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            3, filters, kernel_size, strides, padding, data_format, (1, 1, 1), activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, trainable, name, **kwargs,
        )  # fmt: skip


conv2d_transpose = functional(Conv2DTranspose, "conv2d_transpose")
conv3d_transpose = functional(Conv3DTranspose, "conv3d_transpose")

for _name in ("conv2d_transpose", "conv3d_transpose"):
    export(__name__, _name, f"layers.{_name}")
