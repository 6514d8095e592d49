"""How often a loop repeats, where whole numbers alone decide that.

The counters of a loop are computed here, apart from everything else in it: a condition such as ``i < n and j < m``
needs no more than what they are before the loop. What depends on floats, arrays, variables or branches is not known;
a condition that is known in part may still end the loop, which gives a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopert.graph.kernel import bind
from scopert.graph.opdef import ELEMENTWISE
from scopert.program.expression import Fused
from scopert.program.ir import Loop, Program, Step, Value
from scopert.program.passes.place import SAME_MEMORY
from scopert.program.uses import is_pure

_PRIMITIVES: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "max": np.maximum, "min": np.minimum,
    "neg": np.negative, "abs": np.absolute, "square": np.square, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "xor": np.not_equal,
    "and": np.logical_and, "or": np.logical_or, "not": np.logical_not,
}  # fmt: skip
#: What one operand decides, whatever the other one is.
_DECISIVE = {"and": False, "or": True, "LogicalAnd": False, "LogicalOr": True}


def is_number(value: Value) -> bool:
    """Whether a value is one whole number or truth value, which every engine computes alike."""
    dtype = value.dtype
    return value.shape == () and not dtype.is_ref and (dtype.is_integer or dtype.is_bool)


class Counters:
    """The part of a loop that its numbers depend on.

    Parameters
    ----------
    loop : Loop

    Attributes
    ----------
    loop : Loop
    needed : frozenset of int
        Positions of the loop's inputs that the condition may depend on, through any number of iterations.
    suffices : bool
        The condition follows from them.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        program = loop.program
        self.makers: dict[int, tuple[int, Step, int]] = {
            slot: (position, step, number)
            for position, step in enumerate(program.steps)
            for number, slot in enumerate(step.outputs)
        }
        self.constants = {
            slot: array[()] for slot, array in program.constants.items() if is_number(program.values[slot])
        }
        self.functions: dict[Step, Callable[..., Any]] = {}
        self._position = {slot: position for position, slot in enumerate(program.feeds)}
        self.suffices = True
        self.needed = self._found_needed()

    def _found_needed(self) -> frozenset[int]:
        found: set[int] = set()
        seen: set[int] = set(self.constants)
        waiting = [self.loop.condition]
        while waiting:
            slot = waiting.pop()
            if slot in seen:
                continue
            seen.add(slot)
            position = self._position.get(slot)
            if position is not None and is_number(self.loop.program.values[slot]):
                found.add(position)
                if position < len(self.loop.following):
                    waiting.append(self.loop.following[position])
            made = self.makers.get(slot)
            if made is not None and self._can_compute(slot, made[1]):
                waiting += operands(made[1], made[2])
            elif slot not in self._position or not is_number(self.loop.program.values[slot]):
                self.suffices = False
        return frozenset(found)

    def _can_compute(self, slot: int, step: Step) -> bool:
        return (
            (isinstance(step.body, Fused) or _has_plain_kernel(step))
            and is_pure(step)
            and is_number(self.loop.program.values[slot])
        )

    def decide_only(self) -> bool:
        """Whether what leads to the condition serves nothing else."""
        loop, program = self.loop, self.loop.program
        made = {slot for step in program.steps[: loop.decided] for slot in step.outputs}
        others = {slot for step in program.steps[loop.decided :] for slot in (*step.inputs, *step.guards)}
        pure = all(is_pure(step) for step in program.steps[: loop.decided])
        return pure and made.isdisjoint((*others, *loop.following, *loop.results))


def _has_plain_kernel(step: Step) -> bool:
    return step.kernel is not None and (ELEMENTWISE in step.traits or step.op in SAME_MEMORY)


def operands(step: Step, number: int) -> list[int]:
    """The inputs that an output depends on."""
    body = step.body
    if not isinstance(body, Fused):
        return list(step.inputs)
    waiting, seen = [body.stores[number].node], set[int]()
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += body.nodes[node].args
    return [step.inputs[body.nodes[node].value] for node in seen if body.nodes[node].op == "load"]


class Count:
    """The numbers of one loop while it repeats. Whoever counts lets NumPy ignore that numbers wrap around.

    Parameters
    ----------
    counters : Counters
    inputs : sequence
        By position of the loop's inputs: a NumPy scalar, or None for what is not known.
    """

    def __init__(self, counters: Counters, inputs: Sequence[Any]) -> None:
        self._counters = counters
        program = counters.loop.program
        self._feeds = {
            slot: value if is_number(program.values[slot]) else None
            for slot, value in zip(program.feeds, inputs, strict=True)
        }
        self._now: dict[int, Any] = {}
        self._changed = True

    def goes_on(self) -> bool | None:
        """Whether the condition holds; None if that is not known."""
        found = self._value(self._counters.loop.condition, len(self._counters.loop.program.steps))
        return None if found is None else bool(found)

    def advance(self) -> bool:
        """Makes the next values of the variables their values; whether any of them is another number now."""
        loop = self._counters.loop
        end = len(loop.program.steps)
        found = [self._value(slot, end) for slot in loop.following]
        feeds, changed = self._feeds, False
        for slot, value in zip(loop.program.feeds, found, strict=False):
            changed = changed or (value is not None and value != feeds[slot])
            feeds[slot] = value
        self._now.clear()
        return changed

    def results(self) -> list[Any]:
        """What is known of the loop's results once the condition does not hold."""
        loop = self._counters.loop
        made_later = {slot for step in loop.program.steps[loop.decided :] for slot in step.outputs}
        return [None if slot in made_later else self._value(slot, loop.decided) for slot in loop.results]

    def _value(self, slot: int, before: int) -> Any:
        """A number of this iteration for a step at `before`; None if it is not known."""
        if slot in self._feeds:
            return self._feeds[slot]
        counters = self._counters
        if slot in counters.constants:
            return counters.constants[slot]
        if slot in self._now:
            return self._now[slot]
        made = counters.makers.get(slot)
        # What is made behind its user is of the iteration before.
        if made is None or made[0] >= before or not is_number(counters.loop.program.values[slot]):
            return None
        position, step, number = made
        found = self._now[slot] = self._computed(step, number, position)
        return found

    def _computed(self, step: Step, number: int, position: int) -> Any:
        if not is_pure(step):
            return None
        if isinstance(step.body, Fused):
            return self._node(step, step.body, step.body.stores[number].node, position, {})
        if not _has_plain_kernel(step):
            return None
        inputs = [self._value(slot, position) for slot in step.inputs]
        if None in inputs:
            decisive = _DECISIVE.get(step.op)
            return np.bool_(decisive) if decisive is not None and decisive in inputs else None
        assert step.kernel is not None
        function = self._counters.functions.get(step)
        if function is None:
            function = self._counters.functions[step] = bind(step.kernel, step.keywords, np, step.origin)
        return np.asarray(function(*inputs))[()]

    def _node(self, step: Step, body: Fused, number: int, position: int, known: dict[int, Any]) -> Any:
        if number in known:
            return known[number]
        node = body.nodes[number]
        dtype = node.dtype
        found: Any = None
        if not node.axes and (dtype.is_integer or dtype.is_bool):
            if node.op == "load":
                found = self._value(step.inputs[node.value], position)
            elif node.op == "const":
                found = dtype.np.type(node.value)
            else:
                args = [self._node(step, body, arg, position, known) for arg in node.args]
                found = self._primitive(node.op, args, dtype)
        known[number] = found
        return found

    @staticmethod
    def _primitive(op: str, args: list[Any], dtype: Any) -> Any:
        if op == "select":
            condition, then, otherwise = args
            return None if condition is None else then if condition else otherwise
        if any(arg is None for arg in args):
            decisive = _DECISIVE.get(op)
            return np.bool_(decisive) if any(arg is not None and bool(arg) is decisive for arg in args) else None
        if op == "cast":
            return args[0].astype(dtype.np)
        function = _PRIMITIVES.get(op)
        return None if function is None else dtype.np.type(function(*args))


@dataclass(frozen=True, slots=True)
class Trips:
    """How often a loop repeats.

    Attributes
    ----------
    count : int
        Not more often than this.
    exact : bool
        Just as often as this.
    results : list
        What is known of the loop's results: numbers, else None.
    """

    count: int
    exact: bool
    results: list[Any]


def trips(counters: Counters, inputs: Sequence[Any], largest: int = 4096) -> Trips | None:
    """How often a loop repeats; None if that cannot be told, or if it is more often than `largest`."""
    count, exact = Count(counters, inputs), True
    with np.errstate(all="ignore"):
        for number in range(largest + 1):
            goes_on = count.goes_on()
            if goes_on is False:
                results = count.results() if exact else [None] * len(counters.loop.results)
                return Trips(number, exact, results)
            exact = exact and goes_on is not None
            if not count.advance():
                return None
    return None


def count_loops(program: Program, known: Mapping[int, Any] | None = None) -> dict[Step, Trips]:
    """How often the loops of a program repeat, those in loops too; what is not known is left out.

    Parameters
    ----------
    program : Program
    known : mapping, optional
        Numbers that slots hold besides its constants.
    """
    numbers = dict(known or {})
    numbers |= {slot: array[()] for slot, array in program.constants.items() if is_number(program.values[slot])}
    found: dict[Step, Trips] = {}
    for step in program.steps:
        loop = step.body
        if not isinstance(loop, Loop):
            continue
        inputs = [numbers.get(slot) for slot in step.inputs]
        made = trips(Counters(loop), inputs)
        if made is not None:
            found[step] = made
            if made.exact and not step.guards:
                results = zip(step.outputs, made.results, strict=True)
                numbers |= {slot: value for slot, value in results if value is not None}
        changing = len(loop.following)
        alike = zip(loop.program.feeds[changing:], inputs[changing:], strict=True)
        found |= count_loops(loop.program, {slot: value for slot, value in alike if value is not None})
    return found
