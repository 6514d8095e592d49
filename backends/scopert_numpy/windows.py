"""The windows of images as matrices that stay in the cache.

Images are cut into pieces whose windows fill about a core's cache: some images, or some lines of one. For each piece
the matrix of windows is made anew, in memory that is used again. It has a row for each window; where rows would be
made of short parts (few channels), or channels come first and lines are long, a window is a column.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

Array = Any

#: Elements of the matrix of a piece.
BLOCK = 1 << 18
# Lines that are long enough to be copied by themselves.
_LONG = 24
# Unused buffers that are kept.
_KEPT = 16


class Arena:
    """Buffers that are used again and again, by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[Array] = []

    def take(self, shape: Sequence[int], dtype: Any) -> tuple[Array, Array]:
        """A contiguous array with any contents, and the buffer to `give` back."""
        count = 1
        for size in shape:
            count *= size
        nbytes = max(count * dtype.itemsize, 64)
        with self._lock:
            fits = [k for k, buffer in enumerate(self._free) if nbytes <= buffer.size <= 4 * nbytes]
            buffer = self._free.pop(min(fits, key=lambda k: self._free[k].size)) if fits else None
        if buffer is None:
            buffer = np.empty(nbytes + nbytes // 8, np.uint8)
        return buffer[: count * dtype.itemsize].view(dtype).reshape(shape), buffer

    def give(self, *buffers: Array) -> None:
        """They may be used by others."""
        with self._lock:
            self._free += buffers
            del self._free[:-_KEPT]


ARENA = Arena()


@dataclass(frozen=True)
class Piece:
    """A matrix of windows, ``(images, windows, elements)`` or turned, and to which images and lines it belongs."""

    images: slice
    lines: slice
    matrix: Array


@dataclass(frozen=True)
class Windows:
    """The windows of images of one shape.

    Attributes
    ----------
    image : (int, int, int)
        Lines, points of a line, channels.
    kernel, strides, dilations : (int, int)
    before : (int, int)
        Lines and points of zeros before the image; negative: so many of the image are left out.
    out : (int, int)
        How many windows there are. Whatever they need behind the image is zero.
    first : bool
        The channels come first in memory.
    block : int
        Elements of the matrix of a piece.
    """

    image: tuple[int, int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    before: tuple[int, int]
    out: tuple[int, int]
    first: bool
    block: int

    @cached_property
    def elements(self) -> int:
        """Of a window."""
        return self.kernel[0] * self.kernel[1] * self.image[2]

    @cached_property
    def lines(self) -> int:
        """Lines of windows of a piece; pieces of an image have about as many."""
        pieces = min(max(1, round(self.out[0] * self.out[1] * self.elements / self.block)), self.out[0])
        return -(-self.out[0] // pieces)

    @cached_property
    def strips(self) -> int:
        """Pieces of an image."""
        return -(-self.out[0] // self.lines)

    @cached_property
    def images(self) -> int:
        """Images of a piece, if one piece holds several."""
        return max(1, self.block // (self.out[0] * self.out[1] * self.elements))

    @cached_property
    def turned(self) -> bool:
        """A window is a column of the matrix: it is copied line by line of windows, else window by window."""
        part = self.kernel[1] * self.image[2]
        return self.strides[1] == 1 and self.out[1] > (min(part, _LONG) if self.first else part)

    def units(self, images: int) -> int:
        """Units of work of so many images."""
        return images * self.strips

    def grain(self, images: int, work: int) -> int:
        """How many units a thread should have at least, for so many multiplications."""
        return self.images if work >= 1 << 22 else self.units(images)

    def pieces(self, x: Array, lo: int, hi: int) -> Iterator[Piece]:
        """The pieces of units ``lo .. hi`` of images with their channels last (a view will do).

        A matrix is valid until the next one is asked for.
        """
        (height, width, channels), (kh, kw), (dh, dw), (sh, sw) = self.image, self.kernel, self.dilations, self.strides
        lines, across = self.lines, self.out[1]
        count = min(self.images, hi - lo) if self.strips == 1 else 1
        tall, wide = (lines - 1) * sh + (kh - 1) * dh + 1, (across - 1) * sw + (kw - 1) * dw + 1
        strided = np.lib.stride_tricks.as_strided
        dtype = x.dtype
        if self.turned:
            padded, first = ARENA.take((count, channels, tall, wide), dtype)
            matrix, second = ARENA.take((count, self.elements, lines * across), dtype)
            n, c, h, w = padded.strides
            view = strided(padded, (count, kh, kw, channels, lines, across), (n, h * dh, w * dw, c, h * sh, w * sw))
            filled = matrix.reshape(view.shape)
            points = padded.transpose(0, 2, 3, 1)
        else:
            padded, first = ARENA.take((count, tall, wide, channels), dtype)
            matrix, second = ARENA.take((count, lines * across, self.elements), dtype)
            n, h, w, c = padded.strides
            view = strided(padded, (count, lines, across, kh, kw, channels), (n, h * sh, w * sw, h * dh, w * dw, c))
            filled = matrix.reshape(view.shape)
            points = padded
        padded.fill(0)
        top, left = self.before
        columns = slice(max(left, 0), max(min(wide, width + left), 0))
        source = slice(columns.start - left, columns.stop - left)
        try:
            for start in range(lo, hi, count):
                many = min(count, hi - start)
                image, strip = divmod(start, self.strips)
                line = strip * lines
                rows = min(lines, self.out[0] - line)
                begin = line * sh - top
                above, below = max(min(-begin, tall), 0), max(min(height - begin, tall), 0)
                if self.strips > 1:  # else what is outside of the image is always the same
                    points[:, :above] = 0
                    points[:, below:] = 0
                images = slice(image, image + many)
                if above < below and columns.start < columns.stop:
                    np.copyto(points[:many, above:below, columns], x[images, begin + above : begin + below, source])
                if self.turned:
                    np.copyto(filled[:many, :, :, :, :rows], view[:many, :, :, :, :rows])
                    yield Piece(images, slice(line, line + rows), matrix[:many, :, : rows * across])
                else:
                    np.copyto(filled[:many, :rows], view[:many, :rows])
                    yield Piece(images, slice(line, line + rows), matrix[:many, : rows * across])
        finally:
            ARENA.give(first, second)


#: ``Windows(...)``, made once for each geometry.
windows_of = lru_cache(maxsize=512)(Windows)
