"""The variables of a graph by key: finding, making, and refusing to make them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from scopert.graph import source
from scopert.graph.collections import GraphKeys
from scopert.graph.dtypes import DType, as_dtype, string
from scopert.graph.graph import Graph
from scopert.graph.scopes import init_scope
from scopert.graph.shape import as_tuple, is_compatible, text
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Shape
from scopert.scope.creators import create_variable
from scopert.scope.distribution import check_distribution
from scopert.scope.initializers import Zeros
from scopert.scope.partitioned_store import PartitionedStore
from scopert.scope.partitioned_variable import PartitionedVariable
from scopert.scope.request import PartitionInfo, Request
from scopert.scope.resource_variable import BaseResourceVariable
from scopert.scope.scaling_initializers import GlorotUniform


class VariableStore:
    """What `get_variable` made in a graph."""

    def __init__(self) -> None:
        self._vars: dict[str, Any] = {}
        self._partitioned = PartitionedStore(self)

    @property
    def _partitioned_vars(self) -> dict[str, Any]:
        return self._partitioned.variables

    def get_variable(self, name: str, *args: Any, custom_getter: Any = None, **kwargs: Any) -> Any:
        """`get` with the arguments of a request."""
        return self.get(Request(name, *args, **kwargs), custom_getter)

    def get(self, request: Request, custom_getter: Callable[..., Any] | None = None) -> Any:
        """The variable that is asked for, through the custom getter if there is one.

        Raises
        ------
        ValueError
            If the getter is not callable, or for the reasons of `get_variable`.
        """
        request.dtype = getattr(request.dtype, "base_dtype", request.dtype)
        request.synchronization, request.aggregation, request.trainable = check_distribution(
            request.synchronization, request.aggregation, request.trainable, request.name
        )
        if custom_getter is None:
            return self._find_or_make(request)
        if not callable(custom_getter):
            raise ValueError(f"Passed a custom_getter which is not callable: {custom_getter}")
        kwargs = {name: getattr(request, name) for name in Request.__slots__}
        if not _takes_constraint(custom_getter):
            del kwargs["constraint"]
        return custom_getter(getter=self._true_getter, **kwargs)

    def get_partitioned(self, request: Request) -> PartitionedVariable:
        """A partitioned variable; see `PartitionedStore.get`."""
        return self._partitioned.get(request)

    def _true_getter(self, *args: Any, **kwargs: Any) -> Any:
        return self._find_or_make(Request(*args, **kwargs))

    def _find_or_make(self, request: Request) -> Any:
        if request.partitioner is not None and not _is_empty_sequence(request.shape):
            if not callable(request.partitioner):
                raise ValueError(f"Partitioner must be callable, but received: {request.partitioner}")
            with get_default_graph().name_scope(None):
                return self._partitioned.get(request)
        name = request.name
        if request.reuse is True and request.partitioner is None and name in self._partitioned.variables:
            return self._partitioned.get(request)
        if f"{name}/part_0" in self._vars:
            raise ValueError(
                f"No partitioner was provided, but a partitioned version of the variable was found: {name}/part_0. "
                "Perhaps a variable of the same name was already created with partitioning?"
            )
        return self.get_single(request, None)

    def get_single(self, request: Request, partition_info: PartitionInfo | None) -> Any:
        """A variable that is no partitioned one: a whole one or a part.

        Raises
        ------
        ValueError
            If it exists and must not, or must exist and does not, or what is asked for does not fit.
        """
        initializer = request.initializer
        is_value = initializer is not None and not callable(initializer)
        if is_value and request.shape is not None:
            raise ValueError("If initializer is a constant, do not specify shape.")
        dtype = as_dtype(request.dtype)
        shape = as_tuple(request.shape)
        found = self._vars.get(request.name)
        if found is not None:
            if request.reuse is False:
                raise ValueError(_already_exists(request.name, found))
            _check_shared(request.name, shape, dtype, found)
            return found
        if request.reuse is True:
            raise ValueError(
                f"Variable {request.name} does not exist, or was not created with tf.get_variable(). "
                "Did you mean to set reuse=tf.AUTO_REUSE in VarScope?"
            )
        return self._make(request, shape, dtype, partition_info)

    def _make(self, request: Request, shape: Shape, dtype: DType, info: PartitionInfo | None) -> Any:
        name = request.name
        initializer = request.initializer
        if initializer is None:
            initializer = default_initializer(name, dtype)
        kind: DType | None = None
        if callable(initializer):
            if isinstance(initializer, type):
                initializer = initializer()
            if shape is not None and None not in shape:
                initializer = functools.partial(initializer, list(shape), dtype=dtype, partition_info=info)
                kind = dtype.base
            elif not _takes_nothing(initializer):
                raise ValueError(
                    "The initializer passed is not valid. It should be a callable with no arguments and the shape "
                    "should not be provided or an instance of `tf.keras.initializers.*' and `shape` should be fully "
                    "defined."
                )
        made = create_variable(
            initial_value=initializer, name=name, trainable=request.trainable, collections=request.collections,
            caching_device=request.caching_device, dtype=kind, validate_shape=request.validate_shape,
            constraint=request.constraint, use_resource=request.use_resource,
            synchronization=request.synchronization, aggregation=request.aggregation,
        )  # fmt: skip
        self._vars[name] = made
        if request.regularizer:
            _regularize(name, made, request.regularizer)
        return made


def default_initializer(name: str, dtype: DType) -> Any:
    """How a variable is initialized if nobody says.

    Raises
    ------
    ValueError
        If there is no default for the type.
    """
    if dtype.is_floating:
        return GlorotUniform()
    if dtype.is_integer or dtype.is_unsigned or dtype.is_bool or dtype is string:
        return Zeros()
    raise ValueError(f"An initializer for variable {name} of {dtype.base} is required")


def _is_empty_sequence(shape: Any) -> bool:
    return isinstance(shape, (list, tuple)) and not shape


def _takes_constraint(getter: Callable[..., Any]) -> bool:
    parameters = inspect.signature(getter).parameters
    return "constraint" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _takes_nothing(initializer: Any) -> bool:
    if isinstance(initializer, functools.partial):
        return all(
            p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
            for p in inspect.signature(initializer).parameters.values()
        )
    if not inspect.isfunction(initializer):
        return False
    found = inspect.getfullargspec(initializer)
    return len(found.args) == len(found.defaults or ())


def _already_exists(name: str, variable: Any) -> str:
    message = (
        f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or "
        "reuse=tf.AUTO_REUSE in VarScope?"
    )
    op = getattr(variable, "op", None)
    if op is None:
        return message
    joint = "\n" if isinstance(variable, BaseResourceVariable) else " "
    return (
        f"{message}{joint}Originally defined at:\n\n{source.excerpt(op._location)}\n\n"
        f"Asked for again at {source.text(source.here())}"
    )


def _check_shared(name: str, shape: Shape, dtype: DType, found: Any) -> None:
    known = as_tuple(found.get_shape())
    if not is_compatible(shape, known):
        raise ValueError(
            f"Trying to share variable {name}, but specified shape {text(shape)} and found shape {text(known)}."
        )
    if not dtype.is_compatible_with(found.dtype):
        raise ValueError(
            f"Trying to share variable {name}, but specified dtype {dtype.name} and found dtype {found.dtype.name}."
        )


def _regularize(name: str, variable: Any, regularizer: Callable[[Any], Any]) -> None:
    graph = get_default_graph()
    with graph.colocate_with(variable), graph.name_scope(name + "/Regularizer/"):
        with init_scope():
            loss = regularizer(variable)
        if loss is not None:
            graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)


def variable_store(graph: Graph | None = None) -> VariableStore:
    """The store of a graph, made when first asked for."""
    state = (get_default_graph() if graph is None else graph)._scoped_state
    found: VariableStore | None = state.get("variable_store")
    if found is None:
        found = state.setdefault("variable_store", VariableStore())
    return found


__all__ = ["VariableStore", "default_initializer", "variable_store"]
