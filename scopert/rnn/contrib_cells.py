"""Cells of tf.contrib.rnn: one found by search, an LSTM with layer normalization, projections and embeddings."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

from scopert.graph.scopes import device, name_scope
from scopert.graph.tensor import Tensor
from scopert.layers.contrib_normalization import layer_norm as normalize
from scopert.ops.array_concat import concat
from scopert.ops.array_reshape import reshape
from scopert.ops.array_split import split
from scopert.ops.math_matmul import matmul
from scopert.ops.math_unary import sigmoid, tanh
from scopert.ops.nn_activation import relu
from scopert.ops.nn_bias import bias_add
from scopert.ops.nn_dropout import dropout
from scopert.public import public
from scopert.rnn.cell import LayerRNNCell, RNNCell, assert_like_rnncell
from scopert.rnn.lstm_cells import LSTMStateTuple
from scopert.scope.embedding import embedding_lookup
from scopert.scope.get_variable import get_variable
from scopert.scope.initializers import Constant, RandomUniform, Zeros
from scopert.scope.scope_stack import get_variable_scope
from scopert.scope.variable_scope import variable_scope

_log = logging.getLogger("scopert")


@public("contrib.rnn.NASCell")
class NASCell(LayerRNNCell):
    """A cell found by architecture search (Zoph and Le 2016, arXiv:1611.01578).

    Parameters
    ----------
    num_units : int
    num_proj : int, optional
        The hidden state is projected to this size.
    use_bias : bool
    reuse : bool, optional
        Whether the variables exist already.
    """

    def __init__(
        self, num_units: int, num_proj: int | None = None, use_bias: bool = False, reuse: bool | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse, **kwargs)
        self._num_units = num_units
        self._num_proj = num_proj
        self._use_bias = use_bias

    @property
    def state_size(self) -> Any:
        """That of the cells and of the hidden state."""
        return LSTMStateTuple(self._num_units, self.output_size)

    @property
    def output_size(self) -> int:
        """The size of the projection, or the number of units."""
        return self._num_units if self._num_proj is None else self._num_proj

    def build(self, input_shape: Any) -> None:
        """Makes the variables.

        Raises
        ------
        ValueError
            If the depth of the inputs is not known.
        """
        depth = input_shape.with_rank(2).as_list()[1]
        if depth is None:
            raise ValueError("Could not infer input size from inputs.get_shape()[-1]")
        units = self._num_units
        self.recurrent_kernel = self.add_weight("recurrent_kernel", [self.output_size, 8 * units])
        self.kernel = self.add_weight("kernel", [depth, 8 * units])
        if self._use_bias:
            self.bias = self.add_weight("bias", [8 * units], initializer=Zeros)
        if self._num_proj is not None:
            self.projection_weights = self.add_weight("projection_weights", [units, self._num_proj])
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """One step."""
        c, h = state
        from_state = matmul(h, self.recurrent_kernel)
        from_inputs = matmul(inputs, self.kernel)
        if self._use_bias:
            from_state = bias_add(from_state, self.bias)
        s = split(axis=1, num_or_size_splits=8, value=from_state)
        i = split(axis=1, num_or_size_splits=8, value=from_inputs)
        leaves = [
            sigmoid(i[0] + s[0]), relu(i[1] + s[1]), sigmoid(i[2] + s[2]), relu(i[3] * s[3]),
            tanh(i[4] + s[4]), sigmoid(i[5] + s[5]), tanh(i[6] + s[6]), sigmoid(i[7] + s[7]),
        ]  # fmt: skip
        first = tanh(leaves[0] * leaves[1])
        second = tanh(leaves[2] + leaves[3])
        third = tanh(leaves[4] * leaves[5])
        fourth = sigmoid(leaves[6] + leaves[7])
        new_c = tanh(first + c) * second
        new_h = tanh(new_c * tanh(third + fourth))
        if self._num_proj is not None:
            new_h = matmul(new_h, self.projection_weights)
        return new_h, LSTMStateTuple(new_c, new_h)


@public("contrib.rnn.LayerNormBasicLSTMCell")
class LayerNormBasicLSTMCell(RNNCell):
    """An LSTM cell with layer normalization (arXiv:1607.06450) and recurrent dropout (arXiv:1603.05118).

    Parameters
    ----------
    num_units : int
    forget_bias : float
    input_size : object
        Not used (deprecated).
    activation : callable
    layer_norm : bool
        Whether to normalize; else there is a bias.
    norm_gain, norm_shift : float
        The initial values of gamma and beta.
    dropout_keep_prob : float or Tensor
        The probability to keep an element of the new input.
    dropout_prob_seed : int, optional
    reuse : bool, optional
        Whether the variables exist already.
    """

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, input_size: Any = None,
        activation: Callable[[Any], Any] = tanh, layer_norm: bool = True, norm_gain: float = 1.0,
        norm_shift: float = 0.0, dropout_keep_prob: Any = 1.0, dropout_prob_seed: int | None = None,
        reuse: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse)
        if input_size is not None:
            _log.warning("%s: The input_size parameter is deprecated.", self)
        self._num_units = num_units
        self._activation = activation
        self._forget_bias = forget_bias
        self._keep_prob = dropout_keep_prob
        self._seed = dropout_prob_seed
        self._layer_norm = layer_norm
        self._norm_gain = norm_gain
        self._norm_shift = norm_shift

    @property
    def state_size(self) -> Any:
        """That of `c` and of `h`."""
        return LSTMStateTuple(self._num_units, self._num_units)

    @property
    def output_size(self) -> int:
        """The number of units."""
        return self._num_units

    def _norm(self, value: Tensor, scope: str) -> Tensor:
        shape, dtype = value.shape[-1:], value.dtype
        with variable_scope(scope):
            get_variable("gamma", shape=shape, initializer=Constant(self._norm_gain), dtype=dtype)
            get_variable("beta", shape=shape, initializer=Constant(self._norm_shift), dtype=dtype)
        made: Tensor = normalize(value, reuse=True, scope=scope)
        return made

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """One step."""
        c, h = state
        joined = concat([inputs, h], 1)
        kernel = get_variable("kernel", [joined.shape[-1], 4 * self._num_units], dtype=joined.dtype)
        sums = matmul(joined, kernel)
        if not self._layer_norm:
            sums = bias_add(sums, get_variable("bias", [4 * self._num_units], dtype=joined.dtype))
        parts = split(value=sums, num_or_size_splits=4, axis=1)
        if self._layer_norm:
            names = ("input", "transform", "forget", "output")
            parts = [self._norm(part, name) for part, name in zip(parts, names, strict=True)]
        i, j, f, o = parts
        new = self._activation(j)
        if not isinstance(self._keep_prob, float) or self._keep_prob < 1:
            new = dropout(new, self._keep_prob, seed=self._seed)
        new_c = c * sigmoid(f + self._forget_bias) + sigmoid(i) * new
        if self._layer_norm:
            new_c = self._norm(new_c, "state")
        new_h = self._activation(new_c) * sigmoid(o)
        return new_h, LSTMStateTuple(new_c, new_h)


class _Projection:
    """A matrix product with a bias, in variables of the scope that is in force when it is made."""

    def __init__(self, value: Tensor, size: int) -> None:
        sizes = value.shape
        if sizes.ndims != 2:
            raise ValueError(f"linear is expecting 2D arguments: {[sizes]}")
        depth = sizes.as_list()[1]
        if depth is None:
            raise ValueError(f"linear expects shape[1] to be provided for shape {sizes}, but saw {depth}")
        with variable_scope(get_variable_scope()) as outer:
            self._weights = get_variable("kernel", [depth, size], dtype=value.dtype)
            with variable_scope(outer) as inner:
                inner.set_partitioner(None)
                self._biases = get_variable("bias", [size], dtype=value.dtype, initializer=Constant(0.0, value.dtype))

    def __call__(self, value: Tensor) -> Tensor:
        return bias_add(matmul(value, self._weights), self._biases)


class _Around(RNNCell):
    """A cell around another, with variables of its own."""

    def __init__(self, cell: Any, reuse: bool | None) -> None:
        super().__init__(_reuse=reuse)
        assert_like_rnncell("cell", cell)
        self._cell = cell
        self._projection: _Projection | None = None

    @property
    def state_size(self) -> Any:
        """That of the cell inside."""
        return self._cell.state_size

    @property
    def output_size(self) -> Any:
        """That of the cell inside."""
        return self._cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """That of the cell inside."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            return self._cell.zero_state(batch_size, dtype)

    def _projected(self, value: Tensor, size: int, activation: Any) -> Tensor:
        if self._projection is None:
            self._projection = _Projection(value, size)
        made = self._projection(value)
        return activation(made) if activation else made


@public("contrib.rnn.InputProjectionWrapper")
class InputProjectionWrapper(_Around):
    """Projects the inputs of a cell.

    Parameters
    ----------
    cell : RNNCell
    num_proj : int
    activation : callable, optional
        Of the projection.
    input_size : object
        Not used (deprecated).
    reuse : bool, optional
        Whether the variables exist already.
    """

    def __init__(
        self, cell: Any, num_proj: int, activation: Callable[[Any], Any] | None = None, input_size: Any = None,
        reuse: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(cell, reuse)
        if input_size is not None:
            _log.warning("%s: The input_size parameter is deprecated.", self)
        self._num_proj = num_proj
        self._activation = activation

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """One step."""
        return self._cell(self._projected(inputs, self._num_proj, self._activation), state)


@public("contrib.rnn.OutputProjectionWrapper")
class OutputProjectionWrapper(_Around):
    """Projects the outputs of a cell.

    Parameters
    ----------
    cell : RNNCell
    output_size : int
    activation : callable, optional
        Of the projection.
    reuse : bool, optional
        Whether the variables exist already.

    Raises
    ------
    ValueError
        If `output_size` is below 1.
    """

    def __init__(
        self, cell: Any, output_size: int, activation: Callable[[Any], Any] | None = None, reuse: bool | None = None
    ) -> None:
        super().__init__(cell, reuse)
        if output_size < 1:
            raise ValueError(f"Parameter output_size must be > 0: {output_size}.")
        self._output_size = output_size
        self._activation = activation

    @property
    def output_size(self) -> int:
        """The size of the projection."""
        return self._output_size

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """One step."""
        output, new_state = self._cell(inputs, state)
        return self._projected(output, self._output_size, self._activation), new_state


@public("contrib.rnn.EmbeddingWrapper")
class EmbeddingWrapper(_Around):
    """Looks up the embeddings of class numbers as the inputs of a cell.

    Parameters
    ----------
    cell : RNNCell
    embedding_classes : int
    embedding_size : int
    initializer : callable, optional
        Default: the variable scope's, else uniform with variance 1.
    reuse : bool, optional
        Whether the variables exist already.

    Raises
    ------
    ValueError
        If a size is below 1.
    """

    def __init__(
        self, cell: Any, embedding_classes: int, embedding_size: int, initializer: Any = None,
        reuse: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(cell, reuse)
        if embedding_classes <= 0 or embedding_size <= 0:
            raise ValueError(
                f"Both embedding_classes and embedding_size must be > 0: {embedding_classes}, {embedding_size}."
            )
        self._embedding_classes = embedding_classes
        self._embedding_size = embedding_size
        self._initializer = initializer

    def call(self, inputs: Any, state: Any) -> Any:  # type: ignore[override]
        """One step."""
        with device("/cpu:0"):
            initializer = self._initializer or get_variable_scope().initializer
            if not initializer:
                initializer = RandomUniform(-math.sqrt(3), math.sqrt(3))
            dtype = state[0].dtype if isinstance(state, tuple) else state.dtype
            embedding = get_variable(
                "embedding", [self._embedding_classes, self._embedding_size], initializer=initializer, dtype=dtype
            )
            return self._cell(embedding_lookup(embedding, reshape(inputs, [-1])), state)
