"""Long short-term memory (Hochreiter and Schmidhuber 1997), plain and with peepholes and projection."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from scopert.graph.constant import constant
from scopert.graph.dtypes import DType, int32
from scopert.graph.tensor import Tensor
from scopert.layers.input_spec import InputSpec
from scopert.ops.array_concat import concat
from scopert.ops.array_slice import slice as slice_
from scopert.ops.array_split import split
from scopert.ops.clip import clip_by_value
from scopert.ops.math_binary import add, multiply
from scopert.ops.math_matmul import matmul
from scopert.ops.math_unary import sigmoid
from scopert.ops.nn_bias import bias_add
from scopert.public import public
from scopert.rnn.cell import LayerRNNCell, activation_of, check_all_floating, check_floating, input_depth
from scopert.scope.initializers import Zeros
from scopert.scope.partitioners import fixed_size_partitioner

_log = logging.getLogger("scopert")


class _CellAndHidden(NamedTuple):
    c: Any
    h: Any


@public("nn.rnn_cell.LSTMStateTuple", "contrib.rnn.LSTMStateTuple")
class LSTMStateTuple(_CellAndHidden):
    """The state of an LSTM: the cells `c` and the hidden state `h`, which is also the output."""

    __slots__ = ()

    @property
    def dtype(self) -> DType:
        """The type of both.

        Raises
        ------
        TypeError
            If they differ.
        """
        c, h = self
        if c.dtype != h.dtype:
            raise TypeError(f"Inconsistent internal state: {c.dtype} vs {h.dtype}")
        found: DType = c.dtype
        return found


class _LSTM(LayerRNNCell):
    """What both cells have in common."""

    def __init__(
        self, num_units: int, forget_bias: float, state_is_tuple: bool, activation: Any, reuse: bool | None,
        name: str | None, dtype: Any, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        check_floating(self.dtype)
        if not state_is_tuple:
            _log.warning(
                "%s: Using a concatenated state is slower and will soon be deprecated.  Use state_is_tuple=True.", self
            )
        self.input_spec = InputSpec(ndim=2)
        self._num_units = num_units
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple
        self._activation = activation_of(activation)

    def _joined(self, c: Tensor, h: Tensor) -> Any:
        return LSTMStateTuple(c, h) if self._state_is_tuple else concat([c, h], 1)


@public("nn.rnn_cell.BasicLSTMCell", "contrib.rnn.BasicLSTMCell")
class BasicLSTMCell(_LSTM):
    """A plain LSTM cell with a forget gate (Zaremba et al. 2014, arXiv:1409.2329).

    ``i, j, f, o = [inputs, h] @ kernel + bias``; ``c' = c * sigmoid(f + forget_bias) + sigmoid(i) * activation(j)``;
    ``h' = activation(c') * sigmoid(o)``.

    Parameters
    ----------
    num_units : int
    forget_bias : float
    state_is_tuple : bool
        Whether the state is an `LSTMStateTuple`, or both parts in one tensor side by side.
    activation : callable or str, optional
        Default: `tanh`.
    reuse : bool, optional
        Whether the variables exist already.
    name : str, optional
    dtype : DType, optional
        Default: that of the first inputs.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     cell = tf.nn.rnn_cell.BasicLSTMCell(4)
    ...     outputs, state = tf.nn.dynamic_rnn(cell, tf.zeros([2, 5, 3]), dtype=tf.float32)
    ...     [v.name for v in tf.trainable_variables()]
    ['rnn/basic_lstm_cell/kernel:0', 'rnn/basic_lstm_cell/bias:0']
    """

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, state_is_tuple: bool = True, activation: Any = None,
        reuse: bool | None = None, name: str | None = None, dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(num_units, forget_bias, state_is_tuple, activation, reuse, name, dtype, **kwargs)

    @property
    def state_size(self) -> Any:
        """That of `c` and of `h`, or of both together."""
        return LSTMStateTuple(self._num_units, self._num_units) if self._state_is_tuple else 2 * self._num_units

    @property
    def output_size(self) -> int:
        """The number of units."""
        return self._num_units

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
        self._kernel = self.add_weight("kernel", shape=[depth + units, 4 * units])
        self._bias = self.add_weight("bias", shape=[4 * units], initializer=Zeros(self.dtype))
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """One step."""
        check_all_floating(inputs, state)
        one = constant(1, dtype=int32)
        c, h = state if self._state_is_tuple else split(value=state, num_or_size_splits=2, axis=one)
        sums = bias_add(matmul(concat([inputs, h], 1), self._kernel), self._bias)
        i, j, f, o = split(value=sums, num_or_size_splits=4, axis=one)
        bias = constant(self._forget_bias, dtype=f.dtype)
        kept = multiply(c, sigmoid(add(f, bias)))
        new_c = add(kept, multiply(sigmoid(i), self._activation(j)))
        new_h = multiply(self._activation(new_c), sigmoid(o))
        return new_h, self._joined(new_c, new_h)


@public("nn.rnn_cell.LSTMCell", "contrib.rnn.LSTMCell")
class LSTMCell(_LSTM):
    """An LSTM cell with optional peepholes, clipping and projection (Sak et al. 2014, arXiv:1402.1128).

    Parameters
    ----------
    num_units : int
    use_peepholes : bool
        Whether the gates see the cells, through diagonal matrices.
    cell_clip : float, optional
        Bound of the absolute value of the cells.
    initializer : callable, optional
        Of the kernels.
    num_proj : int, optional
        The hidden state is projected to this size.
    proj_clip : float, optional
        Bound of the absolute value of the projection.
    num_unit_shards, num_proj_shards : int, optional
        Into how many parts the kernels are cut (deprecated; use a partitioner of the variable scope).
    forget_bias : float
    state_is_tuple : bool
        Whether the state is an `LSTMStateTuple`, or both parts in one tensor side by side.
    activation : callable or str, optional
        Default: `tanh`.
    reuse : bool, optional
        Whether the variables exist already.
    name : str, optional
    dtype : DType, optional
        Default: that of the first inputs.
    """

    def __init__(
        self, num_units: int, use_peepholes: bool = False, cell_clip: Any = None, initializer: Any = None,
        num_proj: int | None = None, proj_clip: Any = None, num_unit_shards: int | None = None,
        num_proj_shards: int | None = None, forget_bias: float = 1.0, state_is_tuple: bool = True,
        activation: Any = None, reuse: bool | None = None, name: str | None = None, dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(num_units, forget_bias, state_is_tuple, activation, reuse, name, dtype, **kwargs)
        if num_unit_shards is not None or num_proj_shards is not None:
            _log.warning(
                "%s: The num_unit_shards and proj_unit_shards parameters are deprecated.  Use a variable scope with "
                "a partitioner instead.",
                self,
            )
        self._use_peepholes = use_peepholes
        self._cell_clip = cell_clip
        self._initializer = initializer
        self._num_proj = num_proj
        self._proj_clip = proj_clip
        self._num_unit_shards = num_unit_shards
        self._num_proj_shards = num_proj_shards

    @property
    def state_size(self) -> Any:
        """That of `c` and of `h`, or of both together."""
        hidden = self._num_proj or self._num_units
        return LSTMStateTuple(self._num_units, hidden) if self._state_is_tuple else self._num_units + hidden

    @property
    def output_size(self) -> int:
        """The size of the projection, or the number of units."""
        return self._num_proj or self._num_units

    def build(self, input_shape: Any) -> None:
        """Makes the variables: kernel, bias, diagonals of the peepholes, projection.

        Raises
        ------
        ValueError
            If the depth of the inputs is not known.
        """
        depth = input_depth(input_shape)
        check_floating(self.dtype)
        units, initializer = self._num_units, self._initializer
        hidden = units if self._num_proj is None else self._num_proj
        self._kernel = self.add_weight(
            "kernel", shape=[depth + hidden, 4 * units], initializer=initializer,
            partitioner=_cut_into(self._num_unit_shards),
        )  # fmt: skip
        zeros = Zeros() if self.dtype is None else Zeros(self.dtype)
        self._bias = self.add_weight("bias", shape=[4 * units], initializer=zeros)
        if self._use_peepholes:
            self._w_f_diag = self.add_weight("w_f_diag", shape=[units], initializer=initializer)
            self._w_i_diag = self.add_weight("w_i_diag", shape=[units], initializer=initializer)
            self._w_o_diag = self.add_weight("w_o_diag", shape=[units], initializer=initializer)
        if self._num_proj is not None:
            self._proj_kernel = self.add_weight(
                "projection/kernel", shape=[units, self._num_proj], initializer=initializer,
                partitioner=_cut_into(self._num_proj_shards),
            )  # fmt: skip
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """One step.

        Raises
        ------
        ValueError
            If the depth of the inputs is not known.
        """
        check_all_floating(inputs, state)
        units, activation = self._num_units, self._activation
        if self._state_is_tuple:
            c, h = state
        else:
            hidden = units if self._num_proj is None else self._num_proj
            c = slice_(state, [0, 0], [-1, units])
            h = slice_(state, [0, units], [-1, hidden])
        if inputs.shape.with_rank(2).as_list()[1] is None:
            raise ValueError("Could not infer input size from inputs.get_shape()[-1]")
        sums = bias_add(matmul(concat([inputs, h], 1), self._kernel), self._bias)
        i, j, f, o = split(value=sums, num_or_size_splits=4, axis=1)
        if self._use_peepholes:
            kept = sigmoid(f + self._forget_bias + self._w_f_diag * c) * c
            new_c = kept + sigmoid(i + self._w_i_diag * c) * activation(j)
        else:
            kept = sigmoid(f + self._forget_bias) * c
            new_c = kept + sigmoid(i) * activation(j)
        if self._cell_clip is not None:
            new_c = clip_by_value(new_c, -self._cell_clip, self._cell_clip)
        gate = sigmoid(o + self._w_o_diag * new_c) if self._use_peepholes else sigmoid(o)
        new_h = gate * activation(new_c)
        if self._num_proj is not None:
            new_h = matmul(new_h, self._proj_kernel)
            if self._proj_clip is not None:
                new_h = clip_by_value(new_h, -self._proj_clip, self._proj_clip)
        return new_h, self._joined(new_c, new_h)


def _cut_into(shards: int | None) -> Any:
    return None if shards is None else fixed_size_partitioner(shards)
