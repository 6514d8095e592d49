"""Sparse updates without shapes that only a run knows.

An optimizer adds up the gradients of an embedding by index: `Unique` finds the indices, `UnsortedSegmentSum` adds
the rows, and how many there are is known when it has run; so everything behind them would run by itself, outside
of a CUDA graph. Where nobody looks at these arrays but elementwise operations, scatters and sparse updates, they
become as long as the indices: a row for each, most of them passed over (an index of -1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scopert.backend import ELEMENTWISE, InvalidArgumentError, Memory, Program, Step
from scopert.ops.training_ops import row_update_of
from scopert_cupy.device import Facts
from scopert_cupy.emit import Emitter, Request, emit

#: The kinds of the steps that stand for them: sorted indices, and sums of their rows. Both have an attribute, the
#: number that no index may reach.
DISTINCT = "distinct"
SUMS = "distinct sums"
LIMIT = "limit"
_SCATTERS = frozenset({f"{prefix}Scatter{kind}" for prefix in ("", "Resource") for kind in ("Add", "Sub", "Mul")})


def is_distinct(request: Request, number: int) -> bool:
    """Whether an input holds what a `DISTINCT` step found: each index once, and -1."""
    slot = request.step.inputs[number]
    return any(step.op == DISTINCT and step.outputs[0] == slot for step in request.program.steps)


def distinct_rows(program: Program, facts: Facts, table: Mapping[str, Emitter]) -> Program:
    """The program with `DISTINCT` and `SUMS` for each `Unique` that can be one; handles of variables are references."""
    for step in program.steps:
        if step.op == "Unique":
            found = _Rows(program, step).rewritten(facts, table)
            if found is not None:
                program = found
    return program


def _sorted(xp: Any, ids: Any, *, limit: int) -> tuple[Any, Any]:
    """Each index once, and -1; then all indices in order, and where they stood. For runs outside of a graph."""
    wrong = np.flatnonzero((ids < 0) | (ids >= limit))
    if wrong.size:
        place = int(wrong[0])
        raise InvalidArgumentError(None, None, f"indices[{place}] = {int(ids[place])} is not in [0, {limit})")
    order = xp.argsort(ids, kind="stable")
    arranged = ids[order]
    first = xp.ones(len(ids), bool)
    first[1:] = arranged[1:] != arranged[:-1]
    return xp.where(first, arranged, -1).astype(ids.dtype), xp.concatenate([arranged, order]).astype(xp.int32)


def _summed(xp: Any, values: Any, order: Any) -> Any:
    """Sums of rows, each where its index stands for the first time."""
    keys, places = order[: len(values)], order[len(values) :]
    first = xp.searchsorted(keys, keys)
    wide = values.astype(xp.float32) if values.dtype.itemsize == 2 else values
    sums = xp.zeros(values.shape, wide.dtype)
    xp.add.at(sums, first, wide[places])
    return sums.astype(values.dtype)


def _without(memory: Memory | None, slot: int) -> Memory | None:
    """The layout without a slot that has become larger than its place."""
    if memory is None:
        return None
    return replace(memory, offsets={other: offset for other, offset in memory.offsets.items() if other != slot})


class _Rows:
    """One `Unique`, and the steps that depend on what it finds."""

    def __init__(self, program: Program, unique: Step) -> None:
        self.program = program
        self.unique = unique
        self.users: dict[int, list[Step]] = {}
        for step in program.steps:
            for slot in dict.fromkeys((*step.inputs, *step.guards)):
                self.users.setdefault(slot, []).append(step)
        self.fetched = {fetch.slot for fetch in program.fetches}

    def rewritten(self, facts: Facts, table: Mapping[str, Emitter]) -> Program | None:
        """The program without it; None if somebody needs the shapes as they are."""
        found = self._summed()
        if found is None:
            return None
        total, gone = found
        indices, values = self.unique.inputs[0], self.program.values
        shape = values[indices].shape
        if shape is None or len(shape) != 1 or shape[0] is None:
            return None
        number, order = self.unique.outputs
        static: dict[int, tuple[int, ...]] = {number: (shape[0],)}
        limit = self._follow(total.outputs[0], shape[0], static)
        if limit is None or values[order].dtype.name != "int32":
            return None
        static[order] = (2 * shape[0],)

        def made(step: Step, op: str, inputs: tuple[int, ...], kernel: Any, keywords: tuple[str, ...]) -> Step:
            origin = replace(step.origin, attrs={**step.origin.attrs, LIMIT: limit})
            return Step(op, inputs, step.outputs, origin, kernel, keywords)

        exchanged = {
            self.unique: made(self.unique, DISTINCT, (indices,), _sorted, (LIMIT,)),
            total: made(total, SUMS, (total.inputs[0], order), _summed, ()),
        }
        steps = [exchanged.get(step, step) for step in self.program.steps if step not in gone]
        program = replace(
            self.program, steps=tuple(steps),
            values=tuple([replace(v, shape=static[v.number]) if v.number in static else v for v in values]),
            memory=_without(self.program.memory, order),
        )  # fmt: skip
        touched = [step for step in steps if any(slot in static for slot in (*step.inputs, *step.outputs))]
        if any(emit(Request(step, program, facts), table) is None for step in touched):
            return None
        return program

    def _summed(self) -> tuple[Step, list[Step]] | None:
        """The segment sum, and the steps that go: those that count the segments."""
        found, places = self.unique.outputs
        total = self._only_user(places)
        if total is None or total.op != "UnsortedSegmentSum" or total.inputs[1] != places or self.fetched & {found}:
            return None
        counts = [step for step in self.users.get(found, ()) if step.op == "Shape"]
        if len(counts) != 1:
            return None
        number = self._only_user(counts[0].outputs[0])
        if number is None or number.op != "StridedSlice" or number.outputs[0] != total.inputs[2]:
            return None
        if self._only_user(number.outputs[0]) is not total:
            return None
        ids, rows = self.program.values[self.unique.inputs[0]].shape, self.program.values[total.inputs[0]].shape
        gone = [counts[0], number]
        if ids is None or rows is None or None in rows or rows[:1] != ids:
            return None
        if any(step.guards for step in (*gone, total, self.unique)):
            return None
        return total, gone

    def _only_user(self, slot: int) -> Step | None:
        users = self.users.get(slot, [])
        return users[0] if len(users) == 1 and slot not in self.fetched else None

    def _follow(self, start: int, count: int, static: dict[int, tuple[int, ...]]) -> int | None:
        """Notes the shapes of all that is computed of the sums; what no index may reach, or None if it cannot be."""
        found, limits = self.unique.outputs[0], []
        values, work = self.program.values, [start]
        while work:
            slot = work.pop()
            shape = values[slot].shape
            if slot in static or slot in self.fetched:
                continue
            if shape is None or shape[:1] != (None,) or None in shape[1:]:
                return None
            static[slot] = (count, *[n for n in shape[1:] if n is not None])
            for step in self.users.get(slot, ()):
                if step.guards:
                    return None
                if ELEMENTWISE in step.traits:
                    if any(values[s].shape not in ((), shape) for s in step.inputs):
                        return None
                    work += step.outputs
                    continue
                limit = self._updated_rows(step, slot, found)
                if limit is None:
                    return None
                limits.append(limit)
        for step in self.users.get(found, ()):
            if step.op != "Shape" and self._updated_rows(step, None, found) is None:
                return None
        if any(slot in self.fetched for slot in static) or not limits:
            return None
        return min(limits)

    def _updated_rows(self, step: Step, updates: int | None, found: int) -> int | None:
        """The rows of the variable that a step updates at the indices with what a slot holds."""
        update = row_update_of(step.op)
        if update is not None:
            indices, given = update.names.index("indices"), update.names.index("grad")
        elif step.op in _SCATTERS:
            indices, given = 1, 2
        else:
            return None
        if step.inputs[indices] != found or (updates is not None and step.inputs[given] != updates) or step.guards:
            return None
        if sum(slot == updates for slot in step.inputs) > 1:
            return None
        shape = self._variable_shape(step.inputs[0])
        return shape[0] if shape else None

    def _variable_shape(self, slot: int) -> tuple[int, ...] | None:
        value = self.program.values[slot]
        shape = value.shape if value.dtype.is_ref else None
        return None if shape is None or None in shape else tuple([n or 0 for n in shape])

