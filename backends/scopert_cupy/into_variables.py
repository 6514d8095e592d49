"""Values that are made only to be assigned to a variable are made in the variable's memory: nothing is copied.

The assignment then has nothing to do, but to say that the variable has a value. It must be certain that nobody sees
the variable change earlier than the assignment would change it: from the step that makes the value to the assignment,
nothing else touches the variable or what was read from it, and every step is commands, so that none can fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from scopert.backend import Fused, Program, Step
from scopert.program.passes.place import reads_before_writing
from scopert_cupy.arena import VARIABLES, Spot
from scopert_cupy.command import Emitted

#: The variable, then the value.
ASSIGNS = frozenset({"Assign", "AssignVariableOp"})


class IntoVariables:
    """Which values of a program may be made in variables.

    Parameters
    ----------
    program : Program
    engines : sequence of (str, Emitted or None, str)
        By step, as the planner chose.
    variables : mapping of int to int
        Slots that stand for variables, and their numbers.
    """

    def __init__(
        self, program: Program, engines: Sequence[tuple[str, Emitted | None, str]], variables: Mapping[int, int]
    ) -> None:
        self._program, self._variables = program, variables
        uses = Counter(slot for step in program.steps for slot in (*step.inputs, *step.guards))
        uses.update(fetch.slot for fetch in program.fetches)
        #: By the slot of a value, where it is assigned.
        self._assigned: dict[int, int] = {}
        self._commands = [emitted is not None and not step.guards for step, (_, emitted, _) in
                          zip(program.steps, engines, strict=True)]  # fmt: skip
        for position, step in enumerate(program.steps):
            if step.op in ASSIGNS and self._commands[position] and step.inputs[0] in variables:
                slot = step.inputs[1]
                target, value = (program.values[s] for s in step.inputs[:2])
                alike = target.shape == value.shape and target.dtype.base is value.dtype.base
                if uses[slot] == 1 and alike:
                    self._assigned[slot] = position

    def place(self, position: int, number: int, spots: Mapping[int, Spot]) -> Spot | None:
        """The variable's memory, if an output of a step may be made there; `spots` has all earlier values."""
        step = self._program.steps[position]
        slot = step.outputs[number]
        last = self._assigned.get(slot)
        if last is None:
            return None
        variable = self._variables[self._program.steps[last].inputs[0]]
        if not all(self._commands[position : last + 1]) or not self._may_write(step, number, variable, spots):
            return None
        for between in self._program.steps[position + 1 : last]:
            if any(self._is_of(s, variable, spots) for s in between.inputs):
                return None
        return Spot(VARIABLES + variable)

    def _may_write(self, step: Step, number: int, variable: int, spots: Mapping[int, Spot]) -> bool:
        """Whether a step reads the variable not at all, or each element before it writes it."""
        mine = [k for k, slot in enumerate(step.inputs) if self._is_of(slot, variable, spots)]
        if not mine:
            return True
        body = step.body
        return isinstance(body, Fused) and all(reads_before_writing(body, k, number) for k in mine)

    def _is_of(self, slot: int, variable: int, spots: Mapping[int, Spot]) -> bool:
        """Whether a slot is a variable, or memory of it."""
        if self._variables.get(slot) == variable:
            return True
        spot = spots.get(slot)
        return spot is not None and spot.base == VARIABLES + variable
