"""Straights: steps of a planned program that machine code runs one after the other in a single call.

In a workspace every address is known, so fused bodies, matrix products and copies become *jobs*, a function and a
table of addresses each. What comes from outside (feeds, variables, what Python steps made) is pointed at when the call
begins. Steps that only show their input's memory (a part, other axes) need no job: whoever reads them reads there.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any

import numpy as np

from scopert.backend import Step, StepFailed, TraceRow
from scopert_numpy.native.dispatch import Dispatcher
from scopert_numpy.native.engine import Job
from scopert_numpy.native.step_jobs import Place
from scopert_numpy.sharing import Choice
from scopert_numpy.threads import Pool

#: Nanoseconds of a job from which on it is shared, and from which on in smaller pieces.
_SHARED = 4_000.0
_LONG = 400_000.0
ANY, LASTING, ROW = range(3)
#: Nanoseconds of shared jobs for which the workers are woken and kept awake.
WORTH_WAKING = 30_000.0


def chunks_for(workers: Pool) -> Callable[[int, float], int]:
    """Into how many pieces a job is cut while the workers are awake."""
    threads = workers.threads if workers.native_state() else 1

    def chunks(units: int, nanoseconds: float) -> int:
        if threads == 1 or units < 2 or nanoseconds < _SHARED:
            return 1
        return min(units, threads if nanoseconds < _LONG else 4 * threads)

    return chunks


class Straight:
    """A call that runs steps; it belongs to a frame, and so to one run at a time.

    Parameters
    ----------
    dispatcher : Dispatcher
    workers : Pool
    parts : sequence of (step, jobs)
        The tables of jobs hold addresses, or a `Place` that is pointed at by each call.
    given : sequence of (slot, kind)
        What comes from outside, in the order of the arguments of a call: `LASTING` if its memory moves only if it is
        another array, `ROW` if it is contiguous for sure.
    fresh : sequence of (slot, function)
        Outputs that each call makes anew, and what makes them; they are counted after the given arrays.
    failed : sequence of (step, word, inputs)
        Steps that may fail, words that are not 0 when they have, and what they get.
    """

    def __init__(
        self, dispatcher: Dispatcher, workers: Pool, parts: Sequence[tuple[Step, Sequence[Job]]],
        given: Sequence[tuple[int, int]], fresh: Sequence[tuple[int, Callable[[], Any]]],
        failed: Sequence[tuple[Step, np.ndarray, Sequence[Place]]] = (),
    ) -> None:  # fmt: skip
        self._dispatcher = dispatcher
        self._fresh = [new for _, new in fresh]
        self._kinds = [kind for _, kind in given]
        self._rows = [number for number, kind in enumerate(self._kinds) if kind == ROW]
        self._checked = [number for number, kind in enumerate(self._kinds) if kind != ROW]
        self._seen: list[Any] = [None] * len(given)
        self._given = (ctypes.c_int64 * max(1, len(given) + len(fresh)))()
        which = {slot: number for number, slot in enumerate([*[s for s, _ in given], *[s for s, _ in fresh]])}
        self._kept: list[Any] = []
        self._failed = [
            (step, word, [(place, -1 if place.slot is None else which[place.slot]) for place in places])
            for step, word, places in failed
        ]
        jobs: list[int] = []
        points: list[int] = []
        self._spans: list[tuple[Step, int, int]] = []
        shared = 0.0
        for step, found in parts:
            begin = len(jobs) // 4
            for job in found:
                table = (ctypes.c_int64 * len(job.table))()
                at = ctypes.addressof(table)
                for word, entry in enumerate(job.table):
                    if isinstance(entry, Place):
                        if entry.slot is None:
                            table[word] = entry.address
                            self._kept.append(entry.view)
                        else:
                            points += [at + 8 * word, which[entry.slot], entry.offset]
                    elif isinstance(entry, np.ndarray):
                        self._kept.append(entry)
                        table[word] = entry.__array_interface__["data"][0]
                    else:
                        assert isinstance(entry, int)
                        table[word] = entry
                jobs += [job.address, at, job.units, job.chunks]
                self._kept.append(table)
                shared += job.nanoseconds if job.chunks > 1 else 0.0
            self._spans.append((step, begin, len(jobs) // 4))
        self._jobs = np.array(jobs, np.int64)
        self._points = np.array(points, np.int64)
        #: Nanoseconds of work that several threads share.
        self.shared = shared
        several = sum(job.chunks > 1 for _, found in parts for job in found) > 1
        self._arguments = (
            workers.native_state() if shared else 0, self._points.ctypes.data, len(points) // 3,
            ctypes.addressof(self._given), self._jobs.ctypes.data, len(jobs) // 4,
            int(several and shared > WORTH_WAKING),
        )  # fmt: skip
        self._choice = Choice() if self._arguments[0] and shared > WORTH_WAKING else None
        self._alone = (0, *self._arguments[1:6], 0)

    @property
    def steps(self) -> list[Step]:
        """What it runs, in order."""
        return [step for step, _, _ in self._spans]

    def _point(self, inputs: Sequence[Any]) -> list[Any]:
        """Notes the given arrays; returns what must live until the call is over, the fresh ones last."""
        arrays: list[Any] = []
        given, seen = self._given, self._seen
        for number in self._rows:
            given[number] = id(inputs[number])
        for number in self._checked:
            array = inputs[number]
            if array is not seen[number]:
                if type(array) is not np.ndarray or not array.flags.c_contiguous:
                    array = np.ascontiguousarray(array)
                    arrays.append(array)
                given[number] = id(array)
                if self._kinds[number] == LASTING:
                    seen[number] = array
        number = len(inputs)
        for new in self._fresh:
            array = new()
            arrays.append(array)
            given[number] = id(array)
            number += 1
        return arrays

    def _run(self) -> None:
        choice = self._choice
        if choice is None:
            self._dispatcher.straight(*self._arguments)
            return
        together = choice.together()
        start = perf_counter_ns()
        self._dispatcher.straight(*(self._arguments if together else self._alone))
        choice.took(together, perf_counter_ns() - start)

    def _check(self, given: Sequence[Any]) -> None:
        for step, word, places in self._failed:
            if word[0]:
                word[0] = 0
                inputs = [place.view if number < 0 else place.of(given[number]) for place, number in places]
                raise StepFailed(step, inputs) from IndexError("an index is out of range")

    def forget(self) -> None:
        """Lets go of what was given."""
        self._seen = [None] * len(self._seen)

    def __call__(self, *inputs: Any) -> Any:
        arrays = self._point(inputs)
        self._run()
        if self._failed:
            self._check([*inputs, *arrays[len(arrays) - len(self._fresh) :]])
        return arrays[len(arrays) - len(self._fresh) :]

    def traced(self, inputs: Sequence[Any], trace: list[TraceRow]) -> list[Any]:
        """The same, step by step, noting when each began and ended."""
        arrays = self._point(inputs)
        run, (state, points, pointed, given, jobs, _, stay) = self._dispatcher.straight, self._arguments
        run(state, points, pointed, given, jobs, 0, 0)
        if stay:
            self._dispatcher.stay(state, 1)
        for step, begin, end in self._spans:
            start = perf_counter_ns()
            run(state, 0, 0, 0, jobs + 32 * begin, end - begin, 0)
            trace.append((step, start, perf_counter_ns(), 0))
        if stay:
            self._dispatcher.stay(state, -1)
        self._check([*inputs, *arrays[len(arrays) - len(self._fresh) :]])
        return arrays[len(arrays) - len(self._fresh) :]
