"""Who makes a variable: the creators that are in force, and the default at the end of their chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from scopert.graph.stack import get_default_graph
from scopert.public import public
from scopert.scope.distribution import VariableAggregation, VariableSynchronization
from scopert.scope.ref_variable import RefVariable
from scopert.scope.resource_variable import ResourceVariable
from scopert.scope.scope_stack import current_scope

# One switch for the process, as in TensorFlow.
_resource_by_default = [False]


@public("enable_resource_variables")
def enable_resource_variables() -> None:
    """Makes variables resource variables where neither an argument nor a scope decides."""
    _resource_by_default[0] = True


@public("disable_resource_variables")
def disable_resource_variables() -> None:
    """Makes variables reference variables where neither an argument nor a scope decides: the default."""
    _resource_by_default[0] = False


@public("resource_variables_enabled")
def resource_variables_enabled() -> bool:
    """Whether `enable_resource_variables` is in force."""
    return _resource_by_default[0]


def default_variable_creator(use_resource: bool | None = None, **kwargs: Any) -> Any:
    """The end of the chain: makes a RefVariable or a ResourceVariable."""
    if use_resource is None:
        use_resource = current_scope()._settings.use_resource
    if use_resource is None:
        use_resource = _resource_by_default[0]
    if use_resource:
        kwargs.pop("expected_shape", None)
        return ResourceVariable(**kwargs)
    return RefVariable(**kwargs)


def create_variable(
    initial_value: Any = None, trainable: bool | None = None, collections: Any = None, validate_shape: bool = True,
    caching_device: Any = None, name: str | None = None, variable_def: Any = None, dtype: Any = None,
    expected_shape: Any = None, import_scope: str | None = None, constraint: Any = None,
    use_resource: bool | None = None, synchronization: Any = VariableSynchronization.AUTO,
    aggregation: Any = VariableAggregation.NONE, shape: Any = None,
) -> Any:  # fmt: skip
    """``tf.Variable(...)``: asks the creators in force, the innermost first."""
    creator: Callable[..., Any] = default_variable_creator
    for outer in get_default_graph()._local.variable_creators:
        creator = partial(outer, creator)
    return creator(
        initial_value=initial_value, trainable=trainable, collections=collections, validate_shape=validate_shape,
        caching_device=caching_device, name=name, variable_def=variable_def, dtype=dtype,
        expected_shape=expected_shape, import_scope=import_scope, constraint=constraint, use_resource=use_resource,
        synchronization=synchronization,
        aggregation=VariableAggregation.NONE if aggregation is None else aggregation, shape=shape,
    )  # fmt: skip


@public("variable_creator_scope")
@contextmanager
def variable_creator_scope(variable_creator: Callable[..., Any]) -> Iterator[None]:
    """Has `variable_creator` make the variables of the block.

    Parameters
    ----------
    variable_creator : callable
        ``f(next_creator, **kwargs)`` gets all arguments of `tf.Variable` as keywords, may change
        them, and returns what ``next_creator(**kwargs)`` does or anything else.

    Examples
    --------
    >>> import scopert as tf
    >>> def frozen(next_creator, **kwargs):
    ...     return next_creator(**{**kwargs, "trainable": False})
    >>> with tf.Graph().as_default(), tf.variable_creator_scope(frozen):
    ...     v = tf.Variable(1.0)
    >>> v.trainable
    False
    """
    local = get_default_graph()._local
    old = local.variable_creators
    local.variable_creators = [*old, variable_creator]
    try:
        yield
    finally:
        local.variable_creators = old
