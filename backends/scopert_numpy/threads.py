"""The threads that share the work of a step."""

from __future__ import annotations

import ctypes
import os
from functools import cache

_NATIVE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Pool:
    """Shares ranges of work among threads."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def chunks(self, units: int, nanoseconds: float) -> int:
        """Into how many chunks to cut a range of `units` that takes one thread so long."""
        return max(1, min(units, self.threads * 2)) if self.threads > 1 else 1

    def run_native(self, function: int, table: int, units: int, chunks: int) -> None:
        """Calls ``function(table, lo, hi, chunk)`` for every chunk of ``range(units)``."""
        call = _NATIVE(function)
        for chunk in range(chunks):
            call(table, units * chunk // chunks, units * (chunk + 1) // chunks, chunk)


@cache
def pool(threads: int | None = None) -> Pool:
    """The pool of so many threads (default: the cores available)."""
    return Pool(threads or available_cores())
