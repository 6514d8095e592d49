"""Sets along the last axis: differences, intersections, unions and sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import HOST, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import unknown
from scopert.graph.sparse_tensor import SparseTensor
from scopert.graph.tensor import Shape, Tensor
from scopert.public import public

Array = Any
Groups = dict[tuple[int, ...], list[Any]]

ATTRS = "set_operation: string; validate_indices: bool = true; T: {int8, int16, int32, int64, uint8, uint16, string}"

_OPERATIONS: dict[str, Callable[[set[Any], set[Any]], set[Any]]] = {
    "a-b": lambda a, b: a - b,
    "b-a": lambda a, b: b - a,
    "intersection": lambda a, b: a & b,
    "union": lambda a, b: a | b,
}


def _dense_groups(values: Array) -> Iterable[tuple[tuple[int, ...], list[Any]]]:
    """Each row of a dense array."""
    for place in np.ndindex(*values.shape[:-1]):
        yield place, values[place].tolist()


def _sparse_groups(indices: Array, values: Array, shape: Array, validate: bool) -> Groups:
    """The values of a sparse tensor by row."""
    found: Groups = {}
    if validate and len(indices):
        ordered = list(map(tuple, indices.tolist()))
        if sorted(ordered) != ordered:
            raise InvalidArgumentError(None, None, "the indices of a set are out of order")
        if (indices < 0).any() or (indices >= shape).any():
            raise InvalidArgumentError(None, None, f"set indices are outside of the shape {shape.tolist()}")
    for index, value in zip(indices.tolist(), values.tolist(), strict=True):
        found.setdefault(tuple(index[:-1]), []).append(value)
    return found


def _combine(
    lead: tuple[int, ...], first: Groups, second: Groups, set_operation: Any, like: Array
) -> tuple[Array, Array, Array]:
    """The sets of all rows combined, as the three parts of a sparse tensor with sorted values."""
    name = set_operation.decode() if isinstance(set_operation, bytes) else set_operation
    operation = _OPERATIONS.get(name)
    if operation is None:
        raise InvalidArgumentError(None, None, f"Invalid set_operation {name}.")
    indices: list[tuple[int, ...]] = []
    values: list[Any] = []
    widest = 0
    for place in np.ndindex(*lead):
        result = sorted(operation(set(first.get(place, ())), set(second.get(place, ()))))
        indices += [(*place, k) for k in range(len(result))]
        values += result
        widest = max(widest, len(result))
    return (
        np.array(indices, np.int64).reshape(-1, len(lead) + 1),
        np.array(values, like.dtype).reshape(-1),
        np.array([*lead, widest], np.int64),
    )


def _same_lead(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    if first != second:
        raise InvalidArgumentError(None, None, f"Mismatched group shapes {list(first)} and {list(second)}.")
    return first


def _dense_dense(
    xp: Any, a: Array, b: Array, *, set_operation: Any, validate_indices: bool
) -> tuple[Array, Array, Array]:
    lead = _same_lead(a.shape[:-1], b.shape[:-1])
    return _combine(lead, dict(_dense_groups(a)), dict(_dense_groups(b)), set_operation, a)


def _dense_sparse(
    xp: Any, a: Array, indices: Array, values: Array, shape: Array, *, set_operation: Any, validate_indices: bool
) -> tuple[Array, Array, Array]:
    lead = _same_lead(a.shape[:-1], tuple(shape.tolist()[:-1]))
    second = _sparse_groups(indices, values, shape, validate_indices)
    return _combine(lead, dict(_dense_groups(a)), second, set_operation, a)


def _sparse_sparse(
    xp: Any, indices1: Array, values1: Array, shape1: Array, indices2: Array, values2: Array, shape2: Array, *,
    set_operation: Any, validate_indices: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    lead = _same_lead(tuple(shape1.tolist()[:-1]), tuple(shape2.tolist()[:-1]))
    first = _sparse_groups(indices1, values1, shape1, validate_indices)
    second = _sparse_groups(indices2, values2, shape2, validate_indices)
    return _combine(lead, first, second, set_operation, values1)


def _set_size(xp: Any, indices: Array, values: Array, shape: Array, *, validate_indices: bool) -> Array:
    result = np.zeros(shape.tolist()[:-1], np.int32)
    for place, group in _sparse_groups(indices, values, shape, validate_indices).items():
        result[place] = len(set(group))
    return result


def _result_shapes(op: Operation) -> list[Shape]:
    rank: int | None = None
    first = op.inputs[0]._shape
    if op.type == "SparseToSparseSetOperation":
        known = op.inputs[2]._shape
        rank = None if known is None else known[0]
    elif first is not None:
        if len(first) < 2:
            raise ValueError(f"Input 0, Shape must be at least rank 2 but is rank {len(first)}")
        rank = len(first)
    return [(None, rank), (None,), (rank,)]


_RESULT = "result_indices: int64, result_values: T, result_shape: int64"

DENSE_DENSE = define_op(
    "DenseToDenseSetOperation", "set1: T, set2: T", _RESULT, ATTRS, shape=_result_shapes, kernel=_dense_dense,
    traits=HOST, differentiable=False,
)  # fmt: skip
DENSE_SPARSE = define_op(
    "DenseToSparseSetOperation", "set1: T, set2_indices: int64, set2_values: T, set2_shape: int64", _RESULT, ATTRS,
    shape=_result_shapes, kernel=_dense_sparse, traits=HOST, differentiable=False,
)  # fmt: skip
SPARSE_SPARSE = define_op(
    "SparseToSparseSetOperation",
    "set1_indices: int64, set1_values: T, set1_shape: int64, set2_indices: int64, set2_values: T, set2_shape: int64",
    _RESULT, ATTRS, shape=_result_shapes, kernel=_sparse_sparse, traits=HOST, differentiable=False,
)  # fmt: skip
SET_SIZE = define_op(
    "SetSize", "set_indices: int64, set_values: T, set_shape: int64", "size: int32",
    "validate_indices: bool = true; T: {int8, int16, int32, int64, uint8, uint16, string}",
    shape=unknown, kernel=_set_size, traits=HOST, differentiable=False,
)  # fmt: skip


def _operate(a: Any, b: Any, set_operation: str, validate: bool) -> SparseTensor:
    """A set operation on two tensors that may be sparse; a sparse first and a dense second one are exchanged."""
    attrs: dict[str, Any] = {"set_operation": set_operation, "validate_indices": validate}
    if isinstance(a, SparseTensor):
        if not isinstance(b, SparseTensor):
            raise TypeError("the first of two sets may be sparse only if the second is")
        inputs = (a.indices, a.values, a.dense_shape, b.indices, b.values, b.dense_shape)
        return SparseTensor(*apply(SPARSE_SPARSE, *inputs, **attrs))
    if isinstance(b, SparseTensor):
        return SparseTensor(*apply(DENSE_SPARSE, a, b.indices, b.values, b.dense_shape, **attrs))
    return SparseTensor(*apply(DENSE_DENSE, a, b, **attrs))


def _prepared(a: Any, b: Any) -> tuple[Any, Any, bool]:
    """Both as tensors of one type, and whether they were exchanged."""
    a = a if isinstance(a, SparseTensor) else convert_to_tensor(a, name="a")
    b = b if isinstance(b, SparseTensor) else convert_to_tensor(b, name="b")
    if a.dtype.base is not b.dtype.base:
        raise TypeError(f"Types don't match, {a.dtype.name} vs {b.dtype.name}.")
    if isinstance(a, SparseTensor) and not isinstance(b, SparseTensor):
        return b, a, True
    return a, b, False


@public("sets.difference", "sets.set_difference")
def set_difference(a: Any, b: Any, aminusb: bool = True, validate_indices: bool = True) -> SparseTensor:
    """The elements of each row of `a` that are not in that of `b`; the other way round without `aminusb`.

    Parameters
    ----------
    a, b : tensor-like or SparseTensor of integers or strings
        Equal in all sizes but the last.
    validate_indices : bool
        Whether to check order and range of sparse indices.

    Returns
    -------
    SparseTensor
        Sorted rows without repetition.

    Raises
    ------
    TypeError
        If types differ.
    """
    a, b, exchanged = _prepared(a, b)
    return _operate(a, b, "a-b" if aminusb != exchanged else "b-a", validate_indices)


@public("sets.intersection", "sets.set_intersection")
def set_intersection(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """The elements of each row that are in both; see `set_difference`."""
    a, b, _ = _prepared(a, b)
    return _operate(a, b, "intersection", validate_indices)


@public("sets.union", "sets.set_union")
def set_union(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """The elements of each row that are in either; see `set_difference`."""
    a, b, _ = _prepared(a, b)
    return _operate(a, b, "union", validate_indices)


@public("sets.size", "sets.set_size")
def set_size(a: SparseTensor, validate_indices: bool = True) -> Tensor:
    """How many different elements each row has.

    Raises
    ------
    TypeError
        If `a` is not sparse.
    """
    if not isinstance(a, SparseTensor):
        raise TypeError(f"Expected `SparseTensor`, got {a}.")
    if a.values.dtype.name not in ("int8", "int16", "int32", "int64", "uint8", "uint16", "string"):
        raise TypeError(f"Invalid dtype {a.values.dtype.name}.")
    return apply(SET_SIZE, a.indices, a.values, a.dense_shape, validate_indices=validate_indices)
