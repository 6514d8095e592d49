"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.array_transpose import invert_permutation as invert_permutation

__all__ = [
    "invert_permutation",
]
