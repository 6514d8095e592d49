"""Sets and sorted sequences as vectors: unique, setdiff1d, searchsorted."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.dtypes import DType, int32
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import merge
from scopert.graph.shape_rules import same_as
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import ints, shape_internal
from scopert.public import public


class UniqueOutput(NamedTuple):
    """What `unique` makes."""

    y: Tensor
    idx: Tensor


class UniqueWithCountsOutput(NamedTuple):
    """What `unique_with_counts` makes."""

    y: Tensor
    idx: Tensor
    count: Tensor  # type: ignore[assignment]  # TensorFlow's name for it


class ListDiffOutput(NamedTuple):
    """What `setdiff1d` makes."""

    out: Tensor
    idx: Tensor


def _vector_or_unknown(shape: Shape) -> tuple[int | None, ...]:
    if shape is not None and len(shape) != 1:
        raise ValueError(f"Shape must be rank 1 but is rank {len(shape)}")
    return shape or (None,)


def _in_order_of_appearance(xp: Any, x: Any) -> tuple[Any, Any, Any]:
    """Distinct elements in the order in which they first appear, where each element is, and how often."""
    if x.ndim != 1:
        raise InvalidArgumentError(None, None, f"unique expects a 1D vector, got shape {list(x.shape)}")
    _, first, inverse, counts = xp.unique(x, return_index=True, return_inverse=True, return_counts=True)
    order = xp.argsort(first)
    position = xp.empty_like(order)
    position[order] = xp.arange(len(order))
    return x[first[order]], position[inverse], counts[order]


def _unique_kernel(xp: Any, x: Any, *, out_idx: DType) -> tuple[Any, Any]:
    values, index, _ = _in_order_of_appearance(xp, x)
    return values, index.astype(out_idx.np)


def _unique_with_counts_kernel(xp: Any, x: Any, *, out_idx: DType) -> tuple[Any, Any, Any]:
    values, index, counts = _in_order_of_appearance(xp, x)
    return values, index.astype(out_idx.np), counts.astype(out_idx.np)


UNIQUE = define_op(
    "Unique",
    inputs="x: T",
    outputs="y: T, idx: out_idx",
    attrs="T: type; out_idx: {int32, int64} = int32",
    shape=lambda op: [(None,), _vector_or_unknown(op.inputs[0]._shape)],
    kernel=_unique_kernel,
)
UNIQUE_WITH_COUNTS = define_op(
    "UniqueWithCounts",
    inputs="x: T",
    outputs="y: T, idx: out_idx, count: out_idx",
    attrs="T: type; out_idx: {int32, int64} = int32",
    shape=lambda op: [(None,), _vector_or_unknown(op.inputs[0]._shape), (None,)],
    kernel=_unique_with_counts_kernel,
)


def _rows_kernel(xp: Any, x: Any, axis: Any) -> tuple[Any, Any, Any]:
    axes = ints(axis) if axis.size else ()
    where = axes[0] % x.ndim if axes else 0
    rows = xp.moveaxis(x, where, 0).reshape(x.shape[where], -1)
    _, labels = xp.unique(rows, axis=0, return_inverse=True)
    first, index, counts = _in_order_of_appearance(xp, labels.reshape(-1))
    picked = [int(xp.argmax(labels.reshape(-1) == label)) for label in first.tolist()]
    return xp.take(x, xp.asarray(picked, dtype=np.int64), axis=where), index, counts


def _unique_v2_kernel(xp: Any, x: Any, axis: Any, *, out_idx: DType) -> tuple[Any, Any]:
    values, index, _ = _rows_kernel(xp, x, axis)
    return values, index.astype(out_idx.np)


def _unique_with_counts_v2_kernel(xp: Any, x: Any, axis: Any, *, out_idx: DType) -> tuple[Any, Any, Any]:
    values, index, counts = _rows_kernel(xp, x, axis)
    return values, index.astype(out_idx.np), counts.astype(out_idx.np)


def _rank_kept(op: Operation) -> list[Shape]:
    source = op.inputs[0]._shape
    first: Shape = None if source is None else (None,) * len(source)
    return [first, (None,), (None,)][: len(op.opdef.outputs)]


define_op(
    "UniqueV2",
    inputs="x: T, axis: Taxis",
    outputs="y: T, idx: out_idx",
    attrs="T: type; Taxis: {int32, int64} = int64; out_idx: {int32, int64} = int32",
    shape=_rank_kept,
    kernel=_unique_v2_kernel,
)
define_op(
    "UniqueWithCountsV2",
    inputs="x: T, axis: Taxis",
    outputs="y: T, idx: out_idx, count: out_idx",
    attrs="T: type; Taxis: {int32, int64} = int64; out_idx: {int32, int64} = int32",
    shape=_rank_kept,
    kernel=_unique_with_counts_v2_kernel,
)


@public("unique")
def unique(x: Any, out_idx: Any = int32, name: str | None = None) -> UniqueOutput:
    """The distinct elements of a vector in order of appearance, and for each element which of them it is.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     y, index = sess.run(tf.unique([7, 3, 7]))
    >>> print(y, index)
    [7 3] [0 1 0]
    """
    y, index = apply(UNIQUE, x, out_idx=out_idx, name=name)
    return UniqueOutput(y, index)


@public("unique_with_counts")
def unique_with_counts(x: Any, out_idx: Any = int32, name: str | None = None) -> UniqueWithCountsOutput:
    """Like `unique`, with how often each distinct element occurs as a third result."""
    y, index, count = apply(UNIQUE_WITH_COUNTS, x, out_idx=out_idx, name=name)
    return UniqueWithCountsOutput(y, index, count)


def _list_diff_kernel(xp: Any, x: Any, y: Any, *, out_idx: DType) -> tuple[Any, Any]:
    kept = xp.nonzero(~xp.isin(x, y))[0]
    return x[kept], kept.astype(out_idx.np)


LIST_DIFF = define_op(
    "ListDiff",
    inputs="x: T, y: T",
    outputs="out: T, idx: out_idx",
    attrs="T: type; out_idx: {int32, int64} = int32",
    shape=lambda op: [(None,), (None,)],
    kernel=_list_diff_kernel,
)


@public("setdiff1d")
def setdiff1d(x: Any, y: Any, index_dtype: Any = int32, name: str | None = None) -> ListDiffOutput:
    """The elements of vector `x` that are not in vector `y`, in order, and their indices in `x`."""
    out, index = apply(LIST_DIFF, x, y, out_idx=index_dtype, name=name)
    return ListDiffOutput(out, index)


# Sorted sequences


def _bound_rule(op: Operation) -> list[Shape]:
    merge(None if op.inputs[0]._shape is None else op.inputs[0]._shape[:1],
          None if op.inputs[1]._shape is None else op.inputs[1]._shape[:1])  # fmt: skip
    return same_as(1)(op)


def _bound_kernel(side: Any) -> Any:
    def kernel(xp: Any, sorted_inputs: Any, values: Any, *, out_type: DType) -> Any:
        if sorted_inputs.ndim != 2 or values.ndim != 2 or len(sorted_inputs) != len(values):
            raise InvalidArgumentError(
                None, None, f"expected matrices of as many rows: {sorted_inputs.shape} and {values.shape}"
            )
        result = xp.empty(values.shape, out_type.np)
        for row in range(len(values)):
            result[row] = xp.searchsorted(sorted_inputs[row], values[row], side=side)
        return result

    return kernel


LOWER_BOUND = define_op(
    "LowerBound",
    inputs="sorted_inputs: T, values: T",
    outputs="output: out_type",
    attrs="T: type; out_type: {int32, int64} = int32",
    shape=_bound_rule,
    kernel=_bound_kernel("left"),
    differentiable=False,
)
UPPER_BOUND = define_op(
    "UpperBound",
    inputs="sorted_inputs: T, values: T",
    outputs="output: out_type",
    attrs="T: type; out_type: {int32, int64} = int32",
    shape=_bound_rule,
    kernel=_bound_kernel("right"),
    differentiable=False,
)


@public("searchsorted")
def searchsorted(
    sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = int32, name: str | None = None
) -> Tensor:
    """Where values would stand in sorted sequences.

    Parameters
    ----------
    sorted_sequence : Tensor
        Sequences along the last axis, each in increasing order.
    values : Tensor
        As many rows of values as there are sequences.
    side : {"left", "right"}, optional
        Whether equal elements come after or before the value.
    out_type : DType, optional
        int32 or int64.
    name : str, optional
        The operation's name.

    Raises
    ------
    ValueError
        If `side` is neither.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.searchsorted([1, 3, 5], [2, 3])))
    [1 1]
    """
    sequence_size = shape_internal(sorted_sequence)[-1]
    values_size = shape_internal(values)[-1]
    sequences = reshape(sorted_sequence, [-1, sequence_size])
    wanted = reshape(values, [-1, values_size])
    if side not in ("left", "right"):
        raise ValueError(f"side must be either 'right' or 'left'.  Saw: {side}.")
    found = apply(UPPER_BOUND if side == "right" else LOWER_BOUND, sequences, wanted, out_type=out_type, name=name)
    return reshape(found, shape_internal(values))


@public("sparse.mask", "sparse_mask")
def sparse_mask(a: IndexedSlices, mask_indices: Any, name: str | None = None) -> IndexedSlices:
    """Indexed slices without those of the rows that a vector lists.

    Parameters
    ----------
    a : IndexedSlices
        What is masked.
    mask_indices : Tensor
        The rows to leave out, of the type of the indices of `a`.
    name : str, optional
        The name of the operation that picks the rows that stay.
    """
    from scopert.ops.array_gather import gather

    with name_scope(name, "sparse_mask", [a.values, mask_indices]) as scope:
        kept, picked = apply(LIST_DIFF, a.indices, mask_indices)
        return IndexedSlices(gather(a.values, picked, name=scope), kept, a.dense_shape)
