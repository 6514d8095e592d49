"""Executables and devices as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scopert_cupy.actions import Action, Batch, LoopAction, Single, nbytes_of
from scopert_cupy.arena import CONSTANTS

if TYPE_CHECKING:
    from scopert_cupy.backend import CupyBackend
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


def room_table(executable: CupyExecutable, error: Exception) -> Iterator[str]:
    """Why there was no room: what the program needs by scope, and what others hold."""
    plan, backend = executable.plan, executable.backend
    needed = _size(sum(plan.regions.sizes))
    yield f"no memory to run a program that needs {needed} on {backend.device.facts.name}: {error}"
    totals: dict[str, list[int]] = {}
    for step in plan.top.program.steps:
        scope = step.origin.name.partition("/")[0] if "/" in step.origin.name else "(no scope)"
        for slot in step.outputs:
            if slot in plan.top.spots and plan.top.spots[slot].base < CONSTANTS:
                entry = totals.setdefault(scope, [0, 0])
                entry[0] += 1
                entry[1] += nbytes_of(plan.top.program.values[slot])
    yield "values of the program by scope (they share memory where they can):"
    ordered = sorted(totals.items(), key=lambda item: -item[1][1])
    for scope, (count, nbytes) in ordered[:12]:
        yield f"  {_size(nbytes):>12}  {count:>6}  {scope}"
    yield from device_table(backend)


def device_table(backend: CupyBackend) -> Iterator[str]:
    """The device, and what is held of its memory."""
    facts = backend.device.facts
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions)
    known = f" ({versions})" if versions else ""
    yield f"{backend.name}:{backend.number}  {facts.name}, {facts.architecture}{known}"
    yield f"  memory: {_size(facts.memory)}, free: {_size(backend.device.free_memory())}"
    residents = backend.residents.all()
    programs = sum(executable.nbytes for executable in residents)
    yield f"  held by this process: {_size(backend.held)}"
    yield f"    {_size(programs):>12}  arenas and constants of {_plural(len(residents), 'program')}"
    yield f"    {_size(max(backend.held - programs, 0)):>12}  variables"


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
    if nbytes < 1024**2:
        return f"{nbytes / 1024:.1f} KiB"
    return f"{nbytes / 1024**2:.1f} MiB" if nbytes < 1024**3 else f"{nbytes / 1024**3:.2f} GiB"
