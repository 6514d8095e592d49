"""A device that is this machine: memory of its own, kernels of the very same source, capture and replay."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scopert.backend import DType
from scopert_cupy.device import Address, Allocation, Extent, Facts, nothing
from scopert_cupy.failures import DeviceError, OutOfMemory
from scopert_cupy.host import builder, gemm, operations
from scopert_cupy.host.memory import (
    POISON,
    Checks,
    HostAllocation,
    attached_memory,
    bytes_at,
    check_fences,
    shared_memory,
)
from scopert_cupy.live import Live
from scopert_cupy.operation import Operation
from scopert_cupy.requirements import check_process

_KINDS = {0: "a pointer", 1: "a float", 2: "a signed integer", 3: "an unsigned integer", 4: "a structure"}
_BOUNDS = re.compile(r"__launch_bounds__\(\s*(\d+)[^)]*\)\s*(?:void\s+)?(\w+)\s*\(")


@dataclass(frozen=True, slots=True)
class HostModule:
    """Functions that were compiled together."""

    library: builder.Library
    bounds: dict[str, int]

    def function(self, name: str) -> LoadedFunction:
        return LoadedFunction(self.library.function(name), self.library, self.bounds.get(name, 1024))


@dataclass(frozen=True, slots=True)
class LoadedFunction:
    """A function and the largest block that it may be launched with."""

    entry: builder.HostFunction
    library: builder.Library
    threads: int


@dataclass(slots=True)
class HostRecording:
    """Captured commands with the arguments that they were given, and the memory that they use."""

    commands: list[Callable[[], None]] = field(default_factory=list)
    keeps: list[Any] = field(default_factory=list)

    @property
    def nodes(self) -> int:
        return len(self.commands)


class HostDevice:
    """The host as a CUDA device; it refuses what a card would refuse.

    Parameters
    ----------
    memory : int
        Bytes that it has.
    architecture : str
        The card that it stands for.
    multiprocessors : int
        How many work is divided for (``SCOPERT_CUPY_HOST_MULTIPROCESSORS``).
    seed : int
        0: threads run in order. Else the order of threads and blocks is drawn anew for each launch.
    checked : bool
        Kernels are compiled with every access checked: bounds, alignment and races.
    library : bool
        It has a library for convolutions and attention, as a card with cuDNN has (``SCOPERT_CUDNN=1``).

    Notes
    -----
    Copies to the host arrive when `synchronize` is called, and a pinned source must stay as it was until then:
    a card copies when it comes to it.
    """

    def __init__(
        self,
        memory: int = 8 << 30,
        architecture: str = "sm_90",
        multiprocessors: int | None = None,
        seed: int | None = None,
        checked: bool | None = None,
        library: bool | None = None,
    ) -> None:
        if multiprocessors is None:
            multiprocessors = int(os.environ.get("SCOPERT_CUPY_HOST_MULTIPROCESSORS", "4"))
        if library is None:
            library = os.environ.get("SCOPERT_CUDNN", "0") not in ("", "0")
        self.facts = Facts(
            name="host", architecture=architecture, multiprocessors=multiprocessors, shared=227 << 10, memory=memory,
            versions=(("numpy", np.__version__),), computes=operations.computes if library else nothing,
        )  # fmt: skip
        self.seed = int(os.environ.get("SCOPERT_CUPY_HOST_SEED", "0")) if seed is None else seed
        self.checked = os.environ.get("SCOPERT_CUPY_HOST_CHECK") == "1" if checked is None else checked
        self._process = os.getpid()
        self._live = Live()
        self._pinned = Live()
        self._checks = Checks(self._live)
        self._lock = threading.RLock()
        self._recording: HostRecording | None = None
        # What a card has not done yet, as far as the host can tell.
        self._deliveries: list[tuple[Any, Any]] = []
        self._promises: list[tuple[int, Any]] = []

    @property
    def xp(self) -> Any:
        return np

    # Memory.

    def ordered(self) -> AbstractContextManager[None]:
        return nullcontext()

    def allocate(self, nbytes: int, shareable: bool = False) -> Allocation:
        check_process(self._process)
        self._refuse_in_capture("allocate")
        if nbytes < 0:
            raise DeviceError(f"cannot allocate {nbytes} bytes")
        if nbytes > self.free_memory():
            raise OutOfMemory(f"the device has {self.free_memory()} bytes free, {nbytes} were asked for")
        return HostAllocation(nbytes, self._live, shared_memory(nbytes) if shareable else None)

    def free_memory(self) -> int:
        return self.facts.memory - self._live.nbytes

    def view(self, allocation: Allocation, offset: int, shape: tuple[int, ...], dtype: DType) -> Any:
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.np.itemsize
        if offset < 0 or offset + nbytes > allocation.nbytes:
            raise DeviceError(f"{nbytes} bytes from {offset} on are not in an allocation of {allocation.nbytes} bytes")
        assert isinstance(allocation, HostAllocation)
        return allocation.array[offset : offset + nbytes].view(dtype.np).reshape(shape)

    def address_of(self, array: Any) -> Address:
        return int(array.ctypes.data)

    def pinned(self, nbytes: int) -> Any:
        return HostAllocation(nbytes, self._pinned).array

    def copy_in(self, target: Address, source: Any, nbytes: int) -> None:
        self._in_bounds("copy_in", target, nbytes)
        address = self._contiguous("copy_in", source, nbytes)
        pinned = _is_in(self._pinned, address, nbytes)
        if self._recording is not None and not pinned:
            raise DeviceError("a copy from host memory that is not pinned cannot be captured")

        def command() -> None:
            values = bytes_at(address, nbytes)
            bytes_at(target, nbytes)[:] = values
            if pinned:
                self._promises.append((address, values.copy()))

        self._do(command, target, source)

    def copy_out(self, target: Any, source: Address, nbytes: int) -> None:
        self._in_bounds("copy_out", source, nbytes)
        address = self._contiguous("copy_out", target, nbytes)
        if self._recording is not None and not _is_in(self._pinned, address, nbytes):
            raise DeviceError("a copy to host memory that is not pinned cannot be captured")

        def command() -> None:
            values = bytes_at(source, nbytes).copy()
            to = bytes_at(address, nbytes)
            to[:] = POISON
            self._deliveries.append(((to, target), values))

        self._do(command, source, target)

    def copy(self, target: Address, source: Address, nbytes: int) -> None:
        self._in_bounds("copy", target, nbytes)
        self._in_bounds("copy", source, nbytes)
        if target < source + nbytes and source < target + nbytes and nbytes:
            raise DeviceError("source and target of a copy overlap")
        self._do(lambda: _assign(bytes_at(target, nbytes), bytes_at(source, nbytes)), target, source)

    def fill(self, target: Address, byte: int, nbytes: int) -> None:
        self._in_bounds("fill", target, nbytes)
        self._do(lambda: _assign(bytes_at(target, nbytes), byte), target)

    # Other processes.

    def export(self, allocation: Allocation) -> bytes:
        assert isinstance(allocation, HostAllocation)
        return allocation.handle()

    def attach(self, handle: bytes, nbytes: int) -> Allocation:
        return HostAllocation(nbytes, self._live, attached_memory(handle, nbytes))

    # Work.

    def compile(self, source: str, names: Sequence[tuple[str, bool]]) -> HostModule:
        self._refuse_in_capture("compile")
        library = builder.build(source, names, self.checked)
        return HostModule(library, _launch_bounds(source))

    def launch(self, function: Any, grid: Extent, block: Extent, shared: int, arguments: Sequence[Any]) -> None:
        entry = function.entry
        self._check_launch(function, grid, block, shared)
        if len(arguments) != len(entry.takes):
            raise DeviceError(f"{entry.name} takes {len(entry.takes)} arguments, not {len(arguments)}")
        # Frozen here, as in a CUDA graph: what the caller does to its own later changes nothing.
        store = np.zeros((len(arguments), 2), np.uint64)
        used = []
        for number, (value, (nbytes, kind)) in enumerate(zip(arguments, entry.takes, strict=True)):
            _check_argument(entry.name, number, value, nbytes, kind)
            store[number].view(np.uint8)[:nbytes] = np.frombuffer(np.asarray(value).tobytes(), np.uint8)
            if kind == 0 and int(value):
                used.append(int(value))
        pointers = store.ctypes.data + 16 * np.arange(len(arguments), dtype=np.uint64)
        shape = np.array([*grid, *block, shared], np.uint32)
        call, name, lock = entry.call, entry.name, function.library.lock
        shape_at, pointers_at = shape.ctypes.data, pointers.ctypes.data

        def command(_kept: Any = (store, pointers, shape)) -> None:
            seed = self._next_seed()
            with lock:
                if not self.checked:
                    failed = call(shape_at, pointers_at, seed)
                else:
                    with self._checks.of(function.library):
                        failed = call(shape_at, pointers_at, seed)
            if failed is not None:
                raise DeviceError(f"{name}: {failed.decode()}")

        self._do(command, *used, function)

    def plan_gemm(self, gemm_: Any) -> Any:
        self._refuse_in_capture("plan a matrix product")
        return gemm.plan(gemm_)

    def gemm(
        self, plan: Any, a: Address, b: Address, out: Address, bias: Address, workspace: Address, aux: Address = 0
    ) -> None:
        def check(address: int, nbytes: int) -> None:
            self._in_bounds("gemm", address, nbytes)

        held = [address for address in (a, b, out, bias, aux) if address]
        self._do(lambda: gemm.run(plan.gemm, a, b, out, bias, aux, check), *held)

    def plan_operation(self, operation: Operation) -> Any:
        self._refuse_in_capture("plan an operation")
        return operations.plan(operation)

    def operate(self, plan: Any, operands: Sequence[Address], workspace: Address) -> None:
        def check(address: int, nbytes: int) -> None:
            self._in_bounds("operate", address, nbytes)

        held = tuple(operands)
        self._do(lambda: operations.run(plan, held, check), *held)

    # Order.

    def begin_capture(self) -> None:
        with self._lock:
            self._refuse_in_capture("begin a capture")
            self._recording = HostRecording()

    def end_capture(self) -> HostRecording:
        with self._lock:
            recording, self._recording = self._recording, None
        if recording is None:
            raise DeviceError("no capture has begun")
        return recording

    def replay(self, recording: Any) -> None:
        check_process(self._process)
        self._refuse_in_capture("replay")
        with self._lock:
            for command in recording.commands:
                command()

    def synchronize(self) -> None:
        check_process(self._process)
        self._refuse_in_capture("synchronize")
        with self._lock:
            promises, self._promises = self._promises, []
            deliveries, self._deliveries = self._deliveries, []
            for address, values in promises:
                if _is_in(self._pinned, address, values.size) and not np.array_equal(
                    bytes_at(address, values.size), values
                ):
                    raise DeviceError("pinned memory was changed while a copy from it could still be running")
            for (to, _), values in deliveries:
                to[:] = values
            check_fences(self._live)

    # What a driver checks.

    def _do(self, command: Callable[[], None], *keeps: Any) -> None:
        """Runs a command, or records it with the memory behind the addresses in `keeps`."""
        check_process(self._process)
        with self._lock:
            if self._recording is None:
                command()
                return
            self._recording.commands.append(command)
            for item in keeps:
                if not isinstance(item, int):
                    self._recording.keeps.append(item)
                    continue
                owner = _owner(self._live, item)
                if owner is not None:
                    self._recording.keeps.append(owner)

    def _next_seed(self) -> int:
        if self.seed:
            self.seed = (self.seed * 1664525 + 1013904223) & 0x7FFFFFFF or 1
        return self.seed

    def _refuse_in_capture(self, what: str) -> None:
        if self._recording is not None:
            raise DeviceError(f"cannot {what} while commands are captured")

    def _in_bounds(self, what: str, address: Address, nbytes: int) -> None:
        if nbytes and not _is_in(self._live, address, nbytes):
            raise DeviceError(f"{what}: {nbytes} bytes at {address:#x} are not in an allocation of this device")

    def _contiguous(self, what: str, array: Any, nbytes: int) -> int:
        if not isinstance(array, np.ndarray) or not array.flags.c_contiguous:
            raise DeviceError(f"{what}: host memory is a contiguous NumPy array, not {type(array).__name__}")
        if array.nbytes < nbytes:
            raise DeviceError(f"{what}: {nbytes} bytes of an array of {array.nbytes}")
        return int(array.ctypes.data)

    def _check_launch(self, function: LoadedFunction, grid: Extent, block: Extent, shared: int) -> None:
        name, threads = function.entry.name, block[0] * block[1] * block[2]
        if min(grid) < 1 or grid[0] > 2**31 - 1 or max(grid[1:]) > 65535:
            raise DeviceError(f"{name}: a grid of {grid} blocks cannot be launched")
        if min(block) < 1 or threads > 1024 or max(block[:2]) > 1024 or block[2] > 64:
            raise DeviceError(f"{name}: a block of {block} threads cannot be launched")
        if threads > function.threads:
            raise DeviceError(f"{name}: {threads} threads, but it was compiled for blocks of {function.threads}")
        if not 0 <= shared <= self.facts.shared:
            raise DeviceError(f"{name}: {shared} bytes of shared memory, a block may have {self.facts.shared}")


def _check_argument(name: str, number: int, value: Any, nbytes: int, kind: int) -> None:
    if not isinstance(value, np.generic):
        raise DeviceError(f"{name}: argument {number} is a {type(value).__name__}, not a NumPy scalar")
    dtype = value.dtype
    if dtype.itemsize != nbytes:
        raise DeviceError(f"{name}: argument {number} has {dtype.itemsize} bytes, the parameter {nbytes}")
    fits = {0: dtype == np.uint64, 1: dtype.kind == "f", 2: dtype.kind == "i", 3: dtype.kind in "ub"}.get(kind, True)
    if not fits:
        raise DeviceError(f"{name}: argument {number} is {dtype}, the parameter {_KINDS[kind]}")


def _launch_bounds(source: str) -> dict[str, int]:
    """The largest block of each function that says so."""
    return {name: int(threads) for threads, name in _BOUNDS.findall(source)}


def _assign(to: Any, value: Any) -> None:
    to[:] = value


def _owner(live: Live, address: Address) -> Any:
    try:
        return live.owner(address)
    except LookupError:
        return None


def _is_in(live: Live, address: Address, nbytes: int) -> bool:
    try:
        live.owner(address, nbytes)
    except LookupError:
        return False
    return True
