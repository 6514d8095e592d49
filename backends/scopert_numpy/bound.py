"""The calls of a fused body that is one block, bound to arrays: nothing is looked up while they run.

What NumPy is slow at is avoided while binding. Numbers are arrays without axes, which it takes faster than its own
scalars. What lies in short rows, or is repeated along them, is copied once into memory of the block's shape, where a
call is one loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, TypeAlias

import numpy as np

from scopert.backend import Fused
from scopert_numpy.blocked_plan import Plan

Array: TypeAlias = np.ndarray
Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...]]

#: Rows of so many elements are worth a copy; longer ones are loops of their own.
_SHORT, _LONG = 4, 512
_ALIGNMENT = 64


class Scratch:
    """Memory for what bodies compute on the way: one body after the other uses the same."""

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)
        self._used = 0

    def begin(self, nbytes: int) -> None:
        """The next body, which takes at most so many bytes. What has been taken so far stays what it is."""
        if nbytes > self._memory.size:
            # Bodies that are bound already keep the memory they have.
            self._memory = np.empty(1 << (nbytes - 1).bit_length(), np.uint8)
        self._used = -self._memory.ctypes.data % _ALIGNMENT

    def take(self, shape: Sequence[int], dtype: Any) -> Array:
        """An array of the body that has begun."""
        nbytes = prod(shape) * dtype.itemsize
        start = self._used
        self._used += -(-nbytes // _ALIGNMENT) * _ALIGNMENT
        taken: Array = self._memory[start : start + nbytes].view(dtype).reshape(shape)
        return taken


def _room(shape: Sequence[int], dtype: Any) -> int:
    """The most bytes that `Scratch.take` uses for an array."""
    return int(-(-prod(shape) * dtype.itemsize // _ALIGNMENT) + 1) * _ALIGNMENT


def bound_calls(
    fused: Fused, plan: Plan, each: Sequence[tuple[Any, tuple[int, ...], int, Any]], numbers: Sequence[Any],
    loads: Sequence[Array], stores: Sequence[Array], scratch: Scratch,
) -> list[Call]:  # fmt: skip
    """The calls of a body for given views of its arrays.

    Parameters
    ----------
    fused, plan
        A body of simple primitives, and how it is computed.
    each : sequence of (function, operands, result, reduced axes)
        Operands and results are nodes; a result below 0 is a store, counted from -1.
    numbers : sequence
        By node, what is the same in every run.
    loads, stores : sequence of arrays
        With the body's axes; where an axis makes no difference its size is 1.
    scratch : Scratch
    """
    values: list[Any] = list(numbers)
    for n, node in enumerate(fused.nodes):
        if node.op == "load":
            values[n] = loads[node.value]
    spread = [n for n in _operands_of_elements(fused, each) if _is_in_short_rows(values[n], fused.extents)]
    shapes = [
        ([size if k in axes else 1 for k, size in enumerate(fused.extents)], dtype) for axes, dtype in plan.scratch
    ]
    copied = [(fused.extents, values[n].dtype) for n in spread]
    scratch.begin(sum([_room(shape, dtype) for shape, dtype in (*shapes, *copied)]))
    arrays = [scratch.take(shape, dtype) for shape, dtype in shapes]
    for n, slot in plan.slots.items():
        values[n] = arrays[slot]
    for n, output in plan.direct.items():
        values[n] = stores[output]
    elements = [_as_operand(value) for value in values]
    calls: list[Call] = []
    for n, (shape, dtype) in zip(spread, copied, strict=True):
        elements[n] = scratch.take(shape, dtype)
        calls.append((np.copyto, (elements[n], values[n])))
    for function, operands, result, axes in each:
        out = values[result] if result >= 0 else stores[-1 - result]
        if axes is not None:
            calls.append((function, (values[operands[0]], axes, None, out, True)))
        elif not isinstance(function, np.ufunc):
            calls.append((function, (*[values[n] for n in operands], out)))
        elif function in (np.maximum, np.minimum):  # which take `out` by name only
            calls.append((partial(function, out=out), tuple([elements[n] for n in operands])))
        else:
            calls.append((function, (*[elements[n] for n in operands], out)))
    return calls


def _operands_of_elements(fused: Fused, each: Sequence[tuple[Any, tuple[int, ...], int, Any]]) -> list[int]:
    """Loads that only calls element by element over the whole block use."""
    whole = frozenset([k for k, size in enumerate(fused.extents) if size > 1])
    found: dict[int, bool] = {}
    for function, operands, result, axes in each:
        is_whole = axes is None and isinstance(function, np.ufunc) and result >= 0
        is_whole = is_whole and whole <= fused.nodes[result].axes
        for n in operands:
            if fused.nodes[n].op == "load":
                found[n] = found.get(n, True) and is_whole
    return [n for n, used in found.items() if used]


def _is_in_short_rows(array: Array, extents: Sequence[int]) -> bool:
    """Whether a copy of the block's shape is worth making of an operand."""
    if array.size <= 1 or not _SHORT <= extents[-1] <= _LONG or prod(extents) == extents[-1]:
        return False
    return array.shape != tuple(extents) or not array.flags.c_contiguous


def _as_operand(value: Any) -> Any:
    """A single number without axes, which NumPy takes faster."""
    return value.reshape(()) if isinstance(value, np.ndarray) and value.size == 1 else value
