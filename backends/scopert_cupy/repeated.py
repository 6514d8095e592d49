"""Loops that repeat a known number of times, as commands among others: no predicate is read, nothing is waited for.

Their body is recorded as often as it repeats, so that a recurrent layer and what stands around it are one graph. That
takes a body that is nothing but commands, and values that have places inside and outside.
"""

from __future__ import annotations

from collections.abc import Container

from scopert.backend import Loop
from scopert.program.trips import Trips
from scopert_cupy.actions import Batch, LoopAction, Move, Repeated, Scope, nbytes_of
from scopert_cupy.arena import VARIABLES

#: A loop of more commands is replayed once an iteration.
LARGEST = 8192


def repeated(action: LoopAction, outer: Scope, trips: Trips | None, wanted: Container[int]) -> Repeated | None:
    """The loop as commands, or None; `wanted` are the slots of its body that commands use."""
    step, scope = action.step, action.scope
    body = step.body
    assert isinstance(body, Loop)
    if trips is None or not trips.exact or not trips.count:
        return None
    parts = []
    for actions in action.parts:
        if len(actions) > 1 or any(not _is_plain(inner) for inner in actions):
            return None
        parts.append([work for inner in actions if isinstance(inner, Batch) for work in inner.works])
    given, taken = _given(action, outer, wanted), _taken(action, outer)
    if given is None or taken is None:
        return None
    deciding = [] if action.counters is not None and action.counters.decide_only() else parts[0]
    made = Repeated(step, scope, trips.count, given, deciding, parts[1], parts[2], action.moves, taken)
    return made if made.commands <= LARGEST else None


def _is_plain(action: object) -> bool:
    return isinstance(action, Batch) and not action.guards and not action.parameters


def _given(action: LoopAction, outer: Scope, wanted: Container[int]) -> list[Move] | None:
    """From what the loop is given to the places of its variables; None if something has no place."""
    loop, scope = action.step.body, action.scope
    assert isinstance(loop, Loop)
    moves: list[Move] = []
    for position, (inner, slot) in enumerate(zip(loop.program.feeds, action.step.inputs, strict=True)):
        if inner in scope.variables:
            continue
        source, target = outer.spots.get(slot), scope.spots.get(inner)
        if position >= len(loop.following):
            if target is None and inner in wanted:
                return None
            continue
        if source is None or target is None:
            return None
        nbytes = nbytes_of(outer.program.values[slot])
        if nbytes != nbytes_of(scope.program.values[inner]):
            return None
        if nbytes and source != target:
            moves.append((target, source, nbytes))
    if any(scope.spots.get(slot) is None for slot in loop.following):
        return None
    return moves


def _taken(action: LoopAction, outer: Scope) -> list[Move] | None:
    """From the results to their places outside; None if something has no place."""
    loop, scope = action.step.body, action.scope
    assert isinstance(loop, Loop)
    moves: list[Move] = []
    for slot, inner in zip(action.step.outputs, loop.results, strict=True):
        source, target = scope.spots.get(inner), outer.spots.get(slot)
        if source is None or target is None:
            return None
        nbytes = nbytes_of(outer.program.values[slot])
        if nbytes != nbytes_of(scope.program.values[inner]):
            return None
        if nbytes and source != target:
            moves.append((target, source, nbytes))
    return moves


def touches_variables(moves: list[Move]) -> bool:
    """Whether memory of variables is read or written."""
    return any(spot.base >= VARIABLES for target, source, _ in moves for spot in (target, source))
