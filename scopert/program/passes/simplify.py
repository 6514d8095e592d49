"""Simplification: local rewrites that save a step or make it cheaper.

A rule is an entry of `RULES`: the ops whose steps it looks at, and a named function that says what takes a
step's place: a slot that holds the same value already, another step, or nothing. All are exact to the bit except
those of `Pow`, whose products may differ from a power by the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.opdef import VIEW, WRITES, find_op
from scopert.program.ir import Program, Shape, Step
from scopert.program.rewrite import Rewriter, rewrite
from scopert.program.uses import is_pure, shared_slots

# Under this key stand the slots whose memory is a variable's, in programs that write variables.
_FOREIGN = "foreign"

#: A slot that holds the output already, steps of which the last fills it, or None.
Found = int | list[Step] | None
RuleFunction = Callable[["Match"], Found]


class Match:
    """A step that a rule looks at, and what stands before it."""

    __slots__ = ("_rewriter", "step")

    def __init__(self, rewriter: Rewriter, step: Step) -> None:
        self._rewriter = rewriter
        self.step = step

    def input(self, number: int) -> int:
        """The slot of an input."""
        return self.step.inputs[number]

    def constant(self, number: int) -> Any:
        """The value of an input, if it is constant."""
        return self._rewriter.constants.get(self.step.inputs[number])

    def shape(self, slot: int) -> Shape:
        return self._rewriter.values[slot].shape

    def dtype(self, slot: int) -> DType:
        return self._rewriter.values[slot].dtype

    @property
    def output(self) -> int:
        return self.step.outputs[0]

    def maker(self, number: int, ops: frozenset[str]) -> Step | None:
        """The pure step that makes an input, if it is one of these ops."""
        made: Step | None = self._rewriter.seen.get(self.step.inputs[number])
        return made if made is not None and made.op in ops else None

    def same(self, slot: int) -> Found:
        """The slot, if it has the type and the known shape of the output, and lasts as long."""
        shape = self.shape(slot)
        fits = shape is not None and None not in shape and shape == self.shape(self.output) and self.lasts(slot)
        return slot if fits and self.dtype(slot) is self.dtype(self.output) else None

    def lasts(self, slot: int) -> bool:
        """Whether a value may be used for longer: not if it is a variable's memory, which may be written.

        How long views of such memory are used was known when reads were marked to copy.
        """
        return VIEW in self.step.traits or slot not in self._rewriter.seen.get(_FOREIGN, ())

    def becomes(self, op: str, *inputs: int, **attrs: Any) -> Step:
        """A step of another op, or with other attributes, that fills the same output."""
        return self._step(op, inputs, self.output, attrs)

    def also(self, op: str, *inputs: int) -> tuple[Step, int]:
        """A further step of the output's type and shape, and its slot."""
        slot = self._rewriter.new_slot(self._rewriter.values[self.output])
        return self._step(op, inputs, slot, {}), slot

    def new_constant(self, array: Any, like: int) -> int:
        """The slot of a new constant; its name and type are those of `like`."""
        slot = self._rewriter.new_slot(self._rewriter.values[like])
        self._rewriter.constant(slot, array)
        return slot

    def _step(self, op: str, inputs: tuple[int, ...], output: int, attrs: dict[str, Any]) -> Step:
        opdef = find_op(op)
        assert opdef is not None
        given = {**self.step.origin.attrs, **attrs}
        known = {attr.name: given.get(attr.name, attr.default) for attr in opdef.attrs}
        dtypes = tuple([self.dtype(slot) for slot in inputs])
        origin = replace(self.step.origin, type=op, attrs=known, input_dtypes=dtypes)
        return Step(op, inputs, (output,), origin, opdef.kernel, opdef.kernel_keywords, opdef.traits)


@dataclass(frozen=True)
class Rule:
    """What may happen to steps of some ops."""

    ops: frozenset[str]
    function: RuleFunction

    @property
    def name(self) -> str:
        return self.function.__name__.strip("_")


def _is_all(array: Any, number: float) -> bool:
    return array is not None and array.dtype.kind in "fiuc" and array.size > 0 and bool((array == number).all())


def _is_zero_of_sign(array: Any, negative: bool) -> bool:
    """All zeros; floating zeros with this sign: ``x + -0.0`` and ``x - 0.0`` are x, also where x is -0.0."""
    if not _is_all(array, 0) or array.dtype.kind == "c":
        return False
    return array.dtype.kind in "iu" or bool((np.signbit(array) == negative).all())


def same_value(match: Match) -> Found:
    """Steps that only pass on."""
    return match.same(match.input(0))


def times_one(match: Match) -> Found:
    for number in (0, 1):
        if _is_all(match.constant(1 - number), 1):
            return match.same(match.input(number))
    return None


def plus_zero(match: Match) -> Found:
    for number in (0, 1):
        if _is_zero_of_sign(match.constant(1 - number), True):
            return match.same(match.input(number))
    return None


def minus_zero(match: Match) -> Found:
    return match.same(match.input(0)) if _is_zero_of_sign(match.constant(1), False) else None


def over_constant(match: Match) -> Found:
    """``x / 1`` is x; a division by powers of two is a product with their exact reciprocals."""
    divisor = match.constant(1)
    if _is_all(divisor, 1):
        return match.same(match.input(0))
    if divisor is None or divisor.dtype.kind != "f" or not divisor.size or not np.isfinite(divisor).all():
        return None
    with np.errstate(all="ignore"):
        reciprocal = (1 / divisor).astype(divisor.dtype)
    normal = np.abs(reciprocal) >= np.finfo(divisor.dtype).tiny
    if not ((np.abs(np.frexp(divisor)[0]) == 0.5) & np.isfinite(reciprocal) & normal).all():
        return None
    return [match.becomes("Mul", match.input(0), match.new_constant(reciprocal, match.input(1)))]


def undone(match: Match) -> Found:
    """An involution twice: ``-(-x)``, ``not not x``."""
    inner = match.maker(0, frozenset({match.step.op}))
    return None if inner is None else match.same(inner.inputs[0])


def small_power(match: Match) -> Found:
    exponent, x = match.constant(1), match.input(0)
    if exponent is None or match.dtype(x).np.kind not in "fc" or match.same(x) is None:
        return None
    if _is_all(exponent, 1):
        return x
    if _is_all(exponent, 2):
        return [match.becomes("Square", x)]
    if _is_all(exponent, 3):
        first, square = match.also("Square", x)
        return [first, match.becomes("Mul", square, x)]
    if _is_all(exponent, 4):
        first, square = match.also("Square", x)
        return [first, match.becomes("Square", square)]
    return [match.becomes("Reciprocal", x)] if _is_all(exponent, -1) else None


def inverse_root(match: Match) -> Found:
    """``1 / sqrt(x)``, which is how Rsqrt computes too."""
    root = match.maker(0, frozenset({"Sqrt"})) if match.step.op in _INVERSES else match.maker(1, frozenset({"Sqrt"}))
    if root is None or match.dtype(match.output).np.kind != "f":
        return None
    if match.step.op not in _INVERSES and not _is_all(match.constant(0), 1):
        return None
    fits = match.shape(root.inputs[0]) == match.shape(match.output) and match.lasts(root.inputs[0])
    return [match.becomes("Rsqrt", root.inputs[0])] if fits else None


def shape_of_shape(match: Match) -> Found:
    """Of several changes of shape in a row the last one counts."""
    inner = match.maker(0, _SHAPES)
    shape = match.shape(match.output)
    if inner is None or shape is None or None in shape:
        return None
    source = inner.inputs[0]
    if match.same(source) is not None:
        return source
    number = match._rewriter.new_slot(match._rewriter.values[match.output], dtype=as_dtype("int32"))
    match._rewriter.constant(number, np.array(shape, np.int32))
    return [match.becomes("Reshape", source, number, T=match.dtype(source), Tshape=as_dtype("int32"))]


def _order(match: Match, number: int) -> list[int] | None:
    order = match.constant(number)
    return None if order is None else [int(axis) % len(order) for axis in order]


def transposed_twice(match: Match) -> Found:
    order = _order(match, 1)
    if order is None:
        return None
    if order == sorted(order):
        return match.same(match.input(0))
    inner = match.maker(0, frozenset({"Transpose"}))
    before = None if inner is None else match._rewriter.constants.get(inner.inputs[1])
    if inner is None or before is None:
        return None
    joint = [int(before[axis]) % len(before) for axis in order]
    if joint == sorted(joint):
        return match.same(inner.inputs[0])
    like = match.input(1)
    slot = match.new_constant(np.array(joint, match.dtype(like).np), like)
    return [match.becomes("Transpose", inner.inputs[0], slot)]


def transposed_factor(match: Match) -> Found:
    """A transposed factor is read the other way round by the product itself."""
    step = match.step
    flags = ("transpose_a", "transpose_b") if step.op == "MatMul" else ("adj_x", "adj_y")
    if match.dtype(match.output).np.kind == "c":
        return None
    inputs, attrs = list(step.inputs), {}
    for number, flag in enumerate(flags):
        inner = match.maker(number, frozenset({"Transpose"}))
        order = None if inner is None else match._rewriter.constants.get(inner.inputs[1])
        if inner is None or order is None:
            continue
        axes = [int(axis) % len(order) for axis in order]
        if axes == [*range(len(axes) - 2), len(axes) - 1, len(axes) - 2]:
            inputs[number] = inner.inputs[0]
            attrs[flag] = not step.origin.attrs[flag]
    return [match.becomes(step.op, *inputs, **attrs)] if attrs else None


def over_no_axes(match: Match) -> Found:
    axes = match.constant(1)
    return match.same(match.input(0)) if axes is not None and not axes.size else None


def cast_chain(match: Match) -> Found:
    """A cast to the same type; and one after a cast that lost nothing."""
    attrs = match.step.origin.attrs
    if match.dtype(match.input(0)) is match.dtype(match.output):
        return match.same(match.input(0))
    inner = match.maker(0, frozenset({"Cast"}))
    if inner is None or attrs.get("Truncate") or inner.origin.attrs.get("Truncate"):
        return None
    source, middle = match.dtype(inner.inputs[0]), match.dtype(match.input(0))
    target = match.dtype(match.output)
    kinds = source.np.kind + middle.np.kind + target.np.kind
    if not match.lasts(inner.inputs[0]) or any(kind not in "fiub" for kind in kinds):
        return None
    if not np.can_cast(source.np, middle.np, "safe"):
        return None
    if source is target:
        return match.same(inner.inputs[0])
    return [match.becomes("Cast", inner.inputs[0], SrcT=source)]


def only_one(match: Match) -> Found:
    return match.same(match.input(0)) if len(match.step.inputs) == 1 else None


def repeated_once(match: Match) -> Found:
    return match.same(match.input(0))


def twice_the_same(match: Match) -> Found:
    return match.same(match.input(0)) if match.input(0) == match.input(1) else None


_SHAPES = frozenset({"Reshape", "ExpandDims", "Squeeze"})
_INVERSES = frozenset({"Reciprocal", "Inv"})

#: What is tried, in this order.
RULES: tuple[Rule, ...] = (
    Rule(frozenset({"Identity", "StopGradient", "PreventGradient", "Snapshot"}), same_value),
    Rule(frozenset({"Mul"}), times_one),
    Rule(frozenset({"Add", "AddV2"}), plus_zero),
    Rule(frozenset({"Sub"}), minus_zero),
    Rule(frozenset({"RealDiv"}), inverse_root),
    Rule(frozenset({"RealDiv"}), over_constant),
    Rule(_INVERSES, inverse_root),
    Rule(frozenset({"Neg", "LogicalNot", "Invert"}), undone),
    Rule(frozenset({"Pow"}), small_power),
    Rule(_SHAPES, same_value),
    Rule(_SHAPES, shape_of_shape),
    Rule(frozenset({"Transpose"}), transposed_twice),
    Rule(frozenset({"MatMul", "BatchMatMul", "BatchMatMulV2"}), transposed_factor),
    Rule(frozenset({"Sum", "Prod", "Mean", "Max", "Min", "All", "Any"}), over_no_axes),
    Rule(frozenset({"Cast"}), cast_chain),
    Rule(frozenset({"AddN"}), only_one),
    Rule(frozenset({"Tile", "BroadcastTo"}), repeated_once),
    Rule(frozenset({"Maximum", "Minimum", "LogicalAnd", "LogicalOr"}), twice_the_same),
)


@dataclass(frozen=True)
class Simplify:
    """Applies rules to every step outside of loops, again to what a rule made.

    Inside loops a value may be read in a later iteration than it was made, so nothing is replaced there.

    Attributes
    ----------
    rules : tuple of Rule
    """

    rules: tuple[Rule, ...] = RULES
    name: str = "simplify"

    def __call__(self, program: Program) -> Program:
        by_op: dict[str, list[RuleFunction]] = {}
        for rule in self.rules:
            for op in rule.ops:
                by_op.setdefault(op, []).append(rule.function)

        foreign = shared_slots((), program.steps) if any(WRITES in step.traits for step in program.steps) else set()

        def visit(rewriter: Rewriter, step: Step) -> None:
            rewriter.seen[_FOREIGN] = foreign
            if rewriter.program is program and is_pure(step) and not step.kept and not step.copies:
                self._simplify(by_op, rewriter, step)
            else:
                rewriter.keep(step)

        return rewrite(program, visit)

    def _simplify(self, by_op: dict[str, list[RuleFunction]], rewriter: Rewriter, step: Step) -> None:
        for function in by_op.get(step.op, ()):
            found = function(Match(rewriter, step))
            if isinstance(found, int):
                rewriter.replace(step.outputs[0], found)
                return
            if found:
                for made in found:
                    self._simplify(by_op, rewriter, made)
                return
        rewriter.keep(step)
        for slot in step.outputs:
            rewriter.seen[slot] = step
