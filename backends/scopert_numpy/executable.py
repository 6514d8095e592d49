"""A Program with its kernels bound, run step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert.backend import (
    DEAD,
    LOOP,
    READ,
    CancelledError,
    InvalidArgumentError,
    Program,
    RunContext,
    Step,
    StepFailed,
    last_uses,
    select_kernel,
)

# (function, inputs, output or outputs, has one output, slots to forget afterwards, step)
_Row = tuple[Callable[..., Any], tuple[int, ...], Any, bool, tuple[int, ...], Step]


def _read(ref: Any) -> Any:
    return ref.read()


def _read_copy(ref: Any) -> Any:
    return np.array(ref.read())


def _copy(value: Any) -> Any:
    return np.array(value) if isinstance(value, np.ndarray) else value


def _copying(function: Callable[..., Any], one: bool) -> Callable[..., Any]:
    if one:
        return lambda *inputs: _copy(function(*inputs))
    return lambda *inputs: tuple([_copy(value) for value in function(*inputs)])


def _guarded(function: Callable[..., Any], count: int, outputs: int) -> Callable[..., Any]:
    """Calls `function` only if none of the first `count` arguments is dead; it gets the others."""
    dead = DEAD if outputs == 1 else (DEAD,) * outputs

    if count == 1:

        def run_one(guard: Any, *inputs: Any) -> Any:
            return dead if guard is DEAD else function(*inputs)

        return run_one

    def run(*arguments: Any) -> Any:
        for value in arguments[:count]:
            if value is DEAD:
                return dead
        return function(*arguments[count:])

    return run


def _initial_slots(program: Program) -> list[Any]:
    slots: list[Any] = [None] * len(program.values)
    for slot, array in program.constants.items():
        slots[slot] = array[()] if array.dtype == object and not array.ndim else array
    return slots


def _rows(steps: Sequence[Step], forget: Sequence[tuple[int, ...]], context: RunContext) -> list[_Row]:
    rows: list[_Row] = []
    for step, old in zip(steps, forget, strict=True):
        one = len(step.outputs) == 1
        outputs: Any = step.outputs[0] if one else step.outputs
        rows.append((_bind(step, context), (*step.guards, *step.inputs), outputs, one, old, step))
    return rows


def _bind(step: Step, context: RunContext) -> Callable[..., Any]:
    if step.op == READ:
        function = _read_copy if step.copies else _read
    else:
        function = _loop(step, context) if step.op == LOOP else select_kernel(step, np, context)
        if step.copies:
            function = _copying(function, len(step.outputs) == 1)
    return _guarded(function, len(step.guards), len(step.outputs)) if step.guards else function


def _loop(step: Step, context: RunContext) -> Callable[..., Any]:
    """A function that runs a whole loop."""
    body = step.body
    assert body is not None
    program = body.program
    # Values are overwritten in the next iteration, and gone with the loop.
    rows = _rows(program.steps, [()] * len(program.steps), context)
    deciding, repeated, last = rows[: body.decided], rows[body.decided : body.repeated], rows[body.repeated :]
    initial = _initial_slots(program)
    feeds, condition, following, results = program.feeds, body.condition, body.following, body.results
    variables = feeds[: len(following)]
    single = len(results) == 1

    def run(*inputs: Any) -> Any:
        values = initial.copy()
        for slot, value in zip(feeds, inputs, strict=True):
            values[slot] = value
        while True:
            if context.cancelled:
                raise CancelledError(None, None, "the session was closed while a loop ran")
            _run(deciding, values)
            if not values[condition]:
                break
            _run(repeated, values)
            for slot, value in zip(variables, [values[slot] for slot in following], strict=True):
                values[slot] = value
        _run(last, values)
        return values[results[0]] if single else tuple([values[slot] for slot in results])

    return run


def _run(rows: list[_Row], values: list[Any]) -> None:
    row: Any = None
    try:
        for row in rows:
            function, inputs, outputs, one, forget, _ = row
            made = function(*[values[slot] for slot in inputs])
            if one:
                values[outputs] = made
            elif outputs:
                for slot, item in zip(outputs, made, strict=True):
                    values[slot] = item
            for slot in forget:
                values[slot] = None
    except StepFailed:
        raise  # a step of a loop inside
    except Exception as error:
        step = row[-1]
        raise StepFailed(step, [values[slot] for slot in step.inputs]) from error


class NumpyExecutable:
    """Runs the steps of a Program one after the other."""

    def __init__(self, program: Program, context: RunContext) -> None:
        self._slots = _initial_slots(program)
        self._feeds = program.feeds
        self._fetches = tuple((fetch.slot, fetch.shared) for fetch in program.fetches)
        self._rows = _rows(program.steps, last_uses(program), context)

    def run(self, feeds: Sequence[Any]) -> list[Any]:
        """Runs once, in the calling thread; several threads may run at once."""
        values = self._slots.copy()
        for slot, array in zip(self._feeds, feeds, strict=True):
            values[slot] = array
        with np.errstate(all="ignore"):
            _run(self._rows, values)
        results = [_result(values[slot], shared) for slot, shared in self._fetches]
        for number, value in enumerate(results):
            if value is DEAD:
                raise InvalidArgumentError(
                    None, None, f"Retval[{number}] does not have value: it stands in a branch that was not taken"
                )
        return results


def _result(value: Any, shared: bool) -> Any:
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return value[()]
        return value.copy() if shared or not value.flags.writeable else value
    return value
