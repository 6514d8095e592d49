"""What all sessions share: executables, and how they are run."""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from scopert.backend import Backend, Executable, StepFailed, TraceRow
from scopert.errors import InternalError, InvalidArgumentError, NotFoundError, OpError, UnimplementedError
from scopert.graph.graph import Graph
from scopert.graph.operation import Operation
from scopert.graph.stack import get_default_graph, session_stack
from scopert.graph.tensor import Tensor
from scopert.nest import flatten_dict_items
from scopert.program.collector import collector_rests
from scopert.program.ir import Program
from scopert.program.lower import lower
from scopert.program.order import CycleError
from scopert.program.passes.pipeline import DEVICE_PIPELINE, PIPELINE, UNFUSED
from scopert.runtime.configured import backend_for, fuses, optimizes
from scopert.runtime.context import SessionContext
from scopert.runtime.devices import DeviceAttributes, session_devices
from scopert.runtime.dispatch import ShapeDispatch
from scopert.runtime.failures import op_error
from scopert.runtime.feeds import feed_array, feed_tensor
from scopert.runtime.fetches import PLAIN_KINDS, FetchPlan, expand_feed, run_key
from scopert.runtime.options import ConfigProto, RunMetadata, RunOptions, unsupported, unsupported_run
from scopert.runtime.placement import Placement
from scopert.runtime.store import VariableStore
from scopert.runtime.trace import OBSERVERS, record_trace, run_observed

_LARGEST_CACHE = 256

#: The sessions that are open in this process.
OPEN_SESSIONS: weakref.WeakSet[BaseSession] = weakref.WeakSet()


class BaseSession:
    """Runs parts of a graph on a backend; made through `Session` or `InteractiveSession`.

    Attributes
    ----------
    graph : Graph
    backend : Backend
    store : VariableStore
        The values of the variables.
    """

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: Any = None, backend: str | None = None,
        store: VariableStore | None = None,
    ) -> None:  # fmt: skip
        self._closed = True
        if graph is None:
            graph = get_default_graph()
        elif not isinstance(graph, Graph):
            raise TypeError(f"graph must be a tf.Graph, but got {type(graph)}")
        if not isinstance(target, (str, bytes)):
            raise TypeError(f"target must be a string, but got {type(target)}")
        if target:
            raise NotFoundError(
                None, None,
                f"No session factory registered for the given session options: {{target: {target!r}}}. Sessions run in "
                "this process, with target ''.",
            )  # fmt: skip
        if config is not None and not isinstance(config, ConfigProto):
            raise TypeError(f"config must be a tf.ConfigProto, but got {type(config)}")
        self._config = ConfigProto() if config is None else config
        refused = unsupported(self._config)
        if refused is not None:
            raise NotImplementedError(refused)
        self._graph = graph
        self._target = target
        self._backend = backend_for(self._config, backend)
        self._context = SessionContext(self, self._backend, store)
        self._placement = Placement(graph, self._config, self.list_devices_of(self._backend))
        self._lock = threading.RLock()
        self._changes = graph._changes
        self._executables: OrderedDict[Any, Executable] = OrderedDict()
        self._runs: OrderedDict[Any, tuple[Executable, list[Tensor], Any]] = OrderedDict()
        self._plain_runs = not self._config.operation_timeout_in_ms
        self._optimizes = optimizes(self._config)
        able = self._backend.capabilities
        fused = DEVICE_PIPELINE if able.device_memory else PIPELINE
        self._passes = fused if able.fuses and fuses(self._config) else UNFUSED
        self._closed = False
        OPEN_SESSIONS.add(self)

    def list_devices_of(self, backend: Backend) -> list[DeviceAttributes]:
        """The devices that a backend gives to this session."""
        return session_devices(backend, self._config.device_count.get("CPU", 1))

    @property
    def graph(self) -> Graph:
        return self._graph

    @property
    def graph_def(self) -> Any:
        """The graph as a GraphDef message."""
        return self._graph.as_graph_def(add_shapes=bool(self._config.graph_options.infer_shapes))

    @property
    def sess_str(self) -> str:
        return self._target

    @property
    def backend(self) -> Backend:
        return self._backend

    @property
    def store(self) -> VariableStore:
        return self._context.store

    def list_devices(self) -> list[DeviceAttributes]:
        """The devices that operations can be placed on."""
        return self.list_devices_of(self._backend)

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """Runs what `fetches` need, and returns their values.

        Parameters
        ----------
        fetches : Tensor, Operation, variable, str, or a list, tuple, dict or namedtuple of such, nested
        feed_dict : dict, optional
            Values that take the place of tensors: keys are tensors or their names.
        options : RunOptions, optional
        run_metadata : RunMetadata, optional
            Filled if `options` ask for a trace.

        Returns
        -------
        object
            The structure of `fetches`, with arrays for tensors (scalars for shape ``()``) and None for
            operations.

        Raises
        ------
        RuntimeError
            If the session is closed, or its graph is empty.
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
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        key = run_key(fetches, feed_dict)
        found = None
        if key is not None and self._graph._changes == self._changes:
            found = self._runs.get(key)
        feeds: Sequence[Any]
        if found is not None:
            executable, tensors, build = found
            feeds = ()
            if feed_dict:
                handles = self._context.handles
                feeds = [feed_array(t, v, handles) for t, v in zip(tensors, feed_dict.values(), strict=True)]
        else:
            plan = FetchPlan(self._graph, fetches, self)
            pairs = self._feed_pairs(feed_dict)
            tensors, feeds = list(pairs), list(pairs.values())
            executable = self._executable(plan.tensors, plan.operations, tensors)
            build = plan.build
            if key is not None and len(tensors) == len(feed_dict or ()):
                self._remember(key, (executable, tensors, build))
        if options is None and run_metadata is None and self._plain_runs:
            return build(self._execute(executable, feeds))
        return build(self._execute_with(executable, feeds, options, run_metadata))

    def _feed(self, tensor: Tensor, value: Any) -> Any:
        return feed_array(tensor, value, self._context.handles)

    def _feed_pairs(self, feed_dict: Any) -> dict[Tensor, Any]:
        if feed_dict is None:
            return {}
        pairs: dict[Tensor, Any] = {}
        for key, value in flatten_dict_items(feed_dict).items():
            for item, part in expand_feed(key, value):
                tensor = feed_tensor(self._graph, item)
                pairs[tensor] = self._feed(tensor, part)
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
                with collector_rests():
                    program = self.program(tensors, operations, feeds)
                passes = self._passes
                made = ShapeDispatch(program, self.compile, passes) if self._optimizes else self.compile(program)
                found = self._executables[key] = made
                while len(self._executables) > _LARGEST_CACHE:
                    self._executables.popitem(last=False)
            else:
                self._executables.move_to_end(key)
            return found

    def program(
        self, tensors: Sequence[Tensor], operations: Sequence[Operation] = (), feeds: Sequence[Tensor] = (),
        done: frozenset[Operation] = frozenset(),
    ) -> Program:  # fmt: skip
        """The program that computes `tensors` and runs `operations`; ``print`` shows it.

        Raises
        ------
        InvalidArgumentError
            If operations wait for each other, or are placed on a device that does not exist.
        """
        try:
            program = lower(tensors, operations, feeds, done)
        except CycleError as error:
            raise InvalidArgumentError(None, error.ops[0], str(error)) from None
        self._placement.check(program)
        return program

    def executable(self, fetches: Any, feed_dict: Any = None) -> Executable:
        """What `run` runs for these fetches and feeds of these shapes; ``print`` shows it (not in TensorFlow).

        Examples
        --------
        >>> import scopert as tf
        >>> with tf.Graph().as_default(), tf.Session(backend="numpy") as sess:
        ...     type(sess.executable(tf.constant([1.0]) * 2.0)).__name__
        'NumpyExecutable'
        """
        plan = FetchPlan(self._graph, fetches, self)
        pairs = self._feed_pairs(feed_dict)
        found = self._executable(plan.tensors, plan.operations, list(pairs))
        return found.for_feeds(list(pairs.values())) if isinstance(found, ShapeDispatch) else found

    def compile(self, program: Program) -> Executable:
        """The program made executable in this session."""
        try:
            self._context.prepare(self._graph)
            with collector_rests():
                return self._backend.compile(program, self._context)
        except OpError:
            raise
        except StepFailed as failure:
            raise op_error(failure, self._graph) from failure.__cause__
        except NotImplementedError as error:
            raise UnimplementedError(None, None, str(error)) from error
        except Exception as error:  # a fault of a backend, which may be anybody's, comes with the program that shows it
            raise InternalError(
                None, None, f"the backend {self._backend.name!r} cannot compile this program: "
                f"{type(error).__name__}: {error}\n{program}",
            ) from error  # fmt: skip

    def _execute(self, executable: Executable, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        try:
            return run_observed(executable, feeds, trace) if OBSERVERS else executable.run(feeds, trace)
        except StepFailed as failure:
            raise op_error(failure, self._graph) from failure.__cause__

    def _execute_with(
        self, executable: Executable, feeds: Sequence[Any], options: Any, metadata: Any
    ) -> list[Any]:
        options = RunOptions() if options is None else options
        if not isinstance(options, RunOptions):
            raise TypeError(f"options must be a tf.RunOptions, but got {type(options)}")
        if metadata is not None and not isinstance(metadata, RunMetadata):
            raise TypeError(f"run_metadata must be a tf.RunMetadata, but got {type(metadata)}")
        refused = unsupported_run(options)
        if refused is not None:
            raise NotImplementedError(refused)
        pools = max(1, len(self._config.session_inter_op_thread_pool))
        if not -1 <= options.inter_op_thread_pool < pools:
            raise InvalidArgumentError(None, None, f"Invalid inter_op_thread_pool: {options.inter_op_thread_pool}")
        trace: list[TraceRow] | None = [] if metadata is not None and options.trace_level else None
        milliseconds = options.timeout_in_ms or self._config.operation_timeout_in_ms
        with self._context.limit(time.monotonic() + milliseconds / 1000 if milliseconds else None):
            results = self._execute(executable, feeds, trace)
        if metadata is not None:
            record_trace(trace, self.list_devices()[-1].name, metadata)
        return results

    def make_callable(self, fetches: Any, feed_list: Any = None, accept_options: bool = False) -> Callable[..., Any]:
        """A function that runs `fetches` and takes the values of `feed_list` as its arguments.

        Parameters
        ----------
        fetches : object
            As for `run`.
        feed_list : list or tuple, optional
            Keys of a feed dictionary.
        accept_options : bool
            The function takes `options` and `run_metadata` as keywords.

        Raises
        ------
        TypeError
            If `feed_list` is no list; in the function, if the number of values is wrong.
        """
        if feed_list is not None and not isinstance(feed_list, (list, tuple)):
            raise TypeError("`feed_list` must be a list or tuple.")
        keys = tuple(feed_list or ())
        # Made now, so that mistakes show here and not with the first call.
        plan = FetchPlan(self._graph, fetches, self)
        plain = self._plain_runs and all(type(key) in PLAIN_KINDS for key in keys) and len({*keys}) == len(keys)
        tensors = [feed_tensor(self._graph, key) for key in keys] if plain else []
        build, handles, execute = plan.build, self._context.handles, self._execute
        # As of this number of changes to the graph.
        prepared: tuple[int, Any] = (-1, None)

        def call(*values: Any, **keywords: Any) -> Any:
            nonlocal prepared
            if len(values) != len(keys):
                raise TypeError(f"the callable takes {len(keys)} values for its feeds, got {len(values)}")
            if keywords or not plain:
                if keywords and (not accept_options or keywords.keys() - {"options", "run_metadata"}):
                    raise TypeError(f"the callable does not take the keywords {sorted(keywords)}")
                return self.run(fetches, dict(zip(keys, values, strict=True)), **keywords)
            if self._closed:
                raise RuntimeError("Attempted to use a closed Session.")
            changes, executable = prepared
            if changes != self._graph._changes:
                changes = self._graph._changes
                executable = self._executable(plan.tensors, plan.operations, tensors)
                prepared = (changes, executable)
            feeds = [feed_array(tensor, value, handles) for tensor, value in zip(tensors, values, strict=True)]
            return build(execute(executable, feeds))

        return call

    @contextmanager
    def as_default(self) -> Iterator[Any]:
        """Makes this the session of `Tensor.eval` and `Operation.run` in the block."""
        stack = session_stack()
        stack.append(self)
        try:
            yield self
        finally:
            if stack[-1] is not self:
                raise AssertionError(f"Nesting violated for default stack of {type(self)} objects")
            stack.pop()

    def close(self) -> None:
        """Frees what the session holds and wakes what waits in it; it cannot run any more."""
        self._closed = True
        OPEN_SESSIONS.discard(self)
        self._executables.clear()
        self._runs.clear()
        self._context.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()
