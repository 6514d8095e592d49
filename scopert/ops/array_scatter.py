"""Picking and placing slices by index vectors: gather_nd, scatter_nd and updates of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import constant_value, known_shape
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import brackets, is_compatible
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones, zeros_like
from scopert.ops.array_identity import identity
from scopert.ops.array_reshape import reshape, squeeze
from scopert.ops.array_shape import ints, rank, shape, tensor_array
from scopert.ops.array_stack import stack, unstack
from scopert.ops.array_tile import tile
from scopert.ops.array_transpose import transpose
from scopert.ops.raw import raw
from scopert.public import public


def _places(xp: Any, indices: Any, target: tuple[int, ...], what: str) -> tuple[Any, ...]:
    """The index vectors as a tuple of index arrays into an array of shape `target`; checked."""
    depth = indices.shape[-1]
    if depth > len(target):
        raise InvalidArgumentError(
            None, None, f"index innermost dimension length must be <= {what} rank; saw: {depth} vs. {len(target)}"
        )
    limits = xp.asarray(target[:depth], indices.dtype)
    wrong = ((indices < 0) | (indices >= limits)).any(axis=-1)
    if bool(wrong.any()):
        where = [int(i) for i in xp.argwhere(wrong)[0].tolist()]
        place = f"indices[{','.join(str(i) for i in where)}]" if where else "indices"
        raise InvalidArgumentError(
            None,
            None,
            f"{place} = {brackets(ints(indices[tuple(where)]))} does not index into {what} {brackets(target)}",
        )
    return tuple(indices[..., axis] for axis in range(depth))


def _depth(indices: Shape) -> int | None:
    return None if not indices else indices[-1]


# GatherNd


def _gather_nd_rule(op: Operation) -> list[Shape]:
    params, indices = op.inputs[0]._shape, op.inputs[1]._shape
    depth = _depth(indices)
    if indices is not None and not indices:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    if params is None or indices is None or depth is None:
        return [None]
    if depth > len(params):
        raise ValueError(f"indices.shape[-1] must be <= params.rank, but saw indices shape: {indices} and {params}")
    return [indices[:-1] + params[depth:]]


def _gather_nd_kernel(xp: Any, params: Any, indices: Any) -> Any:
    source = tensor_array(xp, params)
    if not source.size and indices.size:
        raise InvalidArgumentError(None, None, "Requested more than 0 entries, but params is empty.")
    if indices.shape[-1] == 0:
        return xp.array(xp.broadcast_to(source, indices.shape[:-1] + source.shape))
    return source[_places(xp, indices, source.shape, "param shape")]


GATHER_ND = define_op(
    "GatherNd",
    inputs="params: Tparams, indices: Tindices",
    outputs="output: Tparams",
    attrs="Tparams: type; Tindices: {int32, int64}",
    shape=_gather_nd_rule,
    kernel=_gather_nd_kernel,
)


@gradient("GatherNd")
def _gather_nd_grad(op: Operation, grad: Any) -> Any:
    source, indices = op.inputs
    source_shape = shape(source, out_type=indices.dtype)
    if indices._shape is not None and len(indices._shape) == 2 and indices._shape[-1] == 1:
        return [IndexedSlices(grad, squeeze(indices, axis=-1), source_shape), None]
    return [scatter_nd(indices, grad, source_shape), None]


@public("gather_nd", "manip.gather_nd")
def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: Any = 0) -> Tensor:
    """Slices of `params` at index vectors: the last axis of `indices` holds the leading indices of each.

    Parameters
    ----------
    params : Tensor
        What to pick from.
    indices : Tensor
        int32 or int64 of shape ``[..., k]``; the result has shape ``[...] + params.shape[k:]``.
    name : str, optional
        The operation's name.
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
    ...     print(sess.run(tf.gather_nd([[1, 2], [3, 4]], [[0, 1], [1, 0]])))
    [2 3]
    """
    static = constant_value(batch_dims) if isinstance(batch_dims, Tensor) else batch_dims
    if static is not None:
        batch_dims = int(np.reshape(static, -1)[0])
    if isinstance(batch_dims, int) and batch_dims == 0:
        if hasattr(params, "gather_nd"):
            return params.gather_nd(indices, name=name)
        return apply(GATHER_ND, params, indices, name=name)
    return _batch_gather_nd(params, indices, batch_dims, name)


def _batch_gather_nd(params: Any, indices: Any, batch_dims: Any, name: str | None) -> Tensor:
    from scopert.ops.array_meshgrid import meshgrid

    with name_scope(name, "BatchGatherND", [params, indices]):
        picked = to_tensor(indices, None, "indices")
        source = to_tensor(params, None, "params")
        if not isinstance(batch_dims, int):
            raise TypeError(f"batch_dims must be an int; got {batch_dims!r}")
        if batch_dims < 0:
            raise ValueError("tf.gather_nd does not allow negative batch_dims.")
        for tensor, what in ((picked, "indices"), (source, "params")):
            if tensor._shape is not None and batch_dims >= len(tensor._shape):
                raise ValueError(f"batch_dims = {batch_dims} must be less than rank({what}) = {len(tensor._shape)}")
        source_shape, picked_shape = shape(source), shape(picked)
        batch_shape = source_shape[:batch_dims]
        batch_size = raw("Prod", batch_shape, [0])
        inner_rank = rank(picked) - batch_dims - 1
        inner_shape = picked_shape[batch_dims:-1]
        lengths = unstack(batch_shape, axis=0)
        ranges = [raw("Cast", raw("Range", 0, length, 1), DstT=picked.dtype) for length in lengths]
        flat = [reshape(grid, shape=(-1,)) for grid in meshgrid(*ranges, indexing="ij")]
        grid = transpose(stack(flat, axis=0))
        grid_shape = shape(grid)
        grid = reshape(
            grid, concat([grid_shape[:1], ones(inner_rank, dtype=int32), grid_shape[1:]], axis=0)
        )
        grid = tile(grid, multiples=concat(((1,), inner_shape, (1,)), axis=0))
        flat_shape = concat(([batch_size], picked_shape[batch_dims:]), axis=0)
        flat_indices = reshape(picked, shape=flat_shape)
        found = apply(GATHER_ND, source, concat((grid, flat_indices), axis=-1))
        return reshape(found, shape=concat((batch_shape, shape(found)[1:]), axis=0))


# ScatterNd and the updates of tensors


def _check_updates(indices: Shape, updates: Shape, target: Shape) -> None:
    depth = _depth(indices)
    if indices is None or updates is None or target is None or depth is None:
        return
    if 0 in target and 0 not in indices and 0 not in updates:
        raise ValueError("Indices and updates specified for empty output shape")
    outer = len(indices) - 1
    if not is_compatible(updates[:outer], indices[:-1]):
        raise ValueError(
            f"The outer {outer} dimensions of indices.shape={brackets(indices)} must match the outer {outer} "
            f"dimensions of updates.shape={brackets(updates)}"
        )
    if not is_compatible(updates[outer:], target[depth:]):
        raise ValueError(
            f"The inner {len(target) - depth} dimensions of output.shape={brackets(target)} must match the inner "
            f"{len(updates) - outer} dimensions of updates.shape={brackets(updates)}"
        )


def _scatter_rule(op: Operation) -> list[Shape]:
    target = known_shape(op.inputs[2])
    _check_updates(op.inputs[0]._shape, op.inputs[1]._shape, target)
    return [target]


def _expected(indices: Any, updates: Any, target: tuple[int, ...]) -> None:
    wanted = indices.shape[:-1] + target[indices.shape[-1] :]
    if tuple(updates.shape) != wanted:
        raise InvalidArgumentError(
            None,
            None,
            f"Must have updates.shape = indices.shape[:batch_dim] + output_shape[slice_dim:], got updates.shape: "
            f"{list(updates.shape)}, indices.shape: {list(indices.shape)}, output_shape: {list(target)}",
        )


def _scatter_kernel(xp: Any, indices: Any, updates: Any, shape: Any) -> Any:
    target = ints(shape) if shape.size else ()
    values = tensor_array(xp, updates)
    if values.dtype == object:
        result: Any = np.empty(target, object)
        result[...] = b""
    else:
        result = xp.zeros(target, values.dtype)
    if indices.size and values.size and not result.size:
        raise InvalidArgumentError(None, None, "Indices and updates specified for empty output")
    _expected(indices, values, target)
    if not indices.size:
        return result
    places = _places(xp, indices, target, "shape")
    if values.dtype == object:
        np.add.at(result, places, values)  # strings are joined
    else:
        xp.add.at(result, places, values)
    return result


SCATTER_ND = define_op(
    "ScatterNd",
    inputs="indices: Tindices, updates: T, shape: Tindices",
    outputs="output: T",
    attrs="T: type; Tindices: {int32, int64}",
    shape=_scatter_rule,
    kernel=_scatter_kernel,
)


@gradient("ScatterNd")
def _scatter_grad(op: Operation, grad: Any) -> Any:
    return [None, gather_nd(grad, op.inputs[0]), None]


@public("scatter_nd", "manip.scatter_nd")
def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """A tensor of zeros of shape `shape`, with `updates` added at index vectors.

    Parameters
    ----------
    indices : Tensor
        int32 or int64 of shape ``[..., k]``; an index vector may occur more than once.
    updates : Tensor
        Of shape ``[...] + shape[k:]``.
    shape : Tensor
        The shape of the result, of the type of `indices`.
    name : str, optional
        The operation's name.

    Raises
    ------
    InvalidArgumentError
        In a run, if an index is out of range.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.scatter_nd([[1], [3], [1]], [5, 6, 7], [5])))
    [ 0 12  0  6  0]
    """
    return apply(SCATTER_ND, indices, updates, shape, name=name)


def _update_rule(op: Operation) -> list[Shape]:
    target = op.inputs[0]._shape
    _check_updates(op.inputs[1]._shape, op.inputs[2]._shape, target)
    return [target]


def _update_kernel(change: str) -> Any:
    def kernel(xp: Any, tensor: Any, indices: Any, updates: Any) -> Any:
        result, values = xp.array(tensor_array(xp, tensor)), tensor_array(xp, updates)
        _expected(indices, values, result.shape)
        if not indices.size:
            return result
        places = _places(xp, indices, result.shape, "shape")
        if change == "add":
            xp.add.at(result, places, values)
        elif change == "subtract":
            xp.subtract.at(result, places, values)
        else:
            result[places] = values
        return result

    return kernel


def _define_update(
    name: str, change: str, attrs: str = "T: type; Tindices: {int32, int64}", first: str = "tensor"
) -> Any:
    return define_op(
        name,
        inputs=f"{first}: T, indices: Tindices, updates: T",
        outputs="output: T",
        attrs=attrs,
        shape=_update_rule,
        kernel=_update_kernel(change),
    )


TENSOR_SCATTER_UPDATE = _define_update("TensorScatterUpdate", "update")
TENSOR_SCATTER_ADD = _define_update("TensorScatterAdd", "add")
TENSOR_SCATTER_SUB = _define_update("TensorScatterSub", "subtract")
SCATTER_ND_NON_ALIASING_ADD = _define_update(
    "ScatterNdNonAliasingAdd",
    "add",
    "T: {float32, float64, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, uint16, "
    "complex128, float16, uint32, uint64, bool}; Tindices: {int32, int64}",
    "input",
)


@gradient("TensorScatterUpdate")
def _tensor_scatter_update_grad(op: Operation, grad: Any) -> Any:
    indices = op.inputs[1]
    updates_grad = gather_nd(grad, indices)
    kept = tensor_scatter_update(identity(grad), indices, zeros_like(op.inputs[2], dtype=grad.dtype))
    return [kept, None, updates_grad]


@gradient("TensorScatterAdd")
def _tensor_scatter_add_grad(op: Operation, grad: Any) -> Any:
    updates_grad = gather_nd(grad, op.inputs[1])
    return [identity(grad), None, updates_grad]


@gradient("TensorScatterSub")
def _tensor_scatter_sub_grad(op: Operation, grad: Any) -> Any:
    updates_grad = gather_nd(grad, op.inputs[1])
    tensor_grad = identity(grad)
    return [tensor_grad, None, -updates_grad]


@gradient("ScatterNdNonAliasingAdd")
def _non_aliasing_add_grad(op: Operation, grad: Any) -> Any:
    return [grad, None, gather_nd(grad, op.inputs[1])]


@public("tensor_scatter_update", "tensor_scatter_nd_update")
def tensor_scatter_update(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`tensor` with `updates` in the places of index vectors.

    Parameters
    ----------
    tensor : Tensor
        What is changed, in a copy.
    indices : Tensor
        int32 or int64 of shape ``[..., k]``.
    updates : Tensor
        Of shape ``[...] + tensor.shape[k:]``.
    name : str, optional
        The operation's name.

    Raises
    ------
    InvalidArgumentError
        In a run, if an index is out of range.
    """
    return apply(TENSOR_SCATTER_UPDATE, tensor, indices, updates, name=name)


@public("tensor_scatter_add", "tensor_scatter_nd_add")
def tensor_scatter_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`tensor` with `updates` added in the places of index vectors; see `tensor_scatter_update`."""
    return apply(TENSOR_SCATTER_ADD, tensor, indices, updates, name=name)


@public("tensor_scatter_sub", "tensor_scatter_nd_sub")
def tensor_scatter_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`tensor` with `updates` subtracted in the places of index vectors; see `tensor_scatter_update`."""
    return apply(TENSOR_SCATTER_SUB, tensor, indices, updates, name=name)


def scatter_nd_non_aliasing_add(input: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`input` with `updates` added in the places of index vectors."""
    return apply(SCATTER_ND_NON_ALIASING_ADD, input, indices, updates, name=name)
