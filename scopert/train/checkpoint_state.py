"""The file ``checkpoint`` of a directory: which checkpoints it holds, and which is the latest."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scopert.graph.stack import get_default_session
from scopert.ops import checkpoint_format
from scopert.public import public

_log = logging.getLogger("scopert")
_FIELDS = {
    "model_checkpoint_path": str,
    "all_model_checkpoint_paths": str,
    "all_model_checkpoint_timestamps": float,
    "last_preserved_timestamp": float,
}
_LINE = re.compile(r"\s*(\w+)\s*:\s*(\"(?:[^\"\\]|\\.)*\"|[^\s#]+)\s*$")


@dataclass
class CheckpointState:
    """What the file says.

    Attributes
    ----------
    model_checkpoint_path : str
        The latest checkpoint.
    all_model_checkpoint_paths : list of str
        All that are kept, oldest first.
    all_model_checkpoint_timestamps : list of float
        When they were written, if known.
    last_preserved_timestamp : float
        When one was last kept for good.
    """

    model_checkpoint_path: str = ""
    all_model_checkpoint_paths: list[str] = field(default_factory=list)
    all_model_checkpoint_timestamps: list[float] = field(default_factory=list)
    last_preserved_timestamp: float = 0.0

    def to_text(self) -> str:
        """The text form that TensorFlow writes."""
        lines = [f"model_checkpoint_path: {json.dumps(self.model_checkpoint_path)}"]
        lines += [f"all_model_checkpoint_paths: {json.dumps(path)}" for path in self.all_model_checkpoint_paths]
        lines += [f"all_model_checkpoint_timestamps: {time!r}" for time in self.all_model_checkpoint_timestamps]
        if self.last_preserved_timestamp:
            lines.append(f"last_preserved_timestamp: {self.last_preserved_timestamp!r}")
        return "\n".join(lines) + "\n"

    @staticmethod
    def from_text(text: str) -> CheckpointState:
        """Reads the text form.

        Raises
        ------
        ValueError
            If a line is not understood.
        """
        state = CheckpointState()
        for line in text.splitlines():
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            found = _LINE.match(line)
            kind = _FIELDS.get(found.group(1)) if found else None
            if found is None or kind is None:
                raise ValueError(f"not a line of a checkpoint state: {line!r}")
            value = json.loads(found.group(2)) if kind is str else float(found.group(2))
            if found.group(1).startswith("all_"):
                getattr(state, found.group(1)).append(value)
            else:
                setattr(state, found.group(1), value)
        return state


def _state_file(directory: str, latest_filename: str | None) -> str:
    return os.path.join(directory, "checkpoint" if latest_filename is None else latest_filename)


@public("train.generate_checkpoint_state_proto")
def generate_checkpoint_state_proto(
    save_dir: str, model_checkpoint_path: str, all_model_checkpoint_paths: Sequence[str] | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None, last_preserved_timestamp: float | None = None,
) -> CheckpointState:  # fmt: skip
    """A checkpoint state, with paths relative to `save_dir` if that is itself a relative path.

    Parameters
    ----------
    save_dir : str
    model_checkpoint_path : str
        The latest; it is added to the others if it is not among them.
    all_model_checkpoint_paths : list of str, optional
        Oldest first.
    all_model_checkpoint_timestamps : list of float, optional
        One for each of them.
    last_preserved_timestamp : float, optional

    Raises
    ------
    ValueError
        If there are not as many timestamps as paths.
    """
    # A list that lacks the latest is extended itself, as in TensorFlow.
    given = all_model_checkpoint_paths if isinstance(all_model_checkpoint_paths, list) else []
    given = given or list(all_model_checkpoint_paths or ())
    if not given or given[-1] != model_checkpoint_path:
        _log.info("%s is not in all_model_checkpoint_paths. Manually adding it.", model_checkpoint_path)
        given.append(model_checkpoint_path)
    paths = list(given)
    times = list(all_model_checkpoint_timestamps or ())
    if times and len(times) != len(paths):
        raise ValueError(
            "Checkpoint timestamps, if provided, must match checkpoint paths "
            f"(got paths {paths} and timestamps {times})"
        )
    if not os.path.isabs(save_dir):
        paths = [os.path.relpath(path, save_dir) if not os.path.isabs(path) else path for path in paths]
        if not os.path.isabs(model_checkpoint_path):
            model_checkpoint_path = os.path.relpath(model_checkpoint_path, save_dir)
    return CheckpointState(model_checkpoint_path, paths, times, last_preserved_timestamp or 0.0)


@public("train.update_checkpoint_state")
def update_checkpoint_state(
    save_dir: str, model_checkpoint_path: str, all_model_checkpoint_paths: Sequence[str] | None = None,
    latest_filename: str | None = None, all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> None:  # fmt: skip
    """Writes the file ``checkpoint`` of a directory; see `generate_checkpoint_state_proto`.

    Raises
    ------
    RuntimeError
        If a checkpoint has the name of the file itself.
    """
    write_state(
        save_dir, model_checkpoint_path, all_model_checkpoint_paths, latest_filename, False,
        all_model_checkpoint_timestamps, last_preserved_timestamp,
    )  # fmt: skip


def write_state(
    save_dir: str, latest: str, paths: Sequence[str] | None = None, latest_filename: str | None = None,
    relative: bool = False, timestamps: Sequence[float] | None = None, preserved: float | None = None,
) -> None:  # fmt: skip
    """The same; with `relative`, absolute paths below `save_dir` are written relative to it."""
    path = _state_file(save_dir, latest_filename)
    if relative:
        latest = os.path.relpath(latest, save_dir) if os.path.isabs(latest) else latest
        paths = [os.path.relpath(item, save_dir) if os.path.isabs(item) else item for item in paths or ()]
    state = generate_checkpoint_state_proto(save_dir, latest, paths, timestamps, preserved)
    if path == state.model_checkpoint_path:
        raise RuntimeError(
            f"Save path '{state.model_checkpoint_path}' conflicts with path used for checkpoint state.  "
            "Please use a different save path."
        )
    temporary = f"{path}.tmp{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(state.to_text())
    os.replace(temporary, path)


@public("train.get_checkpoint_state")
def get_checkpoint_state(checkpoint_dir: Any, latest_filename: str | None = None) -> CheckpointState | None:
    """What the file ``checkpoint`` of a directory says, with complete paths; None if there is none.

    Parameters
    ----------
    checkpoint_dir : str
    latest_filename : str, optional
        Of the file. Default ``checkpoint``.

    Raises
    ------
    ValueError
        If the file names no checkpoint.
    """
    directory = os.fsdecode(checkpoint_dir)
    path = _state_file(directory, latest_filename)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        state = CheckpointState.from_text(text)
    except ValueError as error:
        _log.warning("%s: %s", path, error)
        return None
    if not state.model_checkpoint_path:
        raise ValueError(f"Invalid checkpoint state loaded from {checkpoint_dir}")
    state.model_checkpoint_path = _complete(directory, state.model_checkpoint_path)
    state.all_model_checkpoint_paths = [_complete(directory, item) for item in state.all_model_checkpoint_paths]
    return state


def _complete(directory: str, path: str) -> str:
    return path if os.path.isabs(path) else os.path.join(directory, path)


@public("train.latest_checkpoint")
def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """The path of the latest checkpoint of a directory, or None if there is none.

    Parameters
    ----------
    checkpoint_dir : str
    latest_filename : str, optional
        Of the file that says so. Default ``checkpoint``.
    """
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not state.model_checkpoint_path:
        return None
    if checkpoint_format.exists(state.model_checkpoint_path):
        return state.model_checkpoint_path
    _log.error("Couldn't match files for checkpoint %s", state.model_checkpoint_path)
    return None


@public("train.checkpoint_exists")
def checkpoint_exists(checkpoint_prefix: Any) -> bool:
    """Whether there is a checkpoint of this prefix."""
    return checkpoint_format.exists(os.fsdecode(checkpoint_prefix))


@public("train.get_checkpoint_mtimes")
def get_checkpoint_mtimes(checkpoint_prefixes: Iterable[Any]) -> list[float]:
    """When checkpoints were last changed, in seconds since the epoch; those that are not there are left out."""
    names = [checkpoint_format.index_file(os.fsdecode(prefix)) for prefix in checkpoint_prefixes]
    return [os.stat(name).st_mtime for name in names if os.path.exists(name)]


@public("train.remove_checkpoint")
def remove_checkpoint(
    checkpoint_prefix: Any, checkpoint_format_version: int = 2, meta_graph_suffix: str = "meta"
) -> None:
    """Deletes the files of a checkpoint.

    Parameters
    ----------
    checkpoint_prefix : str
    checkpoint_format_version : int
        Accepted as in TensorFlow; there is one format.
    meta_graph_suffix : str
        Of the file with the graph beside it.
    """
    prefix = os.fsdecode(checkpoint_prefix)
    for name in [*checkpoint_format.files_of(prefix), meta_graph_filename(prefix, meta_graph_suffix)]:
        if os.path.exists(name):
            os.remove(name)


def meta_graph_filename(prefix: str, suffix: str = "meta") -> str:
    """The file with the graph beside a checkpoint; shards share one."""
    base = re.sub(r"-[\d\?]+-of-\d+$", "", prefix)
    return f"{base}.{suffix}"


@public("train.CheckpointManager")
class CheckpointManager:
    """Keeps the last few checkpoints of an object that can write them.

    Parameters
    ----------
    checkpoint : Checkpoint
    directory : str
    max_to_keep : int or None
        None keeps all.
    keep_checkpoint_every_n_hours : float, optional
        Keep one for good as often as that.
    checkpoint_name : str
        Checkpoints are ``DIRECTORY/NAME-NUMBER``.

    Raises
    ------
    ValueError
        If `max_to_keep` is not positive.
    """

    def __init__(
        self, checkpoint: Any, directory: str, max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None, checkpoint_name: str = "ckpt",
    ) -> None:  # fmt: skip
        if max_to_keep is not None and max_to_keep <= 0:
            raise ValueError(f"Expected a positive integer or `None` for `max_to_max_to_keep`, got {max_to_keep}.")
        self._checkpoint = checkpoint
        self._max_to_keep = max_to_keep
        self._keep_every = keep_checkpoint_every_n_hours
        self._directory = directory
        self._prefix = os.path.join(directory, checkpoint_name)
        self._sweep: dict[str, float] = {}
        self._latest: str | None = None
        self._preserved = time.time() - (keep_checkpoint_every_n_hours or 0) * 3600.0
        state = get_checkpoint_state(directory)
        if state is not None:
            if state.last_preserved_timestamp:
                self._preserved = min(state.last_preserved_timestamp, time.time())
            # Those without times were written by somebody else: they are never deleted.
            rows = zip(state.all_model_checkpoint_paths, state.all_model_checkpoint_timestamps, strict=False)
            self._sweep = dict(rows)
            self._latest = state.model_checkpoint_path

    @property
    def latest_checkpoint(self) -> str | None:
        """The most recent, or None."""
        return self._latest

    @property
    def checkpoints(self) -> list[str]:
        """Those that are kept until newer ones replace them, oldest first."""
        return list(self._sweep)

    def save(self, checkpoint_number: Any = None, session: Any = None) -> str:
        """Writes a checkpoint and deletes those that are too old.

        Parameters
        ----------
        checkpoint_number : int, Tensor or Variable, optional
            Default: the checkpoint's own count of saves, increased by one.
        session : Session, optional

        Returns
        -------
        str
            The path of the checkpoint.
        """
        counted = self._checkpoint._next_number(session)
        number = counted if checkpoint_number is None else checkpoint_number
        if not isinstance(number, int):
            number = int((session or get_default_session()).run(number))
        path: str = self._checkpoint.write(f"{self._prefix}-{number}", session=session)
        now = time.time()
        self._sweep.pop(path, None)
        self._sweep[path] = now
        self._latest = path
        self._delete_old()
        update_checkpoint_state(
            self._directory, path, self.checkpoints, all_model_checkpoint_timestamps=list(self._sweep.values()),
            last_preserved_timestamp=self._preserved,
        )  # fmt: skip
        return path

    def _delete_old(self) -> None:
        if self._max_to_keep is None:
            return
        while len(self._sweep) > self._max_to_keep:
            path, when = next(iter(self._sweep.items()))
            del self._sweep[path]
            if self._keep_every and when > self._preserved + self._keep_every * 3600.0:
                self._preserved = when
                continue
            remove_checkpoint(path)
