"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.set_ops import set_difference as difference
from scopert.ops.set_ops import set_difference as set_difference
from scopert.ops.set_ops import set_intersection as intersection
from scopert.ops.set_ops import set_intersection as set_intersection
from scopert.ops.set_ops import set_size as set_size
from scopert.ops.set_ops import set_size as size
from scopert.ops.set_ops import set_union as set_union
from scopert.ops.set_ops import set_union as union

__all__ = [
    "difference",
    "intersection",
    "set_difference",
    "set_intersection",
    "set_size",
    "set_union",
    "size",
    "union",
]
