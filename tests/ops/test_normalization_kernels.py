"""Batch and local response normalisation against their formulas and finite differences."""

import numpy as np
import pytest

from scopert.ops import normalization_kernels as kernels


def slope(f, x, dy, eps=1e-6):
    """Central differences of <dy, f(x)>."""
    grad = np.zeros_like(x)
    for at in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[at] += eps
        down[at] -= eps
        grad[at] = ((f(up) - f(down)) * dy).sum() / (2 * eps)
    return grad


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_and_gradients(training):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 3, 2, 3)), rng.normal(size=(2, 3, 2, 3))
    scale, offset, mean = (rng.normal(size=3) for _ in range(3))
    variance, eps = rng.uniform(1, 2, size=3), 0.01

    def formula(x, scale, offset):
        m, v = (x.mean((0, 1, 2)), x.var((0, 1, 2))) if training else (mean, variance)
        return (x - m) / np.sqrt(v + eps) * scale + offset

    if training:
        y, found_mean, unbiased, biased = kernels.batch_norm_training(np, x, scale, offset, eps)
        np.testing.assert_allclose(found_mean, x.mean((0, 1, 2)))
        np.testing.assert_allclose(unbiased, x.var((0, 1, 2), ddof=1))
        np.testing.assert_allclose(biased, x.var((0, 1, 2)))
        moments = (found_mean, biased)
    else:
        y = kernels.batch_norm_inference(np, x, scale, offset, mean, variance, eps)
        moments = (mean, variance)
    np.testing.assert_allclose(y, formula(x, scale, offset), atol=1e-12)
    dx, d_scale, d_offset = kernels.batch_norm_grad(np, dy, x, scale, *moments, eps, training)
    np.testing.assert_allclose(dx, slope(lambda a: formula(a, scale, offset), x, dy), atol=1e-7)
    np.testing.assert_allclose(d_scale, slope(lambda a: formula(x, a, offset), scale, dy), atol=1e-7)
    np.testing.assert_allclose(d_offset, slope(lambda a: formula(x, scale, a), offset, dy), atol=1e-7)


def test_batch_norm_of_one_row_of_none_and_of_half_precision():
    one = np.ones(2, np.float32)
    x = np.ones((1, 1, 1, 2), np.float32)
    y, mean, unbiased, biased = kernels.batch_norm_training(np, x, one, one, 0.1)
    assert (y == 1).all() and (mean == 1).all() and not unbiased.any() and not biased.any()
    y, mean, _, biased = kernels.batch_norm_training(np, np.ones((0, 2, 2, 2), np.float32), one, one, 0.1)
    assert y.shape == (0, 2, 2, 2) and np.isnan(mean).all() and np.isnan(biased).all()
    y, mean, _, _ = kernels.batch_norm_training(np, np.ones((3, 1, 1, 2), np.float16), one, one, 0.1)
    assert y.dtype == np.float16 and mean.dtype == np.float32


@pytest.mark.parametrize("radius", [0, 1, 2, 7])
def test_lrn_and_gradient(radius):
    rng = np.random.default_rng(1)
    x, dy = rng.normal(size=(2, 2, 1, 5)), rng.normal(size=(2, 2, 1, 5))
    bias, alpha, beta = 1.5, 0.7, 0.6

    def formula(x):
        y = np.empty_like(x)
        for c in range(5):
            near = x[..., max(c - radius, 0) : c + radius + 1]
            y[..., c] = x[..., c] / (bias + alpha * (near**2).sum(-1)) ** beta
        return y

    y = kernels.lrn(np, x, radius, bias, alpha, beta)
    np.testing.assert_allclose(y, formula(x), atol=1e-12)
    dx = kernels.lrn_grad(np, dy, x, y, radius, bias, alpha, beta)
    np.testing.assert_allclose(dx, slope(formula, x, dy), atol=1e-7)
