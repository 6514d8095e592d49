"""Loops whose iterations run in machine code from the first to the last."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from itertools import groupby
from time import perf_counter_ns
from typing import Any

import numpy as np

from scopert.backend import READ as READ_STEP
from scopert.backend import Loop, StepFailed
from scopert.ops.row_memory import CLEARED, READ
from scopert.ops.stack_ops import Stack
from scopert.ops.tensor_array_store import TensorArrayStore
from scopert_numpy.loop_jobs import Checked, Conditions, Interpreted, NoIterationsError, Part
from scopert_numpy.loop_rows import LoopRows
from scopert_numpy.native import iterate as words
from scopert_numpy.native.dispatch import dispatcher, knows_arrays
from scopert_numpy.native.engine import Job
from scopert_numpy.native.step_jobs import Place
from scopert_numpy.sharing import Choice
from scopert_numpy.steps import Binder, Row, run_rows
from scopert_numpy.straight import WORTH_WAKING
from scopert_numpy.threads import pool

_FIRST = 64
#: Nanoseconds after which it is asked whether the run is cancelled.
_PATIENCE = 20_000_000


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


class Iterated:
    """A loop bound to a workspace of its own, for one run at a time.

    Raises
    ------
    NoIterationsError
        If the interpreter has to run a step.
    """

    def __init__(self, body: Loop, binder: Binder, rows: Sequence[Row]) -> None:
        functions = dispatcher() if knows_arrays() else None
        program, memory = body.program, body.program.memory
        if functions is None or memory is None or binder.verifies:
            raise NoIterationsError("there is no machine code")
        self._functions = functions
        self._iterations = words.iterations(functions)
        self._program, self._plain = program, {id(step): row[0] for step, row in zip(program.steps, rows, strict=True)}
        self._check = binder.context.check
        workspace = binder.allocate(memory.nbytes)
        self._views: dict[int, Any] = {
            slot: binder.view(workspace, offset, program.values[slot].shape, program.values[slot].dtype)
            for slot, offset in memory.offsets.items()
        }
        maker = LoopRows(body, self._views, binder, functions, self._iterations)
        parts = self._parts(body, maker, rows)
        if 2 * maker.interpreted > len(program.steps):
            raise NoIterationsError("the interpreter runs most of the steps")
        self._reads = [row for row in maker.before if row[5].op == READ_STEP]
        self._handles = [row for row in maker.before if row[5].op != READ_STEP]
        self._sequences = list(maker.sequences.values())
        self._failing = maker.failing
        self._places = {slot: maker.place(slot) for step in program.steps for slot in step.inputs}
        self._initial = binder.slots(program) + [None] * (len(maker.known) - len(program.values))
        self._values = self._initial.copy()
        self._kept: list[Any] = [workspace]
        self._results = [self._result(maker, slot) for slot in body.results]
        self._build(parts, maker, body)
        # Iterations of the last run: as many are expected.
        self._last = 0
        self._held: list[Any] = []

    def _parts(self, body: Loop, maker: LoopRows, rows: Sequence[Row]) -> list[Part]:
        program, memory = self._program, body.program.memory
        assert memory is not None
        filled = {slot for slot in program.feeds if slot in self._views}
        pairs = list(zip(program.feeds, body.following, strict=False))
        parts: list[Part] = []
        begin = 0
        for number, end in enumerate((body.decided, body.repeated, len(program.steps))):
            maker.begin(number)
            for step, row in zip(program.steps[begin:end], rows[begin:end], strict=True):
                maker.add(step, row, filled)
            copies = [
                (slot, source) for slot, source in pairs
                if number == 1 and slot != source and slot in self._views
                and (source not in filled or memory.offsets[slot] != memory.offsets.get(source))
            ]  # fmt: skip
            parts.append(maker.finish(copies))
            begin = end
        return parts

    def _result(self, maker: LoopRows, slot: int) -> Place:
        place = maker.place(slot)
        if place is None or (place.slot is not None and not maker.is_given(place)) or maker.is_dead(slot):
            raise NoIterationsError("a result is no array at a place that stays the same")
        return place

    def _build(self, parts: Sequence[Part], maker: LoopRows, body: Loop) -> None:
        """The list of jobs and their tables."""
        condition = maker.place(body.condition)
        if condition is None or condition.slot is not None or condition.view.dtype != np.bool_:
            raise NoIterationsError("the condition is no boolean at a place that stays the same")
        self._tables = [(ctypes.c_int64 * words.SEQUENCE_WORDS)() for _ in self._sequences]
        self._shows: dict[int, list[int]] = {}
        self._given: dict[int, int] = {}
        self._points: list[int] = []
        checked = [job for part in parts for _, _, jobs in part for job in jobs if isinstance(job, Checked)]
        self._broken = np.zeros(max(1, len(checked)), np.int64)
        self._steps = [job.step for job in checked]
        self._numbers = {id(job): number for number, job in enumerate(checked)}
        self._failures = np.zeros(max(1, len(self._failing)), np.int64)
        tables: list[tuple[Any, Any]] = []  # tables without the pairs that show rows, which are known at the end
        jobs: list[Any] = []
        ends: list[int] = []
        self.nanoseconds = self.shared = 0.0
        several = 0
        for number, part in enumerate(parts):
            for conditions, group in groupby(part, key=lambda item: item[1]):
                found = [job for _, _, some in group for job in some]
                self._branches(conditions, len(found), jobs)
                for job in found:
                    tables.append((job, len(jobs)))
                    jobs.append(job)
                    if isinstance(job, Job) and number == 1:
                        self.nanoseconds += job.nanoseconds
                        self.shared += job.nanoseconds if job.chunks > 1 else 0.0
                        several += job.chunks > 1
            ends.append(len(jobs))
        tables += [(job, len(jobs) + number) for number, job in enumerate(maker.first)]
        jobs += maker.first
        self._first = 32 * ends[-1], len(maker.first)
        self._jobs = (ctypes.c_int64 * (4 * max(1, len(jobs))))()
        for at, job in enumerate(jobs):
            if isinstance(job, tuple):
                self._jobs[4 * at : 4 * at + 4] = list(job)
        self._calls = {at: job for job, at in tables if isinstance(job, Interpreted)}
        for at in self._calls:
            self._jobs[4 * at : 4 * at + 4] = [0, 0, words.INTERPRETED, 1]
        for job, at in tables:
            if isinstance(job, Job):
                self._jobs[4 * at : 4 * at + 4] = [job.address, self._table(job.table), job.units, job.chunks]
        for job, at in tables:
            if isinstance(job, Checked):
                self._jobs[4 * at : 4 * at + 4] = [job.address, self._checked_table(job, False), words.CHECKED, 1]
        for job, at in tables:  # places that lie in rows stand in tables of these jobs, too
            if isinstance(job, Checked) and job.shown is not None:
                self._jobs[4 * at + 1] = self._checked_table(job, True)
        self._head = (ctypes.c_int64 * words.HEAD_WORDS)(
            ctypes.addressof(self._jobs), *ends, condition.address, self._failures.ctypes.data, len(self._failing), 0, 0
        )
        self._order = list(self._given)
        self._arrays = (ctypes.c_int64 * max(1, len(self._order)))()
        self._pointing = np.array(self._points, np.int64)
        self._state = pool().native_state() if self.shared else 0
        self._stays = several > 1 and not self._calls
        self._choice = Choice() if self._state and self.shared else None
        self._kept += [condition.view]

    @staticmethod
    def _branches(conditions: Conditions, count: int, jobs: list[Any]) -> None:
        for number, (byte, value) in enumerate(conditions):
            skip = len(conditions) - 1 - number + count
            jobs.append((byte, 0, words.BRANCH, 2 * skip + value))

    def _word(self, entry: Any, at: int) -> int:
        """What stands in a table; notes what is filled in later."""
        if isinstance(entry, Place):
            if entry.slot is None:
                self._kept.append(entry.view)
                return entry.address
            if entry.slot < len(self._program.values):
                self._points += [at, self._given.setdefault(entry.slot, len(self._given)), entry.offset]
            else:
                self._shows.setdefault(entry.slot, []).extend((at, entry.offset))
            return 0
        if isinstance(entry, np.ndarray):
            for number, (_, word, _) in enumerate(self._failing):
                if entry is word:
                    return int(self._failures.ctypes.data) + 8 * number
            self._kept.append(entry)
            return int(entry.__array_interface__["data"][0])
        return int(entry)

    def _table(self, entries: Sequence[Any]) -> int:
        table = (ctypes.c_int64 * len(entries))()
        at = ctypes.addressof(table)
        for number, entry in enumerate(entries):
            table[number] = self._word(entry, at + 8 * number)
        self._kept.append(table)
        return at

    def _checked_table(self, job: Checked, complete: bool) -> int:
        """The table of a job that takes a row; it is complete once all tables are there that look at the row."""
        if job.shown is not None and not complete:
            return 0
        head: list[Any] = [
            int(self._broken.ctypes.data) + 8 * self._numbers[id(job)],
            ctypes.addressof(self._tables[self._sequences.index(job.sequence)]), *job.rest,
        ]  # fmt: skip
        if job.shown is not None:
            pairs = self._shows.get(job.shown, [])
            head += [len(pairs) // 2, *pairs]
        return self._table(head)

    def __call__(self, inputs: Sequence[Any], out: Sequence[Any] | None) -> list[Any] | None:
        """Runs the loop; None if an array or a stack is none that machine code can walk, and nothing was done."""
        values, views = self._values, self._views
        for slot, value in zip(self._program.feeds, inputs, strict=True):
            if slot in views:
                views[slot][...] = value
            else:
                values[slot] = value
        try:
            return self._run(out)
        finally:
            values[:] = self._initial
            self._held = []

    def _run(self, out: Sequence[Any] | None) -> list[Any] | None:
        values, head = self._values, self._head
        head[words.RESUMED] = 0
        run_rows(self._reads, values)
        self._point()
        if self._sequences or self._handles:
            # Arrays and stacks are touched, and gradients' arrays made, only if there is an iteration.
            self._call(0, False)
            if head[words.STATUS] == words.PAUSED:
                run_rows(self._handles, values)
                found = self._found()
                if found is None:
                    return None
                self._repeat(found)
            else:
                self._finish()
        else:
            self._repeat([])
        made = []
        for number, place in enumerate(self._results):
            value = place.view if place.slot is None else place.of(values[place.slot])
            target = None if out is None else out[number]
            if target is None:
                target = value.copy()
            else:
                target[...] = value
            made.append(target)
        return made

    def _point(self) -> None:
        """Points at the arrays that are the same in all iterations, and does what is done once."""
        for number, slot in enumerate(self._order):
            array = self._values[slot]
            if type(array) is not np.ndarray or not array.flags.c_contiguous:
                array = np.ascontiguousarray(array)
            self._held.append(array)
            self._arrays[number] = id(array)
        at, count = self._first
        if self._order or count:
            points, jobs = self._pointing, ctypes.addressof(self._jobs) + at
            self._functions.straight(0, points.ctypes.data, len(points) // 3, self._arrays, jobs, count, 0)

    def _found(self) -> list[Any] | None:
        """The arrays and stacks, their tables filled in; None if one of them is not made of rows."""
        objects = [self._values[rows.slot] for rows in self._sequences]
        stacks = [thing for thing in objects if isinstance(thing, Stack)]
        if len({id(stack) for stack in stacks}) != len(stacks):
            return None
        found: list[Any] = []
        for rows, table, thing in zip(self._sequences, self._tables, objects, strict=True):
            nbytes = rows.nbytes
            if rows.is_stack:
                pushes = bool(rows.pushes)
                if not isinstance(thing, Stack) or (pushes and rows.pops):
                    return None
                memory = thing.rows(rows.shape, rows.dtype, pushes)
                if memory is None:
                    return None
                array = memory.reserve(0)
                table[:4] = [_address(array), nbytes, memory.count, len(array)]
                found.append(memory)
                continue
            if not isinstance(thing, TensorArrayStore) or thing.dtype.np != rows.dtype:
                return None
            if rows.writes and thing.adds and rows.dtype not in words.KINDS:
                return None
            elements = thing.elements(rows.shape, thing.dtype, bool(rows.writes))
            if elements is None:
                return None
            held, zeroes = elements
            leaves = READ | (CLEARED if thing.clear_after_read else 0)
            table[:] = [
                _address(held.rows), nbytes, len(held.flags), _address(held.flags), int(thing.adds), leaves,
                int(zeroes),
            ]  # fmt: skip
            found.append(held)
        return found

    def _repeat(self, sequences: Sequence[Any]) -> None:
        """All iterations, some at a time."""
        done = 0
        walked = list(zip(self._sequences, self._tables, sequences, strict=True))
        pushed = [(table, memory, rows.pushes) for rows, table, memory in walked if rows.pushes]
        stacks = [(table, memory) for rows, table, memory in walked if rows.is_stack]
        self._held += sequences
        expected = max(_FIRST, self._last)
        most = max(1, int(_PATIENCE / max(self.nanoseconds, 100.0)))
        choice = self._choice
        while True:
            self._check()
            limit = min(expected, most)
            for table, memory, pushes in pushed:
                array = memory.reserve(max(limit, self._last - done) * pushes)
                table[words.ROWS], table[words.CAPACITY] = _address(array), len(array)
            start = perf_counter_ns()
            together = choice is not None and choice.together()
            count = self._call(limit, together)
            if choice is not None and count:
                choice.took(together, (perf_counter_ns() - start) // count)
            done += count
            for table, memory in stacks:
                memory.count = table[words.COUNT]
            if self._finish():
                break
            expected *= 2
        self._last = done

    def _call(self, limit: int, together: bool) -> int:
        """At most so many iterations; returns how many were finished."""
        done = self._go_on(limit, together)
        while self._head[words.STATUS] == words.CALLED:
            self._interpret(self._calls[self._head[words.AT] - 1])
            done += self._go_on(limit - done, together)
        return done

    def _interpret(self, call: Interpreted) -> None:
        inputs = [self._input(entry) for entry in call.inputs]
        try:
            made = call.function(*inputs)
        except StepFailed:
            raise  # of a step inside a loop
        except Exception as error:
            raise StepFailed(call.step, inputs) from error
        for target, value in zip(call.outputs, made if len(call.outputs) > 1 else (made,), strict=True):
            target[...] = value

    def _go_on(self, limit: int, together: bool) -> int:
        state = self._state if together else 0
        stays = state and self._stays and limit * self.shared > WORTH_WAKING
        if stays:
            self._functions.stay(state, 1)
        count = int(self._iterations.iterate(state, self._head, limit))
        if stays:
            self._functions.stay(state, -1)
        return count

    def _finish(self) -> bool:
        """Whether the loop has ended; raises what the interpreter would if a step failed."""
        status = self._head[words.STATUS]
        if status != words.BROKEN:
            return bool(status == words.ENDED)
        step, failed = None, np.flatnonzero(self._broken)
        if failed.size:
            step = self._steps[int(failed[0])]
        for number in np.flatnonzero(self._failures[: len(self._failing)]):
            step = step or self._failing[int(number)][0]
        self._broken[:] = 0
        self._failures[:] = 0
        assert step is not None
        inputs = [self._input(self._places.get(slot) or slot) for slot in step.inputs]
        cause: Exception = IndexError("an index is out of range")
        try:
            self._plain[id(step)](*inputs)
        except Exception as error:  # which is the one to report
            cause = error
        raise StepFailed(step, inputs) from cause

    def _input(self, entry: Any) -> Any:
        """What is at a place, as far as it stays where it is (of a row of an array, its shape), or in a slot."""
        if not isinstance(entry, Place):
            return self._values[entry]
        given = None if entry.slot is None or entry.slot >= len(self._values) else self._values[entry.slot]
        view = entry.view if given is None else entry.of(given)
        return view if view.shape else view[()]
