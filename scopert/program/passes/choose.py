"""Small branches without effects: both are computed, and one result is chosen.

A schedule of learning rates decides between a few numbers in each step. A branch costs more than what it leaves out
then, and on a device the host would wait for the predicate. An assertion that stands in a branch for the case that it
does not hold needs none: where it holds it does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from scopert.graph.opdef import ELEMENTWISE, find_op
from scopert.graph.shape import num_elements
from scopert.program.frames import MERGES, SWITCHES
from scopert.program.ir import Program, Step, Value
from scopert.program.passes.place import SAME_MEMORY
from scopert.program.uses import EFFECTS, used_slots

#: Of integers they fail where the other branch would have been taken.
_PARTIAL = frozenset({"Div", "FloorDiv", "TruncateDiv", "FloorMod", "Mod", "TruncateMod", "Pow"})
#: As cheap, and never failing; gradients of branches fill in zeros.
_SIMPLE = frozenset({"Select", "SelectV2", "Shape", "Fill", "AddN", "ZerosLike", "OnesLike"})
#: Predicate, and under which guards it is looked at.
_Condition = tuple[int, tuple[int, ...]]


@dataclass(frozen=True)
class Choose:
    """Makes a choice between the results of both branches of a cond, if these are a few elementwise steps.

    Attributes
    ----------
    largest : int
        Elements that a value in a branch has at most.
    """

    largest: int = 16
    name: str = "choose"

    def __call__(self, program: Program) -> Program:
        # Conds in branches first: what they leave may be small enough for the cond around them.
        while any(step.op in MERGES for step in program.steps):
            made = _Choosing(program, self.largest).program()
            if made is None:
                break
            program = made
        return program


@dataclass(eq=False)
class _Cond:
    """All Switches of one predicate under the same guards, and what depends on them."""

    predicate: int
    switches: list[Step] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    #: Merges and assertions.
    ends: list[Step] = field(default_factory=list)
    fails: bool = False


class _Choosing:
    def __init__(self, program: Program, largest: int) -> None:
        self._program = program
        self._largest = largest
        self._conds: dict[_Condition, _Cond] = {}
        #: Output of a Switch -> its cond, which way, and what it hands on.
        self._outputs: dict[int, tuple[_Cond, int, int]] = {}
        #: Slot -> the slot that it is a copy of.
        self._same: dict[int, int] = {}
        #: What a step in a branch makes.
        self._made: dict[int, tuple[_Cond, int]] = {}
        self._used = used_slots(program.steps, [fetch.slot for fetch in program.fetches])

    def program(self) -> Program | None:
        """The program with the conds that can be choices; None if there is none."""
        for step in self._program.steps:
            if step.op == "Identity":
                self._same[step.outputs[0]] = self._root(step.inputs[0])
            elif step.op in SWITCHES:
                self._switch(step, self._root(step.inputs[1]))
        if not self._outputs:
            return None
        for step in self._program.steps:
            if step.op in SWITCHES:
                self._lose(step.inputs[:1])
                self._lose(step.guards)
            elif step.op in MERGES:
                self._merge(step)
            else:
                self._inside(step)
        self._lose([fetch.slot for fetch in self._program.fetches])
        chosen = [cond for cond in self._conds.values() if cond.ends and not cond.fails]
        return self._rewritten(chosen) if chosen else None

    def _root(self, slot: int) -> int:
        return self._same.get(slot, slot)

    def _switch(self, step: Step, predicate: int) -> None:
        data = step.inputs[0]
        cond = self._conds.setdefault((predicate, step.guards), _Cond(predicate))
        cond.switches.append(step)
        cond.fails = cond.fails or step.kept or self._program.values[data].dtype.is_ref
        for way, slot in enumerate(step.outputs):
            self._outputs[slot] = cond, way, data

    def _lose(self, slots: Iterable[int]) -> None:
        """Somebody needs what is dead if the branch is not taken."""
        for slot in slots:
            if slot in self._outputs:
                self._outputs[slot][0].fails = True
            elif slot in self._made:
                self._made[slot][0].fails = True

    def _inside(self, step: Step) -> None:
        is_inside = len(step.guards) == 1 and step.guards[0] in self._outputs
        if not is_inside or not (self._is_small(step) or self._asserts_predicate(step)):
            self._lose((*step.inputs, *step.guards))
            return
        cond, way, _ = self._outputs[step.guards[0]]
        for slot in step.inputs:
            other = self._outputs.get(slot, self._made.get(slot, (cond, way)))
            if other[0] is not cond or other[1] != way:  # of a branch around this one
                self._lose((slot,))
        (cond.ends if step.op == "Assert" else cond.steps).append(step)
        self._made.update(dict.fromkeys(step.outputs, (cond, way)))

    def _asserts_predicate(self, step: Step) -> bool:
        """Whether it fails always, in a branch that is taken where it would fail."""
        cond, way, _ = self._outputs[step.guards[0]]
        return step.op == "Assert" and not way and self._root(step.inputs[0]) == cond.predicate

    def _is_small(self, step: Step) -> bool:
        if step.kept or step.copies or step.traits & EFFECTS:
            return False
        if ELEMENTWISE not in step.traits and step.op not in SAME_MEMORY | _SIMPLE:
            return False
        values = [self._program.values[slot] for slot in (*step.inputs, *step.outputs)]
        if step.op in _PARTIAL and not values[-1].dtype.is_floating:
            return False
        return all(self._fits(value) for value in values)

    def _fits(self, value: Value) -> bool:
        dtype, count = value.dtype, num_elements(value.shape)
        is_plain = not dtype.is_ref and (dtype.is_floating or dtype.is_integer or dtype.is_bool)
        return is_plain and count is not None and count <= self._largest

    def _merge(self, step: Step) -> None:
        arms = [self._outputs.get(slot, self._made.get(slot)) for slot in step.inputs]
        conds = {id(arm[0]) for arm in arms if arm is not None}
        fits = len(arms) == 2 and None not in arms and len(conds) == 1 and not step.kept
        ways = {arm[1] for arm in arms if arm is not None}
        shapes = {self._program.values[slot].shape for slot in (*step.inputs, step.outputs[0])}
        small = self._fits(self._program.values[step.outputs[0]])
        if not fits or ways != {0, 1} or len(shapes) != 1 or not small or step.outputs[1] in self._used:
            self._lose(step.inputs)
            return
        assert arms[0] is not None
        arms[0][0].ends.append(step)

    def _rewritten(self, chosen: list[_Cond]) -> Program:
        guards = {id(cond): key[1] for key, cond in self._conds.items()}
        owner = {id(step): cond for cond in chosen for step in (*cond.switches, *cond.steps, *cond.ends)}
        steps: list[Step] = []
        for step in self._program.steps:
            cond = owner.get(id(step))
            if cond is None:
                steps.append(step)
            elif step.op in MERGES:
                steps.append(self._choice(step, cond.predicate, guards[id(cond)]))
            elif step.op not in SWITCHES:
                inputs = tuple([self._past(slot) for slot in step.inputs])
                steps.append(replace(step, inputs=inputs, guards=guards[id(cond)]))
        return replace(self._program, steps=tuple(steps))

    def _past(self, slot: int) -> int:
        return self._outputs[slot][2] if slot in self._outputs else slot

    def _choice(self, step: Step, predicate: int, guards: tuple[int, ...]) -> Step:
        arms = {self._outputs.get(slot, self._made.get(slot, (None, 0)))[1]: self._past(slot) for slot in step.inputs}
        opdef = find_op("SelectV2")
        assert opdef is not None
        values = self._program.values
        dtype = values[step.outputs[0]].dtype
        origin = replace(
            step.origin, type="SelectV2", attrs={"T": dtype},
            input_dtypes=(values[predicate].dtype, dtype, dtype), output_dtypes=(dtype,),
        )  # fmt: skip
        inputs = (predicate, arms[1], arms[0])
        made = Step("SelectV2", inputs, step.outputs[:1], origin, opdef.kernel, opdef.kernel_keywords, opdef.traits)
        return replace(made, guards=guards)
