"""Assigning variables from arrays and checkpoints, as tf.contrib.framework and slim do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.graph.collections import GraphKeys
from scopert.graph.operation import Operation
from scopert.graph.scopes import get_collection
from scopert.graph.tensor import Tensor
from scopert.layers.contrib_variable_lists import get_variable_full_name
from scopert.ops.array_identity import placeholder
from scopert.ops.no_op import group
from scopert.public import public
from scopert.train.checkpoint_reader import new_checkpoint_reader
from scopert.train.saver import Saver

_log = logging.getLogger("scopert")

Feeds = dict[Tensor, Any]


def _fed_assignment(variable: Any) -> tuple[Tensor, Any]:
    value = placeholder(variable.dtype.base, shape=variable.get_shape(), name="placeholder/" + variable.op.name)
    return value, variable.assign(value)


@public("contrib.framework.assign_from_values", "contrib.slim.assign_from_values")
def assign_from_values(var_names_to_values: dict[str, Any]) -> tuple[Operation, Feeds]:
    """An operation that assigns arrays to variables, and what to feed it.

    Parameters
    ----------
    var_names_to_values : dict
        Arrays by the names of variables.

    Raises
    ------
    ValueError
        If there is no such variable, or the name fits several.
    """
    feeds: Feeds = {}
    assigns = []
    for name, value in var_names_to_values.items():
        found = get_collection(GraphKeys.GLOBAL_VARIABLES, name)
        if not found:
            raise ValueError(f"Variable {name} wasn't found")
        chosen = found if len(found) == 1 else [variable for variable in found if variable.op.name == name]
        if not chosen:
            raise ValueError(f"Variable {name} doesn't uniquely identify a variable")
        fed, assign = _fed_assignment(chosen[0])
        assigns.append(assign)
        feeds[fed] = np.asarray(value).reshape(chosen[0].get_shape().as_list())
    return group(*assigns), feeds


@public("contrib.framework.assign_from_values_fn", "contrib.slim.assign_from_values_fn")
def assign_from_values_fn(var_names_to_values: dict[str, Any]) -> Callable[[Any], Any]:
    """`assign_from_values` as a function of a session."""
    assign, feeds = assign_from_values(var_names_to_values)
    return lambda session: session.run(assign, feeds)


@public("contrib.framework.assign_from_checkpoint", "contrib.slim.assign_from_checkpoint")
def assign_from_checkpoint(
    model_path: str, var_list: Any, ignore_missing_vars: bool = False
) -> tuple[Operation, Feeds]:
    """An operation that assigns the values of a checkpoint to variables, and what to feed it.

    Parameters
    ----------
    model_path : str
    var_list : list or dict
        Variables (the parts of a partitioned one, too), or lists of them by their names in the checkpoint.
    ignore_missing_vars : bool
        Only warn of variables that the checkpoint lacks.

    Raises
    ------
    ValueError
        If the checkpoint lacks a variable or it has another shape there.
    """
    groups: dict[str, list[Any]] = {}
    if isinstance(var_list, (tuple, list)):
        for variable in var_list:
            groups.setdefault(get_variable_full_name(variable), []).append(variable)
    else:
        for name, value in var_list.items():
            groups[name] = list(value) if isinstance(value, (tuple, list)) else [value]
    reader = new_checkpoint_reader(model_path)
    feeds: Feeds = {}
    assigns = []
    for name, variables in groups.items():
        if not reader.has_tensor(name):
            text = f"Checkpoint is missing variable [{name}]"
            if not ignore_missing_vars:
                raise ValueError(text)
            _log.warning(text)
            continue
        saved = reader.get_tensor(name)
        for variable in variables:
            fed, assign = _fed_assignment(variable)
            assigns.append(assign)
            part = getattr(variable, "_save_slice_info", None)
            if part:
                bounds = zip(part.var_offset, part.var_shape, strict=True)
                value = saved[tuple(slice(start, start + size) for start, size in bounds)]
            else:
                value = saved
            if list(variable.get_shape().as_list()) != list(value.shape):
                raise ValueError(
                    f"Total size of new array must be unchanged for {name} lh_shape: [{value.shape}], "
                    f"rh_shape: [{variable.get_shape()}]"
                )
            feeds[fed] = value
    return group(*assigns), feeds


@public("contrib.framework.assign_from_checkpoint_fn", "contrib.slim.assign_from_checkpoint_fn")
def assign_from_checkpoint_fn(
    model_path: str, var_list: Any, ignore_missing_vars: bool = False, reshape_variables: bool = False
) -> Callable[[Any], None] | None:
    """A function of a session that restores variables from a checkpoint.

    Parameters
    ----------
    model_path : str
    var_list : list or dict
        Variables, maybe by their names in the checkpoint.
    ignore_missing_vars : bool
        Leave out what the checkpoint lacks.
    reshape_variables : bool
        Take values of another shape with as many elements.

    Returns
    -------
    callable, or None if no variable is left

    Raises
    ------
    ValueError
        If there are no variables.
    """
    if not var_list:
        raise ValueError("var_list cannot be empty")
    if ignore_missing_vars:
        reader = new_checkpoint_reader(model_path)
        named = var_list if isinstance(var_list, dict) else {variable.op.name: variable for variable in var_list}
        for name in named:
            if not reader.has_tensor(name):
                _log.warning("Variable %s missing in checkpoint %s", name, model_path)
        var_list = {name: variable for name, variable in named.items() if reader.has_tensor(name)}
    if not var_list:
        _log.warning("No Variables to restore")
        return None
    saver = Saver(var_list, reshape=reshape_variables)
    return lambda session: saver.restore(session, model_path)
