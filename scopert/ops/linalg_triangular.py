"""Systems of linear equations with triangular matrices."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import brackets, merge
from scopert.graph.shape_rules import at_least_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.math_matmul import matmul
from scopert.ops.raw import raw
from scopert.public import public

Array = Any


def _kernel(xp: Any, matrix: Array, rhs: Array, *, lower: bool, adjoint: bool) -> Array:
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise InvalidArgumentError(None, None, f"Input matrix must be square, got {brackets(matrix.shape)}")
    if rhs.ndim != matrix.ndim or rhs.shape[:-1] != matrix.shape[:-1]:
        message = f"Input matrix and rhs are incompatible: {brackets(matrix.shape)} and {brackets(rhs.shape)}"
        raise InvalidArgumentError(None, None, message)
    # LAPACK knows no half precision.
    computed = xp.float32 if matrix.dtype == xp.float16 else matrix.dtype
    triangle = (xp.tril if lower else xp.triu)(matrix.astype(computed, copy=False))
    if adjoint:
        triangle = xp.conj(xp.swapaxes(triangle, -1, -2))
    if bool((xp.diagonal(triangle, axis1=-2, axis2=-1) == 0).any()):
        raise InvalidArgumentError(None, None, "Input matrix is not invertible.")
    if rhs.size == 0:
        return xp.empty(rhs.shape, dtype=rhs.dtype)
    return xp.linalg.solve(triangle, rhs.astype(computed, copy=False)).astype(rhs.dtype, copy=False)


def _shape(op: Operation) -> list[Shape]:
    matrix, rhs = (at_least_rank(tensor._shape, 2) for tensor in op._inputs)
    if matrix is None or rhs is None:
        return [rhs]
    if None not in matrix[-2:] and matrix[-1] != matrix[-2]:
        raise ValueError(f"Dimensions must be equal, but are {matrix[-2]} and {matrix[-1]}")
    rows = matrix[-2] if matrix[-2] is not None else matrix[-1]
    if None not in (rows, rhs[-2]) and rows != rhs[-2]:
        raise ValueError(f"Dimensions must be equal, but are {rows} and {rhs[-2]}")
    batch = merge(matrix[:-2], rhs[:-2])
    assert batch is not None
    return [(*batch, rows if rhs[-2] is None else rhs[-2], rhs[-1])]


MATRIX_TRIANGULAR_SOLVE = define_op(
    "MatrixTriangularSolve", inputs="matrix: T, rhs: T", outputs="output: T",
    attrs="lower: bool = true; adjoint: bool = false; T: {float64, float32, float16, complex64, complex128}",
    shape=_shape, kernel=_kernel,
)  # fmt: skip


@gradient("MatrixTriangularSolve")
def _gradient(op: Operation, grad: Tensor) -> tuple[Tensor, Tensor]:
    matrix, solution = op.inputs[0], op.outputs[0]
    lower, adjoint = op.attrs["lower"], op.attrs["adjoint"]
    grad_rhs = matrix_triangular_solve(matrix, grad, lower=lower, adjoint=not adjoint)
    left, right = (solution, grad_rhs) if adjoint else (grad_rhs, solution)
    full = -matmul(left, right, adjoint_b=True)
    return raw("MatrixBandPart", full, -1 if lower else 0, 0 if lower else -1), grad_rhs


@public("matrix_triangular_solve", "linalg.triangular_solve")
def matrix_triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Tensor:
    """Solves `matrix @ x = rhs` for triangular matrices.

    Parameters
    ----------
    matrix : tensor-like of shape [..., M, M]
        Only its lower (or upper) triangle is read.
    rhs : tensor-like of shape [..., M, K]
    lower : bool
        Which triangle.
    adjoint : bool
        Solve with the conjugate transpose of `matrix`.

    Raises
    ------
    errors.InvalidArgumentError
        When run, if a diagonal element is zero.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.matrix_triangular_solve([[2.0, 9.0], [1.0, 4.0]], [[4.0], [6.0]])))
    [[2.]
     [1.]]
    """
    return apply(MATRIX_TRIANGULAR_SOLVE, matrix, rhs, lower=lower, adjoint=adjoint, name=name)
