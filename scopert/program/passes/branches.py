"""Branches of conds: all steps of one branch have one guard, and read what is given to them past its Switches."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from scopert.program.frames import MERGES, SWITCHES
from scopert.program.ir import Program, Step
from scopert.program.rewrite import Rewriter, rewrite

#: On what something depends: predicates, by slot, and which way each has to go.
Conditions = frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Branches:
    """Makes it visible which steps run together, so that they can be fused.

    A step of a branch has as its guards those inputs that may be dead, which differ from step to step. Two steps run
    under the same conditions if the same predicates must go the same way; the guard of all of them becomes the first
    output of a Switch under these conditions. What a Switch hands on is read where it comes from: its guard already
    says when. So only one Switch is left of those for the values that a branch uses.
    """

    name: str = "branches"

    def __call__(self, program: Program) -> Program:
        return rewrite(program, _visit)


@dataclass
class _Known:
    """What is known of the steps of a program so far.

    Attributes
    ----------
    life : dict
        Of slots that may be dead.
    first : dict
        Conditions -> the first output of a Switch under these conditions and no others.
    data : dict
        Output of a Switch -> what it hands on.
    same : dict
        Slot -> the slot that it is a copy of.
    """

    life: dict[int, Conditions] = field(default_factory=dict)
    first: dict[Conditions, int] = field(default_factory=dict)
    data: dict[int, int] = field(default_factory=dict)
    same: dict[int, int] = field(default_factory=dict)


def _visit(rewriter: Rewriter, step: Step) -> None:
    known = rewriter.seen.setdefault("branches", _Known())
    if step.op in MERGES:
        _merge(known, step)
        rewriter.keep(step)
        return
    if step.op == "Identity":
        known.same[step.outputs[0]] = known.same.get(step.inputs[0], step.inputs[0])
    if any(slot not in known.life for slot in step.guards):
        rewriter.keep(step)  # of something whose conditions are not known, such as the result of a loop
        return
    conditions = Conditions().union(*[known.life[slot] for slot in step.guards])
    if step.op in SWITCHES:
        _switch(rewriter, known, step, conditions)
    known.life.update(dict.fromkeys(step.outputs, conditions) if conditions and step.op not in SWITCHES else {})
    if step.guards:
        guard = known.first.get(conditions)
        guards = step.guards if guard is None else (guard,)
        step = replace(step, guards=guards, inputs=tuple([known.data.get(slot, slot) for slot in step.inputs]))
    rewriter.keep(step)


def _switch(rewriter: Rewriter, known: _Known, step: Step, conditions: Conditions) -> None:
    data, predicate = step.inputs
    root = known.same.get(predicate, predicate)
    for way, output in enumerate(step.outputs):
        under = conditions | {(root, way)}
        known.life[output] = under
        known.first.setdefault(under, output)
        if not rewriter.values[data].dtype.is_ref:
            known.data[output] = known.data.get(data, data)


def _merge(known: _Known, step: Step) -> None:
    """The result of a cond depends on its predicate no more."""
    lives = [known.life.get(slot, Conditions()) for slot in step.inputs]
    if len(lives) != 2 or not all(lives):
        return
    common = lives[0] & lives[1]
    rest = [*(lives[0] - common), *(lives[1] - common)]
    if common and len(rest) == 2 and rest[0][0] == rest[1][0] and rest[0][1] != rest[1][1]:
        known.life.update(dict.fromkeys(step.outputs, common))
