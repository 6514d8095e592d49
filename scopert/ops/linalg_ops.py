"""Decompositions, solutions and functions of matrices: the ops and their plain wrappers."""

from __future__ import annotations

from typing import Any, NamedTuple

from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.dtypes import DType
from scopert.graph.opdef import OpDef, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import at_least_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops import linalg_kernels as kernels
from scopert.public import public

_TYPES = "{float64, float32, float16, complex64, complex128}"


def _square(op: Operation) -> tuple[int | None, ...] | None:
    """The shape of the first input, which must be square matrices."""
    shape = at_least_rank(op.inputs[0]._shape, 2)
    if shape is None:
        return None
    rows, columns = shape[-2:]
    if rows is not None and columns is not None and rows != columns:
        raise ValueError(f"Dimensions must be equal, but are {rows} and {columns}")
    size = columns if rows is None else rows
    return (*shape[:-2], size, size)


def _same_square(op: Operation) -> list[Shape]:
    return [_square(op)]


def _one_number(op: Operation) -> list[Shape]:
    shape = _square(op)
    return [None if shape is None else shape[:-2] for _ in op.opdef.outputs]


def _solve_shape(op: Operation) -> list[Shape]:
    matrix, rhs = _square(op), at_least_rank(op.inputs[1]._shape, 2)
    if matrix is None or rhs is None:
        return [rhs if matrix is None else None]
    if matrix[-1] is not None and rhs[-2] is not None and matrix[-1] != rhs[-2]:
        raise ValueError(f"Dimensions must be equal, but are {matrix[-1]} and {rhs[-2]}")
    return [(*rhs[:-2], matrix[-1], rhs[-1])]


def _least_squares_shape(op: Operation) -> list[Shape]:
    matrix, rhs = at_least_rank(op.inputs[0]._shape, 2), at_least_rank(op.inputs[1]._shape, 2)
    if matrix is None or rhs is None:
        return [None]
    if matrix[-2] is not None and rhs[-2] is not None and matrix[-2] != rhs[-2]:
        raise ValueError(f"Dimensions must be equal, but are {matrix[-2]} and {rhs[-2]}")
    return [(*matrix[:-2], matrix[-1], rhs[-1])]


def _eigen_shape(op: Operation) -> list[Shape]:
    shape = _square(op)
    if shape is None:
        return [None, None if op.attrs["compute_v"] else (0,)]
    return [shape[:-1], shape if op.attrs["compute_v"] else (0,)]


def _svd_shape(op: Operation) -> list[Shape]:
    shape = at_least_rank(op.inputs[0]._shape, 2)
    vectors = op.attrs["compute_uv"]
    if shape is None:
        return [None, None, None] if vectors else [None, (0,), (0,)]
    *batch, rows, columns = shape
    inner = None if rows is None or columns is None else min(rows, columns)
    if not vectors:
        return [(*batch, inner), (0,), (0,)]
    if op.attrs["full_matrices"]:
        return [(*batch, inner), (*batch, rows, rows), (*batch, columns, columns)]
    return [(*batch, inner), (*batch, rows, inner), (*batch, columns, inner)]


def _lu_shape(op: Operation) -> list[Shape]:
    shape = _square(op)
    return [None, None] if shape is None else [shape, shape[:-1]]


def _matrix_op(name: str, kernel: Any, types: str = _TYPES) -> OpDef:
    return define_op(name, inputs="input: T", outputs="output: T", attrs=f"T: {types}", shape=_same_square,
                     kernel=kernel)  # fmt: skip


CHOLESKY = _matrix_op("Cholesky", kernels.cholesky)
CHOLESKY_GRAD = define_op(
    "CholeskyGrad", inputs="l: T, grad: T", outputs="output: T", attrs="T: {float16, float32, float64}",
    shape=_same_square, kernel=kernels.cholesky_grad,
)  # fmt: skip
DETERMINANT = define_op(
    "MatrixDeterminant", inputs="input: T", outputs="output: T", attrs=f"T: {_TYPES}", shape=_one_number,
    kernel=kernels.determinant,
)  # fmt: skip
LOG_DETERMINANT = define_op(
    "LogMatrixDeterminant", inputs="input: T", outputs="sign: T, log_abs_determinant: T", attrs=f"T: {_TYPES}",
    shape=_one_number, kernel=kernels.log_determinant,
)  # fmt: skip
INVERSE = define_op(
    "MatrixInverse", inputs="input: T", outputs="output: T", attrs=f"adjoint: bool = false; T: {_TYPES}",
    shape=_same_square, kernel=kernels.inverse,
)  # fmt: skip
SOLVE = define_op(
    "MatrixSolve", inputs="matrix: T, rhs: T", outputs="output: T", attrs=f"adjoint: bool = false; T: {_TYPES}",
    shape=_solve_shape, kernel=kernels.solve,
)  # fmt: skip
LEAST_SQUARES = define_op(
    "MatrixSolveLs", inputs="matrix: T, rhs: T, l2_regularizer: float64", outputs="output: T",
    attrs=f"T: {_TYPES}; fast: bool = true", shape=_least_squares_shape, kernel=kernels.least_squares,
)  # fmt: skip
SELF_ADJOINT_EIG = define_op(
    "SelfAdjointEigV2", inputs="input: T", outputs="e: T, v: T", attrs=f"compute_v: bool = true; T: {_TYPES}",
    shape=_eigen_shape, kernel=kernels.self_adjoint_eig,
)  # fmt: skip
SVD = define_op(
    "Svd", inputs="input: T", outputs="s: T, u: T, v: T",
    attrs=f"compute_uv: bool = true; full_matrices: bool = false; T: {_TYPES}", shape=_svd_shape,
    kernel=kernels.svd,
)  # fmt: skip


def _lu(xp: Any, x: Any, *, output_idx_type: DType) -> Any:
    return kernels.lu(xp, x, output_idx_type.np)


LU = define_op(
    "Lu", inputs="input: T", outputs="lu: T, p: output_idx_type",
    attrs=f"T: {_TYPES}; output_idx_type: {{int32, int64}} = int32", shape=_lu_shape, kernel=_lu,
)  # fmt: skip
SQUARE_ROOT = _matrix_op("MatrixSquareRoot", kernels.matrix_square_root)
LOGARITHM = _matrix_op("MatrixLogarithm", kernels.matrix_logarithm, "{complex64, complex128}")
EXPONENTIAL = _matrix_op("MatrixExponential", kernels.matrix_exponential)


@public("cholesky", "linalg.cholesky")
def cholesky(input: Any, name: str | None = None) -> Tensor:
    """The lower triangular factor of positive definite matrices ``[..., n, n]``.

    Raises
    ------
    InvalidArgumentError
        In the run, if a matrix is not positive definite.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.cholesky(tf.eye(3)).shape.as_list()
    [3, 3]
    """
    return apply(CHOLESKY, input, name=name)


@public("matrix_determinant", "linalg.det")
def matrix_determinant(input: Any, name: str | None = None) -> Tensor:
    """The determinants of square matrices."""
    return apply(DETERMINANT, input, name=name)


class LogDeterminant(NamedTuple):
    """A determinant's sign and the logarithm of its size."""

    sign: Tensor
    log_abs_determinant: Tensor


@public("linalg.slogdet")
def slogdet(input: Any, name: str | None = None) -> LogDeterminant:
    """The sign of the determinants and the logarithm of their size."""
    return LogDeterminant(*apply(LOG_DETERMINANT, input, name=name))


@public("matrix_inverse", "linalg.inv")
def matrix_inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """The inverses of square matrices, or of their adjoints.

    Raises
    ------
    InvalidArgumentError
        In the run, if a matrix is singular.
    """
    return apply(INVERSE, input, adjoint=adjoint, name=name)


@public("matrix_solve", "linalg.solve")
def matrix_solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """The solutions x of ``matrix @ x = rhs``; with `adjoint`, of the adjoint matrix."""
    return apply(SOLVE, matrix, rhs, adjoint=adjoint, name=name)


@public("self_adjoint_eig", "linalg.eigh")
def self_adjoint_eig(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The eigenvalues, ascending, and eigenvectors (columns) of self-adjoint matrices."""
    values, vectors = apply(SELF_ADJOINT_EIG, tensor, compute_v=True, name=name)
    return values, vectors


@public("self_adjoint_eigvals", "linalg.eigvalsh")
def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Tensor:
    """The eigenvalues, ascending, of self-adjoint matrices."""
    values: Tensor = apply(SELF_ADJOINT_EIG, tensor, compute_v=False, name=name)[0]
    return values


class LuDecomposition(NamedTuple):
    """A packed triangular decomposition and the order of the rows."""

    lu: Tensor
    p: Tensor


@public("linalg.lu")
def lu(input: Any, output_idx_type: Any = dtypes.int32, name: str | None = None) -> LuDecomposition:
    """Both triangular factors in one matrix, and the rows of `input` in their order."""
    return LuDecomposition(*apply(LU, input, output_idx_type=output_idx_type, name=name))


@public("matrix_square_root", "linalg.sqrtm")
def matrix_square_root(input: Any, name: str | None = None) -> Tensor:
    """The matrices whose squares are the input."""
    return apply(SQUARE_ROOT, input, name=name)


@public("linalg.logm")
def matrix_logarithm(input: Any, name: str | None = None) -> Tensor:
    """The principal logarithm of complex matrices."""
    return apply(LOGARITHM, input, name=name)
