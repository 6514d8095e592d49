"""Greyscale dilation and erosion: the largest (smallest) sum of image and filter in each window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from scopert.graph.build import apply
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import same_as, same_as_first, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reverse import reverse
from scopert.ops.convolution_kernels import count_windows, pad_axes
from scopert.ops.math_unary import negative
from scopert.ops.pooling_kernels import lowest
from scopert.ops.run_checks import require, require_rank, require_windows
from scopert.ops.window import output_size, window_pads
from scopert.public import public

Array = Any

ATTRS = (
    "T: {float32, float64, int32, uint8, int16, int8, int64, bfloat16, uint16, float16, uint32, uint64}; "
    'strides: list(int) >= 4; rates: list(int) >= 4; padding: {"SAME", "VALID"}'
)


def _spatial(op: Operation, name: str) -> list[int]:
    values: list[int] = op.attrs[name]
    if len(values) != 4 or values[0] != 1 or values[3] != 1 or min(values) < 1:
        raise ValueError(f"{op.type} needs {name} of the form [1, height, width, 1], got {values}")
    return values[1:3]


def _shape(op: Operation) -> list[Shape]:
    x, w = with_rank(op.inputs[0]._shape, 4), with_rank(op.inputs[1]._shape, 3)
    strides, rates = _spatial(op, "strides"), _spatial(op, "rates")
    if x[3] is not None and w[2] is not None and x[3] != w[2]:
        raise ValueError(f"Dimensions must be equal, but are {x[3]} and {w[2]}")
    out = [output_size(x[k + 1], w[k], strides[k], op.attrs["padding"], rates[k]) for k in (0, 1)]
    return [(x[0], *out, x[3] if w[2] is None else w[2])]


class _Windows:
    """The padded image and, for each tap of the filter, the part of the image that it meets."""

    def __init__(self, xp: Any, x: Array, w: Array, strides: Sequence[int], rates: Sequence[int], padding: str) -> None:
        require_rank(x, 4, "input")
        require_rank(w, 3, "filter")
        require(x.shape[3] == w.shape[2], f"input and filter must have the same depth: {x.shape[3]} vs {w.shape[2]}")
        steps, gaps = strides[1:3], rates[1:3]
        self.pads = [
            window_pads(n, k, s, padding, d) for n, k, s, d in zip(x.shape[1:3], w.shape[:2], steps, gaps, strict=True)
        ]
        require_windows(x.shape[1:3], w.shape[:2], steps, gaps, self.pads)
        self.out = count_windows(x.shape[1:3], w.shape[:2], steps, gaps, self.pads)
        self.padded = pad_axes(xp, x, self.pads, fill=lowest(xp, x.dtype))
        self.inside = pad_axes(xp, xp.ones((1, *x.shape[1:3], 1), dtype=bool), self.pads, fill=False)
        self._steps, self._gaps, self._kernel = steps, gaps, w.shape[:2]

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        for tap in product(*map(range, self._kernel)):
            where = tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, s, n in zip(tap, self._gaps, self._steps, self.out, strict=True)
            )
            yield tap, (slice(None), *where)

    def winners(self, xp: Any, x: Array, w: Array) -> tuple[Array, Array]:
        """The largest sum of each window and the number of the first tap that gives it."""
        shape = (x.shape[0], *self.out, x.shape[3])
        best = xp.full(shape, lowest(xp, x.dtype), dtype=x.dtype)
        winner = xp.full(shape, -1, dtype=xp.int32)
        if best.size:
            for number, (tap, where) in enumerate(self):
                total = self.padded[where] + w[tap]
                better = ((total > best) | (winner < 0)) & self.inside[where]
                best = xp.where(better, total, best)
                winner[better] = number
        return best, winner


def _dilate(xp: Any, x: Array, w: Array, *, strides: Any, rates: Any, padding: str) -> Array:
    return _Windows(xp, x, w, strides, rates, padding).winners(xp, x, w)[0]


def _grad_input(xp: Any, x: Array, w: Array, dy: Array, *, strides: Any, rates: Any, padding: str) -> Array:
    windows = _Windows(xp, x, w, strides, rates, padding)
    _, winner = windows.winners(xp, x, w)
    padded = xp.zeros(windows.padded.shape, dtype=x.dtype)
    if dy.size:
        for number, (_, where) in enumerate(windows):
            padded[where] += xp.where(winner == number, dy, dy.dtype.type(0))
    (top, _), (left, _) = windows.pads
    return xp.ascontiguousarray(padded[:, top : top + x.shape[1], left : left + x.shape[2]])


def _grad_filter(xp: Any, x: Array, w: Array, dy: Array, *, strides: Any, rates: Any, padding: str) -> Array:
    windows = _Windows(xp, x, w, strides, rates, padding)
    _, winner = windows.winners(xp, x, w)
    result = xp.zeros(w.shape, dtype=w.dtype)
    if dy.size:
        for number, (tap, _) in enumerate(windows):
            result[tap] = xp.where(winner == number, dy, dy.dtype.type(0)).sum(axis=(0, 1, 2), dtype=w.dtype)
    return result


DILATION = define_op("Dilation2D", "input: T, filter: T", "output: T", ATTRS, shape=_shape, kernel=_dilate)
DILATION_INPUT = define_op(
    "Dilation2DBackpropInput", "input: T, filter: T, out_backprop: T", "in_backprop: T", ATTRS,
    shape=same_as_first, kernel=_grad_input,
)  # fmt: skip
DILATION_FILTER = define_op(
    "Dilation2DBackpropFilter", "input: T, filter: T, out_backprop: T", "filter_backprop: T", ATTRS,
    shape=same_as(1), kernel=_grad_filter,
)  # fmt: skip


@gradient("Dilation2D")
def _rule(op: Operation, grad: Tensor) -> Any:
    x, w = op.inputs
    attrs = {name: op.attrs[name] for name in ("strides", "rates", "padding")}
    return apply(DILATION_INPUT, x, w, grad, **attrs), apply(DILATION_FILTER, x, w, grad, **attrs)


@public("nn.dilation2d")
def dilation2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: str | None = None,
    name: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Greyscale dilation: the largest ``input + filter`` in each window of each channel.

    Parameters
    ----------
    input : tensor-like
        ``(batch, height, width, channels)``.
    filter, filters : tensor-like
        ``(height, width, channels)``.
    strides, rates, dilations : list of four int
        Distance between windows, and between the elements of one.
    padding : str
        ``SAME`` or ``VALID``.
    """
    w = filters if filter is None else filter
    return apply(
        DILATION, input, w, strides=strides, rates=dilations if rates is None else rates, padding=padding, name=name
    )


@public("nn.erosion2d")
def erosion2d(value: Any, kernel: Any, strides: Any, rates: Any, padding: str, name: str | None = None) -> Tensor:
    """Greyscale erosion: the smallest ``value - kernel`` in each window; dilation of the negative. See `dilation2d`."""
    with name_scope(name, "erosion2d", [value, kernel]) as scope:
        return negative(dilation2d(negative(value), reverse(kernel, [0, 1]), strides, rates, padding, name=scope))
