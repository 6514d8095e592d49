"""From a step to its commands: what emitters get, and where they are listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from scopert.backend import Program, Step, Value
from scopert_cupy.command import Emitted
from scopert_cupy.device import Facts


@dataclass(frozen=True, slots=True)
class Request:
    """A step of a program whose shapes are all known, and the device that it is for."""

    step: Step
    program: Program
    facts: Facts

    @property
    def inputs(self) -> tuple[Value, ...]:
        """Values of the step's inputs; of a variable, `dtype.is_ref` holds and the shape is the variable's."""
        return tuple([self.program.values[slot] for slot in self.step.inputs])

    @property
    def outputs(self) -> tuple[Value, ...]:
        return tuple([self.program.values[slot] for slot in self.step.outputs])

    @property
    def attrs(self) -> dict[str, Any]:
        """The operation's attributes."""
        return self.step.origin.attrs

    def constant(self, number: int) -> Any:
        """The host array of an input that is a constant of the program, else None."""
        return self.program.constants.get(self.step.inputs[number])


#: Pure: no device, no allocation. None: not in this form (type, rank, attribute), the step runs eagerly.
Emitter: TypeAlias = Callable[[Request], Emitted | None]


def emit(request: Request, table: Mapping[str, Emitter]) -> Emitted | None:
    """The commands of a step, or None if it has to run eagerly.

    Every shape must be static, and every dtype one that devices have.
    """
    values = (*request.inputs, *request.outputs)
    if any(value.shape is None or None in value.shape for value in values):
        return None
    if any(value.dtype.np.hasobject for value in values):
        return None
    emitter = table.get(request.step.op)
    return None if emitter is None else emitter(request)
