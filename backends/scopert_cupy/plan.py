"""Which engine runs each step of a program, and where each value lies. Pure: no device, no addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from scopert.backend import (
    DEAD,
    FUSED,
    VIEW,
    WRITES,
    Loop,
    Origin,
    Program,
    Step,
    Together,
    Value,
)
from scopert.program.trips import Counters, Trips, count_loops
from scopert_cupy.actions import (
    Action,
    Batch,
    LoopAction,
    Plan,
    Scope,
    Single,
    is_static,
    nbytes_of,
)
from scopert_cupy.arena import FEEDS, FETCHES, VALUES, VARIABLES, WORKSPACE, Spot
from scopert_cupy.batches import Batches, Gathered
from scopert_cupy.command import Emitted, Parameter, used_inputs
from scopert_cupy.device import Facts
from scopert_cupy.distinct import distinct_rows
from scopert_cupy.emit import Emitter
from scopert_cupy.engines import CONTROL, MERGES, SWITCHES, Choice, choose, is_handle
from scopert_cupy.into_variables import IntoVariables
from scopert_cupy.passes import improved
from scopert_cupy.repeated import repeated
from scopert_cupy.settled import settled

#: Handles stay what they are through these.
_PASSES_HANDLES = frozenset({"Identity", "RefIdentity"})


def plan(program: Program, facts: Facts, table: Mapping[str, Emitter]) -> Plan:
    """Plans a program."""
    return _Planner(facts, table).plan(program)


class _Planner:
    def __init__(self, facts: Facts, table: Mapping[str, Emitter]) -> None:
        self._facts = facts
        self._table = table
        self.gathered = Gathered()
        self.trips: dict[Step, Trips] = {}
        self.trusts = True

    def plan(self, program: Program) -> Plan:
        # Without a layout the shapes of variables, and of what follows from them, are not sure.
        self.trusts = program.memory is not None
        program = self._with_variables(improved(settled(program), self._facts, self._table), {})
        if self.trusts:
            program = distinct_rows(program, self._facts, self._table)
        self.trips = count_loops(program)
        scope = _ScopePlanner(self, program, top=True)
        scope.place_feeds()
        gathered = self.gathered
        sent = gathered.regions.sizes[FEEDS]
        scope.plan_steps()
        if program.memory is not None:
            gathered.regions.at_least(WORKSPACE, program.memory.nbytes)
        # Parameters of batches that always run follow the feeds.
        parameters: list[tuple[Parameter, Origin, Spot]] = []
        for action in scope.scope.actions:
            if isinstance(action, Batch) and not action.guards:
                parameters += action.parameters
                sent = max([sent, *[spot.offset + parameter.nbytes for parameter, _, spot in action.parameters]])
        return Plan(
            scope.scope, gathered.regions, gathered.variables, gathered.tables, parameters, sent, gathered.statuses
        )  # fmt: skip

    def _with_variables(self, program: Program, known: dict[int, Value]) -> Program:
        """The program with handles of variables as references, whose shape is the variable's."""
        values = list(program.values)
        fused = {slot for step in program.steps if step.op == FUSED for slot in step.outputs}
        for slot, value in enumerate(values) if not self.trusts else ():
            if slot not in fused:  # whose body says what it makes
                values[slot] = replace(value, shape=None)
        for slot, origin in program.variables.items():
            dtype, shape = origin.attrs["dtype"], origin.attrs["shape"]
            values[slot] = replace(values[slot], dtype=dtype._as_ref, shape=shape)
        for slot, value in known.items():
            values[slot] = replace(values[slot], dtype=value.dtype, shape=value.shape)
        return replace(program, values=tuple(values))


class _ScopePlanner:
    """Plans one program: the whole, or the body of a loop."""

    def __init__(self, planner: _Planner, program: Program, top: bool) -> None:
        self._planner = planner
        self._regions = planner.gathered.regions
        self._program = program
        self._top = top
        self.scope = Scope(program)
        self._engines: list[tuple[str, Emitted | None, str]] = []
        # Slots whose memory no other value takes during the run.
        self._lasting: set[int] = set()
        # Where the layout's offsets count from: each loop has a workspace of its own.
        memory = program.memory
        self._work = Spot(WORKSPACE)
        if not top and memory is not None and memory.nbytes:
            self._work = self._regions.reserve(VALUES, memory.nbytes)
        self._wanted: set[int] = set()
        self._roots: dict[int, frozenset[int]] = {}
        if not top:  # what a loop is given may be dead although the loop runs
            self._roots.update({slot: frozenset({slot}) for slot in program.feeds})
        # Of a branch that is never taken, folding leaves dead constants.
        self._dead = frozenset([slot for slot, array in program.constants.items() if _is_dead(array)])
        self._roots.update({slot: frozenset({slot}) for slot in self._dead})
        for slot, origin in program.variables.items():
            self.scope.variables[slot] = planner.gathered.number(origin)

    # Places of what is given.

    def place_feeds(self) -> None:
        """Gives fed values of known shape a place."""
        for slot in self._program.feeds:
            value = self._program.values[slot]
            if is_static(value):
                self.scope.spots[slot] = self._regions.reserve(FEEDS if self._top else VALUES, nbytes_of(value))
                self._lasting.add(slot)

    def _in_workspace(self, offset: int) -> Spot:
        return Spot(self._work.base, self._work.offset + offset)

    def place_variable(self, slot: int) -> None:
        """Gives a variable of the loop its place: that of the layout, which following values may take, or its own."""
        memory = self._program.memory
        offset = None if memory is None else memory.offsets.get(slot)
        if offset is None:
            self.invariant(slot, self._regions.reserve(VALUES, nbytes_of(self._program.values[slot])))
        else:
            self.scope.spots[slot] = self._in_workspace(offset)

    def invariant(self, slot: int, spot: Spot) -> None:
        """A value of the loop that is the same in all iterations lies where it lies outside."""
        self.scope.spots[slot] = spot
        self._lasting.add(slot)

    # Steps.

    def plan_steps(self) -> None:
        """Chooses engines, gives places, and makes the actions of the top level."""
        self._take_apart()
        self._choose()
        fetched = self._fetched_slots()
        for slot, array in self._program.constants.items():
            if slot in self._wanted and slot not in self._dead and is_static(self._program.values[slot]):
                self.scope.spots[slot] = self._planner.gathered.constant(array)
                self._lasting.add(slot)
        into = IntoVariables(self._program, self._engines, self.scope.variables) if self._top else None
        for position, (step, (engine, emitted, _)) in enumerate(zip(self._program.steps, self._engines, strict=True)):
            straight: dict[int, Spot] = {}
            if into is not None and emitted is not None:
                places = {k: into.place(position, k, self.scope.spots) for k in range(len(step.outputs))}
                straight = {k: spot for k, spot in places.items() if spot is not None}
            self._place_outputs(step, engine, emitted, fetched, straight)
        if self._top:
            self.scope.actions = self.actions(0, len(self._program.steps))
            self._place_fetches()

    def _fetched_slots(self) -> frozenset[int]:
        return frozenset(fetch.slot for fetch in self._program.fetches)

    def _take_apart(self) -> None:
        """Updates that are not emitted together run one after the other."""
        steps: list[Step] = []
        for step in self._program.steps:
            self._pass_on_variables(step)
            if isinstance(step.body, Together) and self._engine(step)[1] is None:
                steps += step.body.members
            else:
                steps.append(step)
        if len(steps) != len(self._program.steps):
            self._program = self.scope.program = replace(self._program, steps=tuple(steps))

    def _choose(self) -> None:
        """The engine of each step, and which values have to be on the device."""
        for step in self._program.steps:
            self._pass_on_variables(step)
            engine, emitted, why = self._engine(step)
            self._engines.append((engine, emitted, why))
            self._note_roots(step)
            if emitted is not None:
                self._wanted.update(step.inputs[number] for number in used_inputs(emitted, len(step.inputs)))
                self._wanted.update(step.outputs)
            elif engine != "host":
                self._wanted.update(step.inputs)
                self._wanted.update(step.outputs)
            else:
                self.scope.host_made.update(step.outputs)

    def _pass_on_variables(self, step: Step) -> None:
        """Outputs that are the variable that a step was given."""
        known = self.scope.variables
        if isinstance(step.body, Together):
            for member in step.body.members:
                self._pass_on_variables(member)
            return
        if not step.inputs or step.inputs[0] not in known:
            return
        source = step.inputs[0]
        if step.op in SWITCHES or step.op in _PASSES_HANDLES or WRITES in step.traits:
            handles = [slot for slot in step.outputs if is_handle(self._program.values[slot])]
            for slot in handles:
                known[slot] = known[source]
                value = self._program.values[source]
                values = list(self._program.values)
                values[slot] = replace(values[slot], dtype=value.dtype, shape=value.shape)
                self._program = self.scope.program = replace(self._program, values=tuple(values))

    def _engine(self, step: Step) -> Choice:
        """What runs a step."""
        guards = frozenset[int]().union(step.inputs, *[self._roots.get(slot, frozenset()) for slot in step.guards])
        if guards & self._dead and step.op not in CONTROL:
            return "host", None, "in a branch that is never taken"
        return choose(step, self._program, self.scope.variables, self._planner._facts, self._planner._table)

    def _note_roots(self, step: Step) -> None:
        """By slot, which slots tell whether it is alive."""
        own = frozenset[int]().union(*[self._roots.get(slot, frozenset()) for slot in step.guards])
        for slot in step.outputs:
            self._roots[slot] = frozenset({slot}) if step.op in SWITCHES | MERGES else own

    def _place_outputs(
        self, step: Step, engine: str, emitted: Emitted | None, fetched: frozenset[int], straight: dict[int, Spot]
    ) -> None:
        spots, memory = self.scope.spots, self._program.memory
        aliases = dict(emitted.alias) if emitted is not None else {}
        if engine == "switch":
            aliases = dict.fromkeys(range(len(step.outputs)), 0)
        for number, slot in enumerate(step.outputs):
            value = self._program.values[slot]
            if not is_static(value) or slot not in self._wanted:
                continue
            offset = None if memory is None else memory.offsets.get(slot)
            source = step.inputs[aliases[number]] if number in aliases else None
            if source is not None and self._may_alias(step, source, slot, offset):
                number_of = self.scope.variables.get(source)
                spots[slot] = spots[source] if number_of is None else Spot(VARIABLES + number_of)
                if source in self._lasting or number_of is not None:
                    self._lasting.add(slot)
            elif number in straight and number not in aliases:
                spots[slot] = straight[number]
            elif offset is not None:
                spots[slot] = self._in_workspace(offset)
            else:
                region = FETCHES if slot in fetched and self._top else VALUES
                spots[slot] = self._regions.reserve(region, nbytes_of(value))
                self._lasting.add(slot)

    def _may_alias(self, step: Step, source: int, slot: int, offset: int | None) -> bool:
        """Whether an output can be its input's memory: nobody else may take that memory too early."""
        if source in self.scope.variables:
            return offset is None
        spot = self.scope.spots.get(source)
        if spot is None:
            return False
        if offset is not None:
            return spot == self._in_workspace(offset)
        if VIEW in step.traits:
            return True  # the layout and the lowering know that it is the same memory
        return source in self._lasting and spot.base < VARIABLES

    def _place_fetches(self) -> None:
        """Places for fetched values that lie elsewhere."""
        for fetch in self._program.fetches:
            spot = self.scope.spots.get(fetch.slot)
            given = fetch.slot in self._program.constants or fetch.slot in self._program.feeds
            if spot is None or given or fetch.slot in self.scope.fetched or fetch.slot in self.scope.host_made:
                continue
            if spot.base != FETCHES:
                spot = self._regions.reserve(FETCHES, nbytes_of(self._program.values[fetch.slot]))
            self.scope.fetched[fetch.slot] = spot

    # Actions.

    def actions(self, start: int, end: int) -> list[Action]:
        """The steps from `start` to `end`, neighbours put together."""
        made: list[Action] = []
        batches = Batches(self._planner.gathered, self.scope, self._top)
        for position in range(start, end):
            step = self._program.steps[position]
            engine, emitted, why = self._engines[position]
            guards = tuple(sorted(frozenset[int]().union(*[self._roots.get(s, frozenset()) for s in step.guards])))
            if engine == "loop":
                action, wanted = self._loop(step, guards)
                found = repeated(action, self.scope, self._planner.trips.get(step), wanted)
                if found is None:
                    made.append(action)
                else:
                    batches.add_loop(batches.last(made, guards), action, found)
            elif emitted is None:
                made.append(Single(step, engine, guards, why))
            else:
                batches.add(batches.last(made, guards), step, engine, emitted)
        batches.give_blocks(made)
        return made

    def _loop(self, step: Step, guards: tuple[int, ...]) -> tuple[LoopAction, set[int]]:
        """The loop, and which slots of its body commands use."""
        body = step.body
        assert isinstance(body, Loop)
        changing = len(body.following)
        known: dict[int, Value] = {}
        for position, slot in enumerate(step.inputs):
            inner = body.program.feeds[position]
            if position >= changing and slot in self.scope.variables:
                known[inner] = self._program.values[slot]
        program = self._planner._with_variables(body.program, known)
        inner_plan = _ScopePlanner(self._planner, program, top=False)
        for position, slot in enumerate(step.inputs):
            inner = program.feeds[position]
            if position >= changing and slot in self.scope.variables:
                inner_plan.scope.variables[inner] = self.scope.variables[slot]
            elif position >= changing and slot in self.scope.spots and _same(self._program, slot, program, inner):
                inner_plan.invariant(inner, self.scope.spots[slot])
            elif position < changing and is_static(program.values[inner]):
                inner_plan.place_variable(inner)
        inner_plan._wanted.update(body.following, body.results, (body.condition,))
        inner_plan.plan_steps()
        ends = (0, body.decided, body.repeated, len(program.steps))
        parts = tuple([inner_plan.actions(ends[k], ends[k + 1]) for k in range(3)])
        moves = inner_plan.moves(body, changing)
        counters = Counters(body)
        found = counters if counters.suffices else None
        return LoopAction(step, guards, inner_plan.scope, cast(Any, parts), moves, found), inner_plan._wanted

    def moves(self, body: Loop, changing: int) -> list[tuple[Spot, Spot, int]]:
        """Copies from the next values of a loop's variables to their places.

        A value that is another variable's of this iteration is put aside before that one is overwritten.
        """
        spots = self.scope.spots
        pairs = [
            (spots[slot], spots[source], nbytes_of(self._program.values[slot]))
            for slot, source in zip(self._program.feeds[:changing], body.following, strict=True)
            if slot in spots and source in spots and spots[slot] != spots[source]
        ]
        targets = {target for target, _, _ in pairs}
        before, after = [], []
        for target, source, nbytes in pairs:
            if nbytes and source in targets:
                aside = self._regions.reserve(VALUES, nbytes)
                before.append((aside, source, nbytes))
                after.append((target, aside, nbytes))
            elif nbytes:
                after.append((target, source, nbytes))
        return before + after


def _same(outer: Program, slot: int, inner: Program, other: int) -> bool:
    one, two = outer.values[slot], inner.values[other]
    return is_static(two) and one.shape == two.shape and one.dtype.base is two.dtype.base


def _is_dead(constant: Any) -> bool:
    return constant.dtype == object and not constant.ndim and constant[()] is DEAD
