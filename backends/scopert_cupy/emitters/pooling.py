"""Poolings over any axes and their gradients.

Gradients go the other way round: each element of the input asks the windows that hold it, so that nothing is
added from two sides.
"""

from __future__ import annotations

from math import prod

import numpy as np

from scopert_cupy.command import Emitted, Fill, Operand
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import row_major
from scopert_cupy.emitters.folding import Fold, folded
from scopert_cupy.emitters.gathering import SET_STATUS, status_parameter
from scopert_cupy.emitters.segments import MOST
from scopert_cupy.emitters.sorting import ordered
from scopert_cupy.emitters.source import (
    INPUT,
    OUTPUT,
    Passed,
    decode,
    done,
    index_type,
    pointwise,
    reading,
    shape_of,
    widest,
    writing,
)
from scopert_cupy.emitters.windows import Windows, flat, inside_count, over_taps, over_windows, pooled
from scopert_cupy.prelude import stored


def _windows(request: Request, shape: tuple[int, ...], first: int | None = None) -> Windows | None:
    """The windows over an array of `shape`; `first` is the input that holds their sizes, if inputs do."""
    if first is None:
        ksize, strides = request.attrs["ksize"], request.attrs["strides"]
    else:
        given = [request.constant(first), request.constant(first + 1)]
        if given[0] is None or given[1] is None:
            return None
        ksize, strides = ([int(n) for n in np.ravel(vector)] for vector in given)
    if request.attrs.get("data_format") == "NCHW_VECT_C" or len(ksize) != len(shape):
        return None
    return pooled(shape, ksize, strides, request.attrs["padding"])


def _each(windows: Windows, itemsize: int) -> int:
    """Channels that one thread serves, where the last axis is not pooled."""
    last = len(windows.sizes) - 1
    return max(1, widest(windows.sizes[last] * itemsize) // itemsize) if windows.is_plain(last) else 1


def _names(letter: str, count: int, each: int) -> list[str]:
    """Names of indices; the last counts packs of `each`."""
    return [f"{letter}{k}" if k < count - 1 or each == 1 else f"{letter}{k} * {each}" for k in range(count)]


def _pooled(is_max: bool, given: bool = False) -> Emitter:
    def emitter(request: Request) -> Emitted | None:
        shape, element = shape_of(request.inputs[0]), stored(request.inputs[0].dtype)
        windows = _windows(request, shape, 1 if given else None)
        if windows is None or element is None or windows.out != shape_of(request.outputs[0]):
            return None
        if not prod(windows.out):
            return done()
        itemsize, rank = request.inputs[0].dtype.np.itemsize, len(shape)
        each = _each(windows, itemsize)
        count = prod(windows.out) // each
        kind = index_type(prod(windows.out), prod(shape))
        extents = (*windows.out[:-1], windows.out[-1] // each)
        operation = "sc_max_over" if is_max else "sc_sum"
        take = (
            f"const sc_pack<{element}, {each}> x = sc_load<{each}>(source + {flat('a', row_major(shape), kind)}); "
            f"for (int w = 0; w < {each}; ++w) total[w] = {operation}::of(total[w], (A)sc_get(x.at[w]));"
        )
        places = _names("o", rank, each)
        counted = request.attrs["padding"] == "SAME"
        divisor = "" if is_max else f" / (A)({inside_count(windows, places) if counted else windows.taps})"
        body = (
            f"typedef sc_value<{element}> A; {decode('i', extents, 'o', kind)}\n    A total[{each}]; "
            f"for (int w = 0; w < {each}; ++w) total[w] = {operation}::identity<A>();\n      "
            f"{over_taps(windows, places, take)}\n    sc_pack<{element}, {each}> made; "
            f"for (int w = 0; w < {each}; ++w) made.at[w] = sc_put<{element}>(total[w]{divisor});\n"
            f"    sc_store<{each}>(target + i * {each}, made);"
        )
        parameters = [(reading(element, "source"), INPUT[0]), (writing(element, "target"), OUTPUT[0])]
        width = each * itemsize
        return done(pointwise("pool", count, parameters, body, request.facts, width=width, kind=kind))

    return emitter


def _mean_gradient(request: Request) -> Emitted | None:
    shape, element = shape_of(request.outputs[0]), stored(request.outputs[0].dtype)
    windows = _windows(request, shape)
    if windows is None or element is None or windows.out != shape_of(request.inputs[1]):
        return None
    if not prod(shape):
        return done()
    itemsize, rank = request.outputs[0].dtype.np.itemsize, len(shape)
    if not prod(windows.out):
        return done(Fill(OUTPUT[0], 0, prod(shape) * itemsize))
    each = _each(windows, itemsize)
    kind = index_type(prod(shape), prod(windows.out))
    windows_at = [f"q{k}" for k in range(rank)]
    counted = request.attrs["padding"] == "SAME"
    divisor = inside_count(windows, windows_at) if counted else str(windows.taps)
    take = (
        f"const sc_pack<{element}, {each}> x = sc_load<{each}>(dy + {flat('q', row_major(windows.out), kind)}); "
        f"for (int w = 0; w < {each}; ++w) total[w] += (A)sc_get(x.at[w]) / (A)({divisor});"
    )
    body = (
        f"typedef sc_value<{element}> A; {decode('i', (*shape[:-1], shape[-1] // each), 'o', kind)}\n"
        f"    A total[{each}]; for (int w = 0; w < {each}; ++w) total[w] = (A)0;\n      "
        f"{over_windows(windows, _names('o', rank, each), take)}\n    sc_pack<{element}, {each}> made; "
        f"for (int w = 0; w < {each}; ++w) made.at[w] = sc_put<{element}>(total[w]);\n"
        f"    sc_store<{each}>(target + i * {each}, made);"
    )
    parameters = [(reading(element, "dy"), INPUT[1]), (writing(element, "target"), OUTPUT[0])]
    count, width = prod(shape) // each, each * itemsize
    return done(pointwise("mean_pool_gradient", count, parameters, body, request.facts, width=width, kind=kind))


def _maximum_gradient(given: bool = False) -> Emitter:
    """An element gets the gradient of each window whose maximum it is the first to have."""

    def emitter(request: Request) -> Emitted | None:
        shape, element = shape_of(request.inputs[0]), stored(request.inputs[0].dtype)
        windows, made = _windows(request, shape, 3 if given else None), stored(request.outputs[0].dtype)
        if windows is None or element is None or made is None:
            return None
        if windows.out != shape_of(request.inputs[1]) or windows.out != shape_of(request.inputs[2]):
            return None
        if not prod(shape):
            return done()
        if not prod(windows.out):
            return done(Fill(OUTPUT[0], 0, prod(shape) * request.outputs[0].dtype.np.itemsize))
        rank, kind = len(shape), index_type(prod(shape), prod(windows.out))
        earlier = over_taps(
            windows, [f"q{k}" for k in range(rank)],
            f"const {kind} other = {flat('b', row_major(shape), kind)}; "
            "if (other < i && sc_get(x[other]) == here) { first = false; }", "b", "u",
        )  # fmt: skip
        take = (
            f"const {kind} window = {flat('q', row_major(windows.out), kind)}; "
            "if (!(sc_get(y[window]) == here)) continue; "
            f"bool first = true;\n      {earlier}\n      if (first) total += (A)sc_get(dy[window]);"
        )
        body = (
            f"typedef sc_value<{made}> A; {decode('i', shape, 'o', kind)}\n    const sc_value<{element}> here = "
            f"sc_get(x[i]); A total = (A)0;\n      do {{ {over_windows(windows, [f'o{k}' for k in range(rank)], take)} "
            f"}} while (false);\n    target[i] = sc_put<{made}>(total);"
        )
        parameters: list[Passed] = [
            (reading(element, "x"), INPUT[0]), (reading(element, "y"), INPUT[1]), (reading(made, "dy"), INPUT[2]),
            (writing(made, "target"), OUTPUT[0]),
        ]  # fmt: skip
        return done(pointwise("max_pool_gradient", prod(shape), parameters, body, request.facts, kind=kind))

    return emitter


def _maximum_curvature(given: bool = False) -> Emitter:
    """A window takes what stands at the first element that has its maximum."""

    def emitter(request: Request) -> Emitted | None:
        shape, element = shape_of(request.inputs[0]), stored(request.inputs[0].dtype)
        windows = _windows(request, shape, 3 if given else None)
        if windows is None or element is None or windows.out != shape_of(request.inputs[1]):
            return None
        if not prod(windows.out):
            return done()
        rank, kind = len(shape), index_type(prod(shape), prod(windows.out))
        take = (
            f"const {kind} at = {flat('a', row_major(shape), kind)}; "
            "if (!found && sc_get(x[at]) == high) { found = true; value = sc_get(ddx[at]); }"
        )
        body = (
            f"typedef sc_value<{element}> A; {decode('i', windows.out, 'o', kind)}\n    const A high = sc_get(y[i]); "
            f"A value = (A)0; bool found = false;\n      {over_taps(windows, [f'o{k}' for k in range(rank)], take)}\n"
            f"    target[i] = sc_put<{element}>(value);"
        )
        parameters: list[Passed] = [
            (reading(element, "x"), INPUT[0]), (reading(element, "y"), INPUT[1]), (reading(element, "ddx"), INPUT[2]),
            (writing(element, "target"), OUTPUT[0]),
        ]  # fmt: skip
        return done(pointwise("max_pool_curvature", prod(windows.out), parameters, body, request.facts, kind=kind))

    return emitter


def _with_place(request: Request) -> Emitted | None:
    """The maximum and its place, within its example unless the batch counts."""
    shape, element = shape_of(request.inputs[0]), stored(request.inputs[0].dtype)
    windows, number = _windows(request, shape), stored(request.outputs[1].dtype)
    if windows is None or element is None or number is None or windows.out != shape_of(request.outputs[0]):
        return None
    if not prod(windows.out):
        return done()
    rank, kind = len(shape), index_type(prod(shape), prod(windows.out))
    example = "" if request.attrs["include_batch_in_index"] else f" % {prod(shape[1:])}u"
    take = (
        f"const {kind} at = {flat('a', row_major(shape), kind)}; const A x = sc_get(source[at]); "
        "if (!any || x > high) { any = true; high = x; where = at; }"
    )
    body = (
        f"typedef sc_value<{element}> A; {decode('i', windows.out, 'o', kind)}\n    A high = sc_limits<A>::lowest(); "
        f"{kind} where = 0; bool any = false;\n      {over_taps(windows, [f'o{k}' for k in range(rank)], take)}\n"
        f"    target[i] = sc_put<{element}>(high); places[i] = ({number})(where{example});"
    )
    parameters: list[Passed] = [
        (reading(element, "source"), INPUT[0]), (writing(element, "target"), OUTPUT[0]),
        (writing(number, "places"), OUTPUT[1]),
    ]  # fmt: skip
    return done(pointwise("max_pool_place", prod(windows.out), parameters, body, request.facts, kind=kind))


def _flat_place(request: Request, shape: tuple[int, ...], count: int) -> str:
    """Statements that make ``at``, a place of the whole input, of the argmax number `i`."""
    each = prod(shape[1:])
    example = max(count // max(shape[0], 1), 1)
    batch = "0" if request.attrs["include_batch_in_index"] else f"(long long)(i / {example}u) * {each}ll"
    return (
        f"const long long at = (long long)argmax[i] + {batch};\n"
        f"    const bool inside = at >= 0 && at < {prod(shape)}ll; if (!inside) {SET_STATUS}"
    )


def _to_place(request: Request) -> Emitted | None:
    """Gradients are added where the argmax says, those of one place in order."""
    shape, count = shape_of(request.inputs[0]), prod(shape_of(request.inputs[1]))
    dtype, number = request.inputs[1].dtype, stored(request.inputs[2].dtype)
    element = stored(dtype)
    if element is None or number is None or max(prod(shape), count) >= MOST:
        return None
    size = prod(shape)
    cover = (Fill(OUTPUT[0], 0, size * dtype.np.itemsize),) if size else ()
    if not count or not size:
        return done(*cover)
    key = f"{_flat_place(request, shape, count)}\n    const unsigned key = inside ? (unsigned)at : {size}u;"
    parameters = [(reading(number, "argmax"), INPUT[2]), status_parameter()]
    order = ordered(count, size, key, parameters, request.facts, 256)
    fold = Fold(INPUT[1], OUTPUT[0], element, dtype.np.itemsize, 1, "sc_sum")
    folding, scratch = folded(fold, order, request.facts)
    return Emitted((*cover, *order.commands, *folding), scratch, status=0)


def _from_place(request: Request) -> Emitted | None:
    shape, count = shape_of(request.inputs[0]), prod(shape_of(request.outputs[0]))
    element, number = stored(request.inputs[1].dtype), stored(request.inputs[2].dtype)
    if element is None or number is None or shape_of(request.inputs[2]) != shape_of(request.outputs[0]):
        return None
    if not count:
        return done()
    if not prod(shape):
        return None
    body = f"{_flat_place(request, shape, count)}\n    target[i] = ddx[inside ? at : 0];"
    parameters: list[Passed] = [
        (reading(element, "ddx"), INPUT[1]), (reading(number, "argmax"), INPUT[2]),
        (writing(element, "target"), OUTPUT[0]), ("int* status", Operand("scratch", 0)),
    ]  # fmt: skip
    return Emitted((pointwise("from_place", count, parameters, body, request.facts),), scratch=4, status=0)


TABLE: dict[str, Emitter] = {
    "MaxPool": _pooled(True),
    "MaxPoolV2": _pooled(True, given=True),
    "MaxPool3D": _pooled(True),
    "AvgPool": _pooled(False),
    "AvgPool3D": _pooled(False),
    "AvgPoolGrad": _mean_gradient,
    "AvgPool3DGrad": _mean_gradient,
    "MaxPoolGrad": _maximum_gradient(),
    "MaxPool3DGrad": _maximum_gradient(),
    "MaxPoolGradV2": _maximum_gradient(given=True),
    "MaxPoolGradGrad": _maximum_curvature(),
    "MaxPool3DGradGrad": _maximum_curvature(),
    "MaxPoolGradGradV2": _maximum_curvature(given=True),
    "MaxPoolWithArgmax": _with_place,
    "MaxPoolGradWithArgmax": _to_place,
    "MaxPoolGradGradWithArgmax": _from_place,
}
