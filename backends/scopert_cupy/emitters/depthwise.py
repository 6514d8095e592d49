"""Depthwise convolutions: each channel has filters of its own, so there is no matrix to multiply."""

from __future__ import annotations

from math import prod

from scopert_cupy.command import Emitted, Fill
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import row_major
from scopert_cupy.emitters.reducing import Reduction, Space, over_space
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
    writing,
)
from scopert_cupy.emitters.windows import Windows, convolved, flat, over_taps, over_windows
from scopert_cupy.prelude import computed, stored


def _plan(
    request: Request, x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...]
) -> tuple[Windows, bool] | None:  # fmt: skip
    found = convolved(request.attrs, x, w)
    if found is None:
        return None
    windows, first = found
    made = w[2] * w[3]
    if x[1 if first else -1] != w[2] or y != ((x[0], made, *windows.out) if first else (x[0], *windows.out, made)):
        return None
    return found


def _image(channels: int, pixels: tuple[int, ...], first: bool, names: str, batch: str, channel: str, kind: str) -> str:
    """The index of an element of images in either layout."""
    space = flat(names, row_major(pixels), kind)
    if first:
        return f"({batch} * {channels}u + {channel}) * {prod(pixels)}u + {space}"
    return f"({batch} * {prod(pixels)}u + {space}) * {channels}u + {channel}"


def _forward(request: Request) -> Emitted | None:
    x, w, y = shape_of(request.inputs[0]), shape_of(request.inputs[1]), shape_of(request.outputs[0])
    found, element = _plan(request, x, w, y), stored(request.inputs[0].dtype)
    if found is None or element is None:
        return None
    windows, first = found
    if not prod(y):
        return done()
    if not prod(x) or not prod(w):
        return done(Fill(OUTPUT[0], 0, prod(y) * request.outputs[0].dtype.np.itemsize))
    channels, many = w[2], w[3]
    kind = index_type(prod(y), prod(x))
    place, channel = (["o2", "o3"], "o1") if first else (["o1", "o2"], "o3")
    take = (
        f"total += (A)sc_get(x[{_image(channels, windows.sizes, first, 'a', 'o0', 'c', kind)}]) * "
        f"(A)sc_get(w[({flat('t', row_major(windows.kernel), kind)}) * {channels * many}u + {channel}]);"
    )
    body = (
        f"typedef sc_value<{element}> A; {decode('i', y, 'o', kind)}\n    const {kind} c = {channel} / {many}u; "
        f"A total = (A)0;\n      {over_taps(windows, place, take)}\n    y[i] = sc_put<{element}>(total);"
    )
    parameters: list[Passed] = [
        (reading(element, "x"), INPUT[0]), (reading(element, "w"), INPUT[1]), (writing(element, "y"), OUTPUT[0])
    ]  # fmt: skip
    return done(pointwise("depthwise", prod(y), parameters, body, request.facts, kind=kind))


def _to_input(request: Request) -> Emitted | None:
    w, dy, x = shape_of(request.inputs[1]), shape_of(request.inputs[2]), shape_of(request.outputs[0])
    found, element = _plan(request, x, w, dy), stored(request.inputs[1].dtype)
    if found is None or element is None:
        return None
    windows, first = found
    if not prod(x):
        return done()
    if not prod(dy) or not prod(w):
        return done(Fill(OUTPUT[0], 0, prod(x) * request.outputs[0].dtype.np.itemsize))
    channels, many = w[2], w[3]
    kind = index_type(prod(x), prod(dy))
    place, channel = (["o2", "o3"], "o1") if first else (["o1", "o2"], "o3")
    take = (
        f"for (int m = 0; m < {many}; ++m) {{ const {kind} f = {channel} * {many}u + m; total += "
        f"(A)sc_get(dy[{_image(channels * many, windows.out, first, 'q', 'o0', 'f', kind)}]) * "
        f"(A)sc_get(w[({flat('t', row_major(windows.kernel), kind)}) * {channels * many}u + f]); }}"
    )
    body = (
        f"typedef sc_value<{element}> A; {decode('i', x, 'o', kind)}\n    A total = (A)0;\n      "
        f"{over_windows(windows, place, take)}\n    dx[i] = sc_put<{element}>(total);"
    )
    parameters: list[Passed] = [
        (reading(element, "dy"), INPUT[2]), (reading(element, "w"), INPUT[1]), (writing(element, "dx"), OUTPUT[0])
    ]  # fmt: skip
    return done(pointwise("depthwise_to_input", prod(x), parameters, body, request.facts, kind=kind))


def _to_filter(request: Request) -> Emitted | None:
    """A reduction of the gradient, times what the tap sees, over all windows; taps are a kept axis that it lacks."""
    x, dy, w = shape_of(request.inputs[0]), shape_of(request.inputs[2]), shape_of(request.outputs[0])
    found, dtype = _plan(request, x, w, dy), request.inputs[0].dtype
    element = stored(dtype)
    if found is None or element is None:
        return None
    windows, first = found
    if not prod(w):
        return done()
    if not prod(x) or not prod(dy):
        return done(Fill(OUTPUT[0], 0, prod(w) * dtype.np.itemsize))
    channels, many = w[2], w[3]
    made, places = channels * many, prod(windows.out)
    if first:
        space = Space((windows.taps, made), (0, places), (x[0], places), (made * places, 1))
        batch, place = f"at / {made * places}u", f"at % {places}u"
    else:
        space = Space((windows.taps, made), (0, 1), (x[0] * places,), (made,))
        batch, place = f"at / {made * places}u", f"at / {made}u % {places}u"
    tap = f"kept / {made}u"
    coordinates, tests = [], []
    for k, (n, q) in enumerate(zip(row_major(windows.out), windows.out, strict=True)):
        step = row_major(windows.kernel)[k]
        spot = (
            f"((int)({place} / {n}u % {q}u) * {windows.strides[k]} - {windows.before[k]} + "
            f"(int)({tap} / {step}u % {windows.kernel[k]}u) * {windows.rates[k]})"
        )
        coordinates.append(spot)
        tests.append(f"(unsigned){spot} < {windows.sizes[k]}u")
    pixel = " + ".join([f"{spot} * {step}" for spot, step in zip(coordinates, row_major(windows.sizes), strict=True)])
    channel, pixels = f"kept % {made}u / {many}u", prod(windows.sizes)
    seen = (
        f"({batch} * {channels}u + {channel}) * {pixels}u + {pixel}" if first
        else f"({batch} * {pixels}u + {pixel}) * {channels}u + {channel}"
    )  # fmt: skip
    mapped = f"({' && '.join(tests)}) ? x * (A)sc_get(image[{seen}]) : (A)0"
    reduction = Reduction(
        INPUT[2], OUTPUT[0], element, element, dtype.np.itemsize, computed(dtype), "sc_sum", mapped,
        more=((reading(element, "image"), INPUT[0]),),
    )  # fmt: skip
    commands, scratch = over_space(reduction, space, request.facts)
    return Emitted(commands, scratch)


TABLE: dict[str, Emitter] = {
    "DepthwiseConv2dNative": _forward,
    "DepthwiseConv2dNativeBackpropInput": _to_input,
    "DepthwiseConv2dNativeBackpropFilter": _to_filter,
}
