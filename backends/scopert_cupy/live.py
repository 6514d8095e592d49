"""Which allocation an address lies in."""

from __future__ import annotations

import threading
import weakref
from bisect import bisect_right, insort
from typing import Any


class Live:
    """The allocations of a device that are in use, by address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begins: list[int] = []
        self._found: dict[int, tuple[int, weakref.ref[Any]]] = {}
        self.nbytes = 0

    def add(self, address: int, nbytes: int, owner: Any) -> None:
        """From now on `owner` holds the memory; weakly known here."""
        with self._lock:
            insort(self._begins, address)
            self._found[address] = (nbytes, weakref.ref(owner))
            self.nbytes += nbytes

    def remove(self, address: int) -> None:
        """The memory is free again."""
        with self._lock:
            self._begins.remove(address)
            self.nbytes -= self._found.pop(address)[0]

    def owner(self, address: int, nbytes: int = 1) -> Any:
        """What holds ``[address, address + nbytes)``; LookupError if no allocation does."""
        with self._lock:
            at = bisect_right(self._begins, address) - 1
            if at >= 0:
                begin = self._begins[at]
                size, owner = self._found[begin]
                held = owner()
                if held is not None and address + nbytes <= begin + max(size, 1):
                    return held
        raise LookupError(f"{nbytes} bytes at {address:#x} are not in an allocation of this device")

    def rows(self) -> list[tuple[int, int, Any]]:
        """Address, bytes and owner of each."""
        with self._lock:
            found = [(begin, nbytes, owner()) for begin, (nbytes, owner) in self._found.items()]
        return [row for row in found if row[2] is not None]

    def forked(self) -> list[Any]:
        """The owners, without the lock: for a forked child, where a thread that is gone may hold it."""
        return [owner() for _, owner in list(self._found.values())]
