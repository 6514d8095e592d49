"""Who uses what in a program: which steps must stay, and which memory may belong to somebody else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from scopert.graph.opdef import HOST, RANDOM, READS, STATEFUL, VIEW, WRITES
from scopert.program.ir import LOOP, Step

#: Traits of steps that do more than compute their outputs from their inputs.
EFFECTS = frozenset({HOST, RANDOM, READS, STATEFUL, WRITES})


def computes(step: Step) -> bool:
    """Whether a step, where it runs, only computes its outputs from its inputs, and has some."""
    return not step.traits & EFFECTS and step.op != LOOP and bool(step.outputs)


def is_pure(step: Step) -> bool:
    """Whether a step only computes its outputs from its inputs, always, and has some."""
    return computes(step) and not step.guards


def makes_only(step: Step) -> bool:
    """Whether a step has no effect but that there is a new object, which is seen by those that use its handle."""
    return step.op == "StackV2" and not step.guards


def holds_always(step: Step, constants: Mapping[int, Any]) -> bool:
    """Whether a step asserts what is known to be so (that two shapes agree, say)."""
    return step.op == "Assert" and bool(constants.get(step.inputs[0], False))


def used_slots(steps: Iterable[Step], wanted: Iterable[int]) -> set[int]:
    """Slots that a step or the outside needs."""
    used = set(wanted)
    for step in steps:
        used.update(step.inputs)
        used.update(step.guards)
    return used


def mark_kept(steps: Sequence[Step], wanted: Iterable[int], asked: Collection[str]) -> list[Step]:
    """The steps; those of operations that were asked for (`asked`, names) and whose outputs nobody uses are `kept`.

    Others that nobody uses only stand before a control dependency. Where they compute and do nothing else
    (one of the two gradients of a product, say), they may go, as in TensorFlow.
    """
    used = used_slots(steps, wanted)
    return [
        replace(step, kept=True) if step.origin.name in asked and not used.intersection(step.outputs) else step
        for step in steps
    ]


def shared_slots(foreign: Iterable[int], steps: Iterable[Step]) -> set[int]:
    """Slots whose memory may belong to a variable, a constant or a feed (`foreign`)."""
    shared = set(foreign)
    for step in steps:
        views = VIEW in step.traits and any(slot in shared for slot in step.inputs)
        if views or step.op == LOOP or (READS in step.traits and not step.copies):
            shared.update(step.outputs)
    return shared
