"""Layers without variables: Dropout and Flatten."""

from __future__ import annotations

from math import prod
from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.shape import TensorShape, as_tuple
from scopert.graph.tensor import Tensor
from scopert.layers.arguments import check_data_format
from scopert.layers.input_spec import InputSpec
from scopert.layers.layer import Layer
from scopert.ops.array_identity import identity
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_transpose import transpose
from scopert.ops.control_flow_cond import smart_cond
from scopert.ops.nn_dropout import dropout as dropout_op
from scopert.public import public


@public("layers.Dropout")
class Dropout(Layer):
    """In training, sets a random part of the input to zero and scales up the rest.

    Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.

    Parameters
    ----------
    rate : float or tensor
        The part that is dropped.
    noise_shape : list of int or None, optional
        Shape of the mask, which broadcasts; None stands for the size of the input.
    seed : int, optional
    name : str, optional
    """

    def __init__(
        self, rate: Any = 0.5, noise_shape: Any = None, seed: int | None = None, name: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed

    def _mask_shape(self, inputs: Tensor) -> Any:
        if self.noise_shape is None or isinstance(self.noise_shape, Tensor):
            return self.noise_shape
        sizes = shape_of(inputs)
        return convert_to_tensor([sizes[k] if size is None else size for k, size in enumerate(self.noise_shape)])

    def call(self, inputs: Tensor, training: Any = False, **kwargs: Any) -> Tensor:
        def dropped() -> Tensor:
            return dropout_op(inputs, noise_shape=self._mask_shape(inputs), seed=self.seed, rate=self.rate)

        made: Tensor = smart_cond(training, dropped, lambda: identity(inputs))
        return made

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        return TensorShape(input_shape)


@public("layers.dropout")
def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: int | None = None,
    training: Any = False,
    name: Any = None,
) -> Tensor:
    """A `Dropout` layer applied to `inputs`, which does something only in training.

    Parameters
    ----------
    training : bool or boolean tensor
    """
    return Dropout(rate, noise_shape=noise_shape, seed=seed, name=name).apply(inputs, training=training)


@public("layers.Flatten")
class Flatten(Layer):
    """Makes one axis of all but the batch.

    Parameters
    ----------
    data_format : str
        With ``channels_first`` the channels are moved behind the spatial axes before.
    """

    def __init__(self, data_format: str | None = "channels_last", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Tensor, **kwargs: Any) -> Tensor:
        shape = inputs._shape
        if self.data_format == "channels_first" and shape is not None and len(shape) > 1:
            inputs = transpose(inputs, [0, *range(2, len(shape)), 1])
        batch = None if inputs._shape is None else inputs._shape[0]
        outputs = reshape(inputs, (batch or shape_of(inputs)[0], -1))
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        return outputs

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        shape = as_tuple(input_shape)
        if not shape:
            return TensorShape([None if shape is None else 1, None])
        rest = shape[1:]
        return TensorShape([shape[0], None if None in rest else prod(n for n in rest if n is not None)])


@public("layers.flatten")
def flatten(inputs: Any, name: Any = None, data_format: str = "channels_last") -> Tensor:
    """A `Flatten` layer applied to `inputs`.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     tf.layers.flatten(tf.zeros([8, 4, 4, 3])).shape.as_list()
    [8, 48]
    """
    return Flatten(name=name, data_format=data_format).apply(inputs)
