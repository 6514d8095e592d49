"""Where results may be written, so that what follows need not copy them: turned, and as parts of one array.

A result that is only transposed may be written as it is transposed to. Results that are then, perhaps under other
shapes, put beside each other and nothing else, may be written where they end up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scopert.backend import Program, Step
from scopert_cupy.emitters.copying import enumerated, row_major
from scopert_cupy.emitters.source import shape_of

#: The steps that use a slot, none if it is fetched; those that may be done away with.
Users = Callable[[int], Sequence[Step]]
Free = Callable[[Step], bool]


@dataclass(frozen=True, slots=True)
class Going:
    """Where a result goes: a slot, the first element in it, strides of the result's axes, and the steps this saves."""

    slot: int
    start: int
    strides: tuple[int, ...]
    saved: tuple[Step, ...] = ()


def turned(program: Program, slot: int, users: Users, free: Free) -> Going:
    """As what it is transposed to, if that is all that a result is used for and its rows stay whole."""
    shape = shape_of(program.values[slot])
    found = users(slot)
    turn = found[0] if len(found) == 1 else None
    if turn is not None and turn.op == "Transpose" and free(turn):
        order = program.constants.get(turn.inputs[1])
        if order is not None and int(order[-1]) == len(shape) - 1:
            after = row_major([shape[int(axis)] for axis in order])
            return Going(turn.outputs[0], 0, _back(order, after), (turn,))
    return Going(slot, 0, row_major(shape))


def beside(program: Program, slots: Sequence[int], users: Users, free: Free) -> list[Going] | None:
    """As the parts of the array that results are put into, if all of that array are these results."""
    found: list[Going] = []
    for slot in slots:
        going = turned(program, slot, users, free)
        at, saved = going.slot, going.saved
        while True:
            follow = users(at)
            if len(follow) != 1 or not free(follow[0]) or follow[0].inputs.count(at) != 1:
                return None
            saved += (follow[0],)
            if follow[0].op != "Reshape":
                break
            at = follow[0].outputs[0]
        part = _part(program, saved[-1], at)
        extents = shape_of(program.values[going.slot])
        over = None if part is None else enumerated(extents, *part[:2])
        if part is None or over is None:
            return None
        order = program.constants[going.saved[0].inputs[1]] if going.saved else range(len(extents))
        found.append(Going(saved[-1].outputs[0], part[2], _back(order, over), saved))
    last = found[0].saved[-1]
    data = last.inputs if last.op == "Pack" else last.inputs[:-1]
    return found if len(data) == len(slots) and all(going.saved[-1] is last for going in found) else None


def _part(program: Program, step: Step, slot: int) -> tuple[tuple[int, ...], tuple[int, ...], int] | None:
    """Shape, strides and beginning of an input within what a step puts together; None if it does not."""
    whole, own = shape_of(program.values[step.outputs[0]]), shape_of(program.values[slot])
    strides = row_major(whole)
    if step.op == "Pack":
        axis = step.origin.attrs["axis"] % len(whole)
        return own, (*strides[:axis], *strides[axis + 1 :]), step.inputs.index(slot) * strides[axis]
    along: Any = program.constants.get(step.inputs[-1]) if step.op == "ConcatV2" else None
    if along is None:
        return None
    axis = int(along) % len(whole)
    before = step.inputs[: step.inputs.index(slot)]
    return own, strides, sum([shape_of(program.values[each])[axis] for each in before]) * strides[axis]


def _back(order: Any, strides: Sequence[int]) -> tuple[int, ...]:
    """Strides of transposed axes as those of the axes before."""
    found: Mapping[int, int] = {int(axis): stride for axis, stride in zip(order, strides, strict=True)}
    return tuple([found[axis] for axis in range(len(found))])


__all__ = ["Free", "Going", "Users", "beside", "turned"]
