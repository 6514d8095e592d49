"""Sparse tensors in another order or shape, joined and cut."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.constant_value import constant_value, known_shape
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import int64
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.sparse_tensor import SparseTensor, as_sparse_tensor
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_gather import gather
from scopert.ops.array_identity import identity
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import ints, set_known_shape, shape
from scopert.ops.array_transpose import invert_permutation, transpose
from scopert.ops.math_cast import cast
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
