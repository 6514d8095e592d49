"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.array_transpose import matrix_transpose as matrix_transpose
from scopert.ops.array_transpose import matrix_transpose as transpose
from scopert.ops.linalg_eye import eye as eye
from scopert.ops.linalg_qr import qr as qr
from scopert.ops.math_matmul import matmul as matmul
from scopert.ops.math_matmul import matvec as matvec
from scopert.ops.nn_normalization import l2_normalize as l2_normalize

__all__ = [
    "eye",
    "l2_normalize",
    "matmul",
    "matrix_transpose",
    "matvec",
    "qr",
    "transpose",
]
