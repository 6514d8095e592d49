"""Strings in pieces, and pieces joined along axes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.constant_value import known_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32, string
from scopert.graph.opdef import HOST, define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.sparse_tensor import SparseTensor
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_range import range as range_
from scopert.ops.array_shape import rank
from scopert.ops.string_map import as_bytes
from scopert.public import public


def _sparse(rows: list[list[bytes]]) -> tuple[Any, Any, Any]:
    places = [(row, column) for row, pieces in enumerate(rows) for column in range(len(pieces))]
    values = np.empty(len(places), object)
    values[:] = [piece for pieces in rows for piece in pieces]
    widest = max(map(len, rows), default=0)
    return np.array(places, np.int64).reshape(-1, 2), values, np.array([len(rows), widest], np.int64)


def _split(xp: Any, x: Any, delimiter: Any, *, skip_empty: bool) -> Any:
    between = as_bytes(delimiter)
    rows = []
    for item in x.tolist():
        if not between:
            pieces = [item[index : index + 1] for index in range(len(item))]
        else:
            # Each of the delimiter's characters separates.
            pieces = re.split(b"[" + re.escape(between) + b"]", item) if item else []
        rows.append([piece for piece in pieces if piece or not skip_empty])
    return _sparse(rows)


def _split_v2(xp: Any, x: Any, sep: Any, *, maxsplit: int) -> Any:
    between = as_bytes(sep)
    return _sparse([item.split(between or None, maxsplit) for item in x.tolist()])


def _split_shape(op: Operation) -> list[Shape]:
    return [(None, 2), (None,), (2,)]


STRING_SPLIT = define_op(
    "StringSplit", inputs="input: string, delimiter: string", outputs="indices: int64, values: string, shape: int64",
    attrs="skip_empty: bool = true", shape=_split_shape, kernel=_split, traits=HOST, differentiable=False,
)  # fmt: skip
STRING_SPLIT_V2 = define_op(
    "StringSplitV2", inputs="input: string, sep: string", outputs="indices: int64, values: string, shape: int64",
    attrs="maxsplit: int = -1", shape=_split_shape, kernel=_split_v2, traits=HOST, differentiable=False,
)  # fmt: skip


def _only_sparse(result_type: str) -> None:
    if result_type == "RaggedTensor":
        raise NotImplementedError("result_type 'RaggedTensor': there are no ragged tensors, use 'SparseTensor'")
    if result_type != "SparseTensor":
        raise ValueError("result_type must be 'RaggedTensor' or 'SparseTensor'.")


@public("string_split")
def string_split(
    source: Any, sep: Any = None, skip_empty: bool = True, delimiter: Any = None, result_type: str = "SparseTensor",
    name: str | None = None,
) -> SparseTensor:  # fmt: skip
    """The pieces of strings, separated by any of the characters of `delimiter`.

    Parameters
    ----------
    source : Tensor
        A vector of strings.
    sep, delimiter : str or Tensor, optional
        A space by default; if it is empty, each byte is a piece.
    skip_empty : bool
        Leave out empty pieces.
    result_type : str
        ``"SparseTensor"``.
    name : str, optional

    Returns
    -------
    SparseTensor
        A row for each string.

    Raises
    ------
    ValueError
        If both `sep` and `delimiter` are given, or the result type is unknown.
    NotImplementedError
        If a ragged tensor is asked for.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.string_split(["a b", "c"])).values)
    [b'a' b'b' b'c']
    """
    if sep is not None and delimiter is not None:
        raise ValueError("Cannot specify both 'sep' and 'delimiter'")
    with name_scope(name, "StringSplit", [source]):
        chosen = sep if sep is not None else " " if delimiter is None else delimiter
        characters = convert_to_tensor(chosen, dtype=string)
        source = convert_to_tensor(source, dtype=string)
        pieces = apply(STRING_SPLIT, source, characters, skip_empty=skip_empty)
        _only_sparse(result_type)
        return SparseTensor(*pieces)


@public("strings.split")
def strings_split(
    input: Any = None, sep: Any = None, maxsplit: int = -1, result_type: str = "SparseTensor", source: Any = None,
    name: str | None = None,
) -> SparseTensor:  # fmt: skip
    """The pieces of strings, as Python's ``str.split`` makes them.

    Parameters
    ----------
    input, source : Tensor
        A vector of strings.
    sep : str or Tensor, optional
        What separates; runs of white space by default.
    maxsplit : int
        The most separations; no limit if it is -1.
    result_type : str
        ``"SparseTensor"``.
    name : str, optional

    Raises
    ------
    ValueError
        If both names are given, or the result type is unknown.
    NotImplementedError
        If a ragged tensor is asked for, or the input is no vector, whose pieces would be one.
    """
    if input is not None and source is not None:
        raise ValueError("Cannot specify both 'source' and 'input'")
    value = source if input is None else input
    with name_scope(name, "StringSplit", [value]):
        value = convert_to_tensor(value, dtype=string, name="input")
        _only_sparse(result_type)
        if value._rank != 1:
            raise NotImplementedError(f"strings.split needs a vector, {value} is none: there are no ragged tensors")
        separator = convert_to_tensor("" if sep is None else sep, dtype=string)
        return SparseTensor(*apply(STRING_SPLIT_V2, value, separator, maxsplit=maxsplit))


def _reduce_join_shape(op: Operation) -> list[Shape]:
    shape, axes = op._inputs[0]._shape, known_value(op._inputs[1])
    if shape is None or axes is None:
        return [None]
    removed = {int(axis) % len(shape) for axis in np.ravel(axes)} if len(shape) else set()
    if op.attrs["keep_dims"]:
        return [tuple(1 if axis in removed else size for axis, size in enumerate(shape))]
    return [tuple(size for axis, size in enumerate(shape) if axis not in removed)]


def _reduce_join(xp: Any, x: Any, axes: Any, *, keep_dims: bool, separator: Any) -> Any:
    array = x if isinstance(x, np.ndarray) else np.array(x, object)
    order: list[int] = []
    for axis in np.ravel(axes).tolist():
        if not -array.ndim <= axis < array.ndim:
            raise InvalidArgumentError(
                None, None, f"Invalid reduction dimension {axis} for input with {array.ndim} dimension(s)"
            )
        if axis % array.ndim in order:
            raise InvalidArgumentError(None, None, f"Duplicate reduction dimension {axis}")
        order.append(axis % array.ndim)
    kept = [axis for axis in range(array.ndim) if axis not in order]
    lines = array.transpose(kept + order[::-1]).reshape(*(array.shape[axis] for axis in kept), -1)
    between = as_bytes(separator)
    made = np.empty(lines.shape[:-1], object)
    for place in np.ndindex(made.shape):
        made[place] = between.join(lines[place].tolist())
    if keep_dims:
        made = made.reshape([1 if axis in order else size for axis, size in enumerate(array.shape)])
    return made if made.ndim else made[()]


REDUCE_JOIN = define_op(
    "ReduceJoin", inputs="inputs: string, reduction_indices: int32", outputs="output: string",
    attrs='keep_dims: bool = false; separator: string = ""', shape=_reduce_join_shape, kernel=_reduce_join,
    traits=HOST, differentiable=False,
)  # fmt: skip


@public("strings.reduce_join", "reduce_join")
def reduce_join(
    inputs: Any, axis: Any = None, keep_dims: bool | None = None, separator: str = "", name: str | None = None,
    reduction_indices: Any = None, keepdims: bool | None = None,
) -> Tensor:  # fmt: skip
    """Joins strings along axes.

    Parameters
    ----------
    inputs : Tensor
        Strings.
    axis, reduction_indices : Tensor, optional
        Axes, joined in this order; by default all, the last axis first.
    keepdims, keep_dims : bool, optional
        Keep joined axes with length 1.
    separator : str
    name : str, optional

    Raises
    ------
    ValueError
        If both names of an argument are given.
    """
    if axis is not None and reduction_indices is not None:
        raise ValueError("Cannot specify both 'axis' and 'reduction_indices'")
    if keepdims is not None and keep_dims is not None:
        raise ValueError("Cannot specify both 'keepdims' and 'keep_dims'")
    axis = reduction_indices if axis is None else axis
    with name_scope(None, "ReduceJoin", [inputs, axis]):
        tensor = convert_to_tensor(inputs)
        if axis is None:
            size = tensor._rank
            if size is None:
                axis = range_(rank(tensor) - 1, -1, -1)
            else:
                axis = constant(np.arange(size - 1, -1, -1), dtype=int32)
        made: Tensor = apply(
            REDUCE_JOIN, tensor, axis, keep_dims=bool(keepdims or keep_dims), separator=separator, name=name
        )
        return made
