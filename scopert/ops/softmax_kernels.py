"""Softmax and the cross-entropies over the last axis, each computed from shifted logits."""

from __future__ import annotations

from typing import Any

from scopert.ops.convolution_kernels import compute_dtype

Array = Any


def _shifted(xp: Any, logits: Array) -> Array:
    """Logits minus the maximum of their row, so that exp cannot overflow."""
    logits = logits.astype(compute_dtype(xp, logits.dtype), copy=False)
    if logits.size == 0:
        return logits
    return logits - logits.max(axis=-1, keepdims=True)


def softmax(xp: Any, logits: Array) -> Array:
    """Normalised exponentials of the last axis."""
    weights = xp.exp(_shifted(xp, logits))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights.astype(logits.dtype, copy=False)


def log_softmax(xp: Any, logits: Array) -> Array:
    """Logarithm of ``softmax``, without the loss of small values."""
    shifted = _shifted(xp, logits)
    return (shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))).astype(logits.dtype, copy=False)


def softmax_cross_entropy(xp: Any, logits: Array, labels: Array) -> tuple[Array, Array]:
    """Loss per row of ``(N, C)`` logits under label distributions that may broadcast, and its gradient."""
    dtype = logits.dtype
    shape = xp.broadcast_shapes(logits.shape, labels.shape)
    logits = xp.broadcast_to(logits, shape)
    shifted = _shifted(xp, logits)
    labels = xp.broadcast_to(labels, shape).astype(shifted.dtype, copy=False)
    weights = xp.exp(shifted)
    total = weights.sum(axis=-1, keepdims=True)
    # A label of zero takes no part, also where its logit is minus infinity.
    terms = xp.where(labels == 0, shifted.dtype.type(0), labels * (xp.log(total) - shifted))
    backprop = weights / total - labels
    return terms.sum(axis=-1).astype(dtype, copy=False), backprop.astype(dtype, copy=False)


def sparse_softmax_cross_entropy(xp: Any, logits: Array, labels: Array) -> tuple[Array, Array]:
    """The same for one class number per row; a number outside the classes gives NaN."""
    dtype = logits.dtype
    rows, classes = logits.shape
    shifted = _shifted(xp, logits)
    weights = xp.exp(shifted)
    total = weights.sum(axis=-1, keepdims=True)
    valid = (labels >= 0) & (labels < classes)
    chosen = xp.where(valid, labels, 0).astype(xp.int64)
    every = xp.arange(rows)
    backprop = weights / total
    if backprop.size == 0:
        return xp.full((rows,), xp.nan, dtype=dtype), backprop.astype(dtype, copy=False)
    loss = xp.log(total[:, 0]) - shifted[every, chosen]
    backprop[every, chosen] -= 1
    nan = shifted.dtype.type(float("nan"))
    loss = xp.where(valid, loss, nan)
    backprop = xp.where(valid[:, None], backprop, nan)
    return loss.astype(dtype, copy=False), backprop.astype(dtype, copy=False)
