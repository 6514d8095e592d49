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
        known: dict[int, dict[Hashable, Step]] = {}
        contents: dict[int, dict[Hashable, int]] = {}

        def visit(rewriter: Rewriter, step: Step) -> None:
            key_of_program = id(rewriter)
            if key_of_program not in known:
                known[key_of_program] = {}
                contents[key_of_program] = {}
            step = self._with_first_constants(rewriter, step, contents[key_of_program])
            key = _key(step) if is_pure(step) and not step.kept else None
            if key is None:
                rewriter.keep(step)
                return
            first = known[key_of_program].setdefault(key, step)
            if first is step:
                rewriter.keep(step)
                return
            for slot, other in zip(step.outputs, first.outputs, strict=True):
                rewriter.replace(slot, other)

        return rewrite(program, visit)

    def _with_first_constants(self, rewriter: Rewriter, step: Step, contents: dict[Hashable, int]) -> Step:
        changed = False
        for slot in step.inputs:
            array = rewriter.constants.get(slot)
            if array is None or array.nbytes > self.largest or array.dtype.hasobject:
                continue
            first = contents.setdefault((array.dtype.str, array.shape, array.tobytes()), slot)
            if first != slot:
                rewriter.replace(slot, first)
                changed = True
        return rewriter.inputs(step) if changed else step


def _key(step: Step) -> Hashable | None:
    """What makes two steps equal; None where attributes cannot be compared."""
    inputs = tuple(sorted(step.inputs)) if COMMUTATIVE in step.traits else step.inputs
    attrs = tuple(sorted((name, _frozen(value)) for name, value in step.origin.attrs.items() if name[0] != "_"))
    try:
        hash(attrs)
    except TypeError:
        return None
    return step.op, inputs, attrs, step.copies


def _frozen(value: Any) -> Hashable:
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes()) if not value.dtype.hasobject else id(value)
    return value if isinstance(value, Hashable) else id(value)
