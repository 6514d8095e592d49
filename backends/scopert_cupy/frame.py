"""A place to run in: what goes in and out of a bound program, and its runs."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from scopert.backend import DEAD, InvalidArgumentError, OnDevice, StepFailed, TraceRow
from scopert_cupy.actions import nbytes_of
from scopert_cupy.arena import FEEDS, FETCHES
from scopert_cupy.bound import Bindings, Bound, BoundBatch, Compiled
from scopert_cupy.capture import Call, Segment
from scopert_cupy.eager import function_of, on_host
from scopert_cupy.loops import run_loop
from scopert_cupy.singles import BoundSingle
from scopert_cupy.staging import Staging
from scopert_cupy.state import State

if TYPE_CHECKING:
    from scopert_cupy.backend import CupyBackend


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
        self._sizes = compiled.plan.regions.sizes
        with self.lock:
            self._bindings = bindings = Bindings(self.device, self.clock, self.lock, compiled, backend.take)
            self.top, self.actions, self.arena = bindings.top, bindings.actions, bindings.arena
            if self._sizes[FETCHES]:
                self.device.fill(bindings.bases[FETCHES], 0, self._sizes[FETCHES])
            self._prepare_feeds()
            self._prepare_fetches()
            self.clock.wait()
        # Nothing but commands in batches that always run: values of slots never change.
        self._simple = all(isinstance(bound, BoundBatch) and not bound.batch.guards for bound in self.actions)

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
                target, source = self._bindings.address(spot), self._bindings.address(plan.top.spots[slot])
                calls.append((self.device.copy, (target, source, nbytes)))
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
            state = next(state for other, state in self._bindings.states if other is scope)
            self._statuses.append((word, work, state))
        self._reads_back = any(view is not None for _, view, _ in self._fetches)
        # What a run returns may lie on the host already; that its steps took their inputs still has to be seen.
        self._waits = self._reads_back or bool(self._statuses and self._fetches)

    # A run.

    def run(self, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        """Runs once."""
        self._follow()
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
                self.device.copy_out(self._out, self._bindings.bases[FETCHES], self._sizes[FETCHES])
                if self._statuses:
                    if self.unchecked_since is None:
                        self._unchecked.append(weakref.ref(self))
                    self.unchecked_since = self.clock.count
            if self._waits:
                self.clock.wait()
        if self._unchecked:
            self._check_all()
        return self._results()

    def _follow(self) -> None:
        """Binds anew what uses variables, if they have moved."""
        if self._bindings.is_current:
            return
        with self.compiled.context.write_lock, self.lock:
            if self._bindings.follow():
                self._prepare_fetches()

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
            staging.send(number, self._bindings.bases[FEEDS], self.compiled.plan.sent)
            for (slot, places), array in zip(self._feeds, feeds, strict=True):
                if places is not None and isinstance(array, OnDevice):
                    self.top.fill(slot, array.array)

    def act(self, bound: Bound, trace: list[TraceRow] | None = None) -> None:
        """Runs one action."""
        if isinstance(bound, BoundBatch):
            self._run_batch(bound, trace)
        elif isinstance(bound, BoundSingle):
            bound.run(trace)
        elif bound.state.is_dead(bound.action.guards):
            bound.state.kill(bound.action.step)
        else:
            start = perf_counter_ns()
            run_loop(bound, self.act, self.lock, self.compiled.context.check, trace)
            if trace is not None:
                bound.state.note(trace, bound.action.step, start)

    def _run_batch(self, bound: BoundBatch, trace: list[TraceRow] | None) -> None:
        batch, state = bound.batch, bound.state
        if batch.guards and state.is_dead(batch.guards):
            for work in batch.works:
                state.kill(work.step)
            return
        if batch.touches:
            with self.compiled.context.write_lock:
                self._follow()
                for number, step in batch.needs.items():
                    if not self._bindings.variables[number].initialized:
                        self._fail_uninitialized(number, step, state)
                self._launch(bound, trace)
                for number in batch.marks:
                    self._bindings.variables[number].mark_initialized()
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
                staging.send(number, self._bindings.address(batch.block), batch.nbytes)
            if trace is None:
                bound.segment.run()
                return
            for number, work in enumerate(batch.works):
                begin = perf_counter_ns()
                bound.segment.launch(bound.starts[number], bound.starts[number + 1])
                self.clock.wait()
                bound.state.note(trace, work.step, begin)
            bound.segment.launch(bound.starts[-1], len(bound.segment))

    def _fail_uninitialized(self, number: int, step: Any, state: State) -> None:
        variable = self._bindings.variables[number]
        try:
            variable.read()
        except Exception as error:
            raise StepFailed(step, [variable]) from error

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
        refused = [(work, state, int(word[0])) for word, work, state in self._statuses if word[0]]
        if not refused:
            return
        plan = self.compiled.plan
        with self.lock:
            for spot, _, _ in plan.statuses:
                self.device.fill(self._bindings.address(spot), 0, 4)
        work, state, code = refused[0]
        step = work.step
        if work.emitted.refusal is not None:
            try:
                work.emitted.refusal(code)
            except Exception as error:
                raise StepFailed(step, []) from error
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


def _dead_fetch(number: int) -> InvalidArgumentError:
    return InvalidArgumentError(
        None, None, f"Retval[{number}] does not have value: it stands in a branch that was not taken"
    )
