"""Updates along the last axis of the indices, batch by batch."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import to_tensor
from scopert.graph.scopes import name_scope
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones_like
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import shape
from scopert.ops.raw import raw
from scopert.ops.state_scatter import scatter_nd_update
from scopert.public import public


@public("batch_scatter_update")
def batch_scatter_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Any:
    """``ref[i, j, ..., indices[i, j, ..., n]] = updates[i, j, ..., n]``.

    Parameters
    ----------
    ref : Variable
    indices : Tensor of int32 or int64
        Of known rank; all its axes but the last are those of `ref`.
    updates : Tensor
    use_locking, name
        See `tf.scatter_nd_update`.

    Raises
    ------
    ValueError
        If the rank of `indices` is not known.
    """
    with name_scope(name):
        picked = to_tensor(indices, None, "indices")
        sizes = shape(picked)
        if picked._shape is None:
            raise ValueError("batch_gather does not allow indices with unknown shape.")
        axes = len(picked._shape)
        last = expand_dims(picked, axis=-1)
        parts = []
        for axis in range(axes - 1):
            size = sizes[axis]
            along: list[Any] = [1] * (axes + 1)
            along[axis] = size
            numbers = reshape(raw("Range", 0, size, 1), along)
            if numbers.dtype is not last.dtype.base:
                numbers = raw("Cast", numbers, DstT=last.dtype.base)
            parts.append(numbers * ones_like(last))
        return scatter_nd_update(ref, concat([*parts, last], axis=-1), updates, use_locking=use_locking)
