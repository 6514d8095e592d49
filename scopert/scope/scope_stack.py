"""VariableScope, and which one is in force: one per graph and thread."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.dtypes import DType, float32
from scopert.graph.graph import Graph
from scopert.graph.stack import get_default_graph
from scopert.public import public
from scopert.scope.settings import ScopeSettings


@public("VariableScope")
class VariableScope:
    """What is in force inside ``with tf.variable_scope(...)``.

    Parameters
    ----------
    reuse : bool, None or AUTO_REUSE
    name : str
        The prefix of the keys of `get_variable`.
    initializer, regularizer, caching_device, partitioner, custom_getter, dtype, use_resource, constraint
        Defaults of `get_variable`.
    name_scope : str
        What `original_name_scope` returns.
    """

    __slots__ = ("__weakref__", "_settings")

    def __init__(
        self, reuse: Any, name: str = "", initializer: Any = None, regularizer: Any = None, caching_device: Any = None,
        partitioner: Any = None, custom_getter: Any = None, name_scope: str = "", dtype: Any = float32,
        use_resource: bool | None = None, constraint: Any = None,
    ) -> None:  # fmt: skip
        self._settings = ScopeSettings(
            name, name_scope, reuse, initializer, regularizer, caching_device, partitioner, custom_getter, dtype,
            use_resource, constraint,
        )  # fmt: skip

    @classmethod
    def _of(cls, settings: ScopeSettings) -> VariableScope:
        made = cls.__new__(cls)
        made._settings = settings
        return made

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def original_name_scope(self) -> str | None:
        return self._settings.name_scope

    @property
    def reuse(self) -> Any:
        return self._settings.reuse

    @property
    def initializer(self) -> Any:
        return self._settings.initializer

    @property
    def regularizer(self) -> Any:
        return self._settings.regularizer

    @property
    def caching_device(self) -> Any:
        return self._settings.caching_device

    @property
    def partitioner(self) -> Any:
        return self._settings.partitioner

    @property
    def custom_getter(self) -> Any:
        return self._settings.custom_getter

    @property
    def dtype(self) -> DType:
        return self._settings.dtype

    @property
    def use_resource(self) -> bool | None:
        return self._settings.use_resource

    @property
    def constraint(self) -> Any:
        return self._settings.constraint

    def _set(self, **changes: Any) -> None:
        self._settings = replace(self._settings, **changes)

    def reuse_variables(self) -> None:
        """From now on `get_variable` only finds variables, here and in scopes opened inside."""
        self._set(reuse=True)

    def set_initializer(self, initializer: Any) -> None:
        self._set(initializer=initializer)

    def set_dtype(self, dtype: Any) -> None:
        self._set(dtype=dtype)

    def set_use_resource(self, use_resource: bool | None) -> None:
        self._set(use_resource=use_resource)

    def set_regularizer(self, regularizer: Any) -> None:
        self._set(regularizer=regularizer)

    def set_caching_device(self, caching_device: Any) -> None:
        self._set(caching_device=caching_device)

    def set_partitioner(self, partitioner: Any) -> None:
        self._set(partitioner=partitioner)

    def set_custom_getter(self, custom_getter: Any) -> None:
        self._set(custom_getter=custom_getter)

    def get_collection(self, name: Any) -> list[Any]:
        """The items of a collection whose names begin with this scope's path."""
        scope = self._settings.name
        return get_default_graph().get_collection(name, scope + "/" if scope else "")

    def trainable_variables(self) -> list[Any]:
        """This scope's trainable variables."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Any]:
        """This scope's global variables."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Any]:
        """This scope's local variables."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def get_variable(self, var_store: Any, name: str, **kwargs: Any) -> Any:
        """`tf.get_variable` in this scope, with the store to look in.

        The keyword arguments are those of `tf.get_variable`, and `reuse`.
        """
        from scopert.scope.get_variable import get_variable_in  # it needs the scope

        return get_variable_in(self, var_store, name, kwargs)


class ScopeStack(threading.local):
    """The current scope of a graph in one thread, and how often each path was opened."""

    def __init__(self) -> None:
        self.current = VariableScope(False)
        self.counts: dict[str, int] = {}

    def open(self, path: str) -> None:
        """Counts an opening of `path`."""
        self.counts[path] = self.counts.get(path, 0) + 1

    def forget_below(self, path: str) -> None:
        """Forgets the openings of the scopes inside `path`."""
        counts = self.counts
        if len(counts) > 1:
            prefix = path + "/"
            for key in [key for key in counts if key.startswith(prefix)]:
                del counts[key]

    def unused(self, default_name: str) -> str:
        """The first of `d`, `d_1`, `d_2`... that was not opened in the current scope."""
        outer = self.current._settings.name
        path = f"{outer}/{default_name}" if outer else default_name
        counts = self.counts
        if not counts.get(path):
            return default_name
        number = 1
        while counts.get(f"{path}_{number}"):
            number += 1
        return f"{default_name}_{number}"


def scope_stack(graph: Graph | None = None) -> ScopeStack:
    """The stack of a graph, made when first asked for."""
    state = (get_default_graph() if graph is None else graph)._scoped_state
    found: ScopeStack | None = state.get("variable_scopes")
    if found is None:
        found = state.setdefault("variable_scopes", ScopeStack())
    return found


def current_scope() -> VariableScope:
    """The scope in force."""
    return scope_stack().current


@public("get_variable_scope")
def get_variable_scope() -> VariableScope:
    """The variable scope in force; the root scope outside of any."""
    return scope_stack().current
