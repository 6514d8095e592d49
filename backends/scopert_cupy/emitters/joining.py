"""Tensors beside each other: concatenation along an axis, and stacking along a new one."""

from __future__ import annotations

from collections.abc import Sequence

from scopert.backend import Access
from scopert_cupy.command import Emitted
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import Move, contiguous, moved, row_major
from scopert_cupy.emitters.source import INPUT, OUTPUT, done, shape_of


def _joined(request: Request, numbers: Sequence[int], axis: int) -> Emitted | None:
    """The inputs of these numbers along an axis."""
    out = shape_of(request.outputs[0])
    if not -len(out) <= axis < len(out):
        return None
    axis %= len(out)
    strides = row_major(out)
    moves, start = [], 0
    for number in numbers:
        shape = shape_of(request.inputs[number])
        if len(shape) != len(out) or shape[:axis] + shape[axis + 1 :] != out[:axis] + out[axis + 1 :]:
            return None
        moves.append(
            Move(OUTPUT[0], INPUT[number], shape, Access(strides, start * strides[axis]), contiguous(shape))
        )  # fmt: skip
        start += shape[axis]
    if start != out[axis]:
        return None
    return done(*moved(moves, request.outputs[0].dtype.base.np.itemsize, request.facts))


def _concat_v2(request: Request) -> Emitted | None:
    count = len(request.inputs) - 1
    axis = request.constant(count)
    return None if axis is None else _joined(request, range(count), int(axis))


def _concat(request: Request) -> Emitted | None:
    axis = request.constant(0)
    return None if axis is None else _joined(request, range(1, len(request.inputs)), int(axis))


def _pack(request: Request) -> Emitted | None:
    out = shape_of(request.outputs[0])
    axis = request.attrs["axis"] % len(out)
    strides = row_major(out)
    inner = strides[:axis] + strides[axis + 1 :]
    moves = []
    for number, value in enumerate(request.inputs):
        shape = shape_of(value)
        if shape != out[:axis] + out[axis + 1 :]:
            return None
        moves.append(Move(OUTPUT[0], INPUT[number], shape, Access(inner, number * strides[axis]), contiguous(shape)))
    return done(*moved(moves, request.outputs[0].dtype.base.np.itemsize, request.facts))


TABLE: dict[str, Emitter] = {
    "ConcatV2": _concat_v2,
    "Concat": _concat,
    "ParallelConcat": lambda request: _joined(request, range(len(request.inputs)), 0),
    "Pack": _pack,
}
