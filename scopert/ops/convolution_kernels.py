"""Convolutions over an array namespace: any number of spatial axes, one matrix product per chunk.

Everything here has the channels last: ``x`` is ``(N, *S, C)``, a filter ``(*K, C / groups, O)``, the output
``(N, *Q, O)``; ``pads`` holds one (before, after) pair per spatial axis. The windows of the input are a
strided view, copied into columns for the product; the batch is cut so that the columns of one chunk stay
small. Gradients to the input add one strided slice per kernel tap, never per pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

from scopert.ops.window import Pads, effective_size

Array = Any

# Elements of the column matrix that one chunk of the batch may fill: 2 MiB in float32, about a core's cache.
COLUMN_ELEMENTS = 1 << 19


def compute_dtype(xp: Any, dtype: Any) -> Any:
    """The dtype to accumulate in: float32 for the 16-bit floats, else the dtype itself."""
    return xp.dtype(xp.float32) if dtype.itemsize == 2 and dtype.kind in "fV" else dtype


def pad_axes(xp: Any, x: Array, pads: Sequence[Pads], first: int = 1, fill: Any = 0) -> Array:
    """``x`` with constant borders on the axes from ``first`` on; ``x`` itself if there is nothing to add."""
    if not any(before or after for before, after in pads):
        return x
    shape = list(x.shape)
    inner = [slice(None)] * x.ndim
    for axis, (before, after) in enumerate(pads, first):
        inner[axis] = slice(before, before + shape[axis])
        shape[axis] += before + after
    padded = xp.full(tuple(shape), fill, dtype=x.dtype)
    padded[tuple(inner)] = x
    return padded


def count_windows(
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[Pads],
) -> tuple[int, ...]:
    """Spatial shape of the output."""
    return tuple(
        max((size + before + after - effective_size(k, d)) // s + 1, 0)
        for size, k, s, d, (before, after) in zip(sizes, kernel, strides, dilations, pads, strict=True)
    )


def _windows(
    xp: Any,
    padded: Array,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    out: Sequence[int],
) -> Array:
    """View ``(N, *out, *kernel, C)`` of a padded input."""
    steps = padded.strides
    spatial = steps[1:-1]
    return xp.lib.stride_tricks.as_strided(
        padded,
        (padded.shape[0], *out, *kernel, padded.shape[-1]),
        (
            steps[0],
            *(step * s for step, s in zip(spatial, strides, strict=True)),
            *(step * d for step, d in zip(spatial, dilations, strict=True)),
            steps[-1],
        ),
    )


def _tap_slices(
    kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], out: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Each tap of the kernel with the slices of the padded spatial axes that it meets."""
    for tap in product(*map(range, kernel)):
        yield (
            tap,
            tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, s, n in zip(tap, dilations, strides, out, strict=True)
            ),
        )


def _chunks(batch: int, columns_per_example: int) -> Iterator[slice]:
    """Slices of the batch whose columns fit in COLUMN_ELEMENTS."""
    step = max(1, COLUMN_ELEMENTS // max(columns_per_example, 1))
    for start in range(0, batch, step):
        yield slice(start, min(start + step, batch))


def _pointwise(kernel: Sequence[int], strides: Sequence[int], pads: Sequence[Pads]) -> bool:
    """Whether the convolution is a plain matrix product."""
    return all(k == 1 for k in kernel) and all(s == 1 for s in strides) and not any(map(any, pads))


def convolve(
    xp: Any,
    x: Array,
    w: Array,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[Pads],
) -> Array:
    """Cross-correlation of ``x`` with the filters ``w``; grouped if ``x`` has more channels than ``w``."""
    *kernel, depth, filters = w.shape
    dtype = compute_dtype(xp, x.dtype)
    out = count_windows(x.shape[1:-1], kernel, strides, dilations, pads)
    result = xp.empty((x.shape[0], *out, filters), dtype=x.dtype)
    if result.size == 0:
        return result
    if depth == 0:
        result[...] = 0
        return result
    groups = x.shape[-1] // depth
    padded = pad_axes(xp, x.astype(dtype, copy=False), pads)
    matrix = w.astype(dtype, copy=False).reshape(-1, filters)
    each = filters // groups
    pointwise = _pointwise(kernel, strides, pads)
    columns = prod(out) * prod(kernel) * depth
    for g in range(groups):
        part = padded[..., g * depth : (g + 1) * depth] if groups > 1 else padded
        view = part if pointwise else _windows(xp, part, kernel, strides, dilations, out)
        weights = matrix[:, g * each : (g + 1) * each] if groups > 1 else matrix
        for rows in _chunks(x.shape[0], columns):
            found = view[rows].reshape(-1, weights.shape[0]) @ weights
            result[rows, ..., g * each : (g + 1) * each] = found.reshape(-1, *out, each)
    return result


def convolve_grad_input(
    xp: Any,
    sizes: Sequence[int],
    w: Array,
    dy: Array,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[Pads],
) -> Array:
    """Gradient of ``convolve`` to its input of shape ``sizes``, which is also the transposed convolution."""
    *kernel, depth, filters = w.shape
    dtype = compute_dtype(xp, dy.dtype)
    sizes = tuple(int(n) for n in sizes)
    batch, *spatial, channels = sizes
    out = dy.shape[1:-1]
    if dy.size == 0 or w.size == 0 or prod(sizes) == 0:
        return xp.zeros(sizes, dtype=dy.dtype)
    groups = channels // depth
    each = filters // groups
    matrix = w.astype(dtype, copy=False).reshape(-1, filters)
    dy = dy.astype(dtype, copy=False)
    if groups == 1 and _pointwise(kernel, strides, pads):
        return (dy.reshape(-1, filters) @ matrix.T).reshape(sizes).astype(w.dtype, copy=False)
    # Windows never reach past the padding behind, but a stride may leave part of it unused.
    extent = [size + before + after for size, (before, after) in zip(spatial, pads, strict=True)]
    padded = xp.zeros((batch, *extent, channels), dtype=dtype)
    columns = prod(out) * prod(kernel) * depth
    taps = list(_tap_slices(kernel, strides, dilations, out))
    every = (slice(None),) * (len(out) + 1)
    for g in range(groups):
        weights = matrix[:, g * each : (g + 1) * each].T
        lanes = slice(g * depth, (g + 1) * depth)
        for rows in _chunks(batch, columns):
            grad = dy[rows, ..., g * each : (g + 1) * each].reshape(-1, each) @ weights
            grad = grad.reshape(-1, *out, *kernel, depth)
            for tap, where in taps:
                padded[(rows, *where, lanes)] += grad[(*every, *tap)]
    inner = tuple(slice(before, before + n) for n, (before, _) in zip(spatial, pads, strict=True))
    return xp.ascontiguousarray(padded[(slice(None), *inner)]).astype(w.dtype, copy=False)


def convolve_grad_filter(
    xp: Any,
    x: Array,
    sizes: Sequence[int],
    dy: Array,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[Pads],
) -> Array:
    """Gradient of ``convolve`` to its filter of shape ``sizes``."""
    sizes = tuple(int(n) for n in sizes)
    *kernel, depth, filters = sizes
    dtype = compute_dtype(xp, x.dtype)
    if x.size == 0 or dy.size == 0 or prod(sizes) == 0:
        return xp.zeros(sizes, dtype=dy.dtype)
    out = dy.shape[1:-1]
    groups = x.shape[-1] // depth
    each = filters // groups
    padded = pad_axes(xp, x.astype(dtype, copy=False), pads)
    grad = dy.astype(dtype, copy=False)
    result = xp.zeros((prod(kernel) * depth, filters), dtype=dtype)
    pointwise = _pointwise(kernel, strides, pads)
    columns = prod(out) * prod(kernel) * depth
    for g in range(groups):
        part = padded[..., g * depth : (g + 1) * depth] if groups > 1 else padded
        view = part if pointwise else _windows(xp, part, kernel, strides, dilations, out)
        lanes = slice(g * each, (g + 1) * each)
        for rows in _chunks(x.shape[0], columns):
            left = view[rows].reshape(-1, result.shape[0])
            result[:, lanes] += left.T @ grad[rows, ..., lanes].reshape(-1, each)
    return result.reshape(sizes).astype(dy.dtype, copy=False)


def depthwise(
    xp: Any,
    x: Array,
    w: Array,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[Pads],
) -> Array:
    """Each channel with its own ``M`` filters: ``w`` is ``(*K, C, M)``, the output ``(N, *Q, C * M)``."""
    *kernel, depth, multiplier = w.shape
    dtype = compute_dtype(xp, x.dtype)
    out = count_windows(x.shape[1:-1], kernel, strides, dilations, pads)
    padded = pad_axes(xp, x.astype(dtype, copy=False), pads)
    total = xp.zeros((x.shape[0], *out, depth, multiplier), dtype=dtype)
    if total.size:
        weights = w.astype(dtype, copy=False)
        for tap, where in _tap_slices(kernel, strides, dilations, out):
            total += padded[(slice(None), *where)][..., None] * weights[tap]
    return total.reshape(x.shape[0], *out, depth * multiplier).astype(x.dtype, copy=False)


def depthwise_grad_input(
    xp: Any,
    sizes: Sequence[int],
    w: Array,
    dy: Array,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[Pads],
) -> Array:
    """Gradient of ``depthwise`` to its input of shape ``sizes``."""
    *kernel, depth, multiplier = w.shape
    dtype = compute_dtype(xp, dy.dtype)
    sizes = tuple(int(n) for n in sizes)
    batch, *spatial, channels = sizes
    out = dy.shape[1:-1]
    extent = [size + before + after for size, (before, after) in zip(spatial, pads, strict=True)]
    padded = xp.zeros((batch, *extent, channels), dtype=dtype)
    if padded.size and dy.size:
        weights = w.astype(dtype, copy=False)
        grad = dy.astype(dtype, copy=False).reshape(batch, *out, depth, multiplier)
        for tap, where in _tap_slices(kernel, strides, dilations, out):
            padded[(slice(None), *where)] += (grad * weights[tap]).sum(axis=-1)
    inner = tuple(slice(before, before + n) for n, (before, _) in zip(spatial, pads, strict=True))
    return xp.ascontiguousarray(padded[(slice(None), *inner)]).astype(dy.dtype, copy=False)


def depthwise_grad_filter(
    xp: Any,
    x: Array,
    sizes: Sequence[int],
    dy: Array,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[Pads],
) -> Array:
    """Gradient of ``depthwise`` to its filter of shape ``sizes``."""
    sizes = tuple(int(n) for n in sizes)
    *kernel, depth, multiplier = sizes
    dtype = compute_dtype(xp, x.dtype)
    result = xp.zeros(sizes, dtype=dtype)
    if x.size and dy.size and result.size:
        out = dy.shape[1:-1]
        padded = pad_axes(xp, x.astype(dtype, copy=False), pads)
        grad = dy.astype(dtype, copy=False).reshape(-1, depth, multiplier)
        for tap, where in _tap_slices(kernel, strides, dilations, out):
            seen = padded[(slice(None), *where)].reshape(-1, depth)
            result[tap] = xp.einsum("pc,pcm->cm", seen, grad)
    return result.astype(dy.dtype, copy=False)
