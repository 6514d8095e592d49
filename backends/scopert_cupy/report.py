"""Executables and devices as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scopert_cupy.arena import CONSTANTS
from scopert_cupy.plan import Action, Batch, LoopAction, Single

if TYPE_CHECKING:
    from scopert_cupy.executable import CupyExecutable

_REGIONS = ("feeds", "fetches", "values", "workspace", "scratch", "constants")


def table_of(executable: CupyExecutable) -> Iterator[str]:
    """Segments with their commands, and which engine runs each step."""
    plan = executable.plan
    batches = [action for action in plan.top.actions if isinstance(action, Batch)]
    works = plan.works()
    commands = sum(len(work.emitted.commands) for work in works)
    yield (
        f"executable on {executable.backend.device.facts.name}: {len(plan.top.actions)} segments, {len(batches)} of "
        f"commands; {len(works)} generated steps, {commands} commands; {_size(sum(plan.regions.sizes))}"
    )
    yield "  " + ", ".join(
        f"{name} {_size(size)}" for name, size in zip(_REGIONS, plan.regions.sizes[: CONSTANTS + 1], strict=True)
    )
    frames = executable.frames()
    states = list(frames[0].describe()) if frames else [""] * len(plan.top.actions)
    for number, (action, state) in enumerate(zip(plan.top.actions, states, strict=True), 1):
        yield from _lines(action, f"  {number}", state)


def _lines(action: Action, head: str, state: str = "") -> Iterator[str]:
    note = (f"  if alive: {' '.join(f'%{slot}' for slot in action.guards)}" if action.guards else "") + (
        f"  [{state}]" if state else ""
    )
    if isinstance(action, Batch):
        count = sum(len(work.emitted.commands) for work in action.works)
        yield f"{head}  {_plural(len(action.works), 'step')}, {_plural(count, 'command')}{note}"
        for work in action.works:
            names = ", ".join(type(command).__name__.lower() for command in work.emitted.commands)
            yield _row(head, work.engine, work.step.op, work.step.origin.name, names)
    elif isinstance(action, Single):
        yield f"{head}  by itself{note}"
        yield _row(head, action.engine, action.step.op, action.step.origin.name, action.why)
    elif isinstance(action, LoopAction):
        yield f"{head}  loop{note}"
        for name, part in zip(("decide", "repeat", "end"), action.parts, strict=True):
            for number, inner in enumerate(part, 1):
                yield from _lines(inner, f"{head}  {name} {number}")


def _row(head: str, engine: str, op: str, name: str, note: str) -> str:
    return f"{' ' * (len(head) + 2)}{engine:<10} {op:<24} {name:<40} {note}".rstrip()


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _size(nbytes: int) -> str:
    if nbytes < 1024:
        return f"{nbytes} bytes"
    return f"{nbytes / 1024:.1f} KiB" if nbytes < 1024**2 else f"{nbytes / 1024**2:.1f} MiB"
