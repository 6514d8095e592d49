"""Borders: constant or mirrored ones around a tensor, and zeros around what a strided slice took."""

from __future__ import annotations

from math import prod

import numpy as np

from scopert_cupy.command import Emitted, Fill
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import Move, contiguous, moved, row_major
from scopert_cupy.emitters.picking import picked, row_words
from scopert_cupy.emitters.source import (
    INPUT,
    OUTPUT,
    Passed,
    count_of,
    decode,
    done,
    index_type,
    pointwise,
    reading,
    shape_of,
    word,
    writing,
)
from scopert_cupy.emitters.views import cut_out
from scopert_cupy.prelude import stored

Widths = list[tuple[int, int]]


def _widths(request: Request) -> Widths | None:
    """What is added before and after each axis, if it is known and right."""
    table = request.constant(1)
    shape = shape_of(request.inputs[0])
    if table is None or np.shape(table) != (len(shape), 2) or (len(shape) and int(np.min(table)) < 0):
        return None
    return [(int(a), int(b)) for a, b in np.asarray(table).tolist()]


def _inner(widths: Widths) -> int:
    """How many axes at the end get no border."""
    kept = 0
    for before, after in reversed(widths):
        if before or after:
            break
        kept += 1
    return kept


def _padded(request: Request) -> Emitted | None:
    widths = _widths(request)
    if widths is None:
        return None
    source, out = shape_of(request.inputs[0]), shape_of(request.outputs[0])
    itemsize = request.outputs[0].dtype.base.np.itemsize
    if not prod(source) and request.step.op == "Pad":
        return done(Fill(OUTPUT[0], 0, prod(out) * itemsize))
    kept = _inner(widths) if request.step.op == "Pad" else 0
    extents, size = row_words(out, kept, itemsize)
    more: list[Passed] = []
    otherwise = None
    if request.step.op == "PadV2":
        if size > 8 or not prod(source):
            return None
        more, otherwise = [(reading(word(size), "border"), INPUT[2])], "*border"
    inner = (*source[: len(source) - kept], extents[-1])
    strides = row_major(inner)

    def where(kind: str) -> tuple[str, str, str]:
        tests, terms = [], []
        for axis, n in enumerate(inner):
            before, after = (*widths[: len(widths) - kept], (0, 0))[axis]
            place = f"(o{axis} - {before}u)" if before else f"o{axis}"
            if before or after:
                tests.append(f"{place} < {n}u")
            terms.append(f"{place} * {strides[axis]}u")
        return "", " && ".join(tests) or "true", " + ".join(terms)

    return done(
        *picked("pad", extents, size, inner, where, INPUT[0], OUTPUT[0], request.facts, more=more, otherwise=otherwise)
    )  # fmt: skip


def _mode(request: Request) -> int:
    """1 if the border begins with the edge itself (symmetric), 0 if behind it."""
    return int(request.attrs["mode"] == "SYMMETRIC")


def _mirrored(request: Request) -> Emitted | None:
    widths = _widths(request)
    source, out = shape_of(request.inputs[0]), shape_of(request.outputs[0])
    edge = _mode(request)
    if widths is None or any(max(pair) > n - 1 + edge for pair, n in zip(widths, source, strict=True)):
        return None
    kept = _inner(widths)
    extents, size = row_words(out, kept, request.outputs[0].dtype.base.np.itemsize)
    inner = (*source[: len(source) - kept], extents[-1])
    strides = row_major(inner)

    def where(kind: str) -> tuple[str, str, str]:
        signed = "int" if kind == "unsigned" else "long long"
        lines, terms = [], []
        for axis, n in enumerate(inner[:-1]):
            before = widths[axis][0]
            lines.append(
                f"{signed} t{axis} = ({signed})o{axis} - {before}; "
                f"t{axis} = t{axis} < 0 ? -t{axis} - {edge} : t{axis} >= {n} ? {2 * n - 2 + edge} - t{axis} : t{axis};"
            )
            terms.append(f"t{axis} * {strides[axis]}")
        return " ".join(lines), "true", " + ".join([*terms, f"o{len(inner) - 1}"])

    return done(*picked("mirror", extents, size, inner, where, INPUT[0], OUTPUT[0], request.facts))


def _folded(request: Request) -> Emitted | None:
    """The gradient of a mirrored border: each element sums its images, axis by axis in one order."""
    widths = _widths(request)
    padded, out = shape_of(request.inputs[0]), shape_of(request.outputs[0])
    element, edge = stored(request.outputs[0].dtype), _mode(request)
    if widths is None or element is None or any(max(p) > n - 1 + edge for p, n in zip(widths, out, strict=True)):
        return None
    count = count_of(out)
    if not count:
        return done()
    kind = index_type(count_of(padded))
    signed = "int" if kind == "unsigned" else "long long"
    strides = row_major(padded)
    lines, loops, terms = [decode("i", out, "o", kind)], [], []
    for axis, n in enumerate(out):
        before, after = widths[axis]
        lines.append(
            f"{signed} c{axis}[3] = {{({signed})o{axis} + {before}, {before - edge} - ({signed})o{axis}, "
            f"{before + 2 * n - 2 + edge} - ({signed})o{axis}}};"
        )
        last = before + n + after
        loops.append(
            f"for (int k{axis} = 0; k{axis} < {3 if before or after else 1}; ++k{axis}) "
            f"if (k{axis} == 0 || (k{axis} == 1 ? c{axis}[1] >= 0 && c{axis}[1] < {before} : "
            f"c{axis}[2] >= {before + n} && c{axis}[2] < {last}))"
        )
        terms.append(f"c{axis}[k{axis}] * {strides[axis]}")
    body = (
        " ".join(lines)
        + f"\n    sc_value<{element}> total = 0;\n    "
        + " ".join(loops)
        + f" total = sc_add(total, sc_get(source[{' + '.join(terms) or '0'}]));\n    "
        + f"target[i] = sc_put<{element}>(total);"
    )
    parameters = [(reading(element, "source"), INPUT[0]), (writing(element, "target"), OUTPUT[0])]
    return done(pointwise("unmirror", count, parameters, body, request.facts, kind=kind))


def _unsliced(request: Request) -> Emitted | None:
    """The gradient of a strided slice: zeros, and the slice's gradient where it was taken."""
    out, shape = shape_of(request.outputs[0]), shape_of(request.inputs[4])
    found = cut_out(request, out)
    if found is None or found[0] != shape:
        return None
    itemsize = request.outputs[0].dtype.base.np.itemsize
    move = Move(OUTPUT[0], INPUT[4], shape, found[1], contiguous(shape))
    cover = Fill(OUTPUT[0], 0, prod(out) * itemsize)
    covered = prod(out) == prod(shape)
    return done(*(() if covered else (cover,)), *moved([move], itemsize, request.facts))


TABLE: dict[str, Emitter] = {
    "Pad": _padded,
    "PadV2": _padded,
    "MirrorPad": _mirrored,
    "MirrorPadGrad": _folded,
    "StridedSliceGrad": _unsliced,
}
