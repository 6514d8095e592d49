"""Executables and devices as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scopert.backend import bytes_by_scope, bytes_text
from scopert_cupy.actions import Action, Batch, LoopAction, Repeated, Single, Work, commands_of, nbytes_of
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
        f"commands; {len(works)} generated steps, {commands} commands; {bytes_text(sum(plan.regions.sizes))}"
    )
    yield "  " + ", ".join(
        f"{name} {bytes_text(size)}" for name, size in zip(_REGIONS, plan.regions.sizes[: CONSTANTS + 1], strict=True)
    )
    frames = executable.frames()
    states = list(frames[0].describe()) if frames else [""] * len(plan.top.actions)
    for number, (action, state) in enumerate(zip(plan.top.actions, states, strict=True), 1):
        yield from _lines(action, f"  {number}", state)


def room_table(executable: CupyExecutable, error: Exception) -> Iterator[str]:
    """Why there was no room: what the program needs by scope, and what others hold."""
    plan, backend = executable.plan, executable.backend
    needed = bytes_text(sum(plan.regions.sizes))
    yield f"no memory to run a program that needs {needed} on {backend.device.facts.name}: {error}"
    values = plan.top.program.values
    made = [(step.origin.name, slot) for step in plan.top.program.steps for slot in step.outputs]
    placed = [(name, slot) for name, slot in made if slot in plan.top.spots and plan.top.spots[slot].base < CONSTANTS]
    yield "values of the program by scope (they share memory where they can):"
    yield from bytes_by_scope((name, nbytes_of(values[slot])) for name, slot in placed)
    yield from device_table(backend)


def device_table(backend: CupyBackend) -> Iterator[str]:
    """The device, and what is held of its memory."""
    facts = backend.device.facts
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions)
    known = f" ({versions})" if versions else ""
    yield f"{backend.name}:{backend.number}  {facts.name}, {facts.architecture}{known}"
    yield f"  memory: {bytes_text(facts.memory)}, free: {bytes_text(backend.device.free_memory())}"
    residents = backend.residents.all()
    programs = sum(executable.nbytes for executable in residents)
    yield f"  held by this process: {bytes_text(backend.held)}"
    yield f"    {bytes_text(programs):>12}  arenas and constants of {_plural(len(residents), 'program')}"
    yield f"    {bytes_text(max(backend.held - programs, 0)):>12}  variables"


def _lines(action: Action, head: str, state: str = "") -> Iterator[str]:
    note = (f"  if alive: {' '.join(f'%{slot}' for slot in action.guards)}" if action.guards else "") + (
        f"  [{state}]" if state else ""
    )
    if isinstance(action, Batch):
        count = sum(commands_of(work) for work in action.works)
        yield f"{head}  {_plural(len(action.works), 'step')}, {_plural(count, 'command')}{note}"
        for work in action.works:
            yield from _work_lines(work, head)
    elif isinstance(action, Single):
        yield f"{head}  by itself{note}"
        yield _row(head, action.engine, action.step.op, action.step.origin.name, action.why)
    elif isinstance(action, LoopAction):
        yield f"{head}  loop{note}"
        for name, part in zip(("decide", "repeat", "end"), action.parts, strict=True):
            for number, inner in enumerate(part, 1):
                yield from _lines(inner, f"{head}  {name} {number}")


def _work_lines(work: Work | Repeated, head: str) -> Iterator[str]:
    if isinstance(work, Work):
        names = ", ".join(type(command).__name__.lower() for command in work.emitted.commands)
        yield _row(head, work.engine, work.step.op, work.step.origin.name, names)
        return
    yield _row(head, "loop", f"{work.count} times", work.step.origin.name, _plural(commands_of(work), "command"))
    for inner in work.parts():
        yield from _work_lines(inner, head + "    ")


def _row(head: str, engine: str, op: str, name: str, note: str) -> str:
    return f"{' ' * (len(head) + 2)}{engine:<10} {op:<24} {name:<40} {note}".rstrip()


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
