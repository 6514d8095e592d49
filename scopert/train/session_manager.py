"""Making sessions whose variables are initialized or restored."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.errors import DeadlineExceededError, FailedPreconditionError
from scopert.graph.graph import Graph
from scopert.graph.stack import get_default_graph
from scopert.public import public
from scopert.runtime.session import Session
from scopert.train.checkpoint_state import get_checkpoint_state

_log = logging.getLogger("scopert")


@public("train.SessionManager")
class SessionManager:
    """Makes sessions that are ready: from a checkpoint if there is one, else by the initializers.

    Parameters
    ----------
    local_init_op : Operation, optional
        Run in every new session.
    ready_op : Tensor, optional
        The names of what is not initialized; the session is ready if it is empty.
    ready_for_local_init_op : Tensor, optional
        The same, before `local_init_op`.
    graph : Graph, optional
        Default: the current one.
    recovery_wait_secs : float
        Between two looks at whether a session is ready.
    local_init_run_options : RunOptions, optional
    local_init_feed_dict : dict, optional

    Raises
    ------
    ValueError
        If `ready_for_local_init_op` is given without `local_init_op`.
    """

    def __init__(
        self, local_init_op: Any = None, ready_op: Any = None, ready_for_local_init_op: Any = None,
        graph: Graph | None = None, recovery_wait_secs: float = 30, local_init_run_options: Any = None,
        local_init_feed_dict: Any = None,
    ) -> None:  # fmt: skip
        self._graph = get_default_graph() if graph is None else graph
        self._local_init_op = local_init_op
        self._ready_op = ready_op
        self._ready_for_local_init_op = ready_for_local_init_op
        self._wait = recovery_wait_secs
        self._local_options = local_init_run_options
        self._local_feeds = local_init_feed_dict
        if ready_for_local_init_op is not None and local_init_op is None:
            raise ValueError(
                "If you pass a ready_for_local_init_op you must also pass a local_init_op , ready_for_local_init_op "
                f"[{ready_for_local_init_op}]"
            )

    def prepare_session(
        self, master: str, init_op: Any = None, saver: Any = None, checkpoint_dir: str | None = None,
        checkpoint_filename_with_path: str | None = None, wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200, config: Any = None, init_feed_dict: Any = None,
        init_fn: Callable[[Any], Any] | None = None,
    ) -> Session:  # fmt: skip
        """A session that is ready.

        Parameters
        ----------
        master : str
            Must be ``""`` or ``"local"``.
        init_op : Operation or list, optional
            Run if nothing was restored.
        saver : Saver, optional
        checkpoint_dir : str, optional
            Restored from its latest checkpoint.
        checkpoint_filename_with_path : str, optional
            Restored from this one.
        wait_for_checkpoint : bool
            Wait until there is one.
        max_wait_secs : float
        config : ConfigProto, optional
        init_feed_dict : dict, optional
        init_fn : callable, optional
            ``f(session)``, called after `init_op`.

        Raises
        ------
        RuntimeError
            If the session is not ready after all.
        ValueError
            If both a directory and a checkpoint are given.
        """
        sess, restored = self._restore(
            master, saver, checkpoint_dir, checkpoint_filename_with_path, wait_for_checkpoint, max_wait_secs, config
        )
        if not restored:
            if init_op is None and not init_fn and self._local_init_op is None:
                raise RuntimeError("Model is not initialized and no init_op or init_fn or local_init_op was given")
            if init_op is not None:
                sess.run(init_op, feed_dict=init_feed_dict)
            if init_fn:
                init_fn(sess)
        what = f"Init op: {_name(init_op)}, init fn: {init_fn}"
        done, message = self._try_local_init(sess)
        if not done:
            raise RuntimeError(f"Init operations did not make model ready for local_init.  {what}, error: {message}")
        ready, message = self._is_ready(sess)
        if not ready:
            raise RuntimeError(
                f"Init operations did not make model ready.  {what}, local_init_op: {_name(self._local_init_op)}, "
                f"error: {message}"
            )
        return sess

    def recover_session(
        self, master: str, saver: Any = None, checkpoint_dir: str | None = None,
        checkpoint_filename_with_path: str | None = None, wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200, config: Any = None,
    ) -> tuple[Session, bool]:  # fmt: skip
        """A session restored from a checkpoint, and whether it is ready; see `prepare_session`."""
        sess, restored = self._restore(
            master, saver, checkpoint_dir, checkpoint_filename_with_path, wait_for_checkpoint, max_wait_secs, config
        )
        done, message = self._try_local_init(sess)
        if not restored or not done:
            _log.info("Restoring model from %s did not make model ready: %s",
                      checkpoint_dir or checkpoint_filename_with_path, message)  # fmt: skip
            return sess, False
        ready, message = self._is_ready(sess)
        return sess, ready

    def wait_for_session(self, master: str, config: Any = None, max_wait_secs: float = float("inf")) -> Session:
        """A session, as soon as somebody else has made the model ready.

        Raises
        ------
        DeadlineExceededError
            After `max_wait_secs`.
        """
        end = time.time() + max_wait_secs
        while True:
            sess = Session(master, graph=self._graph, config=config)
            done, message = self._try_local_init(sess)
            ready, text = self._is_ready(sess)
            if done and ready:
                return sess
            sess.close()
            if time.time() + self._wait > end:
                raise DeadlineExceededError(None, None, f"Session was not ready after waiting {max_wait_secs} secs.")
            _log.info("Waiting for model to be ready.  Ready_for_local_init_op:  %s, ready: %s", message, text)
            time.sleep(self._wait)

    def _restore(
        self, master: str, saver: Any, folder: str | None, path: str | None, wait: bool, max_wait: float, config: Any
    ) -> tuple[Session, bool]:
        sess = Session(master, graph=self._graph, config=config)
        if folder and path:
            raise ValueError("Can not provide both checkpoint_dir and checkpoint_filename_with_path.")
        if saver is None or not (folder or path):
            return sess, False
        if path:
            saver.restore(sess, path)
            return sess, True
        assert folder is not None
        waited = 0.0
        state = get_checkpoint_state(folder)
        while state is None or not state.model_checkpoint_path:
            if not wait or waited >= max_wait:
                return sess, False
            _log.info("Waiting for checkpoint to be available.")
            time.sleep(self._wait)
            waited += self._wait
            state = get_checkpoint_state(folder)
        saver.restore(sess, state.model_checkpoint_path)
        saver.recover_last_checkpoints(state.all_model_checkpoint_paths)
        return sess, True

    def _try_local_init(self, sess: Session) -> tuple[bool, str | None]:
        if self._local_init_op is None:
            return True, None
        ready, message = _check(self._ready_for_local_init_op, sess)
        if not ready:
            return False, message
        sess.run(self._local_init_op, feed_dict=self._local_feeds, options=self._local_options)
        return True, None

    def _is_ready(self, sess: Session) -> tuple[bool, str | None]:
        return _check(self._ready_op, sess)


def _check(op: Any, sess: Session) -> tuple[bool, str | None]:
    """Whether a report of what is not initialized is empty."""
    if op is None:
        return True, None
    try:
        value = sess.run(op)
    except FailedPreconditionError as error:
        if "uninitialized" not in str(error):
            raise
        return False, str(error)
    if value is None or np.asarray(value).dtype == np.int32 or np.asarray(value).size == 0:
        return True, None
    names = ", ".join(item.decode() if isinstance(item, bytes) else str(item) for item in np.ravel(value))
    return False, f"Variables not initialized: {names}"


def _name(op: Any) -> str:
    if isinstance(op, (list, tuple)):
        return ", ".join(map(_name, op))
    return str(getattr(op, "name", op))
