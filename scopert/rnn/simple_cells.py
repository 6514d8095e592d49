"""The cells whose state is their output: Elman's and the gated recurrent unit."""

from __future__ import annotations

from typing import Any

from scopert.graph.tensor import Tensor
from scopert.layers.input_spec import InputSpec
from scopert.ops.array_concat import concat
from scopert.ops.array_split import split
from scopert.ops.math_matmul import matmul
from scopert.ops.math_unary import sigmoid
from scopert.ops.nn_bias import bias_add
from scopert.public import public
from scopert.rnn.cell import LayerRNNCell, activation_of, check_all_floating, check_floating, input_depth
from scopert.scope.initializers import Constant, Zeros


class _OutputIsState(LayerRNNCell):
    """What the cells of this file have in common."""

    def __init__(
        self, num_units: int, activation: Any = None, reuse: bool | None = None, name: str | None = None,
        dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        check_floating(self.dtype)
        self.input_spec = InputSpec(ndim=2)
        self._num_units = num_units
        self._activation = activation_of(activation)

    @property
    def state_size(self) -> int:
        """The number of units."""
        return self._num_units

    @property
    def output_size(self) -> int:
        """The number of units."""
        return self._num_units


@public("nn.rnn_cell.BasicRNNCell", "contrib.rnn.BasicRNNCell")
class BasicRNNCell(_OutputIsState):
    """``output = new_state = activation([inputs, state] @ kernel + bias)`` (Elman 1990).

    Parameters
    ----------
    num_units : int
    activation : callable or str, optional
        Default: `tanh`.
    reuse : bool, optional
        Whether the variables exist already.
    name : str, optional
    dtype : DType, optional
        Default: that of the first inputs.
    """

    def build(self, input_shape: Any) -> None:
        """Makes kernel and bias.

        Raises
        ------
        ValueError
            If the depth of the inputs is not known.
        """
        depth = input_depth(input_shape)
        check_floating(self.dtype)
        units = self._num_units
        self._kernel = self.add_weight("kernel", shape=[depth + units, units])
        self._bias = self.add_weight("bias", shape=[units], initializer=Zeros(self.dtype))
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """One step."""
        check_all_floating(inputs, state)
        sums = bias_add(matmul(concat([inputs, state], 1), self._kernel), self._bias)
        output = self._activation(sums)
        return output, output


@public("nn.rnn_cell.GRUCell", "contrib.rnn.GRUCell")
class GRUCell(_OutputIsState):
    """The gated recurrent unit (Cho et al. 2014, arXiv:1406.1078).

    With the gates ``r, u = sigmoid([inputs, state] @ W + b)`` and the candidate
    ``c = activation([inputs, r * state] @ V + d)`` the new state is ``u * state + (1 - u) * c``.

    Parameters
    ----------
    num_units : int
    activation : callable or str, optional
        Default: `tanh`.
    reuse : bool, optional
        Whether the variables exist already.
    kernel_initializer, bias_initializer : callable, optional
        Default of the biases: 1 for the gates, 0 for the candidate.
    name : str, optional
    dtype : DType, optional
        Default: that of the first inputs.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     cell = tf.nn.rnn_cell.GRUCell(4)
    ...     _ = cell(tf.zeros([2, 3]), cell.zero_state(2, tf.float32))
    ...     [v.name for v in tf.trainable_variables()][:2]
    ['gru_cell/gates/kernel:0', 'gru_cell/gates/bias:0']
    """

    def __init__(
        self, num_units: int, activation: Any = None, reuse: bool | None = None, kernel_initializer: Any = None,
        bias_initializer: Any = None, name: str | None = None, dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(num_units, activation, reuse, name, dtype, **kwargs)
        self._kernel_initializer = kernel_initializer
        self._bias_initializer = bias_initializer

    def build(self, input_shape: Any) -> None:
        """Makes the kernels and biases of the gates and of the candidate.

        Raises
        ------
        ValueError
            If the depth of the inputs is not known.
        """
        depth = input_depth(input_shape)
        check_floating(self.dtype)
        units = self._num_units
        kernel, bias = self._kernel_initializer, self._bias_initializer
        ones = Constant(1.0, dtype=self.dtype) if bias is None else bias
        self._gate_kernel = self.add_weight("gates/kernel", shape=[depth + units, 2 * units], initializer=kernel)
        self._gate_bias = self.add_weight("gates/bias", shape=[2 * units], initializer=ones)
        zeros = Zeros(self.dtype) if bias is None else bias
        self._candidate_kernel = self.add_weight("candidate/kernel", shape=[depth + units, units], initializer=kernel)
        self._candidate_bias = self.add_weight("candidate/bias", shape=[units], initializer=zeros)
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """One step."""
        check_all_floating(inputs, state)
        sums = bias_add(matmul(concat([inputs, state], 1), self._gate_kernel), self._gate_bias)
        reset, update = split(value=sigmoid(sums), num_or_size_splits=2, axis=1)
        remembered = reset * state
        sums = bias_add(matmul(concat([inputs, remembered], 1), self._candidate_kernel), self._candidate_bias)
        candidate: Tensor = self._activation(sums)
        new = update * state + (1 - update) * candidate
        return new, new
