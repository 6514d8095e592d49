"""The ops that read serialized examples of training data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.dtypes import DType
from scopert.graph.opdef import HOST, define_op
from scopert.graph.operation import Operation
from scopert.graph.tensor import Shape
from scopert.ops.wire_format import DecodeError, read_example

_SHOWN = {"float32": "float", "int64": "int64", "string": "string"}
Features = dict[str, tuple[str, list[Any]]]


def _fail(text: str) -> InvalidArgumentError:
    return InvalidArgumentError(None, None, text)


def _features(serialized: bytes, name: str) -> Features:
    try:
        return read_example(serialized)
    except (DecodeError, UnicodeDecodeError) as error:
        raise _fail(f"{name}Could not parse example input, value: {serialized[:200]!r}") from error


def _values(features: Features, key: str, dtype: DType, name: str) -> list[Any] | None:
    """The values of a feature, None if it is missing."""
    kind, values = features.get(key, (dtype.name, None))
    if kind != dtype.name:
        raise _fail(
            f"{name}Feature: {key}.  Data types don't match. Data type: {_SHOWN[kind]} but expected type: "
            f"{_SHOWN[dtype.name]}"
        )
    return values


def _array(values: Sequence[Any], dtype: DType) -> Any:
    made = np.empty(len(values), dtype.np)
    if len(values):
        made[:] = values
    return made


def _is_variable(shape: Shape) -> bool:
    return bool(shape) and shape[0] is None  # type: ignore[index]


def _dense(features: Features, key: str, dtype: DType, shape: Shape, default: Any, name: str) -> Any:
    """The array of one feature of one example, without padding."""
    sizes: tuple[int, ...] = tuple(0 if size is None else size for size in shape or ())
    values = _values(features, key, dtype, name)
    if _is_variable(shape):
        row = math.prod(sizes[1:])
        if values is not None and (row == 0 or len(values) % row):
            raise _fail(
                f"{name}Key: {key}.  Number of {_SHOWN[dtype.name]} values is not a multiple of stride length. Saw "
                f"{len(values)} values but output shape is: {list(shape or ())}"
            )
        return _array(values or [], dtype).reshape(-1, *sizes[1:])
    if values is None:
        if np.size(default) == 0 and not (np.ndim(default) and 0 in sizes):
            raise _fail(f"{name}Feature: {key} (data type: {_SHOWN[dtype.name]}) is required but could not be found.")
        return default.copy() if isinstance(default, np.ndarray) else default
    if len(values) != math.prod(sizes):
        raise _fail(
            f"{name}Key: {key}.  Number of {_SHOWN[dtype.name]} values != expected.  Values size: {len(values)} but "
            f"output shape: {list(shape or ())}"
        )
    made = _array(values, dtype)
    return made.reshape(sizes) if sizes else made[0]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _single_kernel(
    xp: Any, serialized: Any, *defaults: Any, sparse_keys: Any, dense_keys: Any, sparse_types: Any, Tdense: Any,
    dense_shapes: Any,
) -> tuple[Any, ...]:  # fmt: skip
    features = _features(serialized, "")
    sparse = [_array(_values(features, _text(key), kind, "") or [], kind)
              for key, kind in zip(sparse_keys, sparse_types, strict=True)]  # fmt: skip
    rows = zip(dense_keys, Tdense, dense_shapes, defaults, strict=True)
    dense = [_dense(features, _text(key), kind, shape, default, "") for key, kind, shape, default in rows]
    indices = [np.arange(len(values), dtype=np.int64)[:, None] for values in sparse]
    shapes = [np.array([len(values)], np.int64) for values in sparse]
    return (*indices, *sparse, *shapes, *dense)


def _single_shapes(op: Operation) -> list[Shape]:
    count = op.attrs["num_sparse"]
    return [*[(None, 1)] * count, *[(None,)] * count, *[(1,)] * count, *op.attrs["dense_shapes"]]


PARSE_SINGLE_EXAMPLE = define_op(
    "ParseSingleExample", inputs="serialized: string, dense_defaults: Tdense",
    outputs="sparse_indices: num_sparse * int64, sparse_values: sparse_types, sparse_shapes: num_sparse * int64, "
    "dense_values: Tdense",
    attrs="num_sparse: int >= 0; sparse_keys: list(string) >= 0; dense_keys: list(string) >= 0; "
    "sparse_types: list({float32, int64, string}) >= 0; Tdense: list({float32, int64, string}) >= 0; "
    "dense_shapes: list(shape) >= 0",
    shape=_single_shapes, kernel=_single_kernel, traits=HOST, differentiable=False,
)  # fmt: skip


def _padded(rows: list[Any], default: Any, dtype: DType, sizes: tuple[int, ...]) -> Any:
    """Examples of different lengths as one array."""
    made = np.empty((len(rows), max((len(row) for row in rows), default=0), *sizes), dtype.np)
    made[...] = default if np.size(default) else (b"" if dtype.name == "string" else 0)
    for row, values in zip(made, rows, strict=True):
        row[: len(values)] = values
    return made


def _batch_kernel(
    xp: Any, serialized: Any, names: Any, *rest: Any, Nsparse: int, Ndense: int, sparse_types: Any, Tdense: Any,
    dense_shapes: Any,
) -> tuple[Any, ...]:  # fmt: skip
    sparse_keys = [_text(key) for key in rest[:Nsparse]]
    dense_keys = [_text(key) for key in rest[Nsparse : Nsparse + Ndense]]
    defaults = rest[Nsparse + Ndense :]
    examples = serialized.tolist()
    shown = [_text(name) for name in names.tolist()] or ["<unknown>"] * len(examples)
    if len(shown) != len(examples):
        raise _fail(f"Expected len(names) == len(serialized), but got {len(shown)} vs. {len(examples)}")
    texts = [f"Name: {name}, " for name in shown]
    read = [_features(example, text) for example, text in zip(examples, texts, strict=True)]
    indices, values, shapes = [], [], []
    for key, kind in zip(sparse_keys, sparse_types, strict=True):
        found = [_values(features, key, kind, text) or [] for features, text in zip(read, texts, strict=True)]
        lengths = [len(row) for row in found]
        places = [(i, j) for i, length in enumerate(lengths) for j in range(length)]
        indices.append(np.array(places, np.int64).reshape(-1, 2))
        values.append(_array([value for row in found for value in row], kind))
        shapes.append(np.array([len(found), max(lengths, default=0)], np.int64))
    dense = []
    for key, kind, shape, default in zip(dense_keys, Tdense, dense_shapes, defaults, strict=True):
        rows = [_dense(features, key, kind, shape, default, text)
                for features, text in zip(read, texts, strict=True)]  # fmt: skip
        if _is_variable(shape):
            dense.append(_padded(rows, default, kind, shape[1:]))
            continue
        made = np.empty((len(rows), *shape), kind.np)
        for number, row in enumerate(rows):
            made[number] = row
        dense.append(made)
    return (*indices, *values, *shapes, *dense)


def _batch_shapes(op: Operation) -> list[Shape]:
    count = op.attrs["Nsparse"]
    shape = op.inputs[0]._shape
    batch = None if shape is None else shape[0]
    dense: list[Shape] = [None if shape is None else (batch, *shape) for shape in op.attrs["dense_shapes"]]
    return [*[(None, 2)] * count, *[(None,)] * count, *[(2,)] * count, *dense]


PARSE_EXAMPLE = define_op(
    "ParseExample", inputs="serialized: string, names: string, sparse_keys: Nsparse * string, "
    "dense_keys: Ndense * string, dense_defaults: Tdense",
    outputs="sparse_indices: Nsparse * int64, sparse_values: sparse_types, sparse_shapes: Nsparse * int64, "
    "dense_values: Tdense",
    attrs="Nsparse: int >= 0; Ndense: int >= 0; sparse_types: list({float32, int64, string}) >= 0; "
    "Tdense: list({float32, int64, string}) >= 0; dense_shapes: list(shape) >= 0",
    shape=_batch_shapes, kernel=_batch_kernel, traits=HOST, differentiable=False,
)  # fmt: skip
