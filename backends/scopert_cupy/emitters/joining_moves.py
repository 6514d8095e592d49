"""Concatenations that copy their inputs from where they lay before a transposition (`scopert_cupy.join_moves`)."""

from __future__ import annotations

from dataclasses import dataclass

from scopert.backend import Access
from scopert_cupy.command import Emitted
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import Move, moved
from scopert_cupy.emitters.source import INPUT, OUTPUT, done

#: The op of a joined step, and the attribute that says where its pieces lie.
OP, PIECES = "ConcatV2+Transpose", "_pieces"


@dataclass(frozen=True, slots=True)
class Piece:
    """Where the elements of an input go: a space, and an access of the result and of the input."""

    extents: tuple[int, ...]
    to: Access
    of: Access


def _emit(request: Request) -> Emitted | None:
    moves = [
        Move(OUTPUT[0], INPUT[number], piece.extents, piece.to, piece.of)
        for number, piece in enumerate(request.attrs[PIECES])
    ]
    return done(*moved(moves, request.outputs[0].dtype.base.np.itemsize, request.facts))


TABLE: dict[str, Emitter] = {OP: _emit}
