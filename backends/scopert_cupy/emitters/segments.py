"""Reductions over segments: rows of one number beside the data, the same bits in every run."""

from __future__ import annotations

from math import prod

from scopert.backend import as_dtype
from scopert_cupy.command import Command, Emitted, Fill, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.filling import filled
from scopert_cupy.emitters.folding import Fold, folded
from scopert_cupy.emitters.gathering import SET_STATUS, status_parameter
from scopert_cupy.emitters.sorting import in_order, ordered
from scopert_cupy.emitters.source import (
    INPUT,
    OUTPUT,
    aligned,
    done,
    literal,
    pointwise,
    reading,
    shape_of,
)
from scopert_cupy.prelude import stored

#: The most rows, and the most numbers, that unsigned keys and places can count.
MOST = 2**31 - 1
_STATUS_BYTES = 256


def _unsorted(operation: str, start: str) -> Emitter:
    """Numbers below zero are left out; those beyond the last segment are refused."""

    def emitter(request: Request) -> Emitted | None:
        data, ids = shape_of(request.inputs[0]), shape_of(request.inputs[1])
        dtype, out = request.inputs[0].dtype, shape_of(request.outputs[0])
        element, number = stored(dtype), stored(request.inputs[1].dtype)
        if element is None or number is None or data[: len(ids)] != ids or request.constant(2) is None:
            return None
        count, rows, width = prod(ids), out[0], prod(out[1:])
        if max(count, rows) >= MOST:
            return None
        first = {"lowest": as_dtype(dtype).min, "highest": as_dtype(dtype).max}.get(start, int(start == "1"))
        commands: list[Command] = []
        if prod(out):
            size = dtype.np.itemsize
            value = f"sc_put<{element}>({literal(first, dtype)})"
            commands.append(
                filled(OUTPUT[0], prod(out), element, size, value, request.facts) if start != "0"
                else Fill(OUTPUT[0], 0, prod(out) * size)
            )  # fmt: skip
        if not count:
            return done(*commands)
        key = (
            f"const long long id = (long long)ids[i];\n    if (id >= {rows}ll) {SET_STATUS}\n"
            f"    const unsigned key = id < 0 || id >= {rows}ll ? {rows}u : (unsigned)id;"
        )
        parameters = [(reading(number, "ids"), INPUT[1]), status_parameter()]
        order = ordered(count, rows, key, parameters, request.facts, _STATUS_BYTES)
        finish = f"{operation}::of({literal(first, dtype)}, total)" if start in ("lowest", "highest") else "total"
        fold = Fold(INPUT[0], OUTPUT[0], element, dtype.np.itemsize, width, operation, finish)
        more, scratch = folded(fold, order, request.facts)
        return Emitted((*commands, *order.commands, *more), scratch, status=0)

    return emitter


_DIVISOR = {"sum": "", "mean": " / length", "sqrt": " / sc_sqrt(length)"}


def _sparse(how: str) -> Emitter:
    """Rows that indices pick, in segments whose numbers increase."""

    def emitter(request: Request) -> Emitted | None:
        if len(request.inputs) < 4 or request.constant(3) is None:
            return None
        data, indices, ids = (shape_of(value) for value in request.inputs[:3])
        dtype, out = request.inputs[0].dtype, shape_of(request.outputs[0])
        element, pick, number = (stored(value.dtype) for value in request.inputs[:3])
        if element is None or pick is None or number is None or indices != ids or len(ids) != 1 or not data:
            return None
        rows, count = out[0], ids[0]
        if max(rows, count) >= MOST or (count and not data[0]):
            return None
        cover = (Fill(OUTPUT[0], 0, prod(out) * dtype.np.itemsize),) if prod(out) else ()
        if not count:
            return done(*cover)
        key = (
            f"const long long id = (long long)ids[i], at = (long long)indices[i];\n"
            f"    const bool inside = id >= 0 && id < {rows}ll && at >= 0 && at < {data[0]}ll;\n"
            f"    if (!inside || (i && (long long)ids[i - 1] > id)) {SET_STATUS}\n"
            f"    const unsigned key = inside ? (unsigned)id : {rows}u;"
        )
        more = [(reading(pick, "indices"), INPUT[1])]
        parameters = [(reading(number, "ids"), INPUT[2]), *more, status_parameter()]
        order = in_order(count, rows, key, parameters, request.facts, _STATUS_BYTES)
        # A row that is refused is a row of another segment: the row that it would read must not be read.
        row = f"((unsigned long long)indices[p] < {data[0]}ull ? indices[p] : 0)"
        finish = f"total{_DIVISOR[how]}"
        fold = Fold(INPUT[0], OUTPUT[0], element, dtype.np.itemsize, prod(data[1:]), "sc_sum", finish, row, more=more)
        folding, scratch = folded(fold, order, request.facts)
        return Emitted((*cover, *order.commands, *folding), scratch, status=0)

    return emitter


def _sparse_gradient(how: str) -> Emitter:
    """Each index gets its segment's gradient over what the segment was divided by."""

    def emitter(request: Request) -> Emitted | None:
        grad, indices, ids = (shape_of(value) for value in request.inputs[:3])
        dtype, out = request.inputs[0].dtype, shape_of(request.outputs[0])
        element, pick, number = (stored(value.dtype) for value in request.inputs[:3])
        if element is None or pick is None or number is None or indices != ids or request.constant(3) is None:
            return None
        rows, count, segments = out[0], prod(ids), grad[0]
        if max(rows, count, segments) >= MOST:
            return None
        cover = (Fill(OUTPUT[0], 0, prod(out) * dtype.np.itemsize),) if prod(out) else ()
        if not count or not segments:
            return done(*cover) if not count else None
        counts = Operand("scratch", 0, _STATUS_BYTES)
        table = aligned(segments * 4)
        body = (
            f"const long long id = (long long)ids[i];\n    if (id < 0 || id >= {segments}ll) {SET_STATUS}\n"
            f"    else atomicAdd(&counts[id], 1u);"
        )
        parameters = [(reading(number, "ids"), INPUT[2]), ("unsigned* counts", counts), status_parameter()]
        counting: list[Command] = [
            Fill(counts, 0, segments * 4), pointwise("count_segments", count, parameters, body, request.facts)
        ]  # fmt: skip
        key = (
            f"const long long at = (long long)indices[i], id = (long long)ids[i];\n"
            f"    const bool inside = at >= 0 && at < {rows}ll && id >= 0 && id < {segments}ll;\n"
            f"    if (!inside) {SET_STATUS}\n    const unsigned key = inside ? (unsigned)at : {rows}u;"
        )
        more = [(reading(number, "ids"), INPUT[2]), (reading("unsigned", "counts"), counts)]
        order = ordered(
            count, rows, key, [(reading(pick, "indices"), INPUT[1]), more[0], status_parameter()], request.facts,
            _STATUS_BYTES + table,
        )  # fmt: skip
        divisor = "(A)counts[ids[p]]" if how == "mean" else "sc_sqrt((A)counts[ids[p]])"
        fold = Fold(
            INPUT[0], OUTPUT[0], element, dtype.np.itemsize, prod(grad[1:]), "sc_sum", row="ids[p]",
            scaled=f"x / {divisor}", more=more,
        )  # fmt: skip
        folding, scratch = folded(fold, order, request.facts)
        return Emitted((*cover, *counting, *order.commands, *folding), scratch, status=0)

    return emitter


TABLE: dict[str, Emitter] = {
    "UnsortedSegmentSum": _unsorted("sc_sum", "0"),
    "UnsortedSegmentProd": _unsorted("sc_prod", "1"),
    "UnsortedSegmentMax": _unsorted("sc_max_over", "lowest"),
    "UnsortedSegmentMin": _unsorted("sc_min_over", "highest"),
    "SparseSegmentSumWithNumSegments": _sparse("sum"),
    "SparseSegmentMeanWithNumSegments": _sparse("mean"),
    "SparseSegmentSqrtNWithNumSegments": _sparse("sqrt"),
    "SparseSegmentMeanGrad": _sparse_gradient("mean"),
    "SparseSegmentSqrtNGrad": _sparse_gradient("sqrt"),
}
