"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.array_identity import check_numerics as check_numerics

__all__ = [
    "check_numerics",
]
