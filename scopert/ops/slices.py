"""IndexedSlices of whole tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph.dtypes import int32, int64
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.tensor import Tensor
from scopert.ops.array_shape import shape_internal


def as_indexed_slices(value: Any, optimize: bool = True) -> IndexedSlices:
    """The slices that make up a whole tensor, or `value` itself if it has that form.

    Raises
    ------
    TypeError
        If it is neither a tensor nor IndexedSlices.
    """
    from scopert.ops.array_range import range as range_  # arithmetic is made with control flow elsewhere

    if isinstance(value, IndexedSlices):
        return value
    if not isinstance(value, Tensor):
        raise TypeError(f"Not a Tensor or IndexedSlices: {type(value)}")
    shape = shape_internal(value, optimize=optimize)
    return IndexedSlices(value, range_(0, shape[0]), shape)


def as_indexed_slices_list(values: Sequence[Any], optimize: bool = True) -> list[IndexedSlices]:
    """The same for several values, with indices of one type.

    Raises
    ------
    TypeError
        If `values` is no list.
    """
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"Expected a list or tuple, not a {type(values)}")
    found = [as_indexed_slices(value, optimize) for value in values]
    kinds = {item.indices.dtype for item in found}
    if int64 not in kinds or int32 not in kinds:
        return found
    from scopert.ops.math_cast import cast  # see above

    return [
        IndexedSlices(item.values, cast(item.indices, int64), item.dense_shape)
        if item.indices.dtype is int32
        else item
        for item in found
    ]
