"""Lists of variables by scope, suffix and name, as tf.contrib.framework and slim select them."""

from __future__ import annotations

import re
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.scopes import add_to_collection, get_collection
from scopert.public import public
from scopert.scope.creators import create_variable
from scopert.scope.scope_stack import VariableScope


@public("contrib.framework.local_variable", "contrib.slim.local_variable")
def local_variable(
    initial_value: Any, validate_shape: bool = True, name: str | None = None, use_resource: bool | None = None
) -> Any:
    """A variable that is not trained, of ``GraphKeys.LOCAL_VARIABLES``; see `tf.Variable`."""
    return _untrained(GraphKeys.LOCAL_VARIABLES, initial_value, validate_shape, name, use_resource)


@public("contrib.framework.global_variable", "contrib.slim.global_variable")
def global_variable(
    initial_value: Any, validate_shape: bool = True, name: str | None = None, use_resource: bool | None = None
) -> Any:
    """A variable that is not trained, of ``GraphKeys.GLOBAL_VARIABLES``; see `tf.Variable`."""
    return _untrained(GraphKeys.GLOBAL_VARIABLES, initial_value, validate_shape, name, use_resource)


def _untrained(key: str, initial_value: Any, validate_shape: bool, name: str | None, use_resource: bool | None) -> Any:
    return create_variable(
        initial_value=initial_value, trainable=False, collections=[key], validate_shape=validate_shape, name=name,
        use_resource=use_resource,
    )  # fmt: skip


@public("contrib.framework.add_model_variable", "contrib.slim.add_model_variable")
def add_model_variable(var: Any) -> None:
    """Adds a variable to ``GraphKeys.MODEL_VARIABLES``, once."""
    if not any(var is known for known in get_collection(GraphKeys.MODEL_VARIABLES)):
        add_to_collection(GraphKeys.MODEL_VARIABLES, var)


@public("contrib.framework.get_variables", "contrib.slim.get_variables")
def get_variables(scope: Any = None, suffix: str | None = None, collection: str = GraphKeys.GLOBAL_VARIABLES) -> Any:
    """The variables whose names match.

    Parameters
    ----------
    scope : str or VariableScope, optional
        A regular expression that the names begin with.
    suffix : str, optional
        What they end with.
    collection : str
    """
    if isinstance(scope, VariableScope):
        scope = scope.name
    if suffix is not None:
        end = suffix if ":" in suffix else suffix + ":"
        scope = (scope or "") + ".*" + end
    return get_collection(collection, scope)


@public("contrib.framework.get_model_variables", "contrib.slim.get_model_variables")
def get_model_variables(scope: Any = None, suffix: str | None = None) -> Any:
    """`get_variables` of ``GraphKeys.MODEL_VARIABLES``."""
    return get_variables(scope, suffix, GraphKeys.MODEL_VARIABLES)


@public("contrib.framework.get_local_variables", "contrib.slim.get_local_variables")
def get_local_variables(scope: Any = None, suffix: str | None = None) -> Any:
    """`get_variables` of ``GraphKeys.LOCAL_VARIABLES``."""
    return get_variables(scope, suffix, GraphKeys.LOCAL_VARIABLES)


@public("contrib.framework.get_trainable_variables", "contrib.slim.get_trainable_variables")
def get_trainable_variables(scope: Any = None, suffix: str | None = None) -> Any:
    """`get_variables` of ``GraphKeys.TRAINABLE_VARIABLES``."""
    return get_variables(scope, suffix, GraphKeys.TRAINABLE_VARIABLES)


@public("contrib.framework.get_variables_by_suffix", "contrib.slim.get_variables_by_suffix")
def get_variables_by_suffix(suffix: str, scope: Any = None) -> Any:
    """`get_variables` with the suffix first."""
    return get_variables(scope=scope, suffix=suffix)


@public("contrib.framework.get_variables_by_name", "contrib.slim.get_variables_by_name")
def get_variables_by_name(given_name: str, scope: Any = None) -> Any:
    """The variables with this last part of the name."""
    return get_variables(scope=scope, suffix=f"/{given_name}:|^{given_name}:")


@public("contrib.framework.get_unique_variable", "contrib.slim.get_unique_variable")
def get_unique_variable(var_op_name: str) -> Any:
    """The global variable of this name.

    Raises
    ------
    ValueError
        If there is none.
    """
    candidates = get_variables(scope=var_op_name)
    if not candidates:
        raise ValueError(f"Couldn't find variable {var_op_name}")
    for candidate in candidates:
        if candidate.op.name == var_op_name:
            return candidate
    raise ValueError(f"Variable {var_op_name} does not uniquely identify a variable")


@public("contrib.framework.get_variables_to_restore", "contrib.slim.get_variables_to_restore")
def get_variables_to_restore(include: Any = None, exclude: Any = None) -> Any:
    """The global variables of some scopes without those of others.

    Parameters
    ----------
    include, exclude : list of str, optional
        Scopes. Default: all, and none.

    Raises
    ------
    TypeError
        If one is given that is no list.
    """
    for name, value in (("include", include), ("exclude", exclude)):
        if value is not None and not isinstance(value, (list, tuple)):
            raise TypeError(f"{name} is provided but is not a list or a tuple.")
    wanted = get_variables() if include is None else [v for scope in include for v in get_variables(scope)]
    unwanted = {id(v) for scope in exclude or () for v in get_variables(scope)}
    return [variable for variable in wanted if id(variable) not in unwanted]


@public("contrib.framework.filter_variables", "contrib.slim.filter_variables")
def filter_variables(
    var_list: Any, include_patterns: Any = None, exclude_patterns: Any = None, reg_search: bool = True
) -> list[Any]:
    """The variables whose names match a pattern of the first list (default: all) and none of the second.

    Parameters
    ----------
    var_list : list
    include_patterns, exclude_patterns : list of str, optional
        Regular expressions.
    reg_search : bool
        Whether they may match anywhere in the name, not only at its beginning.
    """
    match = re.search if reg_search else re.match

    def matches(variable: Any, patterns: Any) -> bool:
        return any(match(pattern, variable.name) for pattern in patterns)

    wanted = [v for v in var_list if include_patterns is None or matches(v, include_patterns)]
    return [v for v in wanted if exclude_patterns is None or not matches(v, exclude_patterns)]


@public("contrib.framework.get_variable_full_name", "contrib.slim.get_variable_full_name")
def get_variable_full_name(var: Any) -> str:
    """The name in a checkpoint: for a part of a partitioned variable that of the whole."""
    part = getattr(var, "_save_slice_info", None)
    name: str = part.full_name if part else var.op.name
    return name
