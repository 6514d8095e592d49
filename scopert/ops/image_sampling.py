"""Where each output row of a resized image takes its values from: the arithmetic of TensorFlow's kernels.

All positions are computed in float32, as TensorFlow does, since a rounding decides which pixel is taken.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

_F32 = np.float32
#: TensorFlow takes bicubic weights from a table with this many steps between two pixels.
_TABLE = 1024


class Taps(NamedTuple):
    """`out[i] = sum(weights[i, k] * in[indices[i, k]])`: shapes ``[out, taps]``."""

    indices: Array
    weights: Array


def scale_of(size_in: int, size_out: int, align_corners: bool) -> np.float32:
    """How far one output pixel moves in the input."""
    if align_corners and size_out > 1:
        return _F32(_F32(size_in - 1) / _F32(size_out - 1))
    return _F32(_F32(size_in) / _F32(size_out)) if size_out else _F32(0)


def _positions(size_out: int, scale: np.float32, half_pixel: bool) -> Array:
    steps = np.arange(size_out, dtype=_F32)
    if half_pixel:
        return ((steps + _F32(0.5)) * scale - _F32(0.5)).astype(_F32)
    return (steps * scale).astype(_F32)


def bilinear(size_in: int, size_out: int, align_corners: bool, half_pixel: bool) -> Taps:
    """Two taps: the pixels on both sides."""
    at = _positions(size_out, scale_of(size_in, size_out, align_corners), half_pixel)
    floor = np.floor(at)
    lower = np.maximum(floor, 0).astype(np.int64)
    upper = np.minimum(np.ceil(at), size_in - 1).astype(np.int64)
    fraction = (at - floor).astype(_F32)
    return Taps(np.stack([lower, upper], 1), np.stack([1 - fraction, fraction], 1))


def nearest(size_in: int, size_out: int, align_corners: bool, half_pixel: bool) -> Array:
    """The one pixel that each output pixel copies."""
    steps = np.arange(size_out, dtype=_F32)
    scale = scale_of(size_in, size_out, align_corners)
    at = (steps + _F32(0.5)) * scale if half_pixel else steps * scale
    chosen = np.floor(at + _F32(0.5)) if align_corners else np.floor(at)
    return np.clip(chosen, 0, size_in - 1).astype(np.int64)


def _cubic_table(a: float) -> tuple[Array, Array]:
    x = np.arange(_TABLE + 1, dtype=np.float64) / _TABLE
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far_x = x + 1
    far = ((a * far_x - 5 * a) * far_x + 8 * a) * far_x - 4 * a
    return near.astype(_F32), far.astype(_F32)


def bicubic(size_in: int, size_out: int, align_corners: bool, half_pixel: bool) -> Taps:
    """Four taps of the cubic convolution kernel (Keys 1981); a = -0.5 with half pixels, else -0.75."""
    at = _positions(size_out, scale_of(size_in, size_out, align_corners), half_pixel)
    floor = np.floor(at)
    offset = np.rint((at - floor) * _TABLE).astype(np.int64)
    near, far = _cubic_table(-0.5 if half_pixel else -0.75)
    weights = np.stack([far[offset], near[offset], near[_TABLE - offset], far[_TABLE - offset]], 1)
    indices = floor.astype(np.int64)[:, None] + np.arange(-1, 3)
    if half_pixel:
        inside = (indices >= 0) & (indices < size_in)
        weights = np.where(inside, weights, 0)
        total = weights.sum(1, keepdims=True)
        weights = np.where(np.abs(total) >= 1000 * np.finfo(_F32).tiny, weights / total, weights)
    return Taps(np.clip(indices, 0, size_in - 1), weights.astype(_F32))


def area(size_in: int, size_out: int, align_corners: bool) -> Array:
    """A matrix ``[out, in]`` of the share of each input pixel in each output pixel's box."""
    scale = scale_of(size_in, size_out, align_corners)
    starts = (np.arange(size_out, dtype=_F32) * scale).astype(np.float64)[:, None]
    ends = ((np.arange(size_out, dtype=_F32) + 1) * scale).astype(np.float64)[:, None]
    pixels = np.arange(max(size_in, int(np.ceil(ends.max(initial=0)))))[None, :]
    overlap = np.clip(np.minimum(ends, pixels + 1) - np.maximum(starts, pixels), 0, None)
    matrix = np.zeros((size_out, size_in))
    np.add.at(matrix.T, np.minimum(pixels[0], size_in - 1), overlap.T)
    return (matrix / np.maximum(scale, np.finfo(_F32).tiny)).astype(_F32)


def matrix(taps: Taps, size_in: int) -> Array:
    """The taps as a matrix ``[out, in]``; its transpose is the gradient."""
    made = np.zeros((len(taps.indices), size_in), _F32)
    rows = np.repeat(np.arange(len(taps.indices)), taps.indices.shape[1])
    np.add.at(made, (rows, taps.indices.reshape(-1)), taps.weights.reshape(-1))
    return made
