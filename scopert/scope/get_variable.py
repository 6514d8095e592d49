"""``tf.get_variable`` and its kin: the scope's defaults, then the store."""

from __future__ import annotations

from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.stack import get_default_graph
from scopert.public import public
from scopert.scope.distribution import VariableAggregation, VariableSynchronization
from scopert.scope.request import Request
from scopert.scope.scope_stack import VariableScope, scope_stack
from scopert.scope.store import VariableStore, variable_store


@public("get_variable")
def get_variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
    trainable: bool | None = None, collections: Any = None, caching_device: Any = None, partitioner: Any = None,
    validate_shape: bool = True, use_resource: bool | None = None, custom_getter: Any = None, constraint: Any = None,
    synchronization: Any = VariableSynchronization.AUTO, aggregation: Any = VariableAggregation.NONE,
) -> Any:  # fmt: skip
    """The variable of a key in the current variable scope: found, or made if the scope does not reuse.

    Parameters
    ----------
    name : str
        The key is the scope's path, ``/`` and this.
    shape : shape, optional
        Needed for a new variable, unless the initializer is a value or takes no arguments.
    dtype : DType, optional
        Default: the scope's, which is float32 if nobody says.
    initializer : callable, value or tensor, optional
        A function is called as ``f(shape, dtype=..., partition_info=...)``. Default: the scope's; else
        `glorot_uniform_initializer` for floats and zeros for integers, booleans and strings.
    regularizer : callable, optional
        Called with a new variable; its result goes to ``GraphKeys.REGULARIZATION_LOSSES``.
    trainable : bool, optional
        Default: yes.
    collections : list, optional
        Default: ``[GraphKeys.GLOBAL_VARIABLES]``.
    caching_device, validate_shape, use_resource, constraint, synchronization, aggregation
        See `tf.Variable`.
    partitioner : callable, optional
        ``f(shape=..., dtype=...)`` says into how many parts each axis is cut.
    custom_getter : callable, optional
        ``f(getter, name, *args, **kwargs)`` stands between; it replaces those of the scopes.

    Returns
    -------
    Variable, PartitionedVariable, or what the custom getter returns

    Raises
    ------
    ValueError
        If the variable exists and the scope does not reuse, does not exist and the scope only reuses,
        or has another shape or type.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     with tf.variable_scope("a"):
    ...         w = tf.get_variable("w", [2, 3])
    ...     with tf.variable_scope("a", reuse=True):
    ...         same = tf.get_variable("w")
    >>> w.name, same is w
    ('a/w:0', True)
    """
    request = Request(
        name, shape, dtype, initializer, regularizer, None, trainable, collections, caching_device, partitioner,
        validate_shape, use_resource, constraint, synchronization, aggregation,
    )  # fmt: skip
    graph = get_default_graph()
    return _get(scope_stack(graph).current, variable_store(graph), request, custom_getter)


def get_variable_in(scope: VariableScope, store: VariableStore, name: str, kwargs: dict[str, Any]) -> Any:
    """`get_variable` in a given scope and store."""
    given = dict(kwargs)
    custom_getter = given.pop("custom_getter", None)
    given.setdefault("dtype", None)
    return _get(scope, store, Request(name, **given), custom_getter)


def _get(scope: VariableScope, store: VariableStore, request: Request, custom_getter: Any) -> Any:
    settings = scope._settings
    if request.regularizer is None:
        request.regularizer = settings.regularizer
    if request.caching_device is None:
        request.caching_device = settings.caching_device
    if request.partitioner is None:
        request.partitioner = settings.partitioner
    if custom_getter is None:
        custom_getter = settings.custom_getter
    if request.reuse is None:
        request.reuse = settings.reuse
    if request.use_resource is None:
        request.use_resource = settings.use_resource
    if settings.name:
        request.name = settings.name + "/" + request.name
    # Names of variables follow the variable scope only.
    graph = get_default_graph()
    old, _ = graph._open_scope(None)
    try:
        if request.dtype is not None and request.initializer is not None and not callable(request.initializer):
            _check_initializer_type(request.initializer, request.dtype)
        if request.initializer is None:
            request.initializer = settings.initializer
        if request.constraint is None:
            request.constraint = settings.constraint
        if request.dtype is None:
            request.dtype = settings.dtype
        return store.get(request, custom_getter)
    finally:
        graph._local.name = old


def _check_initializer_type(initializer: Any, dtype: Any) -> None:
    found = convert_to_tensor(initializer).dtype.base
    if found != dtype:
        raise ValueError(f"Initializer type '{found}' and explicit dtype '{dtype}' don't match.")


@public("get_local_variable")
def get_local_variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
    trainable: bool | None = False, collections: Any = None, caching_device: Any = None, partitioner: Any = None,
    validate_shape: bool = True, use_resource: bool | None = None, custom_getter: Any = None, constraint: Any = None,
    synchronization: Any = VariableSynchronization.AUTO, aggregation: Any = VariableAggregation.NONE,
) -> Any:  # fmt: skip
    """`get_variable` for ``GraphKeys.LOCAL_VARIABLES``; never trainable, whatever `trainable` says.

    Raises
    ------
    TypeError
        If `collections` is not a list.
    ValueError
        As `get_variable` does.
    """
    if collections and not isinstance(collections, list):
        raise TypeError(f"collections of a local variable must be a list, got {collections!r}")
    return get_variable(
        name, shape, dtype, initializer, regularizer, False, [*(collections or ()), GraphKeys.LOCAL_VARIABLES],
        caching_device, partitioner, validate_shape, use_resource, custom_getter, constraint, synchronization,
        aggregation,
    )  # fmt: skip
