"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.graph.dimension import dimension_value as dimension_value
from scopert.graph.shape import dimension_at_index as dimension_at_index

__all__ = [
    "dimension_at_index",
    "dimension_value",
]
