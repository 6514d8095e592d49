"""Updates of variables together: the steps by which an optimizer changes one variable each become one step."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from scopert.graph.dtypes import resource
from scopert.graph.kernel import Origin
from scopert.graph.opdef import READS, UPDATE, VIEW
from scopert.program.ir import LOOP, READ, TOGETHER, Program, Step, Together
from scopert.program.passes.place import placed_bytes
from scopert.program.uses import is_pure
from scopert.program.variables import key_of

# An attribute that does not change what is computed.
_IGNORED = "use_locking"
_NOTHING: frozenset[Hashable] = frozenset()


@dataclass(frozen=True)
class Join:
    """Makes one TOGETHER step of updates with the same op, attributes, type and scalars, on different variables.

    It stands where the last of them stood. So updates move behind pure steps, and behind reads of other variables;
    everything else that stands between two of them keeps them apart. No member looks at what another one changes, so
    their order is free.

    Attributes
    ----------
    waiting : int
        So many bytes of gradients may wait for the last one: they cannot make room for others meanwhile.
    """

    waiting: int = 1 << 26
    name: str = "together"

    def __call__(self, program: Program) -> Program:
        joining = _Joining(program, self.waiting)
        for step in program.steps:
            joining.add(step)
        joining.close()
        return replace(program, steps=tuple(joining.steps))


class _Joining:
    def __init__(self, program: Program, limit: int) -> None:
        self.steps: list[Step] = []
        self._program = program
        self._limit, self._waiting = limit, 0
        # What lies in memory that the program may use for something else.
        self._made = {slot for step in program.steps for slot in step.outputs}
        self._open: dict[Hashable, list[Step]] = {}
        # The variables that the open groups change.
        self._changed: set[Hashable] = set()
        # The variables at whose memory members of the open groups look, and by slot, whose memory it may be.
        self._looked: set[Hashable] = set()
        self._behind: dict[int, frozenset[Hashable]] = {}
        # What was read of a variable since it was written: the slot, and by other slots that hold the same, that one.
        self._read: dict[Hashable, int] = {}
        self._same: dict[int, int] = {}

    def add(self, step: Step) -> None:
        variables = [slot for slot in step.inputs if self._is_handle(slot)]
        self._note_reads(step, variables)
        key = self._key(step, variables)
        if key is None:
            if self._open and not self._may_come_before(step, variables):
                self.close()
            self._note_views(step, variables)
            self.steps.append(step)
            return
        names = {key_of(self._program.variables[slot]) for slot in variables}
        looks = _NOTHING.union(*[self._behind.get(slot, _NOTHING) for slot in step.inputs])
        size = sum(placed_bytes(self._program.values[slot]) for slot in step.inputs if self._is_made(slot))
        if names & (self._changed | self._looked) or looks & self._changed or self._waiting + size > self._limit:
            self.close()
        self._waiting += size
        self._changed |= names
        self._looked |= looks
        self._open.setdefault(key, []).append(step)

    def close(self) -> None:
        """Puts the open groups behind the steps."""
        for members in self._open.values():
            self.steps.append(members[0] if len(members) == 1 else _together(members))
        self._open.clear()
        self._changed.clear()
        self._looked.clear()
        self._waiting = 0

    def _is_made(self, slot: int) -> bool:
        return slot in self._made and slot not in self._behind and not self._is_handle(slot)

    def _note_reads(self, step: Step, variables: list[int]) -> None:
        """Remembers which slots hold the same value of a variable."""
        origins = [self._program.variables.get(slot) for slot in variables]
        if step.op == READ or READS in step.traits:
            if len(origins) == len(step.inputs) == 1 and origins[0] is not None and not step.guards:
                slot = step.outputs[0]
                self._same[slot] = self._read.setdefault(key_of(origins[0]), slot)
        elif step.op == LOOP or (variables and None in origins):
            self._read.clear()
        else:
            for origin in origins:
                self._read.pop(None if origin is None else key_of(origin), None)

    def _note_views(self, step: Step, variables: list[int]) -> None:
        """Remembers which variables' memory the outputs may show."""
        if step.copies or not (step.op == LOOP or step.traits & {VIEW, READS}):
            return
        looks = _NOTHING.union(*[self._behind.get(slot, _NOTHING) for slot in step.inputs])
        known = self._program.variables
        looks |= {key_of(known[slot]) for slot in variables if slot in known}
        if looks:
            self._behind.update(dict.fromkeys(step.outputs, looks))

    def _is_handle(self, slot: int) -> bool:
        dtype = self._program.values[slot].dtype
        return dtype.is_ref or dtype is resource

    def _key(self, step: Step, variables: list[int]) -> Hashable:
        """What is the same for all steps that may be joined; None for those that may not."""
        known = self._program.variables
        if UPDATE not in step.traits or step.guards or not all(slot in known for slot in variables):
            return None
        if len({key_of(known[slot]) for slot in variables}) < len(variables):
            return None
        shape = known[variables[0]].attrs["shape"]
        if not shape or None in shape:
            return None
        inputs: list[Hashable] = []
        for slot in step.inputs:
            if self._is_handle(slot):
                inputs.append("variable")
            elif self._program.values[slot].shape == shape:
                inputs.append("array")
            elif self._program.values[slot].shape == ():
                inputs.append(self._same.get(slot, slot))
            else:
                return None
        attrs = [item for item in sorted(step.origin.attrs.items()) if item[0] != _IGNORED and item[0][0] != "_"]
        return step.op, tuple(attrs), tuple(inputs)

    def _may_come_before(self, step: Step, variables: list[int]) -> bool:
        """Whether an update that stands before the step may come after it."""
        if step.op == READ or READS in step.traits:
            origin = self._program.variables.get(step.inputs[0])
            return origin is not None and not step.guards and key_of(origin) not in self._changed
        return is_pure(step) and not variables


def _together(members: list[Step]) -> Step:
    last = members[-1].origin
    origins: tuple[Origin, ...] = tuple([member.origin for member in members])
    origin = replace(
        last, type=TOGETHER, attrs={"fused": origins},
        input_dtypes=tuple([dtype for one in origins for dtype in one.input_dtypes]),
        output_dtypes=tuple([dtype for one in origins for dtype in one.output_dtypes]),
    )  # fmt: skip
    return Step(
        TOGETHER, tuple([slot for member in members for slot in member.inputs]),
        tuple([slot for member in members for slot in member.outputs]), origin,
        traits=frozenset[str]().union(*[member.traits for member in members]), body=Together(tuple(members)),
        kept=any(member.kept for member in members),
    )  # fmt: skip


def apart(program: Program) -> Program:
    """The program with the members of TOGETHER steps in their places."""
    steps: list[Step] = []
    for step in program.steps:
        steps += step.body.members if isinstance(step.body, Together) else (step,)
    return replace(program, steps=tuple(steps))


__all__ = ["Join", "apart"]
