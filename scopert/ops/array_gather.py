"""Picking slices by index along one axis: gather."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import constant_value, known_value
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import int32, int64
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import merge
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones, zeros
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import ints, set_known_shape, shape, size, tensor_array
from scopert.ops.array_stack import stack
from scopert.ops.array_transpose import transpose
from scopert.ops.raw import raw
from scopert.public import public


def check_indices(indices: Any, limit: int) -> None:
    """Raises InvalidArgumentError unless all indices are at least 0 and less than `limit`."""
    if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= limit):
        wrong = (indices < 0) | (indices >= limit)
        where = [int(i) for i in np.argwhere(wrong.get() if hasattr(wrong, "get") else wrong)[0]]
        value = indices[tuple(where)] if where else indices
        place = f"[{','.join(str(i) for i in where)}]" if where else ""
        raise InvalidArgumentError(None, None, f"indices{place} = {int(value)} is not in [0, {limit})")


def _gather_rule(op: Operation) -> list[Shape]:
    params, indices = op.inputs[0]._shape, op.inputs[1]._shape
    value = known_value(op.inputs[2])
    if params is not None and not params:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    if params is None or indices is None:
        return [None]
    batch_dims = op.attrs["batch_dims"]
    if batch_dims < 0:
        batch_dims += len(indices)
    if not 0 <= batch_dims <= len(indices) or batch_dims > len(params):
        raise ValueError(f"batch_dims = {batch_dims} must be at most the ranks {len(indices)} and {len(params)}")
    if value is None:
        return [(None,) * (len(params) + len(indices) - batch_dims - 1)]
    axis = int(value)
    if not -len(params) <= axis < len(params):
        raise ValueError(f"Shape must be at least rank {axis + 1 if axis >= 0 else -axis} but is rank {len(params)}")
    axis %= len(params)
    if axis < batch_dims:
        raise ValueError(f"batch_dims = {batch_dims} must be less than or equal to axis = {axis}")
    head = merge(params[:batch_dims], indices[:batch_dims]) or ()
    return [(*head, *params[batch_dims:axis], *indices[batch_dims:], *params[axis + 1 :])]


def _gather_kernel(xp: Any, params: Any, indices: Any, axis: Any, *, batch_dims: int) -> Any:
    source, picked = tensor_array(xp, params), xp.asarray(indices)
    where = ints(axis)[0]
    if not -source.ndim <= where < source.ndim:
        raise InvalidArgumentError(
            None, None, f"Expected axis in the range [{-source.ndim}, {source.ndim}), but got {where}"
        )
    where %= source.ndim
    check_indices(picked, source.shape[where])
    if batch_dims == 0:
        return xp.take(source, picked, axis=where)
    batch_dims %= picked.ndim + 1 if batch_dims > 0 else picked.ndim
    batch, outer = source.shape[:batch_dims], source.shape[batch_dims:where]
    inner, length = source.shape[where + 1 :], source.shape[where]
    count = int(np.prod(batch, dtype=np.int64))
    rows = source.reshape(count, int(np.prod(outer, dtype=np.int64)), length, int(np.prod(inner, dtype=np.int64)))
    chosen = picked.reshape(count, int(np.prod(picked.shape[batch_dims:], dtype=np.int64)))
    result = rows[xp.arange(count)[:, None], :, chosen]
    return xp.moveaxis(result, 1, 2).reshape(batch + outer + picked.shape[batch_dims:] + inner)


GATHER_V2 = define_op(
    "GatherV2",
    inputs="params: Tparams, indices: Tindices, axis: Taxis",
    outputs="output: Tparams",
    attrs="batch_dims: int = 0; Tparams: type; Tindices: {int32, int64}; Taxis: {int32, int64}",
    shape=_gather_rule,
    kernel=_gather_kernel,
)


def _old_gather_rule(op: Operation) -> list[Shape]:
    params, indices = op.inputs[0]._shape, op.inputs[1]._shape
    return [None if params is None or indices is None else indices + params[1:]]


def _old_gather_kernel(xp: Any, params: Any, indices: Any) -> Any:
    source, picked = tensor_array(xp, params), xp.asarray(indices)
    check_indices(picked, len(source))
    return xp.take(source, picked, axis=0)


GATHER = define_op(
    "Gather",
    inputs="params: Tparams, indices: Tindices",
    outputs="output: Tparams",
    attrs="validate_indices: bool = true; Tparams: type; Tindices: {int32, int64}",
    shape=_old_gather_rule,
    kernel=_old_gather_kernel,
)


def _params_shape(params: Tensor) -> Tensor:
    """The shape beside which the gradient of `params` stands; computed where `params` is."""
    with params.graph.colocate_with(params):
        return raw("Cast", shape(params, out_type=int64), DstT=int32)


@gradient("Gather")
def _old_gather_grad(op: Operation, grad: Any) -> Any:
    params_shape = _params_shape(op.inputs[0])
    count = expand_dims(size(op.inputs[1]), 0)
    values = reshape(grad, concat([count, params_shape[1:]], 0))
    return [IndexedSlices(values, reshape(op.inputs[1], count), params_shape), None]


@gradient("GatherV2")
def _gather_grad(op: Operation, grad: Any) -> Any:
    params, indices, axis = op.inputs
    params_shape = _params_shape(params)
    count = expand_dims(size(indices), 0)
    static_axis = constant_value(axis)
    batch_dims = int(op.get_attr("batch_dims"))
    if batch_dims < 0:
        assert indices._shape is not None
        batch_dims += len(indices._shape)
    if static_axis is not None and int(static_axis) == 0:
        values = reshape(grad, concat([count, params_shape[1:]], 0))
        return [IndexedSlices(values, reshape(indices, count), params_shape), None, None]
    outer, inner = params_shape[:axis], params_shape[axis:][1:]
    values_shape = concat([outer, [-1], inner], 0)
    values_dims, axis_dims = size(values_shape), size(outer)
    batches = range_of(batch_dims)
    before = range_of(batch_dims, axis_dims)
    after = range_of(axis_dims + 1, values_dims)
    values = transpose(reshape(grad, values_shape), concat([batches, [axis_dims], before, after], 0))
    length = params_shape[axis]
    batch_shape = params_shape
    if batch_dims and (static_axis is None or int(static_axis) != batch_dims):
        # The gathered axis has moved next to the batches. (TensorFlow 1.15 forgets it, and is wrong here.)
        batch_shape = concat([params_shape[:batch_dims], [length]], 0)
    summed = _batch_grad(batch_shape, values, indices, batch_dims, length)
    back = concat([batches, before + 1, [batch_dims], after], 0)
    return [transpose(summed, back), None, None]


def _batch_indices(
    sizes: Tensor, indices: Tensor, batch_dims: int, stride: Any, numbers: Callable[[Any, Any, Any], Tensor]
) -> Tensor:
    """Indices into the flattened batch axes; `numbers` counts, under the name that TensorFlow gives it here."""
    assert indices._shape is not None
    count, kind = len(indices._shape), indices.dtype.base
    result = indices
    for dim in range(batch_dims, 0, -1):
        length = sizes[dim - 1]
        stride = stride * sizes[dim]
        start, step = zeros((), dtype=kind), ones((), dtype=kind)
        offsets = numbers(start, length, step) * stride
        target = stack([1] * (dim - 1) + [length] + [1] * (count - dim), axis=0)
        result = result + reshape(offsets, target)
    return result


def _batch_grad(
    params_shape: Tensor, values: Tensor, indices: Tensor, batch_dims: int, gather_dim_size: Tensor
) -> Tensor:
    count = expand_dims(size(indices), 0)
    if batch_dims:
        values_shape = shape(values)
        outer, inner = values_shape[:batch_dims], values_shape[batch_dims:][1:]
        batch_size = raw("Prod", outer, [0], keep_dims=False)
        flat_shape = concat([[-1], inner], 0)
        gather_dim_size = gather_dim_size * batch_size
        kind = indices.dtype.base
        sizes = params_shape if params_shape.dtype.base is kind else raw("Cast", params_shape, DstT=kind)
        indices = _batch_indices(sizes, indices, batch_dims, ones((), dtype=kind), range_of)
        values = reshape(values, flat_shape)
    indices = reshape(indices, count)
    result = raw("UnsortedSegmentSum", values, indices, gather_dim_size)
    if batch_dims:
        result = reshape(result, concat([outer, flat_shape], 0))
    return result


@public("gather")
def gather(
    params: Any, indices: Any, validate_indices: Any = None, name: str | None = None, axis: Any = None,
    batch_dims: int = 0,
) -> Tensor:  # fmt: skip
    """Slices of `params` along an axis, in the order of `indices`.

    Parameters
    ----------
    params : Tensor or Variable
        At least one axis.
    indices : Tensor
        int32 or int64 of any shape, each at least 0 and less than the size of the axis.
    validate_indices : bool, optional
        Has no effect: indices are always checked.
    name : str, optional
        The operation's name.
    axis : int or Tensor, optional
        Along which axis; `batch_dims` by default.
    batch_dims : int, optional
        How many leading axes `params` and `indices` have in common.

    Raises
    ------
    InvalidArgumentError
        In a run, if an index is out of range.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.gather([10, 20, 30], [2, 0, 2])))
    [30 10 30]
    """
    if axis is None:
        axis = batch_dims
    static = constant_value(axis) if isinstance(axis, Tensor) else axis
    if static is not None and int(static) == 0 and hasattr(params, "sparse_read"):
        return params.sparse_read(indices, name=name)
    return apply(GATHER_V2, params, indices, axis, batch_dims=batch_dims, name=name)


@public("batch_gather")
def batch_gather(params: Any, indices: Any, name: str | None = None) -> Tensor:
    """For each batch the elements of `params` that `indices` lists: all axes of `indices` but the last are batches.

    Raises
    ------
    ValueError
        If the rank of `indices` is unknown, or too large.
    """
    with name_scope(name, "BatchGather", [params, indices]):
        picked = to_tensor(indices, None, "indices")
        source = to_tensor(params, None, "params")
        if picked._shape is None:
            raise ValueError("batch_gather does not allow indices with unknown shape.")
        count = len(picked._shape)
        batch_dims = count - 1
        if batch_dims < 0:
            raise ValueError(f"batch_dims = {batch_dims} must be less than rank(indices) = {count}")
        if source._shape is not None and batch_dims >= len(source._shape):
            raise ValueError(f"batch_dims = {batch_dims} must be less than rank(params) = {len(source._shape)}")
        indices_shape, params_shape = shape(picked), shape(source)
        stride = ones((), dtype=picked.dtype.base)
        sizes = raw("Cast", params_shape, DstT=picked.dtype.base)
        numbers = partial(raw, "Range")
        flat = reshape(_batch_indices(sizes, picked, batch_dims, stride, numbers), [-1])
        outer = params_shape[batch_dims + 1 :]
        inner_size = raw("Prod", params_shape[: batch_dims + 1], [0], keep_dims=False)
        flat_params = reshape(source, concat([[inner_size], outer], axis=0))
        result = reshape(gather(flat_params, flat), concat([indices_shape, outer], axis=0))
        if source._shape is not None:
            head = merge(picked._shape[:batch_dims], source._shape[:batch_dims]) or ()
            set_known_shape(result, (*head, *picked._shape[batch_dims:], *source._shape[batch_dims + 1 :]))
        return result
