"""LOOP steps: a program of their own, run again and again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from scopert.backend import Loop, Step
from scopert_numpy.steps import Binder, current_trace, run_rows, run_traced


def loop(step: Step, binder: Binder) -> Callable[..., Any]:
    """A function that runs a whole loop."""
    body = step.body
    assert isinstance(body, Loop)
    program, check = body.program, binder.context.check
    # Values are overwritten in the next iteration, and gone with the loop.
    rows = binder.rows(program, [()] * len(program.steps))
    deciding, repeated, last = rows[: body.decided], rows[body.decided : body.repeated], rows[body.repeated :]
    initial = binder.slots(program)
    feeds, condition, following, results = program.feeds, body.condition, body.following, body.results
    variables = feeds[: len(following)]
    single = len(results) == 1

    def run(*inputs: Any) -> Any:
        values = initial.copy()
        for slot, value in zip(feeds, inputs, strict=True):
            values[slot] = value
        trace = current_trace()
        run_all = run_rows if trace is None else partial(run_traced, trace=trace)
        while True:
            check()
            run_all(deciding, values)
            if not values[condition]:
                break
            run_all(repeated, values)
            for slot, value in zip(variables, [values[slot] for slot in following], strict=True):
                values[slot] = value
        run_all(last, values)
        return values[results[0]] if single else tuple([values[slot] for slot in results])

    return run
