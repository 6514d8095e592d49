"""What the jobs of a loop are besides those of its steps: rows that they take, steps of the interpreter, branches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

from scopert.backend import RANDOM, READ, STATEFUL, TOGETHER, Loop, Step
from scopert.graph.dtypes import resource
from scopert.program.uses import EFFECTS

#: A step runs if these bytes have these values; the outermost branch first.
Conditions = tuple[tuple[int, int], ...]


class NoIterationsError(Exception):
    """A step of a loop has to be run by the interpreter."""


@dataclass(eq=False)
class Rows:
    """What all iterations see of a TensorArray or of a stack: the slot of its handle, and of what kind its rows are."""

    slot: int
    shape: tuple[int, ...]
    dtype: Any
    is_stack: bool
    pushes: int = 0
    pops: int = 0
    writes: int = 0

    @cached_property
    def nbytes(self) -> int:
        """Of one row."""
        return int(self.dtype.itemsize) * prod(self.shape)


@dataclass(eq=False)
class Checked:
    """A job that takes a row of a sequence and may fail.

    Attributes
    ----------
    shown : int, optional
        The number by which places say that they lie in this row.
    """

    step: Step
    address: int
    sequence: Rows
    rest: tuple[Any, ...]
    shown: int | None = None


@dataclass(eq=False)
class Interpreted:
    """A step that the interpreter runs.

    Attributes
    ----------
    function : callable
    inputs : tuple
        A `Place` that stays where it is or is given, or the number of a slot that always holds the same.
    outputs : tuple of array
        Where the results are copied.
    """

    step: Step
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


#: The jobs of one of the three parts of a loop.
Part: TypeAlias = list[tuple[Step, Conditions, list[Any]]]


def only_computes(step: Step) -> bool:
    """Whether a step only computes, or draws random numbers, and gives no objects; a loop, if all its steps do."""
    if isinstance(step.body, Loop):
        body = step.body.program
        inner = [other for other in body.steps if other.op != READ]
        return not any(value.dtype is resource for value in body.values) and all(map(only_computes, inner))
    effects = step.traits & EFFECTS
    return (not effects or (RANDOM in effects and effects <= {RANDOM, STATEFUL})) and step.op not in (READ, TOGETHER)
