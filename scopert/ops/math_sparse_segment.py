"""Reductions over segments of rows that a vector of indices picks."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_value
from scopert.graph.opdef import OpDef, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import at_least_rank, equal, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_gather import gather
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_segment import (
    Update,
    _check_sorted,
    _column,
    _combine,
    _count,
    _counts,
    unsorted_segment_sum,
    update_at,
)
from scopert.ops.math_types import DOUBLE, INDEX, REAL
from scopert.public import public

Array = Any


def _shape(op: Operation) -> list[Shape]:
    data = at_least_rank(op.inputs[0]._shape, 1)
    equal(with_rank(op.inputs[1]._shape, 1), with_rank(op.inputs[2]._shape, 1))
    rows = None
    if len(op.inputs) > 3:
        known = known_value(op.inputs[3])
        if known is not None and known.ndim == 0 and known < 0:
            raise ValueError("Cannot specify a negative value for num_segments")
        rows = _count(op, 3)
    return [None if data is None else (rows, *data[1:])]


def _rows(xp: Any, indices: Array, ids: Array, num_segments: Array | None) -> int:
    if indices.shape != ids.shape:
        raise InvalidArgumentError(None, None, "segment_ids and indices should have same size.")
    return _check_sorted(xp, ids, None if num_segments is None else int(num_segments))


def _check_indices(xp: Any, indices: Array, limit: int) -> None:
    if indices.size and bool(xp.any((indices < 0) | (indices >= limit))):
        bad = int(xp.argmax((indices < 0) | (indices >= limit)))
        raise InvalidArgumentError(None, None, f"Bad: indices[{bad}] == {int(indices[bad])} out of range [0, {limit})")


def _divisor(xp: Any, ids: Array, rows: int, how: str, like: Array) -> Array:
    counts = xp.maximum(_counts(xp, ids, rows), 1)
    column = _column(counts, like).astype(like.dtype)
    return column if how == "mean" else xp.sqrt(column)


def _reduce(how: str, update: Update) -> Any:
    def kernel(xp: Any, data: Array, indices: Array, ids: Array, *more: Array) -> Array:
        rows = _rows(xp, indices, ids, more[0] if more else None)
        _check_indices(xp, indices, data.shape[0])
        made = _combine(xp, data[indices], ids, rows, "add", 0, update)
        if how != "sum":
            made = made / _divisor(xp, ids, rows, how, made)
        return made.astype(data.dtype, copy=False)

    return kernel


def _scatter(how: str, update: Update) -> Any:
    def kernel(xp: Any, grad: Array, indices: Array, ids: Array, output_dim0: Array) -> Array:
        limit = int(output_dim0)
        _check_indices(xp, indices, limit)
        scaled = grad / _divisor(xp, ids, grad.shape[0], how, grad)
        return _combine(xp, scaled[ids], indices, limit, "add", 0, update)

    return kernel


def _grad_shape(op: Operation) -> list[Shape]:
    grad = at_least_rank(op.inputs[0]._shape, 1)
    value = known_value(op.inputs[3])
    return [None if grad is None else (None if value is None else int(value), *grad[1:])]


def sparse_segment_kernels(update: Update) -> dict[str, Any]:
    """The kernels of this file, by op, on top of a scatter."""
    hows = {"Sum": "sum", "Mean": "mean", "SqrtN": "sqrt"}
    return {
        **{f"SparseSegment{name}{counted}": _reduce(how, update)
           for name, how in hows.items() for counted in ("", "WithNumSegments")},
        **{f"SparseSegment{name}Grad": _scatter(hows[name], update) for name in ("Mean", "SqrtN")},
    }  # fmt: skip


_KERNELS = sparse_segment_kernels(update_at)


def _op(name: str, types: str, counted: bool) -> OpDef:
    more, attr = (", num_segments: Tnumsegments", f"; Tnumsegments: {INDEX}") if counted else ("", "")
    return define_op(
        name, inputs="data: T, indices: Tidx, segment_ids: int32" + more, outputs="output: T",
        attrs=f"T: {types}; Tidx: {INDEX}{attr}", shape=_shape, kernel=_KERNELS[name],
    )  # fmt: skip


def _grad_op(name: str) -> OpDef:
    return define_op(
        name, inputs="grad: T, indices: Tidx, segment_ids: int32, output_dim0: int32", outputs="output: T",
        attrs=f"T: {DOUBLE}; Tidx: {INDEX}", shape=_grad_shape, kernel=_KERNELS[name],
    )  # fmt: skip


SUM = _op("SparseSegmentSum", REAL, False)
SUM_COUNTED = _op("SparseSegmentSumWithNumSegments", REAL, True)
MEAN = _op("SparseSegmentMean", DOUBLE, False)
MEAN_COUNTED = _op("SparseSegmentMeanWithNumSegments", DOUBLE, True)
SQRT_N = _op("SparseSegmentSqrtN", DOUBLE, False)
SQRT_N_COUNTED = _op("SparseSegmentSqrtNWithNumSegments", DOUBLE, True)
MEAN_GRAD = _grad_op("SparseSegmentMeanGrad")
SQRT_N_GRAD = _grad_op("SparseSegmentSqrtNGrad")


def _make(
    plain: OpDef, counted: OpDef, data: Any, indices: Any, segment_ids: Any, name: str | None, num_segments: Any
) -> Tensor:
    if num_segments is None:
        return apply(plain, data, indices, segment_ids, name=name)
    return apply(counted, data, indices, segment_ids, num_segments, name=name)


@public("sparse_segment_sum", "sparse.segment_sum")
def sparse_segment_sum(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Tensor:
    """The sum over segments of the rows ``data[indices]``; `segment_ids` must increase."""
    return _make(SUM, SUM_COUNTED, data, indices, segment_ids, name, num_segments)


@public("sparse_segment_mean", "sparse.segment_mean")
def sparse_segment_mean(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Tensor:
    """The mean over segments of the rows ``data[indices]``; `segment_ids` must increase."""
    return _make(MEAN, MEAN_COUNTED, data, indices, segment_ids, name, num_segments)


@public("sparse_segment_sqrt_n", "sparse.segment_sqrt_n")
def sparse_segment_sqrt_n(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Tensor:
    """The sum over segments of the rows ``data[indices]``, over the root of the segment's size."""
    return _make(SQRT_N, SQRT_N_COUNTED, data, indices, segment_ids, name, num_segments)


@gradient("SparseSegmentSum", "SparseSegmentSumWithNumSegments")
def _sum_grad(op: Operation, grad: Tensor) -> Any:
    rows = shape_of(op.inputs[0])[0]
    of_data = unsorted_segment_sum(gather(grad, op.inputs[2]), op.inputs[1], rows)
    return (of_data, *(None for _ in op.inputs[1:]))


@gradient("SparseSegmentMean", "SparseSegmentMeanWithNumSegments")
def _mean_grad(op: Operation, grad: Tensor) -> Any:
    rows = shape_of(op.inputs[0])[0]
    return (apply(MEAN_GRAD, grad, op.inputs[1], op.inputs[2], rows), *(None for _ in op.inputs[1:]))


@gradient("SparseSegmentSqrtN", "SparseSegmentSqrtNWithNumSegments")
def _sqrt_n_grad(op: Operation, grad: Tensor) -> Any:
    rows = shape_of(op.inputs[0])[0]
    return (apply(SQRT_N_GRAD, grad, op.inputs[1], op.inputs[2], rows), *(None for _ in op.inputs[1:]))
