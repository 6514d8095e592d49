"""Machine code for depthwise convolutions of images with their channels last, and for the gradients.

Vectors go along the channels, each with a filter of its own. A unit of work is a line of the output; for the gradient
to the input, whose points several windows share, some channels of an image; for that to the filter, some channels of
one of its taps.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from scopert.graph.dtypes import DType, as_dtype, float32, float64
from scopert_numpy.native import jit, primitives
from scopert_numpy.native.builder import BITS, Value
from scopert_numpy.native.writer import Function, Writer
from scopert_numpy.threads import pool

TYPES = frozenset({float32, float64})
_NAMES = ("images", "lines", "width", "channels", "out_lines", "out_width", "taps_down", "taps_across",
          "stride_down", "stride_across", "step_down", "step_across", "top", "left", "blocks", "block")  # fmt: skip
_Numbers = ctypes.c_int64 * len(_NAMES)
#: Vectors that are computed side by side.
_VECTORS = 4
# About what a vector and tap costs, in nanoseconds.
_TAP = 0.6


class _Depthwise:
    """Writes one function: ``forward`` (x, w, y), ``input`` (w, dy, dx) or ``filter`` (x, dy, dw)."""

    def __init__(self, kind: str, dtype: DType) -> None:
        self.kind = kind
        self.w = Writer("rows", 3, len(_NAMES))
        self.b = self.w.b
        self.n = dict(zip(_NAMES, self.w.numbers, strict=True))
        self.element = primitives.memory_kind(dtype)
        self.lanes = jit.host().vector_bits // BITS[self.element]

    def text(self) -> str:
        unit = {"forward": self._line, "input": self._image, "filter": self._tap}[self.kind]
        self.w.loop(self.w.lo, self.w.hi, 1, unit)
        return self.w.text()

    def _i(self, opcode: str, a: Value, c: Value) -> Value:
        return self.b.binary(opcode, a, c)

    def _number(self, value: int) -> Value:
        return self.b.constant("i64", value)

    def _at(self, array: str, point: Value, channel: Value) -> str:
        place = self._i("add", self._i("mul", point, self.n["channels"]), channel)
        return self.b.address(array, self.element, place)

    def _row(self, array: str, point: Value) -> str:
        return self.b.address(array, self.element, self._i("mul", point, self.n["channels"]))

    def _neighbours(self, c: Value, lanes: int, vectors: int) -> list[Value]:
        """The first channels of vectors that lie side by side."""
        return [c] + [self._i("add", c, self._number(k * lanes)) for k in range(1, vectors)]

    def _channels(self, start: Value, count: Value, body: Callable[[Value, int, Value | None, int], None]) -> None:
        """Several vectors of channels at once, then what is left: taps are found once for all of them."""
        wide = _VECTORS * self.lanes
        end = self._i("add", start, self._i("and", count, self._number(-wide)))
        self.w.loop(start, end, wide, lambda c: body(c, self.lanes, None, _VECTORS))
        rest = self._i("sub", self._i("add", start, count), end)
        self.w.lanes(rest, self.lanes, lambda j, lanes, mask: body(self._i("add", end, j), lanes, mask, 1))

    def _reached(self, first: Value, step: Value, limit: Value) -> Value:
        """How many steps from `first` lie below `limit`."""
        room = self._i("sub", self._i("add", self._i("sub", limit, first), step), self._number(1))
        return self._i("udiv", self.b.call("smax", room, self._number(0)), step)

    def _inside(self, first: Value, direction: str, size: str) -> tuple[Value, Value]:
        """The taps, first and behind the last, of a window from `first` on that lie within ``[0, size)``."""
        n, step = self.n, self.n[f"step_{direction}"]
        begin = self._reached(first, step, self._number(0))
        return begin, self.b.call("smin", n[f"taps_{direction}"], self._reached(first, step, n[size]))

    def _corner(self, line: Value, column: Value) -> tuple[Value, Value]:
        """Where the window of an output begins."""
        n = self.n
        return (
            self._i("sub", self._i("mul", line, n["stride_down"]), n["top"]),
            self._i("sub", self._i("mul", column, n["stride_across"]), n["left"]),
        )

    def _each_tap(self, image: Value, line: Value, column: Value, body: Callable[[Value, Value], None]) -> None:
        """Calls `body` with the number of each tap of an output's window, and the point of the input that it sees."""
        n, w = self.n, self.w
        y, x = self._corner(line, column)
        across = self._inside(x, "across", "width")

        def line_of_taps(k: Value) -> None:
            down = self._i("add", y, self._i("mul", k, n["step_down"]))
            row = self._i("add", self._i("mul", image, n["lines"]), down)

            def tap(j: Value) -> None:
                point = self._i("add", x, self._i("mul", j, n["step_across"]))
                number = self._i("add", self._i("mul", k, n["taps_across"]), j)
                body(number, self._i("add", self._i("mul", row, n["width"]), point))

            w.loop(*across, 1, tap)

        w.loop(*self._inside(y, "down", "lines"), 1, line_of_taps)

    def _output(self, image: Value, line: Value, column: Value) -> Value:
        n = self.n
        row = self._i("add", self._i("mul", image, n["out_lines"]), line)
        return self._i("add", self._i("mul", row, n["out_width"]), column)

    # Units

    def _line(self, unit: Value) -> None:
        b, n, w = self.b, self.n, self.w
        image, line = self._i("udiv", unit, n["out_lines"]), self._i("urem", unit, n["out_lines"])

        def column(column: Value) -> None:
            out = self._output(image, line, column)

            def some(c: Value, lanes: int, mask: Value | None, vectors: int) -> None:
                places = self._neighbours(c, lanes, vectors)
                totals = [w.variable(self.element, lanes) for _ in places]
                for total in totals:
                    total.set(b.constant(self.element, 0.0))

                def tap(number: Value, point: Value) -> None:
                    seen, weights = self._row("%p0", point), self._row("%p1", number)
                    for total, place in zip(totals, places, strict=True):
                        x = b.load(b.address(seen, self.element, place), self.element, lanes, mask)
                        weight = b.load(b.address(weights, self.element, place), self.element, lanes, mask)
                        total.set(b.fma(x, weight, total.get()))

                self._each_tap(image, line, column, tap)
                target = self._row("%p2", out)
                for total, place in zip(totals, places, strict=True):
                    b.store(total.get(), b.address(target, self.element, place), mask)

            self._channels(self._number(0), n["channels"], some)

        w.loop(self._number(0), n["out_width"], 1, column)

    def _share(self, unit: Value) -> tuple[Value, Value, Value]:
        """What a unit is for, its first channel, and how many it has."""
        n = self.n
        start = self._i("mul", self._i("urem", unit, n["blocks"]), n["block"])
        count = self.b.call("smin", n["block"], self._i("sub", n["channels"], start))
        return self._i("udiv", unit, n["blocks"]), start, count

    def _image(self, unit: Value) -> None:
        b, n, w = self.b, self.n, self.w
        image, start, count = self._share(unit)
        points = self._i("mul", n["lines"], n["width"])
        first = self._i("mul", image, points)

        def clear(point: Value) -> None:
            def some(c: Value, lanes: int, mask: Value | None) -> None:
                zero = b.constant(self.element, 0.0, lanes)
                b.store(zero, self._at("%p2", point, self._i("add", start, c)), mask)

            w.lanes(count, self.lanes, some)

        def output(line: Value, column: Value) -> None:
            out = self._output(image, line, column)

            def some(c: Value, lanes: int, mask: Value | None, vectors: int) -> None:
                places = self._neighbours(c, lanes, vectors)
                given = self._row("%p1", out)
                gradients = [
                    b.load(b.address(given, self.element, place), self.element, lanes, mask) for place in places
                ]

                def tap(number: Value, point: Value) -> None:
                    weights, target = self._row("%p0", number), self._row("%p2", point)
                    for gradient, place in zip(gradients, places, strict=True):
                        weight = b.load(b.address(weights, self.element, place), self.element, lanes, mask)
                        at = b.address(target, self.element, place)
                        b.store(b.fma(gradient, weight, b.load(at, self.element, lanes, mask)), at, mask)

                self._each_tap(image, line, column, tap)

            self._channels(start, count, some)

        w.loop(first, self._i("add", first, points), 1, clear)
        zero = self._number(0)
        w.loop(zero, n["out_lines"], 1, lambda line: w.loop(zero, n["out_width"], 1, lambda x: output(line, x)))

    def _tap(self, unit: Value) -> None:
        b, n, w = self.b, self.n, self.w
        number, start, count = self._share(unit)
        k, j = self._i("udiv", number, n["taps_across"]), self._i("urem", number, n["taps_across"])
        # Outputs whose window sees something through this tap.
        shift = [
            self._i("sub", self._i("mul", place, n[f"step_{way}"]), n[edge])
            for place, way, edge in ((k, "down", "top"), (j, "across", "left"))
        ]
        ranges = [
            (
                self._reached(move, n[f"stride_{way}"], self._number(0)),
                b.call("smin", n[out], self._reached(move, n[f"stride_{way}"], n[size])),
            )
            for move, way, out, size in (
                (shift[0], "down", "out_lines", "lines"), (shift[1], "across", "out_width", "width"),
            )
        ]  # fmt: skip

        def some(c: Value, lanes: int, mask: Value | None) -> None:
            channel = self._i("add", start, c)
            total, part = w.variable(self.element, lanes), w.variable(self.element, lanes)
            total.set(b.constant(self.element, 0.0))

            def line(image: Value, line: Value) -> None:
                # A sum for each line keeps rounding small.
                part.set(b.constant(self.element, 0.0))
                y = self._i("add", self._i("mul", line, n["stride_down"]), shift[0])
                row = self._i("mul", self._i("add", self._i("mul", image, n["lines"]), y), n["width"])

                def column(column: Value) -> None:
                    x = self._i("add", self._i("mul", column, n["stride_across"]), shift[1])
                    seen = b.load(self._at("%p0", self._i("add", row, x), channel), self.element, lanes, mask)
                    out = self._at("%p1", self._output(image, line, column), channel)
                    part.set(b.fma(seen, b.load(out, self.element, lanes, mask), part.get()))

                w.loop(*ranges[1], 1, column)
                total.set(b.add(total.get(), part.get()))

            w.loop(self._number(0), n["images"], 1, lambda image: w.loop(*ranges[0], 1, lambda y: line(image, y)))
            b.store(total.get(), self._at("%p2", number, channel), mask)

        w.lanes(count, self.lanes, some)


@cache
def _function(kind: str, dtype: DType) -> Function:
    return Function(_Depthwise(kind, dtype).text(), 3)


def run(
    kind: str, arrays: Sequence[np.ndarray], image: Sequence[int], out: Sequence[int], taps: Sequence[int],
    strides: Sequence[int], dilations: Sequence[int], before: Sequence[int],
) -> bool:  # fmt: skip
    """Fills the last of the arrays.

    Parameters
    ----------
    kind : str
        ``forward`` (x, w, y), ``input`` (w, dy, dx) or ``filter`` (x, dy, dw).
    arrays : sequence of array
        Contiguous, of one type; images ``(N, H, W, C)``, filters ``(K, L, C)``.
    image : (int, int, int, int)
        The input's shape.
    out, taps, strides, dilations, before : (int, int)
        The output's lines and columns; the filter's; distances; padding before the first element.

    Returns
    -------
    bool
        Whether it was done: false where there is no machine code for these arrays.
    """
    dtype = as_dtype(arrays[0].dtype)
    if dtype not in TYPES or any(a.dtype != dtype.np or not a.flags.c_contiguous or not a.size for a in arrays):
        return False
    images, channels = image[0], image[3]
    lanes = jit.host().vector_bits // (8 * dtype.np.itemsize)
    block = lanes if kind == "filter" else _VECTORS * lanes
    blocks = 1 if kind == "forward" else -(-channels // block)
    units = {"forward": images * out[0], "input": images * blocks, "filter": taps[0] * taps[1] * blocks}[kind]
    nanoseconds = images * out[0] * out[1] * -(-channels // lanes) * taps[0] * taps[1] * _TAP
    numbers = _Numbers(*image, *out, *taps, *strides, *dilations, *before, blocks, block if blocks > 1 else channels)
    _function(kind, dtype)(arrays, numbers, units, pool().chunks(units, nanoseconds))
    return True
