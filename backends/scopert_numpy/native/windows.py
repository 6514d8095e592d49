"""Machine code for convolutions: the windows of a piece of images are copied to scratch memory, and BLAS multiplies.

The same pieces as `scopert_numpy.windows` has, without the interpreter between them. With channels last, a window is a
row of the matrix, copied straight from the image: taps that lie side by side are one run. With channels first, or a
single one, it is a column, and runs are lines of windows.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np

from scopert.graph.dtypes import DType, as_dtype
from scopert_numpy.native import jit
from scopert_numpy.native.builder import BITS, Value
from scopert_numpy.native.moves import gemms, moves
from scopert_numpy.native.primitives import memory_kind
from scopert_numpy.native.writer import Function, Writer
from scopert_numpy.threads import pool
from scopert_numpy.windows import ARENA, Windows

_NAMES = ("images", "height", "width", "channels", "out_lines", "out_width", "kernel_lines", "kernel_width",
          "stride_lines", "stride_width", "dilation_lines", "dilation_width", "top", "left", "lines", "strips", "block",
          "filters", "elements", "scratch")  # fmt: skip
_Numbers = ctypes.c_int64 * len(_NAMES)
# CBLAS' numbers for row-major order, for a matrix as it is, and transposed.
_ROWS, _PLAIN, _TURNED = 101, 111, 112


class _Convolution:
    """Writes a function over pieces of images.

    Parameters
    ----------
    filter : bool
        The gradient to the filter: arrays are images, gradients, a total for each chunk, scratch memory; else images,
        filter, result, scratch memory.
    first : bool
        Channels come first.
    turned : bool
        Windows are columns: with channels first, or if there is one.
    step : int
        If windows are columns, the distance between those of a line; else whether taps are apart (0 or 1).
    """

    def __init__(self, dtype: DType, filter: bool, first: bool, turned: bool, step: int) -> None:
        self.filter, self.first, self.turned, self.step = filter, first, turned, step
        self.w = Writer("rows", 4, len(_NAMES))
        self.b = self.w.b
        self.n = dict(zip(_NAMES, self.w.numbers, strict=True))
        self.kind = memory_kind(dtype)
        self.lanes = jit.host().vector_bits // BITS[self.kind]
        self.word = gemms()[self.kind][1]

    def text(self) -> str:
        w, b, n = self.w, self.b, self.n
        name, word, kind = f"@scopert_{self.kind}_product", self.word, self.kind
        b.needs.add(f"declare void {name}(i32, i32, i32, {word}, {word}, {word}, {kind}, ptr, {word}, ptr, {word}, "
                    f"{kind}, ptr, {word})")  # fmt: skip
        chunk = Value("%chunk", "i64", 1)
        self.scratch = b.address("%p3", kind, self._mul(chunk, n["scratch"]))
        self.total = b.address("%p2", kind, self._mul(chunk, n["elements"], n["filters"])) if self.filter else ""
        self.beta = w.variable(kind, 1)
        self.beta.set(b.constant(kind, 0.0))
        w.loop(w.lo, w.hi, 1, self._piece)
        return w.text()

    def _i(self, opcode: str, a: Value, c: Value) -> Value:
        return self.b.binary(opcode, a, c)

    def _mul(self, *values: Value) -> Value:
        made, *others = values
        for other in others:
            made = self._i("mul", made, other)
        return made

    def _add(self, *values: Value) -> Value:
        made, *others = values
        for other in others:
            made = self._i("add", made, other)
        return made

    def _number(self, value: int) -> Value:
        return self.b.constant("i64", value)

    def _piece(self, unit: Value) -> None:
        b, n = self.b, self.n
        image = self._mul(self._i("udiv", unit, n["strips"]), n["block"])
        count = b.call("smin", n["block"], self._i("sub", n["images"], image))
        line = self._mul(self._i("urem", unit, n["strips"]), n["lines"])
        rows = b.call("smin", n["lines"], self._i("sub", n["out_lines"], line))
        windows = self._mul(rows, n["out_width"])
        zero = self._number(0)
        if self.turned:
            self._columns(image, line, rows, windows)
        else:
            self.w.loop(zero, count, 1, lambda k: self.w.loop(zero, rows, 1, lambda row: self._line_of_rows(
                self._i("add", image, k), self._i("add", line, row), self._add(self._mul(k, rows), row))))  # fmt: skip
        self._product(image, line, self._mul(count, windows))

    # Windows

    def _inside(self, place: Value, size: str) -> Value:
        return self.b.compare("icmp ult", place, self.n[size])

    def _indices(self, j: Value, lanes: int) -> Value:
        steps = Value("<" + ", ".join(f"i64 {k}" for k in range(lanes)) + ">", "i64", lanes)
        return self.b.binary("add", j, steps)

    def _line_of_rows(self, image: Value, line: Value, row: Value) -> None:
        """The windows of a line, each a row of the matrix."""
        b, n, zero = self.b, self.n, self._number(0)
        start = self._i("sub", self._mul(line, n["stride_lines"]), n["top"])
        taps, run = n["kernel_width"], self._mul(n["kernel_width"], n["channels"])

        def one(column: Value) -> None:
            left = self._i("sub", self._mul(column, n["stride_width"]), n["left"])
            to = self._mul(self._add(self._mul(row, n["out_width"]), column), n["elements"])

            def tap_line(tap: Value) -> None:
                y = self._add(start, self._mul(tap, n["dilation_lines"]))
                base = self._mul(self._add(image_line(y), left), n["channels"])
                target = b.address(self.scratch, self.kind, self._add(to, self._mul(tap, run)))
                # The part of the run that lies in the image; nothing, if the line does not.
                begin = b.call("smax", zero, self._i("sub", zero, left))
                end = b.call("smin", taps, self._i("sub", n["width"], left))
                end = b.select(self._inside(y, "height"), end, zero)
                low, high = self._mul(begin, n["channels"]), self._mul(end, n["channels"])
                self._copy_run(target, base, run, low, high)

            def tap_point(tap: Value, point: Value) -> None:
                y = self._add(start, self._mul(tap, n["dilation_lines"]))
                x = self._add(left, self._mul(point, n["dilation_width"]))
                inside = b.binary("and", self._inside(y, "height"), self._inside(x, "width"))
                base = self._mul(self._add(image_line(y), x), n["channels"])
                part = self._mul(self._add(self._mul(tap, taps), point), n["channels"])
                target = b.address(self.scratch, self.kind, self._add(to, part))
                self._copy_run(target, base, n["channels"], zero, b.select(inside, n["channels"], zero))

            if self.step:
                self.w.loop(zero, n["kernel_lines"], 1, lambda tap: self.w.loop(
                    zero, taps, 1, lambda point: tap_point(tap, point)))  # fmt: skip
            else:
                self.w.loop(zero, n["kernel_lines"], 1, tap_line)

        def image_line(y: Value) -> Value:
            return self._mul(self._add(self._mul(image, n["height"]), y), n["width"])

        self.w.loop(zero, n["out_width"], 1, one)

    def _copy_run(self, target: str, base: Value, count: Value, low: Value, high: Value) -> None:
        """``target[k] = images[base + k]`` for ``low <= k < high``, else 0, for all `k` below `count`."""
        b = self.b

        def point(j: Value, lanes: int, mask: Value | None) -> None:
            indices = self._indices(j, lanes)
            wanted = b.binary("and", b.compare("icmp sge", indices, low), b.compare("icmp slt", indices, high))
            found = b.load(b.address("%p0", self.kind, self._add(base, j)), self.kind, lanes, wanted)
            b.store(found, b.address(target, self.kind, j), mask)

        self.w.lanes(count, self.lanes, point)

    def _columns(self, image: Value, line: Value, rows: Value, windows: Value) -> None:
        """The windows of some lines, each a column of the matrix."""
        b, n, zero = self.b, self.n, self._number(0)

        def tap(tap_line: Value, tap_column: Value, channel: Value) -> None:
            number = self._add(self._mul(tap_line, n["kernel_width"]), tap_column)
            number = self._add(self._mul(number, n["channels"]), channel)
            plane = self._mul(self._add(self._mul(image, n["channels"]), channel), n["height"])
            left = self._i("sub", self._mul(tap_column, n["dilation_width"]), n["left"])

            def one_line(row: Value) -> None:
                y = self._i("sub", self._mul(self._add(line, row), n["stride_lines"]), n["top"])
                y = self._add(y, self._mul(tap_line, n["dilation_lines"]))
                base = self._add(self._mul(self._add(plane, y), n["width"]), left)
                place = self._add(self._mul(number, windows), self._mul(row, n["out_width"]))
                target = b.address(self.scratch, self.kind, place)
                limit = b.select(self._inside(y, "height"), n["width"], zero)
                self._copy_line(target, base, left, limit)

            self.w.loop(zero, rows, 1, one_line)

        self.w.loop(zero, n["kernel_lines"], 1, lambda k: self.w.loop(zero, n["kernel_width"], 1, lambda m: self.w.loop(
            zero, n["channels"], 1, lambda channel: tap(k, m, channel))))  # fmt: skip

    def _copy_line(self, target: str, base: Value, left: Value, limit: Value) -> None:
        """A line of windows' elements: those of the image at ``left, left + step ...``, below `limit`; else 0."""
        b = self.b

        def point(j: Value, lanes: int, mask: Value | None) -> None:
            step = self._number(self.step)
            places = b.binary("add", b.binary("mul", self._indices(j, lanes), step), left)
            wanted = b.compare("icmp ult", places, limit)
            start = b.address("%p0", self.kind, self._add(base, self._mul(j, step)))
            if self.step == 1:
                found = b.load(start, self.kind, lanes, wanted)
            else:
                found = b.gather(b.spread(start, self.kind, self.step, lanes), self.kind, wanted)
            b.store(found, b.address(target, self.kind, j), mask)

        self.w.lanes(self.n["out_width"], self.lanes, point)

    # Products

    def _product(self, image: Value, line: Value, windows: Value) -> None:
        b, n = self.b, self.n
        points, start = self._mul(n["out_lines"], n["out_width"]), self._mul(line, n["out_width"])
        if self.first:
            place = self._add(self._mul(image, n["filters"], points), start)
        else:
            place = self._mul(self._add(self._mul(image, points), start), n["filters"])
        elements, filters, zero = n["elements"], n["filters"], b.constant(self.kind, 0.0)
        width = windows if self.turned else elements  # of the scratch matrix
        if not self.filter:
            out = b.address("%p2", self.kind, place)
            if self.first:
                self._gemm((_TURNED, _PLAIN), (filters, windows, elements), ("%p1", filters), (self.scratch, windows),
                           zero, (out, points))  # fmt: skip
            else:
                self._gemm((_TURNED if self.turned else _PLAIN, _PLAIN), (windows, filters, elements),
                           (self.scratch, width), ("%p1", filters), zero, (out, filters))  # fmt: skip
            return
        gradient = b.address("%p1", self.kind, place)
        beta = self.beta.get()
        if self.first:
            self._gemm((_PLAIN, _TURNED), (elements, filters, windows), (self.scratch, windows), (gradient, points),
                       beta, (self.total, filters))  # fmt: skip
        else:
            self._gemm((_PLAIN if self.turned else _TURNED, _PLAIN), (elements, filters, windows),
                       (self.scratch, width), (gradient, filters), beta, (self.total, filters))  # fmt: skip
        self.beta.set(b.constant(self.kind, 1.0))

    def _gemm(
        self, turned: tuple[int, int], sizes: tuple[Value, Value, Value], left: tuple[str, Value],
        right: tuple[str, Value], beta: Value, out: tuple[str, Value],
    ) -> None:  # fmt: skip
        b = self.b

        def word(value: Value) -> str:
            return (b.convert("trunc", value, "i32") if self.word == "i32" else value).typed

        numbers = [f"i32 {_ROWS}", *[f"i32 {code}" for code in turned], *[word(size) for size in sizes]]
        numbers += [b.constant(self.kind, 1.0).typed, f"ptr {left[0]}", word(left[1]), f"ptr {right[0]}",
                    word(right[1]), beta.typed, f"ptr {out[0]}", word(out[1])]  # fmt: skip
        b.emit(f"call void @scopert_{self.kind}_product({', '.join(numbers)})")


@cache
def _function(dtype: DType, filter: bool, first: bool, turned: bool, step: int) -> Function:
    moves()  # which tells LLVM where BLAS is
    return Function(_Convolution(dtype, filter, first, turned, step).text(), 4)


def can(dtype: np.dtype) -> bool:
    """Whether BLAS can be called for a type."""
    return dtype in (np.float32, np.float64) and memory_kind(as_dtype(dtype)) in gemms()


@lru_cache(maxsize=512)
def _numbers(taken: Windows, images: int, block: int, filters: int, size: int) -> Any:
    return _Numbers(
        images, *taken.image, *taken.out, *taken.kernel, *taken.strides, *taken.dilations, *taken.before, taken.lines,
        taken.strips, block, filters, taken.elements, size,
    )  # fmt: skip


def _run(
    filter: bool, x: np.ndarray, other: np.ndarray, filters: int, taken: Windows,
    target: Callable[[int], np.ndarray],
) -> None:  # fmt: skip
    images = len(x)
    strips = taken.strips
    turned = taken.first or taken.image[2] == 1
    block = 1 if turned or strips > 1 else min(taken.images, images)
    units = strips * -(-images // block)
    size = block * taken.lines * taken.out[1] * taken.elements
    size += -size % 64
    threads = pool().threads
    work = images * taken.out[0] * taken.out[1] * taken.elements * filters
    chunks = min(units, 2 * threads) if work >= 1 << 22 and threads > 1 else 1
    scratch, buffer = ARENA.take((chunks * size,), x.dtype)
    numbers = _numbers(taken, images, block, filters, size)
    step = taken.strides[1] if turned else int(taken.dilations[1] > 1)
    function = _function(as_dtype(x.dtype), filter, taken.first, turned, step)
    function((x, other, target(chunks), scratch), numbers, units, chunks)
    ARENA.give(buffer)


def forward(x: np.ndarray, weights: np.ndarray, taken: Windows, out: np.ndarray) -> None:
    """Fills `out`; arrays are contiguous, in the layout that `taken` says, and of one type."""
    _run(False, x, weights, weights.shape[-1], taken, lambda _: out)


def grad_filter(x: np.ndarray, gradient: np.ndarray, filters: int, taken: Windows, out: np.ndarray) -> None:
    """Fills `out`, of the filter's shape, with the gradient to it."""
    held = []

    def totals(chunks: int) -> np.ndarray:
        if chunks == 1:
            return out
        held.append(ARENA.take((chunks, *out.shape), out.dtype))
        array: np.ndarray = held[0][0]
        return array

    _run(True, x, gradient, filters, taken, totals)
    for array, buffer in held:
        np.add(array[0], array[1], out=out)
        for total in array[2:]:
            np.add(out, total, out=out)
        ARENA.give(buffer)
