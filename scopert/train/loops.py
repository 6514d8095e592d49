"""Loops around training: over steps, and over the checkpoints that another program writes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scopert.errors import AbortedError
from scopert.public import public
from scopert.train.checkpoint_state import latest_checkpoint
from scopert.train.supervisor import Supervisor

_log = logging.getLogger("scopert")


@public("train.basic_train_loop")
def basic_train_loop(
    supervisor: Supervisor, train_step_fn: Callable[..., Any], args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None, master: str = "",
) -> None:  # fmt: skip
    """Calls ``train_step_fn(session, *args, **kwargs)`` until the supervisor stops; anew after `AbortedError`.

    Parameters
    ----------
    supervisor : Supervisor
    train_step_fn : callable
    args : list, optional
    kwargs : dict, optional
    master : str
    """
    while True:
        try:
            with supervisor.managed_session(master) as session:
                while not supervisor.should_stop():
                    train_step_fn(session, *(args or ()), **(kwargs or {}))
            return
        except AbortedError as error:
            _log.info("The session was aborted and is made again: %s", error)


@public("train.checkpoints_iterator")
def checkpoints_iterator(
    checkpoint_dir: str, min_interval_secs: float = 0, timeout: float | None = None,
    timeout_fn: Callable[[], bool] | None = None,
) -> Iterator[str]:  # fmt: skip
    """The checkpoints of a directory as they appear; only the latest of those that came meanwhile.

    Parameters
    ----------
    checkpoint_dir : str
    min_interval_secs : float
        Between two of them.
    timeout : float, optional
        How many seconds to wait for a new one. Default: for ever.
    timeout_fn : callable, optional
        Called after each timeout; the end is when it returns true. Without it the first timeout is the end.
    """
    last = None
    while True:
        new = _wait(checkpoint_dir, last, timeout)
        if new is None:
            if timeout_fn is None:
                return
            if timeout_fn():
                return
            continue
        start = time.time()
        last = new
        yield new
        pause = start + min_interval_secs - time.time()
        if pause > 0:
            time.sleep(pause)


def _wait(folder: str, last: str | None, timeout: float | None, pause: float = 0.1) -> str | None:
    end = None if timeout is None else time.time() + timeout
    while True:
        path = latest_checkpoint(folder)
        if path is not None and path != last:
            return path
        if end is not None and time.time() + pause > end:
            return None
        time.sleep(pause)
