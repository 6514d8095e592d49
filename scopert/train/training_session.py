"""A monitored session with all that a training program writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from scopert.public import public
from scopert.train.monitored_session import MonitoredSession
from scopert.train.scaffold import Scaffold
from scopert.train.session_creator import ChiefSessionCreator, WorkerSessionCreator
from scopert.train.session_run_hook import SessionRunHook
from scopert.train.writing_hooks import CheckpointSaverHook, StepCounterHook, SummarySaverHook

_DEFAULT: Any = object()


def _interval(steps: Any, secs: Any, default_steps: int | None, default_secs: float | None) -> tuple[Any, Any]:
    """The interval in steps and in seconds; giving one switches off the default of the other."""
    if steps is _DEFAULT and secs is _DEFAULT:
        return default_steps, default_secs
    return None if steps is _DEFAULT else steps, None if secs is _DEFAULT else secs


@public("train.MonitoredTrainingSession")
def MonitoredTrainingSession(
    master: str = "", is_chief: bool = True, checkpoint_dir: str | None = None, scaffold: Scaffold | None = None,
    hooks: Sequence[SessionRunHook] | None = None, chief_only_hooks: Sequence[SessionRunHook] | None = None,
    save_checkpoint_secs: Any = _DEFAULT, save_summaries_steps: Any = _DEFAULT, save_summaries_secs: Any = _DEFAULT,
    config: Any = None, stop_grace_period_secs: float = 120, log_step_count_steps: int | None = 100,
    max_wait_secs: float = 7200, save_checkpoint_steps: Any = _DEFAULT, summary_dir: str | None = None,
) -> MonitoredSession:  # fmt: skip
    """A `MonitoredSession` that writes checkpoints, summaries and its speed.

    Parameters
    ----------
    master : str
    is_chief : bool
        Initializes and writes; others wait for the chief.
    checkpoint_dir : str, optional
        Restored from, and written to.
    scaffold : Scaffold, optional
    hooks, chief_only_hooks : list of SessionRunHook, optional
    save_checkpoint_secs, save_checkpoint_steps : optional
        Default: every 600 seconds.
    save_summaries_steps, save_summaries_secs : optional
        Default: every 100 steps.
    config : ConfigProto, optional
    stop_grace_period_secs : float
    log_step_count_steps : int, optional
    max_wait_secs : float
        How long others wait.
    summary_dir : str, optional
        Default: `checkpoint_dir`.
    """
    summary_steps, summary_secs = _interval(save_summaries_steps, save_summaries_secs, 100, None)
    checkpoint_steps, checkpoint_secs = _interval(save_checkpoint_steps, save_checkpoint_secs, None, 600)
    scaffold = scaffold or Scaffold()
    if not is_chief:
        worker = WorkerSessionCreator(scaffold, master, config, max_wait_secs)
        return MonitoredSession(worker, hooks, stop_grace_period_secs)
    every: list[SessionRunHook] = list(chief_only_hooks or ())
    folder = summary_dir or checkpoint_dir
    if folder:
        if log_step_count_steps and log_step_count_steps > 0:
            every.append(StepCounterHook(every_n_steps=log_step_count_steps, output_dir=folder))
        if (summary_steps and summary_steps > 0) or (summary_secs and summary_secs > 0):
            every.append(
                SummarySaverHook(scaffold=scaffold, save_steps=summary_steps, save_secs=summary_secs, output_dir=folder)
            )
    if checkpoint_dir and ((checkpoint_secs and checkpoint_secs > 0) or (checkpoint_steps and checkpoint_steps > 0)):
        os.makedirs(checkpoint_dir, exist_ok=True)
        every.append(
            CheckpointSaverHook(
                checkpoint_dir, save_steps=checkpoint_steps, save_secs=checkpoint_secs, scaffold=scaffold
            )
        )
    every += hooks or ()
    creator = ChiefSessionCreator(scaffold, master, config, checkpoint_dir)
    return MonitoredSession(creator, every, stop_grace_period_secs)
