"""Simplification: local rewrites that save a step or make it cheaper.

A rule is an entry of `RULES`: the ops whose steps it looks at, and a named function that says what takes a
step's place: a slot that holds the same value already, another step, or nothing. All are exact to the bit except
those of `Pow`, whose products may differ from a power by the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.opdef import VIEW, WRITES, find_op
from scopert.program.ir import Loop, Program, Shape, Step
from scopert.program.rewrite import Rewriter, rewrite
from scopert.program.uses import is_pure, shared_slots

# Under this key stand the slots whose memory may be a variable's, in programs that write variables.
_FOREIGN = "foreign"
# Under this key stands what tells when values of a loop are made and used.
_INSIDE = "inside"

#: A slot that holds the output already, steps of which the last fills it, or None.
Found = int | list[Step] | None
RuleFunction = Callable[["Match"], Found]


class Inside:
    """When the values of a loop are made and used: its slots keep their values from one iteration to the next.

    Another slot that holds the same value takes a slot's place only if it does so whenever the slot is used.
    """

    def __init__(self, loop: Loop) -> None:
        program = loop.program
        changing = len(loop.following)
        self._results = frozenset(loop.results)
        self._condition = loop.condition
        #: The part of the loop that makes a value; none for what is the same in all iterations.
        self._part = dict.fromkeys(program.feeds[:changing], 0)
        #: The last part that uses a value.
        self._until: dict[int, int] = {}
        #: Of the iteration before, for a step that uses it.
        self._late: set[int] = set()
        used: set[int] = set()
        for position, step in enumerate(program.steps):
            part = (position >= loop.decided) + (position >= loop.repeated)
            slots = (*step.inputs, *step.guards)
            used.update(slots)
            self._until.update(dict.fromkeys(slots, part))
            self._late.update(used.intersection(step.outputs))
            self._part.update(dict.fromkeys(step.outputs, part))

    def also(self, slot: int, like: int) -> None:
        """A new slot that is made and used by the same part as another one."""
        self._part[slot] = self._until[slot] = self._part[like]

    def may_replace(self, slot: int, by: int) -> bool:
        """Whether whoever uses a slot may use another one, which its maker found to be the same."""
        if slot == self._condition or slot in self._late or by in self._late:
            return False
        source, own = self._part.get(by), self._part[slot]
        # What leads to the condition runs once more than the rest.
        return source != 0 or own != 1 or (self._until.get(slot, own) <= 1 and slot not in self._results)

    def sees(self, step: Step, maker: Step) -> bool:
        """Whether the inputs of a maker are, for a step that uses its output, what they were for the maker."""
        if self._late.intersection((*maker.inputs, *maker.outputs)):
            return False
        return not (self._part[step.outputs[0]] == 2 and self._part[maker.outputs[0]] == 1)


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
        if made is None or made.op not in ops:
            return None
        inside: Inside | None = self._rewriter.seen.get(_INSIDE)
        return made if inside is None or inside.sees(self.step, made) else None

    def same(self, slot: int) -> Found:
        """The slot, if it has the type and the known shape of the output, and lasts as long."""
        shape = self.shape(slot)
        fits = shape is not None and None not in shape and shape == self.shape(self.output) and self.lasts(slot)
        inside: Inside | None = self._rewriter.seen.get(_INSIDE)
        if not fits or self.dtype(slot) is not self.dtype(self.output):
            return None
        return slot if inside is None or inside.may_replace(self.output, slot) else None

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
        if _INSIDE in self._rewriter.seen:
            self._rewriter.seen[_INSIDE].also(slot, self.output)
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


def loops_of(program: Program) -> Iterator[Loop]:
    """All loops, those in loops too."""
    for step in program.steps:
        if isinstance(step.body, Loop):
            yield step.body
            yield from loops_of(step.body.program)


def _writes(loop: Loop) -> bool:
    """Whether a variable is written in it."""
    return any(WRITES in step.traits for inner in (loop, *loops_of(loop.program)) for step in inner.program.steps)


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
    """Applies rules to every step, again to what a rule made.

    Inside of loops that write variables nothing is replaced.

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

        loops = {id(loop.program): loop for loop in loops_of(program)}
        writes = any(
            WRITES in step.traits
            for inner in (program, *[loop.program for loop in loops.values()])
            for step in inner.steps
        )
        closed = {key for key, loop in loops.items() if _writes(loop)}

        def visit(rewriter: Rewriter, step: Step) -> None:
            owner = rewriter.program
            if _FOREIGN not in rewriter.seen:
                loop = loops.get(id(owner))
                outside = () if loop is None else owner.feeds
                rewriter.seen[_FOREIGN] = shared_slots(outside, owner.steps) if writes else set()
                if loop is not None:
                    rewriter.seen[_INSIDE] = Inside(loop)
            if id(owner) not in closed and is_pure(step) and not step.kept and not step.copies:
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
