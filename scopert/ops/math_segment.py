"""Reductions over segments: rows of the same number in a vector beside the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import as_dtype
from scopert.graph.opdef import OpDef, define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import at_least_rank, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_fill import ones
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape_internal
from scopert.ops.math_binary import MAXIMUM
from scopert.ops.math_types import INDEX, NUMERIC, REAL
from scopert.ops.math_unary import sqrt
from scopert.public import public

Array = Any

_SORTED = "{int32, int64}"


def _sorted_shape(op: Operation) -> list[Shape]:
    data = at_least_rank(op.inputs[0]._shape, 1)
    with_rank(op.inputs[1]._shape, 1)
    return [None if data is None else (None, *data[1:])]


def _count(op: Operation, position: int) -> int | None:
    tensor = op.inputs[position]
    if tensor._shape is not None and tensor._shape != ():
        raise ValueError(f"Shape must be rank 0 but is rank {len(tensor._shape)}")
    value = known_value(tensor)
    if value is None:
        return None
    if value < 0:
        raise ValueError(f"Dimension size, given by scalar input {position}, must be non-negative but is {value}")
    return int(value)


def _unsorted_shape(op: Operation) -> list[Shape]:
    data, ids = op.inputs[0]._shape, op.inputs[1]._shape
    rows = _count(op, 2)
    if data is None or ids is None:
        return [None]
    if len(ids) > len(data) or any(m is not None and n is not None and m != n
                                   for m, n in zip(ids, data[: len(ids)], strict=True)):  # fmt: skip
        raise ValueError(f"the shape {ids} of segment_ids is no prefix of the data's shape {data}")
    return [(rows, *data[len(ids) :])]


def _check_sorted(xp: Any, ids: Array, rows: int | None = None) -> int:
    """The number of segments that increasing ids name, or `rows`, which they must be below."""
    if not ids.size:
        return rows or 0
    count = int(ids[-1]) + 1
    if rows is not None and count > rows:
        raise InvalidArgumentError(None, None, "segment ids must be < num_segments")
    if count <= 0:
        raise InvalidArgumentError(None, None, "segment ids must be >= 0")
    if rows is None:
        rows = count
    if int(ids[0]) < 0 or bool(xp.any(ids[1:] < ids[:-1])):
        _report_unsorted(ids.tolist(), rows)
    return rows


def _report_unsorted(ids: list[int], rows: int) -> None:
    """Says of the first segment that is out of order or out of range what is wrong with it."""
    for number, following in zip(ids, [*ids[1:], None], strict=True):
        if number == following:
            continue
        if following is not None and number > following:
            raise InvalidArgumentError(None, None, "segment ids are not increasing")
        if not 0 <= number < rows:
            raise InvalidArgumentError(
                None, None,
                f"Segment id {number} out of range [0, {rows}), possibly because 'segment_ids' input is not sorted.",
            )  # fmt: skip


def _in_wide(xp: Any, data: Array) -> Array:
    return data.astype(xp.float32) if data.dtype.itemsize == 2 and data.dtype.kind in "fV" else data


#: ``update(ufunc, target, places, values)`` does what ``ufunc.at`` does; a backend may have a quicker one.
Update = Callable[[Any, Array, Array, Array], None]


def update_at(ufunc: Any, target: Array, places: Array, values: Array) -> None:
    """The namespace's own scatter."""
    ufunc.at(target, places, values)


def _combine(xp: Any, data: Array, ids: Array, rows: int, how: str, first: Any, update: Update) -> Array:
    """Scatters rows into segments; `how` names the ufunc."""
    wide = _in_wide(xp, data)
    made = xp.full((rows, *data.shape[1:]), first, wide.dtype)
    if ids.size:
        update(getattr(xp, how), made, ids, wide)
    return made


def _segment(how: str, first: Any, empty: Any, update: Update) -> Any:
    def kernel(xp: Any, data: Array, ids: Array) -> Array:
        if data.shape[0] != ids.shape[0]:
            raise InvalidArgumentError(None, None, "segment_ids should be the same size as dimension 0 of input.")
        rows = _check_sorted(xp, ids)
        start = first(data.dtype) if callable(first) else first
        made = _combine(xp, data, ids, rows, how, start, update)
        if start != empty:
            present = xp.zeros(rows, bool)
            present[ids] = True
            made[~present] = empty
        return made.astype(data.dtype, copy=False)

    return kernel


def _counts(xp: Any, ids: Array, rows: int) -> Array:
    return xp.bincount(ids, minlength=rows) if ids.size else xp.zeros(rows, np.int64)


def _column(counts: Array, like: Array) -> Array:
    return counts.reshape((-1,) + (1,) * (like.ndim - 1))


def _segment_mean(update: Update) -> Any:
    def kernel(xp: Any, data: Array, ids: Array) -> Array:
        if data.shape[0] != ids.shape[0]:
            raise InvalidArgumentError(None, None, "segment_ids should be the same size as dimension 0 of input.")
        rows = _check_sorted(xp, ids)
        total = _combine(xp, data, ids, rows, "add", 0, update)
        counts = _column(xp.maximum(_counts(xp, ids, rows), 1), total)
        return (total / counts).astype(data.dtype)

    return kernel


def _lowest(dtype: Any) -> Any:
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _highest(dtype: Any) -> Any:
    return np.iinfo(dtype).max if dtype.kind in "iu" else np.inf


def _sorted_op(name: str, kernel: Any, types: str) -> OpDef:
    return define_op(
        name, inputs="data: T, segment_ids: Tindices", outputs="output: T",
        attrs=f"T: {types}; Tindices: {_SORTED}", shape=_sorted_shape, kernel=kernel,
    )  # fmt: skip


def _finite_lowest(dtype: Any) -> Any:
    return as_dtype(dtype).min


def _finite_highest(dtype: Any) -> Any:
    return as_dtype(dtype).max


def _unsorted(how: str, first: Any, update: Update) -> Any:
    def kernel(xp: Any, data: Array, ids: Array, num_segments: Array) -> Array:
        rows = int(num_segments)
        if rows < 0:
            raise InvalidArgumentError(None, None, "Input num_segments == " + str(rows) + " must not be negative.")
        if data.shape[: ids.ndim] != ids.shape:
            raise InvalidArgumentError(
                None, None,
                f"data.shape = {list(data.shape)} does not start with segment_ids.shape = {list(ids.shape)}",
            )  # fmt: skip
        flat = ids.reshape(-1)
        data = data.reshape((flat.size, *data.shape[ids.ndim :]))
        if bool(xp.any(flat >= rows)):
            bad = int(xp.argmax(flat >= rows))
            place = ",".join(str(int(i)) for i in np.unravel_index(bad, ids.shape))
            raise InvalidArgumentError(
                None, None, f"segment_ids[{place}] = {int(flat[bad])} is out of range [0, {rows})"
            )
        if bool(xp.any(flat < 0)):  # they are dropped
            data, flat = data[flat >= 0], flat[flat >= 0]
        start = first(data.dtype) if callable(first) else first
        return _combine(xp, data, flat, rows, how, start, update).astype(data.dtype, copy=False)

    return kernel


def _unsorted_op(name: str, kernel: Any, types: str) -> OpDef:
    return define_op(
        name, inputs="data: T, segment_ids: Tindices, num_segments: Tnumsegments", outputs="output: T",
        attrs=f"T: {types}; Tindices: {_SORTED}; Tnumsegments: {INDEX}", shape=_unsorted_shape, kernel=kernel,
    )  # fmt: skip


def segment_kernels(update: Update) -> dict[str, Any]:
    """The kernels of this file, by op, on top of a scatter."""
    return {
        "SegmentSum": _segment("add", 0, 0, update),
        "SegmentProd": _segment("multiply", 1, 1, update),
        "SegmentMean": _segment_mean(update),
        "SegmentMin": _segment("minimum", _highest, 0, update),
        "SegmentMax": _segment("maximum", _lowest, 0, update),
        "UnsortedSegmentSum": _unsorted("add", 0, update),
        "UnsortedSegmentProd": _unsorted("multiply", 1, update),
        "UnsortedSegmentMax": _unsorted("maximum", _finite_lowest, update),
        "UnsortedSegmentMin": _unsorted("minimum", _finite_highest, update),
    }


_KERNELS = segment_kernels(update_at)
SEGMENT_SUM, SEGMENT_PROD, SEGMENT_MEAN = (
    _sorted_op(name, _KERNELS[name], NUMERIC) for name in ("SegmentSum", "SegmentProd", "SegmentMean")
)
SEGMENT_MIN, SEGMENT_MAX = (_sorted_op(name, _KERNELS[name], REAL) for name in ("SegmentMin", "SegmentMax"))
UNSORTED_SEGMENT_SUM, UNSORTED_SEGMENT_PROD = (
    _unsorted_op(name, _KERNELS[name], NUMERIC) for name in ("UnsortedSegmentSum", "UnsortedSegmentProd")
)
UNSORTED_SEGMENT_MAX, UNSORTED_SEGMENT_MIN = (
    _unsorted_op(name, _KERNELS[name], REAL) for name in ("UnsortedSegmentMax", "UnsortedSegmentMin")
)


@public("segment_sum", "math.segment_sum")
def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The sum of the rows of each segment; `segment_ids` must increase."""
    return apply(SEGMENT_SUM, data, segment_ids, name=name)


@public("segment_prod", "math.segment_prod")
def segment_prod(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The product of the rows of each segment; `segment_ids` must increase."""
    return apply(SEGMENT_PROD, data, segment_ids, name=name)


@public("segment_mean", "math.segment_mean")
def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The mean of the rows of each segment; `segment_ids` must increase."""
    return apply(SEGMENT_MEAN, data, segment_ids, name=name)


@public("segment_min", "math.segment_min")
def segment_min(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The least of the rows of each segment, 0 where there are none; `segment_ids` must increase."""
    return apply(SEGMENT_MIN, data, segment_ids, name=name)


@public("segment_max", "math.segment_max")
def segment_max(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """The greatest of the rows of each segment, 0 where there are none; `segment_ids` must increase."""
    return apply(SEGMENT_MAX, data, segment_ids, name=name)


@public("unsorted_segment_sum", "math.unsorted_segment_sum")
def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The sum over each of `num_segments` segments; rows with a negative number are left out.

    Parameters
    ----------
    data : tensor-like
    segment_ids : tensor-like
        Integers; its shape is how the shape of `data` begins.
    num_segments : int or scalar tensor
    name : str, optional

    Raises
    ------
    InvalidArgumentError
        In the run, if a number is not below `num_segments`.
    """
    return apply(UNSORTED_SEGMENT_SUM, data, segment_ids, num_segments, name=name)


@public("unsorted_segment_prod", "math.unsorted_segment_prod")
def unsorted_segment_prod(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The product over each segment; arguments as `unsorted_segment_sum`."""
    return apply(UNSORTED_SEGMENT_PROD, data, segment_ids, num_segments, name=name)


@public("unsorted_segment_max", "math.unsorted_segment_max")
def unsorted_segment_max(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The greatest of each segment (the type's lowest value if it is empty); see `unsorted_segment_sum`."""
    return apply(UNSORTED_SEGMENT_MAX, data, segment_ids, num_segments, name=name)


@public("unsorted_segment_min", "math.unsorted_segment_min")
def unsorted_segment_min(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The least of each segment (the type's highest value if it is empty); see `unsorted_segment_sum`."""
    return apply(UNSORTED_SEGMENT_MIN, data, segment_ids, num_segments, name=name)


def _sizes(data: Tensor, segment_ids: Tensor, num_segments: Any) -> Tensor:
    """How many rows each segment has, at least 1, shaped to divide the segments' sums."""
    each = ones(shape_internal(segment_ids), dtype=data.dtype)
    count = unsorted_segment_sum(each, segment_ids, num_segments)
    if data._shape is None or segment_ids._shape is None:
        raise ValueError("the ranks of data and segment_ids must be known")
    count = reshape(count, [num_segments] + [1] * (len(data._shape) - len(segment_ids._shape)))
    return apply(MAXIMUM, count, 1)


@public("unsorted_segment_mean", "math.unsorted_segment_mean")
def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The mean of each segment; arguments as `unsorted_segment_sum`, of known ranks."""
    with name_scope(name, "UnsortedSegmentMean"):
        data = convert_to_tensor(data)
        segment_ids = convert_to_tensor(segment_ids)
        count = _sizes(data, segment_ids, num_segments)
        return unsorted_segment_sum(data, segment_ids, num_segments) / count


@public("unsorted_segment_sqrt_n", "math.unsorted_segment_sqrt_n")
def unsorted_segment_sqrt_n(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The sum of each segment over the root of its size; arguments as `unsorted_segment_mean`."""
    with name_scope(name, "UnsortedSegmentSqrtN"):
        data = convert_to_tensor(data)
        segment_ids = convert_to_tensor(segment_ids)
        count = _sizes(data, segment_ids, num_segments)
        summed = unsorted_segment_sum(data, segment_ids, num_segments)
        return summed / sqrt(count)
