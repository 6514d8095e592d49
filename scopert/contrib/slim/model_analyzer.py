"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.layers.contrib_analysis import analyze_vars as analyze_vars
from scopert.layers.contrib_analysis import tensor_description as tensor_description

__all__ = [
    "analyze_vars",
    "tensor_description",
]
