"""Reductions over axes: sums, means, products, extrema, logic."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.constant import make_constant
from scopert.graph.constant_value import known_value
from scopert.graph.opdef import REDUCTION, OpDef, define_op
from scopert.graph.operation import Operation
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.math_types import INDEX, NUMERIC
from scopert.public import public

Array = Any


def _reduction_shape(op: Operation) -> list[Shape]:
    source, indices = op.inputs[0]._shape, op.inputs[1]
    if indices._shape is not None and len(indices._shape) > 1:
        raise ValueError(f"Shape must be at most rank 1 but is rank {len(indices._shape)}")
    keep = op.attrs["keep_dims"]
    if source is None:
        return [None]
    known = known_value(indices)
    if known is None:
        return [(None,) * len(source) if keep else None]
    reduced = set()
    for axis in known.reshape(-1).tolist():
        if not -len(source) <= axis < len(source):
            raise ValueError(f"Invalid reduction dimension {axis} for input with {len(source)} dimensions.")
        reduced.add(axis % len(source))
    if keep:
        return [tuple(1 if i in reduced else n for i, n in enumerate(source))]
    return [tuple(n for i, n in enumerate(source) if i not in reduced)]


def _axes(x: Array, indices: Array) -> tuple[int, ...]:
    """The axes that a kernel reduces: each once, counted from the front."""
    found = indices.tolist()
    reduced: dict[int, None] = {}
    for axis in found if isinstance(found, list) else [found]:
        if not -x.ndim <= axis < x.ndim:
            raise InvalidArgumentError(
                None, None, f"Invalid reduction dimension ({axis} for input with {x.ndim} dimension(s)"
            )
        reduced[axis % x.ndim] = None
    return tuple(reduced)


def _sum(xp: Any, x: Array, indices: Array, *, keep_dims: bool) -> Array:
    axes = _axes(x, indices)
    if x.dtype.itemsize == 2 and x.dtype.kind in "fV":
        return x.astype(xp.float32).sum(axis=axes, keepdims=keep_dims).astype(x.dtype)
    return x.sum(axis=axes, dtype=x.dtype, keepdims=keep_dims)


def _mean(xp: Any, x: Array, indices: Array, *, keep_dims: bool) -> Array:
    axes = _axes(x, indices)
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    if x.dtype.kind in "iu":  # cut off, as integers divide
        total = x.sum(axis=axes, dtype=x.dtype, keepdims=keep_dims)
        return total if not count else (xp.sign(total) * (xp.abs(total) // count)).astype(x.dtype)
    wide = x.astype(xp.float32) if x.dtype.itemsize == 2 else x
    total = wide.sum(axis=axes, dtype=wide.dtype, keepdims=keep_dims)
    return (total / total.dtype.type(count)).astype(x.dtype, copy=False)


def _prod(xp: Any, x: Array, indices: Array, *, keep_dims: bool) -> Array:
    axes = _axes(x, indices)
    if x.dtype.itemsize == 2 and x.dtype.kind in "fV":
        return x.astype(xp.float32).prod(axis=axes, keepdims=keep_dims).astype(x.dtype)
    return x.prod(axis=axes, dtype=x.dtype, keepdims=keep_dims)


def _lowest(xp: Any, dtype: Any) -> Any:
    return dtype.type(xp.iinfo(dtype).min) if dtype.kind in "iu" else dtype.type(-float("inf"))


def _highest(xp: Any, dtype: Any) -> Any:
    return dtype.type(xp.iinfo(dtype).max) if dtype.kind in "iu" else dtype.type(float("inf"))


def _max(xp: Any, x: Array, indices: Array, *, keep_dims: bool) -> Array:
    axes = _axes(x, indices)
    if not x.size:
        return xp.max(x, axis=axes, keepdims=keep_dims, initial=_lowest(xp, x.dtype))
    return xp.max(x, axis=axes, keepdims=keep_dims)


def _min(xp: Any, x: Array, indices: Array, *, keep_dims: bool) -> Array:
    axes = _axes(x, indices)
    if not x.size:
        return xp.min(x, axis=axes, keepdims=keep_dims, initial=_highest(xp, x.dtype))
    return xp.min(x, axis=axes, keepdims=keep_dims)


def _euclidean_norm(xp: Any, x: Array, indices: Array, *, keep_dims: bool) -> Array:
    axes = _axes(x, indices)
    if all(x.shape[axis] == 1 for axis in axes):  # TensorFlow then reduces nothing, and keeps the sign
        return xp.array(x if keep_dims else xp.squeeze(x, axes))
    wide = x.astype(xp.float32) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x
    square = (wide * xp.conj(wide)).real if x.dtype.kind == "c" else wide * wide
    return xp.sqrt(square.sum(axis=axes, keepdims=keep_dims)).astype(x.dtype)


def _reduction(name: str, kernel: Any, types: str = NUMERIC, differentiable: bool = True) -> OpDef:
    kind, attrs = ("T", f"T: {types}; ") if types else ("bool", "")
    return define_op(
        name, inputs=f"input: {kind}, reduction_indices: Tidx", outputs=f"output: {kind}",
        attrs=f"keep_dims: bool = false; {attrs}Tidx: {INDEX}", shape=_reduction_shape, kernel=kernel,
        traits=REDUCTION, differentiable=differentiable,
    )  # fmt: skip


SUM = _reduction("Sum", _sum)
MEAN = _reduction("Mean", _mean)
PROD = _reduction("Prod", _prod)
MAX = _reduction("Max", _max)
MIN = _reduction("Min", _min)
EUCLIDEAN_NORM = _reduction("EuclideanNorm", _euclidean_norm, differentiable=False)
ALL = _reduction(
    "All", lambda xp, x, i, *, keep_dims: xp.all(x, axis=_axes(x, i), keepdims=keep_dims), "", differentiable=False
)
ANY = _reduction(
    "Any", lambda xp, x, i, *, keep_dims: xp.any(x, axis=_axes(x, i), keepdims=keep_dims), "", differentiable=False
)


def one_of(old_name: str, old: Any, new_name: str, new: Any) -> Any:
    """The value of an argument that has an old and a new name.

    Raises
    ------
    ValueError
        If both are given.
    """
    if old is None:
        return new
    if new is not None:
        raise ValueError(f"Cannot specify both '{new_name}' and '{old_name}'")
    return old


def reduction_axes(x: Any, axis: Any) -> Any:
    """The axes as given, or a tensor of all: a constant if `x` is a tensor of known rank, else a range."""
    if axis is not None:
        return axis
    if isinstance(x, Tensor) and x._shape is not None:
        return make_constant(np.arange(len(x._shape), dtype=np.int32), dtypes.int32, "Const")
    dense_shape = getattr(x, "dense_shape", None)
    rank = dense_shape._shape[0] if isinstance(dense_shape, Tensor) and dense_shape._shape else None
    if rank is not None:
        return make_constant(np.arange(rank, dtype=np.int32), dtypes.int32, "Const")
    from scopert.ops.array_range import range as range_of  # ranges are computed with arithmetic

    return range_of(0, rank_of(x))


def _reduce(
    opdef: OpDef, x: Any, axis: Any, keepdims: Any, name: str | None, reduction_indices: Any = None,
    keep_dims: Any = None,
) -> Tensor:  # fmt: skip
    axis = one_of("reduction_indices", reduction_indices, "axis", axis)
    keep = bool(one_of("keep_dims", keep_dims, "keepdims", keepdims))
    output: Tensor = apply(opdef, x, reduction_axes(x, axis), keep_dims=keep, name=name)
    if axis is None and not keep and output._shape is None:
        output._shape = ()
    return output


@public("reduce_sum", "math.reduce_sum")
def reduce_sum(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The sum over axes.

    Parameters
    ----------
    input_tensor : tensor-like
        Numeric. Sums of 16-bit floats are accumulated in float32.
    axis : int, list of int or tensor, optional
        Negative ones count from the end. Default: all axes.
    keepdims : bool
        Keep the reduced axes, with size 1.
    name : str, optional
    reduction_indices, keep_dims
        Old names of `axis` and `keepdims`.

    Raises
    ------
    ValueError
        If there is no such axis, or an argument is given under both names.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.reduce_sum(tf.ones([2, 3]), axis=1).shape.as_list()
    [2]
    """
    return _reduce(SUM, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


@public("reduce_mean", "math.reduce_mean")
def reduce_mean(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The mean over axes; arguments as `reduce_sum`. Means of integers are cut off."""
    return _reduce(MEAN, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


@public("reduce_prod", "math.reduce_prod")
def reduce_prod(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The product over axes; arguments as `reduce_sum`."""
    return _reduce(PROD, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


@public("reduce_max", "math.reduce_max")
def reduce_max(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The greatest element over axes; arguments as `reduce_sum`. Of no elements: the lowest value.

    NaN if one of them is (in TensorFlow that depends on the processor).
    """
    return _reduce(MAX, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


@public("reduce_min", "math.reduce_min")
def reduce_min(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The least element over axes; arguments as `reduce_sum`. Of no elements: the highest value."""
    return _reduce(MIN, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


@public("reduce_all", "math.reduce_all")
def reduce_all(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """Whether all elements over axes are true; arguments as `reduce_sum`."""
    return _reduce(ALL, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


@public("reduce_any", "math.reduce_any")
def reduce_any(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """Whether any element over axes is true; arguments as `reduce_sum`."""
    return _reduce(ANY, input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


@public("math.reduce_euclidean_norm")
def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The square root of the sum of squared sizes over axes. It has no gradient."""
    return _reduce(EUCLIDEAN_NORM, input_tensor, axis, keepdims, name)
