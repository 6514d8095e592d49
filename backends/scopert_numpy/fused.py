"""Fused steps as functions over arrays: machine code where there is some, else NumPy block by block."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert.backend import FUSED, Fused, Program, Step
from scopert_numpy.blocked import blocked
from scopert_numpy.native import engine as machine_code

#: ``f(*inputs, out=None)``: `out` is an array, or a tuple of arrays where there are several outputs.
Function = Callable[..., Any]


def fused_functions(program: Program) -> dict[int, Function]:
    """A function for each FUSED step of a program, by the step's identity.

    All bodies are compiled together. ``SCOPERT_NATIVE=0`` leaves everything to NumPy.
    """
    found = [step for step in program.steps if step.op == FUSED]
    machine: Sequence[Any] = [None] * len(found)
    engine = machine_code() if found and os.environ.get("SCOPERT_NATIVE", "1") != "0" else None
    if engine is not None:
        machine = engine.compile([_body(program, step) for step in found])
    return {
        id(step): blocked(program, step) if code is None else _calling(program, step, code)
        for step, code in zip(found, machine, strict=True)
    }


def _body(program: Program, step: Step) -> tuple[Fused, list[Any], list[Any]]:
    assert isinstance(step.body, Fused)
    values = program.values
    return step.body, [values[s].dtype for s in step.inputs], [values[s].dtype for s in step.outputs]


def _calling(program: Program, step: Step, code: Any) -> Function:
    """A function that runs machine code, and allocates the outputs unless they are given."""
    kinds: list[tuple[Any, Any]] = [(program.values[s].shape, program.values[s].dtype.np) for s in step.outputs]
    one = len(kinds) == 1

    def call(*inputs: Any, out: Any = None) -> Any:
        arrays = [
            value if type(value) is np.ndarray and value.flags.c_contiguous else np.ascontiguousarray(value)
            for value in inputs
        ]
        if out is None:
            outputs = [np.empty(shape, dtype) for shape, dtype in kinds]
        else:
            outputs = [out] if one else list(out)
        code(arrays, outputs)
        return outputs[0] if one else tuple(outputs)

    return call
