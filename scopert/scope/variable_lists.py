"""The variables of a graph, by collection, and the operations that initialize them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.constant import constant
from scopert.graph.dtypes import string
from scopert.graph.operation import Operation
from scopert.graph.scopes import colocate_with, device, get_collection, name_scope
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.array_shape import rank_internal
from scopert.ops.array_stack import stack
from scopert.ops.no_op import group, no_op
from scopert.ops.raw import raw
from scopert.ops.state_assign import is_variable_initialized
from scopert.public import public

_REFERENCES = ("Variable", "VariableV2", "AutoReloadVariable")


@public("global_variables")
def global_variables(scope: str | None = None) -> list[Any]:
    """The variables that are kept with a model: ``GraphKeys.GLOBAL_VARIABLES``.

    Parameters
    ----------
    scope : str, optional
        A regular expression that the names must match at their start.
    """
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


@public("all_variables")
def all_variables() -> list[Any]:
    """`global_variables` (deprecated in TensorFlow)."""
    return global_variables()


@public("local_variables")
def local_variables(scope: str | None = None) -> list[Any]:
    """The variables of this process only: ``GraphKeys.LOCAL_VARIABLES``; see `global_variables`."""
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


@public("model_variables")
def model_variables(scope: str | None = None) -> list[Any]:
    """The variables that inference needs: ``GraphKeys.MODEL_VARIABLES``; see `global_variables`."""
    return get_collection(GraphKeys.MODEL_VARIABLES, scope)


@public("trainable_variables")
def trainable_variables(scope: str | None = None) -> list[Any]:
    """The variables that optimizers change: ``GraphKeys.TRAINABLE_VARIABLES``; see `global_variables`."""
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


@public("moving_average_variables")
def moving_average_variables(scope: str | None = None) -> list[Any]:
    """The variables that have a moving average: ``GraphKeys.MOVING_AVERAGE_VARIABLES``; see `global_variables`."""
    return get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


@public("variables_initializer", "initializers.variables")
def variables_initializer(var_list: Sequence[Any], name: str = "init") -> Operation:
    """An operation that initializes the given variables."""
    if var_list:
        return group(*[variable.initializer for variable in var_list], name=name)
    return no_op(name=name)


@public("global_variables_initializer", "initializers.global_variables")
def global_variables_initializer() -> Operation:
    """An operation that initializes all global variables made so far.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.Variable(1.0)
    ...     init = tf.global_variables_initializer()
    >>> init.name
    'init'
    """
    return variables_initializer(global_variables())


@public("local_variables_initializer", "initializers.local_variables")
def local_variables_initializer() -> Operation:
    """An operation that initializes all local variables made so far."""
    return variables_initializer(local_variables())


@public("initialize_variables")
def initialize_variables(var_list: Sequence[Any], name: str = "init") -> Operation:
    """`variables_initializer` (deprecated in TensorFlow)."""
    return variables_initializer(var_list, name)


@public("initialize_all_variables")
def initialize_all_variables() -> Operation:
    """`global_variables_initializer` (deprecated in TensorFlow)."""
    return global_variables_initializer()


@public("initialize_local_variables")
def initialize_local_variables() -> Operation:
    """`local_variables_initializer` (deprecated in TensorFlow)."""
    return local_variables_initializer()


@public("tables_initializer", "initializers.tables_initializer")
def tables_initializer(name: str = "init_all_tables") -> Operation:
    """An operation that initializes all lookup tables; without any, one that does nothing."""
    initializers = get_collection(GraphKeys.TABLE_INITIALIZERS)
    return group(*initializers, name=name) if initializers else no_op(name=name)


def _all_or_references(var_list: Sequence[Any] | None) -> Sequence[Any]:
    """The given variables; else all that there are, or at least their tensors."""
    if var_list is not None:
        return var_list
    found = global_variables() + local_variables()
    return found or [op.outputs[0] for op in get_default_graph().get_operations() if op.type in _REFERENCES]


@public("assert_variables_initialized")
def assert_variables_initialized(var_list: Sequence[Any] | None = None) -> Tensor | None:
    """A tensor whose run fails with FailedPreconditionError if a variable has no value.

    Returns
    -------
    Tensor or None
        None if there are no variables.
    """
    found = _all_or_references(var_list)
    if not found:
        return None
    ranks = []
    for variable in found:
        with colocate_with(variable.op):
            ranks.append(rank_internal(variable, optimize=False))
    return ranks[0] if len(ranks) == 1 else stack(ranks)


@public("report_uninitialized_variables")
def report_uninitialized_variables(
    var_list: Sequence[Any] | None = None, name: str = "report_uninitialized_variables"
) -> Tensor:
    """The names of the variables that have no value, as a vector of strings.

    Parameters
    ----------
    var_list : list of Variable, optional
        Default: all global and local ones.
    """
    found = _all_or_references(var_list)
    place = os.environ.get("TF_DEVICE_FOR_UNINITIALIZED_VARIABLE_REPORTING", "/cpu:0")
    with name_scope(name):
        known = [is_variable_initialized(variable) for variable in found]
        with device(place):
            if not found:
                return constant([], dtype=string)
            from scopert.ops.array_mask import boolean_mask  # not needed to make variables

            unknown = raw("LogicalNot", stack(known))
            return boolean_mask(constant([variable.op.name for variable in found]), unknown)
