"""Steps of a planned program as a list of NumPy calls that are bound to their arrays.

In a workspace it is known where everything stands, so a step becomes one or more calls with their arguments, and a run
goes through the list: no values are passed from step to step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any, TypeAlias

import numpy as np

from scopert.backend import Step, StepFailed, TraceRow
from scopert_numpy.bound import Call


@dataclass(frozen=True, slots=True)
class Given:
    """An array that is the same in many runs, but not known before the first: what `show` makes of it.

    Attributes
    ----------
    slot : int
    show : callable or None
        A view of the array in the slot; None for the array itself.
    """

    slot: int
    show: Callable[[Any], Any] | None = None


Operand: TypeAlias = "np.ndarray | Given"


@dataclass(slots=True)
class Part:
    """A step of a list.

    Attributes
    ----------
    step : Step
    operands : sequence of arrays and Given
    bind : callable
        The calls of the step for arrays in the place of the operands.
    calls : list of Call
        They are empty while a given array is not known.
    inputs : list of arrays
        What `calls` were made for.
    """

    step: Step
    operands: Sequence[Operand]
    bind: Callable[[list[Any]], list[Call]]
    calls: list[Call] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)

    def make(self, given: dict[int, Any]) -> None:
        """Makes the calls; `given` are arrays by slot."""
        self.inputs = [
            operand if not isinstance(operand, Given)
            else given[operand.slot] if operand.show is None
            else operand.show(given[operand.slot])
            for operand in self.operands
        ]  # fmt: skip
        self.calls = self.bind(self.inputs)

    def depends(self, slots: set[int]) -> bool:
        """Whether an operand is a view of what is given in one of the slots."""
        return any(isinstance(operand, Given) and operand.slot in slots for operand in self.operands)


class CallList:
    """A function that goes through calls; it belongs to a frame, and so to one run at a time.

    Parameters
    ----------
    parts : sequence of Part
    lasting : sequence of int
        Slots with arrays that are the same in many runs, in the order of the first arguments of a call.
    copies : sequence of arrays
        Where the further arguments are copied to before the calls.
    """

    def __init__(self, parts: Sequence[Part], lasting: Sequence[int], copies: Sequence[np.ndarray]) -> None:
        self._parts = tuple(parts)
        self._lasting = tuple(lasting)
        self._seen: list[Any] = [None] * len(lasting)
        self._copies = list(enumerate(copies, len(lasting)))
        for part in self._parts:
            if not any(isinstance(operand, Given) for operand in part.operands):
                part.make({})

    @property
    def steps(self) -> list[Step]:
        """What it runs, in order."""
        return [part.step for part in self._parts]

    def forget(self) -> None:
        """Lets go of what was given."""
        self._seen = [None] * len(self._lasting)
        slots = set(self._lasting)
        for part in self._parts:
            if part.depends(slots):
                part.calls, part.inputs = [], []

    def _prepare(self, inputs: Sequence[Any]) -> None:
        for number, target in self._copies:
            target[...] = inputs[number]
        seen = self._seen
        changed = {slot for k, slot in enumerate(self._lasting) if inputs[k] is not seen[k]}
        if changed:
            self._seen = list(inputs[: len(seen)])
            given = dict(zip(self._lasting, self._seen, strict=True))
            for part in self._parts:
                if part.depends(changed):
                    try:
                        part.make(given)
                    except Exception as error:
                        self.forget()
                        raise StepFailed(part.step, [None]) from error

    def __call__(self, *inputs: Any) -> Any:
        self._prepare(inputs)
        part: Any = None
        try:
            for part in self._parts:
                for call, arguments in part.calls:
                    call(*arguments)
        except Exception as error:
            raise StepFailed(part.step, part.inputs) from error
        return ()

    def traced(self, inputs: Sequence[Any], trace: list[TraceRow]) -> list[Any]:
        """The same, noting when each step began and ended."""
        self._prepare(inputs)
        for part in self._parts:
            start = perf_counter_ns()
            try:
                for call, arguments in part.calls:
                    call(*arguments)
            except Exception as error:
                raise StepFailed(part.step, part.inputs) from error
            trace.append((part.step, start, perf_counter_ns(), 0))
        return []
