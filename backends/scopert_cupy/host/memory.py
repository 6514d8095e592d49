"""Memory of the host device: poisoned, aligned, and fenced on both sides."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Shared:
    """Memory that several processes see: an anonymous file of the system.

    Attributes
    ----------
    raw : numpy.ndarray
        All of it, fences included.
    handle : bytes
    fresh : bool
        It was made here, and nobody has filled it yet.
    """

    raw: Any
    handle: bytes
    fresh: bool


def shared_memory(nbytes: int) -> Shared:
    """Memory that can be exported."""
    file = os.memfd_create("scopert")
    os.ftruncate(file, _room(nbytes))
    made = mmap.mmap(file, _room(nbytes))
    raw = np.frombuffer(made, np.uint8)
    # The file is reached through this process, so its number must stay valid as long as the memory.
    weakref.finalize(made, os.close, file)
    return Shared(raw, f"{os.getpid()}:{file}".encode().ljust(64, b"\0"), True)


def attached_memory(handle: bytes, nbytes: int) -> Shared:
    """The memory that another process exported."""
    process, _, file = handle.rstrip(b"\0").decode().partition(":")
    try:
        with open(f"/proc/{process}/fd/{file}", "r+b") as opened:
            raw = np.frombuffer(mmap.mmap(opened.fileno(), _room(nbytes)), np.uint8)
    except (OSError, ValueError) as error:
        raise DeviceError(f"attach: no process exports memory under this handle: {error}") from error
    return Shared(raw, handle, False)


def _room(nbytes: int) -> int:
    """Bytes of memory for an allocation, its fences and its alignment."""
    return -(-nbytes // _ALIGNMENT) * _ALIGNMENT + 2 * FENCE + _ALIGNMENT


class HostAllocation:
    """A part of host memory that stands for device memory."""

    __slots__ = ("__weakref__", "_handle", "address", "array", "nbytes")

    def __init__(self, nbytes: int, live: Live, shared: Shared | None = None) -> None:
        raw = np.empty(_room(nbytes), np.uint8) if shared is None else shared.raw
        begin = -raw.ctypes.data % _ALIGNMENT + FENCE
        if shared is None or shared.fresh:
            raw[:begin] = _FENCE_BYTE
            raw[begin : begin + nbytes] = POISON
            raw[begin + nbytes :] = _FENCE_BYTE
        self.nbytes = nbytes
        self.address = raw.ctypes.data + begin
        self.array = raw[begin : begin + nbytes]
        self._handle = None if shared is None else shared.handle
        # Views of the array keep `raw` and not this object, so the memory is free when `raw` goes.
        live.add(self.address, nbytes, raw)
        weakref.finalize(raw, live.remove, self.address).atexit = False

    def handle(self) -> bytes:
        """What another process attaches it by."""
        if self._handle is None:
            raise DeviceError("export: this memory was not allocated as shareable")
        return self._handle


class Checks:
    """Tells checked kernels what memory there is, and remembers for each byte who touched it last."""

    #: Bytes of an allocation up to which races in it are looked for (24 bytes of notes for each).
    LIMIT = 64 << 20
    #: One checked launch at a time: blocks are numbered over all devices and libraries.
    lock = threading.Lock()
    _blocks = 0

    def __init__(self, live: Live) -> None:
        self._live = live
        self._notes: dict[int, tuple[Any, Any]] = {}

    @contextmanager
    def of(self, library: Any) -> Iterator[None]:
        """A launch of a function of a library happens within."""
        with self.lock:
            rows, notes = [], {}
            for begin, nbytes, raw in sorted(self._live.rows(), key=lambda row: row[0]):
                known, shadow = self._notes.get(begin, (None, None))
                if known is None or known() is not raw:
                    shadow = np.zeros((max(nbytes, 1), 3), np.uint64) if nbytes <= self.LIMIT else None
                notes[begin] = (weakref.ref(raw), shadow)
                rows.append((begin, begin + nbytes, 0 if shadow is None else shadow.ctypes.data))
            self._notes = notes
            table = np.array(rows, np.uint64).reshape(-1, 3)
            library.symbol("sc_check")(ctypes.c_void_p(table.ctypes.data), ctypes.c_size_t(len(rows)))
            count = library.symbol("sc_blocks")
            count.restype = ctypes.c_ulonglong
            count(ctypes.c_ulonglong(Checks._blocks))
            yield
            Checks._blocks = count(ctypes.c_ulonglong(0))


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
