"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.array_transpose import matrix_transpose as matrix_transpose
from scopert.ops.array_transpose import matrix_transpose as transpose

__all__ = [
    "matrix_transpose",
    "transpose",
]
