"""A CUDA device, through CuPy: memory, copies, launches and graphs on one stream of its own.

CuPy gives memory, streams, modules and graphs, and computes nothing here. Everything goes to a stream that does not
wait for the legacy default stream; captures are relaxed, one at a time in a process.
"""

from __future__ import annotations

import functools
import gc
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import cupy
import numpy as np
from cupy.cuda import runtime
from cupy_backends.cuda.api import driver

from scopert.backend import DType
from scopert_cupy import cudnn, nvrtc
from scopert_cupy.cuda_parts import (
    Attached,
    CudaAllocation,
    CudaFunction,
    CudaModule,
    CudaRecording,
    Ordered,
    translate,
)
from scopert_cupy.device import Address, Allocation, Extent, Facts, nothing
from scopert_cupy.failures import DeviceError
from scopert_cupy.live import Live
from scopert_cupy.operation import Operation
from scopert_cupy.requirements import check_card, check_driver, check_process, choose_architecture

_T = TypeVar("_T", bound=Callable[..., Any])

#: Captures of several threads disturb each other, whatever their streams.
_capturing = threading.RLock()


def _call(function: _T) -> _T:
    """A call of the device: it happens on that device, in the process that opened it, and fails in our words."""

    @functools.wraps(function)
    def wrapped(self: CudaDevice, *args: Any, **kwargs: Any) -> Any:
        check_process(self._process)
        try:
            with self._device:
                return function(self, *args, **kwargs)
        except (runtime.CUDARuntimeError, driver.CUDADriverError, cupy.cuda.memory.OutOfMemoryError) as error:
            raise translate(function.__name__, error) from error

    return cast("_T", wrapped)


def reason() -> str | None:
    """Why no card can be used, or None."""
    try:
        _check(0)
        nvrtc.version()
    except (DeviceError, runtime.CUDARuntimeError, driver.CUDADriverError) as error:
        return str(error)
    return None


def device_count() -> int:
    """How many cards there are."""
    try:
        return int(runtime.getDeviceCount())
    except runtime.CUDARuntimeError:
        return 0


def open_device(number: int) -> CudaDevice:
    """A card.

    Raises
    ------
    ValueError
        If there is no card of that number.
    DeviceError
        If there is no driver, or it or the card is too old.
    """
    return CudaDevice(number)


def _check(number: int) -> Any:
    """What CUDA says of a card that can be used."""
    check_driver(runtime.driverGetVersion(), runtime.runtimeGetVersion())
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        raise DeviceError(f"CUDA finds no card: {error}") from error
    if number >= count:
        if count == 0:
            raise DeviceError("CUDA finds no card (is CUDA_VISIBLE_DEVICES empty?)")
        raise ValueError(f"there are {count} CUDA devices, numbered from 0; got device {number}")
    properties = runtime.getDeviceProperties(number)
    check_card(properties["name"].decode(), (properties["major"], properties["minor"]))
    return properties


#: In a forked child: memory that it must not free, because CUDA does not work there.
_left: list[Any] = []
_devices: list[weakref.ref[CudaDevice]] = []


def _leave_memory() -> None:
    for reference in _devices:
        device = reference()
        if device is not None:
            _left.append((device, device._live.forked()))


os.register_at_fork(after_in_child=_leave_memory)


class CudaDevice:
    """A card.

    Parameters
    ----------
    number : int

    Attributes
    ----------
    stream : cupy.cuda.Stream
    """

    def __init__(self, number: int = 0) -> None:
        properties = _check(number)
        capability = (int(properties["major"]), int(properties["minor"]))
        self.number = number
        self._process = os.getpid()
        self._device = cupy.cuda.Device(number)
        try:
            with self._device:
                self.stream = cupy.cuda.Stream(non_blocking=True)
                shared = runtime.deviceGetAttribute(runtime.cudaDevAttrMaxSharedMemoryPerBlockOptin, number)
        except runtime.CUDARuntimeError as error:
            raise translate("open", error) from error
        self._cudnn = cudnn.load()
        library = () if self._cudnn is None else (("cudnn", cudnn.version(self._cudnn)),)
        self.facts = Facts(
            name=properties["name"].decode(),
            architecture=choose_architecture(capability, nvrtc.architectures()),
            multiprocessors=int(properties["multiProcessorCount"]),
            shared=int(shared),
            memory=int(properties["totalGlobalMem"]),
            versions=(
                ("driver", str(runtime.driverGetVersion())), ("runtime", str(runtime.runtimeGetVersion())),
                ("nvrtc", nvrtc.version()), ("cupy", cupy.__version__), *library,
            ),
            computes=self._computes if library else nothing,
        )  # fmt: skip
        self._live = Live()
        _devices.append(weakref.ref(self))
        self._keeps: list[Any] | None = None
        self._nodes = 0
        self._collected = False
        self._products: Any = None
        self._operations: Any = None
        self._opening = threading.Lock()

    @property
    def xp(self) -> Any:
        return cupy

    def ordered(self) -> Ordered:
        """Within, what CuPy computes in this thread comes in order with the device's commands."""
        check_process(self._process)
        return Ordered(self._device, self.stream)

    # Memory.

    @_call
    def allocate(self, nbytes: int, shareable: bool = False) -> Allocation:
        if self._keeps is not None:
            raise DeviceError("cannot allocate while commands are captured")
        return CudaAllocation(cupy.cuda.Memory(max(nbytes, 1)), nbytes, self._live)

    @_call
    def free_memory(self) -> int:
        return int(runtime.memGetInfo()[0])

    def view(self, allocation: Allocation, offset: int, shape: tuple[int, ...], dtype: DType) -> Any:
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.np.itemsize
        if offset < 0 or offset + nbytes > allocation.nbytes:
            raise DeviceError(f"{nbytes} bytes from {offset} on are not in an allocation of {allocation.nbytes} bytes")
        memory = cupy.cuda.UnownedMemory(allocation.address, allocation.nbytes, allocation, self.number)
        return cupy.ndarray(shape, dtype.np, memptr=cupy.cuda.MemoryPointer(memory, offset))

    def address_of(self, array: Any) -> Address:
        return int(array.data.ptr)

    @_call
    def pinned(self, nbytes: int) -> Any:
        if nbytes == 0:
            return np.empty(0, np.uint8)
        memory = cupy.cuda.PinnedMemoryPointer(cupy.cuda.PinnedMemory(nbytes), 0)
        return np.frombuffer(memory, np.uint8, nbytes)

    @_call
    def copy_in(self, target: Address, source: Any, nbytes: int) -> None:
        address = _contiguous("copy_in", source, nbytes)
        runtime.memcpyAsync(target, address, nbytes, runtime.memcpyHostToDevice, self.stream.ptr)
        self._note(target, source)

    @_call
    def copy_out(self, target: Any, source: Address, nbytes: int) -> None:
        address = _contiguous("copy_out", target, nbytes)
        runtime.memcpyAsync(address, source, nbytes, runtime.memcpyDeviceToHost, self.stream.ptr)
        self._note(source, target)

    @_call
    def copy(self, target: Address, source: Address, nbytes: int) -> None:
        runtime.memcpyAsync(target, source, nbytes, runtime.memcpyDeviceToDevice, self.stream.ptr)
        self._note(target, source)

    @_call
    def fill(self, target: Address, byte: int, nbytes: int) -> None:
        runtime.memsetAsync(target, byte, nbytes, self.stream.ptr)
        self._note(target)

    # Other processes.

    @_call
    def export(self, allocation: Allocation) -> bytes:
        """What another process attaches an allocation by, while this one holds it."""
        return bytes(runtime.ipcGetMemHandle(allocation.address))

    @_call
    def attach(self, handle: bytes, nbytes: int) -> Allocation:
        """The allocation of another process."""
        return CudaAllocation(Attached(handle, self.number), nbytes, self._live)

    # Work.

    @_call
    def compile(self, source: str, names: Sequence[tuple[str, bool]]) -> CudaModule:
        if self._keeps is not None:
            raise DeviceError("cannot compile while commands are captured")
        module = CudaModule(nvrtc.compile_cubin(source, self.facts.architecture).code, self._device)
        for name, _ in names:
            module.function(name)  # loads it now: a lazy load would break a capture
        return module

    @_call
    def launch(
        self, function: CudaFunction, grid: Extent, block: Extent, shared: int, arguments: Sequence[Any]
    ) -> None:
        if shared > function.granted:
            function.grant(shared)
        function.function(grid, block, tuple(arguments), shared, self.stream)
        if self._keeps is not None:
            self._note(*[int(value) for value in arguments if value.dtype == np.uint64], function)

    @_call
    def plan_gemm(self, gemm: Any) -> Any:
        if self._keeps is not None:
            raise DeviceError("cannot plan a matrix product while commands are captured")
        if self._products is None:
            from scopert_cupy.libraries import Products

            self._products = Products(self)
        return self._products.plan(gemm)

    @_call
    def gemm(
        self, plan: Any, a: Address, b: Address, out: Address, bias: Address, workspace: Address, aux: Address = 0
    ) -> None:
        self._products.run(plan, a, b, out, bias, workspace, aux)
        self._note(a, b, out, bias, workspace, aux, plan)

    @_call
    def _computes(self, operation: Operation) -> bool:
        with self._opening:  # programs are compiled in several threads
            if self._operations is None and self._cudnn is not None:
                from scopert_cupy.libraries import operations

                self._operations = operations(self, self._cudnn)
                if self._operations is None:
                    self._cudnn = None  # it was said why, once
        return self._operations is not None and self._operations.computes(operation)

    @_call
    def plan_operation(self, operation: Operation) -> Any:
        if self._keeps is not None:
            raise DeviceError("cannot plan an operation while commands are captured")
        if not self._computes(operation):
            raise DeviceError(f"no library of this card computes {operation}")
        return self._operations.plan(operation)

    @_call
    def operate(self, plan: Any, operands: Sequence[Address], workspace: Address) -> None:
        self._operations.run(plan, operands, workspace)
        self._note(*operands, workspace, plan)

    # Order.

    @_call
    def begin_capture(self) -> None:
        if self._keeps is not None:
            raise DeviceError("cannot begin a capture while commands are captured")
        _capturing.acquire()
        # A finaliser that frees memory or a module would end the capture.
        self._collected = gc.isenabled()
        gc.disable()
        try:
            self.stream.begin_capture(runtime.streamCaptureModeRelaxed)
        except BaseException:
            self._leave_capture()
            raise
        self._keeps = []
        self._nodes = 0

    @_call
    def end_capture(self) -> CudaRecording:
        if self._keeps is None:
            raise DeviceError("no capture has begun")
        keeps, nodes = self._keeps, self._nodes
        try:
            graph = self.stream.end_capture()
        finally:
            self._keeps = None
            self._leave_capture()
        graph.upload(self.stream)
        return CudaRecording(graph, nodes, keeps)

    @_call
    def replay(self, recording: Any) -> None:
        recording.graph.launch(self.stream)

    @_call
    def synchronize(self) -> None:
        if self._keeps is not None:
            raise DeviceError("cannot synchronize while commands are captured")
        self.stream.synchronize()

    def _leave_capture(self) -> None:
        if self._collected:
            gc.enable()
        _capturing.release()

    def _note(self, *uses: Any) -> None:
        """While commands are captured, what one of them uses: addresses, and objects."""
        if self._keeps is None:
            return
        self._nodes += 1
        for item in uses:
            if not isinstance(item, int):
                self._keeps.append(item)
            elif item:
                try:
                    self._keeps.append(self._live.owner(item))
                except LookupError:  # memory of CuPy's pool, which the caller keeps
                    continue


def _contiguous(call: str, array: Any, nbytes: int) -> int:
    if not isinstance(array, np.ndarray) or not array.flags.c_contiguous or array.nbytes < nbytes:
        raise DeviceError(f"{call}: host memory is a contiguous NumPy array of at least {nbytes} bytes")
    return int(array.ctypes.data)
