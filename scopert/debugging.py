"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.array_identity import check_numerics as check_numerics
from scopert.ops.math_unary import is_finite as is_finite
from scopert.ops.math_unary import is_inf as is_inf
from scopert.ops.math_unary import is_nan as is_nan

__all__ = [
    "check_numerics",
    "is_finite",
    "is_inf",
    "is_nan",
]
