"""What a plan is made of: steps as commands over places, and the actions that a run takes one after the other.

Neighbouring steps that became commands are one `Batch`, which is launched in one go. The others stand alone and
split the batches: kernels over arrays (``eager``), kernels over host objects (``host``), branches, and loops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias, cast

from scopert.backend import Origin, Program, Step, Value
from scopert.program.trips import Counters
from scopert_cupy.arena import SCRATCH, Regions, Spot
from scopert_cupy.command import Emitted, Operand, Parameter, Table


@dataclass(slots=True)
class Work:
    """A step as commands over places."""

    step: Step
    emitted: Emitted
    engine: str
    inputs: tuple[Spot | None, ...]
    outputs: tuple[Spot | None, ...]
    parameters: tuple[Spot, ...]
    status: Spot | None = None
    tables: tuple[tuple[Table, Spot], ...] = ()

    def spot(self, operand: Operand) -> Spot:
        """Where an operand of a command lies."""
        if operand.role == "scratch":
            if self.status is not None and operand.offset == self.emitted.status:
                return self.status
            return Spot(SCRATCH, operand.offset)
        spots = {"input": self.inputs, "output": self.outputs, "parameter": self.parameters}[operand.role]
        found = spots[operand.number]
        if found is None:
            raise ValueError(f"{self.step.op} names {operand.role} {operand.number}, which has no memory")
        return Spot(found.base, found.offset + operand.offset) if operand.offset else found


#: From a place to another one: target, source, and bytes.
Move: TypeAlias = tuple[Spot, Spot, int]


@dataclass(slots=True)
class Repeated:
    """A loop as commands, where it is known how often it repeats.

    Attributes
    ----------
    step : Step
    scope : Scope
        The body.
    count : int
    before : list of Move
        What the loop is given, to the places of its variables.
    deciding, repeated, last : list of Work and Repeated
        The parts of the body, as `Loop` says.
    moves : list of Move
        What makes the next values of the variables their values.
    after : list of Move
        The results, to their places outside.
    """

    step: Step
    scope: Scope
    count: int
    before: list[Move]
    deciding: list[Work | Repeated]
    repeated: list[Work | Repeated]
    last: list[Work | Repeated]
    moves: list[Move]
    after: list[Move]

    def sequence(self) -> Iterator[Work | Repeated | Move]:
        """All in the order in which they run."""
        yield from self.before
        for _ in range(self.count):
            yield from self.deciding
            yield from self.repeated
            yield from self.moves
        yield from self.deciding
        yield from self.last
        yield from self.after

    def parts(self) -> list[Work | Repeated]:
        """What it is made of, each once."""
        return [*self.deciding, *self.repeated, *self.last]

    @property
    def commands(self) -> int:
        """How many there are, moves included."""
        around = len(self.before) + len(self.after) + sum(commands_of(work) for work in (*self.deciding, *self.last))
        each = sum(commands_of(work) for work in (*self.deciding, *self.repeated))
        return around + self.count * (each + len(self.moves))


def commands_of(work: Work | Repeated) -> int:
    """How many commands a step is."""
    return work.commands if isinstance(work, Repeated) else len(work.emitted.commands)


@dataclass(slots=True)
class Batch:
    """Neighbouring steps as commands.

    Attributes
    ----------
    works : list of Work and Repeated
    guards : tuple of int
        Slots; it runs if none of them is dead.
    needs : dict
        Variables that must have a value before, and the step that says so.
    marks : dict
        Variables that have a value afterwards.
    touches : bool
        It uses memory of variables.
    block : Spot or None
        Where its parameters lie, if they are sent when it runs and not with the feeds.
    """

    guards: tuple[int, ...]
    works: list[Work | Repeated] = field(default_factory=list)
    needs: dict[int, Step] = field(default_factory=dict)
    marks: dict[int, None] = field(default_factory=dict)
    touches: bool = False
    parameters: list[tuple[Parameter, Origin, Spot]] = field(default_factory=list)
    block: Spot | None = None
    nbytes: int = 0


@dataclass(slots=True)
class Single:
    """A step that runs by itself: `engine` is ``eager``, ``host``, ``switch`` or ``merge``."""

    step: Step
    engine: str
    guards: tuple[int, ...]
    why: str = ""


@dataclass(slots=True)
class LoopAction:
    """A loop: three lists of actions, as `Loop` says.

    Attributes
    ----------
    moves : list of Move
        What makes the next values of the loop's variables their values, in order.
    counters : Counters or None
        The numbers that decide how often it repeats; None if there is more to it.
    """

    step: Step
    guards: tuple[int, ...]
    scope: Scope
    parts: tuple[list[Action], list[Action], list[Action]]
    moves: list[Move] = field(default_factory=list)
    counters: Counters | None = None
    engine: str = "loop"


Action: TypeAlias = Batch | Single | LoopAction


@dataclass(slots=True)
class Scope:
    """A program with places.

    Attributes
    ----------
    program : Program
    spots : dict
        Slot -> its memory.
    variables : dict
        Slot -> number of the variable that it stands for.
    actions : list of Action
        Empty for the body of a loop.
    fetched : dict
        Slot -> where the host takes it from; other memory than the slot's own is a copy.
    host_made : set of int
        Slots that a step of the host fills.
    """

    program: Program
    spots: dict[int, Spot] = field(default_factory=dict)
    variables: dict[int, int] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    fetched: dict[int, Spot] = field(default_factory=dict)
    host_made: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Plan:
    """All that can be known before there is a device.

    Attributes
    ----------
    top : Scope
    regions : Regions
    variables : list of Origin
    tables : list of (Spot, array)
        What the region of constants is filled with.
    parameters : list of (Parameter, Origin, Spot)
        Those that are sent with the feeds.
    sent : int
        Bytes of the feeds' region that every run sends.
    statuses : list of (Spot, Work, Scope)
        Words that say whether a step refused its inputs.
    """

    top: Scope
    regions: Regions
    variables: list[Origin]
    tables: list[tuple[Spot, Any]]
    parameters: list[tuple[Parameter, Origin, Spot]]
    sent: int
    statuses: list[tuple[Spot, Work, Scope]] = field(default_factory=list)

    def works(self) -> list[Work]:
        """The commands of all batches, those in loops too."""
        found: list[Work] = []
        waiting: list[Action | Work | Repeated] = list(self.top.actions)
        while waiting:
            action = waiting.pop(0)
            if isinstance(action, Work):
                found.append(action)
            elif isinstance(action, Batch):
                waiting = [*action.works, *waiting]
            elif isinstance(action, Repeated):
                waiting = [*action.parts(), *waiting]
            elif isinstance(action, LoopAction):
                waiting = [*action.parts[0], *action.parts[1], *action.parts[2], *waiting]
        return found


def is_static(value: Value) -> bool:
    """Whether a value has a size that is known now, and a type that devices have."""
    dtype = value.dtype
    return value.shape is not None and None not in value.shape and not dtype.is_ref and not dtype.np.hasobject


def nbytes_of(value: Value) -> int:
    """The size of a static value."""
    return prod(cast(tuple[int, ...], value.shape)) * int(value.dtype.np.itemsize)


def variable_key(origin: Origin) -> tuple[str, str]:
    """What is the same for all operations that stand for one variable."""
    return origin.attrs.get("container") or "", origin.attrs.get("shared_name") or origin.name
