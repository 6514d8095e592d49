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


def fused_callables(program: Program) -> dict[Step, Callable[..., Any]]:
    """A function for each FUSED step of a program, ``f(*inputs, out=None)``; all are compiled together.

    Parameters
    ----------
    program : Program
        With static shapes, as every program that has such steps.
    """
    fused = [step for step in program.steps if step.op == FUSED]
    calls: dict[Step, Callable[..., Any]] = {step: call for step in fused if (call := lone_call(program, step))}
    steps = [step for step in fused if step not in calls]
    machine = _machine() if steps else None
    if machine is None:
        return calls | {step: blocked(program, step) for step in steps}
    bodies = []
    for step in steps:
        assert isinstance(step.body, Fused)
        inputs, outputs = ([program.values[slot].dtype for slot in slots] for slots in (step.inputs, step.outputs))
        bodies.append((step.body, inputs, outputs))
    codes = machine.compile(bodies)
    for number, reason in machine.refused.items():
        _LOG.debug("no machine code for the fused step %s: %s", steps[number].origin.name, reason)
    return calls | {
        step: blocked(program, step) if code is None else _caller(code, program, step)
        for step, code in zip(steps, codes, strict=True)
    }


def _caller(code: Any, program: Program, step: Step) -> Callable[..., Any]:
    constants = program.constants
    held = {n: np.ascontiguousarray(constants[slot]) for n, slot in enumerate(step.inputs) if slot in constants}
    code.hold(held)
    given = [number for number in range(len(step.inputs)) if number not in held]
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
