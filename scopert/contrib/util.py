"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.graph.constant_value import constant_value as constant_value

__all__ = [
    "constant_value",
]
