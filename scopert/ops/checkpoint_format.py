"""Checkpoints on disk.

A checkpoint ``PREFIX`` is an index, ``PREFIX.index``, and data files ``PREFIX.data-00000-of-00001``.
The data files are in the safetensors format (a header of 8 bytes with the length of a JSON text, the
text, the arrays), so that other programs can read them; what that format has no type for is described
in the metadata. TensorFlow's own format is not read or written.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scopert.graph.dtypes import DType, as_dtype

Array = np.ndarray[Any, Any]

_FORMAT = "scopert checkpoint 1"
_SAFE_TYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a larger tensor an entry is: a start and a length for each axis."""

    full_shape: tuple[int, ...]
    starts: tuple[int, ...]
    lengths: tuple[int, ...]

    @staticmethod
    def parse(text: str) -> Slice | None:
        """From ``"FULL SHAPE START,LENGTH:..."``, where ``-`` is a whole axis; None for the empty string."""
        if not text:
            return None
        *sizes, parts = text.split(" ")
        full = tuple(int(size) for size in sizes)
        starts, lengths = [], []
        for size, part in zip(full, parts.split(":"), strict=True):
            start, comma, length = part.partition(",")
            starts.append(int(start) if comma else 0)
            lengths.append(int(length) if comma else size)
        return Slice(full, tuple(starts), tuple(lengths))

    @property
    def selection(self) -> tuple[slice, ...]:
        return tuple(slice(start, start + length) for start, length in zip(self.starts, self.lengths, strict=True))


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an array is, and what it is."""

    file: str
    start: int
    stop: int
    dtype: DType
    shape: tuple[int, ...]
    part: Slice | None


def local_path(path: str) -> str:
    """A path without the scheme ``file://``.

    Raises
    ------
    ValueError
        If it has another scheme.
    """
    scheme, separator, rest = path.partition("://")
    if not separator:
        return path
    if scheme == "file":
        return rest
    raise ValueError(f"file system scheme {scheme!r} is not implemented (path: {path!r})")


def data_file(prefix: str, shard: int = 0, shards: int = 1) -> str:
    """The name of a data file of a checkpoint."""
    return f"{local_path(prefix)}.data-{shard:05d}-of-{shards:05d}"


def index_file(prefix: str) -> str:
    """The name of the index of a checkpoint."""
    return f"{local_path(prefix)}.index"


def write(prefix: str, arrays: Sequence[tuple[str, str, Any, DType]]) -> None:
    """Writes a checkpoint with one data file.

    Parameters
    ----------
    prefix : str
        Its directory must exist.
    arrays : list of (name, slice, array, dtype)

    Raises
    ------
    ValueError
        If a name occurs twice.
    OSError
        If a file cannot be written.
    """
    header: dict[str, Any] = {}
    metadata: dict[str, str] = {"format": _FORMAT}
    buffers = []
    offset = 0
    for name, part, array, dtype in arrays:
        key = f"{name}\t{part}" if part else name
        if key in header:
            raise ValueError(f"the checkpoint {prefix!r} would hold {name!r} twice")
        payload, stored = _payload(array, dtype)
        safe, shape = stored
        header[key] = {"dtype": safe, "shape": list(shape), "data_offsets": [offset, offset + len(payload)]}
        metadata[key] = json.dumps([name, part, dtype.name, list(np.shape(array))])
        buffers.append(payload)
        offset += len(payload)
    text = json.dumps({"__metadata__": metadata, **header}).encode()
    text += b" " * (-len(text) % 8)
    path = data_file(prefix)
    _write_file(path, [len(text).to_bytes(8, "little"), text, *buffers])
    _write_index(prefix, [os.path.basename(path)])


def _payload(array: Any, dtype: DType) -> tuple[Any, tuple[str, tuple[int, ...]]]:
    """The bytes of an array, and the safetensors type and shape that describe them."""
    if dtype.name == "string":
        items = [bytes(item) for item in np.asarray(array, dtype=object).reshape(-1)]
        lengths = np.array([len(item) for item in items], dtype="<u8").tobytes()
        packed = lengths + b"".join(items)
        return packed, ("U8", (len(packed),))
    values = np.ascontiguousarray(array)
    shape = np.shape(array)
    if values.dtype.byteorder == ">":
        values = values.astype(values.dtype.newbyteorder("<"))
    raw = values.reshape(-1).view(np.uint8)
    safe = _SAFE_TYPES.get(dtype.name)
    return raw.data, (safe, shape) if safe is not None else ("U8", (raw.size,))


def _write_file(path: str, parts: Sequence[Any]) -> None:
    """Writes beside the place and moves it there, so that no half-written file is ever found."""
    temporary = f"{path}.tempstate{os.getpid()}"
    with open(temporary, "wb") as file:
        for part in parts:
            file.write(part)
    os.replace(temporary, path)


def _write_index(prefix: str, files: Sequence[str]) -> None:
    text = json.dumps({"format": _FORMAT, "files": list(files)}, indent=1) + "\n"
    _write_file(index_file(prefix), [text.encode()])


def merge(prefixes: Sequence[str], destination: str, delete_old_dirs: bool) -> None:
    """Makes one checkpoint of several, by moving their data files."""
    files = []
    for number, prefix in enumerate(prefixes):
        target = data_file(destination, number, len(prefixes))
        os.replace(data_file(prefix), target)
        os.remove(index_file(prefix))
        files.append(os.path.basename(target))
    _write_index(destination, files)
    if delete_old_dirs:
        for folder in {os.path.dirname(prefix) for prefix in prefixes}:
            if folder and folder != os.path.dirname(destination):
                os.rmdir(folder)


class CheckpointFile:
    """A checkpoint opened for reading.

    Parameters
    ----------
    prefix : str

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is not in this format.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.entries: dict[str, list[Entry]] = {}
        folder = Path(local_path(prefix)).parent
        for name in self._files(prefix):
            self._read_header(str(folder / name))

    @staticmethod
    def _files(prefix: str) -> list[str]:
        with open(index_file(prefix), "rb") as file:
            text = file.read()
        try:
            index = json.loads(text)
            known = index["format"] == _FORMAT
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise ValueError(
                f"{index_file(prefix)!r} is not an index of a scopert checkpoint; checkpoints of TensorFlow itself "
                "cannot be read yet"
            )
        files: list[str] = index["files"]
        return files

    def _read_header(self, path: str) -> None:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        for key, text in header["__metadata__"].items():
            if key == "format":
                continue
            name, part, dtype, shape = json.loads(text)
            start, stop = (8 + length + offset for offset in header[key]["data_offsets"])
            entry = Entry(path, start, stop, as_dtype(dtype), tuple(shape), Slice.parse(part))
            self.entries.setdefault(name, []).append(entry)

    def dtype_of(self, name: str) -> DType:
        """The type of a tensor."""
        return self.entries[name][0].dtype

    def shape_of(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, the whole one if it was saved in parts."""
        entry = self.entries[name][0]
        return entry.shape if entry.part is None else entry.part.full_shape

    def read(self, name: str, part: str = "") -> Any:
        """A tensor or a part of it; strings as an object array of bytes.

        Raises
        ------
        KeyError
            If there is none of this name.
        ValueError
            If the parts that were saved do not cover it, or the part is one of another shape.
        """
        entries = self.entries[name]
        wanted = Slice.parse(part)
        if wanted is not None and wanted.full_shape != self.shape_of(name):
            raise ValueError(
                f"tensor {name!r}: the checkpoint holds shape {list(self.shape_of(name))}, a part of "
                f"{list(wanted.full_shape)} is wanted"
            )
        for entry in entries:
            if entry.part == wanted:
                return _load(entry)
        whole = _assemble(name, entries)
        return whole if wanted is None else whole[wanted.selection]


def _assemble(name: str, entries: Sequence[Entry]) -> Any:
    first = entries[0]
    if first.part is None:
        return _load(first)
    whole = np.empty(first.part.full_shape, dtype=first.dtype.np)
    covered = 0
    for entry in entries:
        if entry.part is not None:
            whole[entry.part.selection] = _load(entry)
            covered += int(np.prod(entry.part.lengths))
    if covered != whole.size:
        raise ValueError(f"the parts of tensor {name!r} in the checkpoint do not cover its shape {whole.shape}")
    return whole


def _load(entry: Entry) -> Any:
    with open(entry.file, "rb") as file:
        file.seek(entry.start)
        data = file.read(entry.stop - entry.start)
    if len(data) != entry.stop - entry.start:
        raise ValueError(f"{entry.file!r} ends too early: the checkpoint is incomplete")
    if entry.dtype.name == "string":
        return _strings(data, entry.shape)
    return np.frombuffer(bytearray(data), dtype=entry.dtype.np).reshape(entry.shape)


def _strings(data: bytes, shape: tuple[int, ...]) -> Array:
    count = int(np.prod(shape, dtype=np.int64))
    lengths = np.frombuffer(data[: 8 * count], dtype="<u8")
    items = np.empty(count, dtype=object)
    start = 8 * count
    for index, length in enumerate(lengths):
        stop = start + int(length)
        items[index] = data[start:stop]
        start = stop
    return items.reshape(shape)


def exists(prefix: str) -> bool:
    """Whether there is a checkpoint of this prefix, which may be a pattern."""
    name = index_file(prefix)
    return os.path.exists(name) or bool(glob.glob(name))


def files_of(prefix: str) -> list[str]:
    """The files of a checkpoint that are there, the index first."""
    index = Path(index_file(prefix))
    stem = Path(prefix).name + ".data-"
    folder = index.parent
    if not folder.is_dir():
        return []
    data = sorted(str(path) for path in folder.iterdir() if path.name.startswith(stem))
    return ([str(index)] if index.exists() else []) + data


__all__ = ["CheckpointFile", "data_file", "exists", "files_of", "index_file", "merge", "write"]
