"""The operations of a Saver, under TensorFlow's names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.device import canonical_name, merge_names
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies, device, name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import identity, placeholder_with_default
from scopert.ops.array_shape import shape
from scopert.ops.no_op import group, with_dependencies
from scopert.ops.raw import raw
from scopert.ops.save_restore import MERGE_V2_CHECKPOINTS, SHARDED_FILENAME, restore_v2, save_v2
from scopert.public import public
from scopert.train.saveables import SaveableObject


@public("train.SaverDef")
@dataclass
class SaverDef:
    """Where a Saver finds its operations, and how it keeps checkpoints.

    Attributes
    ----------
    filename_tensor_name, save_tensor_name, restore_op_name : str
    max_to_keep : int
    sharded : bool
    keep_checkpoint_every_n_hours : float
    version : int
        ``SaverDef.V2``.
    """

    filename_tensor_name: str = ""
    save_tensor_name: str = ""
    restore_op_name: str = ""
    max_to_keep: int = 0
    sharded: bool = False
    keep_checkpoint_every_n_hours: float = 0.0
    version: int = 0

    LEGACY = 0
    V1 = 1
    V2 = 2


def build(
    saveables: Sequence[SaveableObject], name: str | None, filename: str | None, reshape: bool, sharded: bool,
    restore_sequentially: bool, build_save: bool = True, build_restore: bool = True,
) -> tuple[str, str, str]:  # fmt: skip
    """Makes the operations.

    Parameters
    ----------
    saveables : list of SaveableObject
    name : str, optional
        Of the name scope. Default ``save``.
    filename : str, optional
        Default prefix of a checkpoint. Default ``model``.
    reshape : bool
        Give what is restored the variable's shape.
    sharded : bool
        One data file a device.
    restore_sequentially : bool
        Without effect on one read operation for all, as in TensorFlow.
    build_save, build_restore : bool
        Which half to make.

    Returns
    -------
    filename tensor, save tensor, restore operation : str
        Their names, empty for what was not made.
    """
    with name_scope(name, "save", [saveable.op for saveable in saveables]):
        prefix = placeholder_with_default(filename or "model", shape=(), name="filename")
        prefix = placeholder_with_default(prefix, shape=(), name="Const")
        saved: Tensor | None = None
        restored: Operation | None = None
        if sharded:
            by_device = _by_device(saveables)
            if build_save:
                saved = _save_sharded(prefix, by_device)
            if build_restore:
                restored = _restore_sharded(prefix, by_device, reshape)
        else:
            if build_save:
                saved = _save(prefix, saveables)
            if build_restore:
                restored = _restore(prefix, saveables, reshape, "restore_all")
    return prefix.name, saved.name if saved is not None else "", restored.name if restored is not None else ""


def _strings(items: Sequence[str]) -> Any:
    array = np.empty(len(items), dtype=object)
    array[:] = [item.encode() for item in items]
    return array


def _save(prefix: Tensor, saveables: Sequence[SaveableObject]) -> Tensor:
    specs = [spec for saveable in saveables for spec in saveable.specs]
    names, parts = _strings([spec.name for spec in specs]), _strings([spec.slice_spec for spec in specs])
    saving = save_v2(prefix, names, parts, [spec.tensor for spec in specs])
    saved: Tensor = with_dependencies([saving], prefix)
    return saved


def _restore(prefix: Tensor, saveables: Sequence[SaveableObject], reshape: bool, name: str) -> Operation:
    specs = [spec for saveable in saveables for spec in saveable.specs]
    names, parts = _strings([spec.name for spec in specs]), _strings([spec.slice_spec for spec in specs])
    with device("/device:CPU:0"):
        tensors = restore_v2(prefix, names, parts, [spec.dtype for spec in specs])
    position, assignments = 0, []
    for saveable in saveables:
        shapes = None
        if reshape:
            shapes = [_shape_of(spec.tensor) for spec in saveable.specs]
        own = tensors[position : position + len(saveable.specs)]
        position += len(saveable.specs)
        assignments.append(saveable.restore(own, shapes))
    return group(*assignments, name=name)


def _shape_of(tensor: Tensor) -> Any:
    known = tensor._shape
    return shape(tensor) if known is None or None in known else list(known)


def _by_device(saveables: Sequence[SaveableObject]) -> list[tuple[str, list[SaveableObject]]]:
    found: dict[str, list[SaveableObject]] = {}
    for saveable in saveables:
        places = {canonical_name(spec.tensor.device) for spec in saveable.specs}
        if len(places) != 1:
            raise ValueError(f"All tensors of a saveable object must be on the same device: {saveable.name}")
        found.setdefault(places.pop(), []).append(saveable)
    return sorted(found.items())


def _host_of(place: str) -> str:
    """The CPU beside a device."""
    return merge_names(place, "/device:CPU:0")


def _save_sharded(prefix: Tensor, by_device: Sequence[tuple[str, list[SaveableObject]]]) -> Tensor:
    suffix = f"_{os.urandom(16).hex()}_temp/part"
    temporary = raw("StringJoin", [prefix, suffix])
    count = constant(len(by_device), name="num_shards")
    saves, prefixes = [], []
    for number, (place, saveables) in enumerate(by_device):
        with device(_host_of(place)):
            shard = apply(SHARDED_FILENAME, temporary, number, count)
            prefixes.append(shard)
            saves.append(_save(shard, saveables))
    with control_dependencies([item.op for item in saves]), device(_host_of(by_device[-1][0])):
        merging = apply(MERGE_V2_CHECKPOINTS, prefixes, prefix, delete_old_dirs=True)
        with control_dependencies([merging]):
            return identity(prefix)


def _restore_sharded(prefix: Tensor, by_device: Sequence[tuple[str, list[SaveableObject]]], reshape: bool) -> Operation:
    restores = []
    for place, saveables in by_device:
        with device(place or None):
            restores.append(_restore(prefix, saveables, reshape, "restore_shard"))
    return group(*restores, name="restore_all")
