"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.io import gfile as gfile

__all__ = [
    "gfile",
]
