"""Fused steps, and all operations that the pass `Fuse` knows as maps and reductions."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from scopert.backend import FUSED, Fetch, Fused, Program, Step, Value
from scopert.program.passes.fuse import Fuse
from scopert.program.passes.fuse_composite import COMPOSITES, CheckLabels
from scopert.program.passes.fuse_norm import NORMS
from scopert.program.passes.fuse_table import REDUCES, RESHAPES, RULES
from scopert_cupy.command import Copy, Emitted, Fill, Launch, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters import elementwise
from scopert_cupy.emitters.elementwise import emit_elementwise
from scopert_cupy.fused.drawing import drawn_by, nest_of
from scopert_cupy.fused.plan import Kernels
from scopert_cupy.fused.space import Array, Nest
from scopert_cupy.fused.text import Unsupported
from scopert_cupy.prelude import define, stored


def emit_fused(request: Request) -> Emitted | None:
    """The kernels of a FUSED step."""
    step, kernels = request.step, Kernels(request.facts.shared)
    types = [tuple([value.dtype.base for value in values]) for values in (request.inputs, request.outputs)]
    try:
        kernels.add(nest_of(step, *types))
    except Unsupported:
        return None
    parameters = tuple([one.parameter() for one in drawn_by(step)])
    return Emitted(tuple(kernels.commands), kernels.scratch, parameters)


def emit_alone(request: Request) -> Emitted | None:
    """The kernels of one operation: what the pass makes of it when it stands alone, else its row in `ROWS`."""
    if all(0 in (value.shape or ()) for value in request.outputs):
        return Emitted(())
    return _Parts(request, Fuse()(_alone(request))).emitted() or emit_elementwise(request)


def _alone(request: Request) -> Program:
    """A program of this step only, whose slots are its inputs and then its outputs."""
    step = request.step
    inputs = list(dict.fromkeys(step.inputs))
    number = {slot: k for k, slot in enumerate((*inputs, *step.outputs))}
    values = []
    for slot, k in number.items():
        value = request.program.values[slot]
        values.append(Value(k, value.name, value.dtype.base, value.shape))
    constants = {number[slot]: request.program.constants[slot] for slot in inputs if slot in request.program.constants}
    alone = replace(
        step, inputs=tuple([number[slot] for slot in step.inputs]), outputs=tuple([number[s] for s in step.outputs]),
        guards=(), kept=False,
    )  # fmt: skip
    feeds = tuple([k for k in range(len(inputs)) if k not in constants])
    return Program(
        tuple(values), feeds, constants, {}, (alone,), tuple([Fetch(number[s], False) for s in step.outputs])
    )  # fmt: skip


class _Parts:
    """The steps that one operation became, one after another."""

    def __init__(self, request: Request, program: Program) -> None:
        self.program = program
        self.kernels = Kernels(request.facts.shared)
        self.status: int | None = None
        step = request.step
        inputs = list(dict.fromkeys(step.inputs))
        self.at: dict[int, Operand] = {k: Operand("input", step.inputs.index(slot)) for k, slot in enumerate(inputs)}
        for k in range(len(step.outputs)):
            self.at[len(inputs) + k] = Operand("output", k)
        self.outputs = frozenset(range(len(inputs), len(inputs) + len(step.outputs)))

    def emitted(self) -> Emitted | None:
        for step in self.program.steps:
            if not self._add(step):
                return None
        return Emitted(tuple(self.kernels.commands), self.kernels.scratch, status=self.status)

    def _add(self, step: Step) -> bool:
        if step.op in RESHAPES:
            return self._same(step)
        if step.op == "Nothing":
            size = self._nbytes(step.outputs[0])
            if size:
                self.kernels.commands.append(Fill(self._operand(step.outputs[0]), 0, size))
            return True
        if step.op == "CheckLabels":
            if self.status is None:
                self.status = self.kernels.take(4)
            labels, value = self._operand(step.inputs[0]), self.program.values[step.inputs[0]]
            self.kernels.commands.append(_labels_checked(step, labels, value, Operand("scratch", 0, self.status)))
            return self._same(step)
        if not isinstance(step.body, Fused):
            return False
        nest = Nest(step.body, self._arrays(step.inputs), self._arrays(step.outputs))
        try:
            self.kernels.add(nest)
        except Unsupported:
            return False
        return True

    def _same(self, step: Step) -> bool:
        source, output = step.inputs[0], step.outputs[0]
        if output in self.outputs:
            size = self._nbytes(output)
            if size:
                self.kernels.commands.append(Copy(self._operand(output), self._operand(source), size))
        else:
            self.at[output] = self._operand(source)
        return True

    def _arrays(self, slots: tuple[int, ...]) -> tuple[Array, ...]:
        return tuple([Array(self._operand(slot), self.program.values[slot].dtype.base) for slot in slots])

    def _nbytes(self, slot: int) -> int:
        value = self.program.values[slot]
        return prod(_known(value)) * int(value.dtype.base.np.itemsize)

    def _operand(self, slot: int) -> Operand:
        found = self.at.get(slot)
        if found is None:
            found = self.at[slot] = Operand("scratch", 0, self.kernels.take(self._nbytes(slot)))
        return found


def _labels_checked(step: Step, labels: Operand, value: Value, status: Operand) -> Launch:
    """Sets a status word if a label is no class."""
    assert isinstance(step.kernel, CheckLabels)
    count, kind = prod(_known(value)), stored(value.dtype)
    body = f"""  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i < n && (labels[i] < 0 || labels[i] >= {step.kernel.classes})) atomicOr(status, 1);"""
    function = define("labels", f"const {kind}* labels, int* status, long long n", body)
    return Launch(function, (-(-count // 256), 1, 1), (256, 1, 1), (labels, status, np.int64(count)))


def _known(value: Value) -> tuple[int, ...]:
    shape: Any = value.shape
    return tuple(shape)


def _check_labels(request: Request) -> Emitted | None:
    """The step that the pass puts before a sparse cross entropy."""
    output = request.step.outputs[0]
    used = any(output in step.inputs for step in request.program.steps)
    used = used or any(fetch.slot == output for fetch in request.program.fetches)
    alias = ((0, 0),) if used else ()
    if not prod(_known(request.inputs[0])):
        return Emitted((), alias=alias)
    command = _labels_checked(request.step, Operand("input"), request.inputs[0], Operand("scratch"))
    return Emitted((command,), scratch=4, alias=alias, status=0)


def _nothing(request: Request) -> Emitted | None:
    """Zeros that only hold a place."""
    value = request.outputs[0]
    size = prod(_known(value)) * value.dtype.np.itemsize
    return Emitted((Fill(Operand("output"), 0, size),) if size else ())


_ALONE = (
    RULES.keys() | REDUCES.keys() | COMPOSITES.keys() | NORMS.keys() | {"BiasAdd", "BiasAddGrad", "Select", "L2Loss"}
)  # fmt: skip

TABLE: dict[str, Emitter] = {
    **elementwise.TABLE,
    FUSED: emit_fused,
    "CheckLabels": _check_labels,
    "Nothing": _nothing,
    **dict.fromkeys(sorted(_ALONE), emit_alone),
}
