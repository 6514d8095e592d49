"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.array_diag import diag as tensor_diag
from scopert.ops.array_diag import diag_part as tensor_diag_part
from scopert.ops.array_diag import matrix_band_part as band_part
from scopert.ops.array_diag import matrix_diag as diag
from scopert.ops.array_diag import matrix_diag_part as diag_part
from scopert.ops.array_diag import matrix_set_diag as set_diag
from scopert.ops.array_transpose import matrix_transpose as matrix_transpose
from scopert.ops.array_transpose import matrix_transpose as transpose
from scopert.ops.clip import global_norm as global_norm
from scopert.ops.linalg_composed import adjoint as adjoint
from scopert.ops.linalg_composed import cholesky_solve as cholesky_solve
from scopert.ops.linalg_composed import logdet as logdet
from scopert.ops.linalg_composed import matrix_rank as matrix_rank
from scopert.ops.linalg_composed import matrix_solve_ls as lstsq
from scopert.ops.linalg_composed import norm as norm
from scopert.ops.linalg_composed import normalize as normalize
from scopert.ops.linalg_composed import pinv as pinv
from scopert.ops.linalg_composed import svd as svd
from scopert.ops.linalg_expm import matrix_exponential as expm
from scopert.ops.linalg_eye import eye as eye
from scopert.ops.linalg_ops import cholesky as cholesky
from scopert.ops.linalg_ops import lu as lu
from scopert.ops.linalg_ops import matrix_determinant as det
from scopert.ops.linalg_ops import matrix_inverse as inv
from scopert.ops.linalg_ops import matrix_logarithm as logm
from scopert.ops.linalg_ops import matrix_solve as solve
from scopert.ops.linalg_ops import matrix_square_root as sqrtm
from scopert.ops.linalg_ops import self_adjoint_eig as eigh
from scopert.ops.linalg_ops import self_adjoint_eigvals as eigvalsh
from scopert.ops.linalg_ops import slogdet as slogdet
from scopert.ops.linalg_qr import qr as qr
from scopert.ops.linalg_triangular import matrix_triangular_solve as triangular_solve
from scopert.ops.linalg_tridiagonal import tridiagonal_matmul as tridiagonal_matmul
from scopert.ops.linalg_tridiagonal import tridiagonal_solve as tridiagonal_solve
from scopert.ops.math_einsum import einsum as einsum
from scopert.ops.math_matmul import matmul as matmul
from scopert.ops.math_matmul import matvec as matvec
from scopert.ops.math_statistics import trace as trace
from scopert.ops.math_tensordot import tensordot as tensordot
from scopert.ops.math_vector import cross as cross
from scopert.ops.nn_normalization import l2_normalize as l2_normalize

__all__ = [
    "adjoint",
    "band_part",
    "cholesky",
    "cholesky_solve",
    "cross",
    "det",
    "diag",
    "diag_part",
    "eigh",
    "eigvalsh",
    "einsum",
    "expm",
    "eye",
    "global_norm",
    "inv",
    "l2_normalize",
    "logdet",
    "logm",
    "lstsq",
    "lu",
    "matmul",
    "matrix_rank",
    "matrix_transpose",
    "matvec",
    "norm",
    "normalize",
    "pinv",
    "qr",
    "set_diag",
    "slogdet",
    "solve",
    "sqrtm",
    "svd",
    "tensor_diag",
    "tensor_diag_part",
    "tensordot",
    "trace",
    "transpose",
    "triangular_solve",
    "tridiagonal_matmul",
    "tridiagonal_solve",
]
