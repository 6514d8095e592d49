"""Dead code: steps whose results nobody needs any more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scopert.program.ir import LOOP, Loop, Program, Step
from scopert.program.rewrite import without_dead


@dataclass(frozen=True)
class Dead:
    """Leaves out pure steps that nothing uses, unless they were asked for; inside loops too."""

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
        return replace(step, body=replace(loop, program=cleaned, decided=counts[0], repeated=counts[1]))
