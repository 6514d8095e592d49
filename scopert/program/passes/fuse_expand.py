"""From steps to *parts*: maps, reductions and changes of layout, the units that groups are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from scopert.graph.dtypes import DType
from scopert.program.ir import Step, Value
from scopert.program.passes.fuse_table import ALL, REDUCES, REPEATS, RESHAPES, RULES, Rule
from scopert.program.uses import computes

MAP = "map"
REDUCE = "reduce"
REGROUP = "regroup"
PERMUTE = "permute"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A map, a reduction or a change of layout; it fills one slot.

    Attributes
    ----------
    kind : str
        MAP: `build(body, *operands)` at each point. REDUCE: `op` over `axes` of the operand. REGROUP: the
        same elements in another shape. PERMUTE: axes in the order `axes`.
    step : Step
        What it belongs to.
    position : int
        Where the step stands.
    """

    kind: str
    operands: tuple[int, ...]
    output: int
    step: Step
    position: int
    build: Callable[..., int] | None = None
    op: str = ""
    axes: tuple[int, ...] = ()
    costly: bool = False


class Expansion:
    """Makes parts of steps. `values` grows by what lies between the parts of one step."""

    def __init__(self, values: list[Value], constants: Mapping[int, Any]) -> None:
        self.values = values
        self.constants = constants
        self.parts: list[Part] = []
        self.before: list[Step] = []
        self._step: Step | None = None
        self._position = 0

    def expand(self, step: Step, position: int) -> tuple[list[Step], list[Part]] | None:
        """Steps that must run before, and the parts of a step; None if it has to stay as it is."""
        if not computes(step) or step.kept or step.body is not None:
            return None
        make, inputs, outputs = _find(step.op)
        if make is None or not all(map(self._known, (*step.inputs[:inputs], *step.outputs[:outputs]))):
            return None
        self.parts, self.before, self._step, self._position = [], [], step, position
        return (self.before, self.parts) if make(self, step) else None

    def _known(self, slot: int) -> bool:
        value = self.values[slot]
        return value.dtype in ALL and value.shape is not None and None not in value.shape and 0 not in value.shape

    def shape(self, slot: int) -> tuple[int, ...]:
        """A static shape."""
        return self.values[slot].shape  # type: ignore[return-value]

    def dtype(self, slot: int) -> DType:
        return self.values[slot].dtype

    def new(self, like: int, **changes: Any) -> int:
        """A slot between parts."""
        number = len(self.values)
        self.values.append(replace(self.values[like], number=number, **changes))
        return number

    def _put(self, kind: str, operands: tuple[int, ...], output: int, **facts: Any) -> int:
        assert self._step is not None
        self.parts.append(Part(kind, operands, output, self._step, self._position, **facts))
        return output

    def map(self, build: Callable[..., int], operands: Sequence[int], output: int, costly: bool = False) -> int:
        """A map into `output`."""
        return self._put(MAP, tuple(operands), output, build=build, costly=costly)

    def reduce(self, op: str, operand: int, axes: Sequence[int], output: int) -> int:
        """A reduction into `output`, whether that keeps the reduced axes or not."""
        axes = tuple([axis for axis in axes if self.shape(operand)[axis] > 1])
        if not axes:
            return self.regroup(operand, output)
        return self._put(REDUCE, (operand,), output, op=op, axes=axes)

    def regroup(self, operand: int, output: int) -> int:
        """The same elements in the shape of `output`."""
        return self._put(REGROUP, (operand,), output)

    def wide(self, slot: int, dtype: DType) -> int:
        """A slot in a type to compute in."""
        if self.dtype(slot) is dtype:
            return slot
        return self.map(lambda b, x: b.cast(x, dtype), (slot,), self.new(slot, dtype=dtype))

    def axes(self, slot: int, rank: int) -> tuple[int, ...] | None:
        """The axes that a constant names; None if it is none or out of range."""
        array = self.constants.get(slot)
        if array is None:
            return None
        found = tuple(dict.fromkeys(int(axis) + (rank if axis < 0 else 0) for axis in array.reshape(-1)))
        return found if all(0 <= axis < rank for axis in found) else None


Make = Callable[[Expansion, Step], bool]


def _find(op: str) -> tuple[Make | None, int | None, int | None]:
    """What makes parts of an op, and how many of its inputs and outputs it looks at (None: all)."""
    if op in RULES:
        return _elementwise, None, None
    if op in REDUCES:
        return _reduction, None, None
    if op in RESHAPES:
        return _regroup, None, None
    if op in REPEATS:
        return _repeat, None, None
    found = _OTHERS.get(op)
    if found is None:
        from scopert.program.passes.fuse_composite import COMPOSITES  # made of what stands here
        from scopert.program.passes.fuse_norm import NORMS

        if op in NORMS:
            return NORMS[op]
        found = COMPOSITES.get(op)
    return found, None, None


def _broadcasts(shapes: Sequence[tuple[int, ...]], into: tuple[int, ...]) -> bool:
    return all(
        len(shape) <= len(into) and all(n in (1, m) for n, m in zip(reversed(shape), reversed(into), strict=False))
        for shape in shapes
    )


def _elementwise(x: Expansion, step: Step) -> bool:
    rule: Rule = RULES[step.op]
    if not all(x.dtype(slot) in rule.types for slot in step.inputs if rule.types is not ALL):
        return _by_constant(x, step)
    if not _broadcasts([x.shape(slot) for slot in step.inputs], x.shape(step.outputs[0])):
        return False
    attrs, build = step.origin.attrs, rule.build
    if step.op == "Cast" and attrs.get("Truncate"):
        return False
    x.map(lambda b, *args: build(b, attrs, *args), step.inputs, step.outputs[0], rule.costly)
    return True


def _by_constant(x: Expansion, step: Step) -> bool:
    """Whole numbers divided by a constant that never fails: not 0, and not -1, whose quotient may not be a number."""
    op = _DIVISIONS.get(step.op)
    divisor = x.constants.get(step.inputs[-1])
    if op is None or divisor is None or divisor.ndim or divisor.dtype.kind != "i" or divisor <= 0:
        return False
    x.map(lambda b, n, d: b(op, n, d), step.inputs, step.outputs[0])
    return True


def _reduction(x: Expansion, step: Step) -> bool:
    op, types = REDUCES[step.op]
    operand, output = step.inputs[0], step.outputs[0]
    dtype = x.dtype(operand)
    axes = x.axes(step.inputs[1], len(x.shape(operand)))
    if dtype not in types or axes is None:
        return False
    if step.op != "Mean":
        x.reduce(op, operand, axes, output)
        return True
    from scopert.graph.dtypes import float32

    working = float32 if dtype.size == 2 else dtype
    count = prod([x.shape(operand)[axis] for axis in axes])
    total = x.reduce(op, x.wide(operand, working), axes, x.new(output, dtype=working))
    x.map(lambda b, t: b.cast(b("div", t, b.like(t, count)), dtype), (total,), output)
    return True


def _regroup(x: Expansion, step: Step) -> bool:
    if x.dtype(step.inputs[0]).is_ref or prod(x.shape(step.inputs[0])) != prod(x.shape(step.outputs[0])):
        return False
    x.regroup(step.inputs[0], step.outputs[0])
    return True


def _permute(x: Expansion, step: Step) -> bool:
    perm = x.axes(step.inputs[1], len(x.shape(step.inputs[0])))
    if perm is None or len(perm) != len(x.shape(step.inputs[0])):
        return False
    x._put(PERMUTE, step.inputs[:1], step.outputs[0], axes=perm)
    return True


def _repeat(x: Expansion, step: Step) -> bool:
    if not _broadcasts([x.shape(step.inputs[0])], x.shape(step.outputs[0])):
        return False
    x.map(lambda b, a: a, step.inputs[:1], step.outputs[0])
    return True


def _bias_add(x: Expansion, step: Step) -> bool:
    value, bias = step.inputs
    rank = len(x.shape(value))
    if step.origin.attrs["data_format"] == "NCHW":
        behind = rank - 1 - max(rank - 3, 1)
        if behind:
            shape = (*x.shape(bias), *(1,) * behind)
            bias = x.regroup(bias, x.new(bias, shape=shape))
    x.map(lambda b, v, c: b("add", v, c), (value, bias), step.outputs[0])
    return True


def _bias_add_grad(x: Expansion, step: Step) -> bool:
    rank = len(x.shape(step.inputs[0]))
    channels = max(rank - 3, 1) if step.origin.attrs["data_format"] == "NCHW" else rank - 1
    x.reduce("sum", step.inputs[0], [axis for axis in range(rank) if axis != channels], step.outputs[0])
    return True


def _select(x: Expansion, step: Step) -> bool:
    condition, yes, no = step.inputs
    shape = x.shape(yes)
    if x.shape(no) != shape:
        return False
    given = x.shape(condition)
    if len(given) == 1 and len(shape) > 1 and given[0] == shape[0]:
        condition = x.regroup(condition, x.new(condition, shape=(*given, *(1,) * (len(shape) - 1))))
    elif given and given != shape:
        return False
    x.map(lambda b, c, t, e: b("select", c, t, e), (condition, yes, no), step.outputs[0])
    return True


def _l2_loss(x: Expansion, step: Step) -> bool:
    operand, output = step.inputs[0], step.outputs[0]
    if x.dtype(operand).size == 2:
        return False
    squares = x.map(lambda b, t: b("square", t), (operand,), x.new(operand))
    total = x.reduce("sum", squares, range(len(x.shape(operand))), x.new(output))
    x.map(lambda b, t: b("mul", t, b.like(t, 0.5)), (total,), output)
    return True


_DIVISIONS = {"FloorDiv": "floordiv", "FloorMod": "mod"}
_OTHERS: dict[str, Make] = {
    "FloorMod": _by_constant,
    "Transpose": _permute,
    "BiasAdd": _bias_add,
    "BiasAddGrad": _bias_add_grad,
    "Select": _select,
    "L2Loss": _l2_loss,
}
