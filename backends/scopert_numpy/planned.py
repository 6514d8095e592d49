"""A Program with planned memory: values stand in a workspace that one run after the other uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.backend import Memory, Program, StepFailed, TraceRow
from scopert_numpy.executable import check_shapes, results, variable_shapes
from scopert_numpy.frames import Frame, Frames
from scopert_numpy.quiet import quiet_for
from scopert_numpy.steps import Binder, run_rows, run_traced

#: How many workspaces wait for the next runs: as many as runs were under way at the same time, up to this.
LARGEST_POOL = 16


class PlannedExecutable:
    """Runs a Program whose values have places; a steady-state run allocates what it returns, and no other array.

    A run takes a workspace that no other run uses, so several threads may run it at once.
    """

    def __init__(self, program: Program, binder: Binder) -> None:
        assert program.memory is not None
        self._program, self._binder = program, binder
        self._memory: Memory = program.memory
        self._frames = Frames(program, binder, (len(program.steps),))
        self._feeds = program.feeds
        self._quiet = quiet_for(program)
        self._fetches = tuple([(fetch.slot, fetch.shared) for fetch in program.fetches])
        self._clear = tuple(dict.fromkeys((*program.feeds, *[fetch.slot for fetch in program.fetches])))
        self._shapes = variable_shapes(program, self._frames.template)
        self._free: list[Frame] = []

    @property
    def memory(self) -> Memory:
        """The layout of its workspace."""
        return self._memory

    def __str__(self) -> str:
        from scopert_numpy.report import executable_lines  # which few programs need

        frame = self._free[0] if self._free else self._frames.make()
        if not self._free:
            self._free.append(frame)
        return "\n".join(executable_lines(self._program, frame.parts[0], self._binder, self._memory))

    def run(self, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        """Runs once, in the calling thread."""
        check_shapes(self._shapes)
        try:
            frame = self._free.pop()
        except IndexError:
            frame = self._frames.make()
        values = frame.values
        for slot, array in zip(self._feeds, feeds, strict=True):
            values[slot] = array
        try:
            if trace is None:
                self._quiet(run_rows, frame.parts[0], values)
            else:
                self._quiet(run_traced, frame.parts[0], values, trace)
            made = results(self._fetches, values, frame.handed)
        except StepFailed as failure:
            values[:] = frame.initial
            raise self._frames.explained(failure, self._quiet) from failure.__cause__
        except BaseException:
            values[:] = frame.initial
            raise
        initial = frame.initial
        for slot in self._clear:
            values[slot] = initial[slot]
        if len(self._free) < LARGEST_POOL:
            self._free.append(frame)
        return made
