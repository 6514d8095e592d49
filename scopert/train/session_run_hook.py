"""What happens around each run of a monitored session."""

from __future__ import annotations

from typing import Any, NamedTuple

from scopert.public import public


@public("train.SessionRunArgs")
class SessionRunArgs(NamedTuple):
    """What a hook adds to a run."""

    fetches: Any
    feed_dict: Any = None
    options: Any = None


@public("train.SessionRunValues")
class SessionRunValues(NamedTuple):
    """What a hook gets after a run."""

    results: Any
    options: Any
    run_metadata: Any


@public("train.SessionRunContext")
class SessionRunContext:
    """The run that is under way, and a way to ask for an end.

    Attributes
    ----------
    original_args : SessionRunArgs
        What the user passed.
    session : Session
    stop_requested : bool
    """

    def __init__(self, original_args: SessionRunArgs, session: Any) -> None:
        self._original_args = original_args
        self._session = session
        self._stop_requested = False

    @property
    def original_args(self) -> SessionRunArgs:
        return self._original_args

    @property
    def session(self) -> Any:
        return self._session

    @property
    def stop_requested(self) -> bool:
        return self._stop_requested

    def request_stop(self) -> None:
        """Ends the loop over the session: `should_stop` becomes true."""
        self._stop_requested = True


@public("train.SessionRunHook")
class SessionRunHook:
    """Base class of hooks; the methods do nothing."""

    def begin(self) -> None:
        """Called once, before the session is made: the graph may still be changed."""

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Called when a session was made, also after a recovery; the graph is finalized."""

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Called before each run; may add fetches and feeds."""
        return None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Called after each run that raised nothing."""

    def end(self, session: Any) -> None:
        """Called at the end, unless an exception ended the session."""
