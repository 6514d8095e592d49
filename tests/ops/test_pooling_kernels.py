"""The pooling kernels against loops over every window, in float64."""

from itertools import product

import numpy as np
import pytest

from scopert.errors import InvalidArgumentError
from scopert.ops import pooling_kernels as kernels


def windows(shape, ksize, strides, padding):
    """Each output position with the index ranges of its window, cut to the input."""
    out, pads = kernels.pool_geometry(shape, ksize, strides, padding)
    for place in product(*map(range, out)):
        starts = [p * s - before for p, s, (before, _) in zip(place, strides, pads, strict=True)]
        yield (
            place,
            [range(max(b, 0), min(b + k, n)) for b, k, n in zip(starts, ksize, shape, strict=True)],
        )


CASES = [
    ((2, 6, 6, 3), (1, 2, 2, 1), (1, 2, 2, 1), "VALID"),
    ((2, 7, 5, 3), (1, 3, 2, 1), (1, 2, 1, 1), "SAME"),
    ((2, 7, 5, 3), (1, 3, 3, 1), (1, 1, 1, 1), "SAME"),
    ((2, 3, 7, 5), (1, 1, 3, 3), (1, 1, 2, 3), "VALID"),
    ((2, 4, 4, 6), (1, 1, 1, 3), (1, 1, 1, 3), "VALID"),
    ((2, 4, 5, 3, 2), (1, 2, 3, 2, 1), (1, 2, 2, 1, 1), "SAME"),
    ((2, 5, 5, 1), (1, 2, 2, 1), (1, 3, 3, 1), "SAME"),
    ((2, 5, 5, 2), (1, 1, 1, 1), (1, 1, 1, 1), "VALID"),
]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_max_pool_its_argmax_and_gradients(case, ties):
    shape, ksize, strides, padding = case
    rng = np.random.default_rng(5)
    x = rng.integers(-2, 2, size=shape).astype(float) if ties else rng.normal(size=shape)
    out, _ = kernels.pool_geometry(shape, ksize, strides, padding)
    dy, ddx = rng.normal(size=out), rng.normal(size=shape)
    expected, arg = np.empty(out), np.empty(out, np.int64)
    dx, ddy = np.zeros(shape), np.empty(out)
    for place, ranges in windows(shape, ksize, strides, padding):
        best = None
        for at in product(*ranges):
            if best is None or x[at] > x[best]:
                best = at
        expected[place] = x[best]
        arg[place] = np.ravel_multi_index(best, shape)
        dx[best] += dy[place]
        ddy[place] = ddx[best]
    geometry = (ksize, strides, padding)
    np.testing.assert_array_equal(kernels.max_pool(np, x, *geometry), expected)
    np.testing.assert_allclose(kernels.max_pool_grad(np, x, expected, dy, *geometry), dx, atol=1e-12)
    np.testing.assert_array_equal(kernels.max_pool_grad_grad(np, x, expected, ddx, *geometry), ddy)
    each = np.prod(shape[1:])
    for batched, index in ((True, arg), (False, arg % each)):
        best, found = kernels.max_pool_with_argmax(np, x, *geometry, batched, np.dtype(np.int64))
        np.testing.assert_array_equal(best, expected)
        np.testing.assert_array_equal(found, index)
        np.testing.assert_allclose(kernels.max_pool_grad_with_argmax(np, x, dy, found, batched), dx, atol=1e-12)
        np.testing.assert_array_equal(kernels.max_pool_grad_grad_with_argmax(np, x, ddx, found, batched), ddy)


@pytest.mark.parametrize("case", CASES)
def test_avg_pool_and_gradient(case):
    shape, ksize, strides, padding = case
    rng = np.random.default_rng(6)
    x = rng.normal(size=shape)
    out, _ = kernels.pool_geometry(shape, ksize, strides, padding)
    dy = rng.normal(size=out)
    expected, dx = np.empty(out), np.zeros(shape)
    for place, ranges in windows(shape, ksize, strides, padding):
        patch = np.ix_(*ranges)
        expected[place] = x[patch].mean()
        dx[patch] += dy[place] / x[patch].size
    np.testing.assert_allclose(kernels.avg_pool(np, x, ksize, strides, padding), expected, rtol=1e-12)
    np.testing.assert_allclose(kernels.avg_pool_grad(np, shape, dy, ksize, strides, padding), dx, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.float16, np.float64])
def test_max_pool_of_the_lowest_values_ignores_the_padding(dtype):
    low = -np.inf if np.dtype(dtype).kind == "f" else np.iinfo(dtype).min
    x = np.full((1, 3, 3, 1), low, dtype)
    geometry = ((1, 2, 2, 1), (1, 2, 2, 1), "SAME")
    y = kernels.max_pool(np, x, *geometry)
    assert y.dtype == dtype and (y == low).all()
    dx = kernels.max_pool_grad(np, x, y, np.ones((1, 2, 2, 1), dtype), *geometry)
    assert dx.dtype == dtype
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 0, 1], [0, 0, 0], [1, 0, 1]])


def test_results_never_share_memory_with_the_input():
    x = np.ones((1, 2, 2, 1))
    assert not np.shares_memory(kernels.max_pool(np, x, (1, 1, 1, 1), (1, 1, 1, 1), "VALID"), x)
    assert not np.shares_memory(kernels.avg_pool(np, x, (1, 1, 1, 1), (1, 1, 1, 1), "VALID"), x)
    assert not np.shares_memory(kernels.max_pool(np, x, (1, 1, 1, 1), (1, 2, 2, 1), "VALID"), x)


def test_empty_batch():
    x = np.zeros((0, 4, 4, 2), np.float32)
    geometry = ((1, 2, 2, 1), (1, 2, 2, 1), "SAME")
    nothing = np.zeros((0, 2, 2, 2), np.float32)
    assert kernels.max_pool(np, x, *geometry).shape == (0, 2, 2, 2)
    assert kernels.avg_pool(np, x, *geometry).shape == (0, 2, 2, 2)
    assert kernels.max_pool_grad(np, x, nothing, nothing, *geometry).shape == x.shape


def test_an_infinite_gradient_stays_where_it_belongs():
    x = np.arange(4.0).reshape(1, 2, 2, 1)
    for strides in ((1, 2, 2, 1), (1, 1, 1, 1)):
        geometry = ((1, 2, 2, 1), strides, "VALID")
        y = kernels.max_pool(np, x, *geometry)
        dx = kernels.max_pool_grad(np, x, y, np.full(y.shape, np.inf), *geometry)
        np.testing.assert_array_equal(dx.ravel(), [0, 0, 0, np.inf])


@pytest.mark.parametrize("ksize, strides", [([1, 2, 2], [1] * 4), ([1, 2, 2, 1], [1] * 3), ([1, 0, 2, 1], [1] * 4),
                                            ([1, 2, 2, 1], [1, 1, 0, 1]), ([1, 9, 2, 1], [1] * 4)])  # fmt: skip
def test_sizes_and_strides_that_do_not_fit_are_refused(ksize, strides):
    with pytest.raises(InvalidArgumentError, match=r"dimensional|strides are needed|must be positive|would be negative"):
        kernels.pool_geometry((1, 4, 4, 1), ksize, strides, "VALID")
