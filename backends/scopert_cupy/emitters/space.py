"""Space moved into the channels or the batch of a tensor, and back; tiles."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from scopert.backend import Access
from scopert_cupy.command import Emitted
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import Move, contiguous, moved, row_major, stand_in
from scopert_cupy.emitters.picking import picked, row_words
from scopert_cupy.emitters.source import INPUT, OUTPUT, done, shape_of


def ordered(request: Request, view: Any) -> Emitted:
    """The elements of the first input in the order of a view of an array of its shape, whatever that is called."""
    move = Move(OUTPUT[0], INPUT[0], view.shape, contiguous(view.shape), Access(view.strides))
    return done(*moved([move], request.outputs[0].dtype.base.np.itemsize, request.facts))


def _depth(request: Request) -> Emitted | None:
    size, last = request.attrs["block_size"], request.attrs["data_format"] == "NHWC"
    shape = shape_of(request.inputs[0])
    x = stand_in(shape)
    x = x if last else np.moveaxis(x, 1, 3)
    _, height, width, depth = x.shape
    if request.step.op == "SpaceToDepth":
        if height % size or width % size:
            return None
        view = _split(_split(x, 2, size), 1, size).transpose(0, 1, 3, 2, 4, 5)  # n, row, column, y, x, depth
        order = (0, 3, 4, 5, 1, 2)
    else:
        if depth % size**2:
            return None
        view = _split(_split(x, 3, depth // size**2), 3, size).transpose(0, 1, 3, 2, 4, 5)  # n, row, y, column, x, d
        order = (0, 5, 1, 2, 3, 4)
    return ordered(request, view if last else view.transpose(order))


def _split(x: Any, axis: int, size: int) -> Any:
    """A view with an axis cut into blocks of `size`, whatever its strides are."""
    shape = (*x.shape[:axis], x.shape[axis] // size, size, *x.shape[axis + 1 :])
    strides = (*x.strides[:axis], x.strides[axis] * size, x.strides[axis], *x.strides[axis + 1 :])
    return np.lib.stride_tricks.as_strided(x, shape, strides)


def _geometry(request: Request) -> tuple[list[int], list[tuple[int, int]]] | None:
    """Block sizes and margins."""
    if "block_size" in request.attrs:
        sizes, table = [request.attrs["block_size"]] * 2, request.constant(1)
    else:
        block, table = request.constant(1), request.constant(2)
        if block is None:
            return None
        sizes = [int(size) for size in np.ravel(block)]
    if table is None or np.shape(table) != (len(sizes), 2) or (np.size(table) and np.min(table) < 0):
        return None
    return sizes, [(int(a), int(b)) for a, b in np.asarray(table).tolist()]


def _to_batch(request: Request) -> Emitted | None:
    geometry = _geometry(request)
    if geometry is None:
        return None
    sizes, margins = geometry
    source, out = shape_of(request.inputs[0]), shape_of(request.outputs[0])
    blocks, count = prod(sizes), len(sizes)
    if any((source[k + 1] + sum(margins[k])) != out[k + 1] * sizes[k] for k in range(count)):
        return None
    kept = len(source) - 1 - count
    inner, size = row_words(source, kept, request.outputs[0].dtype.base.np.itemsize)
    strides = row_major(inner)
    if out[0] != source[0] * blocks:
        return None

    def where(kind: str) -> tuple[str, str, str]:
        # The batch of the result counts blocks first: its quotient by the batch has the offsets in them.
        lines = [f"{kind} rest = o0 / {source[0]}u;"] + [
            f"const {kind} p{k} = o{k + 1} * {sizes[k]}u + rest % {sizes[k]}u - {margins[k][0]}u; rest /= {sizes[k]}u;"
            for k in reversed(range(count))
        ]
        tests = [f"p{k} < {source[k + 1]}u" for k in range(count)]
        terms = [f"o0 % {source[0]}u * {strides[0]}u", f"o{count + 1}"]
        terms += [f"p{k} * {strides[k + 1]}u" for k in range(count)]
        return " ".join(lines), " && ".join(tests), " + ".join(terms)

    extents = (*out[: count + 1], inner[-1])
    return done(*picked("to_batch", extents, size, inner, where, INPUT[0], OUTPUT[0], request.facts))


def _from_batch(request: Request) -> Emitted | None:
    geometry = _geometry(request)
    if geometry is None:
        return None
    sizes, crops = geometry
    source, out = shape_of(request.inputs[0]), shape_of(request.outputs[0])
    count = len(sizes)
    if source[0] != out[0] * prod(sizes) or any(
        source[k + 1] * sizes[k] - sum(crops[k]) != out[k + 1] for k in range(count)
    ):
        return None
    kept = len(source) - 1 - count
    inner, size = row_words(source, kept, request.outputs[0].dtype.base.np.itemsize)
    strides = row_major(inner)

    def where(kind: str) -> tuple[str, str, str]:
        lines, block, terms = [], "0u", []
        for k in range(count):
            lines.append(f"const {kind} p{k} = o{k + 1} + {crops[k][0]}u;")
            block = f"({block} * {sizes[k]}u + p{k} % {sizes[k]}u)"
            terms.append(f"p{k} / {sizes[k]}u * {strides[k + 1]}u")
        terms += [f"({block} * {out[0]}u + o0) * {strides[0]}u", f"o{count + 1}"]
        return " ".join(lines), "true", " + ".join(terms)

    extents = (*out[: count + 1], inner[-1])
    return done(*picked("from_batch", extents, size, inner, where, INPUT[0], OUTPUT[0], request.facts))


def _tiled(request: Request) -> Emitted | None:
    """Each axis becomes two, the first of which is walked in place."""
    multiples = request.constant(1)
    source, out = shape_of(request.inputs[0]), shape_of(request.outputs[0])
    if multiples is None or [n * int(m) for n, m in zip(source, np.ravel(multiples), strict=True)] != list(out):
        return None
    extents: list[int] = []
    strides: list[int] = []
    for n, m, stride in zip(source, np.ravel(multiples), row_major(source), strict=True):
        extents += [int(m), n]
        strides += [0, stride]
    move = Move(OUTPUT[0], INPUT[0], tuple(extents), contiguous(extents), Access(tuple(strides)))
    return done(*moved([move], request.outputs[0].dtype.base.np.itemsize, request.facts))


TABLE: dict[str, Emitter] = {
    "SpaceToDepth": _depth,
    "DepthToSpace": _depth,
    "SpaceToBatchND": _to_batch,
    "SpaceToBatch": _to_batch,
    "BatchToSpaceND": _from_batch,
    "BatchToSpace": _from_batch,
    "Tile": _tiled,
}
