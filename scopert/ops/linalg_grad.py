"""Gradients of decompositions and solutions of matrices.

Sources: M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008); I. Murray, "Differentiation of the Cholesky decomposition" (2016); J. Townsend,
"Differentiating the singular value decomposition" (2016).
"""

from __future__ import annotations

from typing import Any

from scopert.graph.opdef import gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_diag import matrix_band_part, matrix_diag, matrix_diag_part, matrix_set_diag
from scopert.ops.array_fill import zeros_like
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_shape import size as size_of
from scopert.ops.array_slice import slice as slice_of
from scopert.ops.array_transpose import matrix_transpose
from scopert.ops.linalg_composed import (
    adjoint,
    cholesky_solve,
    choose_by_shape,
    regularized_gramian_cholesky,
    svd,
)
from scopert.ops.linalg_eye import eye
from scopert.ops.linalg_ops import matrix_inverse, matrix_solve, self_adjoint_eig
from scopert.ops.linalg_triangular import matrix_triangular_solve
from scopert.ops.math_binary import add, subtract
from scopert.ops.math_cast import cast
from scopert.ops.math_matmul import matmul
from scopert.ops.math_reduction import reduce_prod
from scopert.ops.math_unary import reciprocal, square
from scopert.ops.raw import raw


@gradient("MatrixInverse")
def _inverse_grad(op: Operation, grad: Tensor) -> Any:
    inverse = op.outputs[0]
    if op.get_attr("adjoint"):
        return -matmul(inverse, matmul(grad, inverse, adjoint_a=True))
    return -matmul(inverse, matmul(grad, inverse, adjoint_b=True), adjoint_a=True)


@gradient("MatrixDeterminant")
def _determinant_grad(op: Operation, grad: Tensor) -> Any:
    determinant = op.outputs[0]
    inverse = matrix_inverse(op.inputs[0], adjoint=True)
    factors = reshape(grad * determinant, concat([shape_of(determinant), [1, 1]], 0))
    return factors * inverse


@gradient("LogMatrixDeterminant")
def _log_determinant_grad(op: Operation, of_sign: Tensor, grad: Tensor) -> Any:
    inverse = matrix_inverse(op.inputs[0], adjoint=True)
    factors = reshape(grad, concat([shape_of(op.outputs[1]), [1, 1]], 0))
    return factors * inverse


@gradient("Cholesky")
def _cholesky_grad(op: Operation, grad: Tensor) -> Any:
    factor = op.outputs[0]
    rows = shape_of(factor)[-1]
    batch = shape_of(factor)[:-2]
    inverse = matrix_triangular_solve(factor, eye(rows, batch_shape=batch, dtype=factor.dtype))
    middle = matmul(factor, grad, adjoint_a=True)
    middle = matrix_set_diag(middle, 0.5 * matrix_diag_part(middle))
    middle = matrix_band_part(middle, -1, 0)
    made = matmul(matmul(inverse, middle, adjoint_a=True), inverse)
    made = made + adjoint(made)
    return made * 0.5


@gradient("MatrixSolve")
def _solve_grad(op: Operation, grad: Tensor) -> Any:
    flip, x = op.get_attr("adjoint"), op.outputs[0]
    of_rhs = matrix_solve(op.inputs[0], grad, adjoint=not flip)
    if flip:
        return -matmul(x, of_rhs, adjoint_b=True), of_rhs
    return -matmul(of_rhs, x, adjoint_b=True), of_rhs


@gradient("MatrixSolveLs")
def _least_squares_grad(op: Operation, grad: Tensor) -> Any:
    a, b = op.inputs[:2]

    def overdetermined() -> list[Tensor]:
        x = op.outputs[0]
        weight = cast(op.inputs[2], a.dtype.base)
        chol = regularized_gramian_cholesky(a, weight, True)
        z = cholesky_solve(chol, grad)
        xz = matmul(x, z, adjoint_b=True)
        both = xz + matrix_transpose(xz)
        return [-matmul(a, both) + matmul(b, z, adjoint_b=True), matmul(a, z)]

    def underdetermined() -> list[Tensor]:
        weight = cast(op.inputs[2], a.dtype.base)
        chol = regularized_gramian_cholesky(a, weight, False)
        of_b = cholesky_solve(chol, matmul(a, grad))
        tmp = cholesky_solve(chol, b)
        first = matmul(tmp, a, adjoint_a=True)
        first = -matmul(of_b, first)
        second = grad - matmul(a, of_b, adjoint_a=True)
        second = matmul(tmp, second, adjoint_b=True)
        return [first + second, of_b]

    if op.get_attr("fast") is False:
        raise ValueError("Gradient not defined for fast=False")
    return (*choose_by_shape(a, overdetermined, underdetermined), None)


@gradient("SelfAdjointEigV2")
def _eigen_grad(op: Operation, grad_e: Tensor, grad_v: Tensor) -> Any:
    e = op.outputs[0]
    with control_dependencies([grad_e, grad_v]):
        if op.get_attr("compute_v"):
            v = op.outputs[1]
            gaps = expand_dims(e, -2) - expand_dims(e, -1)
            f = matrix_set_diag(reciprocal(gaps), zeros_like(e))
            inner = matrix_diag(grad_e) + f * matmul(v, grad_v, adjoint_a=True)
            made = matmul(v, matmul(inner, v, adjoint_b=True))
        else:
            _, v = self_adjoint_eig(op.inputs[0])
            made = matmul(v, matmul(matrix_diag(grad_e), v, adjoint_b=True))
        # Only the lower triangle of the input is read.
        made = matrix_band_part(made + adjoint(made), -1, 0)
        return matrix_set_diag(made, 0.5 * matrix_diag_part(made))


@gradient("Svd")
def _svd_grad(op: Operation, grad_s: Tensor, grad_u: Tensor, grad_v: Tensor) -> Any:
    a = op.inputs[0]
    if a._shape is not None and len(a._shape) < 2:
        raise ValueError(f"Shape {a.shape} must have rank at least 2")
    of_s = matrix_diag(grad_s)
    if not op.get_attr("compute_uv"):
        _, u, v = svd(a, compute_uv=True)
        made = matmul(u, matmul(of_s, v, adjoint_b=True))
        made.set_shape(a.shape)
        return made
    full = op.get_attr("full_matrices")
    if a.dtype.is_complex:
        raise NotImplementedError("SVD gradient is not implemented for complex types and compute_uv=True.")
    rows, columns = (None, None) if a._shape is None else a._shape[-2:]
    if rows is None or columns is None:
        raise NotImplementedError("SVD gradient has not been implemented for input with unknown inner matrix shape.")
    s, u, v = op.outputs
    turned = rows > columns
    if turned:
        rows, columns, u, v, grad_u, grad_v = columns, rows, v, u, grad_v, grad_u
    if full and columns - rows > 1:
        raise NotImplementedError(
            "svd gradient is not implemented for abs(m - n) > 1 when full_matrices is True"
        )
    with control_dependencies([grad_s, grad_u, grad_v]):
        s_matrix = matrix_diag(s)
        s2 = square(s)
        s_shape = shape_of(s)
        ones = eye(s_shape[-1], batch_shape=s_shape[:-1], dtype=s.dtype)
        f = matrix_set_diag(reciprocal(expand_dims(s2, -2) - expand_dims(s2, -1) + ones), zeros_like(s))
        s_inverse = matrix_diag(reciprocal(s))
        v1, grad_v1 = v[..., :, :rows], grad_v[..., :, :rows]
        f_u = f * matmul(u, grad_u, adjoint_a=True)
        f_v = f * matmul(v1, grad_v1, adjoint_a=True)
        inner = of_s + matmul(f_u + adjoint(f_u), s_matrix) + matmul(s_matrix, f_v + adjoint(f_v))
        made = matmul(u, matmul(inner, v1, adjoint_b=True))
        if rows != columns:
            turned_v = matrix_transpose(grad_v1)
            rest = turned_v - matmul(matmul(turned_v, v1), v1, adjoint_b=True)
            if full:
                v2, grad_v2 = v[..., :, rows:columns], grad_v[..., :, rows:columns]
                rest = rest - matmul(matmul(v1, grad_v2, adjoint_a=True), v2, adjoint_b=True)
            made = made + matmul(matmul(u, s_inverse), rest)
        if turned:
            made = matrix_transpose(made)
        made.set_shape(a.shape)
        return made


def _kronecker(left: Tensor, right: Tensor) -> Tensor:
    left_shape, right_shape = shape_of(left), shape_of(right)
    m, n = left_shape[-1], right_shape[-1]
    batch = slice_of(left_shape, [0], [subtract(size_of(left_shape), 2)])
    tall = reshape(left, concat([batch, [m], [1], [m], [1]], 0))
    wide = reshape(right, concat([batch, [1], [n], [1], [n]], 0))
    both = m * n
    return reshape(tall * wide, concat([batch, [both], [both]], 0))


@gradient("MatrixSquareRoot")
def _square_root_grad(op: Operation, grad: Tensor) -> Any:
    """Solves the Sylvester equation of ``d(R R) = dR R + R dR`` by Kronecker products."""
    root = op.outputs[0]
    sizes = shape_of(root)
    order = sizes[-1]
    count = reduce_prod(sizes[0:-2])
    flat = reshape(eye(order, dtype=root.dtype), [-1])
    ones = reshape(raw("Tile", flat, [count]), sizes)
    total = add(_kronecker(ones, matrix_transpose(root)), _kronecker(root, ones))
    batch = slice_of(sizes, [0], [subtract(size_of(sizes), 2)])
    column = reshape(matrix_transpose(grad), concat([batch, [order * order], [1]], 0))
    return matrix_transpose(reshape(matrix_solve(total, column), sizes))
