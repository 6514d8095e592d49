"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.layers.contrib_variables import collect_named_outputs as collect_named_outputs
from scopert.layers.contrib_variables import convert_collection_to_dict as convert_collection_to_dict

__all__ = [
    "collect_named_outputs",
    "convert_collection_to_dict",
]
