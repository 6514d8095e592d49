"""Convolutions and their gradients as one operation of a library, where the device has one that computes it.

Images lie as the library takes them, with the channels last or second. Filters do not: TensorFlow's have the filters
last, so they are turned on the way in, and their gradient on the way out. Convolutions of single elements stay
products, which are nothing else. What the library does not compute, and all of it where there is none, is generated
(`convolving`).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from scopert.backend import Access
from scopert_cupy.command import Command, Emitted, Gemm, Matrix, Operand, Operate
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters import convolving, convolving_joined
from scopert_cupy.emitters.convolving import Sizes, plan
from scopert_cupy.emitters.copying import Move, contiguous, moved, row_major
from scopert_cupy.emitters.source import INPUT, OUTPUT, shape_of
from scopert_cupy.epilogue import finish
from scopert_cupy.operation import Convolution, Tensor

_TURNED = Operand("scratch", 0)


def _lying(p: Sizes, images: int, channels: int, space: tuple[int, ...]) -> Tensor:
    """Images, or filters, in the order of the channels that the convolution has."""
    inner = row_major(space)
    if p.first:
        strides = (channels * prod(space), prod(space), *inner)
    else:
        strides = (channels * prod(space), 1, *[stride * channels for stride in inner])
    return Tensor((images, channels, *space), strides, p.dtype)


def _behind(p: Sizes, axis: int) -> int:
    """Zeros behind an axis: as many as in front if that makes as many windows, because libraries like it so."""
    w = p.windows
    taken = (w.out[axis] - 1) * w.strides[axis] + (w.kernel[axis] - 1) * w.rates[axis] + 1
    least = max(0, taken - w.before[axis] - w.sizes[axis])
    alike = w.sizes[axis] + 2 * w.before[axis] - taken
    return w.before[axis] if 0 <= alike < w.strides[axis] else least


def _described(p: Sizes, kind: str, bias: bool = False, activation: str = "") -> Convolution:
    w = p.windows
    return Convolution(
        kind,  # type: ignore[arg-type]
        _lying(p, p.batch, p.channels, w.sizes), _lying(p, p.filters, p.depth, w.kernel),
        _lying(p, p.batch, p.filters, w.out), w.strides, w.rates, w.before,
        tuple([_behind(p, axis) for axis in range(len(w.sizes))]), p.precision, bias, activation,
    )  # fmt: skip


def _turned(p: Sizes, filters: Operand) -> tuple[Command, ...]:
    """TensorFlow's filters ``(*taps, channels, filters)`` as the library's."""
    taps, by_tap = p.windows.taps, p.depth * p.filters
    if p.first:
        extents, of = (p.filters, p.depth, taps), Access((1, p.filters, by_tap))
    else:
        extents, of = (p.filters, taps, p.depth), Access((1, by_tap, p.filters))
    return moved([Move(_TURNED, filters, extents, contiguous(extents), of)], p.itemsize, p.facts)


def _turned_back(p: Sizes, filters: Operand) -> tuple[Command, ...]:
    """The library's filters as TensorFlow's."""
    taps = p.windows.taps
    extents = (taps, p.depth, p.filters)
    of = Access((1, taps, taps * p.depth) if p.first else (p.depth, 1, taps * p.depth))
    return moved([Move(filters, _TURNED, extents, contiguous(extents), of)], p.itemsize, p.facts)


def _sizes(request: Request, image: int, kernel: int, out: int) -> Sizes | None:
    """Sizes of a convolution with something to compute; inputs are counted before outputs."""
    values = (*request.inputs, *request.outputs)
    x, w, y = [shape_of(values[number]) for number in (image, kernel, out)]
    if not (prod(x) and prod(w) and prod(y)):
        return None
    p = plan(request, x, w, y, out if out < len(request.inputs) else 0)
    return None if p is None or p.windows.pointwise else p


def _forward(words: tuple[str, ...]) -> Emitter:
    bias, activation = "bias" in words, "".join([word for word in words if word != "bias"])

    def emit(request: Request) -> Emitted | None:
        p = _sizes(request, 0, 1, len(request.inputs))
        if p is None:
            return None
        whole, alone = _described(p, "forward", bias, activation), _described(p, "forward")
        vector, after = (INPUT[2],) if bias else (), list[Command]()
        if not request.facts.computes(whole):
            if whole == alone or not request.facts.computes(alone):
                return None
            out, nowhere = Matrix(OUTPUT[0], p.filters), Matrix(OUTPUT[0], 1)
            after += finish(
                Gemm(p.batch * p.places, p.filters, 1, nowhere, nowhere, out, p.dtype, bias=INPUT[2] if bias else None,
                     epilogue=activation)
            )  # fmt: skip
            whole, vector = alone, ()
        operands = (INPUT[0], _TURNED, *vector, OUTPUT[0])
        return Emitted((*_turned(p, INPUT[1]), Operate(whole, operands), *after), whole.filter.nbytes)

    return emit


def _to_input(request: Request) -> Emitted | None:
    p = _sizes(request, len(request.inputs), 1, 2)
    if p is None:
        return None
    operation = _described(p, "input")
    if not request.facts.computes(operation):
        return None
    commands = (*_turned(p, INPUT[1]), Operate(operation, (_TURNED, INPUT[2], OUTPUT[0])))
    return Emitted(commands, operation.filter.nbytes)


def _to_filter(request: Request) -> Emitted | None:
    p = _sizes(request, 0, len(request.inputs), 2)
    if p is None:
        return None
    operation = _described(p, "filter")
    if not request.facts.computes(operation):
        return None
    commands = (Operate(operation, (INPUT[0], INPUT[2], _TURNED)), *_turned_back(p, OUTPUT[0]))
    return Emitted(commands, operation.filter.nbytes)


def _or(first: Emitter, second: Emitter) -> Callable[[Request], Emitted | None]:
    def emit(request: Request) -> Emitted | None:
        found = first(request)
        return second(request) if found is None else found

    return emit


TABLE: dict[str, Emitter] = {
    **{op: _or(_forward(()), convolving.TABLE[op]) for op in ("Conv2D", "Conv3D")},
    **{op: _or(_forward(tuple(op.split("+")[1:])), emit) for op, emit in convolving_joined.TABLE.items()},
    **{op: _or(_to_input, convolving.TABLE[op]) for op in ("Conv2DBackpropInput", "Conv3DBackpropInputV2")},
    **{op: _or(_to_filter, convolving.TABLE[op]) for op in ("Conv2DBackpropFilter", "Conv3DBackpropFilterV2")},
}

__all__ = ["TABLE"]
