"""Frames: a program bound to a workspace of its own, for one run at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np

from scopert.backend import FUSED, LOOP, RANDOM, Memory, Program, Step, StepFailed, select_kernel_into
from scopert_numpy.handed_out import HandedOut, is_large
from scopert_numpy.into_places import copier, copying_to, into_places
from scopert_numpy.steps import Binder, Row
from scopert_numpy.verify import verified_into


class Frame:
    """A workspace for one run at a time: rows that are bound to it, and the values of slots between runs.

    Attributes
    ----------
    parts : list of lists of rows
        For each part of the program.
    views : dict
        Slot -> its place in the workspace.
    """

    __slots__ = ("handed", "initial", "parts", "values", "views")

    def __init__(
        self, parts: list[list[Row]], initial: list[Any], handed: dict[int, HandedOut], views: dict[int, Any]
    ) -> None:
        self.handed = handed
        self.parts = parts
        self.initial = initial
        self.views = views
        self.values = initial.copy()

    def release(self) -> None:
        """Forgets what the last run put into slots."""
        self.values[:] = self.initial
        for rows in self.parts:
            for row in rows:
                forget = getattr(row[0], "forget", None)
                if forget is not None:
                    forget()


class Frames:
    """Makes frames for a program with a memory plan.

    Parameters
    ----------
    program : Program
    binder : Binder
    ends : sequence of int
        Where the parts of the program end.
    copies : dict of int to int
        Placed slot -> slot that is copied there at the end of the part before the last one: a loop's variables.
    wanted : collection of int
        Slots that somebody besides the steps looks at.
    lasting : collection of int
        Feeds that are the same in many runs of the rows.
    """

    def __init__(
        self, program: Program, binder: Binder, ends: Sequence[int], copies: dict[int, int] | None = None,
        wanted: Collection[int] = (), lasting: Collection[int] = (),
    ) -> None:  # fmt: skip
        assert program.memory is not None
        self._program = program
        self._memory: Memory = program.memory
        self._binder = binder
        self._ends = tuple(ends)
        self._copies = copies or {}
        self._wanted = {*wanted, *[fetch.slot for fetch in program.fetches]}
        self._lasting = frozenset(lasting)
        self._template = binder.slots(program)
        self._rows = binder.rows(program, [()] * len(program.steps))
        self._position = {id(step): number for number, step in enumerate(program.steps)}
        fetched = dict.fromkeys([fetch.slot for fetch in program.fetches])
        self._large = [slot for slot in fetched if is_large(program.values[slot])]
        self._fills: list[bool] = []

    @property
    def template(self) -> list[Any]:
        """The values of slots that no step fills."""
        return self._template

    @property
    def rows(self) -> list[Row]:
        """The steps as they are where they have no places."""
        return self._rows

    def explained(self, failure: StepFailed, run: Callable[..., Any]) -> StepFailed:
        """The failure as the generic kernel reports it, for a step whose own one filled given memory."""
        position = self._position.get(id(failure.step))
        if position is None or not self._fills[position] or any(value is None for value in failure.inputs):
            return failure
        try:
            run(self._rows[position][0], *failure.inputs)
        except Exception as error:  # whatever it is, it is what the run reports
            failure.__cause__ = error
        return failure

    def make(self) -> Frame:
        """A workspace, and the program bound to it."""
        program, memory = self._program, self._memory
        workspace = self._binder.allocate(memory.nbytes)
        views: dict[int, Any] = {
            slot: self._binder.view(workspace, offset, program.values[slot].shape, program.values[slot].dtype)
            for slot, offset in memory.offsets.items()
        }
        values = program.values
        handed = {slot: HandedOut(cast(Any, values[slot].shape), values[slot].dtype.np) for slot in self._large}
        initial = self._template.copy()
        filled = {slot for slot in program.feeds if slot in views}
        for slot in filled:
            initial[slot] = views[slot]
        straights = None if self._binder.verifies else self._straights(views, handed)
        rows: list[Row] = []
        fills: list[bool] = []
        parts: list[list[Row]] = []
        for step, plain in zip(program.steps, self._rows, strict=True):
            while len(parts) < len(self._ends) and len(fills) == self._ends[len(parts)]:
                parts.append(self._end(len(parts), rows, straights, filled, views))
                rows = []
            fills.append(False)
            if straights is not None and straights.take(step, plain, filled):
                fills[-1] = straights.explains(step)
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
        while len(parts) < len(self._ends):
            parts.append(self._end(len(parts), rows, straights, filled, views))
            rows = []
        if straights is not None:
            initial += [None] * (len(straights.known) - len(initial))
            initial = [old if new is None else new for new, old in zip(straights.known, initial, strict=True)]
        self._fills = fills
        if len(parts) == 1:
            lasting = {slot for slot, value in enumerate(initial) if value is not None} | filled
            parts = [_forgetting(parts[0], lasting | self._wanted)]
        return Frame(parts, initial, handed, views)

    def _straights(self, views: dict[int, Any], handed: dict[int, HandedOut]) -> Any:
        """What makes one call of many steps; None where machine code is there, but cannot."""
        from scopert_numpy.native import unavailable

        if unavailable() is None:
            from scopert_numpy.straight_rows import straight_rows

            return straight_rows(self._program, views, handed, self._binder, self._wanted, self._lasting)
        from scopert_numpy.call_rows import CallRows

        return CallRows(self._program, views, self._binder, self._wanted, self._lasting, self._into)

    def _end(self, number: int, rows: list[Row], straights: Any, filled: set[int], views: dict[int, Any]) -> list[Row]:
        """The rows of a part that has no more steps."""
        copies = self._copies if number == len(self._ends) - 2 else {}
        offsets = self._memory.offsets
        pairs = [
            (slot, source) for slot, source in copies.items()
            if source not in filled or offsets[slot] != offsets.get(source)
        ]  # fmt: skip
        if straights is not None:
            return cast(list[Row], straights.end_part(pairs))
        if pairs:
            targets = [views[slot] for slot, _ in pairs]
            sources = tuple([source for _, source in pairs])
            rows.append((copier(targets), sources, (), False, (), self._program.steps[0]))
        return rows

    def _into(self, step: Step, plain: Callable[..., Any], outputs: list[Any]) -> Callable[..., Any] | None:
        """A function that fills these places."""
        if any(slot in self._memory.copied for slot in step.outputs):
            outputs = [None if isinstance(out, HandedOut) else out for out in outputs]
            if step.op == LOOP and not step.copies:
                return partial(plain, out=outputs)
            if step.copies:
                plain = self._binder.bind(self._program, replace(step, copies=False))
                return copying_to(plain, outputs, np.array)
            return copying_to(plain, outputs, lambda made: made)
        function: Callable[..., Any] | None
        if step.op == FUSED:
            function = self._binder.bind(self._program, step)
        else:
            function = select_kernel_into(step, np, self._binder.context, self._binder.kernels)
        if function is None:
            return None
        if self._binder.verifies and RANDOM not in step.traits:  # which would draw twice
            function = verified_into(function, plain, step)
        return into_places(function, outputs, [self._program.values[slot] for slot in step.outputs])


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
