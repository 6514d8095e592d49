"""Making a new program from an old one, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scopert.program.ir import LOOP, Fetch, Loop, Program, Step, Value
from scopert.program.uses import holds_always, is_pure, makes_only, shared_slots, used_slots

#: ``visit(rewriter, step)`` puts a step, or what replaces it, into the new program.
Visit = Callable[["Rewriter", Step], None]


class Rewriter:
    """A program being rewritten. Slots keep their numbers; new ones are added behind them.

    Attributes
    ----------
    values : list of Value
    constants : dict
    steps : list of Step
        The new steps so far.
    seen : dict
        What the pass wants to remember while it goes through this program.
    part : int
        Where it is in a loop: 0 before the condition is known, 1 in the steps that are repeated, 2 after the last
        iteration. A loop variable is the same in 0 and 1, and 0 and 2, but not in 1 and 2.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.values = list(program.values)
        self.constants = dict(program.constants)
        self.steps: list[Step] = []
        self.seen: dict[Any, Any] = {}
        self.part = 0
        self._replaced: dict[int, int] = {}

    def resolve(self, slot: int) -> int:
        """The slot that stands for `slot` now."""
        while slot in self._replaced:
            slot = self._replaced[slot]
        return slot

    def replace(self, slot: int, by: int) -> None:
        """Whoever uses `slot` uses `by` instead."""
        self._replaced[slot] = by

    def constant(self, slot: int, array: Any) -> None:
        """The slot holds a constant; the step that filled it is left out."""
        array = np.array(array)
        array.flags.writeable = False
        self.constants[slot] = array
        value = self.values[slot]
        self.values[slot] = replace(value, shape=array.shape)

    def new_slot(self, like: Value, **changes: Any) -> int:
        """A further slot."""
        number = len(self.values)
        self.values.append(replace(like, number=number, **changes))
        return number

    def inputs(self, step: Step) -> Step:
        """The step with its inputs and guards resolved."""
        if self._replaced.keys().isdisjoint(step.inputs) and not step.guards:
            return step
        inputs = tuple([self.resolve(slot) for slot in step.inputs])
        guards = tuple([self.resolve(slot) for slot in step.guards])
        return step if inputs == step.inputs and guards == step.guards else replace(step, inputs=inputs, guards=guards)

    def keep(self, step: Step) -> None:
        """Puts a step with resolved inputs behind the others."""
        self.steps.append(step)

    def finish(self) -> Program:
        """The new program."""
        old = self.program
        slots = [self.resolve(fetch.slot) for fetch in old.fetches]
        shared = shared_slots((*old.feeds, *self.constants), self.steps)
        return replace(
            old, values=tuple(self.values), constants=self.constants, steps=tuple(self.steps),
            fetches=tuple([Fetch(slot, slot in shared) for slot in slots]),
        )  # fmt: skip


def rewrite(program: Program, visit: Visit) -> Program:
    """Visits every step, those inside loops first."""
    rewriter = Rewriter(program)
    for step in program.steps:
        step = rewriter.inputs(step)
        if step.op == LOOP:
            assert isinstance(step.body, Loop)
            rewriter.keep(replace(step, body=_rewrite_loop(step.body, visit)))
        else:
            visit(rewriter, step)
    return rewriter.finish()


def _rewrite_loop(loop: Loop, visit: Visit) -> Loop:
    rewriter = Rewriter(loop.program)
    ends = []
    for position, step in enumerate(loop.program.steps):
        rewriter.part = (position >= loop.decided) + (position >= loop.repeated)
        ends.append(len(rewriter.steps))
        step = rewriter.inputs(step)
        if step.op == LOOP:
            assert isinstance(step.body, Loop)
            rewriter.keep(replace(step, body=_rewrite_loop(step.body, visit)))
        else:
            visit(rewriter, step)
    ends.append(len(rewriter.steps))
    return Loop(
        rewriter.finish(), ends[loop.decided], ends[loop.repeated], rewriter.resolve(loop.condition),
        tuple([rewriter.resolve(slot) for slot in loop.following]),
        tuple([rewriter.resolve(slot) for slot in loop.results]),
    )  # fmt: skip


def without_dead(program: Program, wanted: Sequence[int]) -> Program:
    """The program without what nobody needs any more: pure steps and what holds anyway; `wanted` is needed outside."""
    used = used_slots((), wanted)
    kept: list[Step] = []
    for step in reversed(program.steps):
        if holds_always(step, program.constants):
            continue
        if step.kept or not (is_pure(step) or makes_only(step)) or used.intersection(step.outputs):
            used.update(step.inputs)
            used.update(step.guards)
            kept.append(step)
    kept.reverse()
    return replace(
        program, steps=tuple(kept), constants={slot: a for slot, a in program.constants.items() if slot in used}
    )
