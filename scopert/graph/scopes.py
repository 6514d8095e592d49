"""Context managers that act on the default graph: name scopes, control dependencies, devices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from scopert.graph.graph import Graph, graph_of
from scopert.graph.stack import get_default_graph
from scopert.public import public


@public("name_scope")
class name_scope:
    """Prefixes the names of operations made inside.

    Parameters
    ----------
    name : str or None
        The scope. With a final ``/`` it is taken as absolute and entered again; ``''`` is the root.
    default_name : str, optional
        Used if `name` is None.
    values : list, optional
        Inputs of the operations inside: they must share one graph, which becomes the default.

    Yields
    ------
    str
        The scope with a final ``/``, or ``''`` at the root.

    Raises
    ------
    ValueError
        If there is neither name nor default name but values, or the name has invalid characters.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.name_scope("scope1"):
    ...     a = tf.add(1, 2, name="a")
    >>> a.name
    'scope1/a:0'
    """

    __slots__ = ("_default_name", "_entered", "_managers", "_name", "_values")

    def __init__(self, name: Any, default_name: Any = None, values: Any = None) -> None:
        if default_name is not None and not isinstance(default_name, (str, bytes)):
            raise TypeError(
                f"`default_name` type ({type(default_name)}) is not a string type. "
                "You likely meant to pass this into the `values` kwarg."
            )
        self._name = default_name if name is None else name
        self._default_name = default_name
        self._values = values
        self._managers: list[AbstractContextManager[Graph] | None] = []
        self._entered: tuple[Graph, str | None] | None = None

    @property
    def name(self) -> Any:
        return self._name

    def __enter__(self) -> str:
        if self._name is None and self._values is not None:
            raise ValueError(
                f"At least one of name ({self._name!r}) and default_name ({self._default_name!r}) must be provided."
            )
        graph = graph_of(self._values) if self._values else get_default_graph()
        manager = None
        if graph is not get_default_graph():
            manager = graph.as_default()
            manager.__enter__()
        if self._entered is not None:
            # Entered while it is open: TensorFlow leaves it first, and again is left only once.
            self._entered[0]._local.name = self._entered[1]
        try:
            old, scope = graph._open_scope(self._name)
        except BaseException:
            if manager is not None:
                manager.__exit__(None, None, None)
            raise
        self._managers.append(manager)
        self._entered = (graph, old)
        return scope

    def __exit__(self, *exc: object) -> None:
        if self._entered is not None:
            graph, old = self._entered
            graph._local.name = old
            self._entered = None
        manager = self._managers.pop() if self._managers else None
        if manager is not None:
            manager.__exit__(None, None, None)


@public("op_scope")
def op_scope(values: Any, name: Any, default_name: Any = None) -> name_scope:
    """`name_scope` with another order of arguments (deprecated in TensorFlow)."""
    return name_scope(name, default_name=default_name, values=values)


@public("control_dependencies")
def control_dependencies(control_inputs: Any) -> AbstractContextManager[Any]:
    """Operations made inside run after `control_inputs`; None forgets all those around.

    See ``Graph.control_dependencies``.
    """
    return get_default_graph().control_dependencies(control_inputs)


@public("device")
def device(device_name_or_function: Any) -> AbstractContextManager[None]:
    """Places operations made inside; see ``Graph.device``."""
    return get_default_graph().device(device_name_or_function)


@public("colocate_with")
def colocate_with(op: Any, ignore_existing: bool = False) -> AbstractContextManager[None]:
    """Places operations made inside with `op`; see ``Graph.colocate_with``."""
    return get_default_graph().colocate_with(op, ignore_existing)


@public("container")
def container(container_name: str) -> AbstractContextManager[None]:
    """Names the resource container of stateful operations made inside; see ``Graph.container``."""
    return get_default_graph().container(container_name)


@public("init_scope")
@contextmanager
def init_scope() -> Iterator[None]:
    """Keeps the name scope, and drops control dependencies and control flow around it."""
    with get_default_graph().control_dependencies(None):
        yield


@public("add_to_collection")
def add_to_collection(name: str, value: Any) -> None:
    """Adds a value to a collection of the default graph."""
    get_default_graph().add_to_collection(name, value)


@public("add_to_collections")
def add_to_collections(names: Any, value: Any) -> None:
    """Adds a value to several collections of the default graph."""
    get_default_graph().add_to_collections(names, value)


@public("get_collection")
def get_collection(key: str, scope: str | None = None) -> list[Any]:
    """A copy of a collection of the default graph; see ``Graph.get_collection``."""
    return get_default_graph().get_collection(key, scope)


@public("get_collection_ref")
def get_collection_ref(key: str) -> list[Any]:
    """A collection of the default graph itself, made if it is not there."""
    return get_default_graph().get_collection_ref(key)
