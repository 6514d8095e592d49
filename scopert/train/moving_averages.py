"""Exponential moving averages of variables and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph import dtypes
from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.operation import Operation
from scopert.graph.scopes import add_to_collection, colocate_with, init_scope, name_scope
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.math_binary import minimum, pow_
from scopert.ops.math_cast import cast
from scopert.ops.no_op import group
from scopert.ops.state_assign import assign, assign_sub
from scopert.public import public
from scopert.scope.get_variable import get_variable
from scopert.scope.initializers import Zeros
from scopert.scope.layout import mark_slot
from scopert.scope.scope_stack import current_scope
from scopert.scope.variable import Variable
from scopert.scope.variable_lists import global_variables, moving_average_variables, trainable_variables
from scopert.scope.variable_scope import variable_scope
from scopert.train.slots import create_slot, create_zeros_slot

_VALID_DTYPES = (dtypes.bfloat16, dtypes.float16, dtypes.float32, dtypes.float64)


def assign_moving_average(
    variable: Any, value: Any, decay: Any, zero_debias: bool = True, name: str | None = None
) -> Any:
    """``variable = variable * decay + value * (1 - decay)``.

    Parameters
    ----------
    variable : Variable
    value : tensor-like
        Of the variable's shape.
    decay : float or Tensor
    zero_debias : bool
        Correct for a start at zero, as Adam does for its means: a biased average and a count of steps are
        kept beside `variable`, which itself holds the corrected one.
    name : str, optional
        Default ``AssignMovingAvg``.

    Returns
    -------
    Tensor or Variable
        The new value.
    """
    with name_scope(name, "AssignMovingAvg", [variable, value, decay]) as scope:
        rate = convert_to_tensor(1.0 - decay, name="decay")
        if rate.dtype is not variable.dtype.base:
            rate = cast(rate, variable.dtype.base)
        with colocate_with(variable):
            if zero_debias:
                return assign(variable, _unbiased(variable, value, rate), name=scope)
            return assign_sub(variable, (variable - value) * rate, name=scope)


def _unbiased(variable: Any, value: Any, rate: Tensor) -> Any:
    """The average corrected for its start at zero."""
    with variable_scope(variable.op.name, auxiliary_name_scope=False):
        kind = variable.dtype.base
        biased = get_variable(
            _free_name("biased"), initializer=Zeros(), shape=variable.get_shape(), dtype=kind, trainable=False
        )
        steps = get_variable(_free_name("local_step"), initializer=Zeros(), shape=[], dtype=kind, trainable=False)
    new_biased = biased.assign_sub((biased - value) * rate)
    new_steps = steps.assign_add(1)
    return new_biased / (1 - pow_(1 - rate, new_steps))


def _free_name(name: str) -> str:
    """`name`, or with a number behind it if the variable scope has such a variable and does not reuse."""
    scope = current_scope()
    if scope.reuse:
        return name
    taken = {variable.op.name for variable in scope.global_variables()}
    number, candidate = 0, name
    while f"{scope.name}/{candidate}" in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _averaged(item: Any) -> Any:
    """`item`, which must be something that can have an average."""
    if not isinstance(item, (Variable, Tensor)):
        raise AttributeError(f"'{type(item).__name__}' object is neither a variable nor a tensor: it has no average")
    return item


@public("train.ExponentialMovingAverage")
class ExponentialMovingAverage:
    """Keeps averages of variables or tensors, with the more recent values weighing more.

    Parameters
    ----------
    decay : float or Tensor
        Close to 1.0.
    num_updates : int, Tensor or Variable, optional
        The number of updates so far: the decay is then at most ``(1 + n) / (10 + n)``.
    zero_debias : bool
        Correct the averages of tensors, which start at zero.
    name : str
        Of the averages, below what they are averages of.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     w = tf.get_variable("w", [2])
    ...     ema = tf.train.ExponentialMovingAverage(0.99)
    ...     update = ema.apply([w])
    ...     print(ema.average(w).name)
    w/ExponentialMovingAverage:0
    """

    def __init__(
        self, decay: Any, num_updates: Any = None, zero_debias: bool = False, name: str = "ExponentialMovingAverage"
    ) -> None:
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Any, Any] = {}

    @property
    def name(self) -> str:
        return self._name

    def apply(self, var_list: Sequence[Any] | None = None) -> Operation:
        """Makes the averages, where they do not exist, and the operation that updates them.

        An average of a variable starts from its initial value, that of a tensor from zero. The variables
        are added to ``GraphKeys.MOVING_AVERAGE_VARIABLES``.

        Parameters
        ----------
        var_list : list of Variable or Tensor, optional
            Default: the trainable variables.

        Raises
        ------
        TypeError
            If one is not of a floating type.
        """
        chosen = trainable_variables() if var_list is None else var_list
        from_zero: set[Any] = set()
        for item in chosen:
            if item.dtype.base not in _VALID_DTYPES:
                raise TypeError(f"The variables must be half, float, or double: {item.name}")
            if item not in self._averages:
                self._averages[item] = self._create(item, from_zero)
        with name_scope(self._name) as scope:
            decay = convert_to_tensor(self._decay, name="decay")
            if self._num_updates is not None:
                count = cast(self._num_updates, dtypes.float32, name="num_updates")
                decay = minimum(decay, (1.0 + count) / (10.0 + count))
            updates = []
            for item in chosen:
                average = self._averages[item]
                updates.append(assign_moving_average(average, item, decay, zero_debias=average in from_zero))
            return group(*updates, name=scope)

    def _create(self, item: Any, from_zero: set[Any]) -> Any:
        with init_scope():
            if isinstance(item, Variable):
                average = create_slot(item, item.initialized_value(), self._name)
                mark_slot(average.op, item.op, self._name)
                add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, item)
                return average
            beside = item.op.type in ("Variable", "VariableV2", "VarHandleOp")
            average = create_zeros_slot(item, self._name, colocate_with_primary=beside)
            if self._zero_debias:
                from_zero.add(average)
            return average

    def average(self, var: Any) -> Any:
        """The variable that holds the average of `var`, or None."""
        return self._averages.get(_averaged(var))

    def average_name(self, var: Any) -> str:
        """The name of that variable, also if it is still to be made."""
        if _averaged(var) in self._averages:
            name: str = self._averages[var].op.name
            return name
        return get_default_graph().unique_name(f"{var.op.name}/{self._name}", mark_as_used=False)

    def variables_to_restore(self, moving_avg_variables: Sequence[Any] | None = None) -> dict[str, Any]:
        """What to give to a Saver so that variables are restored from their averages.

        Parameters
        ----------
        moving_avg_variables : list of Variable, optional
            Those to be restored from averages. Default: the trainable ones and those averaged.

        Returns
        -------
        dict
            The name in the checkpoint of every global variable.
        """
        if moving_avg_variables is None:
            moving_avg_variables = trainable_variables() + moving_average_variables()
        names = {self.average_name(variable): variable for variable in moving_avg_variables}
        averaged = {variable.name for variable in moving_avg_variables}
        for variable in dict.fromkeys(global_variables()):
            if variable.name not in averaged and variable.op.name not in names:
                names[variable.op.name] = variable
        return names
