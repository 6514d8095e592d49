"""Steps as commands become parts of batches: where their operands are, and what a batch has to look after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scopert.backend import READS, WRITES, Origin, Step
from scopert_cupy.actions import Action, Batch, LoopAction, Repeated, Scope, Work, nbytes_of, variable_key
from scopert_cupy.arena import CONSTANTS, FEEDS, FETCHES, SCRATCH, VALUES, VARIABLES, Regions, Spot
from scopert_cupy.command import Command, Copy, Emitted, Operand, Table
from scopert_cupy.engines import READS_VALUE
from scopert_cupy.into_variables import ASSIGNS
from scopert_cupy.repeated import touches_variables


class Gathered:
    """What all scopes of a plan share.

    Attributes
    ----------
    regions : Regions
    variables : list of Origin
    tables : list of (Spot, numpy.ndarray)
        Constants of the program.
    statuses : list of (Spot, Work, Scope)
        Words that say whether a step refused its inputs.
    """

    def __init__(self) -> None:
        self.regions = Regions()
        self.variables: list[Origin] = []
        self.tables: list[tuple[Spot, Any]] = []
        self.statuses: list[tuple[Spot, Work, Scope]] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._known_tables: dict[int, tuple[Spot, Any]] = {}

    def number(self, origin: Origin) -> int:
        """The number of a variable."""
        key = variable_key(origin)
        if key not in self._numbers:
            self._numbers[key] = len(self.variables)
            self.variables.append(origin)
        return self._numbers[key]

    def constant(self, array: Any) -> Spot:
        """The place of a constant array."""
        known = self._known_tables.get(id(array))
        if known is None:
            values = np.asarray(array)
            known = self._known_tables[id(array)] = self.regions.reserve(CONSTANTS, values.nbytes), array
            self.tables.append((known[0], values))
        return known[0]


class Batches:
    """Fills the batches of one scope.

    Parameters
    ----------
    gathered : Gathered
    scope : Scope
        Its places and variables are known by now.
    top : bool
        It is the program, and not the body of a loop.
    """

    def __init__(self, gathered: Gathered, scope: Scope, top: bool) -> None:
        self._gathered = gathered
        self._regions = gathered.regions
        self._scope = scope
        self._top = top

    def last(self, actions: list[Action], guards: tuple[int, ...]) -> Batch:
        """The batch at the end of `actions`, a new one if there is none of these guards."""
        last = actions[-1] if actions else None
        if not (isinstance(last, Batch) and last.guards == guards):
            last = Batch(guards)
            actions.append(last)
        return last

    def add(self, batch: Batch, step: Step, engine: str, emitted: Emitted) -> None:
        """Puts a step into a batch."""
        parameters = []
        for parameter in emitted.parameters:
            region = FEEDS if self._top and not batch.guards else VALUES
            spot = self._regions.reserve(region, parameter.nbytes)
            parameters.append(spot)
            batch.parameters.append((parameter, step.origin, spot))
        self._regions.at_least(SCRATCH, emitted.scratch)
        inputs = [self._spot(slot) for slot in step.inputs]
        tables = []
        for constant in emitted.constants:
            if isinstance(constant, Table):
                tables.append((constant, self._regions.reserve(VALUES, 8 * len(constant.entries))))
                inputs.append(tables[-1][1])
            else:
                inputs.append(self._gathered.constant(constant))
        outputs = [self._spot(slot) for slot in step.outputs]
        emitted = self._with_copies(emitted, step, inputs, outputs)
        if step.op in ASSIGNS and len(inputs) > 1 and inputs[0] is not None and inputs[0] == inputs[1]:
            # The value was made in the variable.
            emitted = replace(emitted, commands=tuple([c for c in emitted.commands if not isinstance(c, Copy)]))
        work = Work(step, emitted, engine, tuple(inputs), tuple(outputs), tuple(parameters), tables=tuple(tables))
        if emitted.status is not None:
            work.status = self._regions.reserve(FETCHES, 4)
            self._gathered.statuses.append((work.status, work, self._scope))
        batch.works.append(work)
        variables = [self._scope.variables[slot] for slot in step.inputs if slot in self._scope.variables]
        if variables:
            batch.touches = True
        if step.op in ASSIGNS:
            batch.marks[variables[0]] = None
        elif step.op in READS_VALUE or WRITES in step.traits or READS in step.traits:
            for number in variables:
                if number not in batch.marks:
                    batch.needs.setdefault(number, step)
        if any(spot is not None and spot.base >= VARIABLES for spot in (*inputs, *outputs)):
            batch.touches = True

    def add_loop(self, batch: Batch, action: LoopAction, found: Repeated) -> None:
        """Puts a loop of known length into a batch."""
        batch.works.append(found)
        batch.touches = batch.touches or touches_variables([*found.before, *found.moves, *found.after])
        for inner in (inner for part in action.parts for inner in part if isinstance(inner, Batch)):
            batch.touches = batch.touches or inner.touches
            for number, needing in inner.needs.items():
                if number not in batch.marks:
                    batch.needs.setdefault(number, needing)
            batch.marks.update(inner.marks)

    def give_blocks(self, actions: Sequence[Action]) -> None:
        """Batches that may run never, or often, send their parameters themselves: into one block."""
        for action in actions:
            if isinstance(action, Batch) and action.parameters and (action.guards or not self._top):
                action.block = action.parameters[0][2]
                last = action.parameters[-1]
                action.nbytes = last[2].offset + last[0].nbytes - action.block.offset

    def _spot(self, slot: int) -> Spot | None:
        number = self._scope.variables.get(slot)
        return self._scope.spots.get(slot) if number is None else Spot(VARIABLES + number)

    def _with_copies(
        self, emitted: Emitted, step: Step, inputs: Sequence[Spot | None], outputs: Sequence[Spot | None]
    ) -> Emitted:
        """Aliases that got memory of their own are copied into it."""
        copies: list[Command] = []
        for output, source in emitted.alias:
            if outputs[output] is not None and outputs[output] != inputs[source]:
                nbytes = nbytes_of(self._scope.program.values[step.outputs[output]])
                if nbytes:
                    copies.append(Copy(Operand("output", output), Operand("input", source), nbytes))
        return replace(emitted, commands=(*emitted.commands, *copies)) if copies else emitted
