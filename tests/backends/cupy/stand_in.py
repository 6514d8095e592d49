"""A stand-in for the few CuPy calls of `scopert_cupy.cuda`, over the host device: it tests the glue, not CUDA.

Kernels are compiled by the real NVRTC for the architecture, loaded "as that cubin", and run by the host device from
their source. Arrays, views and exceptions are CuPy's own, which need no driver for that.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import cupy
import numpy as np
from cupy.cuda import runtime
from scopert_cupy import cuda, cuda_parts, nvrtc
from scopert_cupy.host.device import HostDevice
from scopert_cupy.host.memory import HostAllocation, bytes_at
from scopert_cupy.live import Live


class DriverError(RuntimeError):
    """CuPy's own cannot be made where there is no driver to give its text."""


class Card:
    """What the stand-in knows: its streams, its modules, and what was asked of it.

    Attributes
    ----------
    refuse : dict of str to int
        By name of a call: the status that it fails with from now on.
    """

    def __init__(self) -> None:
        self.host = HostDevice()
        self.live = Live()
        self.streams: dict[int, Stream] = {}
        self.sources: dict[bytes, tuple[str, list[tuple[str, bool]]]] = {}
        self.refuse: dict[str, int] = {}
        self.entered = 0

    def check(self, call: str) -> None:
        if call in self.refuse:
            raise runtime.CUDARuntimeError(self.refuse[call])

    def do(self, stream: int, command: Callable[[], None]) -> None:
        """Runs or records."""
        assert self.entered, "the device is not current"
        found = self.streams[stream]
        found.commands.append(command) if found.commands is not None else command()


class Stream:
    """A stream that can record."""

    def __init__(self, card: Card, non_blocking: bool = False) -> None:
        assert non_blocking, "a blocking stream waits for the legacy default stream"
        self._card = card
        self.ptr = 1000 + len(card.streams)
        self.commands: list[Callable[[], None]] | None = None
        card.streams[self.ptr] = self

    def begin_capture(self, mode: int) -> None:
        assert mode == runtime.streamCaptureModeRelaxed
        self._card.check("begin_capture")
        self.commands = []

    def end_capture(self) -> Any:
        commands, self.commands = self.commands, None
        self._card.check("end_capture")
        assert commands is not None

        def launch(stream: Stream) -> None:
            for command in commands:
                command()

        return SimpleNamespace(launch=launch, upload=lambda stream: self._card.check("upload"))

    def is_capturing(self) -> bool:
        return self.commands is not None

    def synchronize(self) -> None:
        assert self.commands is None, "waiting breaks a capture"
        self._card.check("synchronize")

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        return None


def install(monkeypatch: Any) -> Card:
    """Puts a stand-in under `scopert_cupy.cuda`."""
    card = Card()

    class Device:
        def __init__(self, number: int) -> None:
            assert number == 0

        def __enter__(self) -> None:
            card.entered += 1

        def __exit__(self, *error: object) -> None:
            card.entered -= 1

    class Memory:
        def __init__(self, nbytes: int) -> None:
            assert card.entered, "the device is not current"
            card.check("malloc")
            self._held = HostAllocation(nbytes, card.live)
            self.ptr = self._held.address

    class PinnedMemory:
        def __init__(self, nbytes: int) -> None:
            self.array = np.full(nbytes, 0xFF, np.uint8)

    class Function:
        def __init__(self, function: Any) -> None:
            self.ptr, self._function = 1, function

        def __call__(self, grid: Any, block: Any, arguments: Any, shared: int, stream: Stream) -> None:
            card.check("launch")
            assert isinstance(arguments, tuple)
            frozen = [value.copy() for value in arguments]
            # The host device's own checks of a launch happen here, where the driver's would.
            card.host._check_launch(self._function, grid, block, shared)
            card.do(stream.ptr, lambda: card.host.launch(self._function, grid, block, shared, frozen))

    class Module:
        def load(self, code: bytes) -> None:
            assert code[:4] == b"\x7fELF"
            self._module = card.host.compile(*card.sources[code])

        def get_function(self, name: str) -> Function:
            try:
                return Function(self._module.function(name))
            except LookupError:
                raise DriverError("CUDA_ERROR_NOT_FOUND") from None

    def compile_cubin(source: str, architecture: str) -> Any:
        made = real(source, architecture)
        names = [(name, True) for name in made.resources]
        card.sources[made.code] = (source, names)
        return made

    def memcpy(target: int, source: int, nbytes: int, kind: int, stream: int) -> None:
        card.check("memcpy")
        card.do(stream, lambda: bytes_at(target, nbytes).__setitem__(slice(None), bytes_at(source, nbytes)))

    def memset(target: int, byte: int, nbytes: int, stream: int) -> None:
        card.do(stream, lambda: bytes_at(target, nbytes).fill(byte))

    real = nvrtc.compile_cubin
    monkeypatch.setattr(nvrtc, "compile_cubin", compile_cubin)
    properties = {
        "name": b"stand-in", "major": 9, "minor": 0, "multiProcessorCount": 4, "totalGlobalMem": 1 << 33,
    }  # fmt: skip
    calls: dict[str, Any] = {
        "driverGetVersion": lambda: 13000, "runtimeGetVersion": lambda: 13000, "getDeviceCount": lambda: 1,
        "getDeviceProperties": lambda number: properties, "deviceGetAttribute": lambda which, number: 227 << 10,
        "memGetInfo": lambda: ((1 << 33) - card.live.nbytes, 1 << 33), "memcpyAsync": memcpy, "memsetAsync": memset,
    }  # fmt: skip
    constants = {name: value for name, value in vars(runtime).items() if name[0] != "_"}
    driver = {name: value for name, value in vars(cuda.driver).items() if name.startswith("CU_")}
    driver |= {"CUDADriverError": DriverError, "funcSetAttribute": lambda function, attribute, value: None}
    library = SimpleNamespace(
        Device=Device, Stream=lambda non_blocking: Stream(card, non_blocking), Memory=Memory, PinnedMemory=PinnedMemory,
        PinnedMemoryPointer=lambda memory, offset: memory.array, UnownedMemory=cupy.cuda.UnownedMemory,
        MemoryPointer=cupy.cuda.MemoryPointer, function=SimpleNamespace(Module=Module), memory=cupy.cuda.memory,
    )  # fmt: skip
    for module in (cuda, cuda_parts):
        monkeypatch.setattr(module, "runtime", SimpleNamespace(**{**constants, **calls}))
        monkeypatch.setattr(module, "driver", SimpleNamespace(**driver))
        monkeypatch.setattr(module, "cupy", SimpleNamespace(cuda=library, ndarray=cupy.ndarray, __version__="stand-in"))
    return card
