"""The base of all cells: one step of a recurrent network, as a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert import nest
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import as_dtype
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.layers.layer import Layer
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_unary import sigmoid, tanh
from scopert.ops.nn_activation import elu, relu, selu, softplus, softsign
from scopert.public import public
from scopert.rnn.sizes import zero_tensors
from scopert.scope.scope_stack import get_variable_scope
from scopert.scope.variable_lists import trainable_variables
from scopert.scope.variable_scope import variable_scope

_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "elu": elu, "linear": lambda x: x, "relu": relu, "selu": selu, "sigmoid": sigmoid, "softplus": softplus,
    "softsign": softsign, "tanh": tanh,
}  # fmt: skip


def activation_of(value: Any) -> Callable[[Any], Any]:
    """An activation by its name, `tanh` for None.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    if not value:
        return tanh
    if callable(value):
        found: Callable[[Any], Any] = value
        return found
    if value not in _ACTIVATIONS:
        raise ValueError(f"Unknown activation function: {value!r}; expected a function or one of {list(_ACTIVATIONS)}.")
    return _ACTIVATIONS[value]


def assert_like_rnncell(name: str, cell: Any) -> None:
    """Checks that something can be used as a cell.

    Raises
    ------
    TypeError
        If something is missing.
    """
    problems = []
    if not hasattr(cell, "output_size"):
        problems.append("'output_size' property is missing")
    if not hasattr(cell, "state_size"):
        problems.append("'state_size' property is missing")
    if not (hasattr(cell, "zero_state") or hasattr(cell, "get_initial_state")):
        problems.append("either 'zero_state' or 'get_initial_state' method is required")
    if not callable(cell):
        problems.append("is not callable")
    if problems:
        raise TypeError(f"The argument {name!r} ({cell}) is not an RNNCell: {', '.join(problems)}.")


def check_floating(dtype: Any) -> None:
    """Checks the type of a cell, if it has one.

    Raises
    ------
    ValueError
        If it is neither floating nor complex.
    """
    if dtype is not None:
        found = as_dtype(dtype)
        if not (found.is_floating or found.is_complex):
            raise ValueError(f"RNN cell only supports floating point inputs, but saw dtype: {found}")


def check_all_floating(*inputs: Any) -> None:
    """`check_floating` for every tensor of some structures."""
    for tensor in nest.flatten(inputs):
        check_floating(tensor.dtype)


def input_depth(shape: Any) -> int:
    """The last size of the inputs of a cell that is built.

    Raises
    ------
    ValueError
        If it is not known.
    """
    sizes: list[int | None] = shape.as_list() if hasattr(shape, "as_list") else list(shape)
    if sizes[-1] is None:
        raise ValueError(f"Expected inputs.shape[-1] to be known, saw shape: {tuple(sizes)}")
    return sizes[-1]


def initial_state(cell: Any, batch_size: Any, dtype: Any) -> Any:
    """What a cell begins with, by whichever method it has."""
    if getattr(cell, "get_initial_state", None) is not None:
        return cell.get_initial_state(inputs=None, batch_size=batch_size, dtype=dtype)
    return cell.zero_state(batch_size, dtype)


@public("nn.rnn_cell.RNNCell", "contrib.rnn.RNNCell")
class RNNCell(Layer):
    """One step of a recurrent network: ``output, new_state = cell(inputs, state)``.

    A subclass has the properties `state_size` and `output_size` (a size, a shape, or a structure of them) and
    the method ``call(inputs, state)``; variables that it makes there by `tf.get_variable` are its weights.
    """

    def __init__(self, trainable: bool = True, name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(trainable=trainable, name=name, dtype=dtype, **kwargs)
        self._entered_again: variable_scope | None = None

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """Makes one step.

        Parameters
        ----------
        inputs : Tensor or structure
            Of shape ``[batch, depth]``.
        state : Tensor or structure
            As `state_size`, with a batch axis in front.
        scope : str or VariableScope, optional
            For the variables; by default the name of the class.

        Returns
        -------
        tuple
            The output and the next state.
        """
        if scope is not None:
            with variable_scope(scope, custom_getter=self._own_what_is_got) as entered:
                return super().__call__(inputs, state, scope=entered)
        # The same manager each time: it re-enters the name scope of the first call.
        manager = getattr(self, "_entered_again", None)
        if manager is None:
            manager = variable_scope(get_variable_scope(), custom_getter=self._own_what_is_got)
            self._entered_again = manager
        with manager:
            return super().__call__(inputs, state)

    def _own_what_is_got(self, getter: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        made = getter(*args, **kwargs)
        parts = list(made) if isinstance(made, (list, tuple)) or hasattr(made, "_get_variable_list") else [made]
        every = trainable_variables()
        self._own(made, any(parts[0] is variable for variable in every))
        return made

    @property
    def state_size(self) -> Any:
        """Size, shape or structure of them, without the batch."""
        raise NotImplementedError("Abstract method")

    @property
    def output_size(self) -> Any:
        """Size, shape or structure of them, without the batch."""
        raise NotImplementedError("Abstract method")

    def build(self, input_shape: Any) -> None:
        """Nothing: a cell may make its variables in `call`."""

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """`zero_state` for these inputs, or for a batch size and a type.

        Raises
        ------
        ValueError
            If they contradict each other or nothing is given.
        """
        if inputs is not None:
            inputs = convert_to_tensor(inputs, name="inputs")
            if batch_size is not None:
                known = constant_value(batch_size) if isinstance(batch_size, Tensor) else batch_size
                if inputs.shape.as_list()[0] != known:
                    raise ValueError(
                        "batch size from input tensor is different from the input param. Input tensor batch: "
                        f"{inputs.shape.as_list()[0]}, batch_size: {batch_size}"
                    )
            if dtype is not None and inputs.dtype != dtype:
                raise ValueError(
                    "dtype from input tensor is different from the input param. Input tensor dtype: "
                    f"{inputs.dtype}, dtype: {dtype}"
                )
            batch_size = inputs.shape.as_list()[0] or shape_of(inputs)[0]
            dtype = inputs.dtype
        if batch_size is None or dtype is None:
            raise ValueError(
                "batch_size and dtype cannot be None while constructing initial state: "
                f"batch_size={batch_size}, dtype={dtype}"
            )
        return self.zero_state(batch_size, dtype)

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros in the structure of `state_size`, each of shape ``[batch_size, *size]``."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            return zero_tensors(self.state_size, batch_size, dtype)


class LayerRNNCell(RNNCell):
    """A cell whose variables are made in `build`, like those of any layer."""

    def __call__(self, inputs: Any, state: Any, scope: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Makes one step; see `RNNCell.__call__`."""
        return Layer.__call__(self, inputs, state, *args, scope=scope, **kwargs)
