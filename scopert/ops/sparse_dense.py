"""Sparse tensors together with dense ones: conversion, sums and products."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.constant_value import known_shape
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import int64
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import brackets
from scopert.graph.shape_rules import same_as
from scopert.graph.sparse_tensor import SparseTensor, as_sparse_tensor, sparse_operators
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones, zeros, zeros_like
from scopert.ops.array_gather import gather
from scopert.ops.array_reshape import expand_dims
from scopert.ops.array_scatter import gather_nd
from scopert.ops.array_shape import ints, shape, size, tensor_array
from scopert.ops.array_slice import slice as slice_of
from scopert.ops.array_transpose import transpose
from scopert.ops.array_where import where_v2
from scopert.ops.raw import raw
from scopert.public import public

SPARSE_NUMBERS = (
    "{float32, float64, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, uint16, "
    "complex128, float16, uint32, uint64}"
)


# SparseToDense


def _places(
    xp: Any, indices: Any, target: tuple[int, ...], validate: bool, complaint: str = "is out of bounds"
) -> tuple[Any, ...]:
    table = indices.reshape(-1, 1) if indices.ndim < 2 else indices
    if table.shape[1] != len(target):
        raise InvalidArgumentError(
            None, None, f"output_shape has incorrect number of elements: {len(target)} should be: {table.shape[1]}"
        )
    if not len(table):
        return tuple(table[:, axis] for axis in range(len(target)))
    wrong = ((table < 0) | (table >= xp.asarray(target, table.dtype))).any(axis=1)
    if bool(wrong.any()):
        row = int(wrong.argmax())
        raise InvalidArgumentError(
            None,
            None,
            f"indices[{row}] = {table[row].tolist()} {complaint}: need 0 <= index < {list(target)}",
        )
    if validate and len(table) > 1:
        flat = xp.ravel_multi_index(tuple(table.T), target)
        steps = flat[1:] - flat[:-1]
        if bool((steps <= 0).any()):
            row = int((steps <= 0).argmax()) + 1
            what = "repeated" if int(steps[row - 1]) == 0 else "out of order"
            raise InvalidArgumentError(None, None, f"indices[{row}] = {table[row].tolist()} is {what}")
    return tuple(table[:, axis] for axis in range(len(target)))


def _to_dense_kernel(
    xp: Any, sparse_indices: Any, output_shape: Any, sparse_values: Any, default_value: Any, *, validate_indices: bool
) -> Any:
    if sparse_indices.ndim > 2:
        found = brackets(sparse_indices.shape)
        raise InvalidArgumentError(
            None, None, f"sparse_indices should be a scalar, vector, or matrix, got shape {found}"
        )
    if output_shape.ndim != 1:
        found = brackets(output_shape.shape)
        raise InvalidArgumentError(None, None, f"output_shape should be a vector, got shape {found}")
    values = tensor_array(xp, sparse_values)
    count = 1 if sparse_indices.ndim == 0 else len(sparse_indices)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != count):
        raise InvalidArgumentError(
            None, None, f"sparse_values has incorrect shape {brackets(values.shape)}, should be [] or [{count}]"
        )
    if getattr(default_value, "ndim", 0):
        raise InvalidArgumentError(None, None, "default_value should be a scalar.")
    target = ints(output_shape) if output_shape.size else ()
    result: Any
    if values.dtype == object:
        result = np.empty(target, object)
        result[...] = default_value
    else:
        result = xp.full(target, default_value, values.dtype)
    places = _places(xp, sparse_indices, target, validate_indices)
    if target or not values.ndim:
        result[places] = values
    elif len(values):
        result[()] = values[-1]
    return result


SPARSE_TO_DENSE = define_op(
    "SparseToDense",
    inputs="sparse_indices: Tindices, output_shape: Tindices, sparse_values: T, default_value: T",
    outputs="dense: T",
    attrs="validate_indices: bool = true; T: type; Tindices: {int32, int64}",
    shape=lambda op: [known_shape(op.inputs[1])],
    kernel=_to_dense_kernel,
)


@gradient("SparseToDense")
def _to_dense_grad(op: Operation, grad: Any) -> Any:
    from scopert.ops.math_reduction import reduce_sum

    indices, output_shape, _, _ = op.inputs
    values_grad = gather_nd(grad, indices)
    default_grad = reduce_sum(grad) - reduce_sum(values_grad)
    return [zeros_like(indices), zeros_like(output_shape), values_grad, default_grad]


@public("sparse_to_dense")
def sparse_to_dense(
    sparse_indices: Any, output_shape: Any, sparse_values: Any, default_value: Any = 0, validate_indices: bool = True,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """A tensor with values in some places and a default elsewhere.

    Parameters
    ----------
    sparse_indices : Tensor
        The places: one index, a vector of them, or a matrix with an index vector in each row.
    output_shape : Tensor
        The shape of the result.
    sparse_values : Tensor
        A value for each place, or one for all.
    default_value : scalar Tensor, optional
        The value elsewhere.
    validate_indices : bool, optional
        Whether the places must be in order and different.
    name : str, optional
        The operation's name.

    Raises
    ------
    InvalidArgumentError
        In a run, if a place is beyond the shape, or out of order.
    """
    return apply(
        SPARSE_TO_DENSE, sparse_indices, output_shape, sparse_values, default_value,
        validate_indices=validate_indices, name=name,
    )  # fmt: skip


@public("sparse.to_dense", "sparse_tensor_to_dense")
def sparse_tensor_to_dense(
    sp_input: Any, default_value: Any = None, validate_indices: bool = True, name: str | None = None
) -> Tensor:
    """A sparse tensor as a dense one, with `default_value` (0) where nothing is stored."""
    sparse = as_sparse_tensor(sp_input)
    if default_value is None:
        default_value = zeros([], dtype=sparse.dtype)
    return sparse_to_dense(
        sparse.indices, sparse.dense_shape, sparse.values, default_value, validate_indices, name
    )


@public("sparse.from_dense")
def from_dense(tensor: Any, name: str | None = None) -> SparseTensor:
    """A sparse tensor of the elements of a dense one that are not 0."""
    with name_scope(name, "dense_to_sparse"):
        dense = to_tensor(tensor)
        indices = where_v2(raw("NotEqual", dense, constant(0, dense.dtype)))
        return SparseTensor(indices, gather_nd(dense, indices), shape(dense, out_type=int64))


# Products of matrices


def _matmul_rule(op: Operation) -> list[Shape]:
    left, right = known_shape(op.inputs[2]), op.inputs[3]._shape
    adjoint_a, adjoint_b = op.attrs["adjoint_a"], op.attrs["adjoint_b"]
    if right is not None and len(right) != 2:
        raise ValueError(f"Shape must be rank 2 but is rank {len(right)}")
    rows, inner = (None, None) if left is None else (left[::-1] if adjoint_a else left)
    other, columns = (None, None) if right is None else (right[::-1] if adjoint_b else right)
    if inner is not None and other is not None and inner != other:
        raise ValueError(f"Dimensions must be equal, but are {inner} and {other}")
    return [(rows, columns)]


def _matmul_kernel(
    xp: Any, a_indices: Any, a_values: Any, a_shape: Any, b: Any, *, adjoint_a: bool, adjoint_b: bool
) -> Any:
    rows, columns = ints(a_shape)
    at, inner, values = a_indices[:, 0], a_indices[:, 1], a_values
    if adjoint_a:
        rows, columns, at, inner, values = columns, rows, inner, at, xp.conj(values)
    dense = xp.conj(b).T if adjoint_b else b
    if dense.shape[0] != columns:
        raise InvalidArgumentError(
            None, None, f"Cannot multiply A and B: inner dimension does not match: {columns} vs. {dense.shape[0]}"
        )
    for name, index, limit, column in (("k", inner, columns, 1), ("m", at, rows, 0)):
        wrong = (index < 0) | (index >= limit)
        if bool(wrong.any()):
            row, place = int(wrong.argmax()), 1 - column if adjoint_a else column
            raise InvalidArgumentError(
                None, None, f"{name} ({int(index[row])}) from index[{row},{place}] out of bounds (>={limit})"
            )
    result = xp.zeros((rows, dense.shape[1]), values.dtype)
    xp.add.at(result, at, values[:, None] * dense[inner])
    return result


SPARSE_TENSOR_DENSE_MAT_MUL = define_op(
    "SparseTensorDenseMatMul",
    inputs="a_indices: Tindices, a_values: T, a_shape: int64, b: T",
    outputs="product: T",
    attrs="T: type; Tindices: {int32, int64} = int64; adjoint_a: bool = false; adjoint_b: bool = false",
    shape=_matmul_rule,
    kernel=_matmul_kernel,
)


@gradient("SparseTensorDenseMatMul")
def _matmul_grad(op: Operation, grad: Any) -> Any:
    from scopert.ops.math_reduction import reduce_sum

    indices, values, a_shape, b = op.inputs
    adjoint_a, adjoint_b = op.get_attr("adjoint_a"), op.get_attr("adjoint_b")
    if values.dtype.is_complex:
        raise NotImplementedError("SparseTensorDenseMatMul op does not support complex gradients.")
    b_grad = apply(SPARSE_TENSOR_DENSE_MAT_MUL, indices, values, a_shape, grad, adjoint_a=not adjoint_a)
    if adjoint_b:
        b_grad = transpose(b_grad)
    rows, columns = indices[:, 0], indices[:, 1]
    left = gather(grad, columns if adjoint_a else rows)
    right = gather(transpose(b) if adjoint_b else b, rows if adjoint_a else columns)
    return None, reduce_sum(left * right, axis=1), None, b_grad


@public("sparse.sparse_dense_matmul", "sparse.matmul", "sparse_tensor_dense_matmul")
def sparse_tensor_dense_matmul(
    sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: str | None = None
) -> Tensor:
    """The product of a sparse and a dense matrix.

    Parameters
    ----------
    sp_a : SparseTensor
        Of rank 2.
    b : Tensor
        Of rank 2 and the same type.
    adjoint_a, adjoint_b : bool, optional
        Whether the conjugate transpose of the matrix is used.
    name : str, optional
        The name of the scope around the operation.
    """
    sparse = as_sparse_tensor(sp_a)
    with name_scope(name, "SparseTensorDenseMatMul", [sparse.indices, sparse.values, b]):
        dense = to_tensor(b, None, "b")
        return apply(
            SPARSE_TENSOR_DENSE_MAT_MUL, sparse.indices, sparse.values, sparse.dense_shape, dense,
            adjoint_a=adjoint_a, adjoint_b=adjoint_b,
        )  # fmt: skip


# Sums and elementwise products


def _dense_add_kernel(xp: Any, a_indices: Any, a_values: Any, a_shape: Any, b: Any) -> Any:
    target = ints(a_shape)
    if target != tuple(b.shape):
        raise InvalidArgumentError(
            None, None, f"Dimensions of the operands do not match: {list(target)} and {list(b.shape)}"
        )
    result = xp.array(b)
    xp.add.at(result, _places(xp, a_indices, target, False, "has an invalid index value"), a_values)
    return result


SPARSE_TENSOR_DENSE_ADD = define_op(
    "SparseTensorDenseAdd",
    inputs="a_indices: Tindices, a_values: T, a_shape: Tindices, b: T",
    outputs="output: T",
    attrs=f"T: {SPARSE_NUMBERS}; Tindices: {{int32, int64}}",
    shape=same_as(3),
    kernel=_dense_add_kernel,
)


@gradient("SparseTensorDenseAdd")
def _dense_add_grad(op: Operation, grad: Any) -> Any:
    return None, gather_nd(grad, op.inputs[0]), None, grad


def _cwise(function: Any) -> Any:
    def kernel(xp: Any, sp_indices: Any, sp_values: Any, sp_shape: Any, dense: Any) -> Any:
        target = ints(sp_shape)
        try:
            whole = xp.broadcast_to(dense, target)
        except ValueError:
            raise InvalidArgumentError(
                None,
                None,
                f"SparseDenseBinaryOpShared broadcasts dense to sparse only; got incompatible shapes: "
                f"{list(target)} vs. {list(dense.shape)}",
            ) from None
        return function(xp, sp_values, whole[_places(xp, sp_indices, target, False)]).astype(sp_values.dtype)

    return kernel


def _divide(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind in "iu":
        if bool((y == 0).any()):
            raise InvalidArgumentError(None, None, "Integer division by zero")
        return xp.sign(x) * xp.sign(y) * (abs(x) // abs(y))
    return x / y


def _define_cwise(name: str, function: Any) -> Any:
    return define_op(
        name,
        inputs="sp_indices: int64, sp_values: T, sp_shape: int64, dense: T",
        outputs="output: T",
        attrs=f"T: {SPARSE_NUMBERS}",
        shape=same_as(1),
        kernel=_cwise(function),
    )


SPARSE_DENSE_CWISE_ADD = _define_cwise("SparseDenseCwiseAdd", lambda xp, x, y: x + y)
SPARSE_DENSE_CWISE_MUL = _define_cwise("SparseDenseCwiseMul", lambda xp, x, y: x * y)
SPARSE_DENSE_CWISE_DIV = _define_cwise("SparseDenseCwiseDiv", _divide)


@gradient("SparseDenseCwiseAdd")
def _cwise_add_grad(op: Operation, grad: Any) -> Any:
    raise NotImplementedError("Gradient for SparseDenseCwiseAdd is currently not implemented yet.")


@gradient("SparseDenseCwiseMul", "SparseDenseCwiseDiv")
def _cwise_grad(op: Operation, grad: Any) -> Any:
    from scopert.ops.sparse_union import sparse_add

    indices, values, sp_shape, dense = op.inputs
    dense_shape = raw("Cast", shape(dense), DstT=int64)
    added = expand_dims(size(sp_shape) - size(dense_shape), 0)
    full_shape = concat([ones(added, int64), dense_shape], 0)
    scaled = indices // (sp_shape // full_shape)
    scaled = slice_of(scaled, concat([[0], added], 0), [-1, -1])
    dense_values = gather_nd(dense, scaled)
    if op.type == "SparseDenseCwiseMul":
        values_grad, rest = grad * dense_values, grad * values
    else:
        values_grad = grad / dense_values
        rest = grad * (-values / raw("Square", dense_values))
    dense_grad = sparse_add(zeros_like(dense), SparseTensor(scaled, rest, dense_shape))
    return None, values_grad, None, dense_grad


def sparse_dense_cwise_add(sp_t: SparseTensor, dense_t: Any) -> SparseTensor:
    """A sparse tensor with the elements of a dense one, which broadcasts, added to those that are stored."""
    added = apply(SPARSE_DENSE_CWISE_ADD, sp_t.indices, sp_t.values, sp_t.dense_shape, dense_t)
    return SparseTensor(sp_t.indices, added, sp_t.dense_shape)


def _operator(name: str, opdef: Any) -> None:
    def function(sparse: SparseTensor, dense: Any) -> SparseTensor:
        with name_scope(None, name, [sparse.values, dense]) as scope:
            other = to_tensor(dense, sparse.dtype.base, "y")
            made = apply(opdef, sparse.indices, sparse.values, sparse.dense_shape, other, name=scope)
            return SparseTensor(sparse.indices, made, sparse.dense_shape)

    sparse_operators[name] = function


_operator("mul", SPARSE_DENSE_CWISE_MUL)
_operator("div", SPARSE_DENSE_CWISE_DIV)


def _true_divide(sparse: SparseTensor, dense: Any) -> SparseTensor:
    """Floating-point division, of integers too."""
    with name_scope(None, "truediv", [sparse.values, dense]) as scope:
        other = to_tensor(dense, sparse.dtype.base, "y")
        values = sparse.values
        if values.dtype.is_integer:
            from scopert.graph.dtypes import float32, float64

            wide = float32 if values.dtype.size < 4 else float64
            values, other = raw("Cast", values, DstT=wide), raw("Cast", other, DstT=wide)
        made = apply(SPARSE_DENSE_CWISE_DIV, sparse.indices, values, sparse.dense_shape, other, name=scope)
        return SparseTensor(sparse.indices, made, sparse.dense_shape)


sparse_operators["truediv"] = _true_divide


def _multiplied(sparse: SparseTensor, dense: Any, name: str) -> SparseTensor:
    made = apply(SPARSE_DENSE_CWISE_MUL, sparse.indices, sparse.values, sparse.dense_shape, dense, name=name)
    return SparseTensor(sparse.indices, made, sparse.dense_shape)


sparse_operators["multiplied"] = _multiplied
