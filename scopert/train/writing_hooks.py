"""Hooks that write: checkpoints, summaries, the speed of training, profiles."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.graph_def import protos
from scopert.graph.scopes import get_collection
from scopert.public import public
from scopert.runtime.options import RunMetadata, RunOptions
from scopert.summary.writer import FileWriterCache
from scopert.train.hook_timer import SecondOrStepTimer
from scopert.train.meta_graph import add_meta_graph, write_graph_text
from scopert.train.session_run_hook import SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from scopert.train.step_hooks import global_step_read

_log = logging.getLogger("scopert")


def _writer(folder: str) -> Any:
    """The writer of event files of a directory; None, with a warning, without the ``tensorboard`` package."""
    try:
        return FileWriterCache.get(folder)
    except ImportError as error:
        _log.warning("No event file is written to %s: %s", folder, error)
        return None


@public("train.CheckpointSaverListener")
class CheckpointSaverListener:
    """Base class of what a `CheckpointSaverHook` calls; the methods do nothing."""

    def begin(self) -> None:
        """Called once, before the session is made."""

    def before_save(self, session: Any, global_step_value: int) -> None:
        """Called before a checkpoint is written."""

    def after_save(self, session: Any, global_step_value: int) -> Any:
        """Called after it; True asks to stop."""

    def end(self, session: Any, global_step_value: int) -> None:
        """Called at the end."""


@public("train.CheckpointSaverHook")
class CheckpointSaverHook(SessionRunHook):
    """Writes a checkpoint at the start, every so many steps or seconds, and at the end.

    Parameters
    ----------
    checkpoint_dir : str
    save_secs : float, optional
    save_steps : int, optional
        Exactly one of both.
    saver : Saver, optional
        Default: that of `scaffold`, or of the collection ``GraphKeys.SAVERS``.
    checkpoint_basename : str
    scaffold : Scaffold, optional
    listeners : list of CheckpointSaverListener, optional

    Raises
    ------
    ValueError
        If both or neither interval, or both saver and scaffold, are given.
    """

    def __init__(
        self, checkpoint_dir: str, save_secs: float | None = None, save_steps: int | None = None, saver: Any = None,
        checkpoint_basename: str = "model.ckpt", scaffold: Any = None,
        listeners: Sequence[CheckpointSaverListener] | None = None,
    ) -> None:  # fmt: skip
        if saver is not None and scaffold is not None:
            raise ValueError("You cannot provide both saver and scaffold.")
        self._saver = saver
        self._folder = checkpoint_dir
        self._path = os.path.join(checkpoint_dir, checkpoint_basename)
        self._scaffold = scaffold
        self._timer = SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)
        self._listeners = list(listeners or ())
        self._steps_per_run = 1

    def _set_steps_per_run(self, steps_per_run: int) -> None:
        """How many steps one run makes."""
        self._steps_per_run = steps_per_run

    def begin(self) -> None:
        self._writer = _writer(self._folder)
        self._step = global_step_read("CheckpointSaverHook")
        for listener in self._listeners:
            listener.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        step = int(session.run(self._step))
        os.makedirs(self._folder, exist_ok=True)
        write_graph_text(session.graph, self._folder)
        if self._writer is not None:
            self._writer.add_graph(session.graph)
            add_meta_graph(self._writer, session.graph, self._get_saver().as_saver_def())
        self._save(session, step)
        self._timer.update_last_triggered_step(step)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        return SessionRunArgs(self._step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        # What was fetched is the value before the updates.
        if not self._timer.should_trigger_for_step(int(run_values.results) + self._steps_per_run):
            return
        step = int(run_context.session.run(self._step))
        if self._timer.should_trigger_for_step(step):
            self._timer.update_last_triggered_step(step)
            if self._save(run_context.session, step):
                run_context.request_stop()

    def end(self, session: Any) -> None:
        step = int(session.run(self._step))
        if step != self._timer.last_triggered_step():
            self._save(session, step)
        for listener in self._listeners:
            listener.end(session, step)

    def _save(self, session: Any, step: int) -> bool:
        _log.info("Saving checkpoints for %d into %s.", step, self._path)
        for listener in self._listeners:
            listener.before_save(session, step)
        self._get_saver().save(session, self._path, global_step=step)
        if self._writer is not None:
            log = protos().event_pb2.SessionLog
            self._writer.add_session_log(log(status=log.CHECKPOINT, checkpoint_path=self._path), step)
        stop = False
        for listener in self._listeners:
            if listener.after_save(session, step):
                _log.info("A CheckpointSaverListener requested that training be stopped. listener: %s", listener)
                stop = True
        return stop

    def _get_saver(self) -> Any:
        if self._saver is not None:
            return self._saver
        if self._scaffold is not None:
            return self._scaffold.saver
        found = get_collection(GraphKeys.SAVERS)
        if not found:
            raise RuntimeError(
                f"No items in collection {GraphKeys.SAVERS}. Please add a saver to the collection or provide a saver "
                "or scaffold."
            )
        if len(found) > 1:
            raise RuntimeError(
                f"More than one item in collection {GraphKeys.SAVERS}. Please indicate which one to use by passing it "
                "to the constructor."
            )
        self._saver = found[0]
        return self._saver


@public("train.StepCounterHook")
class StepCounterHook(SessionRunHook):
    """Reports steps per second.

    Parameters
    ----------
    every_n_steps : int, optional
    every_n_secs : float, optional
        Exactly one of both.
    output_dir : str, optional
    summary_writer : FileWriter, optional

    Raises
    ------
    ValueError
        If both or neither interval are given.
    """

    def __init__(
        self, every_n_steps: int | None = 100, every_n_secs: float | None = None, output_dir: str | None = None,
        summary_writer: Any = None,
    ) -> None:  # fmt: skip
        if (every_n_steps is None) == (every_n_secs is None):
            raise ValueError("exactly one of every_n_steps and every_n_secs should be provided.")
        self._timer = SecondOrStepTimer(every_steps=every_n_steps, every_secs=every_n_secs)
        self._writer = summary_writer
        self._folder = output_dir

    def begin(self) -> None:
        if self._writer is None and self._folder:
            self._writer = _writer(self._folder)
        self._step = global_step_read("StepCounterHook")
        self._tag = self._step.op.name.rpartition("/")[0] + "/sec"

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        return SessionRunArgs(self._step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if not self._timer.should_trigger_for_step(int(run_values.results) + 1):
            return
        step = int(run_context.session.run(self._step))
        if self._timer.should_trigger_for_step(step):
            seconds, steps = self._timer.update_last_triggered_step(step)
            if seconds is not None and steps is not None:
                self._log_and_record(steps, seconds, step)

    def _log_and_record(self, elapsed_steps: int, elapsed_time: float, global_step: int) -> None:
        speed = elapsed_steps / elapsed_time if elapsed_time else float("inf")
        if self._writer is not None:
            kind = protos().summary_pb2.Summary
            self._writer.add_summary(kind(value=[kind.Value(tag=self._tag, simple_value=speed)]), global_step)
        _log.info("%s: %g", self._tag, speed)


@public("train.SummarySaverHook")
class SummarySaverHook(SessionRunHook):
    """Writes summaries.

    Parameters
    ----------
    save_steps : int, optional
    save_secs : float, optional
        Exactly one of both.
    output_dir : str, optional
    summary_writer : FileWriter, optional
    scaffold : Scaffold, optional
    summary_op : Tensor or list of Tensor, optional
        Exactly one of this and `scaffold`.

    Raises
    ------
    ValueError
        If arguments exclude each other.
    """

    def __init__(
        self, save_steps: int | None = None, save_secs: float | None = None, output_dir: str | None = None,
        summary_writer: Any = None, scaffold: Any = None, summary_op: Any = None,
    ) -> None:  # fmt: skip
        if (scaffold is None) == (summary_op is None):
            raise ValueError("Exactly one of scaffold or summary_op must be provided.")
        self._op = summary_op
        self._writer = summary_writer
        self._folder = output_dir
        self._scaffold = scaffold
        self._timer = SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)

    def begin(self) -> None:
        if self._writer is None and self._folder:
            self._writer = _writer(self._folder)
        self._next_step: int | None = None
        self._step = global_step_read("SummarySaverHook")

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        self._due = self._next_step is None or self._timer.should_trigger_for_step(self._next_step)
        fetches = {"global_step": self._step}
        if self._due:
            found = self._op if self._op is not None else self._scaffold.summary_op
            if found is not None:
                fetches["summary"] = list(found) if isinstance(found, (list, tuple)) else [found]
        return SessionRunArgs(fetches)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if self._writer is None:
            return
        step = int(run_values.results["global_step"]) + 1
        if self._next_step is None or self._due:
            step = int(run_context.session.run(self._step))
        if self._next_step is None:
            log = protos().event_pb2.SessionLog
            self._writer.add_session_log(log(status=log.START), step)
        if self._due:
            self._timer.update_last_triggered_step(step)
            for summary in run_values.results.get("summary", ()):
                self._writer.add_summary(summary, step)
        self._next_step = step + 1

    def end(self, session: Any) -> None:
        if self._writer is not None:
            self._writer.flush()


@public("train.ProfilerHook")
class ProfilerHook(SessionRunHook):
    """Writes ``timeline-STEP.json``, for a trace viewer, every so many steps or seconds.

    Parameters
    ----------
    save_steps : int, optional
    save_secs : float, optional
        Exactly one of both.
    output_dir : str
    show_dataflow, show_memory : bool
        The flow of data is not drawn; memory is not recorded and must not be asked for.
    """

    def __init__(
        self, save_steps: int | None = None, save_secs: float | None = None, output_dir: str = "",
        show_dataflow: bool = True, show_memory: bool = False,
    ) -> None:  # fmt: skip
        if show_memory:
            raise NotImplementedError("ProfilerHook: memory is not recorded (show_memory)")
        self._file = os.path.join(output_dir, "timeline-{}.json")
        self._timer = SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)

    def begin(self) -> None:
        self._next_step: int | None = None
        self._step = global_step_read("ProfilerHook")

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        self._due = self._next_step is not None and self._timer.should_trigger_for_step(self._next_step)
        options = RunOptions(trace_level=RunOptions.FULL_TRACE) if self._due else None
        return SessionRunArgs({"global_step": self._step}, options=options)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        step = int(run_values.results["global_step"]) + 1
        if self._next_step is None:
            self._timer.update_last_triggered_step(step - 1)
        if self._due:
            step = int(run_context.session.run(self._step))
            self._timer.update_last_triggered_step(step)
            self._save(step, run_values.run_metadata)
        self._next_step = step + 1

    def _save(self, step: int, metadata: RunMetadata) -> None:
        events = []
        for number, device in enumerate(metadata.step_stats.dev_stats):
            events.append({"name": "process_name", "ph": "M", "pid": number, "args": {"name": device.device}})
            events += [
                {
                    "name": node.node_name, "ph": "X", "pid": number, "tid": 0, "ts": node.all_start_micros,
                    "dur": max(node.all_end_rel_micros, 1), "args": {"label": node.timeline_label},
                }
                for node in device.node_stats
            ]  # fmt: skip
        path = self._file.format(step)
        _log.info("Saving timeline for %d into '%s'.", step, path)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events}, file)
