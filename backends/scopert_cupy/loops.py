"""Loops: the body's batches are launched, or replayed, once an iteration; the host reads the condition."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from scopert.backend import DEAD, Loop, TraceRow
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
    while True:
        check()
        for action in deciding:
            act(action, trace)
        with lock:
            goes_on = bool(inner.on_host(body.condition))
        if not goes_on:
            break
        for action in repeated:
            act(action, trace)
        with lock:
            _move(inner, changing, body.following)
    for action in last:
        act(action, trace)
    with lock:
        for slot, source in zip(step.outputs, body.results, strict=True):
            outer.take(slot, inner, source)


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
