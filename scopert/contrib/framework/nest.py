"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.nest import assert_same_structure as assert_same_structure
from scopert.nest import assert_shallow_structure as assert_shallow_structure
from scopert.nest import flatten as flatten
from scopert.nest import flatten_dict_items as flatten_dict_items
from scopert.nest import flatten_up_to as flatten_up_to
from scopert.nest import flatten_with_joined_string_paths as flatten_with_joined_string_paths
from scopert.nest import flatten_with_tuple_paths as flatten_with_tuple_paths
from scopert.nest import get_traverse_shallow_structure as get_traverse_shallow_structure
from scopert.nest import is_sequence as is_sequence
from scopert.nest import map_structure as map_structure
from scopert.nest import map_structure_up_to as map_structure_up_to
from scopert.nest import map_structure_with_paths as map_structure_with_paths
from scopert.nest import map_structure_with_tuple_paths as map_structure_with_tuple_paths
from scopert.nest import pack_sequence_as as pack_sequence_as
from scopert.nest import yield_flat_paths as yield_flat_paths

__all__ = [
    "assert_same_structure",
    "assert_shallow_structure",
    "flatten",
    "flatten_dict_items",
    "flatten_up_to",
    "flatten_with_joined_string_paths",
    "flatten_with_tuple_paths",
    "get_traverse_shallow_structure",
    "is_sequence",
    "map_structure",
    "map_structure_up_to",
    "map_structure_with_paths",
    "map_structure_with_tuple_paths",
    "pack_sequence_as",
    "yield_flat_paths",
]
