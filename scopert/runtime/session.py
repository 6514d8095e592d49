"""`Session`: runs parts of a graph."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from scopert.backend import Executable, StepFailed
from scopert.errors import InvalidArgumentError, UnimplementedError
from scopert.graph.graph import Graph
from scopert.graph.operation import Operation
from scopert.graph.stack import get_default_graph, session_stack
from scopert.graph.tensor import Tensor
from scopert.program.lower import lower
from scopert.program.order import CycleError
from scopert.public import public
from scopert.runtime.backends import default_backend
from scopert.runtime.context import SessionContext
from scopert.runtime.failures import op_error
from scopert.runtime.feeds import feed_array, feed_tensor
from scopert.runtime.fetches import FetchPlan, expand_feed

_LARGEST_CACHE = 256

_Run = Callable[[Sequence[Any]], Any]


class BaseSession:
    """What `Session` and `InteractiveSession` share."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        self._closed = True
        if graph is None:
            graph = get_default_graph()
        elif not isinstance(graph, Graph):
            raise TypeError(f"graph must be a tf.Graph, but got {type(graph)}")
        self._graph = graph
        self._config = config
        self._target = target
        self._backend = default_backend()
        self._context = SessionContext(self)
        self._lock = threading.RLock()
        self._changes = graph._changes
        self._executables: OrderedDict[Any, Executable] = OrderedDict()
        self._runs: OrderedDict[Any, tuple[Executable, list[Tensor], Any]] = OrderedDict()
        self._closed = False

    @property
    def graph(self) -> Graph:
        """The graph that the session runs."""
        return self._graph

    @property
    def sess_str(self) -> str:
        return self._target

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """Runs what `fetches` need, and returns their values.

        Parameters
        ----------
        fetches : Tensor, Operation, variable, str, or a list, tuple, dict or namedtuple of such, nested
        feed_dict : dict, optional
            Values that take the place of tensors: keys are tensors or their names.
        options : RunOptions, optional
        run_metadata : RunMetadata, optional

        Returns
        -------
        object
            The structure of `fetches`, with arrays for tensors (scalars for shape ``()``) and None for
            operations.

        Raises
        ------
        RuntimeError
            If the session is closed.
        TypeError
            If a fetch or a feed is of a wrong kind.
        ValueError
            If it does not belong to the graph, or a fed value's shape does not fit.
        tf.errors.OpError
            If an operation fails; `op` of the error names it.

        Examples
        --------
        >>> import scopert as tf
        >>> with tf.Graph().as_default(), tf.Session() as sess:
        ...     sess.run({"a": tf.constant([1, 2])})
        {'a': array([1, 2], dtype=int32)}
        """
        self._check_open()
        if feed_dict and not isinstance(feed_dict, Mapping):
            raise TypeError(f"feed_dict must be a dictionary, got {type(feed_dict).__name__}")
        key = _key_of(fetches, feed_dict)
        found = None
        if key is not None and self._graph._changes == self._changes:
            found = self._runs.get(key)
        if found is not None:
            executable, tensors, build = found
            feeds = [feed_array(t, v) for t, v in zip(tensors, feed_dict.values(), strict=True)] if feed_dict else ()
        else:
            plan = FetchPlan(self._graph, fetches)
            pairs = self._feed_pairs(feed_dict)
            tensors = list(pairs)
            feeds = list(pairs.values())
            executable = self._executable(plan.tensors, plan.operations, tensors)
            build = plan.build
            if key is not None and len(tensors) == len(feed_dict or ()):
                self._remember(key, (executable, tensors, build))
        return build(self._execute(executable, feeds))

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")

    def _feed_pairs(self, feed_dict: Any) -> dict[Tensor, Any]:
        pairs: dict[Tensor, Any] = {}
        for key, value in (feed_dict or {}).items():
            for item, part in expand_feed(key, value):
                tensor = feed_tensor(self._graph, item)
                pairs[tensor] = feed_array(tensor, part)
        return pairs

    def _remember(self, key: Any, run: tuple[Executable, list[Tensor], Any]) -> None:
        with self._lock:
            self._runs[key] = run
            while len(self._runs) > _LARGEST_CACHE:
                self._runs.popitem(last=False)

    def _executable(
        self, tensors: Sequence[Tensor], operations: Sequence[Operation], feeds: Sequence[Tensor]
    ) -> Executable:
        if not self._graph._ops:
            raise RuntimeError("The Session graph is empty. Add operations to the graph before calling run().")
        key = (tuple(tensors), tuple(operations), tuple(feeds))
        with self._lock:
            if self._graph._changes != self._changes:
                self._changes = self._graph._changes
                self._executables.clear()
                self._runs.clear()
            found = self._executables.get(key)
            if found is None:
                found = self._executables[key] = self._compile(tensors, operations, feeds)
                while len(self._executables) > _LARGEST_CACHE:
                    self._executables.popitem(last=False)
            else:
                self._executables.move_to_end(key)
            return found

    def _compile(
        self, tensors: Sequence[Tensor], operations: Sequence[Operation], feeds: Sequence[Tensor]
    ) -> Executable:
        try:
            program = lower(tensors, operations, feeds)
        except CycleError as error:
            raise InvalidArgumentError(None, error.ops[0], str(error)) from None
        try:
            return self._backend.compile(program, self._context)
        except NotImplementedError as error:
            raise UnimplementedError(None, None, str(error)) from error

    def _execute(self, executable: Executable, feeds: Sequence[Any]) -> list[Any]:
        try:
            return executable.run(feeds)
        except StepFailed as failure:
            raise op_error(failure, self._graph) from failure.__cause__

    @contextmanager
    def as_default(self) -> Iterator[Any]:
        """Makes this the session of `Tensor.eval` and `Operation.run` in the block."""
        stack = session_stack()
        stack.append(self)
        try:
            yield self
        finally:
            stack.pop()

    def close(self) -> None:
        """Frees what the session holds; it cannot run any more."""
        self._closed = True
        self._executables.clear()
        self._runs.clear()


def _key_of(fetches: Any, feed_dict: Any) -> Any:
    """What makes two calls the same, or None if that takes a closer look."""
    kind = type(fetches)
    if kind is Tensor or kind is Operation:
        key: Any = fetches
    elif kind is list or kind is tuple:
        for item in fetches:
            if type(item) is not Tensor and type(item) is not Operation:
                return None
        key = (kind, *fetches)
    else:
        return None
    if feed_dict:
        for item in feed_dict:
            if type(item) is not Tensor:
                return None
        return (key, *feed_dict)
    return key


@public("Session")
class Session(BaseSession):
    """Runs operations of a graph and holds the values of its variables.

    Parameters
    ----------
    target : str
        Must be empty: there are no remote sessions.
    graph : Graph, optional
        Default: the default graph.
    config : ConfigProto, optional
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        self._managers: list[Any] = []

    def __enter__(self) -> Session:
        graph, session = self._graph.as_default(), self.as_default()
        graph.__enter__()
        session.__enter__()
        self._managers.append((graph, session))
        return self

    def __exit__(self, *error: Any) -> None:
        graph, session = self._managers.pop()
        session.__exit__(None, None, None)
        graph.__exit__(None, None, None)
        self.close()
