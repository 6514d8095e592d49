"""Softmax and cross-entropies against their textbook formulas in float64."""

import numpy as np
import pytest

from scopert.ops import softmax_kernels as kernels


def plain_softmax(z):
    e = np.exp(z.astype(np.float64))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("dtype, tol", [(np.float16, 2e-3), (np.float32, 1e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (0, 4)])
def test_softmax_and_log_softmax(shape, dtype, tol):
    z = np.random.default_rng(0).normal(size=shape).astype(dtype)
    p, log_p = kernels.softmax(np, z), kernels.log_softmax(np, z)
    assert p.dtype == log_p.dtype == dtype
    np.testing.assert_allclose(p, plain_softmax(z), rtol=tol, atol=tol)
    np.testing.assert_allclose(log_p, np.log(plain_softmax(z)), rtol=tol, atol=tol)


def test_large_logits_do_not_overflow():
    z = np.array([[1000.0, 0.0, -1000.0]], np.float32)
    np.testing.assert_array_equal(kernels.softmax(np, z), [[1, 0, 0]])
    np.testing.assert_array_equal(kernels.log_softmax(np, z), [[0, -1000, -2000]])
    loss, _ = kernels.sparse_softmax_cross_entropy(np, z, np.array([2]))
    np.testing.assert_array_equal(loss, [2000])


@pytest.mark.parametrize("dtype, tol", [(np.float16, 4e-3), (np.float32, 1e-5), (np.float64, 1e-13)])
def test_cross_entropies_agree_with_the_definition(dtype, tol):
    rng = np.random.default_rng(1)
    z = rng.normal(size=(6, 5)).astype(dtype)
    q = plain_softmax(rng.normal(size=(6, 5))).astype(dtype)
    loss, backprop = kernels.softmax_cross_entropy(np, z, q)
    p = plain_softmax(z)
    np.testing.assert_allclose(loss, -(q * np.log(p)).sum(-1), rtol=tol, atol=tol)
    np.testing.assert_allclose(backprop, p - q, rtol=tol, atol=tol)
    chosen = rng.integers(0, 5, 6)
    hot = np.eye(5)[chosen].astype(dtype)
    for a, b in zip(
        kernels.sparse_softmax_cross_entropy(np, z, chosen),
        kernels.softmax_cross_entropy(np, z, hot),
        strict=True,
    ):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=tol, atol=tol)


def test_labels_broadcast_and_zero_labels_take_no_part():
    z = np.array([[1.0, -np.inf], [0.0, 0.0]])
    with np.errstate(invalid="ignore"):
        loss, backprop = kernels.softmax_cross_entropy(np, z, np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(loss, [0, np.log(2)])
    np.testing.assert_allclose(backprop, [[0, 0], [-0.5, 0.5]])


def test_a_class_that_does_not_exist_gives_nan():
    loss, backprop = kernels.sparse_softmax_cross_entropy(np, np.zeros((2, 3)), np.array([3, 1]))
    assert np.isnan(loss[0]) and np.isnan(backprop[0]).all()
    assert loss[1] == np.log(3) and np.isfinite(backprop[1]).all()
