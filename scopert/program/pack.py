"""Offsets for pieces of memory that live for a while: those alive at the same time must not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import numpy as np

from scopert.program.memory import aligned

#: So many of the largest pieces are placed with care; what is left is small beside them.
_CAREFUL = 1500


@dataclass(slots=True)
class Piece:
    """Memory that is needed from the step `birth` to the step `death`, both included."""

    nbytes: int
    birth: int
    death: int
    offset: int = -1


def most_alive(pieces: Sequence[Piece]) -> int:
    """The largest sum of bytes that are alive at one step."""
    changes: dict[int, int] = {}
    for piece in pieces:
        changes[piece.birth] = changes.get(piece.birth, 0) + piece.nbytes
        changes[piece.death + 1] = changes.get(piece.death + 1, 0) - piece.nbytes
    most = alive = 0
    for position in sorted(changes):
        alive += changes[position]
        most = max(most, alive)
    return most


def pack(pieces: Sequence[Piece]) -> int:
    """Gives every piece its offset; returns how many bytes they need together.

    The largest pieces go first, each into the smallest gap that it fits into (twice, in different orders;
    the better one counts). Beyond some number, small pieces share a region of their own where a piece takes the
    place of a dead one of about its size: the cost stays linear.
    """
    largest = sorted(pieces, key=lambda piece: (-piece.nbytes, piece.birth))
    careful, rest = largest[:_CAREFUL], largest[_CAREFUL:]
    bound = most_alive([Piece(aligned(p.nbytes), p.birth, p.death) for p in careful])
    total = _best_fit(careful)
    if total > 1.02 * bound:
        first = [piece.offset for piece in careful]
        longest = sorted(careful, key=lambda p: (-p.nbytes * (p.death - p.birth + 1), p.birth))
        other = _best_fit(longest)
        if other < total:
            total = other
        else:
            for piece, offset in zip(careful, first, strict=True):
                piece.offset = offset
    return _by_size_class(rest, total)


def _best_fit(pieces: Sequence[Piece]) -> int:
    """Places pieces in the given order, each into the smallest gap between those alive together with it."""
    count = len(pieces)
    births, deaths, starts, ends = (np.zeros(count, np.int64) for _ in range(4))
    total = 0
    for number, piece in enumerate(pieces):
        size = aligned(piece.nbytes)
        together = np.flatnonzero((births[:number] <= piece.death) & (deaths[:number] >= piece.birth))
        offset = _smallest_gap(starts[together], ends[together], size)
        piece.offset = offset
        births[number], deaths[number] = piece.birth, piece.death
        starts[number], ends[number] = offset, offset + size
        total = max(total, offset + size)
    return total


def _smallest_gap(starts: Any, ends: Any, size: int) -> int:
    """Where the smallest gap between taken ranges begins that is large enough, else where the last one ends."""
    if not starts.size:
        return 0
    order = np.argsort(starts, kind="stable")
    reached = np.maximum.accumulate(ends[order])
    before = np.concatenate(([0], reached[:-1]))
    gaps = starts[order] - before
    fitting = np.flatnonzero(gaps >= size)
    return int(reached[-1] if not fitting.size else before[fitting[np.argmin(gaps[fitting])]])


def _by_size_class(pieces: Sequence[Piece], start: int) -> int:
    """Places pieces behind `start` as they are born; a piece reuses the place of a dead one of its class."""
    free: dict[int, list[int]] = {}
    dying: list[tuple[int, int, int]] = []
    for piece in sorted(pieces, key=lambda piece: piece.birth):
        while dying and dying[0][0] < piece.birth:
            _, size, offset = heappop(dying)
            free.setdefault(size, []).append(offset)
        size = aligned(1 << max(0, piece.nbytes - 1).bit_length())
        places = free.get(size)
        if places:
            piece.offset = places.pop()
        else:
            piece.offset, start = start, start + size
        heappush(dying, (piece.death, size, piece.offset))
    return start
