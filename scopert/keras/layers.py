"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.layers.input_spec import InputSpec as InputSpec

__all__ = [
    "InputSpec",
]
