"""Fusion: elementwise operations, reductions and changes of layout between them become one loop nest.

The pass takes steps apart into parts (`fuse_expand`), puts these into groups over one space (`fuse_schedule`),
and writes each group as a body of `scopert.program.expression` (`fuse_emit`). Only cheap maps are computed twice
(`fuse_again`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from scopert.program.ir import LOOP, Fetch, Loop, Program, Step
from scopert.program.passes.fuse_again import Again
from scopert.program.passes.fuse_effects import Effects
from scopert.program.passes.fuse_emit import emit
from scopert.program.passes.fuse_expand import Expansion
from scopert.program.passes.fuse_groups import Group
from scopert.program.passes.fuse_schedule import Schedule
from scopert.program.passes.fuse_views import Views
from scopert.program.uses import is_pure, shared_slots


@dataclass(frozen=True)
class Fuse:
    """Groups steps of static shape into FUSED steps, inside loops too.

    Attributes
    ----------
    costly : bool
        Costly maps (an exponential, a tanh) are computed again too rather than stored: for devices that compute
        faster than they read.
    maps : int
        What is computed again is of so many maps at most.
    """

    costly: bool = False
    maps: int = 5
    name: str = "fuse"

    def __call__(self, program: Program) -> Program:
        wanted = {fetch.slot for fetch in program.fetches}
        made, _ = self._runs(program, wanted, [len(program.steps)])
        shared = shared_slots((*made.feeds, *made.constants), made.steps)
        return replace(made, fetches=tuple([Fetch(f.slot, f.slot in shared) for f in made.fetches]))

    def _loop(self, step: Step) -> Step:
        loop = step.body
        assert isinstance(loop, Loop)
        wanted = {loop.condition, *loop.following, *loop.results}
        ends = [loop.decided, loop.repeated, len(loop.program.steps)]
        made, ends = self._runs(loop.program, wanted, ends)
        return replace(step, body=replace(loop, program=made, decided=ends[0], repeated=ends[1]))

    def _runs(self, program: Program, wanted: set[int], ends: list[int]) -> tuple[Program, list[int]]:
        """Fuses each run of steps, up to each of `ends`, by itself."""
        if any(step.op == LOOP for step in program.steps):
            steps = tuple([self._loop(step) if step.op == LOOP else step for step in program.steps])
            program = replace(program, steps=steps)
        values = list(program.values)
        expansion = Expansion(values, program.constants)
        schedules: list[Schedule] = []
        effects = Effects(program)
        views = Views(values, program.constants)
        again = Again(expansion, views, self.costly, self.maps)
        first = 0
        for end in ends:
            schedule = Schedule(program, expansion, effects, views, again, wanted)
            schedule.add(program.steps[first:end], first)
            schedule.join_readers()
            schedules.append(schedule)
            first = end
        again.settle([item for schedule in schedules for item in schedule.items if item.merged is None], wanted)
        used = set(wanted)
        runs = [self._emit(schedule, used, expansion, views, again) for schedule in reversed(schedules)]
        found: list[Step] = []
        lengths: list[int] = []
        for run in reversed(runs):
            found += run
            lengths.append(len(found))
        constants = {slot: array for slot, array in program.constants.items() if slot in used}
        return replace(program, values=tuple(values), steps=tuple(found), constants=constants), lengths

    def _emit(self, schedule: Schedule, used: set[int], expansion: Expansion, views: Views, again: Again) -> list[Step]:
        """The steps of a schedule that somebody needs; `used` grows by what they need."""
        backwards: list[Step] = []
        for item in reversed(schedule.ordered()):
            if isinstance(item, Group):
                made = self._group(item, used, expansion, views, again)
            else:
                made = [s for s in item.steps if s.kept or not is_pure(s) or not used.isdisjoint(s.outputs)]
            for step in reversed(made):
                used.update(step.inputs)
                used.update(step.guards)
                backwards.append(step)
        backwards.reverse()
        return backwards

    def _group(self, group: Group, used: set[int], expansion: Expansion, views: Views, again: Again) -> list[Step]:
        needed = [part.output for part in group.parts if part.output in used]
        if not needed:
            return []
        return emit(group, needed, expansion.values, views, again, group.guards)
