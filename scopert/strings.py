"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.print_ops import string_format as format
from scopert.ops.string_join import string_join as join

__all__ = [
    "format",
    "join",
]
