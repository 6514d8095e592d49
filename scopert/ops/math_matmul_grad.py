"""Gradients of matrix products."""

from __future__ import annotations

from typing import Any

from scopert.graph.opdef import gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import is_known
from scopert.graph.tensor import Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_transpose import transpose
from scopert.ops.math_broadcast_grad import broadcast_gradient_args
from scopert.ops.math_cast import cast
from scopert.ops.math_complex import conj
from scopert.ops.math_matmul import mat_mul, matmul
from scopert.ops.math_reduction import reduce_sum


@gradient("MatMul")
def _matmul_grad(op: Operation, grad: Tensor) -> Any:
    flip_a, flip_b = op.get_attr("transpose_a"), op.get_attr("transpose_b")
    a, b = (conj(tensor) for tensor in op.inputs)
    if not flip_a and not flip_b:
        return mat_mul(grad, b, transpose_b=True), mat_mul(a, grad, transpose_a=True)
    if not flip_a:
        return mat_mul(grad, b), mat_mul(grad, a, transpose_a=True)
    if not flip_b:
        return mat_mul(b, grad, transpose_b=True), mat_mul(a, grad)
    return mat_mul(b, grad, transpose_a=True, transpose_b=True), mat_mul(grad, a, transpose_a=True, transpose_b=True)


@gradient("SparseMatMul")
def _sparse_matmul_grad(op: Operation, grad: Tensor) -> Any:
    flip_a, flip_b = op.get_attr("transpose_a"), op.get_attr("transpose_b")
    a, b = op.inputs
    sparse = {a: op.get_attr("a_is_sparse"), b: op.get_attr("b_is_sparse"), grad: grad.op.type == "ReluGrad"}

    def product(left: Tensor, right: Tensor, like: Tensor, flip_left: bool = False, flip_right: bool = False) -> Any:
        made = matmul(
            left, transpose(right) if flip_right else right, transpose_a=flip_left, a_is_sparse=sparse[left],
            b_is_sparse=sparse[right],
        )  # fmt: skip
        return cast(made, like.dtype)

    if not flip_a and not flip_b:
        return product(grad, b, a, False, True), product(a, grad, b, True)
    if not flip_a:
        return product(grad, b, a), product(grad, a, b, True)
    if not flip_b:
        return product(b, grad, a, False, True), product(a, grad, b)
    return product(b, grad, a, True, True), product(grad, a, b, True, True)


def _batch_grads(op: Operation, grad: Tensor) -> tuple[Tensor, Tensor]:
    x, y = op.inputs
    flip_x, flip_y = op.get_attr("adj_x"), op.get_attr("adj_y")
    if not flip_x and not flip_y:
        return matmul(grad, y, adjoint_b=True), matmul(x, grad, adjoint_a=True)
    if not flip_x:
        return matmul(grad, y), matmul(grad, x, adjoint_a=True)
    if not flip_y:
        return matmul(y, grad, adjoint_b=True), matmul(x, grad)
    return matmul(y, grad, adjoint_a=True, adjoint_b=True), matmul(grad, x, adjoint_a=True, adjoint_b=True)


@gradient("BatchMatMul")
def _batch_matmul_grad(op: Operation, grad: Tensor) -> Any:
    return _batch_grads(op, grad)


@gradient("BatchMatMulV2")
def _batch_matmul_v2_grad(op: Operation, grad: Tensor) -> Any:
    x, y = op.inputs
    of_x, of_y = _batch_grads(op, grad)
    if x._shape == y._shape and is_known(x._shape):
        return of_x, of_y
    sx, sy = shape_of(x), shape_of(y)
    rx, ry = broadcast_gradient_args(sx[:-2], sy[:-2])
    return reshape(reduce_sum(of_x, rx), sx), reshape(reduce_sum(of_y, ry), sy)
