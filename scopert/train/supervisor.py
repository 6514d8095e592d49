"""`tf.train.Supervisor`: sessions with checkpoints, summaries and queue runners in threads beside."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from scopert.errors import OpError
from scopert.graph.collections import GraphKeys
from scopert.graph.graph import Graph
from scopert.graph.graph_def import protos
from scopert.graph.stack import get_default_graph
from scopert.ops.no_op import group
from scopert.ops.summary_ops import merge_all
from scopert.public import public
from scopert.runtime.session import Session
from scopert.scope.variable_lists import (
    global_variables,
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
    tables_initializer,
)
from scopert.summary.writer import FileWriter
from scopert.train.coordinator import Coordinator, LooperThread
from scopert.train.global_step import global_step as value_of_global_step
from scopert.train.meta_graph import add_meta_graph, write_graph_text
from scopert.train.saver import Saver
from scopert.train.session_manager import SessionManager

_log = logging.getLogger("scopert")
_DEFAULT = 0


@public("train.Supervisor")
class Supervisor:
    """Prepares sessions, and saves the model and summaries of it from threads.

    Of each operation 0 stands for the default: what is in its collection, else what is made for it; None for none.

    Parameters
    ----------
    graph : Graph, optional
        Default: the current one. It is finalized.
    ready_op, ready_for_local_init_op : Tensor, optional
        The names of what is not initialized.
    is_chief : bool
        Others wait for the chief, and write nothing.
    init_op, local_init_op : Operation, optional
    init_feed_dict : dict, optional
    logdir : str, optional
        For checkpoints and event files.
    summary_op : Tensor, optional
    saver : Saver, optional
    global_step : Tensor, optional
    save_summaries_secs, save_model_secs : float
        0: never.
    recovery_wait_secs : float
    stop_grace_secs : float
        How long threads may take to end.
    checkpoint_basename : str
    session_manager : SessionManager, optional
    summary_writer : FileWriter, optional
    init_fn : callable, optional
        ``f(session)``, called after `init_op`.
    local_init_run_options : RunOptions, optional

    Raises
    ------
    ValueError
        If variables of one that is not the chief have no device.
    """

    USE_DEFAULT = _DEFAULT

    def __init__(
        self, graph: Graph | None = None, ready_op: Any = _DEFAULT, ready_for_local_init_op: Any = _DEFAULT,
        is_chief: bool = True, init_op: Any = _DEFAULT, init_feed_dict: Any = None, local_init_op: Any = _DEFAULT,
        logdir: str | None = None, summary_op: Any = _DEFAULT, saver: Any = _DEFAULT, global_step: Any = _DEFAULT,
        save_summaries_secs: float = 120, save_model_secs: float = 600, recovery_wait_secs: float = 30,
        stop_grace_secs: float = 120, checkpoint_basename: str = "model.ckpt",
        session_manager: SessionManager | None = None, summary_writer: Any = _DEFAULT,
        init_fn: Callable[[Any], Any] | None = None, local_init_run_options: Any = None,
    ) -> None:  # fmt: skip
        self._graph = get_default_graph() if graph is None else graph
        with self._graph.as_default():
            self.ready_op = self._op(ready_op, GraphKeys.READY_OP, report_uninitialized_variables)
            self.ready_for_local_init_op = self._op(
                ready_for_local_init_op, GraphKeys.READY_FOR_LOCAL_INIT_OP, lambda: None
            )
            self.init_op = self._op(init_op, GraphKeys.INIT_OP, global_variables_initializer)
            self.local_init_op = self._op(
                local_init_op, GraphKeys.LOCAL_INIT_OP,
                lambda: group(local_variables_initializer(), tables_initializer()),
            )  # fmt: skip
            self.saver = self._op(saver, GraphKeys.SAVERS, lambda: Saver() if global_variables() else None)
            self.summary_op = self._op(summary_op, GraphKeys.SUMMARY_OP, merge_all)
            self.global_step = self._op(global_step, GraphKeys.GLOBAL_STEP, self._find_global_step)
        self.init_feed_dict = init_feed_dict
        self._init_fn = init_fn
        self.is_chief = is_chief
        self.coord = Coordinator()
        self._started_threads: list[threading.Thread] = []
        self._stop_grace_secs = stop_grace_secs
        self._logdir = logdir if is_chief else None
        self.save_summaries_secs = save_summaries_secs if is_chief else None
        self.save_model_secs = save_model_secs if is_chief else None
        self.save_path = os.path.join(self._logdir, checkpoint_basename) if self._logdir else None
        self.summary_writer = None
        if is_chief:
            self.summary_writer = summary_writer
            if summary_writer is _DEFAULT or summary_writer == _DEFAULT:
                self.summary_writer = FileWriter(self._logdir) if self._logdir else None
        self._graph_added = False
        self.session_manager = session_manager or SessionManager(
            local_init_op=self.local_init_op, ready_op=self.ready_op,
            ready_for_local_init_op=self.ready_for_local_init_op, graph=self._graph,
            recovery_wait_secs=recovery_wait_secs, local_init_run_options=local_init_run_options,
        )  # fmt: skip
        if not is_chief:
            for op in self._graph.get_operations():
                if op.type in ("Variable", "VariableV2") and not op.device:
                    raise ValueError(f"When using replicas, all Variables must have their device set: {op}")
        self._graph.finalize()

    def _op(self, given: Any, collection: str, default: Callable[[], Any]) -> Any:
        if given is not _DEFAULT:
            return given
        found = self._graph.get_collection(collection)
        if found:
            return found[0]
        made = default()
        if made is not None:
            self._graph.add_to_collection(collection, made)
        return made

    def _find_global_step(self) -> Any:
        try:
            step = self._graph.get_tensor_by_name("global_step:0")
        except KeyError:
            return None
        if step.dtype.base.is_integer:
            return step
        _log.warning("Found 'global_step' but is not an int type: %s", step.dtype)
        return None

    # Sessions.

    @contextmanager
    def managed_session(
        self, master: str = "", config: Any = None, start_standard_services: bool = True,
        close_summary_writer: bool = True,
    ) -> Iterator[Session]:  # fmt: skip
        """A session for a ``with`` block; at its end the threads stop, and their first error is raised.

        Parameters
        ----------
        master : str
        config : ConfigProto, optional
        start_standard_services : bool
            Save and summarize from threads, and run queues.
        close_summary_writer : bool
        """
        sess = None
        try:
            sess = self.prepare_or_wait_for_session(
                master=master, config=config, start_standard_services=start_standard_services
            )
            yield sess
        except Exception as error:
            self.request_stop(error)
        finally:
            try:
                self.stop(close_summary_writer=close_summary_writer)
            finally:
                if sess is not None:
                    sess.close()

    def prepare_or_wait_for_session(
        self, master: str = "", config: Any = None, wait_for_checkpoint: bool = False, max_wait_secs: float = 7200,
        start_standard_services: bool = True,
    ) -> Session:  # fmt: skip
        """A session that is ready; see `managed_session`, which also ends it."""
        self.coord.clear_stop()
        if self.summary_writer is not None:
            self.summary_writer.reopen()
        if self.is_chief:
            sess = self.session_manager.prepare_session(
                master, init_op=self.init_op, saver=self.saver, checkpoint_dir=self._logdir,
                wait_for_checkpoint=wait_for_checkpoint, max_wait_secs=max_wait_secs, config=config,
                init_feed_dict=self.init_feed_dict, init_fn=self._init_fn,
            )  # fmt: skip
            self._write_graph()
            if start_standard_services:
                self.start_standard_services(sess)
        else:
            sess = self.session_manager.wait_for_session(master, config=config, max_wait_secs=max_wait_secs)
        if start_standard_services:
            self.start_queue_runners(sess)
        return sess

    PrepareSession = prepare_or_wait_for_session

    def _write_graph(self) -> None:
        if self._logdir:
            os.makedirs(self._logdir, exist_ok=True)
            write_graph_text(self._graph, self._logdir)
        if self.summary_writer is not None and not self._graph_added:
            self.summary_writer.add_graph(self._graph)
            add_meta_graph(self.summary_writer, self._graph, self.saver.as_saver_def() if self.saver else None)
            self._graph_added = True

    # Threads.

    def start_standard_services(self, sess: Session) -> list[threading.Thread] | None:
        """Starts the threads that save and summarize; None without `logdir`.

        Raises
        ------
        RuntimeError
            If it is not the chief.
        """
        if not self.is_chief:
            raise RuntimeError(
                "Only chief supervisor can start standard services. Because only chief supervisors can write events."
            )
        if not self._logdir:
            _log.warning("Standard services need a 'logdir' passed to the SessionManager")
            return None
        if self.global_step is not None and self.summary_writer is not None:
            self._log_session("START", value_of_global_step(sess, self.global_step))
        threads: list[threading.Thread] = []
        if self.save_summaries_secs and self.summary_writer is not None:
            if self.summary_op is not None:
                threads.append(_SummaryThread(self, sess, self.save_summaries_secs))
            if self.global_step is not None:
                threads.append(_StepThread(self, sess, self.save_summaries_secs))
        if self.saver is not None and self.save_model_secs:
            threads.append(_CheckpointThread(self, sess, self.save_model_secs))
        for thread in threads:
            thread.start()
        self._started_threads += threads
        return threads

    StartStandardServices = start_standard_services

    def start_queue_runners(self, sess: Session, queue_runners: Sequence[Any] | None = None) -> list[threading.Thread]:
        """Starts the threads of queue runners, by default those of the graph."""
        runners = self._graph.get_collection(GraphKeys.QUEUE_RUNNERS) if queue_runners is None else queue_runners
        threads: list[threading.Thread] = []
        for runner in runners:
            threads += runner.create_threads(sess, coord=self.coord, daemon=True, start=True)
        self._started_threads += threads
        return threads

    StartQueueRunners = start_queue_runners

    def loop(
        self, timer_interval_secs: float | None, target: Callable[..., Any], args: Sequence[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> LooperThread:  # fmt: skip
        """A started thread that calls `target` again and again until the coordinator stops."""
        looper = LooperThread(self.coord, timer_interval_secs, target=target, args=args, kwargs=kwargs)
        looper.start()
        return looper

    Loop = loop

    def stop(
        self, threads: Sequence[threading.Thread] | None = None, close_summary_writer: bool = True,
        ignore_live_threads: bool = False,
    ) -> None:  # fmt: skip
        """Stops the threads and waits for them; raises the first error that one of them reported."""
        self.coord.request_stop()
        try:
            self.coord.join(
                threads, stop_grace_period_secs=self._stop_grace_secs, ignore_live_threads=ignore_live_threads
            )
        finally:
            if close_summary_writer and self.summary_writer is not None:
                self._log_session("STOP", None)
                self.summary_writer.close()
                self._graph_added = False

    Stop = stop

    def request_stop(self, ex: Any = None) -> None:
        """Asks the threads to stop; see ``Coordinator.request_stop``."""
        self.coord.request_stop(ex=ex)

    RequestStop = request_stop

    def should_stop(self) -> bool:
        """Whether a stop was requested."""
        return self.coord.should_stop()

    ShouldStop = should_stop

    def stop_on_exception(self) -> AbstractContextManager[None]:
        """An exception in the block becomes a request to stop."""
        return self.coord.stop_on_exception()

    StopOnException = stop_on_exception

    def wait_for_stop(self) -> None:
        """Waits until a stop is requested."""
        self.coord.wait_for_stop()

    WaitForStop = wait_for_stop

    # Writing.

    def summary_computed(self, sess: Session, summary: Any, global_step: int | None = None) -> None:
        """Writes a summary that was computed elsewhere.

        Raises
        ------
        RuntimeError
            If there is no writer of summaries.
        """
        if self.summary_writer is None:
            raise RuntimeError("Writing a summary requires a summary writer.")
        if global_step is None and self.global_step is not None:
            global_step = value_of_global_step(sess, self.global_step)
        self.summary_writer.add_summary(summary, global_step)

    SummaryComputed = summary_computed

    def _log_session(self, status: str, step: int | None) -> None:
        assert self.summary_writer is not None
        kind = protos().event_pb2.SessionLog
        self.summary_writer.add_session_log(kind(status=getattr(kind, status)), step)


class _ServiceThread(LooperThread):
    def __init__(self, supervisor: Supervisor, sess: Session, interval: float) -> None:
        super().__init__(supervisor.coord, interval)
        self._supervisor = supervisor
        self._sess = sess


class _SummaryThread(_ServiceThread):
    """Computes and writes summaries."""

    def run_loop(self) -> None:
        supervisor = self._supervisor
        step = None
        if supervisor.global_step is not None:
            summary, step = self._sess.run([supervisor.summary_op, supervisor.global_step])
        else:
            summary = self._sess.run(supervisor.summary_op)
        if supervisor.summary_writer is not None:
            supervisor.summary_writer.add_summary(summary, step)


class _StepThread(_ServiceThread):
    """Writes steps per second."""

    def start_loop(self) -> None:
        self._last_time = time.time()
        self._last_step = value_of_global_step(self._sess, self._supervisor.global_step)

    def run_loop(self) -> None:
        step = value_of_global_step(self._sess, self._supervisor.global_step)
        now = time.time()
        elapsed = now - self._last_time
        speed = (step - self._last_step) / elapsed if elapsed else float("inf")
        self._last_time, self._last_step = now, step
        kind = protos().summary_pb2.Summary
        tag = f"{self._supervisor.global_step.op.name}/sec"
        if self._supervisor.summary_writer is not None:
            self._supervisor.summary_writer.add_summary(kind(value=[kind.Value(tag=tag, simple_value=speed)]), step)
        _log.info("%s: %g", tag, speed)


class _CheckpointThread(_ServiceThread):
    """Writes checkpoints."""

    def run_loop(self) -> None:
        supervisor = self._supervisor
        try:
            path = supervisor.saver.save(self._sess, supervisor.save_path, global_step=supervisor.global_step)
        except OpError as error:
            supervisor.request_stop(error)
            return
        if supervisor.summary_writer is not None and supervisor.global_step is not None:
            kind = protos().event_pb2.SessionLog
            step = value_of_global_step(self._sess, supervisor.global_step)
            supervisor.summary_writer.add_session_log(kind(status=kind.CHECKPOINT, checkpoint_path=path), step)
