"""Rounding to a grid of few points between two limits, and its gradients: what training for integers computes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopert_cupy.command import Command, Emitted, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.reducing import Reduction, reduced
from scopert_cupy.emitters.source import (
    INPUT,
    OUTPUT,
    Passed,
    aligned,
    count_of,
    done,
    literal,
    pointwise,
    reading,
    shape_of,
    writing,
)

#: ``sc_grid(low, high, first, last)``: the lowest and the highest point, and the step, so that 0 is a point.
_GRID = """#ifndef SC_GRID
#define SC_GRID
struct sc_points { float bottom, top, step; };
SC_FN sc_points sc_grid(float low, float high, float first, float last) {
  sc_points p;
  p.step = (high - low) / (last - first);
  float zero = first - low / p.step;
  zero = zero < first ? first : zero > last ? last : floorf(zero + 0.5f);
  p.bottom = (first - zero) * p.step;
  p.top = (last - zero) * p.step;
  return p;
}
#endif
"""


@dataclass(frozen=True, slots=True)
class _Limits:
    """Where the limits of an element are: two numbers, or two vectors along the last axis."""

    low: str
    high: str
    first: str
    last: str
    parameters: tuple[Passed, ...] = ()

    def points(self, channel: str) -> str:
        low, high = (text.replace("CHANNEL", channel) for text in (self.low, self.high))
        return f"sc_grid({low}, {high}, {self.first}, {self.last})"


def _limits(request: Request, position: int | None) -> tuple[_Limits, int] | None:
    """The limits, from attributes or from two inputs, and how many pairs of them there are."""
    bits, attrs = int(request.attrs["num_bits"]), request.attrs
    if not 2 <= bits <= 16:
        return None
    kind = request.inputs[0].dtype
    first, last = literal(1 if attrs["narrow_range"] else 0, kind), literal(2**bits - 1, kind)
    if position is None:
        if not attrs["min"] < attrs["max"]:
            return None
        return _Limits(literal(np.float32(attrs["min"]), kind), literal(np.float32(attrs["max"]), kind), first, last), 1
    shape = shape_of(request.inputs[position])
    if shape != shape_of(request.inputs[position + 1]) or (shape and shape[0] != shape_of(request.inputs[0])[-1:][0]):
        return None
    at = "[CHANNEL]" if shape else "[0]"
    parameters: tuple[Passed, ...] = (
        (reading("float", "low"), INPUT[position]), (reading("float", "high"), INPUT[position + 1])
    )  # fmt: skip
    return _Limits(f"low{at}", f"high{at}", first, last, parameters), count_of(shape)


def _nothing(request: Request, position: int, pairs: int) -> tuple[Command, Passed]:
    """A word that is 1 if all limits are 0: then there is no grid yet."""
    body = f"int all = 1; for (int k = 0; k < {pairs}; ++k) all = all && low[k] == 0.f && high[k] == 0.f;"
    body += " *nothing = all;"
    parameters: list[Passed] = [
        (reading("float", "low"), INPUT[position]), (reading("float", "high"), INPUT[position + 1]),
        (writing("int", "nothing"), Operand("scratch", 0)),
    ]  # fmt: skip
    return (
        pointwise("no_limits", 1, parameters, body, request.facts), (reading("int", "nothing"), Operand("scratch", 0))
    )  # fmt: skip


def _forward(position: int | None) -> Emitter:
    def emitter(request: Request) -> Emitted | None:
        found = _limits(request, position)
        if found is None:
            return None
        limits, pairs = found
        count = count_of(request.inputs[0].shape)
        if not count:
            return done()
        commands: list[Command] = []
        parameters: list[Passed] = [(reading("float", "x"), INPUT[0]), (writing("float", "y"), OUTPUT[0])]
        otherwise = ""
        if position is not None:
            command, nothing = _nothing(request, position, pairs)
            commands.append(command)
            parameters += [*limits.parameters, nothing]
            otherwise = "if (*nothing) { y[i] = 0.f; continue; }\n    "
        body = (
            f"{otherwise}const sc_points p = {limits.points(f'i % {pairs}u')};\n"
            "    const float steps = (sc_min(sc_max(x[i], p.bottom), p.top) - p.bottom) * (1.f / p.step);\n"
            "    y[i] = floorf(steps + 0.5f) * p.step + p.bottom;"
        )
        commands.append(pointwise("fake_quant", count, parameters, body, request.facts, helpers=_GRID))
        return Emitted(tuple(commands), 256 if position is not None else 0)

    return emitter


def _backward(position: int | None) -> Emitter:
    """What lies inside is handed on; the limits get what lies beyond them."""

    def emitter(request: Request) -> Emitted | None:
        found, shape = _limits(request, position), shape_of(request.inputs[1])
        if found is None or shape_of(request.inputs[0]) != shape:
            return None
        limits, pairs = found
        if not count_of(shape):
            return None
        commands: list[Command] = []
        parameters: list[Passed] = [
            (reading("float", "dy"), INPUT[0]), (reading("float", "x"), INPUT[1]), (writing("float", "dx"), OUTPUT[0])
        ]  # fmt: skip
        inside, scratch = "x[i] >= p.bottom && x[i] <= p.top", 0
        if position is not None:
            command, nothing = _nothing(request, position, pairs)
            commands.append(command)
            parameters += [*limits.parameters, nothing]
            inside, scratch = f"*nothing || ({inside})", 256
            # What lies below and above, as numbers to be added up: made beside the gradient of the input.
            size = aligned(4 * count_of(shape))
            sides = [Operand("scratch", 0, 256 + k * size) for k in (0, 1)]
            parameters += [(writing("float", name), at) for name, at in zip(("under", "over"), sides, strict=True)]
            scratch += 2 * size
        body = f"const sc_points p = {limits.points(f'i % {pairs}u')};\n    dx[i] = {inside} ? dy[i] : 0.f;"
        if position is not None:
            body += "\n    under[i] = !*nothing && x[i] < p.bottom ? dy[i] : 0.f;"
            body += "\n    over[i] = !*nothing && x[i] > p.top ? dy[i] : 0.f;"
        commands.append(
            pointwise("fake_quant_gradient", count_of(shape), parameters, body, request.facts, helpers=_GRID)
        )  # fmt: skip
        if position is not None:
            axes = tuple(range(len(shape) - len(shape_of(request.inputs[position]))))
            most = scratch
            for side, target in zip(sides, (OUTPUT[1], OUTPUT[2]), strict=True):
                reduction = Reduction(side, target, "float", "float", 4, "float", "sc_sum")
                found_commands, used = reduced(reduction, shape, axes, request.facts, scratch)
                commands += found_commands
                most = max(most, used)
            scratch = most
        return Emitted(tuple(commands), scratch)

    return emitter


TABLE: dict[str, Emitter] = {
    "FakeQuantWithMinMaxArgs": _forward(None),
    "FakeQuantWithMinMaxArgsGradient": _backward(None),
    "FakeQuantWithMinMaxVars": _forward(1),
    "FakeQuantWithMinMaxVarsGradient": _backward(2),
    "FakeQuantWithMinMaxVarsPerChannel": _forward(1),
    "FakeQuantWithMinMaxVarsPerChannelGradient": _backward(2),
}
