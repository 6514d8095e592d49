"""`Session` and `InteractiveSession`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from scopert.graph.graph import Graph
from scopert.graph.stack import session_stack
from scopert.public import public
from scopert.runtime.base_session import OPEN_SESSIONS
from scopert.runtime.options import ConfigProto
from scopert.runtime.partial_run import PartialRuns
from scopert.runtime.store import VariableStore


@public("Session")
class Session(PartialRuns):
    """Runs operations of a graph, and holds the values of its variables.

    Parameters
    ----------
    target : str
        Must be empty: sessions run in this process.
    graph : Graph, optional
        Default: the default graph.
    config : ConfigProto, optional
    backend : str, optional
        A backend's name (not in TensorFlow); default: as `scopert.backend_report` says.
    store : VariableStore, optional
        The store of another session, to share its variables (not in TensorFlow).

    Raises
    ------
    TypeError
        If an argument is of a wrong type.
    tf.errors.NotFoundError
        For another target, or an unknown backend.
    tf.errors.UnavailableError
        If the backend that is asked for cannot be used.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.placeholder(tf.float32)
    ...     y = x * 2.0
    ...     with tf.Session() as sess:
    ...         print(sess.run(y, {x: 21.0}))
    42.0
    """

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: Any = None, backend: str | None = None,
        store: VariableStore | None = None,
    ) -> None:  # fmt: skip
        super().__init__(target, graph, config, backend, store)
        self._entered: tuple[Any, Any] | None = None

    def __enter__(self) -> Session:
        if self._entered is not None:
            raise RuntimeError(
                "Session context managers are not re-entrant. Use `Session.as_default()` if you want to enter a "
                "session multiple times."
            )
        self._entered = self._graph.as_default(), self.as_default()
        for manager in self._entered:
            manager.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        assert self._entered is not None
        graph, session = self._entered
        self._entered = None
        session.__exit__(None, None, None)
        graph.__exit__(None, None, None)
        self.close()

    @staticmethod
    def reset(target: str, containers: Sequence[str] | None = None, config: Any = None) -> None:
        """Drops the variables of all open sessions, in some containers or in all, and closes the sessions.

        Parameters
        ----------
        target : str
            Must be empty.
        containers : list of str, optional
            Names of resource containers; default: all.
        config : ConfigProto, optional
        """
        if target:
            raise ValueError(f"sessions run in this process, with target ''; got {target!r}")
        if isinstance(containers, (str, bytes)):
            raise TypeError("containers is a list of names")
        if config is not None and not isinstance(config, ConfigProto):
            raise TypeError(f"config must be a tf.ConfigProto, but got {type(config)}")
        for session in list(OPEN_SESSIONS):
            session.store.clear(None if containers is None else frozenset(containers))
            session.close()


@public("InteractiveSession")
class InteractiveSession(PartialRuns):
    """A session that is the default one from its construction until `close`.

    Parameters
    ----------
    As for `Session`. Operations that a run does not need are not checked for their devices.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.reset_default_graph()
    >>> sess = tf.InteractiveSession()
    >>> tf.constant([1.0, 2.0]).eval()
    array([1., 2.], dtype=float32)
    >>> sess.close()
    """

    _active_session_count = 0

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: Any = None, backend: str | None = None,
        store: VariableStore | None = None,
    ) -> None:  # fmt: skip
        if config is None:
            own = ConfigProto()
        elif isinstance(config, ConfigProto):
            own = ConfigProto()
            own.CopyFrom(config)
        else:
            raise TypeError(f"config must be a tf.ConfigProto, but got {type(config)}")
        own.graph_options.place_pruned_graph = True
        super().__init__(target, graph, own, backend, store)
        if InteractiveSession._active_session_count:
            warnings.warn(
                "An interactive session is already active. This can cause out-of-memory errors in some cases. You must "
                "explicitly call `InteractiveSession.close()` to release resources held by the other session(s).",
                stacklevel=2,
            )
        InteractiveSession._active_session_count += 1
        self._explicit_graph = graph
        session_stack().append(self)
        # Kept open until `close`, as a `with` that ends there.
        self._default_graph = None if graph is None else graph.as_default()
        if self._default_graph is not None:
            self._default_graph.__enter__()

    def close(self) -> None:
        """Closes the session; it is no longer the default one."""
        was_open = not self._closed
        super().close()
        if was_open:
            InteractiveSession._active_session_count -= 1
            if self._default_graph is not None:
                self._default_graph.__exit__(None, None, None)
            stack = session_stack()
            if self in stack:  # closing one that is not the innermost must not close the others
                stack.remove(self)

    def __del__(self) -> None:
        """The default stack holds it: it lives until it is closed or the process ends."""
