"""A concatenation of what was transposed copies it from where it lay: once, in one launch.

A pass over a program, before it is planned. The gradients of query, key and value are each transposed, seen as
matrices, and put beside each other; without the pass every element of them is copied twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from scopert.backend import LOOP, READ, READS, VIEW, Access, Program, Step
from scopert.program.passes.place import Place
from scopert_cupy.emitters.copying import enumerated, row_major
from scopert_cupy.emitters.joining_moves import OP, PIECES, Piece

_Shape = tuple[int, ...]


def join_moves(program: Program, place: bool = True) -> Program:
    """The program with such steps joined, and (with `place`) a new layout; one without a layout stays what it is."""
    if program.memory is None:
        return program
    made = {slot: step for step in program.steps for slot in step.outputs}
    uses = Counter(slot for step in program.steps for slot in (*step.inputs, *step.guards))
    uses.update(fetch.slot for fetch in program.fetches)
    gone: set[int] = set()
    joined: dict[int, Step] = {}
    for step in program.steps:
        if step.op == "ConcatV2" and not step.guards:
            found = _joined(program, step, made, uses)
            if found is not None:
                joined[id(step)], chain = found
                gone.update(id(each) for each in chain)
    if not joined:
        return program
    steps = [joined.get(id(step), step) for step in program.steps if id(step) not in gone]
    after = replace(program, steps=tuple(steps))
    return Place()(after) if place else after


def _joined(program: Program, step: Step, made: dict[int, Step], uses: Counter[int]) -> tuple[Step, list[Step]] | None:
    """The concatenation of what its inputs were made from, and the steps that it does the work of."""
    shape, axis = _static(program, step.outputs[0]), program.constants.get(step.inputs[-1])
    if shape is None or axis is None:
        return None
    strides, axis = row_major(shape), int(axis) % len(shape)
    pieces, sources, chain, start = [], [], list[Step](), 0
    for slot in step.inputs[:-1]:
        own = _static(program, slot)
        if own is None or len(own) != len(shape):
            return None
        source, order, behind = _behind(program, slot, made, uses)
        stored = _static(program, source)
        assert stored is not None
        order = order or tuple(range(len(stored)))
        extents = tuple([stored[k] for k in order])
        to = enumerated(extents, own, strides)
        if to is None:
            return None
        of = row_major(stored)
        pieces.append(Piece(extents, Access(to, start * strides[axis]), Access(tuple([of[k] for k in order]))))
        sources.append(source)
        chain += behind
        start += own[axis]
    if not chain:
        return None
    origin = replace(step.origin, attrs={**step.origin.attrs, PIECES: tuple(pieces)})
    return replace(step, op=OP, inputs=tuple(sources), origin=origin, kernel=None), chain


def _behind(
    program: Program, slot: int, made: dict[int, Step], uses: Counter[int]
) -> tuple[int, _Shape | None, list[Step]]:
    """What a slot is a transposition of, seen under another shape: that, the order of its axes, and the steps."""
    chain: list[Step] = []
    at = slot
    while True:
        step = made.get(at)
        if step is None or step.guards or step.kept or uses[at] != 1:
            return slot, None, []
        if step.op == "Reshape":
            chain.append(step)
            at = step.inputs[0]
            continue
        order = program.constants.get(step.inputs[1]) if step.op == "Transpose" else None
        if order is None or _static(program, step.inputs[0]) is None:
            return slot, None, []
        maker = made.get(step.inputs[0])
        # The memory of a variable may be written before the concatenation; what a step made stays.
        if maker is None or maker.op in (READ, LOOP) or maker.traits & {READS, VIEW}:
            return slot, None, []
        return step.inputs[0], tuple([int(k) for k in order]), [*chain, step]


def _static(program: Program, slot: int) -> _Shape | None:
    shape = program.values[slot].shape
    found = None if shape is None else tuple([size for size in shape if size])
    return found if found is not None and shape is not None and len(found) == len(shape) else None


__all__ = ["join_moves"]
