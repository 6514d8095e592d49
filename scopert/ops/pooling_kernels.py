"""Poolings over an array namespace, on arrays of any rank: a window size, stride and padding per axis.

An axis that is not pooled has size and stride 1, so channels-first and channels-last layouts, spatial and
depthwise pooling are one code. Maxima and sums are separable and run axis by axis; where the position of
the maximum matters, the taps of the window are visited in row-major order and the first maximum wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

from scopert.ops.convolution_kernels import compute_dtype, count_windows, pad_axes
from scopert.ops.run_checks import require, require_windows
from scopert.ops.window import Pads, window_pads

Array = Any


def pool_geometry(
    shape: Sequence[int], ksize: Sequence[int], strides: Sequence[int], padding: str
) -> tuple[tuple[int, ...], list[Pads]]:
    """Shape of the output and the padding of each axis.

    Raises
    ------
    InvalidArgumentError
        If the ranks differ, a size or stride is not positive, or a window does not fit.
    """
    require(len(shape) == len(ksize), f"input must be {len(ksize)}-dimensional, got shape {list(shape)}")
    require(len(strides) == len(ksize), f"{len(ksize)} strides are needed, got {list(strides)}")
    for what, numbers in (("ksize", ksize), ("strides", strides)):
        require(min(numbers, default=1) > 0, f"{what} must be positive, got {list(numbers)}")
    pads = [window_pads(n, k, s, padding) for n, k, s in zip(shape, ksize, strides, strict=True)]
    ones = [1] * len(shape)
    require_windows(shape, ksize, strides, ones, pads)
    return count_windows(shape, ksize, strides, ones, pads), pads


def lowest(xp: Any, dtype: Any) -> Any:
    """The value of ``dtype`` that no maximum prefers."""
    if dtype.kind in "iu":
        return xp.iinfo(dtype).min
    return dtype.type(-float("inf"))


def _reduce_windows(
    xp: Any,
    x: Array,
    combine: Callable[[Array, Array], Array],
    ksize: Sequence[int],
    strides: Sequence[int],
    out: Sequence[int],
) -> Array:
    """Combine the elements of each window of a padded array, one axis after the other."""
    for axis, (k, s, n) in enumerate(zip(ksize, strides, out, strict=True)):
        if k == 1 and s == 1:
            continue
        lead = (slice(None),) * axis
        span = (n - 1) * s + 1 if n else 0
        total = x[(*lead, slice(0, span, s))]
        for t in range(1, k):
            total = combine(total, x[(*lead, slice(t, t + span, s))])
        x = total
    return x


def max_pool(xp: Any, x: Array, ksize: Sequence[int], strides: Sequence[int], padding: str) -> Array:
    """Maximum of each window."""
    out, pads = pool_geometry(x.shape, ksize, strides, padding)
    padded = pad_axes(xp, x, pads, first=0, fill=lowest(xp, x.dtype))
    found = _reduce_windows(xp, padded, xp.maximum, ksize, strides, out)
    # Windows of one element are slices of the input, which a result may not share.
    return found.copy() if prod(ksize) == 1 else xp.ascontiguousarray(found)


def window_counts(
    xp: Any, shape: Sequence[int], ksize: Sequence[int], strides: Sequence[int], padding: str, dtype: Any
) -> Array:
    """How many elements of the input each window holds, as an array that broadcasts against the output."""
    out, pads = pool_geometry(shape, ksize, strides, padding)
    total = xp.ones((1,) * len(out), dtype=dtype)
    for axis, (size, k, s, n, (before, _)) in enumerate(zip(shape, ksize, strides, out, pads, strict=True)):
        start = xp.arange(n) * s - before
        count = xp.minimum(start + k, size) - xp.maximum(start, 0)
        total = total * count.astype(dtype).reshape((-1,) + (1,) * (len(out) - 1 - axis))
    return total


def avg_pool(xp: Any, x: Array, ksize: Sequence[int], strides: Sequence[int], padding: str) -> Array:
    """Mean of each window; padding does not count."""
    out, pads = pool_geometry(x.shape, ksize, strides, padding)
    dtype = compute_dtype(xp, x.dtype)
    padded = pad_axes(xp, x.astype(dtype, copy=False), pads, first=0)
    total = _reduce_windows(xp, padded, xp.add, ksize, strides, out)
    if padding == "SAME":
        total = total / window_counts(xp, x.shape, ksize, strides, padding, dtype)
    else:
        total = total / dtype.type(prod(ksize))
    return total.astype(x.dtype, copy=False)


def _taps(ksize: Sequence[int], strides: Sequence[int], out: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """For each tap of the window, in row-major order, the slices of the padded array that it meets."""
    for tap in product(*map(range, ksize)):
        yield tuple(slice(t, t + (n - 1) * s + 1, s) for t, s, n in zip(tap, strides, out, strict=True))


def _unpad(x: Array, shape: Sequence[int], pads: Sequence[Pads]) -> Array:
    return x[tuple(slice(before, before + n) for n, (before, _) in zip(shape, pads, strict=True))]


def avg_pool_grad(
    xp: Any, shape: Sequence[int], dy: Array, ksize: Sequence[int], strides: Sequence[int], padding: str
) -> Array:
    """Gradient of ``avg_pool`` to its input of ``shape``."""
    shape = tuple(int(n) for n in shape)
    out, pads = pool_geometry(shape, ksize, strides, padding)
    dtype = compute_dtype(xp, dy.dtype)
    padded = xp.zeros([n + sum(p) for n, p in zip(shape, pads, strict=True)], dtype=dtype)
    if dy.size:
        share = dy.astype(dtype, copy=False) / window_counts(xp, shape, ksize, strides, padding, dtype)
        for where in _taps(ksize, strides, out):
            padded[where] += share
    return xp.ascontiguousarray(_unpad(padded, shape, pads)).astype(dy.dtype, copy=False)


def winning_taps(xp: Any, x: Array, ksize: Sequence[int], strides: Sequence[int], padding: str) -> tuple[Array, Array]:
    """Maximum of each window and the row-major number of the first tap that has it."""
    out, pads = pool_geometry(x.shape, ksize, strides, padding)
    bordered = any(map(any, pads))
    padded = pad_axes(xp, x, pads, first=0, fill=lowest(xp, x.dtype))
    winner = xp.zeros(out, dtype=xp.int32)
    if winner.size == 0:
        return xp.empty(out, dtype=x.dtype), winner
    # With a border, a tap counts only inside: else an input of lowest values would lose to the padding.
    inside = pad_axes(xp, xp.ones(x.shape, dtype=bool), pads, first=0, fill=False) if bordered else None
    best: Array = None
    settled: Array = None
    for number, where in enumerate(_taps(ksize, strides, out)):
        seen = padded[where]
        if best is None:
            best = seen.copy()
            settled = inside[where].copy() if inside is not None else None
            continue
        better = seen > best
        if inside is not None:
            here = inside[where]
            better = (better | ~settled) & here
            settled |= here
        best = xp.where(better, seen, best)
        winner = xp.where(better, xp.int32(number), winner)
    return best, winner


def _hits(
    xp: Any, x: Array, y: Array, ksize: Sequence[int], strides: Sequence[int], pads: Sequence[Pads]
) -> Iterator[tuple[tuple[slice, ...], Array]]:
    """Each tap with a mask of the windows whose maximum ``y`` it is the first to have."""
    bordered = any(map(any, pads))
    padded = pad_axes(xp, x, pads, first=0, fill=lowest(xp, x.dtype))
    inside = pad_axes(xp, xp.ones(x.shape, dtype=bool), pads, first=0, fill=False) if bordered else None
    taken: Array = None
    for where in _taps(ksize, strides, y.shape):
        hit = padded[where] == y
        if inside is not None:
            hit &= inside[where]
        if taken is None:
            taken = hit.copy()
        else:
            hit &= ~taken
            taken |= hit
        yield where, hit


def max_pool_grad(
    xp: Any, x: Array, y: Array, dy: Array, ksize: Sequence[int], strides: Sequence[int], padding: str
) -> Array:
    """Gradient of ``max_pool``, whose result was ``y``: each window hands its gradient to its first maximum."""
    _, pads = pool_geometry(x.shape, ksize, strides, padding)
    dtype = compute_dtype(xp, dy.dtype)
    padded = xp.zeros([n + sum(p) for n, p in zip(x.shape, pads, strict=True)], dtype=dtype)
    if dy.size:
        apart = all(s >= k for s, k in zip(strides, ksize, strict=True))
        # The bits times 0 or 1: as fast as a product of floats, and also right for infinities.
        bits = xp.ascontiguousarray(dy.astype(dtype, copy=False)).view(f"i{dtype.itemsize}")
        whole = padded.view(bits.dtype)
        for where, hit in _hits(xp, x, y, ksize, strides, pads):
            if apart:  # no element is in two windows
                xp.multiply(bits, hit, out=whole[where])
            else:
                padded[where] += xp.multiply(bits, hit).view(dtype)
    return xp.ascontiguousarray(_unpad(padded, x.shape, pads)).astype(dy.dtype, copy=False)


def max_pool_grad_grad(
    xp: Any, x: Array, y: Array, ddx: Array, ksize: Sequence[int], strides: Sequence[int], padding: str
) -> Array:
    """Gradient of ``max_pool_grad`` to its gradient: each window takes ``ddx`` at its first maximum."""
    out, pads = pool_geometry(x.shape, ksize, strides, padding)
    result = xp.zeros(out, dtype=ddx.dtype)
    if result.size:
        padded = pad_axes(xp, ddx, pads, first=0)
        for where, hit in _hits(xp, x, y, ksize, strides, pads):
            result = xp.where(hit, padded[where], result)
    return result


def max_pool_with_argmax(
    xp: Any,
    x: Array,
    ksize: Sequence[int],
    strides: Sequence[int],
    padding: str,
    include_batch: bool,
    index_dtype: Any,
) -> tuple[Array, Array]:
    """Maximum of each window and its flat index, within its example unless ``include_batch``."""
    out, pads = pool_geometry(x.shape, ksize, strides, padding)
    best, winner = winning_taps(xp, x, ksize, strides, padding)
    index = xp.zeros(out, dtype=xp.int64)
    rest = winner
    step = 1
    # Peel the tap number into one position per axis, last axis first, and add up the flat index.
    for axis in reversed(range(x.ndim)):
        k, s, n, (before, _) = ksize[axis], strides[axis], out[axis], pads[axis]
        position = (xp.arange(n, dtype=xp.int64) * s - before).reshape((-1,) + (1,) * (x.ndim - 1 - axis)) + rest % k
        rest = rest // k
        if axis or include_batch:
            index += position * step
        step *= x.shape[axis]
    return best, index.astype(index_dtype)


def _flat_positions(xp: Any, argmax: Array, shape: Sequence[int], include_batch: bool) -> Array:
    """Indices into the flattened input."""
    index = argmax.astype(xp.int64)
    if not include_batch:
        each = prod(shape[1:])
        index = index + (xp.arange(shape[0], dtype=xp.int64) * each).reshape((-1,) + (1,) * (index.ndim - 1))
    return index


def max_pool_grad_with_argmax(xp: Any, x: Array, dy: Array, argmax: Array, include_batch: bool) -> Array:
    """Add each output gradient to the input at its argmax."""
    index = _flat_positions(xp, argmax, x.shape, include_batch)
    dtype = compute_dtype(xp, dy.dtype)
    total = xp.zeros(x.size, dtype=dtype)
    xp.add.at(total, index.reshape(-1), dy.astype(dtype, copy=False).reshape(-1))
    return total.reshape(x.shape).astype(dy.dtype, copy=False)


def max_pool_grad_grad_with_argmax(xp: Any, x: Array, ddx: Array, argmax: Array, include_batch: bool) -> Array:
    """Take ``ddx`` at each argmax."""
    index = _flat_positions(xp, argmax, x.shape, include_batch)
    return xp.take(ddx.reshape(-1), index)
