"""FUSED steps as one NumPy call where that is all, else machine code if there is any, else block by block in NumPy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from scopert.backend import FUSED, Fused, Program, Step
from scopert_numpy.blocked import blocked
from scopert_numpy.lone import lone_call
from scopert_numpy.native import open_engine, unavailable

_LOG = logging.getLogger("scopert")


#: A program of so few steps is no place for straights.
_FEW = 3

_engine = cache(open_engine)


@cache
def _say(reason: str) -> None:
    _LOG.info("fused steps run in NumPy, which is slower than machine code: %s", reason)


def _machine() -> Any:
    """The engine of this process, or None."""
    reason = unavailable()
    if reason is None:
        return _engine()
    _say(reason)
    return None


class FusedSteps:
    """The FUSED steps of a program, which has static shapes as every program with such steps; compiled together.

    Parameters
    ----------
    program : Program
    repeated : bool
        It is run again and again: even where there are few steps, calls between them count.
    """

    def __init__(self, program: Program, repeated: bool = False) -> None:
        self._program = program
        fused = [step for step in program.steps if step.op == FUSED]
        self._lone = {step: call for step in fused if (call := lone_call(program, step))}
        #: Machine code by step, where there is any; None where it runs in NumPy.
        self.codes: dict[Step, Any] = dict.fromkeys(fused)
        # Where a step stands among others that machine code runs, it is part of their call.
        steps = fused if repeated or len(program.steps) > _FEW else [step for step in fused if step not in self._lone]
        machine = _machine() if steps else None
        if machine is None:
            return
        bodies = []
        for step in steps:
            assert isinstance(step.body, Fused)
            inputs, outputs = ([program.values[slot].dtype for slot in slots] for slots in (step.inputs, step.outputs))
            bodies.append((step.body, inputs, outputs))
        for number, (step, code) in enumerate(zip(steps, machine.compile(bodies), strict=True)):
            self.codes[step] = code
            if code is None:
                reason = machine.refused.get(number, "")
                _LOG.debug("no machine code for the fused step %s: %s", step.origin.name, reason)
            else:
                constants = program.constants
                code.hold({n: np.ascontiguousarray(constants[s]) for n, s in enumerate(step.inputs) if s in constants})

    def engine(self, step: Step) -> str:
        """What runs a step where it is no part of a longer call."""
        if step in self._lone:
            return "one NumPy call"
        return "NumPy in blocks" if self.codes[step] is None else "machine code"

    def callable(self, step: Step) -> Callable[..., Any]:
        """``f(*inputs, out=None)``."""
        if step in self._lone:
            return self._lone[step]
        code = self.codes[step]
        return blocked(self._program, step) if code is None else _caller(code, self._program, step)


def _caller(code: Any, program: Program, step: Step) -> Callable[..., Any]:
    given = [number for number, slot in enumerate(step.inputs) if slot not in program.constants]
    values = [program.values[slot] for slot in step.outputs]
    shapes: list[tuple[Any, Any]] = [(value.shape or (), value.dtype.np) for value in values]
    single = len(shapes) == 1

    def run(*inputs: Any, out: Any = None) -> Any:
        if out is None:
            outputs = [np.empty(shape, dtype) for shape, dtype in shapes]
        else:
            outputs = [out] if single else list(out)
        arrays = list(inputs)
        for number in given:
            arrays[number] = np.ascontiguousarray(inputs[number])
        code(arrays, outputs)
        return outputs[0] if single else tuple(outputs)

    return run
