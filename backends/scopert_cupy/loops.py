"""Loops: the body's batches are launched, or replayed, once an iteration.

Where whole numbers decide how often (a counter, a limit), the host counts along, and waits for the device at most once,
for what these numbers are before the loop. Else it reads the condition in each iteration.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from scopert.backend import DEAD, Loop, TraceRow
from scopert.program.trips import Count, is_number
from scopert_cupy.bound import Bound, BoundLoop


def run_loop(
    bound: BoundLoop, act: Callable[[Bound, list[TraceRow] | None], None], lock: AbstractContextManager[Any],
    check: Callable[[], None], trace: list[TraceRow] | None,
) -> None:  # fmt: skip
    """Runs a loop to its end: `act` runs an action, `lock` keeps the device, `check` raises if the run should end."""
    step, outer, inner = bound.action.step, bound.state, bound.inner
    body = step.body
    assert isinstance(body, Loop)
    feeds = body.program.feeds
    changing = feeds[: len(body.following)]
    deciding, repeated, last = bound.parts
    with lock:
        inner.reset()
        for slot, source in zip(feeds, step.inputs, strict=True):
            if slot in inner.scope.variables:
                continue
            if outer.values[source] is DEAD:
                inner.values[slot] = DEAD
            else:
                inner.take(slot, outer, source)
        count = _count(bound)
    counters = bound.action.counters
    needs_deciding = counters is None or not counters.decide_only()
    while True:
        check()
        goes_on = None if count is None else count.goes_on()
        if goes_on is None or needs_deciding:
            for action in deciding:
                act(action, trace)
        if goes_on is None:
            count = None
            with lock:
                goes_on = bool(inner.on_host(body.condition))
        if not goes_on:
            break
        for action in repeated:
            act(action, trace)
        with lock:
            _move(inner, changing, body.following)
        if count is not None:
            count.advance()
    for action in last:
        act(action, trace)
    with lock:
        for slot, source in zip(step.outputs, body.results, strict=True):
            outer.take(slot, inner, source)
        if count is not None:  # what follows may be a loop that counts these
            known = zip(step.outputs, count.results(), strict=True)
            outer.host.update({slot: value for slot, value in known if value is not None})


def _count(bound: BoundLoop) -> Count | None:
    """What decides how often the loop repeats, if that is numbers."""
    counters, outer = bound.action.counters, bound.state
    if counters is None:
        return None
    inputs: list[Any] = []
    for position, slot in enumerate(bound.action.step.inputs):
        is_needed = position in counters.needed and outer.values[slot] is not DEAD
        found = outer.on_host(slot) if is_needed else outer.host.get(slot)
        known = found is not None and is_number(outer.program.values[slot])
        inputs.append(np.asarray(found)[()] if known else None)
    return Count(counters, inputs)


def _move(inner: Any, changing: tuple[int, ...], following: tuple[int, ...]) -> None:
    """The next values of variables become their values; what lies in places has been copied by commands."""
    found = []
    for slot, source in zip(changing, following, strict=True):
        value, host = inner.values[source], inner.host.get(source)
        placed = slot in inner.views and source in inner.views
        if not placed and source in inner.views:
            value = inner.own(value)
        found.append((slot, placed, value, host))
    for slot, placed, value, host in found:
        if not placed:
            if slot in inner.views and host is not None:
                inner.put(slot, host, from_host=True)
            else:
                inner.put(slot, value, from_host=False)
        if host is not None:
            inner.host[slot] = host
        else:
            inner.host.pop(slot, None)
