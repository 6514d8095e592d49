"""Sums and maxima of sparse tensors along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape, known_value
from scopert.graph.dtypes import int64
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.sparse_tensor import SparseTensor
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_scatter import gather_nd
from scopert.ops.array_shape import ints
from scopert.ops.raw import raw
from scopert.ops.sparse_dense import SPARSE_NUMBERS
from scopert.ops.sparse_union import SPARSE_REAL, flat_places, unflatten
from scopert.public import public


def _axes(axes: Any, rank: int) -> list[int]:
    found = ints(axes) if axes.size else ()
    for axis in found:
        if not -rank <= axis < rank:
            raise InvalidArgumentError(None, None, f"Invalid reduction dimension {axis}, for {rank} dimensions")
    return sorted({axis % rank for axis in found})


def _grouped(xp: Any, indices: Any, values: Any, target: tuple[int, ...], axes: list[int], which: str) -> Any:
    """The reduced value at each distinct place of the axes that remain, and the positions of these places."""
    kept = [axis for axis in range(len(target)) if axis not in axes]
    rest = tuple(target[axis] for axis in kept)
    flat = flat_places(xp, indices[:, kept], rest)
    labels, where = xp.unique(flat, return_inverse=True)
    if which == "sum":
        result = xp.zeros(len(labels), values.dtype)
        xp.add.at(result, where, values)
    else:
        lowest = -np.inf if values.dtype.kind not in "iu" else np.iinfo(values.dtype).min
        result = xp.full(len(labels), lowest, values.dtype)
        xp.maximum.at(result, where, values)
    return labels, result, rest


def _dense_kernel(which: str) -> Any:
    def kernel(
        xp: Any, input_indices: Any, input_values: Any, input_shape: Any, reduction_axes: Any, *, keep_dims: bool
    ) -> Any:
        target = ints(input_shape)
        axes = _axes(reduction_axes, len(target))
        labels, values, rest = _grouped(xp, input_indices, input_values, target, axes, which)
        result = xp.zeros(int(np.prod(rest, dtype=np.int64)), input_values.dtype)
        result[labels] = values
        shown = tuple(1 if axis in axes else n for axis, n in enumerate(target)) if keep_dims else rest
        return result.reshape(shown)

    return kernel


def _sparse_kernel(which: str) -> Any:
    def kernel(
        xp: Any, input_indices: Any, input_values: Any, input_shape: Any, reduction_axes: Any, *, keep_dims: bool
    ) -> tuple[Any, Any, Any]:
        target = ints(input_shape)
        axes = _axes(reduction_axes, len(target))
        labels, values, rest = _grouped(xp, input_indices, input_values, target, axes, which)
        shown = tuple(1 if axis in axes else n for axis, n in enumerate(target)) if keep_dims else rest
        return unflatten(xp, labels, shown), values, np.array(shown, np.int64)

    return kernel


def _dense_rule(op: Operation) -> list[Shape]:
    source, axes = known_shape(op.inputs[2]), known_value(op.inputs[3])
    if source is None or axes is None:
        return [None]
    reduced = {int(axis) % max(len(source), 1) for axis in axes.reshape(-1)}
    if op.attrs["keep_dims"]:
        return [tuple(1 if axis in reduced else n for axis, n in enumerate(source))]
    return [tuple(n for axis, n in enumerate(source) if axis not in reduced)]


def _define(name: str, types: str, which: str) -> Any:
    sparse = name.endswith("Sparse")
    return define_op(
        name,
        inputs="input_indices: int64, input_values: T, input_shape: int64, reduction_axes: int32",
        outputs="output_indices: int64, output_values: T, output_shape: int64" if sparse else "output: T",
        attrs=f"keep_dims: bool = false; T: {types}",
        shape=(lambda op: [None, None, None]) if sparse else _dense_rule,
        kernel=(_sparse_kernel if sparse else _dense_kernel)(which),
    )


SPARSE_REDUCE_SUM = _define("SparseReduceSum", SPARSE_NUMBERS, "sum")
SPARSE_REDUCE_SUM_SPARSE = _define("SparseReduceSumSparse", SPARSE_NUMBERS, "sum")
SPARSE_REDUCE_MAX = _define("SparseReduceMax", SPARSE_REAL, "max")
SPARSE_REDUCE_MAX_SPARSE = _define("SparseReduceMaxSparse", SPARSE_REAL, "max")


@gradient("SparseReduceSum")
def _sum_grad(op: Operation, grad: Any) -> Any:
    from scopert.ops.math_sum_grad import reduced_shape

    indices, _, source_shape, axes = op.inputs
    kept = reduced_shape(source_shape, axes)
    whole = reshape(grad, kept)
    scale = source_shape // raw("Cast", kept, DstT=int64)
    return None, gather_nd(whole, indices // scale), None, None


def _reduce(opdef: Any, sp_input: SparseTensor, axis: Any, keepdims: Any, reduction_axes: Any, keep_dims: Any) -> Any:
    from scopert.ops.math_reduction import reduction_axes as axes_of

    for new, old, what in ((axis, reduction_axes, "axis"), (keepdims, keep_dims, "keepdims")):
        if new is not None and old is not None:
            raise ValueError(f"'{what}' is given twice, under its old name as well")
    keep = keep_dims if keepdims is None else keepdims
    axes = axes_of(sp_input, reduction_axes if axis is None else axis)
    return apply(opdef, sp_input.indices, sp_input.values, sp_input.dense_shape, axes, keep_dims=bool(keep))


@public("sparse.reduce_sum", "sparse_reduce_sum")
def sparse_reduce_sum(
    sp_input: SparseTensor, axis: Any = None, keepdims: Any = None, reduction_axes: Any = None, keep_dims: Any = None
) -> Tensor:
    """The sum of a sparse tensor along axes (all by default), as a dense tensor."""
    return _reduce(SPARSE_REDUCE_SUM, sp_input, axis, keepdims, reduction_axes, keep_dims)


@public("sparse.reduce_sum_sparse", "sparse_reduce_sum_sparse")
def sparse_reduce_sum_sparse(
    sp_input: SparseTensor, axis: Any = None, keepdims: Any = None, reduction_axes: Any = None, keep_dims: Any = None
) -> SparseTensor:
    """The sum of a sparse tensor along axes (all by default), as a sparse tensor."""
    return SparseTensor(*_reduce(SPARSE_REDUCE_SUM_SPARSE, sp_input, axis, keepdims, reduction_axes, keep_dims))


@public("sparse.reduce_max", "sparse_reduce_max")
def sparse_reduce_max(
    sp_input: SparseTensor, axis: Any = None, keepdims: Any = None, reduction_axes: Any = None, keep_dims: Any = None
) -> Tensor:
    """The largest stored element along axes (all by default), as a dense tensor; 0 where none is stored."""
    return _reduce(SPARSE_REDUCE_MAX, sp_input, axis, keepdims, reduction_axes, keep_dims)


@public("sparse.reduce_max_sparse", "sparse_reduce_max_sparse")
def sparse_reduce_max_sparse(
    sp_input: SparseTensor, axis: Any = None, keepdims: Any = None, reduction_axes: Any = None, keep_dims: Any = None
) -> SparseTensor:
    """The largest stored element along axes (all by default), as a sparse tensor."""
    return SparseTensor(*_reduce(SPARSE_REDUCE_MAX_SPARSE, sp_input, axis, keepdims, reduction_axes, keep_dims))
