"""Linear algebra composed of other ops: norms, least squares, pseudo-inverses, exponentials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.shape import is_known
from scopert.graph.tensor import Tensor
from scopert.ops.array_diag import matrix_diag_part
from scopert.ops.array_identity import identity
from scopert.ops.array_reshape import expand_dims, squeeze
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_transpose import matrix_transpose, transpose
from scopert.ops.array_where import where_v2
from scopert.ops.linalg_eye import eye
from scopert.ops.linalg_ops import CHOLESKY, LEAST_SQUARES, SVD
from scopert.ops.linalg_triangular import MATRIX_TRIANGULAR_SOLVE
from scopert.ops.math_binary import maximum, pow_
from scopert.ops.math_cast import cast
from scopert.ops.math_complex import conj, real
from scopert.ops.math_matmul import matmul
from scopert.ops.math_reduction import one_of, reduce_max, reduce_sum
from scopert.ops.math_unary import abs_, log, sqrt
from scopert.ops.raw import raw
from scopert.public import public


@public("svd", "linalg.svd")
def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None) -> Any:
    """The singular values, descending, and the left and right singular vectors (columns) of matrices.

    Parameters
    ----------
    tensor : tensor-like
        Shape ``[..., m, n]``.
    full_matrices : bool
        Vectors for the whole space, not only for the values.
    compute_uv : bool
        Without it only the values are returned.
    name : str, optional

    Returns
    -------
    s or (s, u, v) : Tensor
        ``tensor = u @ diag(s) @ adjoint(v)``.
    """
    s, u, v = apply(SVD, tensor, compute_uv=compute_uv, full_matrices=full_matrices, name=name)
    return (real(s), u, v) if compute_uv else real(s)


@public("cholesky_solve", "linalg.cholesky_solve")
def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Tensor:
    """The solutions x of ``chol @ adjoint(chol) @ x = rhs``."""
    with name_scope(name, "cholesky_solve", [chol, rhs]):
        y = apply(MATRIX_TRIANGULAR_SOLVE, chol, rhs, adjoint=False, lower=True)
        return apply(MATRIX_TRIANGULAR_SOLVE, chol, y, adjoint=True, lower=True)


def regularized_gramian_cholesky(matrix: Tensor, l2_regularizer: Any, first_kind: bool) -> Tensor:
    """The factor of ``A* A + w I`` (first kind) or ``A A* + w I``."""
    gramian = matmul(matrix, matrix, adjoint_a=first_kind, adjoint_b=not first_kind)
    if isinstance(l2_regularizer, Tensor) or l2_regularizer != 0:
        sizes = shape_of(matrix)
        batch = sizes[:-2]
        small = sizes[-1] if first_kind else sizes[-2]
        identity_matrix = eye(small, batch_shape=batch, dtype=matrix.dtype)
        if matrix._shape is not None:
            known = matrix._shape[-1 if first_kind else -2]
            identity_matrix.set_shape((*matrix._shape[:-2], known, known))
        gramian = gramian + l2_regularizer * identity_matrix
    return apply(CHOLESKY, gramian)


# Beyond this size many small systems are solved by one op, as TensorFlow does for its cache's sake.
_LARGEST_COMPOSED = 256000


def _is_composed(matrix: Tensor, fast: bool) -> bool:
    shape = matrix._shape
    if fast is False:
        return False
    if not is_known(shape) or shape is None:
        return True
    sizes = [n or 0 for n in shape]
    batch = math.prod(sizes[:-2])
    return math.prod(sizes) * matrix.dtype.size <= _LARGEST_COMPOSED or batch <= min(sizes[-2:])


@public("matrix_solve_ls", "linalg.lstsq")
def matrix_solve_ls(
    matrix: Any, rhs: Any, l2_regularizer: Any = 0.0, fast: bool = True, name: str | None = None
) -> Tensor:
    """The least-squares solutions of ``matrix @ x = rhs``; the shortest ones if there are many.

    Parameters
    ----------
    matrix : tensor-like of shape [..., m, n]
    rhs : tensor-like of shape [..., m, k]
    l2_regularizer : float
        How much the squared size of x counts.
    fast : bool
        By the normal equations; otherwise by a complete orthogonal decomposition, without regularizer.
    name : str, optional

    Raises
    ------
    NotImplementedError
        For complex128 with a regularizer, and for `fast` matrices whose sizes are not known.
    """
    tensor = convert_to_tensor(matrix, name="matrix")
    if tensor.dtype is dtypes.complex128 and l2_regularizer != 0:
        raise NotImplementedError(
            "matrix_solve_ls is currently disabled for complex128 and l2_regularizer != 0 due to poor accuracy."
        )
    if not _is_composed(tensor, fast):
        return apply(LEAST_SQUARES, tensor, rhs, l2_regularizer, fast=fast, name=name)

    def overdetermined() -> Tensor:
        chol = regularized_gramian_cholesky(tensor, l2_regularizer, True)
        return cholesky_solve(chol, matmul(tensor, rhs, adjoint_a=True))

    def underdetermined() -> Tensor:
        chol = regularized_gramian_cholesky(tensor, l2_regularizer, False)
        return matmul(tensor, cholesky_solve(chol, rhs), adjoint_a=True)

    with name_scope(name, "matrix_solve_ls", [tensor, rhs, l2_regularizer]):
        return choose_by_shape(tensor, overdetermined, underdetermined)


def choose_by_shape(matrix: Tensor, tall: Any, wide: Any) -> Any:
    """``tall()`` for matrices with at least as many rows as columns, else ``wide()``; by a cond if unknown."""
    shape = matrix._shape
    if shape is not None and shape[-2] is not None and shape[-1] is not None:
        return tall() if shape[-2] >= shape[-1] else wide()
    from scopert.ops.control_flow_cond import cond  # control flow is made with arithmetic

    sizes = shape_of(matrix)[-2:]
    return cond(sizes[-2] >= sizes[-1], tall, wide)


_INFINITY = float("inf")


def _check_norm(order: Any, axis: Any) -> bool:
    """Whether a matrix norm is asked for; refuses what is no norm."""
    if isinstance(axis, (tuple, list)) and len(axis) == 2:
        if not isinstance(axis[0], int) or not isinstance(axis[1], int) or axis[0] == axis[1]:
            raise ValueError("'axis' must be None, an integer, or a tuple of 2 unique integers")
        supported = ["euclidean", "fro", 1, 2, _INFINITY]
        if order not in supported:
            raise ValueError(f"'ord' must be a supported matrix norm in {supported}, got {order}")
        return True
    if not (isinstance(axis, int) or axis is None):
        raise ValueError("'axis' must be None, an integer, or a tuple of 2 unique integers")
    if order not in ("euclidean", 1, 2, _INFINITY) and (not np.isreal(order) or isinstance(order, str) or order <= 0):
        raise ValueError(f"'ord' must be a supported vector norm, got {order}")
    return False


def _matrix_2_norm(tensor: Tensor, axis: tuple[int, int]) -> Tensor:
    """The largest singular value, with the two axes kept.

    TensorFlow finds the order of the axes by loops in the run; here the rank must be known before.
    """
    if tensor._shape is None:
        raise NotImplementedError("the matrix 2-norm of a tensor of unknown rank")
    rank = len(tensor._shape)
    last = [i % rank for i in axis]
    before = [i for i in range(rank) if i not in last] + last
    values = apply(SVD, transpose(tensor, before), compute_uv=False)[0]
    largest = expand_dims(reduce_max(abs_(values), axis=-1, keepdims=True), axis=-1)
    return transpose(largest, [before.index(i) for i in range(rank)])


@public("norm", "linalg.norm")
def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """The norm of vectors or matrices.

    Parameters
    ----------
    tensor : tensor-like
        Floats or complex numbers.
    ord : "euclidean", "fro", positive number or infinity
        Of matrices: "euclidean" or "fro" (Frobenius), 1, 2, infinity.
    axis : int or pair of int, optional
        One axis of vectors, or two of matrices. Default: all elements as one vector.
    keepdims : bool
    name : str, optional

    Raises
    ------
    ValueError
        If there is no such norm.
    """
    keep = bool(one_of("keep_dims", keep_dims, "keepdims", keepdims))
    of_matrices = _check_norm(ord, axis)
    if axis is not None:
        axis = tuple(axis) if of_matrices else (axis,)
    with name_scope(name, "norm", [tensor]):
        x = convert_to_tensor(tensor)
        if ord in ("fro", "euclidean", 2):
            if of_matrices and ord == 2:
                result = _matrix_2_norm(x, axis)
            else:
                result = sqrt(reduce_sum(x * conj(x), axis, keepdims=True))
        else:
            result = abs_(x)
            if ord == 1:
                result = reduce_sum(result, None if axis is None else axis[0], keepdims=True)
                if of_matrices:
                    result = reduce_max(result, axis[-1], keepdims=True)
            elif ord == _INFINITY:
                if of_matrices:
                    result = reduce_sum(result, axis[1], keepdims=True)
                result = reduce_max(result, None if axis is None else axis[0], keepdims=True)
            else:
                result = pow_(reduce_sum(pow_(result, ord), axis, keepdims=True), 1.0 / ord)
        return result if keep else squeeze(result, axis)


@public("linalg.normalize")
def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None) -> tuple[Tensor, Tensor]:
    """A tensor divided by its norm, and the norm; arguments as `norm`."""
    with name_scope(name, "normalize", [tensor]):
        x = convert_to_tensor(tensor)
        size = norm(x, ord, axis, keepdims=True)
        size = cast(size, x.dtype)
        return x / size, size


@public("linalg.logdet")
def logdet(matrix: Any, name: str | None = None) -> Tensor:
    """The logarithm of the determinants of positive definite matrices."""
    with name_scope(name, "logdet", [matrix]):
        chol = apply(CHOLESKY, matrix)
        return 2.0 * reduce_sum(log(real(matrix_diag_part(chol))), axis=[-1])


@public("linalg.adjoint")
def adjoint(matrix: Any, name: str | None = None) -> Tensor:
    """Rows and columns exchanged, conjugated."""
    with name_scope(name, "adjoint", [matrix]):
        tensor = convert_to_tensor(matrix, name="matrix")
        return matrix_transpose(tensor, conjugate=True)


def _checked_matrix(a: Tensor, validate_args: bool) -> Tensor:
    if not a.dtype.is_floating:
        raise TypeError(f"Input `a` must have `float`-like `dtype` (saw {a.dtype.name}).")
    if a._shape is not None:
        if len(a._shape) < 2:
            raise ValueError(f"Input `a` must have at least 2 dimensions (saw: {len(a._shape)}).")
    elif validate_args:
        enough = rank_of(a) >= 2
        message = b"Input `a` must have at least 2 dimensions."
        with control_dependencies([raw("Assert", enough, [constant(message)])]):
            return identity(a)
    return a


@public("linalg.matrix_rank")
def matrix_rank(a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None) -> Tensor:
    """How many singular values of the matrices are above `tol`."""
    with name_scope(name or "matrix_rank"):
        a = _checked_matrix(convert_to_tensor(a, preferred_dtype=dtypes.float32, name="a"), validate_args)
        s = svd(a, compute_uv=False)
        if tol is None:
            sizes = None if a._shape is None else a._shape[-2:]
            largest: Any
            if sizes is not None and None not in sizes:
                largest = max(n for n in sizes if n is not None)
            else:
                largest = reduce_max(shape_of(a)[-2:])
            eps = float(np.finfo(a.dtype.np).eps)
            tol = eps * cast(largest, a.dtype) * reduce_max(s, axis=-1, keepdims=True)
        return reduce_sum(cast(s > tol, dtypes.int32), axis=-1)


@public("linalg.pinv")
def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Tensor:
    """The pseudo-inverses of matrices; singular values up to `rcond` times the largest count as 0."""
    with name_scope(name or "pinv"):
        a = _checked_matrix(convert_to_tensor(a, name="a"), validate_args)
        kind = a.dtype
        if rcond is None:
            rows, columns = (None, None) if a._shape is None else a._shape[-2:]
            if rows is not None and columns is not None:
                largest: Any = float(max(rows, columns))
            else:
                sizes = shape_of(a)
                largest = cast(maximum(sizes[-2], sizes[-1]), kind)
            rcond = 10.0 * largest * float(np.finfo(kind.np).eps)
        rcond = convert_to_tensor(rcond, dtype=kind, name="rcond")
        values, left, right = svd(a, full_matrices=False, compute_uv=True)
        cutoff = rcond * reduce_max(values, axis=-1)
        values = where_v2(values > expand_dims(cutoff, -1), values, np.array(np.inf, kind.np))
        inverse = matmul(right / expand_dims(values, -2), left, adjoint_b=True)
        if a._shape is not None:
            inverse.set_shape((*a._shape[:-2], a._shape[-1], a._shape[-2]))
        return inverse
