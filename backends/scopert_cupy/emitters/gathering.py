"""Slices by index: a row of the result is a row of the source, which a number or an index vector names.

An index that names nothing gives a row of zeros and sets the step's status.
"""

from __future__ import annotations

from math import prod

from scopert_cupy.command import Emitted, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import row_major
from scopert_cupy.emitters.picking import picked
from scopert_cupy.emitters.source import INPUT, OUTPUT, Passed, done, reading, shape_of, widest
from scopert_cupy.prelude import stored

#: The word that tells that an index was out of range.
STATUS = Operand("scratch", 0, 0)
SET_STATUS = "atomicOr(status, 1);"


def status_parameter() -> Passed:
    """The declaration of the status word, for functions that set it."""
    return "int* status", STATUS


def _gathered(request: Request, axis: int, batch: int) -> Emitted | None:
    """``out[batch, outer, index, inner] = source[batch, outer, indices[batch, index], inner]``."""
    source, indices = shape_of(request.inputs[0]), shape_of(request.inputs[1])
    if not source:
        return None
    axis %= len(source)
    limit = source[axis]
    kind_of_index = stored(request.inputs[1].dtype)
    if batch > axis or source[:batch] != indices[:batch] or kind_of_index is None:
        return None
    itemsize = request.outputs[0].dtype.np.itemsize
    inner = prod(source[axis + 1 :])
    batches, outer, picks = prod(source[:batch]), prod(source[batch:axis]), prod(indices[batch:])
    if not batches * outer * picks * inner:
        return done() if prod(indices) == 0 or limit else None
    if not limit:
        return None
    size = max(itemsize, widest(inner * itemsize))
    row = inner * itemsize // size
    extents = (batches, outer, picks, row)

    def where(kind: str) -> tuple[str, str, str]:
        lines = (
            f"const long long at = (long long)indices[o0 * {picks}u + o2];\n"
            f"    const bool inside = at >= 0 && at < {limit}ll;\n    if (!inside) {SET_STATUS}"
        )
        place = f"((o0 * {outer}u + o1) * {limit}u + ({kind})at) * {row}u + o3"
        return lines, "inside", place

    more = [(reading(kind_of_index, "indices"), INPUT[1]), status_parameter()]
    spans = (batches * outer * limit * row,)
    commands = picked("gather", extents, size, spans, where, INPUT[0], OUTPUT[0], request.facts, more=more)
    return Emitted(commands, scratch=4, status=0)


def _gather_v2(request: Request) -> Emitted | None:
    axis = request.constant(2)
    rank = len(shape_of(request.inputs[0]))
    if axis is None or not -rank <= int(axis) < rank:
        return None
    batch = request.attrs["batch_dims"]
    return _gathered(request, int(axis), batch + len(shape_of(request.inputs[1])) if batch < 0 else batch)


def _resource_gather(request: Request) -> Emitted | None:
    batch = request.attrs["batch_dims"]
    return _gathered(request, batch, batch) if len(shape_of(request.inputs[0])) > batch else None


def flat_row(indices: str, limits: tuple[int, ...], number: str) -> str:
    """Statements that make ``at`` of an index vector: the number of the row that it names, and ``inside``."""
    strides = row_major(limits)
    lines = ["long long at = 0; bool inside = true;"]
    for axis, (limit, stride) in enumerate(zip(limits, strides, strict=True)):
        lines.append(
            f"{{ const long long k = (long long){indices}[(unsigned long long){number} * {len(limits)}u + {axis}u]; "
            f"inside = inside && k >= 0 && k < {limit}ll; at += k * {stride}ll; }}"
        )
    return " ".join(lines)


def _gather_nd(request: Request) -> Emitted | None:
    source, indices = shape_of(request.inputs[0]), shape_of(request.inputs[1])
    kind_of_index = stored(request.inputs[1].dtype)
    if not indices or indices[-1] > len(source) or kind_of_index is None:
        return None
    depth = indices[-1]
    itemsize = request.outputs[0].dtype.np.itemsize
    inner, picks = prod(source[depth:]), prod(indices[:-1])
    if not prod(source):
        return done() if not prod(indices) and not prod(shape_of(request.outputs[0])) else None
    if not inner * picks:
        return done()
    size = max(itemsize, widest(inner * itemsize))
    row = inner * itemsize // size

    def where(kind: str) -> tuple[str, str, str]:
        lines = flat_row("indices", source[:depth], "o0") + f"\n    if (!inside) {SET_STATUS}"
        return lines, "inside", f"({kind})at * {row}u + o1"

    more = [(reading(kind_of_index, "indices"), INPUT[1]), status_parameter()]
    spans = (prod(source) * itemsize // size, prod(indices))
    commands = picked("gather_nd", (picks, row), size, spans, where, INPUT[0], OUTPUT[0], request.facts, more=more)
    return Emitted(commands, scratch=4, status=0)


TABLE: dict[str, Emitter] = {
    "Gather": lambda request: _gathered(request, 0, 0),
    "GatherV2": _gather_v2,
    "ResourceGather": _resource_gather,
    "GatherNd": _gather_nd,
    "ResourceGatherNd": _gather_nd,
}
