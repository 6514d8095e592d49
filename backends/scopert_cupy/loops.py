"""Loops: the body's batches are launched, or replayed, once an iteration; the host reads the condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scopert.backend import DEAD, Loop, TraceRow

if TYPE_CHECKING:
    from scopert_cupy.frame import BoundLoop, Frame


def run_loop(frame: Frame, bound: BoundLoop, trace: list[TraceRow] | None) -> None:
    """Runs a loop to its end."""
    step, outer, inner = bound.action.step, bound.state, bound.inner
    body = step.body
    assert isinstance(body, Loop)
    feeds = body.program.feeds
    changing = feeds[: len(body.following)]
    deciding, repeated, last = bound.parts
    with frame.lock:
        inner.reset()
        for slot, source in zip(feeds, step.inputs, strict=True):
            if slot in inner.scope.variables:
                continue
            if outer.values[source] is DEAD:
                inner.values[slot] = DEAD
            else:
                inner.take(slot, outer, source)
    check = frame.compiled.context.check
    while True:
        check()
        for action in deciding:
            frame.act(action, trace)
        with frame.lock:
            goes_on = bool(inner.on_host(body.condition))
        if not goes_on:
            break
        for action in repeated:
            frame.act(action, trace)
        with frame.lock:
            _move(inner, changing, body.following)
    for action in last:
        frame.act(action, trace)
    with frame.lock:
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


__all__ = ["run_loop"]
