"""Where the elements of a value lie before reshapes, transpositions and splits copied them.

A library that takes strides reads them there, and the copies need not be made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from scopert.backend import LOOP, READ, READS, Program, Step
from scopert_cupy.device import Facts
from scopert_cupy.emit import Request
from scopert_cupy.emitters.copying import stand_in
from scopert_cupy.emitters.views import applied

#: Op -> the input that its results are parts of.
_PARTS = {
    "Reshape": 0, "ExpandDims": 0, "Squeeze": 0, "Identity": 0, "Transpose": 0, "Slice": 0, "StridedSlice": 0,
    "Unpack": 0, "SplitV": 0, "Split": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lying:
    """A value as a part of another: the slot of that, the first element, and strides in elements."""

    slot: int
    start: int
    strides: tuple[int, ...]


def lying(
    program: Program, slot: int, made: Mapping[int, Step], stays: Callable[[Step], bool], facts: Facts
) -> list[Lying]:
    """The values that a value is a part of, the one furthest back first, itself last.

    `made` has the step that makes a slot; those for which `stays` is false may be gone, and what they read with them.
    """
    found: list[tuple[int, Step | None]] = [(slot, None)]
    while (step := made.get(found[-1][0])) is not None and step.op in _PARTS and stays(step):
        found.append((step.inputs[_PARTS[step.op]], step))
    if not _lasts(program, found[-1][0], made):
        found = found[:1]
    places = [_through(program, found[: k + 1], facts) for k in range(len(found))]
    return [place for place in reversed(places) if place is not None]


def _lasts(program: Program, slot: int, made: Mapping[int, Step]) -> bool:
    """Whether a value stays what it is: the memory of a variable may be written before it is used."""
    while (step := made.get(slot)) is not None and step.op in _PARTS:
        slot = step.inputs[_PARTS[step.op]]
    if step is None:
        return slot in (*program.feeds, *program.constants)
    return step.op not in (READ, LOOP) and READS not in step.traits


def _through(program: Program, chain: list[tuple[int, Step | None]], facts: Facts) -> Lying | None:
    """The first slot of a chain as a part of its last one."""
    source, slot = chain[-1][0], chain[0][0]
    shape = program.values[source].shape
    if shape is None or None in shape:
        return None
    whole = stand_in([n or 0 for n in shape])
    array: Any = whole
    for (_, step), (result, _) in zip(reversed(chain[1:]), reversed(chain[:-1]), strict=True):
        assert step is not None
        results = applied(Request(step, program, facts), _PARTS[step.op], array)
        if results is None:
            return None
        array = results[step.outputs.index(result)]
        if not isinstance(array, np.ndarray) or not np.may_share_memory(array, whole):
            return None
    if array.shape != program.values[slot].shape or not prod(array.shape):
        return None
    start = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return Lying(source, start, array.strides)


__all__ = ["Lying", "lying"]
