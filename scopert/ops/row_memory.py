"""Memory for values of one shape that come one after the other: rows of one array, taken over from run to run."""

from __future__ import annotations

import sys
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

#: What has been done with an element.
WRITTEN, READ, CLEARED = 1, 2, 4
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
        array = self.reserve(1)
        self.count += 1
        return array[self.count - 1, ...]

    def reserve(self, more: int) -> Any:
        """The array, with memory for so many rows more."""
        if self.count + more > len(self._array):
            old = self._array
            self._array = self._allocate(max(2 * len(old), self.count + more), old.shape[1:], old.dtype)
            self._array[: self.count] = old[: self.count]
        return self._array

    def pop(self) -> Any:
        """The last row."""
        self.count -= 1
        return self._array[self.count, ...]


class Elements:
    """Rows of one array, one for each number, and what has been done with each of them.

    Attributes
    ----------
    rows : array
        Contiguous.
    flags : array of uint8
        By row, a sum of `WRITTEN`, `READ` and `CLEARED`.
    owned : bool
        Whether the rows lie in memory that was taken for them.
    """

    __slots__ = ("flags", "owned", "rows")

    def __init__(self, rows: Any, flags: Any, owned: bool) -> None:
        self.rows = rows
        self.flags = flags
        self.owned = owned

    @classmethod
    def empty(cls, memory: RowMemory, count: int, shape: tuple[int, ...], dtype: Any) -> Elements:
        """Rows that nobody has written."""
        return cls(_taken(memory, count, shape, dtype), np.zeros(count, np.uint8), True)

    @classmethod
    def of(cls, memory: RowMemory, array: Any, copies: bool) -> Elements:
        """The rows of an array, all written; it is copied if need be."""
        copies = copies or array.base is not None or not array.flags.c_contiguous
        rows = array
        if copies:
            rows = _taken(memory, len(array), array.shape[1:], array.dtype)
            rows[...] = array
        return cls(rows, np.full(len(array), WRITTEN, np.uint8), copies)

    def all_are(self, flags: int) -> bool:
        """Whether these are the flags of all rows."""
        return bool(self.flags.tobytes() == bytes((flags,)) * len(self.flags))

    def fits(self, shape: tuple[int, ...], dtype: Any) -> bool:
        """Whether rows are of this kind."""
        return bool(self.rows.shape[1:] == shape and self.rows.dtype == dtype)


def are_all(indices: Any, count: int) -> bool:
    """Whether these are the numbers of so many rows, in order."""
    return len(indices) == count and bool(indices.tobytes() == _numbers(count, indices.dtype.char))


@lru_cache(maxsize=32)
def _numbers(count: int, kind: str) -> bytes:
    return np.arange(count, dtype=kind).tobytes()


def _taken(memory: RowMemory, count: int, shape: tuple[int, ...], dtype: Any) -> Any:
    nbytes = count * prod(shape) * np.dtype(dtype).itemsize
    return memory.take(nbytes)[:nbytes].view(dtype).reshape(count, *shape)


def _count_of_one() -> int:
    """What `sys.getrefcount` says of an item that only a list holds."""
    kept = [np.empty(1, np.uint8)]
    return sys.getrefcount(kept[0])


# Without the interpreter lock, references may be counted late.
_COUNTS = hasattr(sys, "getrefcount") and getattr(sys, "_is_gil_enabled", lambda: True)()
_ALONE = _count_of_one() if _COUNTS else 0
