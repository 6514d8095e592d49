"""An opened device: what sessions and executables share of it."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from scopert.backend import Capabilities, DType, Executable, Kernel, Program, ResourceExhaustedError, RunContext
from scopert_cupy.device import Allocation, Device
from scopert_cupy.emit import Emitter
from scopert_cupy.failures import OutOfMemory
from scopert_cupy.staging import Clock

if TYPE_CHECKING:
    from scopert_cupy.executable import CupyExecutable
    from scopert_cupy.frame import Frame

_T = TypeVar("_T")

#: Executables whose memory and graphs are kept; those used longest ago give theirs back.
LARGEST_COUNT = 64


class Residents:
    """The executables that hold memory of the device, the one used last at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[int, weakref.ref[CupyExecutable]] = OrderedDict()

    def add(self, executable: CupyExecutable) -> None:
        """Notes one; the oldest beyond the largest count give their memory back."""
        with self._lock:
            key = id(executable)
            self._found[key] = weakref.ref(executable, lambda _: self._found.pop(key, None))
            old = list(self._found.values())[:-LARGEST_COUNT]
        for reference in old:
            found = reference()
            if found is not None:
                found.release()

    def touch(self, executable: CupyExecutable) -> None:
        """It is used now."""
        try:
            self._found.move_to_end(id(executable))
        except KeyError:
            self.add(executable)

    def all(self) -> list[CupyExecutable]:
        """Those that live, the one used longest ago first."""
        with self._lock:
            found = [reference() for reference in self._found.values()]
        return [executable for executable in found if executable is not None]


class CupyBackend:
    """A CUDA device, or what stands for one.

    Attributes
    ----------
    device : Device
    lock : RLock
        Held by whoever asks the device for something: its commands go to one stream, and while one thread
        records commands no other may ask for any. Who needs a session's `write_lock` too takes that first.
    """

    name = "cupy"
    capabilities = Capabilities(device_memory=True, fuses=True, strings=False)

    def __init__(self, device: Device, number: int = 0) -> None:
        self.device = device
        self.number = number
        self.xp: Any = device.xp
        self.lock = threading.RLock()
        self.clock = Clock(device)
        self.residents = Residents()
        #: Frames whose last run nobody has waited for, and whose steps may have refused their inputs.
        self.unchecked: list[weakref.ref[Frame]] = []
        self._limit: int | None = None
        self._allocations: weakref.WeakSet[Allocation] = weakref.WeakSet()

    # Memory.

    def allocate(self, nbytes: int, shareable: bool = False) -> Allocation:
        """Zeroed device memory; `OutOfMemory` if there is none even after others gave back what they can."""
        with self.lock:
            made = self.with_room(lambda: self.take(nbytes, shareable))
            if nbytes:
                self.device.fill(made.address, 0, nbytes)
            return made

    def take(self, nbytes: int, shareable: bool = False) -> Allocation:
        """Device memory of no defined content; `OutOfMemory` if there is none."""
        with self.lock:
            if self._limit is not None and self.held + nbytes > self._limit:
                raise OutOfMemory(
                    f"{nbytes} bytes were asked for, {self.held} are held, and this process may take {self._limit} "
                    "(per_process_gpu_memory_fraction)"
                )
            made = self.device.allocate(nbytes, shareable)
            self._allocations.add(made)
            return made

    @property
    def held(self) -> int:
        """Bytes of the device's memory that this process has taken through here."""
        return sum(allocation.nbytes for allocation in self._allocations)

    def limit_memory(self, fraction: float) -> None:
        """Takes no more than this part of the device's memory."""
        self._limit = int(fraction * self.device.facts.memory)

    def copy(
        self, target: Allocation, target_offset: int, source: Allocation, source_offset: int, nbytes: int
    ) -> None:
        """From one allocation to another."""
        with self.lock:
            self.device.copy(target.address + target_offset, source.address + source_offset, nbytes)

    def write(self, buffer: Allocation, offset: int, array: Any) -> None:
        """A host array to a place in an allocation; complete when this returns."""
        with self.lock:
            contiguous = np.ascontiguousarray(array)
            if contiguous.nbytes:
                self.device.copy_in(buffer.address + offset, contiguous, contiguous.nbytes)
                self.clock.wait()

    def read(self, buffer: Allocation, offset: int, nbytes: int) -> Any:
        """A part of an allocation, by one copy."""
        made = np.empty(nbytes, np.uint8)
        if nbytes:
            with self.lock:
                self.device.copy_out(made, buffer.address + offset, nbytes)
                self.clock.wait()
        return made

    def ordered(self) -> AbstractContextManager[Any]:
        """Within, what `xp` computes comes in order with the device's commands."""
        return cast("AbstractContextManager[Any]", self.device.ordered())

    def export(self, buffer: Allocation) -> bytes:
        """What another process attaches a shareable allocation by."""
        return self.device.export(buffer)

    def attach(self, handle: bytes, nbytes: int) -> Allocation:
        """The allocation of another process."""
        with self.lock:
            return self.device.attach(handle, nbytes)

    def with_room(self, make: Callable[[], _T], keep: CupyExecutable | None = None) -> _T:
        """What `make` makes, after the executables used longest ago gave their memory back if there is no room."""
        with self.lock:
            waiting = [executable for executable in self.residents.all() if executable is not keep]
            while True:
                try:
                    return make()
                except OutOfMemory:
                    if self._drop_cached():
                        continue
                    while waiting and not waiting[0].frames():
                        waiting.pop(0)
                    if not waiting:
                        raise
                self.clock.wait()
                waiting.pop(0).release()

    def _drop_cached(self) -> bool:
        """Gives back what the array library keeps for eager steps to come; whether that was something."""
        pool = getattr(self.xp, "get_default_memory_pool", None)
        if pool is None or not pool().free_bytes():
            return False
        pool().free_all_blocks()
        return True

    def view(self, buffer: Allocation, offset: int, shape: tuple[int, ...], dtype: DType) -> Any:
        """An array over a part of an allocation."""
        return self.device.view(buffer, offset, shape, dtype)

    def to_device(self, array: Any) -> Any:
        """An array of the device."""
        with self.device.ordered():
            return self.xp.asarray(array)

    def to_host(self, array: Any) -> Any:
        """A NumPy array, complete when this returns."""
        with self.lock:
            self.clock.wait()
            if self.xp is np:
                return np.asarray(array)
            with self.device.ordered():
                contiguous = self.xp.ascontiguousarray(array)
            made = np.empty(contiguous.shape, contiguous.dtype)
            if made.size:
                self.device.copy_out(made, self.device.address_of(contiguous), made.nbytes)
                self.clock.wait()
            return made

    def synchronize(self) -> None:
        """Waits until everything asked for is done."""
        with self.lock:
            self.clock.wait()

    # Programs.

    def kernels(self) -> Iterable[Kernel]:
        """None: what has no emitter runs the generic kernel."""
        return ()

    def emitters(self) -> Mapping[str, Emitter]:
        """Op -> what makes its commands."""
        from scopert_cupy.emitters import TABLE

        return TABLE

    def compile(self, program: Program, context: RunContext) -> Executable:
        """Emits, compiles and places a program."""
        from scopert_cupy.executable import CupyExecutable

        try:
            return CupyExecutable(self, program, context)
        except OutOfMemory as error:
            raise ResourceExhaustedError(None, None, f"no memory for the constants of a program: {error}") from error

    def describe(self) -> str:
        """The device, and what is held of its memory."""
        from scopert_cupy.report import device_table

        return "\n".join(device_table(self))
