"""Sessions that initialize, restore, save and stop by themselves, with hooks around each run."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any

from scopert.errors import AbortedError, OutOfRangeError, UnavailableError
from scopert.graph.collections import GraphKeys
from scopert.graph.graph import Graph
from scopert.graph.scopes import get_collection
from scopert.graph.stack import get_default_graph
from scopert.public import public
from scopert.runtime.options import RunMetadata, RunOptions
from scopert.train.coordinator import Coordinator
from scopert.train.queue_runner import start_queue_runners
from scopert.train.scaffold import Scaffold
from scopert.train.session_creator import ChiefSessionCreator, SessionCreator
from scopert.train.session_run_hook import SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues

_log = logging.getLogger("scopert")
# Errors after which a session is made anew.
_LOST = (AbortedError, UnavailableError)
_DEFAULT: Any = object()


class _HookedSession:
    """A session with hooks around each run, and the threads of its coordinator."""

    def __init__(self, sess: Any, hooks: Sequence[SessionRunHook], coord: Coordinator, grace: float) -> None:
        self.raw = sess
        self._hooks = hooks
        self.coord = coord
        self._grace = grace
        self._stop = False

    @property
    def graph(self) -> Graph:
        graph: Graph = self.raw.graph
        return graph

    def should_stop(self) -> bool:
        self.coord.raise_requested_exception()
        return self._stop or self.coord.should_stop()

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        if self._stop:
            raise RuntimeError("Run called even after should_stop requested.")
        try:
            return self._run(fetches, feed_dict, options, run_metadata)
        except _LOST:
            raise
        except Exception as error:
            # If a thread lost the session, that is the root of this error, and the session is made anew.
            try:
                self.coord.raise_requested_exception()
            except _LOST:
                raise
            except Exception:
                raise error from None
            raise

    def _run(self, fetches: Any, feed_dict: Any, options: Any, run_metadata: Any) -> Any:
        context = SessionRunContext(SessionRunArgs(fetches, feed_dict), self.raw)
        wanted: dict[Any, Any] = {"caller": fetches}
        feeds = dict(feed_dict or {})
        from_hooks: dict[Any, Any] = {}
        level = options.trace_level if options is not None else 0
        chosen = options
        for hook in self._hooks:
            request = hook.before_run(context)
            if request is None:
                continue
            if request.fetches is not None:
                wanted[hook] = request.fetches
            if request.feed_dict:
                _refuse_common(from_hooks, request.feed_dict, "Same tensor is fed by two hooks.")
                from_hooks.update(request.feed_dict)
            if request.options is not None and request.options.trace_level > level:
                level, chosen = request.options.trace_level, request.options
        _refuse_common(feeds, from_hooks, "Same tensor is fed by a SessionRunHook and user.")
        feeds.update(from_hooks)
        chosen = RunOptions() if chosen is None else chosen
        metadata = RunMetadata() if run_metadata is None else run_metadata
        results = self.raw.run(wanted, feed_dict=feeds or None, options=chosen, run_metadata=metadata)
        for hook in self._hooks:
            hook.after_run(context, SessionRunValues(results.get(hook), chosen, metadata))
        self._stop = self._stop or context.stop_requested
        return results["caller"]

    def run_step_fn(self, step_fn: Callable[[Any], Any]) -> Any:
        return step_fn(_StepContext(self.raw, self.run))

    def close(self) -> None:
        self.coord.request_stop()
        try:
            self.coord.join(stop_grace_period_secs=self._grace, ignore_live_threads=True)
        finally:
            self.raw.close()


class _CoordinatedCreator:
    """Makes sessions with hooks, and starts their threads."""

    def __init__(self, creator: SessionCreator, hooks: Sequence[SessionRunHook], grace: float) -> None:
        self._creator = creator
        self._hooks = hooks
        self._grace = grace
        self.coord: Coordinator | None = None
        self.tf_sess: Any = None

    def create_session(self) -> _HookedSession:
        self.tf_sess = self._creator.create_session()
        self.coord = Coordinator(clean_stop_exception_types=())
        if get_collection(GraphKeys.QUEUE_RUNNERS):
            start_queue_runners(sess=self.tf_sess, coord=self.coord)
        for hook in self._hooks:
            hook.after_create_session(self.tf_sess, self.coord)
        return _HookedSession(self.tf_sess, self._hooks, self.coord, self._grace)


def _refuse_common(first: dict[Any, Any], second: dict[Any, Any], message: str) -> None:
    common = set(first) & set(second)
    if common:
        raise RuntimeError(f"{message} Conflict(s): {common}")


class _StepContext:
    """What the function of `run_step_fn` gets."""

    def __init__(self, session: Any, run_with_hooks: Callable[..., Any]) -> None:
        self.session = session
        self._run = run_with_hooks

    def run_with_hooks(self, *args: Any, **kwargs: Any) -> Any:
        """Runs with the hooks, as ``MonitoredSession.run``."""
        return self._run(*args, **kwargs)

    def request_stop(self) -> None:
        """Ends the step and, by StopIteration, the ``with`` block of the session."""
        raise StopIteration("step_fn has requested the iterations to stop.")


class _MonitoredBase:
    """What `MonitoredSession` and `SingularMonitoredSession` have in common."""

    StepContext = _StepContext

    def __init__(
        self, session_creator: SessionCreator | None, hooks: Sequence[SessionRunHook] | None, recovers: bool,
        stop_grace_period_secs: float,
    ) -> None:  # fmt: skip
        self._graph_was_finalized = get_default_graph().finalized
        self._home = get_default_graph()
        self._hooks = list(hooks or ())
        self._recovers = recovers
        for hook in self._hooks:
            hook.begin()
        self._coordinated_creator = _CoordinatedCreator(
            session_creator or ChiefSessionCreator(), self._hooks, stop_grace_period_secs
        )
        self._sess: _HookedSession | None = self._create()

    def _create(self) -> _HookedSession:
        while True:
            try:
                return self._coordinated_creator.create_session()
            except _LOST as error:
                if not self._recovers:
                    raise
                _log.info("An error was raised while a session was being created: %s", error)

    def _replace(self, error: Exception) -> None:
        """Makes another session after one was lost."""
        _log.info("An error was raised. The session is made again: %s", error)
        assert self._sess is not None
        try:
            self._sess.close()
        except _LOST as other:
            _log.warning("An error was raised while a session was closed: %s", other)
        self._sess = self._create()

    @property
    def graph(self) -> Graph | None:
        """The graph; None once the session is closed."""
        return None if self._sess is None else self._sess.graph

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """Runs with the hooks; see ``Session.run``.

        Raises
        ------
        RuntimeError
            If it is closed, or a stop was requested.
        """
        return self._attempt(lambda sess: sess.run(fetches, feed_dict, options, run_metadata))

    def run_step_fn(self, step_fn: Callable[..., Any]) -> Any:
        """Calls a function with a context: ``context.session`` runs without hooks, ``context.run_with_hooks`` with.

        Raises
        ------
        TypeError
            If it is no function.
        ValueError
            If it does not take one argument, ``step_context``.
        """
        if not callable(step_fn):
            raise TypeError(f"step_fn must be callable. Got: {step_fn}")
        names = tuple(inspect.signature(step_fn).parameters)
        if names not in (("step_context",), ("self", "step_context")):
            raise ValueError(
                "`step_fn` may either have one `step_context` argument, or `self` and `step_context` arguments if it's "
                f"an instance method. Got {names} instead."
            )
        return self._attempt(lambda sess: sess.run_step_fn(step_fn))

    def _attempt(self, action: Callable[[_HookedSession], Any]) -> Any:
        while True:
            if self._sess is None:
                raise RuntimeError("Run called on a closed session.")
            try:
                return action(self._sess)
            except _LOST as error:
                if not self._recovers:
                    raise
                self._replace(error)

    def should_stop(self) -> bool:
        """Whether a hook, a thread or the end of the session asks to stop."""
        if self._sess is None:
            return True
        try:
            return self._sess.should_stop()
        except _LOST as error:
            if not self._recovers:
                raise
            self._replace(error)
            return False
        except Exception:
            if not self._recovers:
                raise
            return True  # leaving the block raises it

    def close(self) -> None:
        """Calls the hooks' `end`, stops the threads and closes the session.

        Raises
        ------
        RuntimeError
            If it is closed already.
        """
        self._close(None)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> bool:
        # That input has come to an end is no error.
        if kind is not None and issubclass(kind, (OutOfRangeError, StopIteration)):
            kind = None
        self._close(kind)
        return kind is None

    def _close(self, kind: Any) -> None:
        if self._sess is None:
            raise RuntimeError("Session is already closed.")
        try:
            if kind is None:
                for hook in self._hooks:
                    hook.end(self._sess.raw)
        finally:
            sess, self._sess = self._sess, None
            try:
                sess.close()
            except _LOST as error:
                if not self._recovers:
                    raise
                _log.warning("An error was raised while a session was closed: %s", error)
            finally:
                self._coordinated_creator.tf_sess = None
                self._coordinated_creator.coord = None
                if not self._graph_was_finalized:
                    self._home._unsafe_unfinalize()

    def _is_closed(self) -> bool:
        return self._sess is None

    def _tf_sess(self) -> Any:
        return None if self._sess is None else self._sess.raw


@public("train.MonitoredSession")
class MonitoredSession(_MonitoredBase):
    """A session that initializes or restores itself, starts queue runners, calls hooks, and recovers.

    Parameters
    ----------
    session_creator : SessionCreator, optional
        Default: a `ChiefSessionCreator`.
    hooks : list of SessionRunHook, optional
    stop_grace_period_secs : float
        How long threads may take to end.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     step = tf.train.get_or_create_global_step()
    ...     train = tf.assign_add(step, 1)
    ...     with tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(last_step=3)]) as sess:
    ...         while not sess.should_stop():
    ...             value = sess.run(train)
    >>> int(value)
    3
    """

    def __init__(
        self, session_creator: SessionCreator | None = None, hooks: Sequence[SessionRunHook] | None = None,
        stop_grace_period_secs: float = 120,
    ) -> None:  # fmt: skip
        super().__init__(session_creator, hooks, True, stop_grace_period_secs)


@public("train.SingularMonitoredSession")
class SingularMonitoredSession(_MonitoredBase):
    """The same without recovery.

    Parameters
    ----------
    hooks : list of SessionRunHook, optional
    scaffold : Scaffold, optional
    master : str
    config : ConfigProto, optional
    checkpoint_dir, checkpoint_filename_with_path : str, optional
    stop_grace_period_secs : float
    """

    def __init__(
        self, hooks: Sequence[SessionRunHook] | None = None, scaffold: Scaffold | None = None, master: str = "",
        config: Any = None, checkpoint_dir: str | None = None, stop_grace_period_secs: float = 120,
        checkpoint_filename_with_path: str | None = None,
    ) -> None:  # fmt: skip
        creator = ChiefSessionCreator(scaffold, master, config, checkpoint_dir, checkpoint_filename_with_path)
        super().__init__(creator, hooks, False, stop_grace_period_secs)

    def raw_session(self) -> Any:
        """The session without hooks."""
        return self._tf_sess()
