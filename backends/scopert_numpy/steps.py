"""From the steps of a Program to rows that a tight loop can run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from time import perf_counter_ns
from typing import Any, Protocol, runtime_checkable

import numpy as np

from scopert.backend import (
    DEAD,
    FUSED,
    LOOP,
    READ,
    TOGETHER,
    WRITES,
    Kernel,
    Program,
    RunContext,
    Step,
    StepFailed,
    TraceRow,
    select_kernel,
    verifying,
)
from scopert_numpy.compiled import FusedSteps
from scopert_numpy.verify import verified

# (function, inputs with the guards first, output or outputs, has one output, slots to forget afterwards, step)
Row = tuple[Callable[..., Any], tuple[int, ...], Any, bool, tuple[int, ...], Step]

#: Ops that do nothing but show their input's memory; others with the trait VIEW may check what they pass on.
SHOWS = frozenset({
    "Identity", "StopGradient", "PreventGradient", "Snapshot", "Reshape", "ExpandDims", "Squeeze", "Transpose",
    "Slice", "StridedSlice", "Split", "SplitV", "Unpack",
})  # fmt: skip


@runtime_checkable
class ManySteps(Protocol):
    """The function of a row that stands for several steps."""

    @property
    def steps(self) -> list[Step]:
        """What it runs, in order."""

    def traced(self, inputs: Sequence[Any], trace: list[TraceRow]) -> list[Any]:
        """Runs step by step and notes when each began and ended."""


class Binder:
    """Makes rows; one for all programs of an executable.

    Parameters
    ----------
    context : RunContext
    kernels : dict
        The backend's own kernels.
    allocate, view : callable
        The backend's memory.
    """

    def __init__(
        self, context: RunContext, kernels: Mapping[str, Sequence[Kernel]], allocate: Callable[[int], Any],
        view: Callable[..., Any],
    ) -> None:  # fmt: skip
        self.context = context
        self.kernels = kernels
        self.allocate = allocate
        self.view = view
        self.verifies = verifying()
        self._fused: dict[int, FusedSteps] = {}

    def slots(self, program: Program) -> list[Any]:
        """The values of all slots before a run."""
        slots: list[Any] = [None] * len(program.values)
        for slot, array in program.constants.items():
            slots[slot] = array[()] if array.dtype == object and not array.ndim else array
        for slot, origin in program.variables.items():
            slots[slot] = self.context.variable(origin)
        return slots

    def rows(self, program: Program, forget: Sequence[tuple[int, ...]]) -> list[Row]:
        """The steps of a program, bound; `forget` says which slots each of them empties."""
        rows: list[Row] = []
        for step, old in zip(program.steps, forget, strict=True):
            one = len(step.outputs) == 1
            outputs: Any = step.outputs[0] if one else step.outputs
            function = self.bind(program, step)
            if self.verifies and step.op != LOOP:
                function = verified(function, program, step)
            if step.guards:
                function = _guarded(function, len(step.guards), len(step.outputs))
            rows.append((function, (*step.guards, *step.inputs), outputs, one, old, step))
        return rows

    def fused(self, program: Program, repeated: bool = False) -> FusedSteps:
        """The FUSED steps of a program of this executable, compiled when they are first asked for."""
        found = self._fused.get(id(program))
        if found is None:
            found = self._fused[id(program)] = FusedSteps(program, repeated)
        return found

    def bind(self, program: Program, step: Step) -> Callable[..., Any]:
        """The callable of a step, without regard to its guards."""
        if step.op == READ:
            return _read_copy if step.copies else _read
        if step.op == LOOP:
            from scopert_numpy.loop import loop  # which needs rows for its own program

            function = loop(step, self)
        elif step.op == TOGETHER:
            from scopert_numpy.together import together  # which pure programs do without

            function = together(step, self._own_kernel)
        elif step.op == FUSED:
            return self.fused(program).callable(step)
        else:
            function = self._own_kernel(step)
        if WRITES in step.traits:
            function = _locked(function, self.context.write_lock)
        return _copying(function, len(step.outputs) == 1) if step.copies else function

    def _own_kernel(self, step: Step) -> Callable[..., Any]:
        function: Callable[..., Any] = select_kernel(step, np, self.context, self.kernels)
        return function


_TRACING = threading.local()


def current_trace() -> list[TraceRow] | None:
    """Where the run of this thread notes its steps, or None."""
    return getattr(_TRACING, "rows", None)


def _read(ref: Any) -> Any:
    return ref.read()


def _copy(value: Any) -> Any:
    return np.array(value) if isinstance(value, np.ndarray) else value


def _read_copy(ref: Any) -> Any:
    return _copy(ref.read())


def _copying(function: Callable[..., Any], one: bool) -> Callable[..., Any]:
    if one:
        return lambda *inputs: _copy(function(*inputs))
    return lambda *inputs: tuple([_copy(value) for value in function(*inputs)])


def _locked(function: Callable[..., Any], lock: AbstractContextManager[Any]) -> Callable[..., Any]:
    def call(*inputs: Any) -> Any:
        with lock:
            return function(*inputs)

    return call


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


def run_rows(rows: Sequence[Row], values: list[Any]) -> None:
    """Runs rows one after the other over `values`.

    Raises
    ------
    StepFailed
        If one of them raises.
    """
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
        raise  # of a step inside a loop
    except Exception as error:
        step = row[-1]
        raise StepFailed(step, [values[slot] for slot in step.inputs]) from error


def run_traced(rows: Sequence[Row], values: list[Any], trace: list[TraceRow]) -> None:
    """The same, noting when each step began and ended, and what it made; loops note their steps too."""
    outer, _TRACING.rows = current_trace(), trace
    try:
        for row in rows:
            function, inputs, outputs, one, forget, step = row
            if isinstance(function, ManySteps):
                for slot, item in zip(outputs, function.traced([values[s] for s in inputs], trace), strict=True):
                    values[slot] = item
            else:
                start = perf_counter_ns()
                run_rows(((function, inputs, outputs, one, (), step),), values)
                end = perf_counter_ns()
                trace.append((step, start, end, sum([getattr(values[slot], "nbytes", 0) for slot in step.outputs])))
            for slot in forget:
                values[slot] = None
    finally:
        _TRACING.rows = outer
