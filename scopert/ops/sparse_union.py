"""Sparse tensors elementwise with one another: sum, maximum, minimum, softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.convert import to_tensor
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import brackets, broadcast, is_known
from scopert.graph.shape_rules import same_as
from scopert.graph.sparse_tensor import SparseTensor, as_sparse_tensor, is_sparse
from scopert.graph.tensor import Shape
from scopert.ops.array_shape import ints, set_known_shape
from scopert.ops.sparse_dense import SPARSE_NUMBERS, SPARSE_TENSOR_DENSE_ADD, sparse_dense_cwise_add
from scopert.public import public

SPARSE_REAL = "{float32, float64, int32, uint8, int16, int8, int64, bfloat16, uint16, float16, uint32, uint64}"


def flat_places(xp: Any, indices: Any, target: tuple[int, ...]) -> Any:
    """Each index vector as one position in row-major order."""
    strides = np.ones(len(target), np.int64)
    if len(target) > 1:
        strides[:-1] = np.cumprod(np.array(target[:0:-1], np.int64))[::-1]
    return (indices * xp.asarray(strides)).sum(axis=1) if len(target) else xp.zeros(len(indices), np.int64)


def _same_shape(a_shape: Any, b_shape: Any) -> tuple[int, ...]:
    left, right = ints(a_shape), ints(b_shape)
    if len(left) != len(right):
        raise InvalidArgumentError(
            None, None, f"Operands do not have the same ranks; got shapes: {brackets(left)} and {brackets(right)}"
        )
    if left != right:
        raise InvalidArgumentError(
            None, None, f"Operands' shapes do not match: got {list(left)} and {list(right)}"
        )
    return left


def _check_parts(indices: Any, values: Any, target: Any) -> None:
    if indices.ndim != 2 or values.ndim != 1 or len(indices) != len(values) or indices.shape[1] != target.size:
        raise InvalidArgumentError(
            None,
            None,
            f"Input indices should be a matrix, values a vector of as many rows: got {list(indices.shape)}, "
            f"{list(values.shape)} and a shape of {target.size} sizes",
        )


def _union(xp: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """The distinct positions of both, and where those of each are among them."""
    both, where = xp.unique(xp.concatenate([a, b]), return_inverse=True)
    return both, where[: len(a)], where[len(a) :]


def unflatten(xp: Any, flat: Any, target: tuple[int, ...]) -> Any:
    if not len(flat) or not target:
        return xp.zeros((len(flat), len(target)), np.int64)
    return xp.stack(xp.unravel_index(flat, target), axis=1).astype(np.int64)


def _combined(xp: Any, a: Any, b: Any, function: Any) -> tuple[Any, Any, Any, tuple[int, ...]]:
    """The positions stored in either, the result there, which are stored in both, and the shape."""
    (a_indices, a_values, a_shape), (b_indices, b_values, b_shape) = a, b
    _check_parts(a_indices, a_values, a_shape)
    _check_parts(b_indices, b_values, b_shape)
    target = _same_shape(a_shape, b_shape)
    # Indices are not checked against the shape, so they may lie beyond it.
    beyond = xp.concatenate([a_indices, b_indices]).max(axis=0, initial=-1) + 1
    target = tuple(max(n, int(m)) for n, m in zip(target, beyond.tolist(), strict=True))
    flat, at_a, at_b = _union(xp, flat_places(xp, a_indices, target), flat_places(xp, b_indices, target))
    left, right = xp.zeros(len(flat), a_values.dtype), xp.zeros(len(flat), a_values.dtype)
    left[at_a], right[at_b] = a_values, b_values
    shared = xp.zeros(len(flat), np.int8)
    shared[at_a] += 1
    shared[at_b] += 1
    return flat, function(left, right), shared == 2, target


def _add_kernel(
    xp: Any, a_indices: Any, a_values: Any, a_shape: Any, b_indices: Any, b_values: Any, b_shape: Any, thresh: Any
) -> tuple[Any, Any, Any]:
    a, b = (a_indices, a_values, a_shape), (b_indices, b_values, b_shape)
    flat, total, shared, target = _combined(xp, a, b, lambda x, y: x + y)
    kept = ~shared | (abs(total) >= thresh)  # what only one of them stores stays, as in TensorFlow
    return unflatten(xp, flat[kept], target), total[kept], xp.array(a_shape)


def _found_rule(op: Operation) -> list[Shape]:
    rank = op.inputs[2]._shape
    first: Shape = (None, None if rank is None else rank[0])
    return [first, (None,), op.inputs[2]._shape][: len(op.opdef.outputs)]


SPARSE_ADD = define_op(
    "SparseAdd",
    inputs="a_indices: int64, a_values: T, a_shape: int64, b_indices: int64, b_values: T, b_shape: int64, "
    "thresh: Treal",
    outputs="sum_indices: int64, sum_values: T, sum_shape: int64",
    attrs=f"T: {SPARSE_NUMBERS}; Treal: {SPARSE_REAL}",
    shape=_found_rule,
    kernel=_add_kernel,
)


def lookup(xp: Any, wanted: Any, present: Any, values: Any) -> Any:
    """For each index vector of `wanted` its value among those of `present`, or 0."""
    rank = wanted.shape[1]
    limits = xp.concatenate([wanted, present]).max(axis=0, initial=0) + 1
    target = ints(limits) if rank else ()
    known = flat_places(xp, present, target)
    order = xp.argsort(known)
    query = flat_places(xp, wanted, target)
    if not len(known):
        return xp.zeros(len(query), values.dtype)
    at = xp.minimum(xp.searchsorted(known[order], query), len(known) - 1)
    return xp.where(known[order][at] == query, values[order][at], values.dtype.type(0))


def _add_grad_kernel(
    xp: Any, backprop_val_grad: Any, a_indices: Any, b_indices: Any, sum_indices: Any
) -> tuple[Any, Any]:
    return (
        lookup(xp, a_indices, sum_indices, backprop_val_grad),
        lookup(xp, b_indices, sum_indices, backprop_val_grad),
    )


SPARSE_ADD_GRAD = define_op(
    "SparseAddGrad",
    inputs="backprop_val_grad: T, a_indices: int64, b_indices: int64, sum_indices: int64",
    outputs="a_val_grad: T, b_val_grad: T",
    attrs=f"T: {SPARSE_NUMBERS}",
    shape=lambda op: [None if t._shape is None else t._shape[:1] for t in op.inputs[1:3]],
    kernel=_add_grad_kernel,
    differentiable=False,
)


@gradient("SparseAdd")
def _add_grad(op: Operation, *grads: Any) -> Any:
    left, right = apply(SPARSE_ADD_GRAD, grads[1], op.inputs[0], op.inputs[3], op.outputs[0])
    set_known_shape(left, op.inputs[1]._shape)
    set_known_shape(right, op.inputs[4]._shape)
    return None, left, None, None, right, None, None


@public("sparse.add", "sparse_add")
def sparse_add(a: Any, b: Any, threshold: Any = None, thresh: Any = None) -> Any:
    """The sum of a sparse tensor and another, or a dense one.

    Parameters
    ----------
    a, b : SparseTensor or Tensor
        Of one shape and type; at least one is sparse. The sum of two sparse ones is sparse.
    threshold : number or Tensor, optional
        Sums of two stored elements that are smaller than this in magnitude are dropped; none by default.
    thresh : number or Tensor, optional
        The old name of `threshold`.

    Raises
    ------
    TypeError
        If neither is sparse.
    """
    if threshold is not None and thresh is not None:
        raise ValueError("Cannot specify both 'threshold' and 'thresh'")
    limit = thresh if threshold is None else threshold
    if not is_sparse(a) and not is_sparse(b):
        raise TypeError("At least one input should be SparseTensor; do you mean to use tf.add()?")
    if not (is_sparse(a) and is_sparse(b)):
        sparse, dense = (as_sparse_tensor(a), b) if is_sparse(a) else (as_sparse_tensor(b), a)
        return apply(SPARSE_TENSOR_DENSE_ADD, sparse.indices, sparse.values, sparse.dense_shape, dense)
    left, right = as_sparse_tensor(a), as_sparse_tensor(b)
    bound = to_tensor(0 if limit is None else limit, left.dtype.real_dtype.base, "threshold")
    indices, values, total_shape = apply(
        SPARSE_ADD, left.indices, left.values, left.dense_shape, right.indices, right.values, right.dense_shape, bound
    )
    left.shape.assert_is_compatible_with(right.shape)
    static = broadcast(left.shape._sizes, right.shape._sizes)
    return SparseTensor(indices, values, list(static or ()) if is_known(static) else total_shape)


def _extreme_kernel(which: str) -> Any:
    def kernel(
        xp: Any, a_indices: Any, a_values: Any, a_shape: Any, b_indices: Any, b_values: Any, b_shape: Any
    ) -> tuple[Any, Any]:
        a, b = (a_indices, a_values, a_shape), (b_indices, b_values, b_shape)
        flat, values, _, target = _combined(xp, a, b, getattr(xp, which))
        return unflatten(xp, flat, target), values

    return kernel


def _define_extreme(name: str, which: str, types: str) -> Any:
    return define_op(
        name,
        inputs="a_indices: int64, a_values: T, a_shape: int64, b_indices: int64, b_values: T, b_shape: int64",
        outputs="output_indices: int64, output_values: T",
        attrs=f"T: {types}",
        shape=lambda op: [(None, None), (None,)],
        kernel=_extreme_kernel(which),
    )


SPARSE_MAXIMUM = _define_extreme("SparseSparseMaximum", "maximum", SPARSE_REAL)
SPARSE_MINIMUM = _define_extreme("SparseSparseMinimum", "minimum", SPARSE_NUMBERS)


@gradient("SparseSparseMaximum", "SparseSparseMinimum")
def _extreme_grad(op: Operation, *grads: Any) -> Any:
    raise NotImplementedError(f"Gradient for {op.type} is currently not implemented yet.")


def _extreme(opdef: Any, sp_a: SparseTensor, sp_b: SparseTensor, name: str | None) -> SparseTensor:
    with name_scope(name, opdef.name, [sp_a.indices, sp_a.values, sp_b.indices, sp_b.values]) as scope:
        indices, values = apply(
            opdef, sp_a.indices, sp_a.values, sp_a.dense_shape, sp_b.indices, sp_b.values, sp_b.dense_shape, name=scope
        )
    return SparseTensor(indices, values, sp_a.dense_shape)


@public("sparse.maximum", "sparse_maximum")
def sparse_maximum(sp_a: SparseTensor, sp_b: SparseTensor, name: str | None = None) -> SparseTensor:
    """The larger of each two elements of sparse tensors of one shape; what is not stored is 0."""
    return _extreme(SPARSE_MAXIMUM, sp_a, sp_b, name)


@public("sparse.minimum", "sparse_minimum")
def sparse_minimum(sp_a: SparseTensor, sp_b: SparseTensor, name: str | None = None) -> SparseTensor:
    """The smaller of each two elements of sparse tensors of one shape; what is not stored is 0."""
    return _extreme(SPARSE_MINIMUM, sp_a, sp_b, name)


# Softmax over the stored elements of each row


def _softmax_kernel(xp: Any, sp_indices: Any, sp_values: Any, sp_shape: Any) -> Any:
    target = ints(sp_shape)
    rows = flat_places(xp, sp_indices[:, :-1], target[:-1])
    labels, where = xp.unique(rows, return_inverse=True)
    highest = xp.full(len(labels), -np.inf, sp_values.dtype)
    xp.maximum.at(highest, where, sp_values)
    powers = xp.exp(sp_values - highest[where])
    total = xp.zeros(len(labels), sp_values.dtype)
    xp.add.at(total, where, powers)
    return powers / total[where]


SPARSE_SOFTMAX = define_op(
    "SparseSoftmax",
    inputs="sp_indices: int64, sp_values: T, sp_shape: int64",
    outputs="output: T",
    attrs="T: {float32, float64}",
    shape=same_as(1),
    kernel=_softmax_kernel,
)


@gradient("SparseSoftmax")
def _softmax_grad(op: Operation, grad: Any) -> Any:
    from scopert.ops.sparse_reduce import sparse_reduce_sum

    indices, target = op.inputs[0], op.inputs[2]
    output = SparseTensor(indices, op.outputs[0], target)
    sparse_grad = SparseTensor(indices, grad, target)
    product = SparseTensor(indices, output.values * sparse_grad.values, target)
    total = -sparse_reduce_sum(product, [-1], keepdims=True)
    shifted = sparse_dense_cwise_add(sparse_grad, total)
    return [None, shifted.values * output.values, None]


@public("sparse.softmax", "sparse_softmax")
def sparse_softmax(sp_input: SparseTensor, name: str | None = None) -> SparseTensor:
    """The softmax of the stored elements along the last axis; what is not stored counts as minus infinity."""
    with name_scope(name, "SparseSoftmax", [sp_input.indices, sp_input.values]):
        values = apply(SPARSE_SOFTMAX, sp_input.indices, sp_input.values, sp_input.dense_shape)
        return SparseTensor(sp_input.indices, values, sp_input.dense_shape)
