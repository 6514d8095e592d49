"""Threads that fill a queue."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from scopert.errors import OpError, OutOfRangeError
from scopert.graph.collections import GraphKeys
from scopert.graph.scopes import add_to_collection, get_collection
from scopert.graph.stack import get_default_session
from scopert.public import public
from scopert.runtime.base_session import BaseSession
from scopert.train.coordinator import Coordinator

_log = logging.getLogger("scopert")


@public("train.QueueRunner", "train.queue_runner.QueueRunner")
class QueueRunner:
    """Runs enqueue operations of a queue, each in a thread of its own.

    Parameters
    ----------
    queue : QueueBase
    enqueue_ops : list of Operation
    close_op : Operation, optional
        Run when all threads have ended. Default: closes the queue.
    cancel_op : Operation, optional
        Run when the coordinator stops. Default: closes it and cancels what waits.
    queue_closed_exception_types : tuple of exception types, optional
        Errors by which an enqueue operation says that there is no more. Default: ``OutOfRangeError``.
    queue_runner_def, import_scope : optional
        Not supported.

    Raises
    ------
    ValueError
        If there is no queue or nothing to run.
    TypeError
        If the exception types are none of ``tf.errors``.
    """

    def __init__(
        self, queue: Any = None, enqueue_ops: Sequence[Any] | None = None, close_op: Any = None, cancel_op: Any = None,
        queue_closed_exception_types: tuple[type[OpError], ...] | None = None, queue_runner_def: Any = None,
        import_scope: str | None = None,
    ) -> None:  # fmt: skip
        if queue_runner_def is not None or import_scope is not None:
            raise NotImplementedError("Making a QueueRunner from a QueueRunnerDef is not supported")
        if not queue or not enqueue_ops:
            raise ValueError("Must provide queue and enqueue_ops.")
        types = (OutOfRangeError,) if queue_closed_exception_types is None else queue_closed_exception_types
        if not (
            isinstance(types, tuple) and types and all(isinstance(t, type) and issubclass(t, OpError) for t in types)
        ):
            raise TypeError(
                "queue_closed_exception_types, when provided, must be a tuple of tf.error types, but saw: "
                f"{queue_closed_exception_types}"
            )
        self._queue = queue
        self._enqueue_ops = list(enqueue_ops)
        self._close_op = queue.close() if close_op is None else close_op
        self._cancel_op = queue.close(cancel_pending_enqueues=True) if cancel_op is None else cancel_op
        self._closed_types: tuple[type[BaseException], ...] = types
        self._lock = threading.Lock()
        self._running: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._exceptions: list[BaseException] = []

    @property
    def queue(self) -> Any:
        return self._queue

    @property
    def enqueue_ops(self) -> list[Any]:
        return self._enqueue_ops

    @property
    def close_op(self) -> Any:
        return self._close_op

    @property
    def cancel_op(self) -> Any:
        return self._cancel_op

    @property
    def queue_closed_exception_types(self) -> tuple[type[BaseException], ...]:
        return self._closed_types

    @property
    def exceptions_raised(self) -> list[BaseException]:
        """Errors of threads that had no coordinator to report them to."""
        return self._exceptions

    @property
    def name(self) -> str:
        """The name of the queue."""
        name: str = self._queue.name
        return name

    def create_threads(
        self, sess: Any, coord: Coordinator | None = None, daemon: bool = False, start: bool = False
    ) -> list[threading.Thread]:
        """Threads that fill the queue of a session; none if they run already.

        Parameters
        ----------
        sess : Session
        coord : Coordinator, optional
            Gets their errors, and stops them.
        daemon : bool
            Do not keep the process alive.
        start : bool
            Start them.
        """
        with self._lock:
            if self._running.get(sess, 0) > 0:
                return []
            self._running[sess] = len(self._enqueue_ops)
            self._exceptions = []
        threads = [
            threading.Thread(target=self._run, args=(sess, op, coord), name=f"QueueRunnerThread-{self.name}-{op.name}")
            for op in self._enqueue_ops
        ]
        if coord is not None:
            closing = f"QueueRunnerThread-{self.name}-close_on_stop"
            threads.append(threading.Thread(target=self._close_on_stop, args=(sess, coord), name=closing))
        for thread in threads:
            if coord is not None:
                coord.register_thread(thread)
            if daemon:
                thread.daemon = True
            if start:
                thread.start()
        return threads

    def _run(self, sess: Any, op: Any, coord: Coordinator | None) -> None:
        counted = False
        try:
            while coord is None or not coord.should_stop():
                try:
                    sess.run(op)
                except self._closed_types:
                    with self._lock:
                        self._running[sess] -= 1
                        counted = True
                        last = self._running[sess] == 0
                    if last:
                        self._try(sess, self._close_op)
                    return
        except Exception as error:
            if coord is not None:
                coord.request_stop(error)
            else:
                _log.error("Exception in QueueRunner: %s", error)
                with self._lock:
                    self._exceptions.append(error)
                raise
        finally:
            if not counted:
                with self._lock:
                    self._running[sess] -= 1

    def _close_on_stop(self, sess: Any, coord: Coordinator) -> None:
        coord.wait_for_stop()
        self._try(sess, self._cancel_op)

    @staticmethod
    def _try(sess: Any, op: Any) -> None:
        """Runs a closing operation; the queue or the session may be closed already."""
        try:
            sess.run(op)
        except (OpError, RuntimeError) as error:
            _log.debug("Ignored exception while closing a queue: %s", error)


@public("train.add_queue_runner", "train.queue_runner.add_queue_runner")
def add_queue_runner(qr: QueueRunner, collection: str = GraphKeys.QUEUE_RUNNERS) -> None:
    """Adds a QueueRunner to a collection, so that `start_queue_runners` finds it."""
    add_to_collection(collection, qr)


@public("train.start_queue_runners", "train.queue_runner.start_queue_runners")
def start_queue_runners(
    sess: Any = None, coord: Coordinator | None = None, daemon: bool = True, start: bool = True,
    collection: str = GraphKeys.QUEUE_RUNNERS,
) -> list[threading.Thread]:  # fmt: skip
    """Starts all QueueRunners of the graph.

    Parameters
    ----------
    sess : Session, optional
        Default: the default session.
    coord : Coordinator, optional
    daemon, start : bool
        See `QueueRunner.create_threads`.
    collection : str

    Returns
    -------
    list of Thread

    Raises
    ------
    ValueError
        If there is no session.
    TypeError
        If `sess` is none.
    """
    if sess is None:
        sess = get_default_session()
        if sess is None:
            raise ValueError(
                "Cannot start queue runners: No default session is registered. Use `with sess.as_default()` or pass "
                "an explicit session to tf.start_queue_runners(sess=sess)"
            )
    if not isinstance(sess, BaseSession):
        # Monitored sessions start them themselves.
        if type(sess).__name__ in ("MonitoredSession", "SingularMonitoredSession"):
            return []
        raise TypeError(f"sess must be a `tf.Session` object. Given class: {type(sess)}")
    with sess.graph.as_default():
        runners = get_collection(collection)
        if not runners:
            _log.warning(
                "`tf.train.start_queue_runners()` was called when no queue runners were defined. You can safely "
                "remove the call to this deprecated function."
            )
        threads: list[threading.Thread] = []
        for runner in runners:
            threads += runner.create_threads(sess, coord=coord, daemon=daemon, start=start)
        return threads
