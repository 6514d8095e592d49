"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.array_reshape import reshape as reshape
from scopert.ops.array_reverse import reverse as reverse
from scopert.ops.array_reverse import roll as roll
from scopert.ops.array_scatter import gather_nd as gather_nd
from scopert.ops.array_scatter import scatter_nd as scatter_nd
from scopert.ops.array_space import batch_to_space_nd as batch_to_space_nd
from scopert.ops.array_space import space_to_batch_nd as space_to_batch_nd
from scopert.ops.array_tile import tile as tile

__all__ = [
    "batch_to_space_nd",
    "gather_nd",
    "reshape",
    "reverse",
    "roll",
    "scatter_nd",
    "space_to_batch_nd",
    "tile",
]
