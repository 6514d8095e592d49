"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.keras import layers as layers

__all__ = [
    "layers",
]
