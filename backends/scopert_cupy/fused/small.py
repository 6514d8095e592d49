"""Fewer launches: maps over the same points are one, if they are small or neighbours; checked labels are not copied.

A pass over a program, before it is planned.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import accumulate
from math import prod

from scopert.backend import FUSED, LOOP, WRITES, Fused, Node, Program, Step
from scopert.program.expression import REDUCTIONS, Store
from scopert.program.passes.place import Place
from scopert_cupy.fused.drawing import drawn_by

#: Points of a map that is small: a launch costs more than computing it.
_POINTS = 1024
#: Arrays and nodes of a step that is made of several; how many steps may lie between larger ones.
_ARRAYS, _NODES, _NEAR = 64, 96, 4


def join_small(program: Program, place: bool = True) -> Program:
    """The program with small steps as one, and (with `place`) a new layout.

    One without a layout stays what it is: its shapes are not sure.
    """
    if program.memory is None:
        return program
    steps = _maps_together(program, _labels_as_they_are(program, list(program.steps)))
    if steps == list(program.steps):
        return program
    made = replace(program, steps=tuple(steps))
    return Place()(made) if place else made


def _labels_as_they_are(program: Program, steps: list[Step]) -> list[Step]:
    """Who takes checked labels takes the labels: the check has the same memory or fails."""
    fetched = {fetch.slot for fetch in program.fetches}
    same: dict[int, int] = {}
    made = []
    for step in steps:
        if not same.keys().isdisjoint(step.inputs) and step.op != LOOP:
            step = replace(step, inputs=tuple([same.get(slot, slot) for slot in step.inputs]))
        if step.op == "CheckLabels" and not step.guards and step.outputs[0] not in fetched:
            same[step.outputs[0]] = step.inputs[0]
        made.append(step)
    return made


def _maps_together(program: Program, steps: list[Step]) -> list[Step]:
    """Moves a map down to the next one over the same space, where nothing between needs it."""
    users: dict[int, list[int]] = defaultdict(list)
    for position, step in enumerate(steps):
        for slot in (*step.inputs, *step.guards):
            users[slot].append(position)
    writes = list(accumulate([WRITES in step.traits or step.op == LOOP for step in steps]))
    last: dict[tuple[int, ...], int] = {}
    made: list[Step | None] = list(steps)
    for position, step in enumerate(steps):
        if not _is_map(step):
            continue
        body = step.body
        assert isinstance(body, Fused)
        before = last.get(body.extents)
        earlier = made[before] if before is not None else None
        if earlier is not None and before is not None:
            free = all(user > position for slot in earlier.outputs for user in users[slot])
            count = sum(len(s.inputs) + len(s.outputs) for s in (earlier, step))
            close = prod(body.extents) <= _POINTS or position - before <= _NEAR
            close = close and _size(earlier) + _size(step) <= _NODES
            if free and close and writes[before] == writes[position] and count <= _ARRAYS:
                made[position] = _joined(earlier, step)
                made[before] = None
        last[body.extents] = position
    return [step for step in made if step is not None]


def _is_map(step: Step) -> bool:
    body = step.body
    if step.op != FUSED or not isinstance(body, Fused) or step.guards or step.kept or drawn_by(step):
        return False
    return not any(node.op in REDUCTIONS for node in body.nodes)


def _size(step: Step) -> int:
    assert isinstance(step.body, Fused)
    return len(step.body.nodes)


def _joined(first: Step, second: Step) -> Step:
    """Both steps as one."""
    a, b = first.body, second.body
    assert isinstance(a, Fused) and isinstance(b, Fused)
    nodes, loads = len(a.nodes), len(a.loads)

    def moved(node: Node) -> Node:
        value = node.value + loads if node.op == "load" else node.value
        return replace(node, args=tuple([arg + nodes for arg in node.args]), value=value)

    stores = tuple([Store(store.node + nodes, store.access) for store in b.stores])
    body = Fused(a.extents, a.rows, (*a.nodes, *map(moved, b.nodes)), (*a.loads, *b.loads), (*a.stores, *stores))
    one, other = first.origin, second.origin
    origin = replace(
        other, input_dtypes=(*one.input_dtypes, *other.input_dtypes),
        output_dtypes=(*one.output_dtypes, *other.output_dtypes),
        attrs={**other.attrs, "fused": (*one.attrs.get("fused", ()), *other.attrs.get("fused", ()))},
    )  # fmt: skip
    return replace(
        second, inputs=(*first.inputs, *second.inputs), outputs=(*first.outputs, *second.outputs), body=body,
        origin=origin, traits=first.traits | second.traits,
    )  # fmt: skip
