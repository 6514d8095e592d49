"""Dead code: steps whose results nobody needs any more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scopert.program.ir import LOOP, Loop, Program, Step
from scopert.program.rewrite import without_dead
from scopert.program.uses import used_slots


@dataclass(frozen=True)
class Dead:
    """Leaves out pure steps that nothing uses, unless they were asked for; inside loops too.

    What a loop is given and does not use goes as well, and stacks that nobody pushes to any more.
    """

    name: str = "dead"

    def __call__(self, program: Program) -> Program:
        steps = tuple([self._inside(step) for step in program.steps])
        return without_dead(replace(program, steps=steps), [fetch.slot for fetch in program.fetches])

    def _inside(self, step: Step) -> Step:
        if step.op != LOOP:
            return step
        loop = step.body
        assert isinstance(loop, Loop)
        inner = replace(loop.program, steps=tuple([self._inside(inner) for inner in loop.program.steps]))
        cleaned = without_dead(inner, (loop.condition, *loop.following, *loop.results))
        left = set(map(id, cleaned.steps))
        counts = [sum(id(s) in left for s in inner.steps[:end]) for end in (loop.decided, loop.repeated)]
        body = replace(loop, program=cleaned, decided=counts[0], repeated=counts[1])
        return _with_used_inputs(replace(step, body=body), body)


def _with_used_inputs(step: Step, loop: Loop) -> Step:
    """The loop without what it is given for nothing."""
    used = used_slots(loop.program.steps, (loop.condition, *loop.following, *loop.results))
    changing = len(loop.following)
    kept = [k for k, slot in enumerate(loop.program.feeds) if k < changing or slot in used]
    if len(kept) == len(step.inputs):
        return step
    program = replace(loop.program, feeds=tuple([loop.program.feeds[k] for k in kept]))
    return replace(step, inputs=tuple([step.inputs[k] for k in kept]), body=replace(loop, program=program))
