"""LOOP steps: a program of their own, run again and again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from scopert.backend import Loop, Step, StepFailed
from scopert_numpy.frames import Frame, Frames
from scopert_numpy.planned import LARGEST_POOL
from scopert_numpy.steps import Binder, current_trace, run_rows, run_traced

_LOG = logging.getLogger("scopert")


def loop(step: Step, binder: Binder) -> Callable[..., Any]:
    """A function that runs a whole loop."""
    body = step.body
    assert isinstance(body, Loop)
    return plain_loop(body, binder) if body.program.memory is None else PlannedLoop(body, binder)


def plain_loop(body: Loop, binder: Binder) -> Callable[..., Any]:
    """A loop whose values are allocated as they come."""
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


class PlannedLoop:
    """A loop with a memory plan: its variables have places, an iteration allocates nothing that stays in it.

    Each call takes a workspace that no other call uses.
    """

    def __init__(self, body: Loop, binder: Binder) -> None:
        program = body.program
        assert program.memory is not None
        binder.fused(program, repeated=True)
        self._check = binder.context.check
        self._feeds = program.feeds
        self._condition, self._results = body.condition, body.results
        pairs = list(zip(program.feeds, body.following, strict=False))
        offsets = program.memory.offsets
        #: Variables without a place are handed on as they are.
        self._others = [(slot, following) for slot, following in pairs if slot not in offsets]
        self._frames = Frames(
            program, binder, (body.decided, body.repeated, len(program.steps)),
            {slot: following for slot, following in pairs if slot in offsets},
            (body.condition, *body.results, *[following for _, following in self._others]),
            program.feeds[len(body.following) :],
        )  # fmt: skip
        self._free: list[Frame] = []
        self._body, self._binder = body, binder
        # Where machine code runs whole iterations; None if the interpreter has to take part.
        self._whole: list[Any] | None = []

    def _iterated(self, inputs: Sequence[Any], out: Sequence[Any] | None) -> list[Any] | None:
        """What machine code makes of the whole loop; None if the interpreter has to take part."""
        free = self._whole
        if free is None or current_trace() is not None:
            return None
        try:
            whole = free.pop()
        except IndexError:
            from scopert_numpy.native import unavailable

            if unavailable() is not None:
                self._whole = None
                return None
            from scopert_numpy.iterated import Iterated
            from scopert_numpy.loop_jobs import NoIterationsError

            try:
                whole = Iterated(self._body, self._binder, self._frames.rows)
            except NoIterationsError as reason:
                _LOG.debug("a loop is run by the interpreter, iteration by iteration: %s", reason)
                self._whole = None
                return None
        made: list[Any] | None = whole(inputs, out)
        if len(free) < LARGEST_POOL:
            free.append(whole)
        return made

    def __call__(self, *inputs: Any, out: Sequence[Any] | None = None) -> Any:
        """Runs the loop; results are copied to `out`, where that is not None."""
        made = self._iterated(inputs, out)
        if made is not None:
            return made[0] if len(made) == 1 else tuple(made)
        try:
            frame = self._free.pop()
        except IndexError:
            frame = self._frames.make()
        try:
            found = self._run(frame, inputs)
            made = [_own(v) for v in found] if out is None else [_into(v, o) for v, o in zip(found, out, strict=True)]
        except StepFailed as failure:
            raise self._frames.explained(failure, _call) from failure.__cause__
        finally:
            frame.release()
        if len(self._free) < LARGEST_POOL:
            self._free.append(frame)
        return made[0] if len(made) == 1 else tuple(made)

    def _run(self, frame: Frame, inputs: Any) -> list[Any]:
        values, views, check = frame.values, frame.views, self._check
        for slot, value in zip(self._feeds, inputs, strict=True):
            if slot in views:
                views[slot][...] = value
            else:
                values[slot] = value
        trace = current_trace()
        run_all = run_rows if trace is None else partial(run_traced, trace=trace)
        deciding, repeated, last = frame.parts
        condition, others = self._condition, self._others
        while True:
            check()
            run_all(deciding, values)
            if not values[condition]:
                break
            run_all(repeated, values)
            if others:
                for (slot, _), value in zip(others, [values[slot] for _, slot in others], strict=True):
                    values[slot] = value
        run_all(last, values)
        return [values[slot] for slot in self._results]


def _own(value: Any) -> Any:
    """The value, copied if it is a part of other memory."""
    return value.copy() if isinstance(value, np.ndarray) and value.base is not None else value


def _into(value: Any, place: Any) -> Any:
    if place is None:
        return _own(value)
    place[...] = value
    return place


def _call(function: Callable[..., Any], *inputs: Any) -> Any:
    return function(*inputs)
