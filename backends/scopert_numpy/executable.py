"""A Program with its kernels bound, run step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scopert.backend import DEAD, InvalidArgumentError, Kernel, Program, RunContext, TraceRow, last_uses
from scopert_numpy.steps import Binder, run_rows, run_traced


class NumpyExecutable:
    """Runs the steps of a Program one after the other.

    It keeps nothing between runs, so several threads may run it at once.
    """

    def __init__(self, program: Program, context: RunContext, kernels: Mapping[str, Sequence[Kernel]]) -> None:
        binder = Binder(context, kernels)
        self._slots = binder.slots(program)
        self._rows = binder.rows(program, last_uses(program))
        self._feeds = program.feeds
        self._fetches = tuple((fetch.slot, fetch.shared) for fetch in program.fetches)

    def run(self, feeds: Sequence[Any], trace: list[TraceRow] | None = None) -> list[Any]:
        """Runs once, in the calling thread."""
        values = self._slots.copy()
        for slot, array in zip(self._feeds, feeds, strict=True):
            values[slot] = array
        with np.errstate(all="ignore"):
            if trace is None:
                run_rows(self._rows, values)
            else:
                run_traced(self._rows, values, trace)
        results = [result(values[slot], shared) for slot, shared in self._fetches]
        for value in results:
            if value is DEAD:
                raise dead_fetch(results)
        return results


def dead_fetch(results: Sequence[Any]) -> InvalidArgumentError:
    """The error for results of which one stands in a branch that was not taken."""
    number = next(number for number, value in enumerate(results) if value is DEAD)
    return InvalidArgumentError(
        None, None, f"Retval[{number}] does not have value: it stands in a branch that was not taken"
    )


def result(value: Any, shared: bool) -> Any:
    """What the caller gets for a fetched value, which is then his alone."""
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return value[()]
        return value.copy() if shared or not value.flags.writeable else value
    return value
