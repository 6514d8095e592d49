"""Rows added up by index, as many as there were: what `scopert_cupy.distinct` makes of `Unique` and a segment sum.

The rows of the result follow the sorted indices. The first row of an index holds the index and its sum; the others
hold -1 and zeros, and the steps that use them pass them over.
"""

from __future__ import annotations

from math import prod

from scopert_cupy.command import Copy, Emitted, Fill, Operand
from scopert_cupy.distinct import DISTINCT, LIMIT, SUMS
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.folding import Fold, folded
from scopert_cupy.emitters.gathering import SET_STATUS, status_parameter
from scopert_cupy.emitters.segments import MOST
from scopert_cupy.emitters.sorting import Order, order_parameters, ordered
from scopert_cupy.emitters.source import INPUT, OUTPUT, done, pointwise, reading, shape_of, writing
from scopert_cupy.prelude import stored


def _sorted(request: Request) -> Emitted | None:
    (count,), number = shape_of(request.inputs[0]), stored(request.inputs[0].dtype)
    limit = int(request.attrs[LIMIT])
    if number is None or max(count, limit) >= MOST:
        return None
    if not count:
        return done()
    key = (
        f"const long long id = (long long)ids[i];\n    const bool inside = id >= 0 && id < {limit}ll;\n"
        f"    if (!inside) {SET_STATUS}\n    const unsigned key = inside ? (unsigned)id : {limit}u;"
    )
    parameters = [(reading(number, "ids"), INPUT[0]), status_parameter()]
    order = ordered(count, limit, key, parameters, request.facts, 256)
    first = pointwise(
        "first_rows", count, [*order_parameters(order), (writing(number, "first"), OUTPUT[0])],
        f"first[i] = keys[i] < {limit}u && (i == 0 || keys[i - 1] != keys[i]) ? ({number})keys[i] : ({number})-1;",
        request.facts,
    )  # fmt: skip
    keep = [Copy(Operand("output", 1, 4 * count * k), at, 4 * count) for k, at in enumerate((order.keys, order.places))]
    return Emitted((*order.commands, first, *keep), order.scratch, status=0)


def _summed(request: Request) -> Emitted | None:
    values, dtype = shape_of(request.inputs[0]), request.inputs[0].dtype
    element, count, width = stored(dtype), values[0], prod(values[1:])
    if element is None or shape_of(request.inputs[1]) != (2 * count,):
        return None
    if not count * width:
        return done()
    keys, places = Operand("input", 1, 0), Operand("input", 1, 4 * count)
    order = Order(keys, places, count, int(request.attrs[LIMIT]), (), 0)
    fold = Fold(INPUT[0], OUTPUT[0], element, dtype.np.itemsize, width, "sc_sum", to="r")
    commands, scratch = folded(fold, order, request.facts)
    return Emitted((Fill(OUTPUT[0], 0, count * width * dtype.np.itemsize), *commands), scratch)


TABLE: dict[str, Emitter] = {DISTINCT: _sorted, SUMS: _summed}
