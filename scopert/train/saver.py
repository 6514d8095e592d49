"""`tf.train.Saver`: variables to checkpoints and back."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scopert.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from scopert.ops.checkpoint_format import local_path
from scopert.public import public
from scopert.runtime.base_session import BaseSession
from scopert.train import saver_graph
from scopert.train.checkpoint_state import (
    checkpoint_exists,
    get_checkpoint_mtimes,
    meta_graph_filename,
    remove_checkpoint,
    write_state,
)
from scopert.train.global_step import global_step as value_of_global_step
from scopert.train.meta_graph import export_meta_graph
from scopert.train.saveables import all_saveable_objects, saveables_of
from scopert.train.saver_graph import SaverDef

_log = logging.getLogger("scopert")


@public("train.Saver")
class Saver:
    """Saves variables to checkpoints and restores them.

    Parameters
    ----------
    var_list : list of Variable or dict, optional
        What to save; a dictionary gives the names in the checkpoint. Default: all global variables.
    reshape : bool
        Restore also what has another shape but as many elements.
    sharded : bool
        One data file a device.
    max_to_keep : int or None
        How many checkpoints are kept; None or 0 keeps all.
    keep_checkpoint_every_n_hours : float
        Keep one for good as often as that.
    name : str, optional
        Of the name scope of its operations. Default ``save``.
    restore_sequentially : bool
        Without effect, as in TensorFlow: all tensors are read by one operation.
    saver_def : SaverDef, optional
        Use operations that exist instead of making them.
    builder : optional
        Not supported.
    defer_build : bool
        Make the operations only when `build` is called.
    allow_empty : bool
        Do not complain if there is nothing to save.
    write_version : int
        ``SaverDef.V2``; there is one format, see :mod:`scopert.ops.checkpoint_format`.
    pad_step_number : bool
        Write the step with eight digits.
    save_relative_paths : bool
        Write paths relative to the directory into its file ``checkpoint``.
    filename : str, optional
        Default prefix of the operations.

    Raises
    ------
    ValueError
        If there is nothing to save, a variable occurs twice, or options exclude each other.
    TypeError
        If something is not a variable.

    Examples
    --------
    >>> import scopert as tf, tempfile
    >>> with tf.Graph().as_default(), tf.Session() as sess, tempfile.TemporaryDirectory() as folder:
    ...     v = tf.get_variable("v", initializer=[1.0, 2.0])
    ...     saver = tf.train.Saver()
    ...     sess.run(v.initializer)
    ...     path = saver.save(sess, folder + "/model", write_meta_graph=False)
    ...     sess.run(v.assign([0.0, 0.0]).op)
    ...     saver.restore(sess, path)
    ...     print(sess.run(v).tolist())
    [1.0, 2.0]
    """

    def __init__(
        self, var_list: Any = None, reshape: bool = False, sharded: bool = False, max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0, name: str | None = None, restore_sequentially: bool = False,
        saver_def: SaverDef | None = None, builder: Any = None, defer_build: bool = False, allow_empty: bool = False,
        write_version: int = SaverDef.V2, pad_step_number: bool = False, save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:  # fmt: skip
        if defer_build and var_list:
            raise ValueError(
                "If `var_list` is provided then build cannot be deferred. "
                "Either set defer_build=False or var_list=None."
            )
        if builder is not None:
            raise NotImplementedError("Saver: builders of other operations are not supported")
        if write_version not in (SaverDef.V1, SaverDef.V2):
            raise ValueError(f"Unexpected write_version: {write_version}")
        self._var_list = var_list
        self._reshape = reshape
        self._sharded = sharded
        self._max_to_keep = max_to_keep
        self._keep_every = keep_checkpoint_every_n_hours
        self._name = name
        self._restore_sequentially = restore_sequentially
        self.saver_def = saver_def
        self._write_version = write_version
        self._allow_empty = allow_empty
        self._is_empty = False
        self._is_built = False
        self._pad_step_number = pad_step_number
        self._save_relative_paths = save_relative_paths
        self._filename = filename
        self._next_checkpoint_time = time.time() + keep_checkpoint_every_n_hours * 3600
        self._last_checkpoints: list[tuple[str, float]] = []
        self._to_be_deleted: list[tuple[str, float]] = []
        if not defer_build:
            self.build()

    def build(self) -> None:
        """Makes the operations, once."""
        if self._is_built:
            return
        self._is_built = True
        if self.saver_def is None:
            if self._var_list is None:
                self._var_list = all_saveable_objects()
            if not self._var_list:
                if not self._allow_empty:
                    raise ValueError("No variables to save")
                self._is_empty = True
                return
            filename, save, restore = saver_graph.build(
                saveables_of(self._var_list), self._name, self._filename, self._reshape, self._sharded,
                self._restore_sequentially,
            )  # fmt: skip
            self.saver_def = SaverDef(
                filename, save, restore, self._max_to_keep or 0, self._sharded, self._keep_every, self._write_version
            )
        else:
            self._max_to_keep = self.saver_def.max_to_keep
            self._keep_every = self.saver_def.keep_checkpoint_every_n_hours
            self._next_checkpoint_time = time.time() + self._keep_every * 3600

    def as_saver_def(self) -> SaverDef | None:
        """Where its operations are."""
        return self.saver_def

    def to_proto(self, export_scope: str | None = None) -> SaverDef | None:
        """The same; with `export_scope`, names relative to that scope, or None if they are not in it."""
        found = self.saver_def
        if export_scope is None or found is None:
            return found
        start = export_scope + "/"
        names = (found.filename_tensor_name, found.save_tensor_name, found.restore_op_name)
        if not all(name.startswith(start) for name in names):
            return None
        filename, save, restore = (name[len(start) :] for name in names)
        return replace(found, filename_tensor_name=filename, save_tensor_name=save, restore_op_name=restore)

    @staticmethod
    def from_proto(saver_def: SaverDef, import_scope: str | None = None) -> Saver:
        """A Saver that uses existing operations."""
        return Saver(saver_def=saver_def, name=import_scope)

    # The checkpoints that it wrote.

    @property
    def last_checkpoints(self) -> list[str]:
        """Those that are not deleted yet, oldest first."""
        return [path for path, _ in self._last_checkpoints]

    def set_last_checkpoints(self, last_checkpoints: Sequence[str]) -> None:
        """Says which checkpoints this Saver has written, oldest first; their times are unknown."""
        if not isinstance(last_checkpoints, list):
            raise AssertionError(f"last_checkpoints must be a list, got {type(last_checkpoints).__name__}")
        # As if written infinitely late: they are never the ones kept for good.
        self._last_checkpoints = [(path, np.inf) for path in last_checkpoints]

    def set_last_checkpoints_with_time(self, last_checkpoints_with_time: Sequence[tuple[str, float]]) -> None:
        """The same with times, as ``(path, seconds since the epoch)``."""
        if not isinstance(last_checkpoints_with_time, list):
            raise AssertionError(
                f"last_checkpoints_with_time must be a list, got {type(last_checkpoints_with_time).__name__}"
            )
        self._last_checkpoints = list(last_checkpoints_with_time)

    def recover_last_checkpoints(self, checkpoint_paths: Sequence[str]) -> None:
        """Takes over checkpoints that an earlier program wrote, as far as they exist."""
        found = [path for path in checkpoint_paths if checkpoint_exists(path)]
        self.set_last_checkpoints_with_time(list(zip(found, get_checkpoint_mtimes(found), strict=True)))

    # Saving and restoring.

    def save(
        self, sess: Any, save_path: Any, global_step: Any = None, latest_filename: str | None = None,
        meta_graph_suffix: str = "meta", write_meta_graph: bool = True, write_state: bool = True,
        strip_default_attrs: bool = False, save_debug_info: bool = False,
    ) -> str | None:  # fmt: skip
        """Writes a checkpoint.

        Parameters
        ----------
        sess : Session
        save_path : str
            The prefix of its files.
        global_step : int, Tensor or Variable, optional
            Appended to the prefix.
        latest_filename : str, optional
            Of the file that lists the checkpoints. Default ``checkpoint``.
        meta_graph_suffix : str
        write_meta_graph : bool
            Write the graph beside it; needs the ``tensorboard`` package, without it a warning says so.
        write_state : bool
            Write the file ``checkpoint``, and delete checkpoints beyond `max_to_keep`.
        strip_default_attrs, save_debug_info : bool
            Must be False.

        Returns
        -------
        str or None
            The prefix; None if there is nothing to save.

        Raises
        ------
        TypeError
            If `sess` is no Session.
        ValueError
            If names collide or the directory does not exist.
        RuntimeError
            If `build` was not called.
        """
        if not self._is_built:
            raise RuntimeError("`build()` should be called before save if defer_build==True")
        if strip_default_attrs or save_debug_info:
            raise NotImplementedError("Saver.save: strip_default_attrs and save_debug_info are not supported")
        latest = "checkpoint" if latest_filename is None else latest_filename
        if os.path.split(latest)[0]:
            raise ValueError("'latest_filename' must not contain path components")
        prefix = self._with_step(sess, os.fsdecode(save_path), global_step, latest)
        if not isinstance(_unwrapped(sess), BaseSession):
            raise TypeError(f"'sess' must be a Session; {sess}")
        folder = os.path.dirname(local_path(prefix))
        if not self._is_empty:
            self._write(sess, prefix, folder)
            if write_state:
                self._record(prefix)
                _write_state(folder, prefix, self, latest)
                self._delete_old(meta_graph_suffix)
        if write_meta_graph:
            self._write_graph(sess.graph, meta_graph_filename(prefix, meta_graph_suffix))
        return None if self._is_empty else prefix

    def _with_step(self, sess: Any, path: str, global_step: Any, latest: str) -> str:
        if global_step is None:
            if os.path.basename(path) == latest and not self._sharded:
                raise ValueError(f"'latest_filename' collides with 'save_path': '{latest}' and '{path}'")
            return path
        number = global_step
        if not isinstance(number, (int, np.integer)):
            number = value_of_global_step(sess, number)
        return f"{path}-{int(number):08d}" if self._pad_step_number else f"{path}-{int(number)}"

    def _write(self, sess: Any, prefix: str, folder: str) -> None:
        assert self.saver_def is not None
        try:
            sess.run(self.saver_def.save_tensor_name, {self.saver_def.filename_tensor_name: prefix})
        except (FailedPreconditionError, NotFoundError) as error:
            if folder and not os.path.isdir(folder):
                raise ValueError(f"Parent directory of {prefix} doesn't exist, can't save.") from error
            raise

    def _write_graph(self, graph: Any, path: str) -> None:
        try:
            export_meta_graph(local_path(path), graph, self.saver_def)
        except ImportError as error:
            _log.warning("The graph is not written to %s: %s", path, error)

    def export_meta_graph(self, filename: str | None = None, *options: Any, **named: Any) -> Any:
        """The current graph with this Saver as a MetaGraphDef; see `tf.train.export_meta_graph`."""
        names = (
            "collection_list", "as_text", "export_scope", "clear_devices", "clear_extraneous_savers",
            "strip_default_attrs",
        )  # fmt: skip
        arguments = {**dict(zip(names, options, strict=False)), **named}
        return export_meta_graph(filename, saver_def=self.saver_def, **arguments)

    def restore(self, sess: Any, save_path: Any) -> None:
        """Reads variables from a checkpoint; they need not be initialized.

        Parameters
        ----------
        sess : Session
        save_path : str
            What `save` returned.

        Raises
        ------
        ValueError
            If there is no such checkpoint.
        NotFoundError
            If it lacks a variable.
        InvalidArgumentError
            If a variable is of another type or shape there.
        """
        if self._is_empty:
            return
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        prefix = os.fsdecode(save_path)
        if not checkpoint_exists(prefix):
            raise ValueError(f"The passed save_path is not a valid checkpoint: {prefix}")
        if not self._is_built or self.saver_def is None:
            raise RuntimeError("`build()` should be called before restore if defer_build==True")
        _log.info("Restoring parameters from %s", prefix)
        try:
            sess.run(self.saver_def.restore_op_name, {self.saver_def.filename_tensor_name: prefix})
        except NotFoundError as error:
            raise _explained(error, "a Variable name or other graph key that is missing") from error
        except InvalidArgumentError as error:
            raise _explained(error, "a mismatch between the current graph and the graph") from error

    # Which checkpoints are kept.

    def _record(self, prefix: str) -> None:
        if not self._max_to_keep:
            return
        self._last_checkpoints = [row for row in self._last_checkpoints if row[0] != prefix]
        self._last_checkpoints.append((prefix, time.time()))
        if len(self._last_checkpoints) > self._max_to_keep:
            self._to_be_deleted.append(self._last_checkpoints.pop(0))

    def _delete_old(self, meta_graph_suffix: str) -> None:
        if not self._to_be_deleted:
            return
        path, when = self._to_be_deleted.pop(0)
        if when > self._next_checkpoint_time:
            self._next_checkpoint_time += self._keep_every * 3600
            return
        remove_checkpoint(path, meta_graph_suffix=meta_graph_suffix)


def _write_state(folder: str, prefix: str, saver: Saver, latest: str) -> None:
    write_state(folder, prefix, saver.last_checkpoints, latest, saver._save_relative_paths)


def _unwrapped(sess: Any) -> Any:
    """The session behind a monitored one."""
    inner = getattr(sess, "raw_session", None)
    return inner() if callable(inner) else sess


def _explained(error: Any, what: str) -> Exception:
    return type(error)(
        error.node_def, error.op,
        f"Restoring from checkpoint failed. This is most likely due to {what} from the checkpoint. Please ensure that "
        f"you have not altered the graph expected based on the checkpoint. Original error:\n\n{error.message}",
    )  # fmt: skip
