"""What ``tensor[...]`` means: one strided slice, or a mask."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np

from scopert.graph.constant import constant, make_constant
from scopert.graph.dtypes import as_dtype, bool_, int32, int64
from scopert.graph.scopes import name_scope
from scopert.graph.shape import Dimension
from scopert.graph.tensor import Tensor, define_operator
from scopert.ops.array_stack import stack
from scopert.ops.array_strided import strided_slice
from scopert.ops.raw import raw
from scopert.public import export

newaxis = None
export(__name__, "newaxis", "newaxis")

MASK_NAMES = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
_ALLOWED = (
    "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar tf.int32/tf.int64 tensors are "
    "valid indices"
)


def _check(index: Any) -> None:
    if isinstance(index, int | Dimension):
        return
    dtype = getattr(index, "dtype", None)
    if dtype is None or as_dtype(dtype).base not in (int32, int64) or (index.shape and len(index.shape) == 1):
        raise TypeError(f"{_ALLOWED}, got {index!r}")


def _is_open(bound: Any) -> bool:
    return bound is None or (not isinstance(bound, Tensor) and bound == sys.maxsize)


def _is_mask(spec: Any) -> bool:
    if isinstance(spec, Tensor):
        return spec.dtype.base is bool_
    return isinstance(spec, bool) or (isinstance(spec, np.ndarray) and spec.dtype == np.bool_)


def _all_small(values: list[Any]) -> bool:
    """Whether all are Python integers that an int32 holds."""
    return all(type(value) is int and -0x80000000 <= value <= 0x7FFFFFFF for value in values)


def slice_helper(tensor: Any, spec: Any, var: Any = None) -> Tensor:
    """The part of `tensor` that an index picks.

    Parameters
    ----------
    tensor : Tensor
        What is indexed.
    spec : object
        What stands between the brackets.
    var : Variable, optional
        The variable that `tensor` is the value of.

    Raises
    ------
    TypeError
        If something among the indices is none.
    """
    if _is_mask(spec):
        from scopert.ops.array_mask import boolean_mask  # which indexes tensors itself

        return boolean_mask(tensor=tensor, mask=spec)
    begin: list[Any] = []
    end: list[Any] = []
    strides: list[Any] = []
    masks: dict[str, Any] = dict.fromkeys(MASK_NAMES, 0)
    for position, item in enumerate(spec if isinstance(spec, list | tuple) else [spec]):
        bit = 1 << position
        start, stop, step = 0, 0, 1
        if isinstance(item, builtins.slice):
            if _is_open(item.start):
                masks["begin_mask"] |= bit
            else:
                _check(item.start)
                start = item.start
            if _is_open(item.stop):
                masks["end_mask"] |= bit
            else:
                _check(item.stop)
                stop = item.stop
            if item.step is not None:
                _check(item.step)
                step = item.step
        elif item is Ellipsis:
            masks["ellipsis_mask"] |= bit
        elif item is newaxis:
            masks["new_axis_mask"] |= bit
        else:
            _check(item)
            start, stop = item, item + 1
            masks["shrink_axis_mask"] |= bit
        begin.append(start)
        end.append(stop)
        strides.append(step)
    plain = _all_small(begin) and _all_small(end) and _all_small(strides)
    inputs = [tensor] if plain else [tensor, *begin, *end, *strides]
    with name_scope(None, "strided_slice", inputs) as scope:
        if plain and begin:
            vectors = [make_constant(np.array(part, np.int32), int32, "stack") for part in (begin, end, strides)]
        elif begin:
            vectors = [stack(begin), stack(end), stack(strides)]
            if any(vector.dtype == int64 for vector in vectors):
                vectors = [v if v.dtype == int64 else raw("Cast", v, DstT=int64) for v in vectors]
        else:
            vectors = [constant([], dtype=int32)] * 3
        first, last, steps = vectors
        return strided_slice(tensor, first, last, steps, var=var, name=scope, **masks)


define_operator("__getitem__", slice_helper)
