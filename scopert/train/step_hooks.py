"""Hooks that watch the run: logging, stopping, waiting, feeding."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scopert.graph.lookup import element_of
from scopert.graph.stack import get_default_graph
from scopert.public import public
from scopert.train.global_step import get_or_create_global_step_read
from scopert.train.hook_timer import NeverTriggerTimer, SecondOrStepTimer
from scopert.train.session_run_hook import SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues

_log = logging.getLogger("scopert")


def _element(item: Any) -> Any:
    """A tensor or operation, from itself, a variable or a name."""
    graph = get_default_graph()
    if isinstance(item, str):
        return graph.as_graph_element(item if ":" in item else item + ":0", allow_operation=":" not in item)
    found = element_of(item)
    if found is None or found.graph is not graph:
        raise ValueError(f"Passed {item} should have graph attribute that is equal to current graph {graph}.")
    return found


def global_step_read(who: str) -> Any:
    """The tensor with the value of the global step before the updates of a run.

    Raises
    ------
    RuntimeError
        If the graph has no global step.
    """
    tensor = get_or_create_global_step_read()
    if tensor is None:
        raise RuntimeError(f"Global step should be created to use {who}.")
    return tensor


@public("train.LoggingTensorHook")
class LoggingTensorHook(SessionRunHook):
    """Logs values of tensors.

    Parameters
    ----------
    tensors : dict or list
        Tags to tensors or names of tensors; of a list the names are the tags.
    every_n_iter : int, optional
    every_n_secs : float, optional
    at_end : bool
        Also at the end.
    formatter : callable, optional
        Makes the text of a dictionary of values.

    Raises
    ------
    ValueError
        Unless exactly one of `every_n_iter` and `every_n_secs` is given, or only `at_end`.
    """

    def __init__(
        self, tensors: Any, every_n_iter: int | None = None, every_n_secs: float | None = None, at_end: bool = False,
        formatter: Callable[[dict[Any, Any]], str] | None = None,
    ) -> None:  # fmt: skip
        only_at_end = at_end and every_n_iter is None and every_n_secs is None
        if not only_at_end and (every_n_iter is None) == (every_n_secs is None):
            raise ValueError("either at_end and/or exactly one of every_n_iter and every_n_secs must be provided.")
        if every_n_iter is not None and every_n_iter <= 0:
            raise ValueError(f"invalid every_n_iter={every_n_iter}.")
        self._tensors = dict(tensors) if isinstance(tensors, Mapping) else {item: item for item in tensors}
        self._timer = NeverTriggerTimer() if only_at_end else SecondOrStepTimer(every_n_secs, every_n_iter)
        self._at_end = at_end
        self._formatter = formatter

    def begin(self) -> None:
        self._timer.reset()
        self._count = 0
        self._fetches = {tag: _element(item) for tag, item in self._tensors.items()}

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        self._due = self._timer.should_trigger_for_step(self._count)
        return SessionRunArgs(self._fetches) if self._due else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if self._due:
            self._report(run_values.results)
        self._count += 1

    def end(self, session: Any) -> None:
        if self._at_end:
            self._report(session.run(self._fetches))

    def _report(self, values: dict[Any, Any]) -> None:
        elapsed, _ = self._timer.update_last_triggered_step(self._count)
        with np.printoptions(suppress=True):
            if self._formatter is not None:
                _log.info(self._formatter(values))
                return
            text = ", ".join(f"{tag} = {values[tag]}" for tag in self._tensors)
        if elapsed is None:
            _log.info("%s", text)
        else:
            _log.info("%s (%.3f sec)", text, elapsed)


@public("train.StopAtStepHook")
class StopAtStepHook(SessionRunHook):
    """Stops after some steps, or at a step.

    Raises
    ------
    ValueError
        Unless exactly one of both is given.
    """

    def __init__(self, num_steps: int | None = None, last_step: int | None = None) -> None:
        if num_steps is None and last_step is None:
            raise ValueError("One of num_steps or last_step must be specified.")
        if num_steps is not None and last_step is not None:
            raise ValueError("Only one of num_steps or last_step can be specified.")
        self._num_steps = num_steps
        self._last_step = last_step

    def begin(self) -> None:
        self._step = global_step_read("StopAtStepHook")

    def after_create_session(self, session: Any, coord: Any) -> None:
        if self._last_step is None:
            assert self._num_steps is not None
            self._last_step = int(session.run(self._step)) + self._num_steps

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        return SessionRunArgs(self._step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        assert self._last_step is not None
        # What was fetched is the value before the updates: only a second look tells.
        if run_values.results + 1 >= self._last_step and run_context.session.run(self._step) >= self._last_step:
            run_context.request_stop()


@public("train.NanLossDuringTrainingError")
class NanLossDuringTrainingError(RuntimeError):
    """The loss became NaN."""

    def __str__(self) -> str:
        return "NaN loss during training."


@public("train.NanTensorHook")
class NanTensorHook(SessionRunHook):
    """Stops when a tensor is NaN, by an error if `fail_on_nan_loss`."""

    def __init__(self, loss_tensor: Any, fail_on_nan_loss: bool = True) -> None:
        self._tensor = loss_tensor
        self._fail = fail_on_nan_loss

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        return SessionRunArgs(self._tensor)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if not np.isnan(run_values.results):
            return
        if self._fail:
            _log.error("Model diverged with loss = NaN.")
            raise NanLossDuringTrainingError
        _log.warning("Model diverged with loss = NaN.")
        run_context.request_stop()


@public("train.GlobalStepWaiterHook")
class GlobalStepWaiterHook(SessionRunHook):
    """Delays the first run until the global step has reached a value."""

    def __init__(self, wait_until_step: int) -> None:
        self._wait_until = wait_until_step
        self._worker_is_started = False

    def begin(self) -> None:
        self._step = global_step_read("_GlobalStepWaiterHook")

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        if self._worker_is_started:
            return None
        if self._wait_until <= 0:
            self._worker_is_started = True
            return None
        _log.info("Waiting for global step %d before starting training.", self._wait_until)
        last_logged = 0
        while True:
            current = int(run_context.session.run(self._step))
            if current >= self._wait_until:
                self._worker_is_started = True
                return None
            if current - last_logged > 1000:
                _log.info("Waiting for global step %d before starting training. Current step is %d.",
                          self._wait_until, current)  # fmt: skip
                last_logged = current
            time.sleep(0.5)


@public("train.FinalOpsHook")
class FinalOpsHook(SessionRunHook):
    """Evaluates tensors at the end; the result is `final_ops_values`."""

    def __init__(self, final_ops: Any, final_ops_feed_dict: Any = None) -> None:
        self._ops = final_ops
        self._feeds = final_ops_feed_dict
        self._values: Any = None

    @property
    def final_ops_values(self) -> Any:
        return self._values

    def end(self, session: Any) -> None:
        if self._ops is not None:
            self._values = session.run(self._ops, feed_dict=self._feeds)


@public("train.FeedFnHook")
class FeedFnHook(SessionRunHook):
    """Feeds each run what a function returns."""

    def __init__(self, feed_fn: Callable[[], Any]) -> None:
        self.feed_fn = feed_fn

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        return SessionRunArgs(fetches=None, feed_dict=self.feed_fn())
