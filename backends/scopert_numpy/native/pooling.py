"""Machine code for pooling of images: maxima and means of windows, and their gradients.

An image is `H` lines of `W` points of `C` numbers. With channels last, vectors go along the channels; an image with
its channels first is `C` images of one number a point, and vectors go along the windows of a line. Windows are cut at
the border, so nothing is padded. A unit of work is a line of windows, or for gradients, which add to what several
windows share, an image (or some of its channels).
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np

from scopert.graph.dtypes import DType, as_dtype, float32, float64
from scopert_numpy.native import jit, primitives
from scopert_numpy.native.builder import BITS, Value
from scopert_numpy.native.writer import Function, Variable, Writer
from scopert_numpy.threads import pool

TYPES = frozenset({float32, float64})
_NAMES = ("lines", "width", "channels", "out_lines", "out_width", "window_lines", "window_width",
          "stride_lines", "stride_width", "top", "left", "blocks", "block")  # fmt: skip
_Numbers = ctypes.c_int64 * len(_NAMES)
# About what a vector and tap costs, in nanoseconds.
_TAP = 0.6
_ARRAYS = {"max": 2, "avg": 2, "max_grad": 4, "avg_grad": 2}


class _Pooling:
    """Writes one function.

    Parameters
    ----------
    kind : str
        ``max`` and ``avg`` (x, y), ``max_grad`` (x, y, dy, dx), ``avg_grad`` (dy, dx).
    step : int
        The distance between windows, where vectors go along them; 0 where they go along channels.
    """

    def __init__(self, kind: str, dtype: DType, step: int, apart: bool) -> None:
        self.kind, self.dtype, self.step, self.apart = kind, dtype, step, apart
        self.w = Writer("rows", _ARRAYS[kind], len(_NAMES))
        self.b = self.w.b
        self.n = dict(zip(_NAMES, self.w.numbers, strict=True))
        self.element = primitives.memory_kind(dtype)
        self.lanes = jit.host().vector_bits // BITS[self.element]

    def text(self) -> str:
        w = self.w
        w.loop(w.lo, w.hi, 1, self._image if self.kind.endswith("grad") else self._line)
        return w.text()

    # Numbers

    def _i(self, opcode: str, a: Value, c: Value) -> Value:
        return self.b.binary(opcode, a, c)

    def _number(self, value: int) -> Value:
        return self.b.constant("i64", value)

    def _range(self, place: Value, size: str, window: str) -> tuple[Value, Value]:
        """The taps, first and behind the last, of a window from `place` on that lie within ``[0, size)``."""
        first = self.b.call("smax", self._number(0), self._i("sub", self._number(0), place))
        return first, self.b.call("smin", self.n[window], self._i("sub", self.n[size], place))

    # Units

    def _line(self, unit: Value) -> None:
        image = self._i("udiv", unit, self.n["out_lines"])
        line = self._i("urem", unit, self.n["out_lines"])
        self._windows(image, line, self._number(0), self.n["channels"])

    def _image(self, unit: Value) -> None:
        b, n = self.b, self.n
        image, block = self._i("udiv", unit, n["blocks"]), self._i("urem", unit, n["blocks"])
        start = self._i("mul", block, n["block"])
        count = b.call("smin", n["block"], self._i("sub", n["channels"], start))
        target = f"%p{_ARRAYS[self.kind] - 1}"

        def clear(point: Value) -> None:
            at = self._i("add", self._i("mul", point, n["channels"]), start)
            place = b.address(target, self.element, at)
            self.w.lanes(count, self.lanes, partial(self._clear, place))

        points = self._i("mul", n["lines"], n["width"])
        first = self._i("mul", image, points)
        if self.step:
            place = b.address(target, self.element, first)
            self.w.lanes(points, self.lanes, partial(self._clear, place))
        else:
            self.w.loop(first, self._i("add", first, points), 1, clear)
        self.w.loop(
            self._number(0), n["out_lines"], 1, lambda line: self._windows(image, line, start, count)
        )

    def _clear(self, place: str, j: Value, lanes: int, mask: Value | None) -> None:
        self.b.store(self.b.constant(self.element, 0.0, lanes), self.b.address(place, self.element, j), mask)

    def _windows(self, image: Value, line: Value, start: Value, count: Value) -> None:
        """All windows of a line, for the channels ``start .. start + count``."""
        n = self.n
        place = self._i("sub", self._i("mul", line, n["stride_lines"]), n["top"])
        taps = self._range(place, "lines", "window_lines")
        base = self._i("add", self._i("mul", image, n["lines"]), place)  # the line that the window begins at
        out = self._i("mul", self._i("add", self._i("mul", image, n["out_lines"]), line), n["out_width"])
        if self.step:
            self.w.lanes(n["out_width"], self.lanes, partial(self._along_windows, base, out, taps))
        else:
            self.w.loop(
                self._number(0), n["out_width"], 1,
                lambda column: self._along_channels(base, self._i("add", out, column), column, taps, start, count),
            )  # fmt: skip

    def _along_channels(
        self, base: Value, out: Value, column: Value, taps: tuple[Value, Value], start: Value, count: Value
    ) -> None:
        b, n = self.b, self.n
        left = self._i("sub", self._i("mul", column, n["stride_width"]), n["left"])
        across = self._range(left, "width", "window_width")
        size = self._i("mul", self._i("sub", taps[1], taps[0]), self._i("sub", across[1], across[0]))
        place = self._i("add", self._i("mul", out, n["channels"]), start)

        def point(j: Value, lanes: int, mask: Value | None) -> None:
            def tap(body: Callable[[_Tap], None], line: Value, tap_column: Value) -> None:
                at = self._i("mul", self._i("add", base, line), n["width"])
                at = self._i("mul", self._i("add", self._i("add", at, left), tap_column), n["channels"])
                at = self._i("add", self._i("add", at, start), j)

                def put(array: str, value: Value) -> None:
                    b.store(value, b.address(array, self.element, at), mask)

                get = lambda array: b.load(b.address(array, self.element, at), self.element, lanes, mask)  # noqa: E731
                body(_Tap(get, put, None))

            def each(body: Callable[[_Tap], None]) -> None:
                self.w.loop(*taps, 1, lambda line: self.w.loop(*across, 1, lambda column: tap(body, line, column)))

            self._window(each, self._i("add", place, j), lanes, mask, b.convert("sitofp", size, self.element))

        self.w.lanes(count, self.lanes, point)

    def _along_windows(
        self, base: Value, out: Value, taps: tuple[Value, Value], j: Value, lanes: int, mask: Value | None
    ) -> None:
        b, n = self.b, self.n
        first = self._i("sub", self._i("mul", j, self._number(self.step)), n["left"])
        steps = Value("<" + ", ".join(f"i64 {k * self.step}" for k in range(lanes)) + ">", "i64", lanes)
        lefts = b.binary("add", first, steps)
        begins = b.call("smax", lefts, b.constant("i64", 0, lanes))
        ends = b.call("smin", b.binary("add", lefts, n["window_width"]), b.splat(n["width"], lanes))
        size = b.binary("mul", b.binary("sub", ends, begins), self._i("sub", taps[1], taps[0]))

        def tap(body: Callable[[_Tap], None], line: Value, column: Value) -> None:
            inside = b.compare("icmp ult", b.binary("add", lefts, column), n["width"])
            if mask is not None:
                inside = b.binary("and", inside, mask)
            at = self._i("mul", self._i("add", base, line), n["width"])
            at = self._i("add", self._i("add", at, first), column)

            def pointers(array: str) -> Value:
                return b.spread(b.address(array, self.element, at), self.element, self.step, lanes)

            body(_Tap(
                lambda array: b.gather(pointers(array), self.element, inside),
                lambda array, value: b.scatter(value, pointers(array), inside),
                inside,
            ))  # fmt: skip

        def each(body: Callable[[_Tap], None]) -> None:
            columns = self._number(0), n["window_width"]
            self.w.loop(*taps, 1, lambda line: self.w.loop(*columns, 1, lambda column: tap(body, line, column)))

        self._window(each, self._i("add", out, j), lanes, mask, b.convert("sitofp", size, self.element))

    # Windows

    def _window(
        self, each: Callable[[Callable[[_Tap], None]], None], where: Value, lanes: int, mask: Value | None, size: Value
    ) -> None:
        """One vector of windows; `each` calls its argument for the taps, `size` is how many of them count."""
        b, element = self.b, self.element

        def at(array: str) -> str:
            return b.address(array, element, where)

        if self.kind in ("max", "avg"):
            total = self.w.variable(element, lanes)
            total.set(b.constant(element, -math.inf if self.kind == "max" else 0.0))
            each(lambda tap: self._add_tap(total, tap))
            made = total.get()
            b.store(made if self.kind == "max" else b.div(made, b.splat(size, lanes)), at("%p1"), mask)
        elif self.kind == "avg_grad":
            share = b.div(b.load(at("%p0"), element, lanes, mask), b.splat(size, lanes))
            each(lambda tap: self._give(tap, "%p1", share))
        else:
            largest, gradient = (b.load(at(array), element, lanes, mask) for array in ("%p1", "%p2"))
            still = self.w.variable("i1", lanes)
            still.set(b.constant("i1", 1))

            def give(tap: _Tap) -> None:
                hit = b.binary("and", b.compare("fcmp oeq", tap.get("%p0"), largest), still.get())
                if tap.inside is not None:
                    hit = b.binary("and", hit, tap.inside)
                still.set(b.binary("xor", still.get(), hit))
                self._give(tap, "%p3", b.select(hit, gradient, b.like(gradient, 0.0)))

            each(give)

    def _add_tap(self, total: Variable, tap: _Tap) -> None:
        before, found = total.get(), tap.get("%p0")
        made = primitives.binary(self.b, "max" if self.kind == "max" else "add", before, found, self.dtype)
        total.set(made if tap.inside is None else self.b.select(tap.inside, made, before))

    def _give(self, tap: _Tap, array: str, value: Value) -> None:
        tap.put(array, value if self.apart else self.b.add(tap.get(array), value))


@dataclass(frozen=True)
class _Tap:
    """A point of a window, for a vector of channels or windows; `inside` says for which windows there is one."""

    get: Callable[[str], Value]
    put: Callable[[str, Value], None]
    inside: Value | None


@cache
def _function(kind: str, dtype: DType, step: int, apart: bool) -> Function:
    return Function(_Pooling(kind, dtype, step, apart).text(), _ARRAYS[kind])


@lru_cache(maxsize=512)
def _numbers(values: tuple[int, ...]) -> Any:
    return _Numbers(*values)


def run(
    kind: str, arrays: Sequence[np.ndarray], image: tuple[int, int, int, int], out: tuple[int, int],
    window: tuple[int, int], strides: tuple[int, int], before: tuple[int, int],
) -> bool:  # fmt: skip
    """Fills the last of the arrays.

    Parameters
    ----------
    kind : str
        ``max``, ``avg``, ``max_grad``, ``avg_grad``.
    arrays : sequence of array
        As `_Pooling` says; all contiguous and of one type.
    image : (int, int, int, int)
        Images, lines, points of a line, channels (1 if they come first, and count as images).
    out : (int, int)
        Lines of windows, windows of a line.
    window, strides, before : (int, int)
        Size, distance, and padding before the first element.

    Returns
    -------
    bool
        Whether it was done: false where there is no machine code for these arrays.
    """
    dtype = as_dtype(arrays[0].dtype)
    if dtype not in TYPES or any(a.dtype != dtype.np or not a.flags.c_contiguous or not a.size for a in arrays):
        return False
    images, lines, width, channels = image
    lanes = jit.host().vector_bits // (8 * dtype.np.itemsize)
    vectors = images * out[0] * (out[1] * -(-channels // lanes) if channels > 1 else -(-out[1] // lanes) * 8)
    nanoseconds = vectors * window[0] * window[1] * _TAP
    workers = pool()
    blocks = 1
    if kind.endswith("grad"):
        if images < 2 * workers.threads and channels > lanes:
            blocks = -(-channels // lanes)
        units = images * blocks
    else:
        units = images * out[0]
    block = lanes if blocks > 1 else channels
    apart = strides[0] >= window[0] and strides[1] >= window[1]
    function = _function(kind, dtype, strides[1] if channels == 1 else 0, apart)
    numbers = _numbers((lines, width, channels, *out, *window, *strides, *before, blocks, block))
    function(arrays, numbers, units, workers.chunks(units, nanoseconds))
    return True
