"""What a plan is made of: steps as commands over places, and the actions that a run takes one after the other.

Neighbouring steps that became commands are one `Batch`, which is launched in one go. The others stand alone and
split the batches: kernels over arrays (``eager``), kernels over host objects (``host``), branches, and loops.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias, cast

from scopert.backend import Origin, Program, Step, Value
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


@dataclass(slots=True)
class Batch:
    """Neighbouring steps as commands.

    Attributes
    ----------
    works : list of Work
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
    works: list[Work] = field(default_factory=list)
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
    moves : list of (target, source, nbytes)
        What makes the next values of the loop's variables their values, in order.
    """

    step: Step
    guards: tuple[int, ...]
    scope: Scope
    parts: tuple[list[Action], list[Action], list[Action]]
    moves: list[tuple[Spot, Spot, int]] = field(default_factory=list)
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
        waiting: list[Action] = list(self.top.actions)
        while waiting:
            action = waiting.pop(0)
            if isinstance(action, Batch):
                found += action.works
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
