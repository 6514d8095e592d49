"""Common subexpressions: what is computed twice from the same inputs is computed once."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopert.graph.opdef import COMMUTATIVE
from scopert.program.ir import Program, Step
from scopert.program.rewrite import Rewriter, rewrite
from scopert.program.uses import is_pure


@dataclass(frozen=True)
class Cse:
    """Uses the first of several pure steps with equal op, attributes and inputs for all of them.

    Attributes
    ----------
    largest : int
        Constants with at most so many bytes count as equal if their contents are.
    """

    largest: int = 1 << 12
    name: str = "cse"

    def __call__(self, program: Program) -> Program:
        return rewrite(program, self._visit)

    def _visit(self, rewriter: Rewriter, step: Step) -> None:
        step = self._with_first_constants(rewriter, step)
        key = _key(step) if is_pure(step) and not step.kept else None
        first, part = (step, 0) if key is None else rewriter.seen.setdefault(key, (step, rewriter.part))
        if part == 1 and rewriter.part == 2:
            # What follows a loop's last iteration finds the variables with other values than that iteration did.
            rewriter.seen[key] = step, rewriter.part
            first = step
        if first is step:
            rewriter.keep(step)
            return
        for slot, other in zip(step.outputs, first.outputs, strict=True):
            rewriter.replace(slot, other)

    def _with_first_constants(self, rewriter: Rewriter, step: Step) -> Step:
        changed = False
        for slot in step.inputs:
            array = rewriter.constants.get(slot)
            if array is None or array.nbytes > self.largest or array.dtype.hasobject:
                continue
            first = rewriter.seen.setdefault((array.dtype.str, array.shape, array.tobytes()), slot)
            if first != slot:
                rewriter.replace(slot, first)
                changed = True
        return rewriter.inputs(step) if changed else step


def _key(step: Step) -> Hashable | None:
    """What makes two steps equal; None where attributes cannot be compared."""
    inputs = tuple(sorted(step.inputs)) if COMMUTATIVE in step.traits else step.inputs
    attrs = tuple(sorted((name, _frozen(value)) for name, value in step.origin.attrs.items() if _counts(name)))
    try:
        hash(attrs)
    except TypeError:
        return None
    return step.op, inputs, attrs, step.copies


def _counts(attribute: str) -> bool:
    """Whether an attribute changes what is computed: of those with an underscore only one does."""
    return attribute[0] != "_" or attribute == "_matmul_precision"


def _frozen(value: Any) -> Hashable:
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes()) if not value.dtype.hasobject else id(value)
    return value if isinstance(value, Hashable) else id(value)
