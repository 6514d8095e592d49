"""Random numbers inside of fused steps: drawn where they are used, never in memory.

A pass over a program, before it is planned. A random operation whose numbers one FUSED step alone takes, each
once, becomes a part of it: the step's origin says under ``drawn`` which streams its last loads come from.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from scopert.backend import FUSED, Access, DType, Fused, Origin, Program, Step
from scopert.ops.random_distributions import reserved_blocks
from scopert.ops.random_stream import reserve
from scopert.program.passes.place import Place
from scopert_cupy.command import Operand, Parameter
from scopert_cupy.device import Facts
from scopert_cupy.fused.plan import Kernels
from scopert_cupy.fused.space import Array, Nest
from scopert_cupy.fused.text import Unsupported

#: Op -> its distribution in the prelude, ``sc_<name>_of``.
DISTRIBUTIONS = {"RandomUniform": "uniform", "RandomStandardNormal": "normal"}
#: Kernels of a step that may each draw the numbers anew.
_MOST = 2


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a load takes from a random operation's stream.

    Attributes
    ----------
    distribution : str
    origin : Origin
        The random operation.
    count : int
        How many numbers.
    dtype : DType
    """

    distribution: str
    origin: Origin
    count: int
    dtype: DType

    def parameter(self) -> Parameter:
        """Its stream's position, which a run moves on as the operation by itself would."""
        own, blocks = self.origin, reserved_blocks(self.count)
        return position_parameter(blocks, own)


def position_parameter(blocks: int, own: Origin | None = None) -> Parameter:
    """A position in the stream of an operation, of the step itself by default: key and the halves of the counter."""

    def position(context: Any, origin: Any) -> Any:
        start = reserve(context, own or origin, blocks)
        return np.array([start.key, start.counter & (1 << 64) - 1, start.counter >> 64], np.uint64)

    return Parameter(24, position)


def nest_of(step: Step, inputs: tuple[DType, ...], outputs: tuple[DType, ...]) -> Nest:
    """The body of a FUSED step over its inputs, what it draws, and its outputs."""
    assert isinstance(step.body, Fused)
    loads = [Array(Operand("input", k), dtype) for k, dtype in enumerate(inputs)]
    loads += [
        Array(Operand("parameter", k), one.dtype, one.distribution) for k, one in enumerate(drawn_by(step))
    ]  # fmt: skip
    stores = [Array(Operand("output", k), dtype) for k, dtype in enumerate(outputs)]
    return Nest(step.body, tuple(loads), tuple(stores))


def drawn_by(step: Step) -> tuple[Drawn, ...]:
    """What a FUSED step draws itself."""
    found: tuple[Drawn, ...] = step.origin.attrs.get("drawn", ())
    return found


def draw_inside(program: Program, facts: Facts, place: bool = True) -> Program:
    """The program with random operations as parts of the fused steps that use them, and (with `place`) a new layout.

    One without a layout stays what it is: its shapes are not sure.
    """
    if program.memory is None:
        return program
    uses = Counter(slot for step in program.steps for slot in (*step.inputs, *step.guards))
    uses.update(fetch.slot for fetch in program.fetches)
    waiting: dict[int, Step] = {}
    taken: set[int] = set()
    steps: list[Step] = []
    for step in program.steps:
        if step.op in DISTRIBUTIONS and not step.guards and not step.kept and _is_drawable(program, step, uses):
            waiting[step.outputs[0]] = step
        elif step.op == FUSED and not step.guards:
            for slot in [slot for slot in step.inputs if slot in waiting]:
                made = _joined(program, step, slot, waiting[slot], facts)
                if made is not None:
                    step = made
                    taken.add(slot)
        steps.append(step)
    if not taken:
        return program
    kept = [step for step in steps if step.op not in DISTRIBUTIONS or step.outputs[0] not in taken]
    after = replace(program, steps=tuple(kept))
    return Place()(after) if place else after


def _is_drawable(program: Program, step: Step, uses: Counter[int]) -> bool:
    value = program.values[step.outputs[0]]
    shape = value.shape
    return uses[value.number] == 1 and shape is not None and None not in shape and 0 not in shape


def _joined(program: Program, step: Step, slot: int, random: Step, facts: Facts) -> Step | None:
    body = step.body
    assert isinstance(body, Fused)
    place = step.inputs.index(slot)
    if not takes_each_once(body.loads[place], body.extents):
        return None
    value = program.values[slot]
    shape: Any = value.shape
    one = Drawn(DISTRIBUTIONS[random.op], random.origin, prod(shape), value.dtype.base)
    # What is drawn comes behind what is in memory.
    order = [k for k in range(len(body.loads)) if k != place] + [place]
    number = {old: new for new, old in enumerate(order)}
    nodes = tuple([replace(n, value=number[n.value]) if n.op == "load" else n for n in body.nodes])
    made = replace(body, nodes=nodes, loads=tuple([body.loads[k] for k in order]))
    attrs = dict(step.origin.attrs)
    attrs["fused"] = (random.origin, *attrs.get("fused", ()))
    attrs["drawn"] = (*drawn_by(step), one)
    inputs = tuple([s for k, s in enumerate(step.inputs) if k != place])
    joined = replace(
        step, body=made, inputs=inputs, origin=replace(step.origin, attrs=attrs), traits=step.traits | random.traits
    )  # fmt: skip
    kernels = Kernels(facts.shared)
    types = [tuple([program.values[s].dtype.base for s in slots]) for slots in (inputs, step.outputs)]
    try:
        kernels.add(nest_of(joined, *types))
    except Unsupported:
        return None
    return joined if len(kernels.commands) <= _MOST else None


def takes_each_once(access: Access, extents: tuple[int, ...]) -> bool:
    """Whether an access takes every element of an array once."""
    step = 1
    for stride, n in sorted(zip(access.strides, extents, strict=True)):
        if n > 1 and stride != step:
            return False
        step *= n if n > 1 else 1
    return access.offset == 0
