"""`tf.train.Checkpoint`: saves the variables of objects by the names of attributes, not of the graph."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from scopert.graph.constant import constant
from scopert.graph.dtypes import int64, string
from scopert.graph.graph import Graph
from scopert.graph.scopes import init_scope
from scopert.graph.stack import get_default_session
from scopert.graph.tensor import Tensor
from scopert.ops.no_op import no_op
from scopert.public import public
from scopert.scope.creators import create_variable
from scopert.scope.variable import Variable
from scopert.train.checkpoint_reader import CheckpointReader
from scopert.train.checkpoint_state import write_state
from scopert.train.optimizer import Optimizer
from scopert.train.saveables import SaveableObject, SaveSpec
from scopert.train.saver import Saver

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_SLOT = "/.OPTIMIZER_SLOT/"


#: The entry that says which variable of the graph each key was.
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


class _ObjectGraph(SaveableObject):
    """The names of the variables, saved with them."""

    def __init__(self, variables: dict[str, Any]) -> None:
        names = json.dumps({variable.op.name: key for key, variable in variables.items()})
        with init_scope():
            tensor = constant(names, name="object_graph")
        super().__init__(tensor, [SaveSpec(tensor, "", OBJECT_GRAPH, string)], OBJECT_GRAPH)

    def restore(self, restored_tensors: Sequence[Tensor], restored_shapes: Sequence[Any] | None) -> Any:
        return no_op()


def _session(session: Any) -> Any:
    found = get_default_session() if session is None else session
    if found is None:
        raise ValueError("tf.train.Checkpoint needs a session: pass one, or use it inside `with tf.Session():`")
    return found


@public("train.Checkpoint")
class Checkpoint:
    """Groups variables and objects with variables, to be saved and restored together.

    Parameters
    ----------
    **kwargs
        Variables, optimizers, other `Checkpoint` objects, lists and dictionaries of such, and objects with a list
        `variables`. They become attributes.

    Raises
    ------
    ValueError
        If something holds no variables.

    Examples
    --------
    >>> import scopert as tf, tempfile
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.get_variable("any_name", initializer=3.0)
    ...     sess.run(v.initializer)
    ...     path = tf.train.Checkpoint(step=v).save(tempfile.mkdtemp() + "/model")
    ...     sess.run(v.assign(0.0).op)
    ...     tf.train.Checkpoint(step=v).restore(path).run_restore_ops()
    ...     print(sess.run(v))
    3.0
    """

    def __init__(self, **kwargs: Any) -> None:
        for name, value in sorted(kwargs.items()):
            _variables_in(value, name, {})
            setattr(self, name, value)
        self._save_counter: Any = None
        self._advance_op: Any = None
        self._savers: dict[tuple[Any, ...], Saver] = {}

    @property
    def save_counter(self) -> Any:
        """How often `save` was called: a variable."""
        return self._counter(get_default_session())

    def _counter(self, session: Any) -> Any:
        if self._save_counter is None:
            self._save_counter = create_variable(0, name="save_counter", dtype=int64, trainable=False)
            if session is not None:
                session.run(self._save_counter.initializer)
        return self._save_counter

    def _next_number(self, session: Any) -> int:
        """Counts a save, and returns the new count."""
        opened = _session(session)
        counter = self._counter(opened)
        if self._advance_op is None:
            self._advance_op = counter.assign_add(1, read_value=False)
        opened.run(self._advance_op)
        return int(opened.run(counter))

    def _variables(self) -> dict[str, Any]:
        """What is saved, by its key in the checkpoint."""
        found: dict[str, Any] = {}
        optimizers: dict[str, Optimizer] = {}
        for name, value in sorted(vars(self).items()):
            if name.startswith("_") and name != "_save_counter":
                continue
            if value is not None:
                _variables_in(value, name.removeprefix("_"), found, optimizers)
        keys: dict[Any, str] = {}
        for path, variable in sorted(found.items(), key=lambda row: (row[0].count("/"), row[0])):
            keys.setdefault(variable, path)  # one that is reached twice is saved once
        made = {path + _VALUE: variable for variable, path in keys.items()}
        for path, optimizer in optimizers.items():
            made.update(_slots_of(optimizer, path, keys))
        return made

    def write(self, file_prefix: str, session: Any = None) -> str:
        """Writes a checkpoint of exactly this prefix; see `save`."""
        opened = _session(session)
        path = self._saver(self._variables(), opened.graph).save(
            opened, file_prefix, write_meta_graph=False, write_state=False
        )
        assert path is not None
        return path

    def save(self, file_prefix: str, session: Any = None) -> str:
        """Writes a checkpoint with a number behind the prefix.

        Parameters
        ----------
        file_prefix : str
        session : Session, optional
            Default: the default session.

        Returns
        -------
        str
            The path of the checkpoint.
        """
        number = self._next_number(session)
        path = self.write(f"{file_prefix}-{number}", session=session)
        write_state(os.path.dirname(path), path, [path], relative=True)
        return path

    def restore(self, save_path: str | None) -> CheckpointLoadStatus:
        """Prepares the restoration of a checkpoint; the returned status performs it.

        Parameters
        ----------
        save_path : str or None
            With None, the status only initializes.

        Raises
        ------
        NotFoundError
            If there is no such checkpoint.
        """
        self._counter(None)
        reader = None if save_path is None else CheckpointReader(os.fsdecode(save_path))
        return CheckpointLoadStatus(self, save_path, reader)

    def _saver(self, variables: dict[str, Any], graph: Graph) -> Saver:
        key = tuple(variables.items())
        if key not in self._savers:
            with graph.as_default():
                everything = {**variables, OBJECT_GRAPH: _ObjectGraph(variables)}
                self._savers[key] = Saver(everything, max_to_keep=None)
        return self._savers[key]


class CheckpointLoadStatus:
    """A restoration that is prepared; see `Checkpoint.restore`."""

    def __init__(self, root: Checkpoint, path: str | None, reader: CheckpointReader | None) -> None:
        self._root = root
        self._path = path
        self._saved = set() if reader is None else set(reader.get_variable_to_shape_map()) - {OBJECT_GRAPH}

    def _matched(self) -> dict[str, Any]:
        return {key: variable for key, variable in self._root._variables().items() if key in self._saved}

    def assert_existing_objects_matched(self) -> CheckpointLoadStatus:
        """Raises AssertionError if a variable is not in the checkpoint."""
        missing = sorted(key for key in self._root._variables() if key not in self._saved)
        if missing:
            raise AssertionError(f"No values in the checkpoint for: {', '.join(missing)}")
        return self

    def assert_consumed(self) -> CheckpointLoadStatus:
        """Raises AssertionError if a variable is not in the checkpoint, or the checkpoint has others."""
        self.assert_existing_objects_matched()
        unused = sorted(self._saved - set(self._root._variables()))
        if unused:
            raise AssertionError(f"Values in the checkpoint that nothing takes: {', '.join(unused)}")
        return self

    def run_restore_ops(self, session: Any = None) -> None:
        """Restores all variables that are in the checkpoint."""
        opened = _session(session)
        matched = self._matched()
        if matched:
            self._root._saver(matched, opened.graph).restore(opened, self._path)

    def initialize_or_restore(self, session: Any = None) -> None:
        """Restores what is in the checkpoint, and initializes the rest."""
        opened = _session(session)
        matched = self._matched()
        rest = [variable for key, variable in self._root._variables().items() if key not in matched]
        opened.run([variable.initializer for variable in rest])
        self.run_restore_ops(opened)


def _variables_in(value: Any, path: str, found: dict[str, Any], optimizers: dict[str, Optimizer] | None = None) -> None:
    """Collects variables by path."""
    if isinstance(value, Variable):
        found[path] = value
    elif isinstance(value, Optimizer):
        if optimizers is not None:
            optimizers[path] = value
        for (name, _), variable in value._non_slot_dict.items():
            found[f"{path}/{name}"] = variable
    elif isinstance(value, Checkpoint):
        for name, item in sorted(vars(value).items()):
            if not name.startswith("_"):
                _variables_in(item, f"{path}/{name}", found, optimizers)
    elif isinstance(value, Mapping):
        for name, item in sorted(value.items(), key=lambda row: str(row[0])):
            _variables_in(item, f"{path}/{name}", found, optimizers)
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            _variables_in(item, f"{path}/{number}", found, optimizers)
    elif hasattr(value, "_checkpoint_dependencies"):
        for name, item in value._checkpoint_dependencies:
            _variables_in(item, f"{path}/{name}", found, optimizers)
    elif isinstance(getattr(value, "variables", None), list):
        for number, item in enumerate(value.variables):
            _variables_in(item, f"{path}/variables/{number}", found, optimizers)
    else:
        raise ValueError(
            f"`Checkpoint` was expecting a trackable object (a variable, an optimizer, or a structure of them) for "
            f"{path!r}, got {value!r}."
        )


def _slots_of(optimizer: Optimizer, path: str, keys: dict[Any, str]) -> dict[str, Any]:
    """The slots of the variables that are saved too."""
    made = {}
    for name in optimizer.get_slot_names():
        for variable, key in keys.items():
            slot = optimizer.get_slot(variable, name)
            if slot is not None:
                made[f"{key}{_SLOT}{path}/{name}{_VALUE}"] = slot
    return made
