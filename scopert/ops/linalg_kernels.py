"""Kernels of matrix decompositions and solutions, over stacks of matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError

Array = Any


def narrow(xp: Any, x: Array) -> Array:
    """What LAPACK can take: 16-bit floats as float32."""
    return x.astype(xp.float32) if x.dtype.itemsize == 2 else x


def adjoint(xp: Any, x: Array) -> Array:
    """Rows and columns exchanged, conjugated."""
    turned = xp.swapaxes(x, -1, -2)
    return xp.conj(turned) if x.dtype.kind == "c" else turned


def check_matrices(x: Array, square: bool = True) -> None:
    """Refuses what is no stack of (square) matrices."""
    if x.ndim < 2:
        raise InvalidArgumentError(None, None, f"Input tensor must have rank >= 2, got {x.ndim}")
    if square and x.shape[-1] != x.shape[-2]:
        raise InvalidArgumentError(None, None, f"Input matrix must be square, got {x.shape[-2]} != {x.shape[-1]}")


def _guarded(xp: Any, function: Callable[..., Array], message: str, *inputs: Array) -> Array:
    try:
        return function(*inputs)
    except xp.linalg.LinAlgError:
        raise InvalidArgumentError(None, None, message) from None


def cholesky(xp: Any, x: Array) -> Array:
    check_matrices(x)
    if not x.size:
        return xp.array(x)
    message = "Cholesky decomposition was not successful. The input might not be valid."
    # Only the lower triangle counts, as in TensorFlow.
    return _guarded(xp, xp.linalg.cholesky, message, narrow(xp, x)).astype(x.dtype, copy=False)


def cholesky_grad(xp: Any, factor: Array, grad: Array) -> Array:
    """The gradient of the decomposition (Murray, 2016), symmetric."""
    check_matrices(factor)
    wide = factor.astype(xp.float64)
    middle = xp.tril(xp.matmul(adjoint(xp, wide), xp.tril(grad.astype(xp.float64))))
    index = xp.arange(factor.shape[-1])
    middle[..., index, index] *= 0.5
    inverse = xp.linalg.inv(wide)
    made = xp.matmul(xp.matmul(adjoint(xp, inverse), middle), inverse)
    return (0.5 * (made + adjoint(xp, made))).astype(factor.dtype)


def determinant(xp: Any, x: Array) -> Array:
    check_matrices(x)
    return xp.asarray(xp.linalg.det(narrow(xp, x))).astype(x.dtype, copy=False)


def log_determinant(xp: Any, x: Array) -> tuple[Array, Array]:
    check_matrices(x)
    sign, size = xp.linalg.slogdet(narrow(xp, x))
    return xp.asarray(sign).astype(x.dtype), xp.asarray(size).astype(x.dtype)


def inverse(xp: Any, x: Array, *, adjoint: bool) -> Array:
    check_matrices(x)
    if not x.size:
        return xp.array(x)
    source = _adjoint_if(xp, narrow(xp, x), adjoint)
    return _guarded(xp, xp.linalg.inv, "Input is not invertible.", source).astype(x.dtype, copy=False)


def _adjoint_if(xp: Any, x: Array, wanted: bool) -> Array:
    return adjoint(xp, x) if wanted else x


def _check_rhs(matrix: Array, rhs: Array) -> None:
    if matrix.ndim != rhs.ndim or matrix.shape[:-2] != rhs.shape[:-2]:
        raise InvalidArgumentError(
            None, None, f"All input tensors must have the same outer dimensions: {matrix.shape} and {rhs.shape}."
        )
    if matrix.shape[-2] != rhs.shape[-2]:
        raise InvalidArgumentError(
            None, None, f"Input matrix and rhs are incompatible: {list(matrix.shape)} and {list(rhs.shape)}"
        )


def solve(xp: Any, matrix: Array, rhs: Array, *, adjoint: bool) -> Array:
    check_matrices(matrix)
    _check_rhs(matrix, rhs)
    if not rhs.size:
        return xp.zeros(rhs.shape, rhs.dtype)
    source = _adjoint_if(xp, narrow(xp, matrix), adjoint)
    made = _guarded(xp, xp.linalg.solve, "Input matrix is not invertible.", source, narrow(xp, rhs))
    return made.astype(rhs.dtype, copy=False)


def least_squares(xp: Any, matrix: Array, rhs: Array, regularizer: Array, *, fast: bool) -> Array:
    """By the normal equations if `fast`, else by the pseudo-inverse (where the regularizer is 0)."""
    check_matrices(matrix, square=False)
    _check_rhs(matrix, rhs)
    a, b, weight = narrow(xp, matrix), narrow(xp, rhs), float(regularizer)
    rows, columns = a.shape[-2:]
    if not a.size or not b.size:
        return xp.zeros((*a.shape[:-2], columns, b.shape[-1]), rhs.dtype)
    if not fast:
        return xp.matmul(xp.linalg.pinv(a), b).astype(rhs.dtype)
    turned = adjoint(xp, a)
    if rows >= columns:
        gram = xp.matmul(turned, a) + weight * xp.eye(columns, dtype=a.dtype)
        return xp.linalg.solve(gram, xp.matmul(turned, b)).astype(rhs.dtype)
    gram = xp.matmul(a, turned) + weight * xp.eye(rows, dtype=a.dtype)
    return xp.matmul(turned, xp.linalg.solve(gram, b)).astype(rhs.dtype)


def self_adjoint_eig(xp: Any, x: Array, *, compute_v: bool) -> tuple[Array, Array]:
    check_matrices(x)
    source = narrow(xp, x)
    if not x.size:
        return xp.zeros(x.shape[:-1], x.dtype), xp.zeros(x.shape if compute_v else 0, x.dtype)
    if compute_v:
        values, vectors = xp.linalg.eigh(source)
        return values.astype(x.dtype), vectors.astype(x.dtype, copy=False)
    return xp.linalg.eigvalsh(source).astype(x.dtype), xp.zeros(0, x.dtype)


def svd(xp: Any, x: Array, *, compute_uv: bool, full_matrices: bool) -> tuple[Array, Array, Array]:
    check_matrices(x, square=False)
    source = narrow(xp, x)
    *batch, rows, columns = x.shape
    inner = min(rows, columns)
    if not compute_uv:
        values = xp.linalg.svd(source, compute_uv=False) if x.size else xp.zeros((*batch, inner))
        return values.astype(x.dtype), xp.zeros(0, x.dtype), xp.zeros(0, x.dtype)
    if not x.size:
        left, right = (rows, columns) if full_matrices else (inner, inner)
        u = xp.broadcast_to(xp.eye(rows, left, dtype=x.dtype), (*batch, rows, left)).copy()
        v = xp.broadcast_to(xp.eye(columns, right, dtype=x.dtype), (*batch, columns, right)).copy()
        return xp.zeros((*batch, inner), x.dtype), u, v
    u, values, vh = xp.linalg.svd(source, full_matrices=full_matrices)
    return values.astype(x.dtype), u.astype(x.dtype, copy=False), xp.ascontiguousarray(adjoint(xp, vh)).astype(x.dtype)


def lu(xp: Any, x: Array, index_type: Any) -> tuple[Array, Array]:
    """Gaussian elimination with partial pivoting, on all matrices at a time."""
    check_matrices(x)
    *batch, n, _ = x.shape
    if not x.size:
        return xp.array(x), xp.zeros((*batch, n), index_type)
    flat = narrow(xp, x).reshape(-1, n, n).copy()
    order = xp.tile(xp.arange(n), (flat.shape[0], 1))
    which = xp.arange(flat.shape[0])
    for k in range(n):
        pivot = k + xp.argmax(xp.abs(flat[:, k:, k]), axis=1)
        for array in (flat, order):
            array[which, k], array[which, pivot] = array[which, pivot].copy(), array[which, k].copy()
        diagonal = flat[:, k, k]
        if bool(xp.any(diagonal == 0)):
            raise InvalidArgumentError(None, None, "Input is not invertible.")
        flat[:, k + 1 :, k] /= diagonal[:, None]
        flat[:, k + 1 :, k + 1 :] -= flat[:, k + 1 :, k, None] * flat[:, None, k, k + 1 :]
    return flat.reshape(x.shape).astype(x.dtype), order.reshape(*batch, n).astype(index_type)


def matrix_square_root(xp: Any, x: Array) -> Array:
    """The principal square root, by the product form of the Denman-Beavers iteration.

    For singular matrices (where that cannot start) and slow convergence, by eigenvectors.
    """
    check_matrices(x)
    if not x.size:
        return xp.array(x)
    values, vectors = xp.linalg.eig(x.astype(xp.complex128))
    roots = xp.matmul(vectors * xp.sqrt(values)[..., None, :], xp.linalg.inv(vectors))
    if x.dtype.kind != "c":
        roots = roots.real
    wide = roots.astype(xp.complex128 if x.dtype.kind == "c" else xp.float64)
    for _ in range(2):  # Newton's correction for what the eigenvectors lose
        try:
            wide = 0.5 * (wide + xp.linalg.solve(wide, x.astype(wide.dtype)))
        except xp.linalg.LinAlgError:
            break
    return wide.astype(x.dtype)


def matrix_logarithm(xp: Any, x: Array) -> Array:
    """By inverse scaling and squaring: square roots until the matrix is near 1, then a Padé sum."""
    check_matrices(x)
    if not x.size:
        return xp.array(x)
    n = x.shape[-1]
    eye = xp.eye(n, dtype=xp.complex128)
    current, scale = x.astype(xp.complex128), 1.0
    for _ in range(60):
        if float(xp.max(xp.sum(xp.abs(current - eye), axis=-2))) < 0.25:
            break
        current, scale = matrix_square_root(xp, current), scale * 2
    nodes, weights = _gauss_legendre(8)
    rest = current - eye
    total = xp.zeros_like(rest)
    for node, weight in zip(nodes, weights, strict=True):
        total = total + weight * xp.linalg.solve(eye + node * rest, rest)
    return (scale * total).astype(x.dtype)


def _gauss_legendre(n: int) -> tuple[list[float], list[float]]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return ((nodes + 1) / 2).tolist(), (weights / 2).tolist()


def matrix_exponential(xp: Any, x: Array) -> Array:
    """By scaling and squaring with a Padé approximant of degree 13 (Higham, 2005)."""
    check_matrices(x)
    if not x.size:
        return xp.array(x)
    a = x.astype(xp.complex128 if x.dtype.kind == "c" else xp.float64)
    norm = float(xp.max(xp.sum(xp.abs(a), axis=-2)))
    squarings = max(0, math.ceil(math.log2(norm / 5.371920351148152))) if norm > 0 else 0
    a = a / 2.0**squarings
    degree = 13
    b = [math.factorial(2 * degree - k) // (math.factorial(k) * math.factorial(degree - k)) for k in range(degree + 1)]
    eye = xp.eye(a.shape[-1], dtype=a.dtype)
    odd, even, power = xp.zeros_like(a), xp.zeros_like(a), xp.broadcast_to(eye, a.shape)
    for k, coefficient in enumerate(b):
        term = (coefficient / b[0]) * power
        if k % 2:
            odd = odd + term
        else:
            even = even + term
        power = xp.matmul(power, a)
    made = xp.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        made = xp.matmul(made, made)
    return made.astype(x.dtype)
