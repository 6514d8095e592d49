"""Variables whose initializers read a checkpoint: fine-tuning a model that was trained before."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.scopes import device, get_collection
from scopert.ops.save_restore import restore_v2
from scopert.public import public
from scopert.scope.partitioned_variable import PartitionedVariable
from scopert.scope.store import variable_store
from scopert.scope.variable import Variable
from scopert.train.checkpoint_reader import load_checkpoint
from scopert.train.checkpoint_state import latest_checkpoint
from scopert.train.object_checkpoint import OBJECT_GRAPH
from scopert.train.saveables import saveables_of

_log = logging.getLogger("scopert")


@public("train.init_from_checkpoint", "contrib.framework.init_from_checkpoint")
def init_from_checkpoint(ckpt_dir_or_file: Any, assignment_map: Mapping[str, Any]) -> None:
    """Makes the initializers of variables read a checkpoint; to be called before they are used.

    Parameters
    ----------
    ckpt_dir_or_file : str
    assignment_map : dict
        From the names of the checkpoint to names or variables of the graph: ``{"a/w": "b/w"}``, ``{"a/w": variable}``,
        or whole scopes: ``{"a/": "b/"}``, where ``"/"`` is the root.

    Raises
    ------
    ValueError
        If something is not found, or a shape differs.

    Examples
    --------
    >>> import scopert as tf, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     old = tf.get_variable("old/w", initializer=[1.0, 2.0])
    ...     sess.run(old.initializer)
    ...     path = tf.train.Saver().save(sess, folder + "/model", write_meta_graph=False)
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     new = tf.get_variable("new/w", [2])
    ...     tf.train.init_from_checkpoint(path, {"old/": "new/"})
    ...     sess.run(tf.global_variables_initializer())
    ...     print(sess.run(new).tolist())
    [1.0, 2.0]
    """
    source = os.fsdecode(ckpt_dir_or_file)
    path = latest_checkpoint(source) if os.path.isdir(source) else source
    reader = load_checkpoint(source)
    shapes = reader.get_variable_to_shape_map()
    assert path is not None
    if OBJECT_GRAPH in shapes:
        keys = json.loads(reader.get_tensor(OBJECT_GRAPH))
        shapes = {name: shapes[key] for name, key in keys.items()}
    else:
        keys = {name: name for name in shapes}
    for name, target in sorted(assignment_map.items(), key=lambda row: str(row[0])):
        variable = target if not isinstance(target, str) else _find(target)
        if variable is not None:
            if name not in shapes:
                raise ValueError(f"Tensor {name} is not found in {ckpt_dir_or_file} checkpoint {shapes}")
            _initialize(variable, path, keys[name], shapes[name])
        else:
            for own, wanted in _in_scope(name, target, shapes, str(ckpt_dir_or_file)):
                _initialize(_find(own), path, keys[wanted], shapes[wanted])


def _find(name: str) -> Any:
    """The variable of the store that has this name, or its parts."""
    store = variable_store()
    found = store._vars.get(name)
    return store._partitioned_vars.get(name) if found is None else found


def _in_scope(name: str, target: str, shapes: dict[str, list[int]], source: str) -> list[tuple[str, str]]:
    """The variables of a scope, with their names in the checkpoint."""
    scope = target.rpartition("/")[0]
    if not name.endswith("/"):
        raise ValueError(
            f"Assignment map with scope only name {scope} should map to scope only {name}. "
            "Should be 'scope/': 'other_scope/'."
        )
    store = variable_store()
    names = {
        key.partition("/part_")[0] for key in (*store._vars, *store._partitioned_vars)
        if not scope or key.startswith(scope + "/")
    }  # fmt: skip
    found = []
    for own in sorted(names):
        rest = own[len(scope) :]
        if target != "/":
            rest = rest[1:]
        wanted = (rest if name == "/" else name + rest).removesuffix("/")
        if wanted not in shapes:
            raise ValueError(f"Tensor {wanted} ({rest} in {name}) is not found in {source} checkpoint")
        found.append((own, wanted))
    return found


def _initialize(variable: Any, path: str, name: str, shape: list[int]) -> None:
    if isinstance(variable, (list, tuple, PartitionedVariable)):
        for part in variable:
            info = part._get_save_slice_info()
            _replace_initializer(part, path, name, "" if info is None else info.spec)
        return
    if not isinstance(variable, Variable):
        raise TypeError(f"init_from_checkpoint: {variable!r} is no variable")
    if not variable.get_shape().is_compatible_with(shape):
        raise ValueError(
            f"Shape of variable {variable.name} ({variable.get_shape()}) doesn't match with shape of tensor {name} "
            f"({shape}) from checkpoint reader."
        )
    _replace_initializer(variable, path, name, "")
    _log.debug("Initialize variable %s from checkpoint %s with %s", variable.name, path, name)


def _replace_initializer(variable: Any, path: str, name: str, part: str) -> None:
    with variable.graph.as_default():
        with device(variable.device or None), device("/device:CPU:0"):
            restored = restore_v2(path, [name], [part], [variable.dtype.base], op_name="checkpoint_initializer")[0]
        [saveable] = saveables_of([variable])
        variable._initializer_op = saveable.restore([restored], None)
    restored.set_shape(variable.get_shape())
    variable._initial_value = restored


@public("train.warm_start")
def warm_start(
    ckpt_to_initialize_from: Any, vars_to_warm_start: Any = ".*", var_name_to_vocab_info: Any = None,
    var_name_to_prev_var_name: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Makes the initializers of variables read the checkpoint of a model that has the same names.

    Parameters
    ----------
    ckpt_to_initialize_from : str
    vars_to_warm_start : str, list of str or list of Variable
        A regular expression that trainable variables match, several for all variables, or variables.
        None: no trainable ones.
    var_name_to_vocab_info : dict, optional
        Not supported.
    var_name_to_prev_var_name : dict, optional
        Other names in the checkpoint.

    Raises
    ------
    ValueError
        If something is not found, or a name is not used.
    """
    if var_name_to_vocab_info:
        raise NotImplementedError("warm_start: vocabularies (var_name_to_vocab_info) are not supported")
    groups: dict[str, list[Any]] = {}
    for variable in _chosen(vars_to_warm_start):
        info = variable._get_save_slice_info()
        groups.setdefault(variable.op.name if info is None else info.full_name, []).append(variable)
    renamed = dict(var_name_to_prev_var_name or {})
    unused = set(renamed) - set(groups)
    if unused:
        raise ValueError(
            f"You provided the following variables in var_name_to_prev_var_name that were not used: {unused}.  Perhaps "
            f"you misspelled them?  Here is the list of viable variable names: {list(groups)}"
        )
    assignments: dict[str, Any] = {}
    for name, variables in groups.items():
        whole = len(variables) == 1 and variables[0]._get_save_slice_info() is None
        assignments[renamed.get(name, name)] = variables[0] if whole else variables
    init_from_checkpoint(ckpt_to_initialize_from, assignments)


def _chosen(wanted: Any) -> list[Any]:
    if wanted is None:
        return []
    if isinstance(wanted, str):
        return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope=wanted)
    if not isinstance(wanted, list):
        raise ValueError(f"`vars_to_warm_start must be a `list` or `str`.  Given type is {type(wanted)}")
    if all(isinstance(item, str) for item in wanted):
        return [found for item in wanted for found in get_collection(GraphKeys.GLOBAL_VARIABLES, scope=item)]
    if all(isinstance(item, Variable) for item in wanted):
        return wanted
    raise ValueError(
        "If `vars_to_warm_start` is a list, it must be all `Variable` or all `str`.  Given types are "
        f"{[type(item) for item in wanted]}"
    )
