"""A Program with its kernels bound, run step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scopert.backend import (
    DEAD,
    FUSED,
    InvalidArgumentError,
    Program,
    ShapesChanged,
    TraceRow,
    last_uses,
)
from scopert_numpy.handed_out import HandedOut
from scopert_numpy.quiet import quiet_for
from scopert_numpy.steps import Binder, run_rows, run_traced


class NumpyExecutable:
    """Runs the steps of a Program one after the other.

    It keeps nothing between runs, so several threads may run it at once.
    """

    def __init__(self, program: Program, binder: Binder) -> None:
        self._program, self._binder = program, binder
        self._slots = binder.slots(program)
        self._rows = binder.rows(program, last_uses(program))
        self._feeds = program.feeds
        self._fetches = tuple((fetch.slot, fetch.shared) for fetch in program.fetches)
        self._quiet = quiet_for(program)
        fused = any(step.op == FUSED for step in program.steps)
        self._shapes = variable_shapes(program, self._slots) if fused else ()

    def __str__(self) -> str:
        from scopert_numpy.report import executable_lines  # which few programs need

        return "\n".join(executable_lines(self._program, self._rows, self._binder, None))

    def run(self, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        """Runs once, in the calling thread."""
        if self._shapes:
            check_shapes(self._shapes)
        values = self._slots.copy()
        for slot, array in zip(self._feeds, feeds, strict=True):
            values[slot] = array
        if trace is None:
            self._quiet(run_rows, self._rows, values)
        else:
            self._quiet(run_traced, self._rows, values, trace)
        return results(self._fetches, values)


def variable_shapes(program: Program, slots: Sequence[Any]) -> tuple[tuple[Any, Any], ...]:
    """The variables of a program and the shapes that it counts on."""
    rows = []
    for slot in program.variables:
        value = program.values[slot]
        if value.dtype.is_ref and value.shape is not None and None not in value.shape:
            rows.append((slots[slot], value.shape))
    return tuple(rows)


def check_shapes(shapes: Sequence[tuple[Any, Any]]) -> None:
    """Raises ShapesChanged if a variable was given another shape than its static one."""
    for variable, shape in shapes:
        if variable.shape != shape and variable.initialized:
            raise ShapesChanged(f"{variable.name} has the shape {variable.shape}, the program was made for {shape}")


def results(
    fetches: Sequence[tuple[int, bool]], values: Sequence[Any], handed: Mapping[int, HandedOut] | None = None
) -> list[Any]:
    """What the caller gets: his alone from now on. `handed` has memory for copies."""
    made: list[Any] = []
    for slot, shared in fetches:
        value = values[slot]
        if type(value) is np.ndarray:
            if not value.ndim:
                value = value[()]
            elif shared or not value.flags.writeable:
                value = handed[slot].copy(value) if handed and slot in handed else value.copy()
        elif value is DEAD:
            raise _dead_fetch(len(made))
        made.append(value)
    return made


def _dead_fetch(number: int) -> InvalidArgumentError:
    return InvalidArgumentError(
        None, None, f"Retval[{number}] does not have value: it stands in a branch that was not taken"
    )
