"""The narrow door to a device: all of CUDA that the backend uses.

Two implementations: :mod:`scopert_cupy.cuda` (CuPy on a card) and :mod:`scopert_cupy.host` (the same kernel
sources on the CPU). Memory is raw addresses; nothing here knows programs, shapes of steps or variables.
All work goes to one stream per device, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from scopert.backend import DType
from scopert_cupy.operation import Operation

Address: TypeAlias = int
Extent: TypeAlias = tuple[int, int, int]


def nothing(operation: Operation) -> bool:
    """What a device without a library for operations computes."""
    return False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a device is.

    Attributes
    ----------
    name : str
    architecture : str
        ``sm_90``; on the host device the one that is stood for.
    multiprocessors : int
    shared : int
        Bytes of dynamic shared memory that one block may ask for.
    memory : int
        Bytes in all.
    versions : tuple of (str, str)
        Driver, runtime and libraries, for records of measurements.
    computes : callable
        ``computes(operation)``: whether a library of the device computes an operation; there need not be any.
    """

    name: str
    architecture: str
    multiprocessors: int
    shared: int
    memory: int
    versions: tuple[tuple[str, str], ...] = ()
    computes: Callable[[Operation], bool] = field(default=nothing, compare=False, repr=False)


class Allocation(Protocol):
    """Memory of the device; it is freed when nobody holds this object."""

    @property
    def address(self) -> Address:
        """A multiple of 256."""

    @property
    def nbytes(self) -> int: ...


class Module(Protocol):
    """Compiled functions."""

    def function(self, name: str) -> Any:
        """What `Device.launch` takes; LookupError if it is not there."""


class Recording(Protocol):
    """A captured sequence of commands. It keeps alive all that its commands use."""

    @property
    def nodes(self) -> int:
        """How many commands it has."""


class Device(Protocol):
    """A CUDA device, or what stands for one.

    Every call raises `scopert_cupy.failures.DeviceError` (or its `OutOfMemory`) when the device refuses.
    """

    @property
    def facts(self) -> Facts: ...

    @property
    def xp(self) -> Any:
        """The array namespace of its views: CuPy, or NumPy."""

    def ordered(self) -> AbstractContextManager[None]:
        """Within, what `xp` computes in this thread comes in order with the device's commands."""

    # Memory.

    def allocate(self, nbytes: int, shareable: bool = False) -> Allocation:
        """Memory of no defined content; of `shareable` memory other processes may be given a handle."""

    def free_memory(self) -> int:
        """Bytes that may still be had."""

    def view(self, allocation: Allocation, offset: int, shape: tuple[int, ...], dtype: DType) -> Any:
        """An array of `xp` over a part of an allocation, without a copy; it keeps the allocation."""

    def address_of(self, array: Any) -> Address:
        """Where an array of `xp` lies."""

    def pinned(self, nbytes: int) -> Any:
        """A NumPy uint8 vector in host memory that copies may run from asynchronously."""

    def copy_in(self, target: Address, source: Any, nbytes: int) -> None:
        """From host memory (a contiguous NumPy array); it may be recorded if that memory is pinned."""

    def copy_out(self, target: Any, source: Address, nbytes: int) -> None:
        """To host memory; complete only after `synchronize`."""

    def copy(self, target: Address, source: Address, nbytes: int) -> None: ...

    def fill(self, target: Address, byte: int, nbytes: int) -> None: ...

    # Other processes.

    def export(self, allocation: Allocation) -> bytes:
        """What another process attaches shareable memory by; it is valid while this process holds the memory."""

    def attach(self, handle: bytes, nbytes: int) -> Allocation:
        """The memory of another process."""

    # Work.

    def compile(self, source: str, names: Sequence[tuple[str, bool]]) -> Module:
        """A module of functions; `names` says of each whether its threads meet. Cached on disk."""

    def launch(self, function: Any, grid: Extent, block: Extent, shared: int, arguments: Sequence[Any]) -> None:
        """`arguments`: NumPy scalars, addresses as uint64."""

    def plan_gemm(self, gemm: Any) -> Any:
        """Chooses how to compute a `command.Gemm`, and what workspace it needs (``.workspace`` bytes)."""

    def gemm(
        self, plan: Any, a: Address, b: Address, out: Address, bias: Address, workspace: Address, aux: Address = 0
    ) -> None:
        """Runs it. `bias` is where the bias lies, or where its gradient goes (`Gemm.bias_gradient`); 0 for none."""

    def plan_operation(self, operation: Operation) -> Any:
        """Chooses how to compute an operation that `Facts.computes`; the plan tells its ``.workspace`` in bytes."""

    def operate(self, plan: Any, operands: Sequence[Address], workspace: Address) -> None:
        """Runs it over the memory of its tensors, in their order."""

    # Order.

    def begin_capture(self) -> None:
        """From here on commands are recorded, not run; allocating is an error."""

    def end_capture(self) -> Recording: ...

    def replay(self, recording: Recording) -> None: ...

    def synchronize(self) -> None: ...
