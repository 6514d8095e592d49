"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.array_shape import reshape as reshape

__all__ = [
    "reshape",
]
