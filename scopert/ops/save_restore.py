"""The ops of a Saver: writing and reading checkpoints inside a run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from scopert.errors import DataLossError, InvalidArgumentError, NotFoundError
from scopert.graph.build import apply
from scopert.graph.opdef import HOST, STATEFUL, define_op
from scopert.graph.shape_rules import no_outputs, scalar, unknown
from scopert.graph.tensor import Tensor
from scopert.ops import checkpoint_format


def _text(value: Any) -> str:
    item = value.item() if isinstance(value, np.ndarray) else value
    return os.fsdecode(item)


def _texts(values: Any) -> list[str]:
    return [os.fsdecode(item) for item in np.asarray(values, dtype=object).reshape(-1)]


def _save(xp: Any, prefix: Any, names: Any, parts: Any, *tensors: Any, dtypes: Sequence[Any]) -> None:
    path = _text(prefix)
    rows = list(zip(_texts(names), _texts(parts), tensors, dtypes, strict=True))
    folder = os.path.dirname(checkpoint_format.local_path(path))
    if folder and not os.path.isdir(folder) and os.path.isdir(os.path.dirname(folder) or "."):
        # One folder is made, as TensorFlow does; a longer path that is missing is an error.
        os.makedirs(folder, exist_ok=True)
    try:
        checkpoint_format.write(path, rows)
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from error
    except FileNotFoundError as error:
        raise NotFoundError(None, None, f"{path}; No such file or directory") from error


SAVE_V2 = define_op(
    "SaveV2",
    inputs="prefix: string, tensor_names: string, shape_and_slices: string, tensors: dtypes",
    attrs="dtypes: list(type) >= 1",
    shape=no_outputs,
    kernel=_save,
    traits=(HOST, STATEFUL),
    differentiable=False,
)


def _restore(xp: Any, prefix: Any, names: Any, parts: Any, *, dtypes: Sequence[Any]) -> tuple[Any, ...]:
    path = _text(prefix)
    try:
        found = checkpoint_format.CheckpointFile(path)
    except FileNotFoundError as error:
        raise NotFoundError(
            None, None,
            f"Unsuccessful TensorSliceReader constructor: Failed to find any matching files for {path}",
        ) from error  # fmt: skip
    except ValueError as error:
        raise DataLossError(None, None, str(error)) from error
    made = []
    for name, part, dtype in zip(_texts(names), _texts(parts), dtypes, strict=True):
        if name not in found.entries:
            raise NotFoundError(None, None, f"Key {name} not found in checkpoint")
        if found.dtype_of(name) is not dtype:
            raise InvalidArgumentError(
                None, None,
                f"tensor_name = {name}; expected dtype {dtype.name} does not equal original dtype "
                f"{found.dtype_of(name).name}",
            )  # fmt: skip
        try:
            made.append(found.read(name, part))
        except ValueError as error:
            raise InvalidArgumentError(None, None, str(error)) from error
    return tuple(made)


RESTORE_V2 = define_op(
    "RestoreV2",
    inputs="prefix: string, tensor_names: string, shape_and_slices: string",
    outputs="tensors: dtypes",
    attrs="dtypes: list(type) >= 1",
    shape=unknown,
    kernel=_restore,
    traits=(HOST, STATEFUL),
)


def _merge(xp: Any, prefixes: Any, destination: Any, *, delete_old_dirs: bool) -> None:
    checkpoint_format.merge(_texts(prefixes), _text(destination), delete_old_dirs)


MERGE_V2_CHECKPOINTS = define_op(
    "MergeV2Checkpoints",
    inputs="checkpoint_prefixes: string, destination_prefix: string",
    attrs="delete_old_dirs: bool = true",
    shape=no_outputs,
    kernel=_merge,
    traits=(HOST, STATEFUL),
    differentiable=False,
)


def _sharded_filename(xp: Any, basename: Any, shard: Any, num_shards: Any) -> bytes:
    return f"{_text(basename)}-{int(shard):05d}-of-{int(num_shards):05d}".encode()


SHARDED_FILENAME = define_op(
    "ShardedFilename",
    inputs="basename: string, shard: int32, num_shards: int32",
    outputs="filename: string",
    shape=scalar,
    kernel=_sharded_filename,
    traits=HOST,
    differentiable=False,
)


def save_v2(prefix: Any, names: Any, parts: Any, tensors: Sequence[Any]) -> Any:
    """An operation that writes tensors to the checkpoint `prefix`."""
    return apply(SAVE_V2, prefix, names, parts, list(tensors))


def restore_v2(prefix: Any, names: Any, parts: Any, dtypes: Sequence[Any], op_name: str | None = None) -> list[Tensor]:
    """Tensors read from the checkpoint `prefix`."""
    found: list[Tensor] = apply(RESTORE_V2, prefix, names, parts, dtypes=list(dtypes), name=op_name)
    return found
