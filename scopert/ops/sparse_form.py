"""Sparse tensors in another order or shape, joined, cut and filled up."""

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
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_gather import gather
from scopert.ops.array_identity import identity, placeholder
from scopert.ops.array_range import range as range_of
from scopert.ops.array_shape import ints, reshape, set_known_shape, shape
from scopert.ops.array_transpose import invert_permutation, transpose
from scopert.ops.array_where import where_v2
from scopert.ops.math_cast import cast
from scopert.ops.raw import raw
from scopert.ops.sparse_dense import SPARSE_NUMBERS
from scopert.ops.sparse_union import flat_places, lookup, unflatten
from scopert.public import public

# Reorder


def _reorder_kernel(xp: Any, input_indices: Any, input_values: Any, input_shape: Any) -> tuple[Any, Any]:
    if input_indices.ndim != 2 or len(input_indices) != len(input_values):
        raise InvalidArgumentError(
            None, None, f"indices {list(input_indices.shape)} and values {list(input_values.shape)} do not fit"
        )
    order = xp.argsort(flat_places(xp, input_indices, ints(input_shape)), kind="stable")
    return input_indices[order], input_values[order]


SPARSE_REORDER = define_op(
    "SparseReorder",
    inputs="input_indices: int64, input_values: T, input_shape: int64",
    outputs="output_indices: int64, output_values: T",
    attrs="T: type",
    shape=lambda op: [op.inputs[0]._shape, op.inputs[1]._shape],
    kernel=_reorder_kernel,
)


@gradient("SparseReorder")
def _reorder_grad(op: Operation, indices_grad: Any, values_grad: Any) -> Any:
    indices, _, target = op.inputs
    numbers = range_of(shape(indices)[0])
    ordered = sparse_reorder(SparseTensor(indices, numbers, target))
    return None, gather(values_grad, invert_permutation(ordered.values)), None


@public("sparse.reorder", "sparse_reorder")
def sparse_reorder(sp_input: Any, name: str | None = None) -> SparseTensor:
    """A sparse tensor with its stored elements in row-major order."""
    sparse = as_sparse_tensor(sp_input)
    indices, values = apply(SPARSE_REORDER, sparse.indices, sparse.values, sparse.dense_shape, name=name)
    known = sparse.shape
    dense_shape: Any = known.as_list() if known.is_fully_defined() else identity(sparse.dense_shape)
    return SparseTensor(indices, values, dense_shape)


@public("sparse.transpose", "sparse_transpose")
def sparse_transpose(sp_input: SparseTensor, perm: Any = None, name: str | None = None) -> SparseTensor:
    """A sparse tensor with its axes in another order; in reverse by default."""
    from scopert.ops.array_shape import rank

    with name_scope(name, "SparseTranspose", [sp_input.values]):
        if perm is None:
            count = rank(sp_input)
            perm = count - 1 - range_of(0, count, 1)
        indices = transpose(gather(transpose(sp_input.indices), perm))
        order = constant_value(to_tensor(perm))
        dense_shape: Any
        if order is not None and sp_input.shape.is_fully_defined():
            sizes = sp_input.shape.as_list()
            dense_shape = [sizes[int(axis)] for axis in order]
        else:
            dense_shape = gather(sp_input.dense_shape, perm)
        return sparse_reorder(SparseTensor(indices, sp_input.values, dense_shape))


# Reshape


def _reshape_kernel(xp: Any, input_indices: Any, input_shape: Any, new_shape: Any) -> tuple[Any, Any]:
    source, target = ints(input_shape), list(ints(new_shape))
    count = int(np.prod(source, dtype=np.int64))
    if target.count(-1) > 1:
        raise InvalidArgumentError(None, None, "only one output dimension may be -1")
    if -1 in target:
        rest = -int(np.prod(target, dtype=np.int64))
        if rest == 0 or count % rest:
            raise InvalidArgumentError(
                None, None, f"Input to reshape is a SparseTensor with {count} dense values, but the requested shape "
                f"requires a multiple of {rest}. input_shape={list(source)} output_shape= {target}"
            )  # fmt: skip
        target[target.index(-1)] = count // rest
    if int(np.prod(target, dtype=np.int64)) != count:
        raise InvalidArgumentError(
            None, None, f"Input to reshape is a tensor with {count} dense values, but the requested shape has "
            f"{int(np.prod(target, dtype=np.int64))}. input_shape={list(source)} output_shape={target}"
        )  # fmt: skip
    flat = flat_places(xp, input_indices, source)
    return unflatten(xp, flat, tuple(target)), np.array(target, np.int64)


def _reshape_rule(op: Operation) -> list[Shape]:
    rows = None if op.inputs[0]._shape is None else op.inputs[0]._shape[0]
    rank = None if op.inputs[2]._shape is None else op.inputs[2]._shape[0]
    return [(rows, rank), (rank,)]


SPARSE_RESHAPE = define_op(
    "SparseReshape",
    inputs="input_indices: int64, input_shape: int64, new_shape: int64",
    outputs="output_indices: int64, output_shape: int64",
    shape=_reshape_rule,
    kernel=_reshape_kernel,
    differentiable=False,
)


@public("sparse.reshape", "sparse_reshape")
def sparse_reshape(sp_input: Any, shape: Any, name: str | None = None) -> SparseTensor:
    """A sparse tensor in another shape, one size of which may be -1.

    Raises
    ------
    ValueError
        If the numbers of elements are known to differ.
    """
    sparse = as_sparse_tensor(sp_input)
    wanted = cast(shape, int64)
    with name_scope(name, "SparseReshape", [sparse.values]) as scope:
        indices, new_shape = apply(SPARSE_RESHAPE, sparse.indices, sparse.dense_shape, wanted, name=scope)
        known = known_shape(wanted)
        if known is not None and sparse.shape.is_fully_defined():
            static = _static_shape(known, sparse.shape.num_elements() or 0, wanted)
            new_shape = new_shape if static is None else static
        return SparseTensor(indices, identity(sparse.values), new_shape)


def _static_shape(known: tuple[int | None, ...], count: int, wanted: Tensor) -> Tensor | None:
    given = constant_value(wanted)
    if given is not None and int((given == -1).sum()) > 1:
        raise ValueError(f"At most one dimension can be inferred (-1). Found: {given}")
    if known.count(None) > 1:
        return None
    rest = int(np.prod([n for n in known if n is not None], dtype=np.int64))
    sizes = [count // rest if n is None and rest else n or 0 for n in known]
    total = int(np.prod(sizes, dtype=np.int64))
    if total != count:
        raise ValueError(f"Cannot reshape a tensor with {count} elements to shape {list(known)} ({total} elements).")
    return constant(sizes, dtype=int64)


# Slice, split, concat


def _inside(xp: Any, indices: Any, start: tuple[int, ...], size: tuple[int, ...]) -> Any:
    low = xp.asarray(start, indices.dtype)
    high = xp.asarray([a + b for a, b in zip(start, size, strict=True)], indices.dtype)
    return ((indices >= low) & (indices < high)).all(axis=1)


def _slice_kernel(xp: Any, indices: Any, values: Any, shape: Any, start: Any, size: Any) -> tuple[Any, Any, Any]:
    begin, wanted, source = ints(start), ints(size), ints(shape)
    if len(begin) != len(source) or len(wanted) != len(source):
        raise InvalidArgumentError(None, None, f"Expected start and size of length {len(source)}")
    kept = _inside(xp, indices, begin, wanted)
    sizes = [max(0, min(n, total - first)) for n, total, first in zip(wanted, source, begin, strict=True)]
    return indices[kept] - xp.asarray(begin, indices.dtype), values[kept], np.array(sizes, np.int64)


def _parts_rule(op: Operation) -> list[Shape]:
    rank = op.inputs[2]._shape
    count = None if rank is None else rank[0]
    return [(None, count), (None,), (count,)]


SPARSE_SLICE = define_op(
    "SparseSlice",
    inputs="indices: int64, values: T, shape: int64, start: int64, size: int64",
    outputs="output_indices: int64, output_values: T, output_shape: int64",
    attrs="T: type",
    shape=_parts_rule,
    kernel=_slice_kernel,
)


def _slice_grad_kernel(
    xp: Any, backprop_val_grad: Any, input_indices: Any, input_start: Any, output_indices: Any
) -> Any:
    return lookup(xp, input_indices, output_indices + input_start, backprop_val_grad)


SPARSE_SLICE_GRAD = define_op(
    "SparseSliceGrad",
    inputs="backprop_val_grad: T, input_indices: int64, input_start: int64, output_indices: int64",
    outputs="val_grad: T",
    attrs=f"T: {SPARSE_NUMBERS}",
    shape=lambda op: [None if op.inputs[1]._shape is None else op.inputs[1]._shape[:1]],
    kernel=_slice_grad_kernel,
)


@gradient("SparseSlice")
def _slice_grad(op: Operation, *grads: Any) -> Any:
    result = apply(SPARSE_SLICE_GRAD, grads[1], op.inputs[0], op.inputs[3], op.outputs[0])
    set_known_shape(result, op.inputs[1]._shape)
    return None, result, None, None, None


@public("sparse.slice", "sparse_slice")
def sparse_slice(sp_input: Any, start: Any, size: Any, name: str | None = None) -> SparseTensor:
    """The block of a sparse tensor that begins at `start` and is at most `size` large."""
    sparse = as_sparse_tensor(sp_input)
    first, extent = to_tensor(start, int64), to_tensor(size, int64)
    with name_scope(name, "SparseSlice", [sparse.values]) as scope:
        parts = apply(SPARSE_SLICE, sparse.indices, sparse.values, sparse.dense_shape, first, extent, name=scope)
        return SparseTensor(*parts)


def _split_kernel(
    xp: Any, split_dim: Any, indices: Any, values: Any, shape: Any, *, num_split: int
) -> tuple[Any, ...]:
    source, axis = list(ints(shape)), ints(split_dim)[0]
    if not -len(source) <= axis < len(source):
        raise InvalidArgumentError(None, None, f"split_dim should be between 0 and rank ({len(source)}), got {axis}")
    axis %= len(source)
    if not 1 <= num_split <= source[axis]:
        raise InvalidArgumentError(
            None, None, f"num_split should be between 1 and the dimension's size ({source[axis]}), got {num_split}"
        )
    small, larger = divmod(source[axis], num_split)
    found: list[list[Any]] = [[], [], []]
    first = 0
    for part in range(num_split):
        length = small + (part < larger)
        kept = (indices[:, axis] >= first) & (indices[:, axis] < first + length)
        moved = indices[kept].copy()
        moved[:, axis] -= first
        sizes = source.copy()
        sizes[axis] = length
        for column, item in zip(found, (moved, values[kept], np.array(sizes, np.int64)), strict=True):
            column.append(item)
        first += length
    return tuple(item for column in found for item in column)


def _split_rule(op: Operation) -> list[Shape]:
    rank = op.inputs[3]._shape
    count, parts = None if rank is None else rank[0], op.attrs["num_split"]
    return [*[(None, count)] * parts, *[(None,)] * parts, *[(count,)] * parts]


SPARSE_SPLIT = define_op(
    "SparseSplit",
    inputs="split_dim: int64, indices: int64, values: T, shape: int64",
    outputs="output_indices: num_split * int64, output_values: num_split * T, output_shape: num_split * int64",
    attrs="num_split: int >= 1; T: type",
    shape=_split_rule,
    kernel=_split_kernel,
)


class _Keywords:
    def __repr__(self) -> str:
        return "KeywordRequired()"


_KEYWORDS = _Keywords()


@public("sparse.split", "sparse_split")
def sparse_split(
    keyword_required: Any = _KEYWORDS, sp_input: Any = None, num_split: int | None = None, axis: Any = None,
    name: str | None = None, split_dim: Any = None,
) -> list[SparseTensor]:  # fmt: skip
    """`num_split` pieces of a sparse tensor along an axis; the first are larger by one where it does not come out.

    Raises
    ------
    ValueError
        If an argument is missing, or given by position.
    """
    if keyword_required is not _KEYWORDS:
        raise ValueError("Keyword arguments are required for this function.")
    where = split_dim if axis is None else axis
    for value, what in ((sp_input, "sp_input"), (num_split, "num_split"), (where, "axis")):
        if value is None:
            raise ValueError(f"{what} is required")
    assert num_split is not None
    sparse = as_sparse_tensor(sp_input)
    parts = apply(
        SPARSE_SPLIT, where, sparse.indices, sparse.values, sparse.dense_shape, num_split=num_split, name=name
    )
    return [SparseTensor(*parts[i::num_split]) for i in range(num_split)]


def _concat_kernel(xp: Any, *args: Any, concat_dim: int, N: int) -> tuple[Any, Any, Any]:
    shapes = [list(ints(target)) for target in args[2 * N :]]
    axis = concat_dim % len(shapes[0])
    moved, first = [], 0
    for indices, source in zip(args[:N], shapes, strict=False):
        if source[:axis] + source[axis + 1 :] != shapes[0][:axis] + shapes[0][axis + 1 :]:
            raise InvalidArgumentError(None, None, f"Input shapes must match: expected {shapes[0]}, got {source}")
        part = indices.copy()
        part[:, axis] += first
        moved.append(part)
        first += source[axis]
    total = shapes[0].copy()
    total[axis] = first
    indices, values = xp.concatenate(moved), xp.concatenate(args[N : 2 * N])
    order = xp.argsort(flat_places(xp, indices, tuple(total)), kind="stable")
    return indices[order], values[order], np.array(total, np.int64)


def _concat_rule(op: Operation) -> list[Shape]:
    count = op.attrs["N"]
    rows: int | None = 0
    rank: int | None = None
    for tensor in op.inputs[:count]:
        length = None if tensor._shape is None else tensor._shape[0]
        rows = None if rows is None or length is None else rows + length
        rank = rank if tensor._shape is None or tensor._shape[1] is None else tensor._shape[1]
    for tensor in op.inputs[2 * count :]:
        rank = rank if tensor._shape is None or tensor._shape[0] is None else tensor._shape[0]
    return [(rows, rank), (rows,), (rank,)]


SPARSE_CONCAT = define_op(
    "SparseConcat",
    inputs="indices: N * int64, values: N * T, shapes: N * int64",
    outputs="output_indices: int64, output_values: T, output_shape: int64",
    attrs="concat_dim: int; N: int >= 2; T: type",
    shape=_concat_rule,
    kernel=_concat_kernel,
    differentiable=False,
)


@public("sparse.concat", "sparse_concat")
def sparse_concat(
    axis: Any, sp_inputs: Any, name: str | None = None, expand_nonconcat_dim: bool = False, concat_dim: Any = None,
    expand_nonconcat_dims: Any = None,
) -> SparseTensor:  # fmt: skip
    """Sparse tensors one after the other along an axis.

    Parameters
    ----------
    axis : int
        The axis; negative ones count from the back.
    sp_inputs : list of SparseTensor
        Of one type and rank.
    name : str, optional
        The operation's name.
    expand_nonconcat_dim, expand_nonconcat_dims : bool, optional
        Whether the other axes may differ in size: the result has the largest.
    concat_dim : int, optional
        The old name of `axis`.
    """
    from scopert.ops.math_reduction import reduce_max

    where = concat_dim if axis is None else axis
    expand = expand_nonconcat_dim if expand_nonconcat_dims is None else expand_nonconcat_dims
    if not isinstance(sp_inputs, list | tuple):
        raise TypeError("Inputs must be a list or tuple.")
    sparse = [as_sparse_tensor(one) for one in sp_inputs]
    if len(sparse) == 1:
        return sparse[0]
    shapes: list[Any] = [one.dense_shape for one in sparse]
    if expand:
        largest = reduce_max(concat([reshape(one, [1, -1]) for one in shapes], 0), 0)
        last = where == -1
        shapes = [
            concat(
                [largest[:where], one[-1:] if last else one[where : where + 1], [] if last else largest[where + 1 :]], 0
            )
            for one in shapes
        ]
    indices, values, total = apply(
        SPARSE_CONCAT, [one.indices for one in sparse], [one.values for one in sparse], shapes,
        concat_dim=where, name=name,
    )  # fmt: skip
    known = [constant_value(one) for one in shapes]
    if all(value is not None for value in known):
        sizes = np.array(known[0])
        sizes[where] = sum(value[where] for value in known)
        total = to_tensor(sizes)
    return SparseTensor(indices, values, total)


# Rows without an element, and other sets of elements


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
        filler.fill(default_value)
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
    from scopert.ops.array_shape import expand_dims

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
    from scopert.ops.array_shape import expand_dims
    from scopert.ops.sparse_dense import sparse_tensor_to_dense

    sparse = as_sparse_tensor(sp_input)
    with name_scope(name, "SparseToIndicator", [sparse.values]) as scope:
        count = shape(sparse.indices)[0]
        present = fill(expand_dims(count, 0), True)
        merged = sparse_merge(sparse, SparseTensor(sparse.indices, present, sparse.dense_shape), vocab_size, scope)
        return sparse_tensor_to_dense(merged, default_value=False, validate_indices=False, name=scope)
