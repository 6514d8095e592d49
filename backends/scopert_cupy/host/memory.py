"""Memory of the host device: poisoned, aligned, and fenced on both sides."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import numpy as np

from scopert_cupy.failures import DeviceError
from scopert_cupy.live import Live

#: Bytes before and after an allocation that nobody may write.
FENCE = 256
_ALIGNMENT = 256
_FENCE_BYTE = 0xA5
#: What fresh memory is filled with: NaN as a float of any width, -1 as an integer.
POISON = 0xFF


class HostAllocation:
    """A part of host memory that stands for device memory."""

    __slots__ = ("__weakref__", "address", "array", "nbytes")

    def __init__(self, nbytes: int, live: Live) -> None:
        rounded = -(-nbytes // _ALIGNMENT) * _ALIGNMENT
        raw = np.empty(rounded + 2 * FENCE + _ALIGNMENT, np.uint8)
        begin = -raw.ctypes.data % _ALIGNMENT + FENCE
        raw[:begin] = _FENCE_BYTE
        raw[begin : begin + nbytes] = POISON
        raw[begin + nbytes :] = _FENCE_BYTE
        self.nbytes = nbytes
        self.address = raw.ctypes.data + begin
        self.array = raw[begin : begin + nbytes]
        # Views of the array keep `raw` and not this object, so the memory is free when `raw` goes.
        live.add(self.address, nbytes, raw)
        weakref.finalize(raw, live.remove, self.address).atexit = False


def check_fences(live: Live) -> None:
    """Raises DeviceError if somebody wrote just before or after an allocation."""
    for begin, nbytes, raw in live.rows():
        start = begin - raw.ctypes.data
        for where, at in (("before", start - FENCE), ("after", start + nbytes)):
            touched = np.flatnonzero(raw[at : at + FENCE] != _FENCE_BYTE)
            if touched.size:
                first = int(touched[0])
                distance = first if where == "after" else FENCE - 1 - int(touched[-1])
                raise DeviceError(
                    f"out-of-bounds write: {touched.size} bytes {where} an allocation of {nbytes} bytes were "
                    f"changed, the nearest {distance} bytes away"
                )


def bytes_at(address: int, nbytes: int) -> Any:
    """Host memory as a uint8 vector."""
    if nbytes == 0:
        return np.empty(0, np.uint8)
    return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(address))
