"""A host device that fails where it is told to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from scopert_cupy.device import Address, Allocation, Extent
from scopert_cupy.failures import CompileError, DeviceError, OutOfMemory
from scopert_cupy.host.device import HostDevice, HostModule, HostRecording
from scopert_cupy.operation import Operation
from scopert_cupy.requirements import check_card, check_driver

#: Calls that can be told to fail, and with what.
_FAULTS: dict[str, type[DeviceError]] = {
    "allocate": OutOfMemory, "pinned": OutOfMemory, "compile": CompileError, "launch": DeviceError,
    "gemm": DeviceError, "plan_gemm": DeviceError, "operate": DeviceError, "plan_operation": DeviceError,
    "copy_in": DeviceError, "copy_out": DeviceError, "copy": DeviceError, "fill": DeviceError,
    "begin_capture": DeviceError, "end_capture": DeviceError, "replay": DeviceError, "synchronize": DeviceError,
}  # fmt: skip


def open_host(faults: str | None = None) -> HostDevice:
    """A host device, with the faults that ``SCOPERT_CUPY_HOST_FAULTS`` names.

    Parameters
    ----------
    faults : str, optional
        Comma-separated: ``CALL:N`` fails the N-th such call (``allocate``, ``launch``, ``begin_capture``...),
        ``CALL:N+`` it and all later ones; ``lost:N`` loses the device at the N-th launch or replay: every later
        call fails; ``driver:V`` has a driver for CUDA version V (12040; 0 for none); ``capability:XY`` is a card
        of capability X.Y; ``memory:BYTES`` has so much memory.

    Raises
    ------
    DeviceError
        As for a real card: a driver that is too old, a card that is too old.
    """
    text = os.environ.get("SCOPERT_CUPY_HOST_FAULTS", "") if faults is None else faults
    device = FaultyDevice() if text else HostDevice()
    for fault in filter(None, text.split(",")):
        name, _, value = fault.strip().partition(":")
        if name == "driver":
            check_driver(int(value), 13000)
        elif name == "capability":
            check_card("the host device", (int(value) // 10, int(value) % 10))
        elif name == "memory":
            device = FaultyDevice(memory=int(value))
        elif name in _FAULTS or name == "lost":
            assert isinstance(device, FaultyDevice)
            device.arm(name, int(value.rstrip("+")), for_good=value.endswith("+"))
        else:
            raise ValueError(f"no fault {fault!r}; calls that can fail: {', '.join(_FAULTS)}")
    return device


class FaultyDevice(HostDevice):
    """Fails chosen calls before they do anything.

    Attributes
    ----------
    calls : dict of str to int
        How often each call was made since it was last armed.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls: dict[str, int] = {}
        self._armed: dict[str, tuple[int, bool]] = {}
        self._is_lost = False

    def arm(self, call: str, at: int = 1, for_good: bool = False) -> None:
        """From now on the `at`-th `call` fails; with `for_good` all after it too."""
        if call not in _FAULTS and call != "lost":
            raise ValueError(f"no call {call!r}")
        self.calls[call] = 0
        self._armed[call] = (at, for_good)

    def disarm(self) -> None:
        """Nothing fails any more; a lost device stays lost."""
        self._armed.clear()

    def _strikes(self, call: str) -> bool:
        self.calls[call] = count = self.calls.get(call, 0) + 1
        at, for_good = self._armed.get(call, (0, False))
        return at > 0 and (count >= at if for_good else count == at)

    def _meet(self, call: str) -> None:
        if call in ("launch", "replay") and self._strikes("lost"):
            self._is_lost = True
        if self._is_lost:
            raise DeviceError(f"{call}: the device is lost (an earlier kernel read or wrote an illegal address)")
        if self._strikes(call):
            raise _FAULTS[call](f"{call}: refused by the fault injector (call {self.calls[call]})")

    def allocate(self, nbytes: int, shareable: bool = False) -> Allocation:
        self._meet("allocate")
        return super().allocate(nbytes, shareable)

    def pinned(self, nbytes: int) -> Any:
        self._meet("pinned")
        return super().pinned(nbytes)

    def copy_in(self, target: Address, source: Any, nbytes: int) -> None:
        self._meet("copy_in")
        super().copy_in(target, source, nbytes)

    def copy_out(self, target: Any, source: Address, nbytes: int) -> None:
        self._meet("copy_out")
        super().copy_out(target, source, nbytes)

    def copy(self, target: Address, source: Address, nbytes: int) -> None:
        self._meet("copy")
        super().copy(target, source, nbytes)

    def fill(self, target: Address, byte: int, nbytes: int) -> None:
        self._meet("fill")
        super().fill(target, byte, nbytes)

    def compile(self, source: str, names: Sequence[tuple[str, bool]]) -> HostModule:
        self._meet("compile")
        return super().compile(source, names)

    def launch(self, function: Any, grid: Extent, block: Extent, shared: int, arguments: Sequence[Any]) -> None:
        self._meet("launch")
        super().launch(function, grid, block, shared, arguments)

    def plan_gemm(self, gemm_: Any) -> Any:
        self._meet("plan_gemm")
        return super().plan_gemm(gemm_)

    def gemm(
        self, plan: Any, a: Address, b: Address, out: Address, bias: Address, workspace: Address, aux: Address = 0
    ) -> None:
        self._meet("gemm")
        super().gemm(plan, a, b, out, bias, workspace, aux)

    def plan_operation(self, operation: Operation) -> Any:
        self._meet("plan_operation")
        return super().plan_operation(operation)

    def operate(self, plan: Any, operands: Sequence[Address], workspace: Address) -> None:
        self._meet("operate")
        super().operate(plan, operands, workspace)

    def begin_capture(self) -> None:
        self._meet("begin_capture")
        super().begin_capture()

    def end_capture(self) -> HostRecording:
        try:
            self._meet("end_capture")
        except DeviceError:
            self._recording = None  # the capture is over all the same
            raise
        return super().end_capture()

    def replay(self, recording: Any) -> None:
        self._meet("replay")
        super().replay(recording)

    def synchronize(self) -> None:
        self._meet("synchronize")
        super().synchronize()
