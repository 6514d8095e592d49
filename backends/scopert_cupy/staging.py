"""Between the host and the device: pinned slabs that copies run from and to."""

from __future__ import annotations

from typing import Any

from scopert_cupy.device import Address, Device

_SLABS = 2


class Clock:
    """Counts how often the host has waited for the device: what was asked for before is done after."""

    __slots__ = ("_device", "_kept", "count")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._kept: list[Any] = []
        self.count = 0

    def wait(self) -> None:
        """Waits until the device has done everything."""
        kept, self._kept = self._kept, []
        self._device.synchronize()
        self.count += 1
        kept.clear()

    def keep(self, memory: Any) -> None:
        """Keeps memory that copies may still read until the next wait."""
        self._kept.append(memory)


class Staging:
    """Two pinned slabs for what is sent: one is filled while the copy from the other may still be under way.

    A copy from pinned memory returns before it has read that memory. So a slab is filled again only after
    the host has waited for the device since it was sent.
    """

    __slots__ = ("_clock", "_device", "_nbytes", "_next", "_sent", "_slabs")

    def __init__(self, device: Device, clock: Clock, nbytes: int) -> None:
        self._device = device
        self._clock = clock
        self._nbytes = nbytes
        self._slabs = [device.pinned(nbytes) for _ in range(_SLABS)]
        self._sent = [-1] * _SLABS
        self._next = 0

    def __del__(self) -> None:
        # Of a session that was closed, or a run that failed, while its copies are under way.
        if max(getattr(self, "_sent", (-1,))) >= self._clock.count:
            self._clock.keep(self._slabs)

    def slab(self) -> tuple[int, Any]:
        """The number of a slab that may be filled, and its bytes."""
        number = self._next
        if self._sent[number] >= self._clock.count:
            self._clock.wait()
        return number, self._slabs[number]

    def slabs(self) -> list[Any]:
        """All slabs, to make views of."""
        return self._slabs

    def send(self, number: int, target: Address, nbytes: int) -> None:
        """Copies the beginning of a slab to the device."""
        self._device.copy_in(target, self._slabs[number], nbytes)
        self._sent[number] = self._clock.count
        self._next = (number + 1) % _SLABS
