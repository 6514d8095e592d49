"""From Philox words to distributions, number for number as TensorFlow 1.15.5 on a CPU.

Each function takes a `Philox` position and a count and returns a flat array. None of them moves the
position: what a run consumes is the op's business (`reserved_blocks`).

Uniform numbers and integers are the same bits. So are normal numbers of 32 and 16 bits wherever
TensorFlow's C library is the GNU one (`float_math`); float64 takes the array library's own log, sine and
cosine, so that one number in about 600 differs in its last bit.
"""

from __future__ import annotations

import math
from typing import Any

from scopert.ops.float_math import log_float32, sin_cos_float32
from scopert.ops.philox import Philox

Array = Any

_FIXED_SAMPLES_PER_OUTPUT = 256
_SMALLEST_UNIFORM = 1.0e-7
_TRUNCATE_AT = 2.0


def reserved_blocks(outputs: int) -> int:
    """How far one run of a stateful op moves its counter: 256 blocks an output, used or not."""
    return outputs * _FIXED_SAMPLES_PER_OUTPUT


def uniform(xp: Any, philox: Philox, count: int, dtype: Any) -> Array:
    """`count` numbers of `[0, 1)` in a floating `dtype`.

    The mantissa of a number of `[1, 2)` is filled with random bits and 1 subtracted.
    """
    dtype = xp.dtype(dtype)
    if dtype == xp.float64:
        words = _blocks_for(xp, philox, count, 2).reshape(-1, 2)
        return uniform_double(xp, words[:, 0], words[:, 1])[:count]
    words = _blocks_for(xp, philox, count, 4).reshape(-1)[:count]
    if dtype == xp.float32:
        return _uniform_float(xp, words)
    if dtype == xp.float16:
        bits = (words & xp.uint32(0x3FF)) | xp.uint32(15 << 10)
    elif dtype.name == "bfloat16":
        bits = (words & xp.uint32(0x7F)) | xp.uint32(127 << 7)
    else:
        raise TypeError(f"uniform numbers of type {dtype.name} do not exist: expected a floating type")
    return bits.astype(xp.uint16).view(dtype) - dtype.type(1)


def uniform_int(xp: Any, philox: Philox, count: int, low: int, high: int, dtype: Any) -> Array:
    """`count` integers of `[low, high)`: random bits modulo the range, biased as TensorFlow's are."""
    dtype = xp.dtype(dtype)
    bits = uniform_bits(xp, philox, count, dtype)
    bits = bits % bits.dtype.type(high - low)
    return (bits + bits.dtype.type(low % (1 << 8 * dtype.itemsize))).view(dtype)


def uniform_bits(xp: Any, philox: Philox, count: int, dtype: Any) -> Array:
    """`count` unsigned integers as wide as the integer type `dtype`, every bit random."""
    if xp.dtype(dtype).itemsize == 4:
        return _blocks_for(xp, philox, count, 4).reshape(-1)[:count]
    words = _blocks_for(xp, philox, count, 2).reshape(-1, 2)[:count].astype(xp.uint64)
    return words[:, 0] | words[:, 1] << xp.uint64(32)


def normal(xp: Any, philox: Philox, count: int, dtype: Any) -> Array:
    """`count` standard normal numbers by the Box-Muller transform, sine first."""
    dtype = xp.dtype(dtype)
    if dtype == xp.float64:
        return box_muller_doubles(xp, _blocks_for(xp, philox, count, 2)).reshape(-1)[:count]
    return box_muller_floats(xp, _blocks_for(xp, philox, count, 4)).reshape(-1)[:count].astype(dtype, copy=False)


def truncated_normal(xp: Any, philox: Philox, count: int, dtype: Any) -> Array:
    """`count` standard normal numbers of `(-2, 2)`; what lies outside is drawn again.

    The outputs come in groups of as many as one block yields. Each group has 256 words an output
    to itself, so a rejection in one group moves no other.
    """
    dtype = xp.dtype(dtype)
    transform, size = (box_muller_doubles, 2) if dtype == xp.float64 else (box_muller_floats, 4)
    groups = -(-count // size)
    stride = size * _FIXED_SAMPLES_PER_OUTPUT // 4
    result = xp.empty((groups, size), dtype=xp.float64 if dtype == xp.float64 else xp.float32)
    pending = xp.arange(groups)
    filled = xp.zeros(groups, dtype=xp.int64)
    draw = 0
    while pending.size:
        offsets = pending.astype(xp.uint64) * xp.uint64(stride) + xp.uint64(draw)
        candidates = transform(xp, philox.blocks_at(xp, offsets))
        accepted = xp.abs(candidates) < _TRUNCATE_AT
        place = filled[:, None] + xp.cumsum(accepted, axis=1) - 1
        row, column = xp.nonzero(accepted & (place < size))
        result[pending[row], place[row, column]] = candidates[row, column]
        filled = filled + accepted.sum(axis=1)
        unfinished = filled < size
        pending, filled = pending[unfinished], filled[unfinished]
        draw += 1
    return result.reshape(-1)[:count].astype(dtype, copy=False)


def _blocks_for(xp: Any, philox: Philox, count: int, per_block: int) -> Array:
    return philox.blocks(xp, -(-count // per_block))


def _uniform_float(xp: Any, words: Array) -> Array:
    bits = (words & xp.uint32(0x7FFFFF)) | xp.uint32(127 << 23)
    return bits.view(xp.float32) - xp.float32(1)


def uniform_double(xp: Any, high: Array, low: Array) -> Array:
    mantissa = (high & xp.uint32(0xFFFFF)).astype(xp.uint64) << xp.uint64(32) | low.astype(xp.uint64)
    return (mantissa | xp.uint64(1023 << 52)).view(xp.float64) - 1.0


def box_muller_floats(xp: Any, blocks: Array) -> Array:
    """Four float32 numbers a block: `[..., 4]` words to `[..., 4]` numbers."""
    shares = _uniform_float(xp, blocks)
    radius_share = xp.maximum(shares[..., 0::2], xp.float32(_SMALLEST_UNIFORM))
    radius = xp.sqrt(xp.float32(-2) * log_float32(xp, radius_share))
    # The product is made in float64 and rounded once, before the angle's sine is taken.
    sine, cosine = sin_cos_float32(xp, (2.0 * math.pi * shares[..., 1::2].astype(xp.float64)).astype(xp.float32))
    result = xp.empty(blocks.shape, dtype=xp.float32)
    xp.multiply(sine, radius, out=result[..., 0::2])
    xp.multiply(cosine, radius, out=result[..., 1::2])
    return result


def box_muller_doubles(xp: Any, blocks: Array) -> Array:
    """Two float64 numbers a block: `[..., 4]` words to `[..., 2]` numbers."""
    radius_share = xp.maximum(uniform_double(xp, blocks[..., 0], blocks[..., 1]), _SMALLEST_UNIFORM)
    angle = 2.0 * math.pi * uniform_double(xp, blocks[..., 2], blocks[..., 3])
    radius = xp.sqrt(-2.0 * xp.log(radius_share))
    result = xp.empty((*blocks.shape[:-1], 2), dtype=xp.float64)
    xp.multiply(xp.sin(angle), radius, out=result[..., 0])
    xp.multiply(xp.cos(angle), radius, out=result[..., 1])
    return result
