"""A Program with planned memory: values stand in a workspace that one run after the other uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np

from scopert.backend import (
    FUSED,
    RANDOM,
    Kernel,
    Memory,
    Program,
    RunContext,
    Step,
    StepFailed,
    TraceRow,
    Value,
    select_kernel_into,
)
from scopert_numpy.executable import check_shapes, results, variable_shapes
from scopert_numpy.handed_out import HandedOut, is_large
from scopert_numpy.quiet import quiet_for
from scopert_numpy.steps import Binder, Row, run_rows, run_traced
from scopert_numpy.verify import verified_into

# How many workspaces wait for the next runs: as many as runs were under way at the same time, up to this.
_LARGEST_POOL = 16


class PlannedExecutable:
    """Runs a Program whose values have places; a steady-state run allocates what it returns, and no other array.

    A run takes a workspace that no other run uses, so several threads may run it at once.
    """

    def __init__(
        self, program: Program, context: RunContext, kernels: Mapping[str, Sequence[Kernel]],
        allocate: Callable[[int], Any], view: Callable[..., Any],
    ) -> None:  # fmt: skip
        assert program.memory is not None
        self._program = program
        self._memory: Memory = program.memory
        self._context = context
        self._kernels = kernels
        self._allocate = allocate
        self._view = view
        self._binder = Binder(context, kernels)
        self._template = self._binder.slots(program)
        fetched = dict.fromkeys([fetch.slot for fetch in program.fetches])
        self._large = [slot for slot in fetched if is_large(program.values[slot])]
        self._plain_rows = self._binder.rows(program, [()] * len(program.steps))
        self._position = {id(step): number for number, step in enumerate(program.steps)}
        self._feeds = program.feeds
        self._quiet = quiet_for(program)
        self._fetches = tuple([(fetch.slot, fetch.shared) for fetch in program.fetches])
        self._clear = tuple(dict.fromkeys((*program.feeds, *[fetch.slot for fetch in program.fetches])))
        self._shapes = variable_shapes(program, self._template)
        self._free: list[_Frame] = []

    @property
    def memory(self) -> Memory:
        """The layout of its workspace."""
        return self._memory

    def run(self, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        """Runs once, in the calling thread."""
        check_shapes(self._shapes)
        try:
            frame = self._free.pop()
        except IndexError:
            frame = self._frame()
        values = frame.values
        for slot, array in zip(self._feeds, feeds, strict=True):
            values[slot] = array
        try:
            if trace is None:
                self._quiet(run_rows, frame.rows, values)
            else:
                self._quiet(run_traced, frame.rows, values, trace)
            made = results(self._fetches, values, frame.handed)
        except StepFailed as failure:
            values[:] = frame.initial
            raise self._explained(failure) from failure.__cause__
        except BaseException:
            values[:] = frame.initial
            raise
        initial = frame.initial
        for slot in self._clear:
            values[slot] = initial[slot]
        if len(self._free) < _LARGEST_POOL:
            self._free.append(frame)
        return made

    def _explained(self, failure: StepFailed) -> StepFailed:
        """The failure as the generic kernel reports it, for a step whose own one filled given memory."""
        position = self._position.get(id(failure.step))
        if position is None or not self._fills[position]:
            return failure
        try:
            self._quiet(self._plain_rows[position][0], *failure.inputs)
        except Exception as error:
            failure.__cause__ = error
        return failure

    # A workspace, and the program bound to it.

    def _frame(self) -> _Frame:
        program, memory = self._program, self._memory
        workspace = self._allocate(memory.nbytes)
        views: dict[int, Any] = {
            slot: self._view(workspace, offset, program.values[slot].shape, program.values[slot].dtype)
            for slot, offset in memory.offsets.items()
        }
        values = program.values
        handed = {slot: HandedOut(cast(Any, values[slot].shape), values[slot].dtype.np) for slot in self._large}
        initial = self._template.copy()
        filled: set[int] = set()
        straights = None
        if not self._binder.verifies:
            from scopert_numpy.native import unavailable

            if unavailable() is None:
                from scopert_numpy.straight_rows import straight_rows

                straights = straight_rows(program, views, handed, self._binder)
        rows: list[Row] = []
        fills: list[bool] = []
        for step, plain in zip(program.steps, self._plain_rows, strict=True):
            fills.append(False)
            if straights is not None and straights.take(step, plain, filled):
                continue
            outputs = [views.get(slot, None if step.guards else handed.get(slot)) for slot in step.outputs]
            if step.outputs and step.outputs[0] in memory.views and step.inputs[0] in filled:
                # The memory is there already, under another shape.
                initial[step.outputs[0]] = views[step.outputs[0]]
                filled.add(step.outputs[0])
                continue
            row = plain
            function = None if all(out is None for out in outputs) else self._into(step, plain[0], outputs)
            if function is not None:
                fills[-1] = True
                filled.update(slot for slot in step.outputs if slot in views)
                row = (function, *plain[1:])
            if straights is None:
                rows.append(row)
            else:
                straights.leave(row, filled)
        if straights is not None:
            rows = straights.finish()
            initial = [old if new is None else new for new, old in zip(straights.known, initial, strict=True)]
        self._fills = fills
        lasting = {slot for slot, value in enumerate(initial) if value is not None}
        return _Frame(_forgetting(rows, lasting | filled | {slot for slot, _ in self._fetches}), initial, handed)

    def _into(self, step: Step, plain: Callable[..., Any], outputs: list[Any]) -> Callable[..., Any] | None:
        """A function that fills these places."""
        if any(slot in self._memory.copied for slot in step.outputs):
            outputs = [None if isinstance(out, HandedOut) else out for out in outputs]
            if step.copies:
                plain = self._binder.bind(self._program, replace(step, copies=False))
                return _copying_to(plain, outputs, np.array)
            return _copying_to(plain, outputs, lambda made: made)
        function: Callable[..., Any] | None
        if step.op == FUSED:
            function = self._binder.bind(self._program, step)
        else:
            function = select_kernel_into(step, np, self._context, self._kernels)
        if function is None:
            return None
        if self._binder.verifies and RANDOM not in step.traits:  # which would draw twice
            function = verified_into(function, plain, step)
        return _into_places(function, outputs, [self._program.values[slot] for slot in step.outputs])


class _Frame:
    """A workspace for one run at a time: rows that are bound to it, and the values of slots between runs."""

    __slots__ = ("handed", "initial", "rows", "values")

    def __init__(self, rows: list[Row], initial: list[Any], handed: dict[int, HandedOut]) -> None:
        self.handed = handed
        self.rows = rows
        self.initial = initial
        self.values = initial.copy()


def _forgetting(rows: Sequence[Row], lasting: set[int]) -> list[Row]:
    """The rows, each with the slots that no later one needs: all but those that are `lasting`."""
    made: list[Row] = []
    seen = set(lasting)
    for function, inputs, outputs, one, _, step in reversed(rows):
        slots = dict.fromkeys((*inputs, *((outputs,) if one else outputs)))
        last = tuple([slot for slot in slots if slot not in seen])
        seen.update(last)
        made.append((function, inputs, outputs, one, last, step))
    made.reverse()
    return made


def _bound(function: Callable[..., Any], out: Any) -> Callable[..., Any]:
    def call(*inputs: Any) -> Any:
        return function(*inputs, out=out)

    return call


def _into_places(function: Callable[..., Any], outputs: list[Any], values: list[Value]) -> Callable[..., Any]:
    """Outputs without a place get new memory in each run."""
    missing: list[tuple[int, Callable[[], Any]]] = []
    for number, (out, value) in enumerate(zip(outputs, values, strict=True)):
        if out is None:
            missing.append((number, partial(np.empty, value.shape or (), value.dtype.np)))
        elif isinstance(out, HandedOut):
            missing.append((number, out.new))
    if len(outputs) == 1:
        if not missing:
            return _bound(function, outputs[0])
        new = missing[0][1]
        return lambda *inputs: function(*inputs, out=new())
    if not missing:
        return _bound(function, tuple(outputs))

    def call(*inputs: Any) -> Any:
        given = outputs.copy()
        for number, new in missing:
            given[number] = new()
        return function(*inputs, out=tuple(given))

    return call


def _copying_to(
    function: Callable[..., Any], outputs: list[Any], others: Callable[[Any], Any]
) -> Callable[..., Any]:
    """Copies what `function` returns into the places that there are; `others` is applied to the rest."""

    def placed(made: Any, out: Any) -> Any:
        if not isinstance(made, np.ndarray):
            return made
        if out is None or made.shape != out.shape:
            return others(made)
        out[...] = made
        return out

    if len(outputs) == 1:
        return lambda *inputs: placed(function(*inputs), outputs[0])
    return lambda *inputs: tuple([placed(made, out) for made, out in zip(function(*inputs), outputs, strict=True)])
