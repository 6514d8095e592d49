"""The default graph and the default session of each thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scopert.public import public

if TYPE_CHECKING:
    from scopert.graph.graph import Graph


class _Stacks(threading.local):
    def __init__(self) -> None:
        self.graphs: list[Graph] = []
        self.sessions: list[Any] = []


_stacks = _Stacks()
# Threads that enter no graph share one.
_global: list[Graph] = []
_lock = threading.Lock()


@public("get_default_graph")
def get_default_graph() -> Graph:
    """The graph that new operations go to in this thread."""
    graphs = _stacks.graphs
    if graphs:
        return graphs[-1]
    if not _global:
        from scopert.graph.graph import Graph  # a graph uses this stack

        with _lock:
            if not _global:
                _global.append(Graph())
    return _global[0]


@public("reset_default_graph")
def reset_default_graph() -> None:
    """Replaces the global default graph by an empty one.

    Raises
    ------
    AssertionError
        Inside ``with graph.as_default()``, as in TensorFlow.
    """
    if _stacks.graphs:
        raise AssertionError(
            "Do not use tf.reset_default_graph() to clear nested graphs. "
            "If you need a cleared graph, exit the nesting and create a new graph."
        )
    _global.clear()


@contextmanager
def enter_graph(graph: Graph) -> Iterator[Graph]:
    """Makes `graph` the default in the block."""
    stack = _stacks.graphs
    stack.append(graph)
    try:
        yield graph
    finally:
        if stack[-1] is not graph:
            raise AssertionError(f"Nesting violated for default stack of {type(graph)} objects")
        stack.pop()


def session_stack() -> list[Any]:
    """The sessions that were made the default in this thread, innermost last."""
    return _stacks.sessions


@public("get_default_session")
def get_default_session() -> Any:
    """The innermost session that was made the default in this thread, or None."""
    sessions = _stacks.sessions
    return sessions[-1] if sessions else None


def default_session(session: Any, graph: Graph, what: str, method: str) -> Any:
    """`session`, or the default one; it must hold `graph`."""
    if session is None:
        session = get_default_session()
        if session is None:
            raise ValueError(
                f"Cannot {what} using `{method}()`: No default session is registered. "
                f"Use `with sess.as_default()` or pass an explicit session to `{method}(session=sess)`"
            )
        if session.graph is not graph:
            raise ValueError(
                f"Cannot use the default session to {what}: the tensor's graph is different from the session's "
                f"graph. Pass an explicit session to `{method}(session=sess)`."
            )
    elif session.graph is not graph:
        raise ValueError(
            f"Cannot use the given session to {what}: the tensor's graph is different from the session's graph."
        )
    return session
