"""Programs: what a backend compiles.

A Program is a flat list of steps over numbered values, for one set of fetches. It is made from a
graph by :mod:`scopert.program.lower`, knows no graph and no backend, and prints as text::

    program: 2 feeds, 5 steps, 1 fetch
      %0 = feed x:0                                  float32 (?, 2)
      %1 = const w/initial_value                     float32 (2, 3)
      %2 = read w                                    float32 (2, 3)
      %3 = MatMul %0 %2                              float32 (?, 3)      ; net/MatMul  model.py:12
      fetch %3
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from scopert.graph.dtypes import DType
from scopert.graph.kernel import Origin
from scopert.graph.opdef import Kernel
from scopert.graph.shape import text
from scopert.program.expression import Fused
from scopert.program.memory import Memory

Shape = tuple[int | None, ...] | None

#: Step kinds that a runtime executes itself; every other step runs the kernel of its op.
READ = "read"
LOOP = "loop"
#: One loop nest over many operations; its body says what it computes.
FUSED = "fused"
#: Updates of several variables by one rule; its body names the steps that it stands for.
TOGETHER = "together"
#: What passes make of several operations and backends may have kernels for, as for ops.
BAGS = frozenset({"BagSum", "BagMean", "SegmentBagSum", "SegmentBagMean"})


class Dead:
    """The type of `DEAD`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "DEAD"


#: What a slot holds that a branch which was not taken would have filled.
DEAD = Dead()


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """What a slot holds: an array, or a reference to a variable where `dtype.is_ref`."""

    number: int
    name: str
    dtype: DType
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One action.

    Attributes
    ----------
    op : str
        The op type, or one of the kinds above.
    inputs, outputs : tuple of int
        Slots.
    origin : Origin
        The graph's operation that it came from.
    kernel : callable or None
        The generic kernel.
    keywords : tuple of str
        The kernel's keyword-only parameters.
    traits : frozenset of str
    body : Loop, Fused, Together or None
        What a LOOP repeats, a FUSED step computes, or a TOGETHER step stands for.
    guards : tuple of int
        Slots. If one of them is `DEAD`, the step does not run, and its outputs are dead.
    copies : bool
        A read must copy, because the variable is written while the value is still needed.
    kept : bool
        It runs although nobody uses its outputs: somebody asked for it.
    """

    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    origin: Origin
    kernel: Kernel | None = None
    keywords: tuple[str, ...] = ()
    traits: frozenset[str] = frozenset()
    body: Loop | Fused | Together | None = None
    copies: bool = False
    guards: tuple[int, ...] = ()
    kept: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """What a LOOP step repeats. Its inputs fill the feeds of `program`, its outputs are `results`.

    Attributes
    ----------
    program : Program
        One iteration. The first feeds are the loop's variables, the others the same in all iterations.
        Slots keep their values from one iteration to the next.
    decided : int
        So many steps lead to `condition`; they run once more than the others.
    repeated : int
        The steps up to here run if it holds; those after it once, when it does not hold any more.
    condition : int
        The slot that decides.
    following : tuple of int
        The slots of the variables' next values.
    results : tuple of int
    """

    program: Program
    decided: int
    repeated: int
    condition: int
    following: tuple[int, ...]
    results: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Steps with the trait UPDATE, of one op, with the same attributes and scalars, on different variables.

    The inputs and outputs of the TOGETHER step are those of its members, one after the other.
    """

    members: tuple[Step, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fetch:
    """A result. `shared`: its memory may belong to a variable, a constant or a feed, so it is copied out."""

    slot: int
    shared: bool


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Steps in the order in which they run.

    Attributes
    ----------
    values : tuple of Value
        By slot number.
    feeds : tuple of int
        Slots that the caller fills, in the order of the feeds.
    constants : dict
        Slot -> array, never written.
    variables : dict
        Slot -> operation that stands for the variable; the slot holds a `VariableRef`.
    steps : tuple of Step
    fetches : tuple of Fetch
    memory : Memory, optional
        Where the values lie, once the pass `place` has decided.
    """

    values: tuple[Value, ...]
    feeds: tuple[int, ...]
    constants: dict[int, Any]
    variables: dict[int, Origin]
    steps: tuple[Step, ...]
    fetches: tuple[Fetch, ...]
    notes: tuple[str, ...] = field(default=())
    memory: Memory | None = None

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _lines(program: Program) -> Iterator[str]:
    counts = (len(program.feeds), "feed", "s"), (len(program.steps), "step", "s"), (len(program.fetches), "fetch", "es")
    yield "program: " + ", ".join(f"{n} {word}{'' if n == 1 else plural}" for n, word, plural in counts)
    for slot in program.feeds:
        yield _row(program, slot, f"feed {program.values[slot].name}")
    for slot in program.constants:
        yield _row(program, slot, f"const {program.values[slot].name}")
    for slot in program.variables:
        yield _row(program, slot, f"variable {program.values[slot].name}")
    for step in program.steps:
        action = " ".join([step.op, *(f"%{slot}" for slot in step.inputs)]) + (" (copy)" if step.copies else "")
        if step.guards:
            action += " if " + " ".join(f"%{slot}" for slot in step.guards)
        note = f"; {step.origin.name}  {step.origin.where}"
        if not step.outputs:
            yield f"  {action:<52}{note}"
        for slot in step.outputs:
            yield f"{_row(program, slot, action):<84} {note}"
            action = "  .."
        if isinstance(step.body, Fused):
            yield from ("      " + line for line in step.body.lines())
        elif isinstance(step.body, Loop):
            yield from _loop_lines(step.body)
        elif isinstance(step.body, Together):
            for member in step.body.members:
                action = " ".join([member.op, *(f"%{slot}" for slot in member.inputs)])
                yield f"      {action:<48}; {member.origin.name}"
    yield "  fetch " + " ".join(f"%{fetch.slot}" for fetch in program.fetches)


def _loop_lines(loop: Loop) -> Iterator[str]:
    yield f"    repeat: {loop.decided} steps, while %{loop.condition}: up to step {loop.repeated}, then the rest"
    yield from ("    " + line for line in list(_lines(loop.program))[1:-1])
    yield "    next " + " ".join(f"%{slot}" for slot in loop.following)
    yield "    results " + " ".join(f"%{slot}" for slot in loop.results)


def _row(program: Program, slot: int, action: str) -> str:
    value = program.values[slot]
    return f"  {f'%{slot} = {action}':<50} {value.dtype.name} {text(value.shape)}"
