"""Fused steps that only make new values of variables run right before these are assigned.

A pass over a program, before it is planned. In between others read the old values (an update the powers of beta);
behind them the step can write the variables themselves, and nothing is copied (`scopert_cupy.into_variables`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import replace

from scopert.backend import FUSED, LOOP, READ, READS, VIEW, WRITES, Program, Step
from scopert.program.passes.place import Place
from scopert_cupy.into_variables import ASSIGNS


def sink_assigned(program: Program, place: bool = True) -> Program:
    """The program in that order, and (with `place`) a new layout; one without a layout stays what it is."""
    if program.memory is None:
        return program
    users: dict[int, list[int]] = defaultdict(list)
    for position, step in enumerate(program.steps):
        for slot in (*step.inputs, *step.guards):
            users[slot].append(position)
    fetched = {fetch.slot for fetch in program.fetches}
    behind = _behind(program)
    moved: dict[int, list[Step]] = defaultdict(list)
    stay = set(range(len(program.steps)))
    for position, step in enumerate(program.steps):
        if step.op != FUSED or step.guards or step.kept or not fetched.isdisjoint(step.outputs):
            continue
        at = [place for slot in step.outputs for place in users[slot]]
        assigns = all(program.steps[place].op in ASSIGNS and not program.steps[place].guards for place in at)
        if not at or not assigns or any(len(users[slot]) != 1 for slot in step.outputs):
            continue
        first = min(at)
        while first > position + 1 and program.steps[first - 1].op in ASSIGNS:
            first -= 1  # before all of a row of assignments, so that small steps meet and become one
        read = frozenset[Hashable]().union(*[behind.get(slot, frozenset()) for slot in step.inputs])
        if first > position + 1 and not _changes(program, range(position + 1, first), read):
            moved[first].append(step)
            stay.discard(position)
    if not moved:
        return program
    steps: list[Step] = []
    for position, step in enumerate(program.steps):
        steps += moved.get(position, [])
        if position in stay:
            steps.append(step)
    after = replace(program, steps=tuple(steps))
    return Place()(after) if place else after


def _key(program: Program, slot: int) -> Hashable:
    """The same for all slots that stand for one variable; None for those that stand for none."""
    origin = program.variables.get(slot)
    if origin is None:
        return None
    return origin.attrs.get("container") or "", origin.attrs.get("shared_name") or origin.name


def _behind(program: Program) -> dict[int, frozenset[Hashable]]:
    """The variables whose memory a slot may be."""
    found: dict[int, frozenset[Hashable]] = {}
    for step in program.steps:
        if step.copies or not (step.op in (READ, LOOP) or step.traits & {READS, VIEW}):
            continue
        own = frozenset[Hashable]().union(*[found.get(slot, frozenset()) for slot in step.inputs])
        own |= {key for slot in step.inputs if (key := _key(program, slot)) is not None}
        if own:
            found.update(dict.fromkeys(step.outputs, own))
    return found


def _changes(program: Program, positions: range, read: frozenset[Hashable]) -> bool:
    """Whether one of these steps may change one of the variables, or anything that is not known."""
    for position in positions:
        step = program.steps[position]
        if step.op == LOOP or step.guards:
            return True
        if WRITES not in step.traits:
            continue
        keys = [_key(program, slot) for slot in step.inputs if program.values[slot].dtype.is_ref]
        handles = [slot for slot in step.inputs if program.values[slot].dtype.name == "resource"]
        keys += [_key(program, slot) for slot in handles]
        if not keys or None in keys or not read.isdisjoint(keys):
            return True
    return False


__all__ = ["sink_assigned"]
