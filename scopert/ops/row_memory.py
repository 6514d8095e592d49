"""Memory for values of one shape that come one after the other: rows of one array, taken over from run to run."""

from __future__ import annotations

import sys
from math import prod
from typing import Any

import numpy as np

_FIRST = 64
_KEPT = 4


class RowMemory:
    """Gives out memory that nobody else looks at, and the same again once nobody does any more."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def take(self, nbytes: int) -> Any:
        """At least so many bytes."""
        kept = self._kept
        if _COUNTS:
            for number in range(len(kept)):
                if kept[number].nbytes >= nbytes and sys.getrefcount(kept[number]) == _ALONE:
                    return kept[number]
        made = np.empty(nbytes, np.uint8)
        kept.append(made)
        del kept[:-_KEPT]
        return made


class Rows:
    """Places of one shape and type, given out in order and taken back in the opposite order."""

    __slots__ = ("_array", "_memory", "count")

    def __init__(self, memory: RowMemory, shape: tuple[int, ...], dtype: Any) -> None:
        self._memory = memory
        self._array = self._allocate(_FIRST, shape, np.dtype(dtype))
        self.count = 0

    def _allocate(self, rows: int, shape: tuple[int, ...], dtype: Any) -> Any:
        nbytes = rows * prod(shape) * dtype.itemsize
        return self._memory.take(nbytes)[:nbytes].view(dtype).reshape(rows, *shape)

    def fits(self, shape: tuple[int, ...], dtype: Any) -> bool:
        """Whether rows are of this kind."""
        return bool(self._array.shape[1:] == shape and self._array.dtype == dtype)

    def push(self) -> Any:
        """The next row."""
        array = self._array
        if self.count == len(array):
            self._array = self._allocate(2 * len(array), array.shape[1:], array.dtype)
            self._array[: self.count] = array
            array = self._array
        self.count += 1
        return array[self.count - 1, ...]

    def pop(self) -> Any:
        """The last row."""
        self.count -= 1
        return self._array[self.count, ...]


class NumberedRows:
    """Places of one shape and type, one for each number; the first one asked for says which shape and type."""

    __slots__ = ("_array", "_memory")

    def __init__(self, memory: RowMemory) -> None:
        self._memory = memory
        self._array: Any = None

    def place(self, number: int, count: int, shape: tuple[int, ...], dtype: Any) -> Any:
        """The row of a number, of so many that there are."""
        array = self._array
        if array is None:
            nbytes = count * prod(shape) * np.dtype(dtype).itemsize
            array = self._array = self._memory.take(nbytes)[:nbytes].view(dtype).reshape(count, *shape)
        if array.shape[1:] != shape or array.dtype != dtype or number >= len(array):
            return np.empty(shape, dtype)
        return array[number, ...]

    def all_of(self, values: list[Any]) -> Any:
        """All rows as one array, if they are these values; else None."""
        array = self._array
        if array is None or len(array) != len(values) or not array.nbytes:
            return None
        start, size = array.__array_interface__["data"][0], array.nbytes // len(array)
        for number, value in enumerate(values):
            if getattr(value, "base", None) is None or value.shape != array.shape[1:] or value.dtype != array.dtype:
                return None
            if not value.flags.c_contiguous or value.__array_interface__["data"][0] != start + number * size:
                return None
        return array


def _count_of_one() -> int:
    """What `sys.getrefcount` says of an item that only a list holds."""
    kept = [np.empty(1, np.uint8)]
    return sys.getrefcount(kept[0])


# Without the interpreter lock, references may be counted late.
_COUNTS = hasattr(sys, "getrefcount") and getattr(sys, "_is_gil_enabled", lambda: True)()
_ALONE = _count_of_one() if _COUNTS else 0
