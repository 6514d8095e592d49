"""Softmax and the cross-entropies over the last axis, each computed from shifted logits.

Rows are independent, so on the host they are done in blocks that stay in a core's cache through all passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scopert.ops.convolution_kernels import compute_dtype

Array = Any

# Elements of a block of rows: 256 KiB in float32.
_BLOCK = 1 << 16


def _blocks(xp: Any, rows: int, width: int) -> Iterator[slice]:
    """Slices of the rows: blocks on the host, all at once on a device."""
    step = max(1, _BLOCK // max(width, 1)) if xp is np else max(rows, 1)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def _shifted(xp: Any, logits: Array) -> Array:
    """Logits minus the maximum of their row, so that exp cannot overflow; a new array."""
    logits = logits.astype(compute_dtype(xp, logits.dtype), copy=False)
    return logits - logits.max(axis=-1, keepdims=True)


def _as_rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


def softmax(xp: Any, logits: Array) -> Array:
    """Normalised exponentials of the last axis."""
    result = xp.empty(logits.shape, dtype=logits.dtype)
    if result.size:
        source, target = _as_rows(logits), _as_rows(result)
        for rows in _blocks(xp, *source.shape):
            weights = _shifted(xp, source[rows])
            xp.exp(weights, out=weights)
            weights /= weights.sum(axis=-1, keepdims=True)
            target[rows] = weights
    return result


def log_softmax(xp: Any, logits: Array) -> Array:
    """Logarithm of ``softmax``, without the loss of small values."""
    result = xp.empty(logits.shape, dtype=logits.dtype)
    if result.size:
        source, target = _as_rows(logits), _as_rows(result)
        for rows in _blocks(xp, *source.shape):
            shifted = _shifted(xp, source[rows])
            shifted -= xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))
            target[rows] = shifted
    return result


def softmax_cross_entropy(xp: Any, logits: Array, labels: Array) -> tuple[Array, Array]:
    """Loss per row of ``(N, C)`` logits under label distributions that may broadcast, and its gradient."""
    shape = xp.broadcast_shapes(logits.shape, labels.shape)
    loss = xp.zeros(shape[:1], dtype=logits.dtype)
    backprop = xp.empty(shape, dtype=logits.dtype)
    if backprop.size == 0:
        return loss, backprop
    logits, labels = xp.broadcast_to(logits, shape), xp.broadcast_to(labels, shape)
    dtype = compute_dtype(xp, logits.dtype)
    for rows in _blocks(xp, *shape):
        shifted = _shifted(xp, logits[rows])
        shares = labels[rows].astype(dtype, copy=False)
        weights = xp.exp(shifted)
        total = weights.sum(axis=-1, keepdims=True)
        weights /= total
        weights -= shares
        backprop[rows] = weights
        shifted -= xp.log(total)
        part = xp.einsum("nc,nc->n", shares, shifted)
        if xp is not np or not np.isfinite(part).all():
            # A label of zero takes no part, also where its logit is minus infinity.
            part = xp.einsum("nc,nc->n", shares, xp.where(shares == 0, dtype.type(0), shifted))
        loss[rows] = -part
    return loss, backprop


def sparse_softmax_cross_entropy(xp: Any, logits: Array, labels: Array) -> tuple[Array, Array]:
    """The same for one class number per row; a number outside the classes gives NaN."""
    count, classes = logits.shape
    loss = xp.full((count,), xp.nan, dtype=logits.dtype)
    backprop = xp.empty(logits.shape, dtype=logits.dtype)
    if backprop.size == 0:
        return loss, backprop
    valid = (labels >= 0) & (labels < classes)
    chosen = xp.where(valid, labels, 0).astype(xp.int64)
    dtype = compute_dtype(xp, logits.dtype)
    # Added to the sum of a row, it spreads from there.
    penalty = xp.where(valid, dtype.type(0), dtype.type(float("nan")))
    for rows in _blocks(xp, count, classes):
        weights = _shifted(xp, logits[rows])
        every = xp.arange(weights.shape[0])
        picked = weights[every, chosen[rows]]
        xp.exp(weights, out=weights)
        total = weights.sum(axis=-1) + penalty[rows]
        weights /= total[:, None]
        weights[every, chosen[rows]] -= 1
        backprop[rows] = weights
        loss[rows] = xp.log(total) - picked
    return loss, backprop
