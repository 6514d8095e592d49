"""Making sparse tensors, filling them up and choosing among their elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.constant_value import constant_value, known_shape
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import as_dtype, int64
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.sparse_tensor import SparseTensor, as_sparse_tensor
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_gather import gather
from scopert.ops.array_identity import identity, placeholder
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape
from scopert.ops.array_where import where_v2
from scopert.ops.math_cast import cast
from scopert.ops.raw import raw
from scopert.ops.sparse_form import sparse_reorder
from scopert.public import public


def _fill_rows_kernel(
    xp: Any, indices: Any, values: Any, dense_shape: Any, default_value: Any
) -> tuple[Any, Any, Any, Any]:
    rows = int(dense_shape[0])
    count = len(values)
    if count and bool(((indices[:, 0] < 0) | (indices[:, 0] >= rows)).any()):
        raise InvalidArgumentError(None, None, f"an index of the first axis is not in [0, {rows})")
    empty = xp.ones(rows, bool)
    empty[indices[:, 0]] = False
    missing = xp.nonzero(empty)[0]
    added = xp.zeros((len(missing), indices.shape[1]), np.int64)
    added[:, 0] = missing
    everything = xp.concatenate([indices, added])
    filler: Any
    if values.dtype == object:
        filler = np.empty(len(missing), object)
        filler[...] = default_value
    else:
        filler = xp.full(len(missing), default_value, values.dtype)
    order = xp.argsort(everything[:, 0], kind="stable")
    back = xp.empty(len(order), np.int64)
    back[order] = xp.arange(len(order))
    return everything[order], xp.concatenate([values, filler])[order], empty, back[:count]


SPARSE_FILL_EMPTY_ROWS = define_op(
    "SparseFillEmptyRows",
    inputs="indices: int64, values: T, dense_shape: int64, default_value: T",
    outputs="output_indices: int64, output_values: T, empty_row_indicator: bool, reverse_index_map: int64",
    attrs="T: type",
    shape=lambda op: [
        (None, None if op.inputs[0]._shape is None else op.inputs[0]._shape[1]),
        (None,),
        (None if known_shape(op.inputs[2]) is None else (known_shape(op.inputs[2]) or (None,))[0],),
        None if op.inputs[1]._shape is None else op.inputs[1]._shape,
    ],
    kernel=_fill_rows_kernel,
)


def _fill_rows_grad_kernel(xp: Any, reverse_index_map: Any, grad_values: Any) -> tuple[Any, Any]:
    rest = xp.ones(len(grad_values), bool)
    rest[reverse_index_map] = False
    return grad_values[reverse_index_map], grad_values[rest].sum(dtype=grad_values.dtype)


SPARSE_FILL_EMPTY_ROWS_GRAD = define_op(
    "SparseFillEmptyRowsGrad",
    inputs="reverse_index_map: int64, grad_values: T",
    outputs="d_values: T, d_default_value: T",
    attrs="T: type",
    shape=lambda op: [op.inputs[0]._shape, ()],
    kernel=_fill_rows_grad_kernel,
)


@gradient("SparseFillEmptyRows")
def _fill_rows_grad(op: Operation, *grads: Any) -> Any:
    values_grad, default_grad = apply(SPARSE_FILL_EMPTY_ROWS_GRAD, op.outputs[3], grads[1])
    return [None, values_grad, None, default_grad]


@public("sparse.fill_empty_rows", "sparse_fill_empty_rows")
def sparse_fill_empty_rows(
    sp_input: Any, default_value: Any, name: str | None = None
) -> tuple[SparseTensor, Tensor]:
    """A sparse matrix with a default element in each row that had none, and which rows these are."""
    sparse = as_sparse_tensor(sp_input)
    with name_scope(name, "SparseFillEmptyRows", [sparse.values]):
        default = to_tensor(default_value, sparse.dtype.base)
        indices, values, empty, _ = apply(
            SPARSE_FILL_EMPTY_ROWS, sparse.indices, sparse.values, sparse.dense_shape, default
        )
        return SparseTensor(indices, values, sparse.dense_shape), empty


@public("sparse.retain", "sparse_retain")
def sparse_retain(sp_input: Any, to_retain: Any) -> SparseTensor:
    """A sparse tensor with those of its stored elements for which a vector of booleans is true."""
    sparse = as_sparse_tensor(sp_input)
    chosen = to_tensor(to_retain)
    chosen.shape.assert_has_rank(1)
    if sparse.values._shape is not None and chosen._shape is not None:
        sparse.values.shape[0].merge_with(chosen.shape[0])
    rows = reshape(where_v2(chosen), [-1])
    indices, values = gather(sparse.indices, rows), gather(sparse.values, rows)
    return SparseTensor(indices, values, identity(sparse.dense_shape))


@public("sparse.placeholder", "sparse_placeholder")
def sparse_placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> SparseTensor:
    """A sparse tensor whose value, a `SparseTensorValue`, is given with each run.

    Parameters
    ----------
    dtype : DType
        The type of the elements.
    shape : shape or Tensor, optional
        The shape of the whole; it is fed too where it is not fully known.
    name : str, optional
        The prefix of the operations' names.
    """

    def named(part: str) -> str | None:
        return None if name is None else f"{name}/{part}"

    length: Any = None
    whole: Any = None
    if isinstance(shape, Tensor):
        length, whole = shape.shape[0], to_tensor(shape, int64, named("shape"))
    elif shape is not None:
        length = len(shape)
        sizes = [getattr(size, "value", size) for size in shape]
        if None not in sizes:
            whole = to_tensor(sizes, int64, named("shape"))
    if whole is None:
        whole = placeholder(int64, shape=[length], name=named("shape"))
    values = placeholder(as_dtype(dtype), shape=[None], name=named("values"))
    indices = placeholder(int64, shape=[None, length], name=named("indices"))
    return SparseTensor(values=values, indices=indices, dense_shape=whole)


@public("sparse.merge", "sparse_merge")
def sparse_merge(
    sp_ids: Any, sp_values: Any, vocab_size: Any, name: str | None = None, already_sorted: bool = False
) -> SparseTensor:
    """A sparse tensor whose last indices are the values of `sp_ids` and whose values are those of `sp_values`.

    Parameters
    ----------
    sp_ids : SparseTensor or list of SparseTensor
        Integers, each less than its vocabulary size; several become several last axes.
    sp_values : SparseTensor
        What is stored.
    vocab_size : int or list of int
        The sizes of the last axes.
    name : str, optional
        The name of the scope around the operations.
    already_sorted : bool, optional
        Whether the result is in order without being sorted.

    Raises
    ------
    TypeError, ValueError
        If ids and sizes are not of these types, or of different numbers.
    """
    from scopert.graph.sparse_tensor import is_sparse
    from scopert.ops.array_reshape import expand_dims

    many = not is_sparse(sp_ids)
    if many and not hasattr(sp_ids, "__iter__"):
        raise TypeError(f"sp_ids has to be a SparseTensor or list thereof. Found {type(sp_ids)}")
    if many and not isinstance(vocab_size, list | tuple):
        raise TypeError(f"vocab_size has to be a list of Tensors or Python ints. Found {type(vocab_size)}")
    ids, sizes = (list(sp_ids), list(vocab_size)) if many else ([sp_ids], [vocab_size])
    for size in sizes:
        if not isinstance(size, Tensor | int | np.integer):
            raise TypeError(f"vocab_size has to be a Tensor or Python int. Found {type(size)}")
    if len(ids) != len(sizes):
        raise ValueError("sp_ids and vocab_size have to have equal lengths.")
    with name_scope(name, "SparseMerge", []):
        sparse = [as_sparse_tensor(one) for one in ids]
        stored = as_sparse_tensor(sp_values)
        columns = [
            expand_dims(one.values if one.dtype == int64 else raw("Cast", one.values, DstT=int64), axis=1)
            for one in sparse
        ]
        wide = [raw("Cast", size, DstT=int64) for size in sizes]
        indices = concat([sparse[0].indices[:, :-1], *columns], 1)
        target = concat([sparse[0].dense_shape[:-1], wide], 0)
        result = SparseTensor(indices, stored.values, target)
        if already_sorted:
            return result
        ordered = sparse_reorder(result)
        return SparseTensor(ordered.indices, ordered.values, target)


@public("sparse.to_indicator", "sparse_to_indicator")
def sparse_to_indicator(sp_input: Any, vocab_size: Any, name: str | None = None) -> Tensor:
    """Booleans: for each row of ids which ones, up to `vocab_size`, occur in it."""
    from scopert.ops.array_fill import fill
    from scopert.ops.array_reshape import expand_dims
    from scopert.ops.sparse_dense import sparse_tensor_to_dense

    sparse = as_sparse_tensor(sp_input)
    with name_scope(name, "SparseToIndicator", [sparse.values]) as scope:
        count = shape(sparse.indices)[0]
        present = fill(expand_dims(count, 0), True)
        merged = sparse_merge(sparse, SparseTensor(sparse.indices, present, sparse.dense_shape), vocab_size, scope)
        return sparse_tensor_to_dense(merged, default_value=False, validate_indices=False, name=scope)


@public("sparse.expand_dims")
def sparse_expand_dims(sp_input: SparseTensor, axis: Any = None, name: str | None = None) -> SparseTensor:
    """A sparse tensor with one more axis, of size 1, before axis `axis`; after the last by default."""
    from scopert.graph.dtypes import int32
    from scopert.ops.array_fill import zeros
    from scopert.ops.array_slice import slice as slice_of

    count = sp_input.dense_shape.shape[0]
    with name_scope(name, "expand_dims", [sp_input.values]):
        where = -1 if axis is None else axis
        if isinstance(where, int | np.integer):
            where = to_tensor(where, int32, "axis")
        elif not isinstance(where, Tensor):
            raise TypeError("axis must be an integer value in range [-rank(sp_input) - 1, rank(sp_input)]")
        where = where_v2(where >= 0, where, where + count + 1)
        rows = shape(sp_input.indices)[0]
        column = zeros([rows, 1], dtype=int64)
        before = slice_of(sp_input.indices, [0, 0], [-1, where])
        after = slice_of(sp_input.indices, [0, where], [-1, -1])
        indices = concat([before, column, after], axis=1)
        head = slice_of(sp_input.dense_shape, [0], [where])
        tail = slice_of(sp_input.dense_shape, [where], [-1])
        middle = to_tensor([1], int64, "new_shape")
        return SparseTensor(indices, sp_input.values, concat([head, middle, tail], axis=0))


def _as_int64(value: Any, name: str) -> Tensor:
    if isinstance(value, int | np.integer):
        return to_tensor(value, int64, name)
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be an integer value")
    return value if value.dtype == int64 else raw("Cast", value, DstT=int64)


@public("sparse.eye")
def sparse_eye(num_rows: Any, num_columns: Any = None, dtype: Any = None, name: str | None = None) -> SparseTensor:
    """The identity matrix, float32 by default, as a sparse tensor."""
    from scopert.graph.dtypes import float32
    from scopert.ops.array_fill import ones
    from scopert.ops.array_stack import stack

    with name_scope(name, "eye", [num_rows, num_columns]):
        rows = _as_int64(num_rows, "num_rows")
        columns = rows if num_columns is None else _as_int64(num_columns, "num_columns")
        length = raw("Minimum", rows, columns)
        numbers = range_of(length, dtype=int64)
        indices = stack([numbers, numbers], axis=1)
        return SparseTensor(indices, ones(length, dtype=float32 if dtype is None else dtype), [rows, columns])


@public("sparse.reset_shape", "sparse_reset_shape")
def sparse_reset_shape(sp_input: Any, new_shape: Any = None) -> SparseTensor:
    """A sparse tensor with the same elements and another shape of the whole.

    Parameters
    ----------
    sp_input : SparseTensor
    new_shape : Tensor, optional
        Nowhere smaller than the old one; the smallest that holds all elements by default.

    Raises
    ------
    ValueError
        If it is known to be smaller, or of another rank.
    """
    from scopert.ops.array_fill import ones_like
    from scopert.ops.check_comparisons import assert_equal, assert_less_equal
    from scopert.ops.math_reduction import reduce_max
    from scopert.ops.no_op import with_dependencies

    sparse = as_sparse_tensor(sp_input)
    indices, values, old = identity(sparse.indices), identity(sparse.values), identity(sparse.dense_shape)
    target: Any
    if new_shape is None:
        highest = reduce_max(indices, axis=0)
        target = raw("Maximum", constant(0, dtype=int64), raw("Add", highest, ones_like(old)))
        return SparseTensor(indices, values, target)
    target = to_tensor(new_shape)
    target.shape.assert_has_rank(1)
    target = cast(target, int64)
    if target._shape is not None:
        target.shape[0].merge_with(old.shape[0])
    known = constant_value(target)
    if known is not None and sparse.shape.is_fully_defined():
        before = np.array(sparse.shape.as_list())
        if not np.all(before <= known):
            raise ValueError(
                f"Requested new_shape should have dimension sizes >= sp_input.shape.  Found new_shape ({before}), "
                f"sp_input.shape ({known})."
            )
        return SparseTensor(indices, values, known)
    target = with_dependencies([assert_equal(shape(old), shape(target))], target)
    target = with_dependencies([assert_less_equal(old, target)], target)
    return SparseTensor(indices, values, target)
