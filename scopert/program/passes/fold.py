"""Constant folding: what does not depend on feeds or variables is computed once, now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopert.graph.kernel import bind
from scopert.graph.shape import num_elements
from scopert.program.ir import READ, Program, Step
from scopert.program.rewrite import Rewriter, rewrite
from scopert.program.uses import is_pure


@dataclass(frozen=True)
class Fold:
    """Replaces pure steps with constant inputs by their results.

    Attributes
    ----------
    largest : int
        Results with more elements are computed in each run: a program is no place for large arrays.
    """

    largest: int = 1 << 16
    name: str = "fold"

    def __call__(self, program: Program) -> Program:
        return rewrite(program, self._visit)

    def _visit(self, rewriter: Rewriter, step: Step) -> None:
        if not self._can(rewriter, step):
            rewriter.keep(step)
            return
        assert step.kernel is not None
        inputs = [rewriter.constants[slot] for slot in step.inputs]
        try:
            with np.errstate(all="ignore"):
                made = bind(step.kernel, step.keywords, np, step.origin)(*inputs)
        except Exception:  # the run will report it, with the operation's name
            rewriter.keep(step)
            return
        results = made if isinstance(made, (tuple, list)) else [made]
        if any(np.size(result) > self.largest for result in results):
            rewriter.keep(step)
            return
        for slot, result in zip(step.outputs, results, strict=True):
            rewriter.constant(slot, result)

    def _can(self, rewriter: Rewriter, step: Step) -> bool:
        if not is_pure(step) or step.kept or step.op == READ or step.kernel is None or "context" in step.keywords:
            return False
        sizes = [num_elements(rewriter.values[slot].shape) for slot in step.outputs]
        if any(size is not None and size > self.largest for size in sizes):
            return False
        return all(slot in rewriter.constants for slot in step.inputs)
