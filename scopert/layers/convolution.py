"""Convolution layers in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.shape import TensorShape, as_tuple
from scopert.graph.tensor import Tensor
from scopert.layers.arguments import check_data_format, check_padding, int_tuple, op_format, window_length
from scopert.layers.dense import ZEROS
from scopert.layers.functional import functional
from scopert.layers.input_spec import InputSpec
from scopert.layers.layer import Layer
from scopert.ops.array_reshape import reshape
from scopert.ops.nn_bias import bias_add
from scopert.ops.nn_convolution import Convolution
from scopert.public import export, public

Function = Callable[[Any], Any]


class ConvolutionLayer(Layer):
    """A convolution in `rank` dimensions with bias and activation.

    Parameters
    ----------
    rank : int
    filters : int
        Channels of the output.
    kernel_size, strides, dilation_rate : int or tuple of `rank` int
        Strides and rates may not both exceed 1.
    padding : str
        ``valid`` or ``same``.
    data_format : str
        ``channels_last`` or ``channels_first``.
    activation : callable, optional
    use_bias : bool
    kernel_initializer, bias_initializer : callable, optional
    kernel_regularizer, bias_regularizer, activity_regularizer : callable, optional
    kernel_constraint, bias_constraint : callable, optional
    trainable : bool
    name : str, optional

    Raises
    ------
    ValueError
        If sizes, padding or layout are not valid.
    """

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str,
        dilation_rate: Any,
        activation: Function | None,
        use_bias: bool,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Function | None,
        bias_regularizer: Function | None,
        activity_regularizer: Function | None,
        kernel_constraint: Function | None,
        bias_constraint: Function | None,
        trainable: bool,
        name: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, name=name, activity_regularizer=activity_regularizer, **kwargs)
        self.rank = rank
        self.filters = filters
        self.kernel_size = int_tuple(kernel_size, rank, "kernel_size")
        self.strides = int_tuple(strides, rank, "strides")
        self.padding = check_padding(padding)
        self.data_format = check_data_format(data_format)
        self.dilation_rate = int_tuple(dilation_rate, rank, "dilation_rate")
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer = kernel_regularizer
        self.bias_regularizer = bias_regularizer
        self.kernel_constraint = kernel_constraint
        self.bias_constraint = bias_constraint
        self.input_spec = InputSpec(ndim=rank + 2)
        self.kernel: Any = None
        self.bias: Any = None
        self._convolution: Convolution | None = None

    @property
    def _channel_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else -1

    def _channels(self, input_shape: Any) -> int:
        """Channels of the input, which also become part of `input_spec`."""
        shape = as_tuple(input_shape)
        channels = None if shape is None else shape[self._channel_axis]
        if channels is None:
            raise ValueError("The channel dimension of the inputs should be defined. Found `None`.")
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})
        return channels

    def _add_kernel(self, shape: tuple[int, ...]) -> None:
        self.kernel = self.add_weight(
            "kernel",
            shape=shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            trainable=True,
            dtype=self.dtype,
        )

    def _add_bias(self) -> None:
        if self.use_bias:
            self.bias = self.add_weight(
                "bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                trainable=True,
                dtype=self.dtype,
            )

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self._add_kernel((*self.kernel_size, channels, self.filters))
        self._add_bias()
        self._convolution = Convolution(
            as_tuple(input_shape),
            as_tuple(self.kernel.shape),
            self.padding.upper(),
            strides=self.strides,
            dilation_rate=self.dilation_rate,
            data_format=op_format(self.data_format, self.rank),
        )
        self.built = True

    def call(self, inputs: Tensor, **kwargs: Any) -> Tensor:
        assert self._convolution is not None
        return self._finish(self._convolution(inputs, self.kernel))

    def _finish(self, outputs: Tensor) -> Tensor:
        """Bias and activation."""
        if self.use_bias:
            if self.data_format == "channels_first" and self.rank == 1:
                outputs = outputs + reshape(self.bias, (1, self.filters, 1))
            else:
                layout = "NCHW" if self.data_format == "channels_first" else "NHWC"
                outputs = bias_add(outputs, self.bias, data_format=layout)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        shape = as_tuple(input_shape)
        assert shape is not None
        last = self.data_format == "channels_last"
        spatial = shape[1:-1] if last else shape[2:]
        sizes = [
            window_length(n, k, self.padding, s, d)
            for n, k, s, d in zip(spatial, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        ]
        return TensorShape([shape[0], *sizes, self.filters] if last else [shape[0], self.filters, *sizes])


_PARAMETERS = "See `ConvolutionLayer` for the parameters."


@public("layers.Conv1D")
class Conv1D(ConvolutionLayer):
    __doc__ = f"A convolution layer over ``(batch, width, channels)``. {_PARAMETERS}"

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str = "channels_last", dilation_rate: Any = 1, activation: Function | None = None,
        use_bias: bool = True, kernel_initializer: Any = None, bias_initializer: Any = ZEROS,
        kernel_regularizer: Function | None = None, bias_regularizer: Function | None = None,
        activity_regularizer: Function | None = None, kernel_constraint: Function | None = None,
        bias_constraint: Function | None = None, trainable: bool = True, name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            1, filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, trainable, name, **kwargs,
        )  # fmt: skip


@public("layers.Conv2D")
class Conv2D(ConvolutionLayer):
    __doc__ = f"A convolution layer over ``(batch, height, width, channels)``. {_PARAMETERS}"

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: str = "valid",
        data_format: str = "channels_last", dilation_rate: Any = (1, 1), activation: Function | None = None,
        use_bias: bool = True, kernel_initializer: Any = None, bias_initializer: Any = ZEROS,
        kernel_regularizer: Function | None = None, bias_regularizer: Function | None = None,
        activity_regularizer: Function | None = None, kernel_constraint: Function | None = None,
        bias_constraint: Function | None = None, trainable: bool = True, name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            2, filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, trainable, name, **kwargs,
        )  # fmt: skip


@public("layers.Conv3D")
class Conv3D(ConvolutionLayer):
    __doc__ = f"A convolution layer over ``(batch, depth, height, width, channels)``. {_PARAMETERS}"

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = (1, 1, 1), padding: str = "valid",
        data_format: str = "channels_last", dilation_rate: Any = (1, 1, 1), activation: Function | None = None,
        use_bias: bool = True, kernel_initializer: Any = None, bias_initializer: Any = ZEROS,
        kernel_regularizer: Function | None = None, bias_regularizer: Function | None = None,
        activity_regularizer: Function | None = None, kernel_constraint: Function | None = None,
        bias_constraint: Function | None = None, trainable: bool = True, name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            3, filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, trainable, name, **kwargs,
        )  # fmt: skip


conv1d = functional(Conv1D, "conv1d")
conv2d = functional(Conv2D, "conv2d")
conv3d = functional(Conv3D, "conv3d")

for _name in ("conv1d", "conv2d", "conv3d"):
    export(__name__, _name, f"layers.{_name}")
