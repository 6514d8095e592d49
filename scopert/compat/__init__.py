"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.compat import v1 as v1
from scopert.compat.text import as_bytes as as_bytes
from scopert.compat.text import as_str_any as as_str_any
from scopert.compat.text import as_text as as_str
from scopert.compat.text import as_text as as_text
from scopert.compat.text import bytes_or_text_types as bytes_or_text_types
from scopert.compat.text import complex_types as complex_types
from scopert.compat.text import integral_types as integral_types
from scopert.compat.text import path_to_str as path_to_str
from scopert.compat.text import real_types as real_types
from scopert.graph.dimension import dimension_value as dimension_value
from scopert.graph.shape import dimension_at_index as dimension_at_index

__all__ = [
    "as_bytes",
    "as_str",
    "as_str_any",
    "as_text",
    "bytes_or_text_types",
    "complex_types",
    "dimension_at_index",
    "dimension_value",
    "integral_types",
    "path_to_str",
    "real_types",
    "v1",
]
