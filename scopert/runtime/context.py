"""What stateful kernels may ask of the session that runs them."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scopert.backend import Backend
from scopert.errors import CancelledError, DeadlineExceededError
from scopert.graph.graph import Graph
from scopert.graph.kernel import Origin
from scopert.runtime.cell import Cell
from scopert.runtime.kept import Handles
from scopert.runtime.store import VariableStore

# How long a blocked operation sleeps before it looks whether it was cancelled.
_PATIENCE = 0.05


class _Limit(threading.local):
    deadline: float | None = None


class SessionContext:
    """The state of one session: variables, and what operations keep between runs."""

    def __init__(self, session: Any, backend: Backend, store: VariableStore | None) -> None:
        # A session that nobody holds must go at once: executables hold the context, not the session.
        self._session = weakref.ref(session)
        self._closed = False
        self.store = VariableStore(backend) if store is None else store
        self.store.check_backend(backend)
        self.handles = Handles(backend, self.store)
        self._states: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._limit = _Limit()

    @property
    def cancelled(self) -> bool:
        """Whether the session was closed."""
        return self._closed

    @property
    def session(self) -> Any:
        """The session, while it is there."""
        return self._session()

    @property
    def write_lock(self) -> threading.RLock:
        """Held by every step that changes a variable."""
        return self.store.lock

    @contextmanager
    def limit(self, deadline: float | None) -> Iterator[None]:
        """Sets the time (monotonic) at which blocked operations of this thread give up."""
        old, self._limit.deadline = self._limit.deadline, deadline
        try:
            yield
        finally:
            self._limit.deadline = old

    def check(self) -> None:
        """Raises CancelledError if the session was closed, DeadlineExceededError if the run took too long."""
        if self.cancelled:
            raise CancelledError(None, None, "the session was closed while the operation waited")
        if self._limit.deadline is not None and time.monotonic() > self._limit.deadline:
            raise DeadlineExceededError(None, None, "Timed out waiting for notification")

    def wait_for(self, condition: threading.Condition, predicate: Callable[[], bool]) -> None:
        """Waits, with `condition` held, until `predicate` holds; raises as `check` does.

        Ctrl-C ends the wait too.
        """
        while not predicate():
            self.check()
            condition.wait(_PATIENCE)

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

    @property
    def memory_version(self) -> int:
        """Another number whenever memory of a variable has moved."""
        return self.store.version

    def prepare(self, graph: Graph) -> None:
        """Makes room for the variables of a graph."""
        self.store.prepare(graph)

    def close(self) -> None:
        """Drops the states; blocked operations notice by `cancelled`."""
        self._closed = True
        self._states.clear()
