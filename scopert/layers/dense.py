"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.dtypes import as_dtype
from scopert.graph.shape import TensorShape, as_tuple
from scopert.graph.tensor import Tensor
from scopert.layers.input_spec import InputSpec
from scopert.layers.layer import Layer
from scopert.ops.math_cast import cast
from scopert.ops.math_matmul import mat_mul
from scopert.ops.math_tensordot import tensordot
from scopert.ops.nn_bias import bias_add
from scopert.public import public
from scopert.scope.initializers import Zeros

Function = Callable[[Any], Any]

ZEROS = Zeros()


@public("layers.Dense")
class Dense(Layer):
    """``activation(inputs @ kernel + bias)`` over the last axis.

    Parameters
    ----------
    units : int
        Size of the last axis of the output.
    activation : callable, optional
    use_bias : bool
    kernel_initializer, bias_initializer : callable, optional
        Default of the kernel: the variable scope's, else glorot_uniform.
    kernel_regularizer, bias_regularizer, activity_regularizer : callable, optional
    kernel_constraint, bias_constraint : callable, optional
    trainable : bool
    name : str, optional
    """

    def __init__(
        self,
        units: int,
        activation: Function | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = ZEROS,
        kernel_regularizer: Function | None = None,
        bias_regularizer: Function | None = None,
        activity_regularizer: Function | None = None,
        kernel_constraint: Function | None = None,
        bias_constraint: Function | None = None,
        trainable: bool = True,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, name=name, activity_regularizer=activity_regularizer, **kwargs)
        self.units = int(units)
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer = kernel_regularizer
        self.bias_regularizer = bias_regularizer
        self.kernel_constraint = kernel_constraint
        self.bias_constraint = bias_constraint
        self.input_spec = InputSpec(min_ndim=2)
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: Any) -> None:
        dtype = as_dtype(self._dtype or "float32")
        if not (dtype.is_floating or dtype.is_complex):
            raise TypeError(f"Unable to build `Dense` layer with non-floating point dtype {dtype!r}")
        shape = as_tuple(input_shape)
        depth = None if not shape else shape[-1]
        if depth is None:
            raise ValueError("The last dimension of the inputs to `Dense` should be defined. Found `None`.")
        self.input_spec = InputSpec(min_ndim=2, axes={-1: depth})
        self.kernel = self.add_weight(
            "kernel",
            shape=[depth, self.units],
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            dtype=self.dtype,
            trainable=True,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                "bias",
                shape=[self.units],
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                dtype=self.dtype,
                trainable=True,
            )
        self.built = True

    def call(self, inputs: Tensor, **kwargs: Any) -> Tensor:
        shape = inputs._shape
        if shape is not None and len(shape) > 2:
            outputs = tensordot(inputs, self.kernel, [[len(shape) - 1], [0]])
            outputs.set_shape((*shape[:-1], self.units))
        else:
            outputs = mat_mul(cast(inputs, as_dtype(self._dtype or "float32")), self.kernel)
        if self.use_bias:
            outputs = bias_add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        shape = as_tuple(input_shape)
        if shape is None or len(shape) < 2:
            raise ValueError(f"Shape must be at least rank 2 but is {shape}")
        if shape[-1] is None:
            raise ValueError(f"The innermost dimension of input_shape must be defined, but saw: {input_shape}")
        return TensorShape((*shape[:-1], self.units))


@public("layers.dense")
def dense(
    inputs: Any,
    units: int,
    activation: Function | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = ZEROS,
    kernel_regularizer: Function | None = None,
    bias_regularizer: Function | None = None,
    activity_regularizer: Function | None = None,
    kernel_constraint: Function | None = None,
    bias_constraint: Function | None = None,
    trainable: bool = True,
    name: Any = None,
    reuse: bool | None = None,
) -> Tensor:
    """A `Dense` layer applied to `inputs`; see there.

    Parameters
    ----------
    name : str, optional
        Of the variable scope, which does not reuse unless told. Without it: ``dense``, ``dense_1``, ...
    reuse : bool, optional
        Use the variables of the layer of this name again.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     y = tf.layers.dense(tf.zeros([2, 3]), 4)
    ...     y.name, [v.name for v in tf.trainable_variables()]
    ('dense/BiasAdd:0', ['dense/kernel:0', 'dense/bias:0'])
    """
    layer = Dense(
        units,
        activation=activation,
        use_bias=use_bias,
        kernel_initializer=kernel_initializer,
        bias_initializer=bias_initializer,
        kernel_regularizer=kernel_regularizer,
        bias_regularizer=bias_regularizer,
        activity_regularizer=activity_regularizer,
        kernel_constraint=kernel_constraint,
        bias_constraint=bias_constraint,
        trainable=trainable,
        name=name,
        _scope=name,
        _reuse=reuse,
    )
    return layer.apply(inputs)
