"""The door for backends: everything that a plug-in may import, and all that it must provide.

A plug-in is a package with an entry point in the group ``scopert.backends`` that names a
:class:`BackendSpec`. Loading the entry point must be cheap: only `probe` and `open` may import a GPU
library. See ``docs/backends.md`` for a whole backend on one page.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from scopert.disk_cache import DiskCache, key_of
from scopert.errors import CancelledError, InternalError, InvalidArgumentError, OpError, ResourceExhaustedError
from scopert.graph.dtypes import DType, as_dtype, resource, string, variant
from scopert.graph.kernel import Origin, bind
from scopert.graph.opdef import ELEMENTWISE, HOST, RANDOM, READS, STATEFUL, VIEW, WRITES, find_op, keyword_only
from scopert.graph.shape import is_compatible
from scopert.graph.shape import text as shape_text
from scopert.program.expression import Access, Fused, Node
from scopert.program.ir import DEAD, FUSED, LOOP, READ, TOGETHER, Fetch, Loop, Program, Step, Together, Value
from scopert.program.memory import Memory
from scopert.program.passes.together import apart
from scopert.sizes import bytes_by_scope, bytes_text

__all__ = [
    "DEAD", "ELEMENTWISE", "FUSED", "HOST", "LOOP", "RANDOM", "READ", "READS", "STATEFUL", "TOGETHER", "VIEW",
    "WRITES", "Access", "Backend", "BackendSpec", "CancelledError", "Capabilities", "DType", "Described",
    "DeviceBackend", "DiskCache", "Executable", "Fetch", "Fused", "InternalError", "InvalidArgumentError", "Kernel",
    "Loop", "Memory", "Node", "OnDevice", "OpError", "Origin", "Program", "ResourceExhaustedError", "RunContext",
    "ShapesChanged", "Step", "StepFailed", "Together", "TraceRow", "Value", "VariableRef", "apart", "as_dtype",
    "bind", "bytes_by_scope", "bytes_text", "check_step", "generic_kernel", "key_of", "last_uses", "select_kernel",
    "select_kernel_into", "shape_text", "verifying",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do, as facts and not as attributes to probe for.

    Attributes
    ----------
    device_memory : bool
        Arrays live in memory of their own, and must be moved to the host to be seen.
    fuses : bool
        Runs FUSED and TOGETHER steps (`apart` puts the members of the latter back in their places). Its own kernels
        for operations that fuse are then not asked; without it, all operations reach the backend one by one.
    computes : bool
        Steps produce numbers (false for the null backend, which only knows shapes).
    strings : bool
        Holds string tensors itself.
    threads : bool
        One executable may run in several threads at once.
    """

    device_memory: bool = False
    fuses: bool = False
    computes: bool = True
    strings: bool = True
    threads: bool = True


@dataclass(frozen=True, slots=True)
class Kernel:
    """A backend's own kernel for an op, used where `when(origin)` holds; the first that fits wins.

    Attributes
    ----------
    op : str
    function : callable
        ``f(xp, *inputs, *, attrs)``.
    when : callable, optional
    out : bool
        It has a keyword `out`: memory of the result's type and shape (a tuple for several results), which it
        fills. It stands beside the kernel that returns new memory, and computes the same to the bit. That of an
        elementwise op must bear that `out` is the memory of an input.
    """

    op: str
    function: Callable[..., Any]
    when: Callable[[Origin], bool] | None = None
    out: bool = False


#: A step, when it began, when it ended, and how many bytes its outputs have.
TraceRow: TypeAlias = tuple[Step, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class OnDevice:
    """A fed value that lies on the device (`Capabilities.device_memory`): what a session handle stands for.

    Attributes
    ----------
    array : array
        Of the backend. It is read when the run begins.
    """

    array: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def dtype(self) -> Any:
        """NumPy's."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        return int(self.array.ndim)


class VariableRef(Protocol):
    """A variable of one session, as kernels see it."""

    name: str
    dtype: DType

    @property
    def initialized(self) -> bool: ...

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of the value, or of the place for it; None if neither is known."""

    def read(self) -> Any:
        """A view of the value; FailedPreconditionError if there is none yet."""

    def assign(self, value: Any, validate_shape: bool = True) -> None:
        """Copies an array into the variable."""

    def write_view(self) -> Any:
        """The value to be changed in place."""

    def array(self) -> Any:
        """The memory, whether it has a value or not; None if there is none yet."""

    def reserve(self, shape: tuple[int, ...]) -> None:
        """Gives it memory of this shape, if it has none, without a value."""

    def mark_initialized(self) -> None:
        """Its memory has been filled."""


class RunContext(Protocol):
    """What stateful kernels may ask of the session that runs them."""

    @property
    def cancelled(self) -> bool:
        """The session was closed."""

    @property
    def write_lock(self) -> AbstractContextManager[Any]:
        """Held while a step changes a variable."""

    def check(self) -> None:
        """Raises CancelledError or DeadlineExceededError if the run should end."""

    def wait_for(self, condition: threading.Condition, predicate: Callable[[], bool]) -> None:
        """Waits, with `condition` held, until `predicate` holds; raises as `check` does."""

    def op_state(self, op: Origin, factory: Callable[[], Any]) -> Any:
        """State of an operation that lasts as long as the session (a counter, a queue)."""

    def variable(self, op: Origin) -> VariableRef:
        """The variable that a VariableV2 or VarHandleOp stands for."""

    @property
    def memory_version(self) -> int:
        """Another number whenever memory of a variable has moved."""


class Executable(Protocol):
    """A compiled program."""

    def run(self, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        """Runs once. `feeds` are host arrays; results are arrays or scalars that the caller owns.

        With `trace`, appends a row for each step when it ended, times in nanoseconds of `time.perf_counter_ns`;
        the rows of the steps of a loop come before the loop's own.
        A step that fails ends the run with `StepFailed`.
        """


@runtime_checkable
class Backend(Protocol):
    """An opened device."""

    name: str
    xp: Any
    capabilities: Capabilities

    def allocate(self, nbytes: int) -> Any:
        """A buffer; OSError or MemoryError if there is no room."""

    def view(self, buffer: Any, offset: int, shape: tuple[int, ...], dtype: DType) -> Any:
        """An array over a part of a buffer, without a copy."""

    def to_device(self, array: Any) -> Any:
        """A device array of a host array."""

    def to_host(self, array: Any) -> Any:
        """A host array of a device array."""

    def synchronize(self) -> None:
        """Waits until everything asked for is done."""

    def kernels(self) -> Iterable[Kernel]:
        """Kernels that replace the generic ones."""

    def compile(self, program: Program, context: RunContext) -> Executable:
        """Makes a program executable in one session."""


@runtime_checkable
class Described(Protocol):
    """A backend that can say what it computes with."""

    def describe(self) -> str:
        """A few lines for ``scopert devices``."""


class DeviceBackend(Backend, Protocol):
    """What a backend with memory of its own (`Capabilities.device_memory`) has besides; sessions use it."""

    def allocate(self, nbytes: int, shareable: bool = False) -> Any:
        """A zeroed buffer; a `shareable` one can be exported to other processes."""

    def copy(self, target: Any, target_offset: int, source: Any, source_offset: int, nbytes: int) -> None:
        """From one buffer to another, in one piece."""

    def write(self, buffer: Any, offset: int, array: Any) -> None:
        """A host array to a place in a buffer."""

    def read(self, buffer: Any, offset: int, nbytes: int) -> Any:
        """A part of a buffer as a host vector of bytes, complete when this returns."""

    def ordered(self) -> AbstractContextManager[Any]:
        """Within, what `xp` computes comes in order with what the device was asked for before."""

    def export(self, buffer: Any) -> bytes:
        """What another process attaches a shareable buffer by."""

    def attach(self, handle: bytes, nbytes: int) -> Any:
        """The buffer of another process."""

    def limit_memory(self, fraction: float) -> None:
        """Takes no more than this part of the device's memory."""

    def describe(self) -> str:
        """The device, and what is held of its memory, for people."""


class StepFailed(Exception):
    """A step of a running program raised; the exception itself is the cause (``raise ... from error``).

    An executable raises it so that the session can name the operation.

    Parameters
    ----------
    step : Step
    inputs : sequence
        What the kernel got.
    """

    def __init__(self, step: Step, inputs: Sequence[Any]) -> None:
        super().__init__(f"{step.op} of {step.origin.name}")
        self.step = step
        self.inputs = inputs


class ShapesChanged(Exception):
    """Variables have other shapes than the program was compiled for, and nothing has run yet.

    An executable raises it before its first step; the session then runs the program that knows no shapes.
    """


def select_kernel(
    step: Step, xp: Any, context: RunContext, own: Mapping[str, Sequence[Kernel]] | None = None
) -> Callable[..., Any]:
    """The callable of a step: the first of the backend's `own` kernels that fits, else the generic one.

    Raises
    ------
    StepFailed
        If the op has no kernel at all.
    """
    for kernel in (own or {}).get(step.op, ()):
        if not kernel.out and (kernel.when is None or kernel.when(step.origin)):
            return bind(kernel.function, keyword_only(kernel.function), xp, step.origin, context)
    if step.kernel is None:
        raise StepFailed(step, ()) from NotImplementedError(f"there is no kernel for operations of type {step.op!r}")
    return bind(step.kernel, step.keywords, xp, step.origin, context)


def generic_kernel(op: str) -> Callable[..., Any]:
    """``kernel(xp, *inputs)`` of an op without attributes, for primitives that an array library lacks.

    Raises
    ------
    LookupError
        If there is no such op, or it has no kernel.
    """
    found = find_op(op)
    if found is None or found.kernel is None:
        raise LookupError(f"there is no kernel for operations of type {op!r}")
    return found.kernel


def select_kernel_into(
    step: Step, xp: Any, context: RunContext, own: Mapping[str, Sequence[Kernel]]
) -> Callable[..., Any] | None:
    """The callable of a step that fills given memory, ``f(*inputs, out=array)``; None if there is none."""
    for kernel in own.get(step.op, ()):
        if kernel.out and (kernel.when is None or kernel.when(step.origin)):
            keywords = tuple([name for name in keyword_only(kernel.function) if name != "out"])
            return bind(kernel.function, keywords, xp, step.origin, context)
    return None


def last_uses(program: Program) -> list[tuple[int, ...]]:
    """For each step, the slots that no later step and no fetch needs: their memory can go."""
    kept = {fetch.slot for fetch in program.fetches} | program.constants.keys()
    forget: list[tuple[int, ...]] = []
    seen = set(kept)
    for step in reversed(program.steps):
        last = [slot for slot in dict.fromkeys((*step.inputs, *step.guards, *step.outputs)) if slot not in seen]
        seen.update(last)
        forget.append(tuple(last))
    forget.reverse()
    return forget


def verifying() -> bool:
    """Whether every step is checked while it runs (environment variable ``SCOPERT_VERIFY=1``)."""
    return os.environ.get("SCOPERT_VERIFY", "") not in ("", "0")


def check_step(program: Program, step: Step, made: Sequence[Any]) -> None:
    """Checks what a kernel returned against the types and static shapes of the program.

    Raises
    ------
    AssertionError
        If they differ: the kernel or the shape rule is wrong.
    """
    assert len(made) == len(step.outputs), f"{step.op} returned {len(made)} values, {len(step.outputs)} expected"
    for slot, array in zip(step.outputs, made, strict=True):
        value = program.values[slot]
        dtype = value.dtype
        if array is DEAD or dtype.is_ref or dtype in (resource, variant):
            continue
        if dtype is string and isinstance(array, bytes):
            shape: tuple[int, ...] = ()
        else:
            found = getattr(array, "dtype", type(array).__name__)
            assert found == dtype.np, f"{step.op} returned {found} for {value.name}, declared {dtype.name}"
            shape = array.shape
        # A variable may have got another shape than its static one (``validate_shape=False``).
        assert READS in step.traits or is_compatible(value.shape, shape), (
            f"{step.op} returned shape {shape} for {value.name}, the static shape is {shape_text(value.shape)}"
        )


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """What an entry point names.

    Attributes
    ----------
    name : str
    priority : int
        The highest one that can be used is the default. NumPy has 0.
    probe : callable
        ``probe() -> reason why it cannot be used, or None``; raises nothing, prints nothing.
    open : callable
        ``open(device) -> Backend``; `device` is an index.
    description : str
    numbered : bool
        It has devices 0, 1, ...; ``NAME:1`` asks for one.
    """

    name: str
    priority: int
    probe: Callable[[], str | None]
    open: Callable[[int], Backend]
    description: str = ""
    numbered: bool = False
