"""Memory for what a run returns: large results take over the memory of earlier ones that nobody holds any more.

Asking the system for megabytes and giving them back costs more than filling them: every page is cleared at its first
use. So the memory of the last results is kept, and used again once the caller, and whoever he passed them on to, has
let go of every view of them. What anybody still holds is never touched.
"""

from __future__ import annotations

import sys
from math import prod
from typing import Any, cast

import numpy as np

from scopert.backend import Value

#: Smaller results come from memory that the process has, larger ones would keep too much.
_SMALLEST, _LARGEST = 1 << 17, 1 << 26
#: A caller that replaces one result by the next holds two for a moment.
_KEPT = 2
_ALIGNMENT = 64


class HandedOut:
    """Makes arrays of one shape and type.

    It is not to be used by several threads at the same time.
    """

    __slots__ = ("_count", "_dtype", "_kept", "_shape", "nbytes")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._count = prod(shape)
        self.nbytes = self._count * self._dtype.itemsize
        self._kept: list[Any] = []

    def copy(self, array: Any) -> Any:
        """A copy of an array, whatever its shape and type."""
        if array.shape != self._shape or array.dtype != self._dtype:
            return array.copy()
        made = self.new()
        np.copyto(made, array)
        return made

    def new(self) -> Any:
        """An array that is nobody else's."""
        if not _COUNTS or not _SMALLEST <= self.nbytes <= _LARGEST:
            return np.empty(self._shape, self._dtype)
        kept = self._kept
        for number in range(len(kept)):
            if sys.getrefcount(kept[number]) == _ALONE:
                memory = kept.pop(number)
                break
        else:
            memory = np.empty(self.nbytes + _ALIGNMENT, np.uint8)
        kept.append(memory)
        del kept[:-_KEPT]
        start = -memory.__array_interface__["data"][0] % _ALIGNMENT
        # Views of a view are views of the memory: whoever holds one of them counts as a holder of `memory`.
        return memory[start : start + self.nbytes].view(self._dtype).reshape(self._shape)


def is_large(value: Value) -> bool:
    """Whether results of a value's shape and type take over memory."""
    dtype, shape = value.dtype, value.shape
    if not _COUNTS or not shape or None in shape or dtype.is_ref or dtype.np.hasobject:
        return False
    return _SMALLEST <= prod(cast(tuple[int, ...], shape)) * dtype.np.itemsize <= _LARGEST


def _count_of_one() -> int:
    """What `sys.getrefcount` says of an item that only a list holds."""
    kept = [np.empty(1, np.uint8)]
    return sys.getrefcount(kept[0])


# Without the interpreter lock, references may be counted late.
_COUNTS = hasattr(sys, "getrefcount") and getattr(sys, "_is_gil_enabled", lambda: True)()
_ALONE = _count_of_one() if _COUNTS else 0
