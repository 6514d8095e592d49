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
from scopert.ops.linalg_eye import eye as eye
from scopert.ops.linalg_qr import qr as qr
from scopert.ops.linalg_triangular import matrix_triangular_solve as triangular_solve
from scopert.ops.math_einsum import einsum as einsum
from scopert.ops.math_matmul import matmul as matmul
from scopert.ops.math_matmul import matvec as matvec
from scopert.ops.math_statistics import trace as trace
from scopert.ops.math_tensordot import tensordot as tensordot
from scopert.ops.math_vector import cross as cross
from scopert.ops.nn_normalization import l2_normalize as l2_normalize

__all__ = [
    "band_part",
    "cross",
    "diag",
    "diag_part",
    "einsum",
    "eye",
    "global_norm",
    "l2_normalize",
    "matmul",
    "matrix_transpose",
    "matvec",
    "qr",
    "set_diag",
    "tensor_diag",
    "tensor_diag_part",
    "tensordot",
    "trace",
    "transpose",
    "triangular_solve",
]
