"""A place to run in: an arena, the program bound to its addresses, and what goes in and out."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from scopert.backend import DEAD, FUSED, InvalidArgumentError, OnDevice, RunContext, ShapesChanged, StepFailed, TraceRow
from scopert_cupy.actions import Action, Batch, LoopAction, Plan, Scope, Single, Work, nbytes_of
from scopert_cupy.arena import CONSTANTS, FEEDS, FETCHES, SCRATCH, VALUES, VARIABLES, Arena, Spot
from scopert_cupy.capture import Call, Segment
from scopert_cupy.command import Copy, Fill, Gemm, Launch, Operand
from scopert_cupy.device import Allocation
from scopert_cupy.eager import KEEPERS, Fallback, function_of, keeps_inputs, lock_of, on_host, verified
from scopert_cupy.loops import run_loop
from scopert_cupy.staging import Staging
from scopert_cupy.state import State

if TYPE_CHECKING:
    from scopert_cupy.backend import CupyBackend


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
    constants : Allocation or None
    workspace_offset : int
        Where in the scratch memory the workspace of products begins.
    """

    plan: Plan
    context: RunContext
    shapes: list[tuple[int, ...] | None]
    functions: dict[str, Any] = field(default_factory=dict)
    gemms: dict[Gemm, Any] = field(default_factory=dict)
    constants: Allocation | None = None
    workspace_offset: int = 0


class BoundBatch:
    """A batch with addresses."""

    def __init__(self, frame: Frame, state: State, batch: Batch, moves: Sequence[tuple[Spot, Spot, int]] = ()) -> None:
        self.batch = batch
        self.state = state
        self.moves = moves
        self.outputs = tuple([slot for work in batch.works for slot in work.step.outputs])
        self.staging = Staging(frame.device, frame.clock, batch.nbytes) if batch.block is not None else None
        self.bind(frame)

    def bind(self, frame: Frame) -> None:
        """Makes the commands, with the addresses of now."""
        calls: list[Call] = []
        #: Where the commands of each work begin.
        self.starts = []
        for work in self.batch.works:
            self.starts.append(len(calls))
            calls += frame.calls(work)
        self.starts.append(len(calls))
        calls += [
            (frame.device.copy, (frame.address(target), frame.address(source), nbytes))
            for target, source, nbytes in self.moves
        ]
        self.segment = Segment(frame.device, calls)


class BoundSingle:
    """A step that runs by itself, with its kernel."""

    def __init__(self, frame: Frame, state: State, single: Single) -> None:
        step, program = single.step, state.program
        self.single = single
        self.state = state
        self.keeps = keeps_inputs(step)
        self.lock = lock_of(step, frame.compiled.context)
        xp, context = frame.device.xp, frame.compiled.context
        self.function: Any = None
        if single.engine == "eager":
            if xp is np:
                self.function = verified(function_of(step, program, np, context), program, step)
            else:
                self.function = Fallback(step, program, xp, context, state.to_host, state.to_device)
        elif single.engine == "host":
            function = function_of(step, program, np, context)
            self.function = verified(function, program, step)


class BoundLoop:
    """A loop with the state of its body."""

    def __init__(self, frame: Frame, state: State, action: LoopAction) -> None:
        self.action = action
        self.state = state
        self.inner = frame.state_of(action.scope)
        moves = action.moves
        self.parts = []
        for number, actions in enumerate(action.parts):
            last = actions[-1] if actions else None
            joined = number == 1 and isinstance(last, Batch) and not last.guards
            bound = frame.bound(actions, self.inner, moves if joined else ())
            if number == 1 and moves and not joined:
                bound.append(BoundBatch(frame, self.inner, Batch(()), moves))
            self.parts.append(bound)


Bound = BoundBatch | BoundSingle | BoundLoop


class Frame:
    """One run at a time goes through a frame."""

    def __init__(self, backend: CupyBackend, compiled: Compiled) -> None:
        self.compiled = compiled
        self.device = backend.device
        self.clock = backend.clock
        self.lock = backend.lock
        #: When a copy of the words that say whether inputs were refused was asked for, and not looked at yet.
        self.unchecked_since: int | None = None
        self._unchecked = backend.unchecked
        plan = compiled.plan
        self._variables = [compiled.context.variable(origin) for origin in plan.variables]
        self._sizes = plan.regions.sizes
        with self.lock:
            self.arena = Arena(self.device, self._sizes, backend.take)
            self.bases = [self.arena.base(region) for region in range(CONSTANTS)]
            self.bases += [compiled.constants.address if compiled.constants is not None else 0]
            self.bases += [0] * len(self._variables)
            self._states: list[tuple[Scope, State]] = []
            self._bound: list[Bound] = []
            self._version = -1
            self.top = self.state_of(plan.top)
            self._locate_variables()
            self._bind_states()
            if self._sizes[FETCHES]:
                self.device.fill(self.bases[FETCHES], 0, self._sizes[FETCHES])
            self.actions = self.bound(plan.top.actions, self.top)
            self._prepare_feeds()
            self._prepare_fetches()
            self.clock.wait()
        # Nothing but commands in batches that always run: values of slots never change.
        self._simple = all(isinstance(bound, BoundBatch) and not bound.batch.guards for bound in self.actions)

    # Binding.

    def state_of(self, scope: Scope) -> State:
        """A state for a scope of the plan."""
        state = State(self.device, self.clock, scope)
        self._states.append((scope, state))
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
                found = BoundSingle(self, state, action)
            else:
                found = BoundLoop(self, state, action)
            made.append(found)
        self._bound += made
        return made

    def address(self, spot: Spot) -> int:
        """Where a place is now."""
        return self.bases[spot.base] + spot.offset

    def calls(self, work: Work) -> list[Call]:
        """The commands of a step as calls of the device."""
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
            else:
                made.append((device.gemm, self._gemm_arguments(work, command)))
        return made

    def _gemm_arguments(self, work: Work, gemm: Gemm) -> tuple[Any, ...]:
        a, b, out = [self.address(work.spot(matrix.at)) for matrix in (gemm.a, gemm.b, gemm.out)]
        beside = gemm.bias if gemm.bias is not None else gemm.bias_gradient
        bias, aux = [0 if operand is None else self.address(work.spot(operand)) for operand in (beside, gemm.aux)]
        # The workspace stands behind what the step itself uses of the shared memory.
        workspace = self.bases[SCRATCH] + self.compiled.workspace_offset
        return self.compiled.gemms[gemm], a, b, out, bias, workspace, aux

    def _locate_variables(self) -> None:
        """Looks up where the variables are; ShapesChanged if one has another shape than the program counts on."""
        context = self.compiled.context
        with context.write_lock:
            self._version = context.memory_version
            for number, (variable, shape) in enumerate(zip(self._variables, self.compiled.shapes, strict=True)):
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
        for scope, state in self._states:
            self._bind_state(scope, state)

    def _bind_state(self, scope: Scope, state: State) -> None:
        views = {}
        for slot, spot in scope.spots.items():
            value = scope.program.values[slot]
            shape: Any = value.shape
            if spot.base >= VARIABLES:
                view = self._variables[spot.base - VARIABLES].array().reshape(shape)
            elif spot.base == CONSTANTS:
                view = self.device.view(self.compiled.constants, spot.offset, shape, value.dtype.base)  # type: ignore[arg-type]
            else:
                view = self.arena.view(spot, shape, value.dtype.base)
            views[slot] = view, self.address(spot)
        state.bind(views, {slot: self._variables[number] for slot, number in scope.variables.items()})

    def follow(self) -> None:
        """Binds anew what uses variables, if they have moved."""
        context = self.compiled.context
        if not self._variables or context.memory_version == self._version:
            return
        with context.write_lock, self.lock:
            before = self.bases.copy()
            self._locate_variables()
            if before == self.bases:
                return
            # Commands of runs before may still use the memory that is left.
            self.clock.wait()
            self._bind_states()
            for bound in self._bound:
                if isinstance(bound, BoundBatch) and bound.batch.touches:
                    bound.bind(self)
            self._prepare_fetches()

    # In and out.

    def _prepare_feeds(self) -> None:
        plan, program = self.compiled.plan, self.top.program
        self._staging = Staging(self.device, self.clock, plan.sent) if plan.sent else None
        slabs = [] if self._staging is None else self._staging.slabs()
        self._feeds: list[tuple[int, list[Any] | None]] = []
        for slot in program.feeds:
            spot = plan.top.spots.get(slot)
            if spot is None:
                self._feeds.append((slot, None))
                continue
            value = program.values[slot]
            shape: Any = value.shape
            nbytes = nbytes_of(value)
            places = [s[spot.offset : spot.offset + nbytes].view(value.dtype.np).reshape(shape) for s in slabs]
            self._feeds.append((slot, places))
        self._parameters = [
            (p.value, origin, [s[spot.offset : spot.offset + p.nbytes] for s in slabs])
            for p, origin, spot in plan.parameters
        ]

    def _prepare_fetches(self) -> None:
        plan, program = self.compiled.plan, self.top.program
        self._out = self.device.pinned(self._sizes[FETCHES]) if self._sizes[FETCHES] else None
        calls: list[Call] = []
        self._fetches: list[tuple[int, Any, bool]] = []
        for slot, spot in plan.top.fetched.items():
            nbytes = nbytes_of(program.values[slot])
            if plan.top.spots[slot] != spot and nbytes:
                calls.append((self.device.copy, (self.address(spot), self.address(plan.top.spots[slot]), nbytes)))
        self._epilogue = Segment(self.device, calls)
        for fetch in program.fetches:
            place = plan.top.fetched.get(fetch.slot)
            view = None
            if place is not None:
                assert self._out is not None
                value = program.values[fetch.slot]
                shape: Any = value.shape
                view = self._out[place.offset : place.offset + nbytes_of(value)].view(value.dtype.np).reshape(shape)
            self._fetches.append((fetch.slot, view, fetch.shared))
        self._statuses = []
        for spot, work, scope in plan.statuses:
            assert self._out is not None
            word = self._out[spot.offset : spot.offset + 4].view(np.uint32)
            state = next(state for other, state in self._states if other is scope)
            self._statuses.append((word, work, state))
        self._reads_back = any(view is not None for _, view, _ in self._fetches)
        # What a run returns may lie on the host already; that its steps took their inputs still has to be seen.
        self._waits = self._reads_back or bool(self._statuses and self._fetches)

    # A run.

    def run(self, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        """Runs once."""
        self.follow()
        if not self._simple or len(self.top.host) != len(self.top.program.constants):
            self.top.reset()
        if self._feeds or self._parameters:
            self._send(feeds)
        if self._unchecked:  # before this run's words come back into the same memory
            self._check_all()
        for bound in self.actions:
            self.act(bound, trace)
        with self.lock:
            if len(self._epilogue):
                self._epilogue.run()
            if self._reads_back or self._statuses:
                self.device.copy_out(self._out, self.bases[FETCHES], self._sizes[FETCHES])
                if self._statuses:
                    if self.unchecked_since is None:
                        self._unchecked.append(weakref.ref(self))
                    self.unchecked_since = self.clock.count
            if self._waits:
                self.clock.wait()
        if self._unchecked:
            self._check_all()
        return self._results()

    def _send(self, feeds: Sequence[Any]) -> None:
        host, values, staging = self.top.host, self.top.values, self._staging
        for (slot, places), array in zip(self._feeds, feeds, strict=True):
            if not isinstance(array, OnDevice):
                host[slot] = array
            if places is None:
                values[slot] = array.array if isinstance(array, OnDevice) else array
            elif array.shape != places[0].shape or array.dtype != places[0].dtype:
                name = self.top.program.values[slot].name
                raise InvalidArgumentError(
                    None, None, f"{name} is fed with {array.dtype} {array.shape}; the program was compiled for "
                    f"{places[0].dtype} {places[0].shape}",
                )  # fmt: skip
        if staging is None:
            return
        given = [value(self.compiled.context, origin) for value, origin, _ in self._parameters]
        with self.lock:
            number, _ = staging.slab()
            for (_, places), array in zip(self._feeds, feeds, strict=True):
                if places is not None and not isinstance(array, OnDevice):
                    places[number][...] = array
            for (_, _, slots), value in zip(self._parameters, given, strict=True):
                slots[number][:] = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
            staging.send(number, self.bases[FEEDS], self.compiled.plan.sent)
            for (slot, places), array in zip(self._feeds, feeds, strict=True):
                if places is not None and isinstance(array, OnDevice):
                    self.top.fill(slot, array.array)

    def act(self, bound: Bound, trace: list[TraceRow] | None = None) -> None:
        """Runs one action."""
        if isinstance(bound, BoundBatch):
            self._run_batch(bound, trace)
        elif isinstance(bound, BoundSingle):
            self._run_single(bound, trace)
        elif bound.state.is_dead(bound.action.guards):
            bound.state.kill(bound.action.step)
        else:
            start = perf_counter_ns()
            run_loop(self, bound, trace)
            if trace is not None:
                self._note(trace, bound.action.step, bound.state, start)

    def _run_batch(self, bound: BoundBatch, trace: list[TraceRow] | None) -> None:
        batch, state = bound.batch, bound.state
        if batch.guards and state.is_dead(batch.guards):
            for work in batch.works:
                state.kill(work.step)
            return
        if batch.touches:
            with self.compiled.context.write_lock:
                self.follow()
                for number, step in batch.needs.items():
                    if not self._variables[number].initialized:
                        self._fail_uninitialized(number, step, state)
                self._launch(bound, trace)
                for number in batch.marks:
                    self._variables[number].mark_initialized()
        else:
            self._launch(bound, trace)
        if not self._simple:
            state.revive(bound.outputs)

    def _launch(self, bound: BoundBatch, trace: list[TraceRow] | None) -> None:
        batch, staging = bound.batch, bound.staging
        given: list[Any] = []
        if staging is not None:
            context = self.compiled.context
            given = [parameter.value(context, origin) for parameter, origin, _ in batch.parameters]
        with self.lock:
            if staging is not None:
                assert batch.block is not None
                number, slab = staging.slab()
                for (_, _, spot), value in zip(batch.parameters, given, strict=True):
                    array = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
                    start = spot.offset - batch.block.offset
                    slab[start : start + array.size] = array
                staging.send(number, self.address(batch.block), batch.nbytes)
            if trace is None:
                bound.segment.run()
                return
            for number, work in enumerate(batch.works):
                begin = perf_counter_ns()
                bound.segment.launch(bound.starts[number], bound.starts[number + 1])
                self.clock.wait()
                self._note(trace, work.step, bound.state, begin)
            bound.segment.launch(bound.starts[-1], len(bound.segment))

    def _note(self, trace: list[TraceRow], step: Any, state: State, start: int) -> None:
        trace.append((step, start, perf_counter_ns(), sum([state.nbytes(slot) for slot in step.outputs])))

    def _fail_uninitialized(self, number: int, step: Any, state: State) -> None:
        variable = self._variables[number]
        try:
            variable.read()
        except Exception as error:
            raise StepFailed(step, [variable]) from error

    # Steps that run by themselves.

    def _run_single(self, bound: BoundSingle, trace: list[TraceRow] | None) -> None:
        single, state = bound.single, bound.state
        step = single.step
        start = perf_counter_ns() if trace is not None else 0
        if state.is_dead(single.guards):
            state.kill(step)
        elif single.engine == "switch":
            self._switch(step, state)
        elif single.engine == "merge":
            self._merge(step, state)
        else:
            self._call(bound, step, state)
        if trace is not None:
            with self.lock:
                self.clock.wait()
            self._note(trace, step, state, start)

    def _switch(self, step: Any, state: State) -> None:
        data, predicate = step.inputs
        with self.lock:
            chosen = 1 if bool(state.on_host(predicate)) else 0
            dead, alive = step.outputs[1 - chosen], step.outputs[chosen]
            state.put(dead, DEAD, from_host=False)
            state.take(alive, state, data)

    def _merge(self, step: Any, state: State) -> None:
        for index, slot in enumerate(step.inputs):
            if state.values[slot] is not DEAD:
                with self.lock:
                    state.take(step.outputs[0], state, slot)
                    state.put(step.outputs[1], np.int32(index), from_host=True)
                return
        state.kill(step)

    def _call(self, bound: BoundSingle, step: Any, state: State) -> None:
        inputs: list[Any] = []
        on_host_side = bound.single.engine == "host"
        try:
            if on_host_side:
                with self.lock:
                    inputs = [state.on_host(slot) for slot in step.inputs]
                if bound.keeps:
                    inputs = [value.copy() if type(value) is np.ndarray else value for value in inputs]
                with bound.lock:
                    if self.device.xp is np:
                        made = bound.function(*inputs)
                    else:
                        made = on_host(bound.function, inputs, state.to_host, state.to_device)
            else:
                with bound.lock, self.lock:
                    if step.op in KEEPERS:  # a scalar's memory, not its value
                        inputs = [state.values[slot] for slot in step.inputs]
                    else:
                        inputs = [state.on_device(slot) for slot in step.inputs]
                    if bound.keeps and step.op != FUSED:
                        inputs = [state.own(value) for value in inputs]
                    if self.device.xp is np:
                        self.clock.wait()
                    made = bound.function(*inputs)
            outputs = (made,) if len(step.outputs) == 1 else made or ()
            with self.lock:
                for slot, item in zip(step.outputs, outputs, strict=True):
                    in_loop = state is not self.top
                    state.put(slot, _array(item), from_host=on_host_side, copy=step.copies or in_loop)
        except StepFailed:
            raise
        except Exception as error:
            raise StepFailed(step, inputs) from error

    # Results.

    def _check_all(self) -> None:
        """Looks at what came back: of this run if it has been waited for, and of earlier ones that were not."""
        found = []
        with self.lock:
            for reference in self._unchecked.copy():
                frame = reference()
                if frame is None:
                    self._unchecked.remove(reference)
                elif frame.compiled.context is self.compiled.context and frame.has_come_back():
                    self._unchecked.remove(reference)
                    frame.unchecked_since = None
                    found.append(frame)
        for frame in found:
            frame._check_statuses()

    def has_come_back(self) -> bool:
        """Whether the words of its last run can be looked at."""
        return self.unchecked_since is not None and self.unchecked_since < self.clock.count

    def _check_statuses(self) -> None:
        refused = [(work, state) for word, work, state in self._statuses if word[0]]
        if not refused:
            return
        plan = self.compiled.plan
        with self.lock:
            for spot, _, _ in plan.statuses:
                self.device.fill(self.address(spot), 0, 4)
        work, state = refused[0]
        step = work.step
        with self.lock:
            inputs = [state.on_host(slot) for slot in step.inputs]
        function = function_of(step, state.program, np, self.compiled.context)
        try:
            on_host(function, inputs, state.to_host, state.to_device)
        except Exception as error:
            raise StepFailed(step, inputs) from error
        raise StepFailed(step, inputs) from InvalidArgumentError(
            None, None, f"{step.op} was given a value out of range (its memory has been reused since, so the value "
            "cannot be told)",
        )  # fmt: skip

    def _results(self) -> list[Any]:
        made: list[Any] = []
        values, host = self.top.values, self.top.host
        for slot, view, shared in self._fetches:
            if values[slot] is DEAD:
                raise _dead_fetch(len(made))
            if view is not None:
                made.append(view.copy() if view.ndim else view[()])
                continue
            value = host.get(slot)
            if value is None:
                value = values[slot]
                if not isinstance(value, np.ndarray):
                    with self.lock:
                        value = self.top.on_host(slot)
            if type(value) is np.ndarray:
                if not value.ndim:
                    value = value[()]
                elif shared or not value.flags.writeable or slot in host or value.base is not None:
                    value = value.copy()
            made.append(value)
        return made

    def describe(self) -> Iterator[str]:
        """A line for each bound action of the top level."""
        for bound in self.actions:
            if isinstance(bound, BoundBatch):
                recording = bound.segment.recording
                state = f"graph of {recording.nodes} nodes" if recording is not None else "plain launches"
                yield state + (f": {bound.segment.refused}" if bound.segment.refused else "")
            else:
                yield ""


def _array(value: Any) -> Any:
    """Python numbers as NumPy's."""
    return np.asarray(value)[()] if isinstance(value, bool | int | float | complex) else value


def _dead_fetch(number: int) -> InvalidArgumentError:
    return InvalidArgumentError(
        None, None, f"Retval[{number}] does not have value: it stands in a branch that was not taken"
    )


__all__ = ["FEEDS", "VALUES", "Frame"]
