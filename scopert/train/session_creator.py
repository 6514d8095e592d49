"""Where the sessions of a monitored session come from."""

from __future__ import annotations

from typing import Any

from scopert.graph.stack import get_default_graph
from scopert.public import public
from scopert.train.scaffold import Scaffold
from scopert.train.session_manager import SessionManager


@public("train.SessionCreator")
class SessionCreator:
    """What makes the session of a `MonitoredSession`."""

    def create_session(self) -> Any:
        """A session that is ready."""
        raise NotImplementedError(f"{type(self).__name__} does not say how a session is made")


class _ManagedCreator(SessionCreator):
    def __init__(self, scaffold: Scaffold | None, master: str, config: Any) -> None:
        self._scaffold = scaffold or Scaffold()
        self._master = master
        self._config = config
        self._session_manager: SessionManager | None = None

    def _manager(self) -> SessionManager:
        if self._session_manager is None:
            self._session_manager = SessionManager(
                local_init_op=self._scaffold.local_init_op,
                local_init_feed_dict=self._scaffold.local_init_feed_dict,
                ready_op=self._scaffold.ready_op,
                ready_for_local_init_op=self._scaffold.ready_for_local_init_op,
                graph=get_default_graph(),
            )
        return self._session_manager


@public("train.ChiefSessionCreator")
class ChiefSessionCreator(_ManagedCreator):
    """Makes a session from a checkpoint if there is one, else by the initializers.

    Parameters
    ----------
    scaffold : Scaffold, optional
    master : str
    config : ConfigProto, optional
    checkpoint_dir, checkpoint_filename_with_path : str, optional
    """

    def __init__(
        self, scaffold: Scaffold | None = None, master: str = "", config: Any = None,
        checkpoint_dir: str | None = None, checkpoint_filename_with_path: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(scaffold, master, config)
        self._folder = checkpoint_dir
        self._path = checkpoint_filename_with_path

    def create_session(self) -> Any:
        scaffold = self._scaffold.finalize()
        return self._manager().prepare_session(
            self._master, saver=scaffold.saver, checkpoint_dir=self._folder,
            checkpoint_filename_with_path=self._path, config=self._config, init_op=scaffold.init_op,
            init_feed_dict=scaffold.init_feed_dict, init_fn=scaffold.init_fn,
        )  # fmt: skip


@public("train.WorkerSessionCreator")
class WorkerSessionCreator(_ManagedCreator):
    """Makes a session once somebody else has initialized the model.

    Parameters
    ----------
    scaffold : Scaffold, optional
    master : str
    config : ConfigProto, optional
    max_wait_secs : float
    """

    def __init__(
        self, scaffold: Scaffold | None = None, master: str = "", config: Any = None, max_wait_secs: float = 30 * 60
    ) -> None:
        super().__init__(scaffold, master, config)
        self._max_wait = max_wait_secs

    def create_session(self) -> Any:
        self._scaffold.finalize()
        return self._manager().wait_for_session(self._master, config=self._config, max_wait_secs=self._max_wait)
