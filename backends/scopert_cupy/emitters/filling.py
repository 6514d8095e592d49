"""Arrays of one value, and vectors with one element that differs."""

from __future__ import annotations

from math import prod

from scopert_cupy.command import Argument, Emitted, Fill, Launch
from scopert_cupy.device import Facts
from scopert_cupy.emit import Emitter, Request
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
    widest,
    word,
    writing,
)
from scopert_cupy.prelude import stored


def filled(
    target: Argument, count: int, element: str, itemsize: int, value: str, facts: Facts, more: tuple[Passed, ...] = ()
) -> Launch:
    """Stores an element, the expression `value`, `count` times; 16 bytes at a time where they fit."""
    each = max(1, widest(count * itemsize) // itemsize)
    body = f"sc_pack<{element}, {each}> all;\n    for (int k = 0; k < {each}; ++k) all.at[k] = {value};\n    "
    body += f"sc_store<{each}>(target + i * {each}, all);"
    parameters = [(writing(element, "target"), target), *more]
    width = each * itemsize
    return pointwise("fill", count // each, parameters, body, facts, width=width, kind=index_type(count))


def _fill(request: Request) -> Emitted | None:
    dtype, count = request.outputs[0].dtype, count_of(request.outputs[0].shape)
    if dtype.np.itemsize > 8 or request.constant(0) is None:
        return None
    if not count:
        return done()
    element = word(dtype.np.itemsize)
    more = ((reading(element, "value"), INPUT[1]),)
    return done(filled(OUTPUT[0], count, element, dtype.np.itemsize, "*value", request.facts, more))


def _zeros(request: Request) -> Emitted | None:
    nbytes = count_of(request.outputs[0].shape) * request.outputs[0].dtype.np.itemsize
    return done(Fill(OUTPUT[0], 0, nbytes)) if nbytes else done()


def _ones(request: Request) -> Emitted | None:
    dtype, count = request.outputs[0].dtype, count_of(request.outputs[0].shape)
    element = stored(dtype)
    if element is None:
        return None
    if not count:
        return done()
    return done(filled(OUTPUT[0], count, element, dtype.np.itemsize, f"sc_put<{element}>(1)", request.facts))


def _one_hot(request: Request) -> Emitted | None:
    """One place of the result after the other; the classes lie between two parts of the indices' axes."""
    shape, out = shape_of(request.inputs[0]), shape_of(request.outputs[0])
    itemsize, indices = request.outputs[0].dtype.np.itemsize, stored(request.inputs[0].dtype)
    if itemsize > 8 or indices is None:
        return None
    axis = len(shape) if request.attrs["axis"] == -1 else request.attrs["axis"]
    inner, count = prod(shape[axis:]), prod(out)
    if not count:
        return done()
    kind, element = index_type(count), word(itemsize)
    body = (
        f"{decode('i', (prod(shape[:axis]), out[axis], inner), 'o', kind)}\n"
        f"    target[i] = (long long)indices[o0 * {inner}u + o2] == (long long)o1 ? *on : *off;"
    )
    parameters = [
        (reading(indices, "indices"), INPUT[0]), (reading(element, "on"), INPUT[2]),
        (reading(element, "off"), INPUT[3]), (writing(element, "target"), OUTPUT[0]),
    ]  # fmt: skip
    return done(pointwise("one_hot", count, parameters, body, request.facts))


def _spaced(request: Request) -> Emitted | None:
    """``start + step * k``; the last one is the stop itself."""
    dtype, number = request.outputs[0].dtype, request.constant(2)
    element = stored(dtype)
    if element is None or number is None or int(number) < 1:
        return None
    count = int(number)
    body = (
        f"typedef sc_value<{element}> V; typedef {element} T;\n"
        "    const V first = sc_get(*start), last = sc_get(*stop);\n"
        f"    const V step = sc_round_to<T>(sc_round_to<T>(last - first) / (V){max(count - 1, 1)});\n"
        f"    target[i] = i && i == {count - 1}u ? *stop : sc_put<T>(first + sc_round_to<T>(step * (V)i));"
    )
    parameters = [(reading(element, name), INPUT[k]) for k, name in enumerate(("start", "stop"))]
    parameters.append((writing(element, "target"), OUTPUT[0]))
    return done(pointwise("spaced", count, parameters, body, request.facts))


TABLE: dict[str, Emitter] = {
    "LinSpace": _spaced,
    "Fill": _fill,
    "ZerosLike": _zeros,
    "OnesLike": _ones,
    "OneHot": _one_hot,
}
