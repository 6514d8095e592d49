"""What stateful kernels may ask of the session that runs them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from scopert.graph.kernel import Origin
from scopert.runtime.store import Cell, VariableStore


class SessionContext:
    """The state of one session: variables, and what operations keep between runs."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.store = VariableStore()
        self._states: dict[str, Any] = {}
        self._lock = threading.RLock()

    @property
    def cancelled(self) -> bool:
        """Whether the session was closed."""
        closed: bool = self.session._closed
        return closed

    def op_state(self, op: Origin, factory: Callable[[], Any]) -> Any:
        """State of an operation that lasts as long as the session."""
        try:
            return self._states[op.name]
        except KeyError:
            with self._lock:
                if op.name not in self._states:
                    self._states[op.name] = factory()
                return self._states[op.name]

    def variable(self, op: Origin) -> Cell:
        """The variable that an operation stands for."""
        attrs = op.attrs
        return self.store.cell((attrs.get("container") or "", attrs.get("shared_name") or op.name), op)
