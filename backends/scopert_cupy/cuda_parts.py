"""What a card hands out, through CuPy: memory, modules and their functions, recorded graphs; and its errors."""

from __future__ import annotations

import logging
import os
from typing import Any

import cupy
from cupy.cuda import runtime
from cupy_backends.cuda.api import driver

from scopert_cupy.failures import DeviceError, OutOfMemory
from scopert_cupy.live import Live

_LOG = logging.getLogger("scopert")

_OUT_OF_MEMORY = 2
#: After these the context of the process is gone: illegal addresses, lost cards, failed launches.
_STICKY = frozenset({214, 219, 220, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721})
#: Dynamic shared memory that a function may have without asking.
_PLAIN_SHARED = 48 << 10


def translate(call: str, error: Exception) -> DeviceError:
    """The error of a call, in our words."""
    status = getattr(error, "status", None)
    if status == _OUT_OF_MEMORY or isinstance(error, MemoryError):
        return OutOfMemory(f"{call}: the device has no room: {error}")
    if status in _STICKY:
        return DeviceError(
            f"{call}: the device is lost to this process, which has to be started again: {error}. To see which "
            f"kernel did it, run with CUDA_LAUNCH_BLOCKING=1 and SCOPERT_CUPY_GRAPHS=0, or under compute-sanitizer."
        )
    return DeviceError(f"{call}: {error}")


class CudaAllocation:
    """Memory of a card, allocated by itself: outside of CuPy's pool, and exportable to other processes."""

    __slots__ = ("__weakref__", "_live", "_memory", "address", "nbytes")

    def __init__(self, memory: Any, nbytes: int, live: Live) -> None:
        self._memory = memory
        self._live = live
        self.nbytes = nbytes
        self.address = int(memory.ptr)
        live.add(self.address, nbytes, self)

    def __del__(self) -> None:
        self._live.remove(self.address)


class Attached:
    """Memory of another process."""

    def __init__(self, handle: bytes, number: int) -> None:
        self.ptr = runtime.ipcOpenMemHandle(handle)
        self._number = number
        self._process = os.getpid()

    def __del__(self) -> None:
        if os.getpid() == self._process:
            try:
                runtime.ipcCloseMemHandle(self.ptr)
            except runtime.CUDARuntimeError as error:  # a finaliser has nobody to tell
                _LOG.debug("closing the memory of another process: %s", error)


class CudaModule:
    """A loaded cubin."""

    def __init__(self, code: bytes, device: Any) -> None:
        self._module = cupy.cuda.function.Module()
        self._module.load(code)
        self._device = device
        self._functions: dict[str, CudaFunction] = {}

    def function(self, name: str) -> CudaFunction:
        found = self._functions.get(name)
        if found is None:
            try:
                with self._device:
                    found = CudaFunction(self._module.get_function(name), name)
            except driver.CUDADriverError as error:
                raise LookupError(f"the module has no function {name!r}") from error
            self._functions[name] = found
        return found


class CudaFunction:
    """A function of a module, and how much dynamic shared memory it was granted."""

    __slots__ = ("function", "granted", "name")

    def __init__(self, function: Any, name: str) -> None:
        self.function = function
        self.name = name
        self.granted = _PLAIN_SHARED

    def grant(self, shared: int) -> None:
        """Asks for more shared memory than a function has by right."""
        attribute = driver.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        driver.funcSetAttribute(self.function.ptr, attribute, shared)
        self.granted = shared


class Ordered:
    """The device and its stream are CuPy's current ones within."""

    __slots__ = ("_device", "_stream")

    def __init__(self, device: Any, stream: Any) -> None:
        self._device = device
        self._stream = stream

    def __enter__(self) -> None:
        self._device.__enter__()
        self._stream.__enter__()

    def __exit__(self, *error: object) -> None:
        self._stream.__exit__(*error)
        self._device.__exit__(*error)


class CudaRecording:
    """An instantiated graph, and all that its commands use: a graph itself keeps nothing alive."""

    def __init__(self, graph: Any, nodes: int, keeps: list[Any]) -> None:
        self.graph = graph
        self.nodes = nodes
        self._keeps = keeps
