"""Gradients of reductions over segments."""

from __future__ import annotations

from typing import Any

from scopert.graph import dtypes
from scopert.graph.constant import constant
from scopert.graph.opdef import gradient
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import fill, ones_like, zeros_like
from scopert.ops.array_gather import gather
from scopert.ops.array_reshape import expand_dims
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_where import where
from scopert.ops.math_binary import divide, maximum
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal, greater, greater_equal, logical_and
from scopert.ops.math_segment import segment_sum, unsorted_segment_prod, unsorted_segment_sum


@gradient("SegmentSum")
def _segment_sum_grad(op: Operation, grad: Tensor) -> Any:
    return gather(grad, op.inputs[1]), None


@gradient("SegmentMean")
def _segment_mean_grad(op: Operation, grad: Tensor) -> Any:
    rank = rank_of(op.inputs[0])
    counts_shape = concat([shape_of(op.inputs[1]), fill(expand_dims(rank - 1, 0), 1)], 0)
    each = fill(counts_shape, constant(1, dtype=grad.dtype))
    scaled = divide(grad, segment_sum(each, op.inputs[1]))
    return gather(scaled, op.inputs[1]), None


@gradient("SegmentMin", "SegmentMax")
def _segment_extremum_grad(op: Operation, grad: Tensor) -> Any:
    data, ids = op.inputs
    none = zeros_like(data, dtype=data.dtype)
    extreme = gather(op.outputs[0], ids)
    chosen = equal(data, extreme)
    count = segment_sum(cast(chosen, grad.dtype), ids)
    shared = divide(grad, count)
    return where(chosen, gather(shared, ids), none), None


def _gather_not_negative(
    params: Tensor, ids: Tensor | None, clipped: Tensor | None = None, usable: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows by number, zeros for negative numbers; and what may be used again."""
    if clipped is None:
        assert ids is not None
        clipped = maximum(ids, zeros_like(ids))
    gathered = gather(params, clipped)
    if usable is None:
        assert ids is not None
        usable = greater_equal(ids, 0)
        if gathered._shape is None or usable._shape is None:
            raise ValueError("the ranks of data and segment_ids must be known")
        for _ in range(len(gathered._shape) - len(usable._shape)):
            usable = expand_dims(usable, -1)
        usable = usable & ones_like(gathered, dtype=dtypes.bool)
    none = zeros_like(gathered)
    return where(usable, gathered, none), clipped, usable


@gradient("UnsortedSegmentSum")
def _unsorted_sum_grad(op: Operation, grad: Tensor) -> Any:
    return _gather_not_negative(grad, op.inputs[1])[0], None, None


@gradient("UnsortedSegmentMax", "UnsortedSegmentMin")
def _unsorted_extremum_grad(op: Operation, grad: Tensor) -> Any:
    data, ids, count = op.inputs
    extreme, clipped, usable = _gather_not_negative(op.outputs[0], ids)
    chosen = logical_and(equal(data, extreme), usable)
    number = unsorted_segment_sum(cast(chosen, grad.dtype), ids, count)
    shared = divide(grad, number)
    gathered = _gather_not_negative(shared, None, clipped, usable)[0]
    return where(chosen, gathered, zeros_like(gathered)), None, None


@gradient("UnsortedSegmentProd")
def _unsorted_prod_grad(op: Operation, grad: Tensor) -> Any:
    data, ids, count = op.inputs
    # A zero's factor is the product of the others; with two zeros every factor is 0.
    is_zero = equal(data, 0)
    zeros = unsorted_segment_sum(cast(is_zero, dtypes.int32), ids, count)
    grad = where(greater(zeros, 1), zeros_like(grad), grad)
    others = where(is_zero, ones_like(data), data)
    product_of_others = unsorted_segment_prod(others, ids, count)
    clipped = maximum(ids, zeros_like(ids))
    product = gather(op.outputs[0], clipped)
    others_product = gather(product_of_others, clipped)
    slope = where(is_zero, others_product, product / data)
    return _gather_not_negative(grad, ids, clipped)[0] * slope, None, None
