"""The program at the addresses of one arena: its commands, states and steps, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scopert.backend import RunContext, ShapesChanged
from scopert_cupy.actions import Action, Batch, LoopAction, Move, Plan, Repeated, Scope, Single, Work
from scopert_cupy.arena import CONSTANTS, SCRATCH, VARIABLES, Arena, Spot
from scopert_cupy.capture import Call, Segment
from scopert_cupy.command import Copy, Fill, Gemm, Launch, Operand, Operate
from scopert_cupy.device import Allocation, Device
from scopert_cupy.operation import Operation
from scopert_cupy.singles import BoundSingle
from scopert_cupy.staging import Clock, Staging
from scopert_cupy.state import State


@dataclass(slots=True)
class Compiled:
    """What all frames of an executable share.

    Attributes
    ----------
    plan : Plan
    context : RunContext
    shapes : list of shape
        What the program counts on, by variable.
    functions : dict of str to function
    gemms : dict
        How products are computed.
    operations : dict
        How a library computes its operations.
    constants : Allocation or None
    workspace_offset : int
        Where in the scratch memory the workspace of both begins.
    """

    plan: Plan
    context: RunContext
    shapes: list[tuple[int, ...] | None]
    functions: dict[str, Any] = field(default_factory=dict)
    gemms: dict[Gemm, Any] = field(default_factory=dict)
    operations: dict[Operation, Any] = field(default_factory=dict)
    constants: Allocation | None = None
    workspace_offset: int = 0


class BoundBatch:
    """A batch with addresses."""

    def __init__(self, bindings: Bindings, state: State, batch: Batch, moves: Sequence[Move] = ()) -> None:
        self.batch = batch
        self.state = state
        self.moves = moves
        self.outputs = tuple([slot for work in batch.works for slot in work.step.outputs])
        self.staging = Staging(bindings.device, bindings.clock, batch.nbytes) if batch.block is not None else None
        for work in batch.works:
            if isinstance(work, Repeated):
                bindings.add_states(work)
        self.bind(bindings)

    def bind(self, bindings: Bindings) -> None:
        """Makes the commands, with the addresses of now."""
        calls: list[Call] = []
        #: Where the commands of each work begin.
        self.starts = []
        for work in self.batch.works:
            self.starts.append(len(calls))
            calls += bindings.calls(work)
        self.starts.append(len(calls))
        calls += [bindings.move(move) for move in self.moves]
        self.segment = Segment(bindings.device, calls)


class BoundLoop:
    """A loop with the state of its body."""

    def __init__(self, bindings: Bindings, state: State, action: LoopAction) -> None:
        self.action = action
        self.state = state
        self.inner = bindings.state_of(action.scope)
        moves = action.moves
        self.parts = []
        for number, actions in enumerate(action.parts):
            last = actions[-1] if actions else None
            joined = number == 1 and isinstance(last, Batch) and not last.guards
            bound = bindings.bound(actions, self.inner, moves if joined else ())
            if number == 1 and moves and not joined:
                bound.append(BoundBatch(bindings, self.inner, Batch(()), moves))
            self.parts.append(bound)


Bound = BoundBatch | BoundSingle | BoundLoop


class Bindings:
    """An arena, and what the program's actions become there.

    Parameters
    ----------
    device : Device
    clock : Clock
    lock : context manager
        Held while the device is asked for anything.
    compiled : Compiled
    take : callable
        ``take(nbytes)``: memory for the arena.
    """

    def __init__(
        self, device: Device, clock: Clock, lock: AbstractContextManager[Any], compiled: Compiled,
        take: Callable[[int], Allocation],
    ) -> None:  # fmt: skip
        self.device, self.clock, self.lock, self.compiled = device, clock, lock, compiled
        plan = compiled.plan
        self.variables = [compiled.context.variable(origin) for origin in plan.variables]
        self.arena = Arena(device, plan.regions.sizes, take)
        self.bases = [self.arena.base(region) for region in range(CONSTANTS)]
        self.bases += [compiled.constants.address if compiled.constants is not None else 0]
        self.bases += [0] * len(self.variables)
        self.states: list[tuple[Scope, State]] = []
        self._bound: list[Bound] = []
        self._version = -1
        self.top = self.state_of(plan.top)
        self._locate_variables()
        self._bind_states()
        self.actions = self.bound(plan.top.actions, self.top)

    def state_of(self, scope: Scope) -> State:
        """A state for a scope of the plan."""
        state = State(self.device, self.clock, scope)
        self.states.append((scope, state))
        if self._version >= 0:
            self._bind_state(scope, state)
        return state

    def bound(self, actions: Sequence[Action], state: State, moves: Any = ()) -> list[Any]:
        """Actions with addresses; `moves` follow the last of them."""
        made: list[Bound] = []
        for number, action in enumerate(actions):
            found: Bound
            if isinstance(action, Batch):
                found = BoundBatch(self, state, action, moves if number == len(actions) - 1 else ())
            elif isinstance(action, Single):
                context, in_loop = self.compiled.context, state is not self.top
                found = BoundSingle(action, state, self.device, context, self.lock, in_loop)
            else:
                found = BoundLoop(self, state, action)
            made.append(found)
        self._bound += made
        return made

    def address(self, spot: Spot) -> int:
        """Where a place is now."""
        return self.bases[spot.base] + spot.offset

    def add_states(self, work: Repeated) -> None:
        """States for what a loop repeats, where a step that refuses its inputs finds them."""
        self.state_of(work.scope)
        for inner in work.parts():
            if isinstance(inner, Repeated):
                self.add_states(inner)

    def move(self, move: Move) -> Call:
        """A copy from a place to another one."""
        target, source, nbytes = move
        return self.device.copy, (self.address(target), self.address(source), nbytes)

    def calls(self, work: Work | Repeated) -> list[Call]:
        """The commands of a step as calls of the device."""
        if isinstance(work, Repeated):
            return self._calls_of_loop(work)
        device, compiled = self.device, self.compiled
        for table, spot in work.tables:
            entries = [self.address(work.spot(e)) if isinstance(e, Operand) else e for e in table.entries]
            values = np.asarray(entries, np.uint64)
            device.copy_in(self.address(spot), values, values.nbytes)
        made: list[Call] = []
        for command in work.emitted.commands:
            if isinstance(command, Launch):
                if not all(command.grid):
                    continue
                arguments = [
                    np.uint64(self.address(work.spot(a))) if isinstance(a, Operand) else a for a in command.arguments
                ]
                function = compiled.functions[command.function.name]
                made.append((device.launch, (function, command.grid, command.block, command.shared, arguments)))
            elif isinstance(command, Copy):
                target, source = self.address(work.spot(command.target)), self.address(work.spot(command.source))
                if command.nbytes and target != source:
                    made.append((device.copy, (target, source, command.nbytes)))
            elif isinstance(command, Fill):
                if command.nbytes:
                    made.append((device.fill, (self.address(work.spot(command.target)), command.byte, command.nbytes)))
            elif isinstance(command, Operate):
                addresses = [self.address(work.spot(operand)) for operand in command.operands]
                made.append((device.operate, (compiled.operations[command.operation], addresses, self._beside)))
            else:
                made.append((device.gemm, self._gemm_arguments(work, command)))
        return made

    def _calls_of_loop(self, loop: Repeated) -> list[Call]:
        """The same calls in every iteration, made once."""
        known: dict[int, list[Call]] = {}
        made: list[Call] = []
        for work in loop.sequence():
            if isinstance(work, tuple):
                made.append(self.move(work))
                continue
            calls = known.get(id(work))
            if calls is None:
                calls = known[id(work)] = self.calls(work)
            made += calls
        return made

    def _gemm_arguments(self, work: Work, gemm: Gemm) -> tuple[Any, ...]:
        a, b, out = [self.address(work.spot(matrix.at)) for matrix in (gemm.a, gemm.b, gemm.out)]
        beside = gemm.bias if gemm.bias is not None else gemm.bias_gradient
        bias, aux = [0 if operand is None else self.address(work.spot(operand)) for operand in (beside, gemm.aux)]
        return self.compiled.gemms[gemm], a, b, out, bias, self._beside, aux

    @property
    def _beside(self) -> int:
        """The workspace of libraries: behind what the step itself uses of the shared memory."""
        return self.bases[SCRATCH] + self.compiled.workspace_offset

    def _locate_variables(self) -> None:
        """Looks up where the variables are; ShapesChanged if one has another shape than the program counts on."""
        context = self.compiled.context
        with context.write_lock:
            self._version = context.memory_version
            for number, (variable, shape) in enumerate(zip(self.variables, self.compiled.shapes, strict=True)):
                if shape is None:
                    continue
                if variable.shape != shape and variable.initialized:
                    raise ShapesChanged(
                        f"{variable.name} has the shape {variable.shape}, the program was made for {shape}"
                    )
                if variable.array() is None:
                    variable.reserve(shape)
                    self._version = context.memory_version
                self.bases[VARIABLES + number] = self.device.address_of(variable.array())

    def _bind_states(self) -> None:
        for scope, state in self.states:
            self._bind_state(scope, state)

    def _bind_state(self, scope: Scope, state: State) -> None:
        views = {}
        for slot, spot in scope.spots.items():
            value = scope.program.values[slot]
            shape: Any = value.shape
            if spot.base >= VARIABLES:
                view = self.variables[spot.base - VARIABLES].array().reshape(shape)
            elif spot.base == CONSTANTS:
                view = self.device.view(self.compiled.constants, spot.offset, shape, value.dtype.base)  # type: ignore[arg-type]
            else:
                view = self.arena.view(spot, shape, value.dtype.base)
            views[slot] = view, self.address(spot)
        state.bind(views, {slot: self.variables[number] for slot, number in scope.variables.items()})

    @property
    def is_current(self) -> bool:
        """No variable has moved since its address was taken."""
        return not self.variables or self.compiled.context.memory_version == self._version

    def follow(self) -> bool:
        """Binds anew what uses variables; false if nothing had to be. The store and the device are locked."""
        before = self.bases.copy()
        self._locate_variables()
        if before == self.bases:
            return False
        # Commands of runs before may still use the memory that is left.
        self.clock.wait()
        self._bind_states()
        for bound in self._bound:
            if isinstance(bound, BoundBatch) and bound.batch.touches:
                bound.bind(self)
        return True
