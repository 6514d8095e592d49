"""A program compiled for a device: one module, one plan, and frames to run in."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scopert.backend import FUSED, InternalError, Program, ResourceExhaustedError, RunContext, TraceRow
from scopert_cupy.arena import CONSTANTS, SCRATCH, aligned
from scopert_cupy.bound import Compiled
from scopert_cupy.command import Gemm, Launch, Operate
from scopert_cupy.failures import DeviceError, OutOfMemory
from scopert_cupy.frame import Frame
from scopert_cupy.plan import plan
from scopert_cupy.report import room_table, table_of
from scopert_cupy.source import keep

if TYPE_CHECKING:
    from scopert_cupy.backend import CupyBackend

# How many frames wait for the next runs: as many as runs were under way at the same time, up to this.
_LARGEST_POOL = 4


class CupyExecutable:
    """Runs a program; ``print`` shows its segments, and which engine runs each step.

    Attributes
    ----------
    plan : Plan
    program : Program
    """

    def __init__(self, backend: CupyBackend, program: Program, context: RunContext) -> None:
        self.backend = backend
        self.context = context
        self.program = program
        device = backend.device
        self.plan = plan(program, device.facts, backend.emitters())
        # Frames know this and not the executable: what nobody holds is freed at once.
        self._compiled = Compiled(self.plan, context, self._shapes())
        self._free: list[Frame] = []
        self._frames: weakref.WeakSet[Frame] = weakref.WeakSet()
        self._lock = threading.Lock()
        with backend.lock:
            self._compile()
            self._plan_libraries()
            self._send_constants()
        backend.residents.add(self)

    def _shapes(self) -> list[tuple[int, ...] | None]:
        shapes: list[tuple[int, ...] | None] = []
        fuses = any(step.op == FUSED for step in self.program.steps)
        trusts = self.program.memory is not None or fuses
        for origin in self.plan.variables:
            shape = origin.attrs["shape"]
            known = trusts and shape is not None and None not in shape and not origin.attrs["dtype"].np.hasobject
            shapes.append(tuple(shape) if known else None)
        return shapes

    def _compile(self) -> None:
        functions = {
            command.function.name: command.function
            for work in self.plan.works()
            for command in work.emitted.commands
            if isinstance(command, Launch) and all(command.grid)
        }
        if not functions:
            return
        ordered = [functions[name] for name in sorted(functions)]
        keep(ordered)
        source = "\n".join(function.source for function in ordered)
        module = self.backend.device.compile(source, [(function.name, function.fibers) for function in ordered])
        self._compiled.functions = {name: module.function(name) for name in functions}

    def _plan_libraries(self) -> None:
        """Chooses the algorithms of libraries; their workspace follows what steps use of the shared memory."""
        sizes = self.plan.regions.sizes
        offset = self._compiled.workspace_offset = aligned(sizes[SCRATCH])
        gemms, operations, largest = self._compiled.gemms, self._compiled.operations, 0
        for work in self.plan.works():
            for command in work.emitted.commands:
                if isinstance(command, Gemm) and command not in gemms:
                    found = gemms[command] = self.backend.device.plan_gemm(command)
                    largest = max(largest, found.workspace)
                elif isinstance(command, Operate) and command.operation not in operations:
                    found = operations[command.operation] = self.backend.device.plan_operation(command.operation)
                    largest = max(largest, found.workspace)
        if largest:
            sizes[SCRATCH] = offset + aligned(largest)

    def _send_constants(self) -> None:
        nbytes = self.plan.regions.sizes[CONSTANTS]
        if not nbytes:
            return
        allocation = self._compiled.constants = self.backend.allocate(nbytes)
        for spot, array in self.plan.tables:
            if array.nbytes:
                self.backend.device.copy_in(allocation.address + spot.offset, np.ascontiguousarray(array), array.nbytes)
        self.backend.clock.wait()

    def run(self, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        """Runs once, in a frame that no other run uses."""
        try:
            frame = self._free.pop()
        except IndexError:
            frame = self._frame()
        self.backend.residents.touch(self)
        try:
            with np.errstate(all="ignore"), self.backend.device.ordered():
                return frame.run(feeds, trace)
        except OutOfMemory as error:
            raise ResourceExhaustedError(None, None, "\n".join(room_table(self, error))) from error
        except DeviceError as error:
            raise InternalError(None, None, f"{self.backend.device.facts.name}: {error}") from error
        finally:
            if len(self._free) < _LARGEST_POOL:
                self._free.append(frame)

    def _frame(self) -> Frame:
        try:
            with self.context.write_lock:  # before the device's lock, as everywhere
                frame = self.backend.with_room(lambda: Frame(self.backend, self._compiled), self)
        except OutOfMemory as error:
            raise ResourceExhaustedError(None, None, "\n".join(room_table(self, error))) from error
        except DeviceError as error:
            raise InternalError(None, None, f"{self.backend.device.facts.name}: {error}") from error
        self._frames.add(frame)
        return frame

    @property
    def nbytes(self) -> int:
        """Device memory that it holds."""
        constants = self._compiled.constants
        held = 0 if constants is None else constants.nbytes
        return held + sum(frame.arena.nbytes for frame in list(self._frames))

    def release(self) -> None:
        """Gives back the memory of frames that nobody runs in; the next run makes one anew."""
        self._free.clear()

    def __str__(self) -> str:
        return "\n".join(table_of(self))

    def frames(self) -> list[Frame]:
        """The frames that wait for a run."""
        return list(self._free)
