"""Batch normalisation and local response normalisation over an array namespace, channels last."""

from __future__ import annotations

from typing import Any

from scopert.ops.convolution_kernels import compute_dtype, pad_axes

Array = Any


def _over_channels(xp: Any, x: Array, dtype: Any) -> Array:
    """``x`` as a ``(rows, channels)`` matrix of ``dtype``."""
    return x.astype(dtype, copy=False).reshape(-1, x.shape[-1])


def batch_norm_training(
    xp: Any, x: Array, scale: Array, offset: Array, epsilon: float
) -> tuple[Array, Array, Array, Array]:
    """Normalise by the batch: result, mean, unbiased variance (for moving averages), biased variance.

    Moments of no rows are NaN.
    """
    rows = _over_channels(xp, x, scale.dtype)
    kind = scale.dtype.type
    count = rows.shape[0]
    if not count:
        unknown = [xp.full(rows.shape[1:], xp.nan, dtype=scale.dtype) for _ in range(3)]
        return x.copy(), unknown[0], unknown[1], unknown[2]
    mean = rows.sum(axis=0) / kind(count)
    centred = rows - mean
    variance = xp.einsum("nc,nc->c", centred, centred) / kind(count)
    centred *= scale / xp.sqrt(variance + kind(epsilon))
    centred += offset
    unbiased = variance * kind(count / max(count - 1, 1))
    return centred.reshape(x.shape).astype(x.dtype, copy=False), mean, unbiased, variance


def batch_norm_inference(
    xp: Any, x: Array, scale: Array, offset: Array, mean: Array, variance: Array, epsilon: float
) -> Array:
    """Normalise by given moments."""
    y = _over_channels(xp, x, scale.dtype) - mean
    y *= scale / xp.sqrt(variance + scale.dtype.type(epsilon))
    y += offset
    return y.reshape(x.shape).astype(x.dtype, copy=False)


def batch_norm_grad(
    xp: Any,
    dy: Array,
    x: Array,
    scale: Array,
    mean: Array,
    variance: Array,
    epsilon: float,
    training: bool,
) -> tuple[Array, Array, Array]:
    """Gradients to input, scale and offset; in training the moments depend on the input."""
    dtype = scale.dtype
    grad = _over_channels(xp, dy, dtype)
    inverse = dtype.type(1) / xp.sqrt(variance + dtype.type(epsilon))
    centred = _over_channels(xp, x, dtype) - mean
    d_offset = grad.sum(axis=0)
    along = xp.einsum("nc,nc->c", grad, centred)
    if training:
        # dx = (dy - mean(dy) - centred * mean(dy * centred) / (variance + epsilon)) * scale * inverse
        count = dtype.type(max(grad.shape[0], 1))
        centred *= inverse * inverse * (along / count)
        dx = xp.subtract(grad, centred, out=centred)
        dx -= d_offset / count
        dx *= scale * inverse
    else:
        dx = grad * (scale * inverse)
    return dx.reshape(x.shape).astype(x.dtype, copy=False), along * inverse, d_offset


def _window_sum(xp: Any, x: Array, radius: int) -> Array:
    """Sum over the channels within ``radius`` of each."""
    channels = x.shape[-1]
    padded = pad_axes(xp, x, [(radius, radius)], first=x.ndim - 1)
    total = xp.zeros(x.shape, dtype=x.dtype)
    for shift in range(2 * radius + 1):
        total += padded[..., shift : shift + channels]
    return total


def lrn(xp: Any, x: Array, radius: int, bias: float, alpha: float, beta: float) -> Array:
    """``x / (bias + alpha * window sum of squares) ** beta``."""
    dtype = compute_dtype(xp, x.dtype)
    wide = x.astype(dtype, copy=False)
    norm = dtype.type(bias) + dtype.type(alpha) * _window_sum(xp, wide * wide, radius)
    return (wide * norm ** dtype.type(-beta)).astype(x.dtype, copy=False)


def lrn_grad(xp: Any, dy: Array, x: Array, y: Array, radius: int, bias: float, alpha: float, beta: float) -> Array:
    """Gradient of ``lrn``; each channel also sees the windows of its neighbours."""
    dtype = compute_dtype(xp, x.dtype)
    grad, wide, found = (a.astype(dtype, copy=False) for a in (dy, x, y))
    norm = dtype.type(bias) + dtype.type(alpha) * _window_sum(xp, wide * wide, radius)
    spread = _window_sum(xp, grad * found / norm, radius)
    dx = grad * norm ** dtype.type(-beta) - dtype.type(2 * alpha * beta) * wide * spread
    return dx.astype(x.dtype, copy=False)
