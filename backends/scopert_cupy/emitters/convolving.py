"""Convolutions and their gradients: the windows of the input as the rows of a matrix, and products with it.

A convolution of single elements is a product alone. Where the windows would take too much memory, they are made
for a few images at a time. With channels second, the rows of that matrix are taps and its columns places, so that
reading and writing run along the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

from scopert.backend import Access
from scopert.ops.convolution_kernels import count_windows
from scopert.ops.window import window_pads
from scopert_cupy.command import Command, Emitted, Fill, Gemm, Matrix, Operand
from scopert_cupy.device import Facts
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.copying import Move, contiguous, moved, row_major
from scopert_cupy.emitters.matmul import PRECISION_ATTRIBUTE, precision_of
from scopert_cupy.emitters.source import (
    INPUT,
    OUTPUT,
    Passed,
    aligned,
    decode,
    done,
    index_type,
    pointwise,
    reading,
    shape_of,
    widest,
    writing,
)
from scopert_cupy.emitters.windows import Windows, convolved, flat, over_windows
from scopert_cupy.prelude import stored

#: Bytes that the windows of some images may take at a time.
_COLUMNS = 1 << 28
_SCRATCH = Operand("scratch", 0)
_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of one convolution: `batch` images of `channels`, in `groups`, against `filters` filters."""

    windows: Windows
    first: bool
    batch: int
    channels: int
    filters: int
    groups: int
    element: str
    dtype: str
    itemsize: int
    precision: str
    facts: Facts

    @property
    def depth(self) -> int:
        """Channels of a group."""
        return self.channels // self.groups

    @property
    def each(self) -> int:
        """Filters of a group."""
        return self.filters // self.groups

    @property
    def places(self) -> int:
        """Windows of an image."""
        return prod(self.windows.out)

    @property
    def pixels(self) -> int:
        return prod(self.windows.sizes)

    @property
    def taps(self) -> int:
        """Elements of a window."""
        return self.windows.taps * self.depth

    @property
    def _portion(self) -> int:
        """Images whose windows are made at a time; there is nothing to make where windows are elements."""
        size = self.places * self.taps * self.itemsize
        return self.batch if self.windows.pointwise else max(1, min(self.batch, _COLUMNS // max(size, 1)))

    @property
    def columns_size(self) -> int:
        """Bytes of the windows of a portion."""
        return 0 if self.windows.pointwise else self._portion * self.places * self.taps * self.itemsize

    def portions(self, image: Operand, group: int, columns: Operand) -> Iterator[tuple[int, int, Matrix]]:
        """First image and number of images of each portion, and the matrix of their windows.

        It stands in `columns`, or is a part of the `image` where windows are elements. With channels second, it is
        one matrix for each image.
        """
        for begin in range(0, self.batch, self._portion):
            if self.windows.pointwise:
                at = self.at(image, group * self.depth * (self.pixels if self.first else 1))
                leading, step = (self.pixels if self.first else self.channels), self.channels * self.pixels
            else:
                at, leading, step = columns, (self.places if self.first else self.taps), self.taps * self.places
            strides = (step,) if self.first else ()
            yield begin, min(self._portion, self.batch - begin), Matrix(at, leading, strides=strides)

    def results(self, images: Operand, group: int, begin: int) -> Matrix:
        """What the filters of a group make of the images from `begin` on, one or several matrices as in `portions`."""
        if self.first:
            at = self.at(images, (begin * self.filters + group * self.each) * self.places)
            return Matrix(at, self.places, strides=(self.filters * self.places,))
        return Matrix(self.at(images, begin * self.places * self.filters + group * self.each), self.filters)

    def gemm(
        self, m: int, n: int, k: int, a: Matrix, b: Matrix, out: Matrix, batch: int = 0, more: bool = False
    ) -> Gemm:  # fmt: skip
        return Gemm(m, n, k, a, b, out, self.dtype, self.precision, (batch,) if batch else (), accumulate=more)

    def at(self, operand: Operand, elements: int) -> Operand:
        """Some elements further."""
        return Operand(operand.role, operand.number, operand.offset + elements * self.itemsize)


def plan(
    request: Request, image: tuple[int, ...], kernel: tuple[int, ...], out: tuple[int, ...], value: int
) -> Sizes | None:  # fmt: skip
    """The sizes of a step, from the shapes of input, filter and output; `value` is an input of its type."""
    dtype, found = request.inputs[value].dtype.base, convolved(request.attrs, image, kernel)
    if found is None:
        return None
    windows, first = found
    channels, filters = image[1] if first else image[-1], kernel[-1]
    if dtype.name not in _FLOATS or not kernel[-2] or channels % kernel[-2] or filters % (channels // kernel[-2] or 1):
        return None
    if out != ((image[0], filters, *windows.out) if first else (image[0], *windows.out, filters)):
        return None
    precision = precision_of(request.attrs.get(PRECISION_ATTRIBUTE)) if dtype.name == "float32" else "float32"
    element = stored(dtype)
    assert element is not None
    return Sizes(
        windows, first, image[0], channels, filters, channels // kernel[-2], element, dtype.name, dtype.np.itemsize,
        precision, request.facts,
    )  # fmt: skip


def _columns(p: Sizes, source: Operand, target: Operand, group: int, begin: int, count: int) -> Command:
    """The windows of some images: rows of taps, or (channels second) for each image rows of places."""
    windows, rank, first = p.windows, len(p.windows.sizes), p.first
    space = row_major(windows.sizes)
    each = 1 if first else max(1, widest(p.depth * p.itemsize, p.channels * p.itemsize) // p.itemsize)
    steps = [f"o{k}" for k in range(rank)]
    if first:
        extents = (count, *windows.kernel, p.depth, *windows.out)
        taps = [f"e{1 + k}" for k in range(rank)]
        channel, places = f"e{1 + rank}", [f"e{2 + rank + k}" for k in range(rank)]
    else:
        extents = (count, *windows.out, *windows.kernel, p.depth // each)
        places = [f"e{1 + k}" for k in range(rank)]
        taps, channel = [f"e{1 + rank + k}" for k in range(rank)], f"e{1 + 2 * rank}"
    kind = index_type(prod(extents) * each, p.batch * p.channels * p.pixels)
    lines, tests = [decode("i", extents, "e", kind)], []
    for k in range(rank):
        lines.append(
            f"const int {steps[k]} = (int){places[k]} * {windows.strides[k]} - {windows.before[k]} + "
            f"(int){taps[k]} * {windows.rates[k]};"
        )
        tests.append(f"(unsigned){steps[k]} < {windows.sizes[k]}u")
    pixel, start = flat("o", space, kind), group * p.depth
    if first:
        at = f"((e0 + {begin}u) * {p.channels}u + {start}u + {channel}) * {p.pixels}u + {pixel}"
    else:
        at = f"((e0 + {begin}u) * {p.pixels}u + {pixel}) * {p.channels}u + {start}u + {channel} * {each}u"
    body = (
        "\n    ".join(lines)
        + f"\n    sc_pack<{p.element}, {each}> pack; if ({' && '.join(tests)}) pack = sc_load<{each}>(source + {at}); "
        + f"else for (int w = 0; w < {each}; ++w) pack.at[w] = sc_put<{p.element}>(0);\n"
        + f"    sc_store<{each}>(target + i * {each}, pack);"
    )
    parameters: list[Passed] = [(reading(p.element, "source"), source), (writing(p.element, "target"), target)]
    return pointwise("columns", prod(extents), parameters, body, p.facts, width=each * p.itemsize, kind=kind)


def _from_columns(p: Sizes, source: Operand, target: Operand, group: int, begin: int, count: int) -> Command:
    """Each element of some images: the sum of its places in the windows."""
    windows, rank = p.windows, len(p.windows.sizes)
    each = 1 if p.first else max(1, widest(p.depth * p.itemsize, p.channels * p.itemsize) // p.itemsize)
    if p.first:
        extents = (count, p.depth, *windows.sizes)
        channel, places = "e1", [f"e{2 + k}" for k in range(rank)]
        tap, window = flat("t", row_major(windows.kernel), "unsigned"), flat("q", row_major(windows.out), "unsigned")
        kind = index_type(prod(extents) * windows.taps, p.batch * p.channels * p.pixels)
        at = f"((e0 * {windows.taps}u + ({kind})({tap})) * {p.depth}u + {channel}) * {p.places}u + ({window})"
        to = f"((e0 + {begin}u) * {p.channels}u + {group * p.depth}u + {channel}) * {p.pixels}u + i % {p.pixels}u"
    else:
        extents = (count, *windows.sizes, p.depth // each)
        channel, places = f"e{1 + rank}", [f"e{1 + k}" for k in range(rank)]
        tap, window = flat("t", row_major(windows.kernel), "unsigned"), flat("q", row_major(windows.out), "unsigned")
        kind = index_type(prod(extents) * each * windows.taps, p.batch * p.channels * p.pixels)
        at = (
            f"((e0 * {p.places}u + ({kind})({window})) * {windows.taps}u + ({tap})) * {p.depth}u + {channel} * {each}u"
        )  # fmt: skip
        to = (
            f"((e0 + {begin}u) * {p.pixels}u + i / {p.depth // each}u % {p.pixels}u) * {p.channels}u + "
            f"{group * p.depth}u + {channel} * {each}u"
        )
    take = (
        f"const sc_pack<{p.element}, {each}> pack = sc_load<{each}>(source + {at}); "
        f"for (int w = 0; w < {each}; ++w) total[w] += sc_get(pack.at[w]);"
    )
    body = (
        f"typedef sc_value<{p.element}> A; {decode('i', extents, 'e', kind)}\n    A total[{each}]; "
        f"for (int w = 0; w < {each}; ++w) total[w] = (A)0;\n      {over_windows(windows, places, take)}\n"
        f"    sc_pack<{p.element}, {each}> made; for (int w = 0; w < {each}; ++w) "
        f"made.at[w] = sc_put<{p.element}>(total[w]);\n    sc_store<{each}>(target + {to}, made);"
    )
    parameters: list[Passed] = [(reading(p.element, "source"), source), (writing(p.element, "target"), target)]
    return pointwise("from_columns", prod(extents), parameters, body, p.facts, width=each * p.itemsize, kind=kind)


def _forward(request: Request) -> Emitted | None:
    x, w, y = shape_of(request.inputs[0]), shape_of(request.inputs[1]), shape_of(request.outputs[0])
    p = plan(request, x, w, y, 0)
    if p is None:
        return None
    if not prod(y):
        return done()
    if not p.taps or not prod(x):
        return done(Fill(OUTPUT[0], 0, prod(y) * p.itemsize))
    commands: list[Command] = []
    for group in range(p.groups):
        weights = p.at(INPUT[1], group * p.each)
        for begin, count, rows in p.portions(INPUT[0], group, _SCRATCH):
            out = p.results(OUTPUT[0], group, begin)
            if not p.windows.pointwise:
                commands.append(_columns(p, INPUT[0], rows.at, group, begin, count))
            if p.first:
                turned = Matrix(weights, p.filters, True, (0,))
                commands.append(p.gemm(p.each, p.places, p.taps, turned, rows, out, count))
            else:
                commands.append(p.gemm(count * p.places, p.each, p.taps, rows, Matrix(weights, p.filters), out))
    return Emitted(tuple(commands), p.columns_size)


def _to_input(request: Request) -> Emitted | None:
    w, dy, x = shape_of(request.inputs[1]), shape_of(request.inputs[2]), shape_of(request.outputs[0])
    p = plan(request, x, w, dy, 1)
    if p is None:
        return None
    if not prod(x):
        return done()
    if not prod(w) or not prod(dy):
        return done(Fill(OUTPUT[0], 0, prod(x) * p.itemsize))
    commands: list[Command] = []
    for group in range(p.groups):
        weights = p.at(INPUT[1], group * p.each)
        for begin, count, rows in p.portions(OUTPUT[0], group, _SCRATCH):
            grad = p.results(INPUT[2], group, begin)
            if p.first:
                matrix = Matrix(weights, p.filters, False, (0,))
                commands.append(p.gemm(p.taps, p.places, p.each, matrix, grad, rows, count))
            else:
                turned = Matrix(weights, p.filters, True)
                commands.append(p.gemm(count * p.places, p.taps, p.each, grad, turned, rows))
            if not p.windows.pointwise:
                commands.append(_from_columns(p, rows.at, OUTPUT[0], group, begin, count))
    return Emitted(tuple(commands), p.columns_size)


def _channels_last(p: Sizes, source: Operand, target: Operand, channels: int, pixels: int) -> tuple[Command, ...]:
    """A copy of images with the channels last."""
    extents = (p.batch, pixels, channels)
    of = Access((channels * pixels, 1, pixels))
    return moved([Move(target, source, extents, contiguous(extents), of)], p.itemsize, p.facts)


def _to_filter(request: Request) -> Emitted | None:
    x, dy, w = shape_of(request.inputs[0]), shape_of(request.inputs[2]), shape_of(request.outputs[0])
    p = plan(request, x, w, dy, 0)
    if p is None:
        return None
    if not prod(w):
        return done()
    if not prod(x) or not prod(dy):
        return done(Fill(OUTPUT[0], 0, prod(w) * p.itemsize))
    commands: list[Command] = []
    image, grad, columns = INPUT[0], INPUT[2], _SCRATCH
    if p.first:  # sums over windows want both with the channels last
        image, grad = columns, Operand("scratch", 0, aligned(prod(x) * p.itemsize))
        columns = Operand("scratch", 0, grad.offset + aligned(prod(dy) * p.itemsize))
        commands += _channels_last(p, INPUT[0], image, p.channels, p.pixels)
        commands += _channels_last(p, INPUT[2], grad, p.filters, p.places)
        p = replace(p, first=False)
    for group in range(p.groups):
        out = Matrix(p.at(OUTPUT[0], group * p.each), p.filters)
        for begin, count, rows in p.portions(image, group, columns):
            if not p.windows.pointwise:
                commands.append(_columns(p, image, rows.at, group, begin, count))
            turned, upward = replace(rows, transposed=True), p.results(grad, group, begin)
            many = count * p.places
            commands.append(p.gemm(p.taps, p.each, many, turned, upward, out, more=begin > 0))
    return Emitted(tuple(commands), columns.offset + p.columns_size)


def _patches(request: Request) -> Emitted | None:
    """The windows themselves."""
    x, out, attrs = shape_of(request.inputs[0]), shape_of(request.outputs[0]), request.attrs
    element = stored(request.inputs[0].dtype)
    kernel, strides = tuple(attrs["ksizes"][1:-1]), tuple(attrs["strides"][1:-1])
    rates = tuple(attrs["rates"][1:-1]) if "rates" in attrs else (1,) * len(kernel)
    if element is None or len(x) != len(kernel) + 2:
        return None
    sizes, padding = x[1:-1], attrs["padding"]
    pads = [window_pads(n, k, s, padding, d) for n, k, s, d in zip(sizes, kernel, strides, rates, strict=True)]
    places = count_windows(sizes, kernel, strides, rates, pads)
    windows = Windows(sizes, kernel, strides, rates, tuple([pad for pad, _ in pads]), places)
    if out != (x[0], *places, x[-1] * windows.taps):
        return None
    if not prod(out):
        return done()
    if not prod(x):
        return None
    dtype = request.inputs[0].dtype
    p = Sizes(windows, False, x[0], x[-1], 1, 1, element, dtype.name, dtype.np.itemsize, "float32", request.facts)
    return done(_columns(p, INPUT[0], OUTPUT[0], 0, 0, x[0]))


TABLE: dict[str, Emitter] = {
    "ExtractImagePatches": _patches,
    "ExtractVolumePatches": _patches,
    "Conv2D": _forward,
    "Conv2DBackpropInput": _to_input,
    "Conv2DBackpropFilter": _to_filter,
    "Conv3D": _forward,
    "Conv3DBackpropInputV2": _to_input,
    "Conv3DBackpropFilterV2": _to_filter,
}
