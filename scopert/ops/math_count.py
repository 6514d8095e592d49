"""Counting: bincount, histograms, buckets."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.constant_value import known_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType
from scopert.graph.opdef import ELEMENTWISE, define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import same_as_first, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_binary import maximum, minimum, truediv
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_max, reduce_prod
from scopert.ops.math_segment import unsorted_segment_sum
from scopert.ops.math_unary import floor
from scopert.public import public

Array = Any

_COUNTED = "{int32, int64, float32, float64}"


def _sized(position: int) -> Any:
    def rule(op: Operation) -> list[Shape]:
        shape = op.inputs[position]._shape
        if shape is not None and shape != ():
            raise ValueError(f"Shape must be rank 0 but is rank {len(shape)}")
        value = known_value(op.inputs[position])
        if value is not None and value < 0:
            raise ValueError(f"size ({int(value)}) must be non-negative")
        return [(None if value is None else int(value),)]

    return rule


def _bincount(xp: Any, arr: Array, size: Array, weights: Array) -> Array:
    count = int(size)
    if count < 0:
        raise InvalidArgumentError(None, None, f"size ({count}) must be non-negative")
    if arr.size and int(xp.min(arr)) < 0:
        raise InvalidArgumentError(None, None, "Input arr must be non-negative!")
    flat = xp.ravel(arr)
    inside = flat < count
    made = xp.zeros(count, weights.dtype)
    xp.add.at(made, flat[inside], xp.ravel(weights)[inside] if weights.size else weights.dtype.type(1))
    return made


BINCOUNT = define_op(
    "Bincount", inputs="arr: int32, size: int32, weights: T", outputs="bins: T", attrs=f"T: {_COUNTED}",
    shape=_sized(1), kernel=_bincount,
)  # fmt: skip


@public("bincount", "math.bincount")
def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """How often each of 0, 1, ... up to the greatest value occurs.

    Parameters
    ----------
    arr : tensor-like
        Integers of any shape, not negative.
    weights : tensor-like, optional
        Sum these instead of counting; of the shape of `arr`.
    minlength, maxlength : int, optional
        Bounds of the length of the result.
    dtype : DType
        Of the counts, without weights.
    name : str, optional
    """
    with name_scope("bincount" if name is None else name):
        arr = convert_to_tensor(arr, name="arr", dtype=dtypes.int32)
        not_empty = reduce_prod(shape_of(arr)) > 0
        size = cast(not_empty, dtypes.int32) * (reduce_max(arr) + 1)
        if minlength is not None:
            size = maximum(convert_to_tensor(minlength, name="minlength", dtype=dtypes.int32), size)
        if maxlength is not None:
            size = minimum(convert_to_tensor(maxlength, name="maxlength", dtype=dtypes.int32), size)
        if weights is not None:
            return unsorted_segment_sum(convert_to_tensor(weights, name="weights"), arr, size)
        return apply(BINCOUNT, arr, size, constant([], dtype))


def _histogram(xp: Any, values: Array, value_range: Array, nbins: Array, *, dtype: DType) -> Array:
    bins, (low, high) = int(nbins), value_range.tolist()
    if bins <= 0:
        raise InvalidArgumentError(None, None, f"nbins should be a positive number, but got '{bins}'")
    if not low < high:
        raise InvalidArgumentError(
            None, None, f"value_range should satisfy value_range[0] < value_range[1], but got '[{low}, {high}]'"
        )
    step = (high - low) / bins
    index = (xp.maximum(xp.ravel(values), value_range[0]) - value_range[0]).astype(xp.float64) / step
    found = xp.minimum(index, bins - 1).astype(xp.int32)
    return xp.bincount(found, minlength=bins).astype(dtype.np)


def _histogram_shape(op: Operation) -> list[Shape]:
    bounds = with_rank(op.inputs[1]._shape, 1)
    if bounds[0] not in (2, None):
        raise ValueError(f"Dimension must be 2 but is {bounds[0]}")
    bins = known_value(op.inputs[2])
    if bins is not None and bins.ndim == 0 and bins <= 0:
        raise ValueError(f"Requires nbins > 0: {int(bins)}")
    shape: list[Shape] = _sized(2)(op)
    return shape


HISTOGRAM_FIXED_WIDTH = define_op(
    "HistogramFixedWidth", inputs="values: T, value_range: T, nbins: int32", outputs="out: dtype",
    attrs=f"T: {_COUNTED}; dtype: {{int32, int64}} = int32", shape=_histogram_shape, kernel=_histogram,
    differentiable=False,
)  # fmt: skip


@public("histogram_fixed_width")
def histogram_fixed_width(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """How many values fall into each of `nbins` bins of one width; those outside count in the end bins.

    Raises
    ------
    InvalidArgumentError
        In the run, if `nbins` is not positive or the range is empty.
    """
    with name_scope(name, "histogram_fixed_width", [values, value_range, nbins]) as scope:
        return apply(HISTOGRAM_FIXED_WIDTH, values, value_range, nbins, dtype=dtype, name=scope)


@public("histogram_fixed_width_bins")
def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """In which bin of `histogram_fixed_width` each value falls; `dtype` has no effect, as in TensorFlow."""
    from scopert.ops.clip import clip_by_value  # clipping is made of arithmetic

    with name_scope(name, "histogram_fixed_width_bins", [values, value_range, nbins]):
        values = convert_to_tensor(values, name="values")
        shape = shape_of(values)
        values = reshape(values, [-1])
        value_range = convert_to_tensor(value_range, name="value_range")
        nbins = convert_to_tensor(nbins, dtype=dtypes.int32, name="nbins")
        bins = cast(nbins, values.dtype)
        scaled = truediv(values - value_range[0], value_range[1] - value_range[0], name="scaled_values")
        indices = floor(bins * scaled, name="indices")
        return reshape(cast(clip_by_value(indices, 0, bins - 1), dtypes.int32), shape)


def _bucketize(xp: Any, x: Array, *, boundaries: list[float]) -> Array:
    edges = xp.array(boundaries, xp.float32)
    return xp.searchsorted(edges, x.astype(xp.float64), side="right").astype(xp.int32)


BUCKETIZE = define_op(
    "Bucketize", inputs="input: T", outputs="output: int32", attrs=f"T: {_COUNTED}; boundaries: list(float)",
    shape=same_as_first, kernel=_bucketize, traits=ELEMENTWISE, differentiable=False,
)  # fmt: skip


def bucketize(input: Any, boundaries: Any, name: str | None = None) -> Tensor:
    """How many of the increasing `boundaries` are not greater than each value."""
    return apply(BUCKETIZE, input, boundaries=[float(b) for b in boundaries], name=name)
