"""Sorting, by TopK."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph.constant import constant
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_range import range as range_of
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_transpose import transpose
from scopert.ops.raw import raw
from scopert.public import public


def _descending(values: Tensor, axis: Any, want_indices: bool) -> Tensor:
    k = shape_of(values)[axis]
    rank: Any = rank_of(values)
    known = None if values._shape is None else len(values._shape)
    order: Any = None
    given = values
    if axis != -1 and axis + 1 != known:
        if axis < 0:
            axis = axis + (known or rank)
        if known is not None:
            order = constant(
                np.r_[np.arange(axis), [known - 1], np.arange(axis + 1, known - 1), [axis]], name="transposition"
            )
        else:
            order = concat([range_of(axis), [rank - 1], range_of(axis + 1, rank - 1), [axis]], axis=0)
        given = transpose(values, order)
    top, indices = raw("TopKV2", given, k, sorted=True)
    result: Tensor = indices if want_indices else top
    return result if order is None else transpose(result, order)


def _sorted(values: Any, axis: Any, direction: str, want_indices: bool) -> Tensor:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"{direction} should be one of ASCENDING, DESCENDING")
    axis_tensor = convert_to_tensor(axis, name="axis")
    known = constant_value(axis_tensor)
    if axis_tensor._shape != () or known is None:
        raise ValueError("axis must be a constant scalar")
    tensor = convert_to_tensor(values, name="values")
    if direction == "DESCENDING":
        return _descending(tensor, int(known), want_indices)
    found = _descending(-tensor, int(known), want_indices)
    return found if want_indices else -found


@public("sort", "contrib.framework.sort")
def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None) -> Tensor:
    """The elements in order along an axis.

    Parameters
    ----------
    values : tensor-like
    axis : int
    direction : {"ASCENDING", "DESCENDING"}
    name : str, optional

    Raises
    ------
    ValueError
        If the direction is another, or the axis not known.
    """
    with name_scope(name, "sort"):
        return _sorted(values, axis, direction, False)


@public("argsort", "contrib.framework.argsort")
def argsort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None
) -> Tensor:
    """The indices that sort an axis; arguments as `sort`. The order is always stable."""
    with name_scope(name, "argsort"):
        return _sorted(values, axis, direction, True)
