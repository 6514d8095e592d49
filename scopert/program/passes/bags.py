"""Bags: rows that are only picked to be summed are summed where they lie."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from scopert.graph.dtypes import float32, float64
from scopert.graph.opdef import PURE, find_op
from scopert.program.ir import READ, Program, Step
from scopert.program.rewrite import Rewriter, rewrite
from scopert.program.uses import is_pure

#: What a bag makes of its rows, by the op that does it to rows in memory; those of segments take their numbers, too.
SUMS = {"Sum": "BagSum", "Mean": "BagMean", "SegmentSum": "SegmentBagSum", "SegmentMean": "SegmentBagMean"}


@dataclass(frozen=True)
class Bags:
    """Makes one step of a gather of rows and the sum or mean over what was picked, as in a bag of embeddings.

    That is a reduction over the last axis of the indices, or one over segments, if nobody else uses the rows. For
    backends with a kernel for it: the generic one picks the rows first.
    """

    name: str = "bags"

    def __call__(self, program: Program) -> Program:
        return rewrite(program, _visit)


@dataclass(frozen=True, slots=True)
class Bag:
    """The generic kernel: first the one of the gather, then the one of the reduction.

    Attributes
    ----------
    gather, reduction : callable
    axis : array or None
        The axis that is reduced, if it is not segments.
    keep_dims : bool
    """

    gather: Any
    reduction: Any
    axis: Any
    keep_dims: bool

    def __call__(self, xp: Any, data: Any, indices: Any, *ids: Any) -> Any:
        rows = self.gather(xp, data, indices, 0, batch_dims=0)
        if ids:
            return self.reduction(xp, rows, *ids)
        return self.reduction(xp, rows, self.axis, keep_dims=self.keep_dims)


@dataclass
class _Seen:
    """Gathers by their result, with the position of each, and how often slots are used."""

    gathers: dict[int, tuple[Step, int]]
    uses: Counter[int]


def _seen(rewriter: Rewriter) -> _Seen:
    found = rewriter.seen.get("bags")
    if found is None:
        uses = Counter(fetch.slot for fetch in rewriter.program.fetches)
        for step in rewriter.program.steps:
            uses.update((*step.inputs, *step.guards))
        found = rewriter.seen["bags"] = _Seen({}, uses)
    made: _Seen = found
    return made


def _visit(rewriter: Rewriter, step: Step) -> None:
    if step.op in SUMS:
        rewriter.keep(_bag(rewriter, step) or step)
        return
    if step.op == "GatherV2" and _picks_rows(rewriter, step):
        _seen(rewriter).gathers[step.outputs[0]] = step, len(rewriter.steps)
    rewriter.keep(step)


def _picks_rows(rewriter: Rewriter, step: Step) -> bool:
    axis, value = rewriter.constants.get(step.inputs[2]), rewriter.values[step.outputs[0]]
    plain = is_pure(step) and not step.kept and not step.origin.attrs.get("batch_dims")
    return plain and axis is not None and int(axis) == 0 and value.dtype in (float32, float64)


def _bag(rewriter: Rewriter, step: Step) -> Step | None:
    seen = _seen(rewriter)
    gather, position = seen.gathers.get(step.inputs[0], (None, 0))
    if gather is None or not is_pure(step) or step.kept or seen.uses[step.inputs[0]] != 1:
        return None
    # Rows of a variable have to be those from before it was changed.
    if not all(is_pure(other) or other.op == READ for other in rewriter.steps[position:]):
        return None
    data, indices = gather.inputs[:2]
    shape, picked = rewriter.values[indices].shape, rewriter.values[step.inputs[0]].shape
    kernels = [found.kernel for op in (gather.op, step.op) if (found := find_op(op)) is not None]
    if shape is None or not shape or picked is None or None in (*shape, *picked) or len(kernels) != 2:
        return None
    inputs: tuple[int, ...] = (data, indices)
    axis = None
    if step.op in ("Sum", "Mean"):
        axis = rewriter.constants.get(step.inputs[1])
        last = len(shape) - 1
        if axis is None or axis.size != 1 or int(axis.reshape(-1)[0]) not in (last, last - len(picked)) or 0 in picked:
            return None
    elif len(shape) != 1:
        return None
    else:
        inputs = (*inputs, step.inputs[1])
    kernel = Bag(kernels[0], kernels[1], axis, bool(step.origin.attrs.get("keep_dims")))
    return replace(step, op=SUMS[step.op], inputs=inputs, kernel=kernel, keywords=(), traits=PURE)
