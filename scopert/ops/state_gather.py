"""Reading single rows or slices of a resource variable."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import READS, STATEFUL, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.tensor import Shape
from scopert.ops.array_concat import concat
from scopert.ops.array_reshape import expand_dims, reshape, squeeze
from scopert.ops.array_scatter import GATHER_ND, scatter_nd
from scopert.ops.array_shape import size
from scopert.ops.raw import raw
from scopert.ops.state_resource import handle_shape, variable_shape


def _gather_rule(op: Operation) -> list[Shape]:
    params, indices = handle_shape(op._inputs[0]), op._inputs[1]._shape
    if params is not None and not params:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    batch = op.attrs["batch_dims"]
    if params is None or indices is None:
        return [None]
    return [params[:batch] + indices[batch:] + params[batch + 1 :]]


def _gather_kernel(xp: Any, ref: Any, indices: Any, *, batch_dims: int) -> Any:
    params = ref.read()
    indices = xp.asarray(indices)
    limit = params.shape[batch_dims]
    wrong = ((indices < 0) | (indices >= limit)).reshape(-1)
    if bool(wrong.any()):
        first = int(wrong.argmax())
        raise InvalidArgumentError(
            None, None, f"indices[{first}] = {int(indices.reshape(-1)[first])} is not in [0, {limit})"
        )
    if not batch_dims:
        return xp.take(params, indices, axis=0)
    batches = params.shape[:batch_dims]
    if indices.shape[:batch_dims] != batches:
        raise InvalidArgumentError(
            None, None, f"batch dimensions of params {list(batches)} and indices {list(indices.shape)} differ"
        )
    grid = [
        xp.arange(n).reshape([-1 if at == axis else 1 for at in range(indices.ndim)]) for axis, n in enumerate(batches)
    ]
    return params[(*grid, indices)]


RESOURCE_GATHER = define_op(
    "ResourceGather",
    inputs="resource: resource, indices: Tindices",
    outputs="output: dtype",
    attrs="batch_dims: int = 0; validate_indices: bool = true; dtype: type; Tindices: {int32, int64}",
    shape=_gather_rule,
    kernel=_gather_kernel,
    traits=(READS, STATEFUL),
)


@gradient("ResourceGather")
def _gather_grad(op: Operation, grad: Any) -> Any:
    handle, indices = op._inputs
    params_shape = variable_shape(handle)
    count = expand_dims(size(indices), 0)
    values = reshape(grad, concat([count, params_shape[1:]], 0))
    return [IndexedSlices(values, reshape(indices, count), params_shape), None]


def _gather_nd_rule(op: Operation) -> list[Shape]:
    params, indices = handle_shape(op._inputs[0]), op._inputs[1]._shape
    if indices is not None and not indices:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    if params is None or indices is None or indices[-1] is None:
        return [None]
    depth = indices[-1]
    if depth > len(params):
        raise ValueError(f"indices.shape[-1] must be <= params.rank, but saw indices shape: {indices} and {params}")
    return [indices[:-1] + params[depth:]]


def _gather_nd_kernel(xp: Any, ref: Any, indices: Any) -> Any:
    assert GATHER_ND.kernel is not None
    return GATHER_ND.kernel(xp, ref.read(), indices)


RESOURCE_GATHER_ND = define_op(
    "ResourceGatherNd",
    inputs="resource: resource, indices: Tindices",
    outputs="output: dtype",
    attrs="dtype: type; Tindices: {int32, int64}",
    shape=_gather_nd_rule,
    kernel=_gather_nd_kernel,
    traits=(READS, STATEFUL),
)


@gradient("ResourceGatherNd")
def _gather_nd_grad(op: Operation, grad: Any) -> Any:
    handle, indices = op._inputs
    params_shape = raw("VariableShape", handle, out_type=indices.dtype)
    if indices._shape is not None and len(indices._shape) == 2 and indices._shape[-1] == 1:
        return [IndexedSlices(grad, squeeze(indices, axis=-1), params_shape), None]
    return [scatter_nd(indices, grad, params_shape), None]
