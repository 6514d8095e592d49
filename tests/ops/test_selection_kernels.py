"""Ranking kernels against sorting in Python."""

import numpy as np
import pytest

from scopert.ops import selection_kernels as kernels


@pytest.mark.parametrize("k", [0, 1, 2, 6])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.uint8, np.int64])
def test_top_k_prefers_the_first_of_equals(dtype, k):
    x = np.random.default_rng(0).integers(0, 4, size=(5, 3, 6)).astype(dtype)
    values, index = kernels.top_k(np, x, k)
    assert values.shape == index.shape == (5, 3, k) and values.dtype == dtype and index.dtype == np.int32
    for row, v, i in zip(x.reshape(15, 6), values.reshape(15, k), index.reshape(15, k), strict=True):
        order = sorted(range(6), key=lambda c: (-int(row[c]), c))[:k]
        assert i.tolist() == order and v.tolist() == row[order].tolist()


@pytest.mark.parametrize("reverse", [False, True])
def test_nth_element(reverse):
    x = np.random.default_rng(1).normal(size=(3, 4, 7))
    for n in range(7):
        expected = np.sort(x, axis=-1)[..., 6 - n if reverse else n]
        np.testing.assert_array_equal(kernels.nth_element(np, x, n, reverse), expected)


def test_in_top_k():
    scores = [[0.1, 0.3, 0.2, 0.3], [0.1, 0.3, 0.2, 0.3], [np.nan, 1, 2, 3], [0, 1, 2, np.inf]]
    p = np.array(scores, np.float32)
    assert kernels.in_top_k(np, p, np.array([1, 3, 1, 1]), 2).tolist() == [True, True, False, False]
    assert kernels.in_top_k(np, p, np.array([2, 9, 1, 1]), 2).tolist() == [False, False, False, False]
    assert kernels.in_top_k(np, p, np.array([2, -1, 1, 1]), 3).tolist() == [True, False, False, False]
    assert kernels.in_top_k(np, p[:0], np.zeros(0, np.int64), 3).shape == (0,)
