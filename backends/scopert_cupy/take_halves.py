"""Gradients of 16 bits go into the update of a model as they are: their casts are left out.

A pass over a program, before it is planned. In mixed precision products make gradients of 16 bits, the graph casts
each of them to the type of its variable, and the update reads what was cast. The kernel of the update reads both.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from scopert.backend import FUSED, LOOP, READ, READS, VIEW, Fused, Program, Step, Together
from scopert.program.passes.place import Place
from scopert_cupy.emitters.optimizers import HALVES, gradient_of


def take_halves(program: Program, place: bool = True) -> Program:
    """The program without such casts, and (with `place`) a new layout; one without a layout stays what it is."""
    if program.memory is None:
        return program
    made = {slot: step for step in program.steps for slot in step.outputs}
    uses = Counter(slot for step in program.steps for slot in (*step.inputs, *step.guards))
    uses.update(fetch.slot for fetch in program.fetches)
    gone: set[int] = set()
    steps: dict[int, Step] = {}
    for step in program.steps:
        if isinstance(step.body, Together):
            replaced = _replaced(program, step.body, made, uses)
            if replaced:
                gone.update(replaced)
                members = tuple([_with(member, replaced) for member in step.body.members])
                steps[id(step)] = replace(_with(step, replaced), body=Together(members))
    if not gone:
        return program
    kept = [steps.get(id(step), step) for step in program.steps if gone.isdisjoint(step.outputs)]
    after = replace(program, steps=tuple(kept))
    return Place()(after) if place else after


def _with(step: Step, replaced: dict[int, int]) -> Step:
    return replace(step, inputs=tuple([replaced.get(slot, slot) for slot in step.inputs]))


def _replaced(program: Program, body: Together, made: dict[int, Step], uses: Counter[int]) -> dict[int, int]:
    """Gradients that are casts, and what they are casts of: all of one type."""
    first = body.members[0]
    at = gradient_of(first.op, first.origin.attrs)
    variable = program.variables.get(first.inputs[0])
    if at is None or variable is None or variable.attrs["dtype"].base.name != "float32":
        return {}
    found: dict[int, int] = {}
    for member in body.members:
        slot = member.inputs[at]
        cast = made.get(slot)
        if cast is None or cast.guards or cast.kept or uses[slot] != 1 or not _is_cast(cast):
            continue
        source = cast.inputs[0]
        maker = made.get(source)
        # What is made by a step keeps its value; the memory of a variable may be written before the update.
        if maker is None or maker.op in (READ, LOOP) or maker.traits & {READS, VIEW}:
            continue
        kinds = {program.values[other].dtype for other in (source, *found.values())}
        if len(kinds) == 1 and program.values[source].dtype.name in HALVES:
            found[slot] = source
    return found


def _is_cast(step: Step) -> bool:
    """Whether a step does nothing but to cast a whole array."""
    body = step.body
    if step.op != FUSED or not isinstance(body, Fused) or len(step.inputs) != 1 or len(body.stores) != 1:
        return False
    if [node.op for node in body.nodes] != ["load", "cast"] or len(body.extents) > 1:
        return False
    return all(access.strides in ((), (1,)) and not access.offset for access in (*body.loads, body.stores[0].access))


__all__ = ["take_halves"]
