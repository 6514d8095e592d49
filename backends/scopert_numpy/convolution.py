"""Convolutions of images as products with matrices of windows (`windows.py`), in both layouts.

The gradient to the images is a convolution of the gradient too: for each remainder of an image's lines and points by
the strides, the taps of the filter that meet it, turned around. Everything that is no plain convolution of images in
float32 or float64 goes to the generic functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import Any

import numpy as np

from scopert.backend import Kernel, Origin
from scopert.ops import nn_conv
from scopert.ops.convolution_kernels import count_windows
from scopert.ops.nn_conv import Geometry
from scopert.ops.window import Pads
from scopert_numpy import windows
from scopert_numpy.matmul import product
from scopert_numpy.native import unavailable
from scopert_numpy.threads import pool
from scopert_numpy.windows import ARENA, Windows, windows_of

Array = Any

# Channels from which on BLAS multiplies at full speed.
_WIDE = 16


@dataclass(frozen=True)
class Case:
    """One convolution; arrays have their channels last, as views where they come first in memory.

    Attributes
    ----------
    image : (int, int, int)
        Lines, points, channels.
    kernel, strides, dilations : (int, int)
    pads : pair of (int, int)
    out : (int, int)
    first : bool
        The channels come first in memory.
    """

    image: tuple[int, int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[Pads, Pads]
    out: tuple[int, int]
    first: bool

    @property
    def is_pointwise(self) -> bool:
        """A product of all points."""
        return self.kernel == (1, 1) and self.strides == (1, 1) and not any(map(any, self.pads))

    def windows(self) -> Windows:
        """Those of the images."""
        before = (self.pads[0][0], self.pads[1][0])
        return windows_of(
            self.image, self.kernel, self.strides, self.dilations, before, self.out, self.first, windows.BLOCK
        )


@lru_cache(maxsize=1024)
def case_of(
    image: tuple[int, ...], w: tuple[int, ...], geometry: Geometry, first: bool, dtypes: tuple[Any, ...]
) -> Case | None:
    """The case of a convolution of images of one shape by filters of another; None if it is not written here."""
    *kernel, depth, filters = w
    if len(kernel) != 2 or len(image) != 4 or image[-1] != depth or 0 in (*image, *kernel, depth, filters):
        return None
    if dtypes[0] not in (np.float32, np.float64) or any(dtype != dtypes[0] for dtype in dtypes):
        return None
    strides, dilations, pads = geometry.arguments(image[1:-1], kernel)
    out = count_windows(image[1:-1], kernel, strides, dilations, pads)
    if 0 in out:
        return None
    return Case(
        (image[1], image[2], image[3]), (kernel[0], kernel[1]), (strides[0], strides[1]), (dilations[0], dilations[1]),
        (pads[0], pads[1]), (out[0], out[1]), first,
    )  # fmt: skip


def _memory(x: Array, first: bool) -> Array:
    """Images as they lie in memory, contiguous: with the channels before the points if they come first."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2) if first else x)


def _flat(x: Array, first: bool) -> Array:
    """``(images, points, channels)`` as it lies in memory."""
    x = _memory(x, first)
    return x.reshape(*x.shape[:2], -1) if first else x.reshape(x.shape[0], -1, x.shape[-1])


def _machine(dtype: Any) -> Any:
    """The module that convolves in machine code, or None."""
    if unavailable() is not None:
        return None
    from scopert_numpy.native import windows as machine

    return machine if machine.can(dtype) else None


def convolve(x: Array, w: Array, taken: Windows, pointwise: bool, out: Array) -> None:
    """Fills `out`, contiguous in memory but for the place of the channels."""
    filters, first = w.shape[-1], taken.first
    weights = w.reshape(-1, filters)
    flat = out.transpose(0, 3, 1, 2).reshape(out.shape[0], filters, -1) if first else out.reshape(len(out), -1, filters)
    images = x.shape[0]
    work = flat.size * taken.elements
    if pointwise:
        source = _flat(x, first)
        if first:
            pool().parallel_for(
                lambda lo, hi: np.matmul(weights.T, source[lo:hi], out=flat[lo:hi]), images,
                1 if work >= 1 << 22 else images,
            )  # fmt: skip
        else:
            product(source.reshape(-1, source.shape[-1]), weights, flat.reshape(-1, filters))
        return
    machine = _machine(x.dtype)
    if machine is not None:
        machine.forward(_memory(x, first), weights, taken, flat)
        return
    across = taken.out[1]

    def part(lo: int, hi: int) -> None:
        for piece in taken.pieces(x, lo, hi):
            where = slice(piece.lines.start * across, piece.lines.stop * across)
            if first and taken.turned:
                np.matmul(weights.T, piece.matrix, out=flat[piece.images, :, where])
            elif first:  # BLAS is quicker with rows, and turning them around costs little
                made, buffer = ARENA.take((*piece.matrix.shape[:2], filters), x.dtype)
                np.matmul(piece.matrix, weights, out=made)
                np.copyto(flat[piece.images, :, where], made.transpose(0, 2, 1))
                ARENA.give(buffer)
            elif taken.turned:
                np.matmul(piece.matrix.transpose(0, 2, 1), weights, out=flat[piece.images, where])
            else:
                np.matmul(
                    piece.matrix.reshape(-1, taken.elements), weights,
                    out=flat[piece.images, where].reshape(-1, filters),
                )  # fmt: skip

    pool().parallel_for(part, taken.units(images), taken.grain(images, work))


def grad_filter(x: Array, dy: Array, case: Case, out: Array) -> None:
    """Fills `out`, of the filter's shape."""
    filters, images, first = dy.shape[-1], x.shape[0], case.first
    result = out.reshape(-1, filters)
    gradients = _flat(dy, first)
    if case.is_pointwise and not first:
        product(_flat(x, False).reshape(-1, x.shape[-1]).T, gradients.reshape(-1, filters), result)
        return
    taken = case.windows()
    machine = _machine(x.dtype)
    if machine is not None:
        machine.grad_filter(_memory(x, first), gradients, filters, taken, result)
        return
    across = taken.out[1]
    totals: dict[int, tuple[Array, Array]] = {}

    def part(lo: int, hi: int) -> None:
        total, kept = (result, None) if lo == 0 else ARENA.take(result.shape, result.dtype)
        term, given = ARENA.take(result.shape, result.dtype)
        into = total
        for piece in taken.pieces(x, lo, hi):
            where = slice(piece.lines.start * across, piece.lines.stop * across)
            for left, right in _factors(piece.matrix, gradients, piece.images, where, taken):
                np.matmul(left, right, out=into)
                if into is term:
                    np.add(total, term, out=total)
                into = term
        ARENA.give(given)
        totals[lo] = total, kept

    work = images * taken.out[0] * across * taken.elements * filters
    pool().parallel_for(part, taken.units(images), taken.grain(images, work))
    for lo in sorted(totals)[1:]:
        total, kept = totals[lo]
        np.add(result, total, out=result)
        ARENA.give(kept)


def _factors(matrix: Array, gradients: Array, images: slice, where: slice, taken: Windows) -> Any:
    """Pairs of matrices whose products make up a piece's share of the gradient."""
    if taken.first:
        grad = gradients[images, :, where]
        return [(matrix[k] if taken.turned else matrix[k].T, grad[k].T) for k in range(len(matrix))]
    grad = gradients[images, where]
    if taken.turned:
        return [(matrix[k], grad[k]) for k in range(len(matrix))]
    return [(matrix.reshape(-1, taken.elements).T, grad.reshape(-1, grad.shape[-1]))]


@dataclass(frozen=True)
class _Phase:
    """The elements of an axis with one remainder by the stride: ``start, start + stride ...``, `count` of them.

    Their gradient is a convolution of the gradient, by `taps` of the filter in this order, that are `dilation` apart,
    with `before` zeros before it.
    """

    start: int
    count: int
    taps: tuple[int, ...]
    dilation: int
    before: int


def phases(size: int, kernel: int, stride: int, dilation: int, before: int) -> list[_Phase]:
    """How the gradient to an axis is made of convolutions.

    Element ``i`` meets tap ``t`` of window ``o`` if ``i + before = o * stride + t * dilation``.
    """
    found = []
    for remainder in range(min(stride, size + before)):
        first = -(-(before - remainder) // stride)  # elements: remainder + stride * j - before, j from here on
        start = remainder + stride * first - before
        count = len(range(start, size, stride))
        taps = [t for t in range(kernel) if (remainder - t * dilation) % stride == 0]
        if not count:
            continue
        step = dilation // gcd(stride, dilation)
        # Window j + (remainder - t * dilation) / stride; the last tap meets the first of them.
        reach = 0 if not taps else (remainder - taps[-1] * dilation) // stride + first
        found.append(_Phase(start, count, tuple(reversed(taps)), step, -reach))
    return found


def grad_input(dy: Array, w: Array, case: Case, out: Array) -> None:
    """Fills `out`, of the images' shape."""
    (height, width, depth), filters = case.image, w.shape[-1]
    if case.is_pointwise:
        one = windows_of((height, width, filters), (1, 1), (1, 1), (1, 1), (0, 0), case.out, case.first, windows.BLOCK)
        turned, buffer = ARENA.take((1, 1, filters, depth), w.dtype)
        np.copyto(turned, w.transpose(0, 1, 3, 2))
        convolve(dy, turned, one, True, out)
        ARENA.give(buffer)
        return
    if depth < _WIDE:
        _scattered(dy, w, case, out)
        return
    lines, points = [
        phases(*row) for row in zip(
            case.image[:2], case.kernel, case.strides, case.dilations, [a for a, _ in case.pads], strict=True
        )
    ]  # fmt: skip
    single = len(lines) == len(points) == 1
    for line in lines:
        for point in points:
            where = out[:, line.start :: case.strides[0], point.start :: case.strides[1]]
            if not line.taps or not point.taps:
                where[...] = 0
                continue
            turned, weights = ARENA.take((len(line.taps), len(point.taps), filters, depth), w.dtype)
            np.copyto(turned, w[_steps(line.taps), _steps(point.taps)].transpose(0, 1, 3, 2))
            taken = windows_of(
                (*case.out, filters), (len(line.taps), len(point.taps)), (1, 1), (line.dilation, point.dilation),
                (line.before, point.before), (line.count, point.count), case.first, windows.BLOCK,
            )  # fmt: skip
            if single and where.shape == out.shape:
                convolve(dy, turned, taken, False, out)
                ARENA.give(weights)
                continue
            shape = (len(out), line.count, point.count, depth)
            made, buffer = ARENA.take((shape[0], depth, *shape[1:3]) if case.first else shape, out.dtype)
            if case.first:
                made = made.transpose(0, 2, 3, 1)
            convolve(dy, turned, taken, False, made)
            where[...] = made
            ARENA.give(weights, buffer)


def _steps(taps: Sequence[int]) -> slice:
    """Taps, the last one first, as a slice: they are equally far apart."""
    step = taps[0] - taps[1] if len(taps) > 1 else 1
    return slice(taps[0], taps[-1] - 1 if taps[-1] else None, -step)


def _scattered(dy: Array, w: Array, case: Case, out: Array) -> None:
    """The same where the images have few channels: products for all taps, added up line by line."""
    (height, width, depth), filters = case.image, w.shape[-1]
    images, (oh, ow) = len(dy), case.out
    (kh, kw), (sh, sw), (dh, dw) = case.kernel, case.strides, case.dilations
    (top, bottom), (left, right) = case.pads
    tall, wide = height + top + bottom, width + left + right
    weights = w.reshape(-1, filters).T

    def part(lo: int, hi: int) -> None:
        matrix, one = ARENA.take((oh * ow, kh * kw * depth), dy.dtype)
        taps = matrix.reshape(oh, ow, kh, kw * depth)
        lines, two = ARENA.take((tall, ow, kw, depth), dy.dtype)
        merged = lines.reshape(tall, ow, kw * depth)
        padded, three = ARENA.take((tall, wide, depth), dy.dtype)
        for image in range(lo, hi):
            np.matmul(dy[image].reshape(-1, filters), weights, out=matrix)
            # First all lines of the kernel, whose windows lie side by side, then its columns.
            merged[...] = 0
            for r in range(kh):
                where = slice(r * dh, r * dh + (oh - 1) * sh + 1, sh)
                np.add(merged[where], taps[:, :, r], out=merged[where])
            padded[...] = 0
            for s in range(kw):
                across = slice(s * dw, s * dw + (ow - 1) * sw + 1, sw)
                np.add(padded[:, across], lines[:, :, s], out=padded[:, across])
            out[image] = padded[top : top + height, left : left + width]
        ARENA.give(one, two, three)

    work = images * oh * ow * kh * kw * depth * filters
    pool().parallel_for(part, images, images if work < 1 << 22 else 1)


#: ``Geometry(...)``, made once for each set of attributes.
_geometry = lru_cache(maxsize=1024)(Geometry)


# Kernels: `out`, if given, is filled; what is not written here goes to the generic functions.


def _result(shape: Sequence[int], dtype: Any, geometry: Geometry, out: Array | None) -> tuple[Array, Array]:
    """An array in the data format, and the view of it with the channels last."""
    if out is None:
        n, h, w, c = shape
        out = np.empty((n, c, h, w) if geometry.data_format == "NCHW" else tuple(shape), dtype)
    return out, geometry.last(np, out)


def _or_generic(made: Array, out: Array | None) -> Array:
    if out is None:
        return made
    np.copyto(out, made)
    return out


def _forward(x: Array, w: Array, geometry: Geometry, out: Array | None) -> Array:
    first = geometry.data_format == "NCHW"
    if x.ndim == w.ndim == 4:
        images = geometry.last(np, x)
        case = case_of(images.shape, w.shape, geometry, first, (x.dtype, w.dtype))
        if case is not None:
            result, view = _result((len(x), *case.out, w.shape[-1]), x.dtype, geometry, out)
            convolve(images, np.ascontiguousarray(w), case.windows(), case.is_pointwise, view)
            return result
    return _or_generic(nn_conv.forward(np, x, w, geometry), out)


def _backward_input(sizes: Array, w: Array, dy: Array, geometry: Geometry, out: Array | None) -> Array:
    if w.ndim == dy.ndim == 4 and np.size(sizes) == 4:
        shape = geometry.last_sizes(sizes.tolist())
        first, gradients = geometry.data_format == "NCHW", geometry.last(np, dy)
        case = case_of(shape, w.shape, geometry, first, (dy.dtype, w.dtype))
        if case is not None and gradients.shape == (shape[0], *case.out, w.shape[-1]):
            result, view = _result(shape, dy.dtype, geometry, out)
            grad_input(gradients, w, case, view)
            return result
    return _or_generic(nn_conv.backward_input(np, sizes, w, dy, geometry), out)


def _backward_filter(x: Array, sizes: Array, dy: Array, geometry: Geometry, out: Array | None) -> Array:
    if x.ndim == dy.ndim == 4 and np.size(sizes) == 4:
        shape = tuple(sizes.tolist())
        first, images, gradients = geometry.data_format == "NCHW", geometry.last(np, x), geometry.last(np, dy)
        case = case_of(images.shape, shape, geometry, first, (x.dtype, dy.dtype))
        if case is not None and gradients.shape == (len(x), *case.out, shape[-1]):
            result = np.empty(shape, x.dtype) if out is None else out
            grad_filter(images, gradients, case, result)
            return result
    return _or_generic(nn_conv.backward_filter(np, x, sizes, dy, geometry), out)


def _kernels(op: str, run: Callable[..., Array]) -> tuple[Kernel, Kernel]:
    """The kernel that returns new memory, and the one that fills what it is given."""

    def fresh(
        xp: Any, *inputs: Array,
        strides: Any, padding: str, explicit_paddings: Any, data_format: str, dilations: Any,
    ) -> Array:  # fmt: skip
        attrs = tuple(strides), padding, data_format, tuple(dilations), tuple(explicit_paddings)
        return run(*inputs, _geometry(*attrs), None)

    def into(
        xp: Any, *inputs: Array,
        strides: Any, padding: str, explicit_paddings: Any, data_format: str, dilations: Any, out: Array,
    ) -> Array:  # fmt: skip
        attrs = tuple(strides), padding, data_format, tuple(dilations), tuple(explicit_paddings)
        return run(*inputs, _geometry(*attrs), out)

    return Kernel(op, fresh, _is_float), Kernel(op, into, _is_float, out=True)


def _is_float(origin: Origin) -> bool:
    return origin.output_dtypes[0].np in (np.float32, np.float64)


CONVOLUTIONS: tuple[Kernel, ...] = (
    *_kernels("Conv2D", _forward),
    *_kernels("Conv2DBackpropInput", _backward_input),
    *_kernels("Conv2DBackpropFilter", _backward_filter),
)

__all__ = ["CONVOLUTIONS"]
