"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.nn_selection import nth_element as nth_element

__all__ = [
    "nth_element",
]
