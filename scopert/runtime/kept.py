"""Values that a session keeps between runs, where its backend has them: what session handles stand for."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from scopert.backend import Backend, OnDevice
from scopert.errors import InvalidArgumentError
from scopert.graph.kernel import Origin
from scopert.runtime.cell import Cell
from scopert.runtime.store import VariableStore

# Their reads are values: what is assigned later is nobody else's business.
_RESOURCES = "VarHandleOp"


class Handles:
    """Values by name.

    As in TensorFlow, the value of a reference variable goes on to change with it, wherever the store moves it; all
    others, those of resource variables among them, are copies.
    """

    def __init__(self, backend: Backend, store: VariableStore) -> None:
        self._backend = backend
        self._store = store
        self._on_device = backend.capabilities.device_memory
        self._values: dict[str, Any] = {}
        self._count = 0
        self._lock = threading.Lock()

    def keep(self, op: Origin, value: Any) -> bytes:
        """Keeps a value; returns its name."""
        variable = self._store.variable_at(value)
        if variable is not None and variable.origin.type != _RESOURCES:
            kept: Any = variable
        elif hasattr(value, "strides"):
            kept = value.copy()
        else:
            kept = np.asarray(value)
        with self._lock:
            self._count += 1
            name = f"{op.name};{self._count};/job:localhost/replica:0/task:0/device:CPU:0"
            self._values[name] = kept
        return name.encode()

    def get(self, name: Any) -> Any:
        """The value of this name, an array of the backend; InvalidArgumentError if it is gone."""
        key = name.decode() if isinstance(name, bytes) else str(name)
        try:
            found = self._values[key]
        except KeyError:
            message = f"The tensor with handle '{key}' is not in the session store."
            raise InvalidArgumentError(None, None, message) from None
        return found.read() if isinstance(found, Cell) else found

    def fed(self, name: Any) -> Any:
        """The value as a run is fed with it: it stays where it is."""
        found = self.get(name)
        return OnDevice(found) if self._on_device and not found.dtype.hasobject else found

    def on_host(self, name: Any) -> Any:
        """A copy of the value."""
        found = self.get(name)
        if self._on_device and not found.dtype.hasobject:
            found = self._backend.to_host(found)
        return np.array(found)[()]

    def delete(self, name: Any) -> None:
        """Drops a value; InvalidArgumentError if it is gone already."""
        self.get(name)
        self.discard(name)

    def discard(self, name: Any) -> None:
        """Drops a value if it is there."""
        self._values.pop(name.decode() if isinstance(name, bytes) else str(name), None)
