"""Elements in another order along an axis: sequences turned round, shifted axes, inverted permutations."""

from __future__ import annotations

from math import prod

import numpy as np

from scopert_cupy.command import Emitted, Fill
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import row_major
from scopert_cupy.emitters.gathering import SET_STATUS, status_parameter
from scopert_cupy.emitters.picking import picked, row_words
from scopert_cupy.emitters.source import INPUT, OUTPUT, done, pointwise, reading, shape_of
from scopert_cupy.prelude import stored


def _sequences(request: Request) -> Emitted | None:
    shape, lengths = shape_of(request.inputs[0]), stored(request.inputs[1].dtype)
    seq, batch = request.attrs["seq_dim"], request.attrs["batch_dim"]
    if seq == batch or lengths is None or shape_of(request.inputs[1]) != (shape[batch],):
        return None
    last = max(seq, batch)
    extents, size = row_words(shape, len(shape) - 1 - last, request.outputs[0].dtype.np.itemsize)
    strides = row_major(extents)

    def where(kind: str) -> tuple[str, str, str]:
        lines = (
            f"const long long length = (long long)lengths[o{batch}];\n"
            f"    if (length < 0 || length > {shape[seq]}ll) {SET_STATUS}\n"
            f"    const {kind} from = (long long)o{seq} < length ? ({kind})(length - 1 - (long long)o{seq}) : o{seq};"
        )
        return lines, f"from < {shape[seq]}u", f"i - o{seq} * {strides[seq]}u + from * {strides[seq]}u"

    more = [(reading(lengths, "lengths"), INPUT[1]), status_parameter()]
    commands = picked("sequences", extents, size, (), where, INPUT[0], OUTPUT[0], request.facts, more=more)
    return Emitted(commands, scratch=4, status=0)


def _rolled(request: Request) -> Emitted | None:
    shape = shape_of(request.inputs[0])
    shifts, axes = request.constant(1), request.constant(2)
    if shifts is None or axes is None or np.size(shifts) != np.size(axes) or not shape:
        return None
    if any(not -len(shape) <= int(axis) < len(shape) for axis in np.ravel(axes)):
        return None
    total = [0] * len(shape)
    for shift, axis in zip(np.ravel(shifts).tolist(), np.ravel(axes).tolist(), strict=True):
        total[axis % len(shape)] += shift
    if not prod(shape):
        return done()
    kept = 0
    for n, shift in zip(reversed(shape), reversed(total), strict=True):
        if shift % n:
            break
        kept += 1
    extents, size = row_words(shape, kept, request.outputs[0].dtype.np.itemsize)
    strides = row_major(extents)

    def where(kind: str) -> tuple[str, str, str]:
        terms = [f"o{len(extents) - 1}"]
        for axis in range(len(extents) - 1):
            back = -total[axis] % shape[axis]
            place = f"(o{axis} + {back}u) % {shape[axis]}u" if back else f"o{axis}"
            terms.append(f"{place} * {strides[axis]}u")
        return "", "true", " + ".join(terms)

    return done(*picked("roll", extents, size, (), where, INPUT[0], OUTPUT[0], request.facts))


def _inverted(request: Request) -> Emitted | None:
    """Places are marked with -1 first; a number that occurs twice fills its place with one of two, and is refused."""
    (count,), element = shape_of(request.inputs[0]), stored(request.inputs[0].dtype)
    if element is None:
        return None
    if not count:
        return done()
    place = pointwise(
        "invert", count, [(reading(element, "x"), INPUT[0]), (f"{element}* y", OUTPUT[0]), status_parameter()],
        f"const long long at = (long long)x[i];\n"
        f"    if (at >= 0 && at < {count}ll) atomicMax(y + at, ({element})i); else {SET_STATUS}",
        request.facts,
    )  # fmt: skip
    check = pointwise(
        "inverted", count, [(reading(element, "x"), INPUT[0]), (reading(element, "y"), OUTPUT[0]), status_parameter()],
        f"const long long at = (long long)x[i];\n"
        f"    if (at >= 0 && at < {count}ll && (long long)y[at] != (long long)i) {SET_STATUS}",
        request.facts,
    )  # fmt: skip
    nbytes = count * request.outputs[0].dtype.np.itemsize
    return Emitted((Fill(OUTPUT[0], 0xFF, nbytes), place, check), scratch=4, status=0)


TABLE: dict[str, Emitter] = {
    "ReverseSequence": _sequences,
    "Roll": _rolled,
    "InvertPermutation": _inverted,
}
