"""Branches whose predicate is known: what is taken loses its guards, the rest goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scopert.program.frames import MERGES, SWITCHES
from scopert.program.ir import DEAD, Program, Step
from scopert.program.passes.fold import Fold
from scopert.program.passes.specialise import Specialise
from scopert.program.rewrite import Rewriter
from scopert.program.uses import EFFECTS

# A program is made for each combination of their values.
_MOST_FEEDS = 3


@dataclass(frozen=True)
class Decide:
    """Takes the branches of conds whose predicate is a constant, outside of loops.

    What stands in them is inferred and folded again: steps with a guard were left alone before.
    """

    name: str = "decide"

    def __call__(self, program: Program) -> Program:
        while True:
            made = _Deciding(program).program()
            if made is program:
                return program
            shapes = tuple([made.values[slot].shape for slot in made.feeds])
            program = Fold()(Specialise(shapes)(made))


class _Deciding:
    """One round: what is decided may make further predicates constants."""

    def __init__(self, program: Program) -> None:
        self._old = program
        #: Slots of branches that are not taken.
        self._dead = {slot for slot, array in program.constants.items() if _is_dead(array)}
        #: Slots that may be dead in some run.
        self._mortal: set[int] = set()
        self._changed = False

    def program(self) -> Program:
        """The program with fewer branches; itself if there is nothing to decide."""
        if not any(step.op in SWITCHES | MERGES for step in self._old.steps):
            return self._old
        rewriter = Rewriter(self._old)
        for step in self._old.steps:
            self._visit(rewriter, rewriter.inputs(step))
        return rewriter.finish() if self._changed else self._old

    def _visit(self, rewriter: Rewriter, step: Step) -> None:
        guards = tuple([slot for slot in step.guards if slot in self._mortal or slot in self._dead])
        if self._dead.intersection(guards):
            self._kill(rewriter, step)
            return
        if guards != step.guards:
            self._changed = True
            step = replace(step, guards=guards)
        if step.op in SWITCHES and not guards and self._switch(rewriter, step):
            return
        if step.op in MERGES and self._merge(rewriter, step):
            return
        if guards or step.op in SWITCHES or (step.op in MERGES and self._mortal.intersection(step.inputs)):
            self._mortal.update(step.outputs)
        rewriter.keep(step)

    def _kill(self, rewriter: Rewriter, step: Step) -> None:
        self._changed = True
        for slot in step.outputs:
            self._bury(rewriter, slot)

    def _bury(self, rewriter: Rewriter, slot: int) -> None:
        """The slot holds nothing in any run."""
        shape = rewriter.values[slot].shape
        rewriter.constant(slot, DEAD)
        rewriter.values[slot] = replace(rewriter.values[slot], shape=shape)
        self._dead.add(slot)

    def _switch(self, rewriter: Rewriter, step: Step) -> bool:
        data, predicate = step.inputs
        known = rewriter.constants.get(predicate)
        if known is None or _is_dead(known) or data in self._dead:
            return False
        taken = int(bool(known))
        rewriter.replace(step.outputs[taken], data)
        self._bury(rewriter, step.outputs[1 - taken])
        self._changed = True
        return True

    def _merge(self, rewriter: Rewriter, step: Step) -> bool:
        alive = [number for number, slot in enumerate(step.inputs) if slot not in self._dead]
        if not alive:
            self._kill(rewriter, step)
            return True
        if len(alive) > 1 or step.inputs[alive[0]] in self._mortal or step.guards:
            return False
        rewriter.replace(step.outputs[0], step.inputs[alive[0]])
        rewriter.constant(step.outputs[1], np.int32(alive[0]))
        self._changed = True
        return True


def deciding_feeds(program: Program) -> tuple[int, ...]:
    """Positions of the feeds that are predicates of branches, or truth values that predicates are computed of.

    None if they are so many that a program for each combination is too much.
    """
    makers = {slot: step for step in program.steps for slot in step.outputs}
    waiting = [step.inputs[1] for step in program.steps if step.op in SWITCHES]
    seen: set[int] = set()
    while waiting:
        slot = waiting.pop()
        value = program.values[slot]
        if slot in seen or not value.dtype.is_bool or value.dtype.is_ref or value.shape not in (None, ()):
            continue
        seen.add(slot)
        step = makers.get(slot)
        if step is not None and (step.op in SWITCHES or not step.traits & EFFECTS):
            waiting += step.inputs
    found = tuple([position for position, slot in enumerate(program.feeds) if slot in seen])
    return found if len(found) <= _MOST_FEEDS else ()


def with_values(program: Program, values: Mapping[int, Any]) -> Program:
    """The program for runs that are fed with these values: by slot of the feed, which nobody looks at any more."""
    rewriter = Rewriter(program)
    for slot, value in values.items():
        constant = rewriter.new_slot(rewriter.values[slot])
        rewriter.constant(constant, value)
        rewriter.replace(slot, constant)
    for step in program.steps:
        rewriter.keep(rewriter.inputs(step))
    return rewriter.finish()


def _is_dead(array: Any) -> bool:
    return bool(array.dtype.hasobject and not array.ndim and array[()] is DEAD)
