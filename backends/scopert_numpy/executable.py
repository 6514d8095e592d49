"""A Program with its kernels bound, run step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert.backend import READ, Program, RunContext, Step, StepFailed, last_uses, select_kernel

# (function, inputs, output or outputs, has one output, slots to forget afterwards, step)
_Row = tuple[Callable[..., Any], tuple[int, ...], Any, bool, tuple[int, ...], Step]


def _read(ref: Any) -> Any:
    return ref.read()


def _read_copy(ref: Any) -> Any:
    return np.array(ref.read())


def _copying(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *inputs: np.array(function(*inputs))


class NumpyExecutable:
    """Runs the steps of a Program one after the other."""

    def __init__(self, program: Program, context: RunContext) -> None:
        self._slots: list[Any] = [None] * len(program.values)
        for slot, array in program.constants.items():
            self._slots[slot] = array[()] if array.dtype == object and not array.ndim else array
        self._feeds = program.feeds
        self._fetches = tuple((fetch.slot, fetch.shared) for fetch in program.fetches)
        self._rows: list[_Row] = []
        forget = last_uses(program)
        for position, step in enumerate(program.steps):
            one = len(step.outputs) == 1
            outputs: Any = step.outputs[0] if one else step.outputs
            self._rows.append((self._bind(step, context), step.inputs, outputs, one, forget[position], step))

    @staticmethod
    def _bind(step: Step, context: RunContext) -> Callable[..., Any]:
        if step.op == READ:
            return _read_copy if step.copies else _read
        function = select_kernel(step, np, context)
        return _copying(function) if step.copies else function

    def run(self, feeds: Sequence[Any]) -> list[Any]:
        """Runs once, in the calling thread; several threads may run at once."""
        values = self._slots.copy()
        for slot, array in zip(self._feeds, feeds, strict=True):
            values[slot] = array
        row: Any = None
        with np.errstate(all="ignore"):
            try:
                for row in self._rows:
                    function, inputs, outputs, one, forget, _ = row
                    made = function(*[values[slot] for slot in inputs])
                    if one:
                        values[outputs] = made
                    elif outputs:
                        for slot, item in zip(outputs, made, strict=True):
                            values[slot] = item
                    for slot in forget:
                        values[slot] = None
            except Exception as error:
                step = row[-1]
                raise StepFailed(step, [values[slot] for slot in step.inputs]) from error
        return [_result(values[slot], shared) for slot, shared in self._fetches]


def _result(value: Any, shared: bool) -> Any:
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return value[()]
        return value.copy() if shared or not value.flags.writeable else value
    return value
