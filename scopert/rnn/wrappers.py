"""Cells around a cell: dropout, a residual connection, a device."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from scopert import nest
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import device, name_scope
from scopert.graph.shape import as_shape
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.math_binary import div
from scopert.ops.math_unary import floor
from scopert.ops.nn_dropout import dropout
from scopert.ops.random_tensors import random_uniform
from scopert.ops.tensor_array import TensorArray
from scopert.public import public
from scopert.rnn.cell import RNNCell, assert_like_rnncell
from scopert.rnn.lstm_cells import LSTMStateTuple


class _Wrapper(RNNCell):
    """A cell with the state and output of the one that it is around; a subclass says how it is called."""

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert_like_rnncell("cell", cell)
        self.cell = cell

    @property
    def _checkpoint_dependencies(self) -> list[tuple[str, Any]]:
        """Under which name a `tf.train.Checkpoint` keeps the cell."""
        return [("cell", self.cell)]

    @property
    def wrapped_cell(self) -> Any:
        """The cell inside."""
        return self.cell

    @property
    def state_size(self) -> Any:
        """That of the cell inside."""
        return self.cell.state_size

    @property
    def output_size(self) -> Any:
        """That of the cell inside."""
        return self.cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """That of the cell inside."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            return self.cell.zero_state(batch_size, dtype)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """Makes one step, in the variable scope of the cell inside."""
        return self._call_cell(inputs, state, scope)

    def _call_cell(self, inputs: Any, state: Any, scope: Any) -> Any:
        raise NotImplementedError


def _drops(substate: Any) -> Any:
    """What of a state is dropped out by default: not the cells of an LSTM, and no arrays."""
    if isinstance(substate, LSTMStateTuple):
        return LSTMStateTuple(c=False, h=True)
    return not isinstance(substate, TensorArray)


def _numbered(shallow: Any, function: Callable[..., Any], *structures: Any) -> Any:
    """`nest.map_structure_up_to` with the number of the leaf as first argument."""
    count = iter(range(len(nest.flatten_up_to(shallow, structures[0]))))
    return nest.map_structure_up_to(shallow, lambda *parts: function(next(count), *parts), *structures)


@public("nn.rnn_cell.DropoutWrapper", "contrib.rnn.DropoutWrapper")
class DropoutWrapper(_Wrapper):
    """Dropout of the inputs, states and outputs of a cell.

    Parameters
    ----------
    cell : RNNCell
    input_keep_prob, output_keep_prob, state_keep_prob : float or Tensor
        The probability to keep an element; 1 adds no dropout.
    variational_recurrent : bool
        Whether all steps of a run drop the same elements (Gal and Ghahramani 2015, arXiv:1512.05287).
    input_size : shape or structure of shapes, optional
        Of the inputs without batch; needed if they are dropped by the same mask at all steps.
    dtype : DType, optional
        Of inputs, states and outputs; needed for variational dropout.
    seed : int, optional
    dropout_state_filter_visitor : callable, optional
        Says of each part of a state whether to drop: a bool, or a structure of them. Default: all but the
        cells `c` of an LSTM, and arrays.

    Raises
    ------
    TypeError
        If `cell` is no cell or the visitor cannot be called.
    ValueError
        If a probability is known and not in [0, 1], or variational dropout lacks type or size.
    """

    def __init__(
        self, cell: Any, input_keep_prob: Any = 1.0, output_keep_prob: Any = 1.0, state_keep_prob: Any = 1.0,
        variational_recurrent: bool = False, input_size: Any = None, dtype: Any = None, seed: int | None = None,
        dropout_state_filter_visitor: Callable[[Any], Any] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(cell, dtype=dtype, **kwargs)
        if dropout_state_filter_visitor is not None and not callable(dropout_state_filter_visitor):
            raise TypeError("dropout_state_filter_visitor must be callable")
        self._drops = dropout_state_filter_visitor or _drops
        with name_scope("DropoutWrapperInit"):
            self._input_keep_prob = _probability(input_keep_prob, "input_keep_prob")
            self._state_keep_prob = _probability(state_keep_prob, "state_keep_prob")
            self._output_keep_prob = _probability(output_keep_prob, "output_keep_prob")
        self._seed = seed
        self._variational = variational_recurrent
        self._input_noise = self._state_noise = self._output_noise = None
        if not variational_recurrent:
            return
        if dtype is None:
            raise ValueError("When variational_recurrent=True, dtype must be provided")

        def noise(salt: str, sizes: Any) -> Any:
            def make(i: int, size: Any) -> Tensor:
                shape = concat(([1], as_shape(size).as_list()), 0)
                return random_uniform(shape, seed=self._seed_of(salt, i), dtype=dtype)

            return _numbered(sizes, make, sizes)

        if _may_drop(self._input_keep_prob):
            if input_size is None:
                raise ValueError(
                    "When variational_recurrent=True and input_keep_prob < 1.0 or is unknown, input_size must be "
                    "provided"
                )
            self._input_noise = noise("input", input_size)
        self._state_noise = noise("state", cell.state_size)
        self._output_noise = noise("output", cell.output_size)

    def _seed_of(self, salt: str, index: int) -> int | None:
        """One seed for each use, as TensorFlow derives them."""
        if self._seed is None:
            return None
        digest = hashlib.md5(f"{self._seed}{salt}_{index}".encode(), usedforsecurity=False).hexdigest()
        return int(digest[:8], 16) & 0x7FFFFFFF

    def _dropped(self, values: Any, salt: str, noise: Any, keep_prob: Any, shallow: Any = None) -> Any:
        if shallow is None:
            shallow = values

        def drop(i: int, wanted: Any, value: Any, *mask: Any) -> Any:
            if wanted is False:
                return value
            if mask:
                kept = floor(keep_prob + mask[0])
                made = div(value, keep_prob) * kept
                made.set_shape(value.get_shape())
                return made
            return dropout(value, rate=1.0 - keep_prob, seed=self._seed_of(salt, i))

        structures = [shallow, values, noise] if self._variational else [shallow, values]
        return _numbered(shallow, drop, *structures)

    def _call_cell(self, inputs: Any, state: Any, scope: Any) -> Any:
        if _may_drop(self._input_keep_prob):
            inputs = self._dropped(inputs, "input", self._input_noise, self._input_keep_prob)
        output, new_state = self.cell(inputs, state, scope=scope)
        if _may_drop(self._state_keep_prob):
            shallow = nest.get_traverse_shallow_structure(self._drops, new_state)
            new_state = self._dropped(new_state, "state", self._state_noise, self._state_keep_prob, shallow)
        if _may_drop(self._output_keep_prob):
            output = self._dropped(output, "output", self._output_noise, self._output_keep_prob)
        return output, new_state


def _probability(value: Any, name: str) -> Any:
    tensor = convert_to_tensor(value)
    known = constant_value(tensor)
    if known is None:
        return tensor
    if known < 0 or known > 1:
        raise ValueError(f"Parameter {name} must be between 0 and 1: {known:g}")
    return float(known)


def _may_drop(probability: Any) -> bool:
    return not isinstance(probability, float) or probability < 1


@public("nn.rnn_cell.ResidualWrapper", "contrib.rnn.ResidualWrapper")
class ResidualWrapper(_Wrapper):
    """Adds the inputs of a cell to its outputs.

    Parameters
    ----------
    cell : RNNCell
    residual_fn : callable, optional
        ``f(inputs, outputs)`` returns what to put out instead of their sum.
    """

    def __init__(self, cell: Any, residual_fn: Callable[[Any, Any], Any] | None = None, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        self._residual_fn = residual_fn

    def _call_cell(self, inputs: Any, state: Any, scope: Any) -> Any:
        outputs, new_state = self.cell(inputs, state, scope=scope)
        return (self._residual_fn or _sum)(inputs, outputs), new_state


def _sum(inputs: Any, outputs: Any) -> Any:
    nest.assert_same_structure(inputs, outputs)
    for one, other in zip(nest.flatten(inputs), nest.flatten(outputs), strict=True):
        one.shape.assert_is_compatible_with(other.shape)
    return nest.map_structure(lambda one, other: one + other, inputs, outputs)


@public("nn.rnn_cell.DeviceWrapper", "contrib.rnn.DeviceWrapper")
class DeviceWrapper(_Wrapper):
    """Places a cell on a device.

    Parameters
    ----------
    cell : RNNCell
    device : str or callable
        See `tf.device`.
    """

    def __init__(self, cell: Any, device: Any, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        self._device = device

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """That of the cell inside, on the device."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]), device(self._device):
            return self.cell.zero_state(batch_size, dtype)

    def _call_cell(self, inputs: Any, state: Any, scope: Any) -> Any:
        with device(self._device):
            return self.cell(inputs, state, scope=scope)
