"""Looking into checkpoints without a graph."""

from __future__ import annotations

import os
from typing import Any

from scopert.errors import NotFoundError
from scopert.graph.dtypes import DType
from scopert.ops.checkpoint_format import CheckpointFile
from scopert.public import public
from scopert.train.checkpoint_state import latest_checkpoint


def _enum_name(dtype: DType) -> str:
    """TensorFlow's name of a type in its messages, such as FLOAT."""
    special = {"float32": "FLOAT", "float64": "DOUBLE", "float16": "HALF"}
    return special.get(dtype.name, dtype.name.upper())


class CheckpointReader:
    """The tensors of a checkpoint; `tf.train.NewCheckpointReader` makes one.

    Parameters
    ----------
    prefix : str

    Raises
    ------
    NotFoundError
        If there is none.
    """

    def __init__(self, prefix: str) -> None:
        try:
            self._file = CheckpointFile(prefix)
        except FileNotFoundError as error:
            raise NotFoundError(
                None, None,
                f"Unsuccessful TensorSliceReader constructor: Failed to find any matching files for {prefix}",
            ) from error  # fmt: skip

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether there is a tensor of this name."""
        return tensor_str in self._file.entries

    def get_tensor(self, tensor_str: str) -> Any:
        """A tensor as a NumPy array.

        Raises
        ------
        NotFoundError
            If there is none of this name.
        """
        if not self.has_tensor(tensor_str):
            raise NotFoundError(None, None, f"Key {tensor_str} not found in checkpoint")
        value = self._file.read(tensor_str)
        return value if value.shape else value[()]

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The shape of each tensor."""
        return {name: list(self._file.shape_of(name)) for name in self._file.entries}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """The type of each tensor."""
        return {name: self._file.dtype_of(name) for name in self._file.entries}

    def debug_string(self) -> bytes:
        """A line for each tensor."""
        lines = [
            f"{name} (DT_{_enum_name(self._file.dtype_of(name))}) [{','.join(map(str, self._file.shape_of(name)))}]"
            for name in sorted(self._file.entries)
        ]
        return "\n".join(lines).encode()


@public("train.NewCheckpointReader")
def new_checkpoint_reader(filepattern: Any) -> CheckpointReader:
    """Opens the checkpoint of a prefix.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    return CheckpointReader(os.fsdecode(filepattern))


@public("train.load_checkpoint", "contrib.framework.load_checkpoint")
def load_checkpoint(ckpt_dir_or_file: Any) -> CheckpointReader:
    """Opens a checkpoint, or the latest one of a directory.

    Raises
    ------
    ValueError
        If the directory has none.
    """
    path = os.fsdecode(ckpt_dir_or_file)
    prefix: str | None = path
    if os.path.isdir(path):
        prefix = latest_checkpoint(path)
    if prefix is None:
        raise ValueError(f"Couldn't find 'checkpoint' file or checkpoints in given directory {path}")
    return CheckpointReader(prefix)


@public("train.load_variable", "contrib.framework.load_variable")
def load_variable(ckpt_dir_or_file: Any, name: str) -> Any:
    """A tensor of a checkpoint as a NumPy array; a final ``:0`` of the name is left out."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


@public("train.list_variables", "contrib.framework.list_variables")
def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """Name and shape of each tensor of a checkpoint, by name."""
    shapes = load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map()
    return sorted(shapes.items())
