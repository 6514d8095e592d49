"""The QR decomposition."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_transpose import matrix_transpose
from scopert.ops.math_matmul import matmul
from scopert.ops.raw import raw
from scopert.public import public

Array = Any


def _kernel(xp: Any, input: Array, *, full_matrices: bool) -> tuple[Array, Array]:
    if input.ndim < 2:
        raise InvalidArgumentError(None, None, f"Input tensor must have rank >= 2, got {input.ndim}")
    narrow = input.astype(xp.float32) if input.dtype == xp.float16 else input
    rows, columns = input.shape[-2:]
    if input.size == 0:
        # LAPACK refuses empty matrices; of one without columns the full factor is the identity.
        inner = rows if full_matrices else min(rows, columns)
        q = xp.broadcast_to(xp.eye(rows, inner, dtype=input.dtype), (*input.shape[:-2], rows, inner))
        return q.copy(), xp.zeros((*input.shape[:-2], inner, columns), dtype=input.dtype)
    q, r = xp.linalg.qr(narrow, mode="complete" if full_matrices else "reduced")
    return q.astype(input.dtype, copy=False), r.astype(input.dtype, copy=False)


def _shape(op: Operation) -> list[Shape]:
    shape = op._inputs[0]._shape
    if shape is None:
        return [None, None]
    if len(shape) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {len(shape)}")
    *batch, rows, columns = shape
    inner = None if rows is None or columns is None else min(rows, columns)
    if op.attrs["full_matrices"]:
        inner = rows
    return [(*batch, rows, inner), (*batch, inner, columns)]


QR = define_op(
    "Qr", inputs="input: T", outputs="q: T, r: T",
    attrs="full_matrices: bool = false; T: {float64, float32, float16, complex64, complex128}",
    shape=_shape, kernel=_kernel,
)  # fmt: skip


@public("qr", "linalg.qr")
def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> tuple[Tensor, Tensor]:
    """An orthogonal and an upper triangular matrix whose product is `input`, by Householder reflections.

    Parameters
    ----------
    input : tensor-like of shape [..., M, N]
    full_matrices : bool
        The factors are [..., M, M] and [..., M, N], else [..., M, K] and [..., K, N] with K = min(M, N).

    Returns
    -------
    q, r : Tensor

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     q, r = session.run(tf.qr([[3.0, 0.0], [4.0, 5.0]]))
    >>> print(abs(r.round(3)))
    [[5. 4.]
     [0. 3.]]
    """
    factors = apply(QR, input, full_matrices=full_matrices, name=name)
    return factors[0], factors[1]


def _adjoint(matrix: Tensor) -> Tensor:
    with name_scope(None, "adjoint", [matrix]):
        return matrix_transpose(matrix, conjugate=True)


def _times_inverse_adjoint(x: Tensor, upper: Tensor) -> Tensor:
    """`x` times the adjoint of the inverse of the upper triangular matrix `upper`."""
    return _adjoint(raw("MatrixTriangularSolve", upper, _adjoint(x), lower=False, adjoint=False))


@gradient("Qr")
def _qr_gradient(op: Operation, grad_q: Tensor, grad_r: Tensor) -> Tensor:
    """Walter and Lehmann, "On evaluating higher-order derivatives of the QR decomposition" (2012)."""
    q, r = op.outputs
    if q.dtype.is_complex:
        raise NotImplementedError(f"QrGrad not implemented for dtype: {q.dtype}")
    rows, columns = (None, None) if r._shape is None else r._shape[-2:]
    if rows is None or columns is None:
        raise NotImplementedError("QrGrad not implemented with dynamic shapes.")
    if rows != columns:
        raise NotImplementedError(
            "QrGrad not implemented when ncols > nrows or full_matrices is true and ncols != nrows."
        )
    q_grad = matmul(q, grad_q, adjoint_a=True)
    q_skew = q_grad - _adjoint(q_grad)
    r_grad = matmul(r, grad_r, adjoint_b=True)
    r_skew = r_grad - _adjoint(r_grad)
    lower = raw("MatrixBandPart", q_skew + r_skew, -1, 0)
    first = matmul(q, grad_r + _times_inverse_adjoint(lower, r))
    return first + _times_inverse_adjoint(grad_q - matmul(q, q_grad), r)
