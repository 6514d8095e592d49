"""Convolutions of images as products with a matrix of windows that stays in the cache.

Images are taken in blocks whose windows fill about a core's cache, and blocks are dealt to threads. The matrix of
windows has a row for each pixel of the output; if the rows were short and the lines long (few channels), a column.
Everything that is no plain convolution of images in float32 or float64 goes to the generic functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scopert.backend import Kernel, Origin
from scopert.ops import convolution_kernels as generic
from scopert.ops.nn_conv import Geometry, backward_filter, backward_input, forward
from scopert.ops.window import Pads
from scopert_numpy.matmul import product
from scopert_numpy.threads import pool

Array = Any

# Elements of the windows of a block.
_BLOCK = 1 << 18
# Columns of a matrix from which on BLAS multiplies at full speed.
_WIDE = 16


class _Windows:
    """The windows of images of one shape.

    Parameters
    ----------
    image : (int, int, int)
        Rows, columns, channels.
    kernel, strides, dilations, out : pairs of int
    pads : pairs of (int, int)
    """

    def __init__(
        self, image: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int],
        pads: Sequence[Pads], out: Sequence[int],
    ) -> None:  # fmt: skip
        self.image, self.kernel, self.strides, self.dilations, self.pads = image, kernel, strides, dilations, pads
        self.out = out
        channels = image[2]
        self.rows, self.columns = out[0] * out[1], kernel[0] * kernel[1] * channels
        self.block = max(1, _BLOCK // max(self.rows * self.columns, 1))
        #: A window is a column: its pieces would be shorter than a line of the output.
        self.turned = strides[1] == 1 and kernel[1] * channels < out[1]

    def scratch(self, count: int, dtype: Any) -> tuple[Array, Array, Array, Array]:
        """For `count` images: padded images, the part inside the border, their windows as a view, and the matrix."""
        height, width, channels = self.image
        (top, bottom), (left, right) = self.pads
        tall, wide = height + top + bottom, width + left + right
        where = (slice(None), slice(top, top + height), slice(left, left + width))
        (kh, kw), (sh, sw), (dh, dw) = self.kernel, self.strides, self.dilations
        strided = np.lib.stride_tricks.as_strided
        if self.turned:
            padded = np.zeros((count, channels, tall, wide), dtype)
            n, c, h, w = padded.strides
            view = strided(
                padded, (count, kh, kw, channels, *self.out), (n, h * dh, w * dw, c, h * sh, w * sw)
            )
            inside = padded.transpose(0, 2, 3, 1)[where]
            matrix = np.empty((count, self.columns, self.rows), dtype)
        else:
            padded = np.zeros((count, tall, wide, channels), dtype)
            n, h, w, c = padded.strides
            view = strided(
                padded, (count, *self.out, kh, kw, channels), (n, h * sh, w * sw, h * dh, w * dw, c)
            )
            inside = padded[where]
            matrix = np.empty((count, self.rows, self.columns), dtype)
        return inside, view, matrix, matrix.reshape(view.shape)

    def share(self, images: int, work: int) -> int:
        """How many images a thread should have at least."""
        return max(self.block, images if work < 1 << 22 else 1)


def _is_plain(x: Array, kernel: Sequence[int], depth: int, filters: int, dtypes: Sequence[Any]) -> bool:
    return (
        len(kernel) == 2 and x.shape[-1] == depth and 0 not in (*x.shape, *kernel, depth, filters)
        and x.dtype in (np.float32, np.float64) and all(dtype == x.dtype for dtype in dtypes)
    )  # fmt: skip


def _is_pointwise(kernel: Sequence[int], strides: Sequence[int], pads: Sequence[Pads]) -> bool:
    return tuple(kernel) == (1, 1) and tuple(strides) == (1, 1) and not any(map(any, pads))


def _is_dense(
    sizes: Sequence[int], out: Sequence[int], strides: Sequence[int], kernel: Sequence[int], dilations: Sequence[int],
    pads: Sequence[Pads],
) -> bool:  # fmt: skip
    """Whether the gradient to the input is itself a convolution of the gradient with some border around it."""
    return tuple(strides) == (1, 1) and all(
        before <= (k - 1) * d and size + before >= n
        for size, n, k, d, (before, _) in zip(sizes, out, kernel, dilations, pads, strict=True)
    )


class _Fast:
    """The functions of `convolution_kernels`, faster."""

    @staticmethod
    def convolve(
        xp: Any, x: Array, w: Array, strides: Sequence[int], dilations: Sequence[int], pads: Sequence[Pads]
    ) -> Array:
        *kernel, depth, filters = w.shape
        if not _is_plain(x, kernel, depth, filters, (w.dtype,)):
            return generic.convolve(xp, x, w, strides, dilations, pads)
        out = generic.count_windows(x.shape[1:-1], kernel, strides, dilations, pads)
        images = x.shape[0]
        result = np.empty((images, *out, filters), x.dtype)
        if result.size == 0:
            return result
        weights = w.reshape(-1, filters)
        if _is_pointwise(kernel, strides, pads):
            product(x.reshape(-1, depth), weights, result.reshape(-1, filters))
            return result
        windows = _Windows(x.shape[1:], kernel, strides, dilations, pads, out)
        flat = result.reshape(images, windows.rows, filters)

        def part(lo: int, hi: int) -> None:
            size = min(windows.block, hi - lo)
            inside, view, matrix, filled = windows.scratch(size, x.dtype)
            for start in range(lo, hi, size):
                count = min(size, hi - start)
                np.copyto(inside[:count], x[start : start + count])
                np.copyto(filled[:count], view[:count])
                if windows.turned:
                    np.matmul(matrix[:count].transpose(0, 2, 1), weights, out=flat[start : start + count])
                else:
                    np.matmul(
                        matrix[:count].reshape(-1, windows.columns), weights,
                        out=flat[start : start + count].reshape(-1, filters),
                    )  # fmt: skip

        work = images * windows.rows * windows.columns * filters
        pool().parallel_for(part, images, windows.share(images, work))
        return result

    @staticmethod
    def convolve_grad_filter(
        xp: Any, x: Array, sizes: Sequence[int], dy: Array, strides: Sequence[int], dilations: Sequence[int],
        pads: Sequence[Pads],
    ) -> Array:  # fmt: skip
        sizes = tuple([int(n) for n in sizes])
        *kernel, depth, filters = sizes
        if not _is_plain(x, kernel, depth, filters, (dy.dtype,)) or dy.size == 0:
            return generic.convolve_grad_filter(xp, x, sizes, dy, strides, dilations, pads)
        if _is_pointwise(kernel, strides, pads):
            made = np.empty((depth, filters), x.dtype)
            product(x.reshape(-1, depth).T, dy.reshape(-1, filters), made)
            return made.reshape(sizes)
        windows = _Windows(x.shape[1:], kernel, strides, dilations, pads, dy.shape[1:-1])
        images = x.shape[0]
        totals: dict[int, Array] = {}

        def part(lo: int, hi: int) -> None:
            size = min(windows.block, hi - lo)
            inside, view, matrix, filled = windows.scratch(size, x.dtype)
            total = np.zeros((windows.columns, filters), x.dtype)
            term = np.empty_like(total)
            for start in range(lo, hi, size):
                count = min(size, hi - start)
                np.copyto(inside[:count], x[start : start + count])
                np.copyto(filled[:count], view[:count])
                grad = dy[start : start + count].reshape(count, windows.rows, filters)
                if windows.turned:
                    for image in range(count):
                        np.add(total, np.matmul(matrix[image], grad[image], out=term), out=total)
                else:
                    left = matrix[:count].reshape(-1, windows.columns)
                    np.add(total, np.matmul(left.T, grad.reshape(-1, filters), out=term), out=total)
            totals[lo] = total

        work = images * windows.rows * windows.columns * filters
        pool().parallel_for(part, images, windows.share(images, work))
        result, *others = [totals[lo] for lo in sorted(totals)]
        for other in others:
            result += other
        return result.reshape(sizes)

    @staticmethod
    def convolve_grad_input(
        xp: Any, sizes: Sequence[int], w: Array, dy: Array, strides: Sequence[int], dilations: Sequence[int],
        pads: Sequence[Pads],
    ) -> Array:  # fmt: skip
        *kernel, depth, filters = w.shape
        sizes = tuple([int(n) for n in sizes])
        if len(sizes) != 4 or sizes[-1] != depth or 0 in sizes or not _is_plain(dy, kernel, filters, depth, (w.dtype,)):
            return generic.convolve_grad_input(xp, sizes, w, dy, strides, dilations, pads)
        images, height, width, _ = sizes
        weights = w.reshape(-1, filters).T
        result = np.empty(sizes, dy.dtype)
        if _is_pointwise(kernel, strides, pads):
            product(dy.reshape(-1, filters), weights, result.reshape(-1, depth))
            return result
        oh, ow = dy.shape[1:-1]
        (kh, kw), (sh, sw), (dh, dw) = kernel, strides, dilations
        (top, bottom), (left, right) = pads
        if _is_dense(sizes[1:-1], (oh, ow), strides, kernel, dilations, pads) and depth >= _WIDE:
            # A convolution with the turned filter; its border is what the windows reach beyond the gradient.
            reach = (kh - 1) * dh, (kw - 1) * dw
            border = tuple([(r - a, size + a - n) for r, (a, _), size, n in
                            zip(reach, pads, sizes[1:-1], (oh, ow), strict=True)])  # fmt: skip
            turned = np.ascontiguousarray(w[::-1, ::-1].transpose(0, 1, 3, 2))
            return _Fast.convolve(xp, dy, turned, strides, dilations, border)
        tall, wide = height + top + bottom, width + left + right

        def part(lo: int, hi: int) -> None:
            matrix = np.empty((oh * ow, kh * kw * depth), dy.dtype)
            taps = matrix.reshape(oh, ow, kh, kw * depth)
            lines = np.empty((tall, ow, kw, depth), dy.dtype)
            merged = lines.reshape(tall, ow, kw * depth)
            padded = np.empty((tall, wide, depth), dy.dtype)
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
                result[image] = padded[top : top + height, left : left + width]

        work = images * oh * ow * kh * kw * depth * filters
        pool().parallel_for(part, images, images if work < 1 << 22 else 1)
        return result


def _conv2d(
    xp: Any, x: Array, w: Array, *,
    strides: Any, padding: str, explicit_paddings: Any, data_format: str, dilations: Any,
) -> Array:  # fmt: skip
    return forward(xp, x, w, Geometry(strides, padding, data_format, dilations, explicit_paddings), _Fast)


def _conv2d_input(
    xp: Any, sizes: Array, w: Array, dy: Array, *,
    strides: Any, padding: str, explicit_paddings: Any, data_format: str, dilations: Any,
) -> Array:  # fmt: skip
    geometry = Geometry(strides, padding, data_format, dilations, explicit_paddings)
    return backward_input(xp, sizes, w, dy, geometry, _Fast)


def _conv2d_filter(
    xp: Any, x: Array, sizes: Array, dy: Array, *,
    strides: Any, padding: str, explicit_paddings: Any, data_format: str, dilations: Any,
) -> Array:  # fmt: skip
    geometry = Geometry(strides, padding, data_format, dilations, explicit_paddings)
    return backward_filter(xp, x, sizes, dy, geometry, _Fast)


def _is_float(origin: Origin) -> bool:
    return origin.output_dtypes[0].np in (np.float32, np.float64)


CONVOLUTIONS: tuple[Kernel, ...] = (
    Kernel("Conv2D", _conv2d, _is_float),
    Kernel("Conv2DBackpropInput", _conv2d_input, _is_float),
    Kernel("Conv2DBackpropFilter", _conv2d_filter, _is_float),
)

__all__ = ["CONVOLUTIONS"]
