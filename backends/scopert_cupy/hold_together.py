"""Pushes that follow one another, and pops of one part of a loop, as one step each: the stacks are independent.

The body of a recurrent layer keeps a dozen values in an iteration; each would be a launch of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scopert.backend import Loop, Program, Step
from scopert_cupy.held import HELD

#: Steps for several stacks. Their attribute `HELD` is a tuple, one for each; pushes are given handle and value in turn.
PUSHES = "pushes"
POPS = "pops"


def hold_together(program: Program) -> Program:
    """The program with the pushes and pops of stacks in memory joined, in loops too."""
    return replace(program, steps=tuple(_joined([_inside(step) for step in program.steps])))


def _inside(step: Step) -> Step:
    loop = step.body
    if not isinstance(loop, Loop):
        return step
    steps = [_inside(inner) for inner in loop.program.steps]
    parts = [
        _joined(steps[start:end])
        for start, end in ((0, loop.decided), (loop.decided, loop.repeated), (loop.repeated, len(steps)))
    ]
    program = replace(loop.program, steps=tuple([inner for part in parts for inner in part]))
    decided = len(parts[0])
    return replace(step, body=replace(loop, program=program, decided=decided, repeated=decided + len(parts[1])))


def _joined(steps: Sequence[Step]) -> list[Step]:
    made: list[Step] = []
    waiting: list[Step] = []
    for step in (*_with_pops_first(steps), None):
        if step is not None and _is_held(step, "StackPushV2"):
            if step.inputs[0] in {other.inputs[0] for other in waiting}:
                made += _as_one(waiting, PUSHES)
                waiting = []
            waiting.append(step)
            continue
        made += _as_one(waiting, PUSHES)
        waiting = []
        if step is not None:
            made.append(step)
    return made


def _with_pops_first(steps: Sequence[Step]) -> list[Step]:
    """Each stack's first pop moves to the first of them all, where nothing stands between that it depends on."""
    pushed = {step.inputs[0] for step in steps if _is_held(step, "StackPushV2")}
    first = next((k for k, step in enumerate(steps) if _is_held(step, "StackPopV2")), None)
    if first is None:
        return list(steps)
    seen: set[int] = set()
    used: set[int] = set()
    pops: list[Step] = []
    rest: list[Step] = []
    for step in steps[first:]:
        # A loop in between may use the stack; what is used before it is popped is of the iteration before.
        moves = _is_held(step, "StackPopV2") and not {step.inputs[0], *step.outputs} & (seen | pushed | used)
        if moves:
            pops.append(step)
        else:
            rest.append(step)
            used.update(step.inputs)
            used.update(step.guards)
        seen.update(step.inputs[:1])
    return [*steps[:first], *_as_one(pops, POPS), *rest]


def _is_held(step: Step, op: str) -> bool:
    return step.op == op and HELD in step.origin.attrs and not step.guards


def _as_one(steps: Sequence[Step], op: str) -> list[Step]:
    """One step for all whose elements are made of words of one size."""
    groups: dict[int, list[Step]] = {}
    for step in steps:
        groups.setdefault(step.origin.attrs[HELD].width, []).append(step)
    return [group[0] if len(group) == 1 else _joint(group, op) for group in groups.values()]


def _joint(steps: Sequence[Step], op: str) -> Step:
    first = steps[0]
    held = tuple([step.origin.attrs[HELD] for step in steps])
    origin = replace(first.origin, attrs={**first.origin.attrs, HELD: held})
    inputs = tuple([slot for step in steps for slot in step.inputs])
    outputs = tuple([slot for step in steps for slot in step.outputs])
    return Step(op, inputs, outputs, origin, first.kernel, first.keywords, first.traits)
