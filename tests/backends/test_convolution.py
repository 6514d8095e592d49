"""Convolutions of images in blocks against the generic functions, in float64."""

import numpy as np
import pytest
from scopert_numpy import convolution
from scopert_numpy.convolution import _Fast

from scopert.ops import convolution_kernels as generic

RNG = np.random.default_rng(11)
CASES = [
    # input, filter, strides, dilations, pads
    ((3, 9, 8, 2), (3, 3, 2, 5), (1, 1), (1, 1), ((1, 1), (1, 1))),
    ((3, 9, 8, 7), (3, 2, 7, 5), (1, 1), (1, 1), ((0, 0), (0, 0))),
    ((2, 11, 12, 3), (4, 3, 3, 2), (2, 3), (1, 1), ((1, 2), (0, 1))),
    ((2, 11, 40, 1), (5, 5, 1, 4), (2, 1), (1, 1), ((2, 2), (2, 2))),
    ((2, 11, 40, 1), (3, 3, 1, 4), (1, 1), (2, 3), ((2, 1), (0, 3))),
    ((2, 12, 13, 4), (3, 2, 4, 6), (3, 2), (2, 1), ((1, 1), (1, 0))),
    ((4, 6, 5, 8), (1, 1, 8, 3), (1, 1), (1, 1), ((0, 0), (0, 0))),
    ((4, 6, 5, 8), (1, 1, 8, 3), (2, 2), (1, 1), ((0, 0), (0, 0))),
    ((3, 9, 8, 20), (3, 4, 20, 5), (1, 1), (1, 1), ((1, 1), (2, 1))),
    ((3, 9, 8, 20), (3, 4, 20, 5), (1, 1), (2, 1), ((0, 0), (0, 0))),
    ((3, 9, 8, 20), (3, 4, 20, 5), (1, 1), (1, 1), ((5, 1), (2, 7))),
    ((1, 3, 3, 2), (3, 3, 2, 1), (1, 1), (1, 1), ((0, 0), (0, 0))),
    ((2, 6, 5, 8), (3, 3, 2, 4), (1, 1), (1, 1), ((1, 1), (1, 1))),
    ((0, 6, 5, 2), (3, 3, 2, 4), (1, 1), (1, 1), ((1, 1), (1, 1))),
    ((2, 6, 7, 5, 2), (3, 3, 2, 2, 4), (1, 1, 2), (1, 1, 1), ((1, 1), (1, 1), (0, 0))),
]


@pytest.mark.parametrize("block", [1, 1 << 18])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_the_generic_functions(case, block, monkeypatch):
    monkeypatch.setattr(convolution, "_BLOCK", block)
    shape, filters, *geometry = case
    x, w = RNG.normal(size=shape), RNG.normal(size=filters)
    expected = generic.convolve(np, x, w, *geometry)
    dy = RNG.normal(size=expected.shape)
    kept = x.copy(), w.copy(), dy.copy()
    for layout in (lambda a: a, lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, -1, 1)), 1, -1)):
        np.testing.assert_allclose(_Fast.convolve(np, layout(x), w, *geometry), expected, atol=1e-10)
        np.testing.assert_allclose(
            _Fast.convolve_grad_input(np, shape, w, layout(dy), *geometry),
            generic.convolve_grad_input(np, shape, w, dy, *geometry), atol=1e-10,
        )  # fmt: skip
        np.testing.assert_allclose(
            _Fast.convolve_grad_filter(np, layout(x), filters, layout(dy), *geometry),
            generic.convolve_grad_filter(np, x, filters, dy, *geometry), atol=1e-10,
        )  # fmt: skip
    assert all(np.array_equal(a, b) for a, b in zip((x, w, dy), kept, strict=True))


def test_shared_among_threads():
    x = RNG.normal(size=(9, 20, 20, 8)).astype(np.float32)
    w = RNG.normal(size=(5, 5, 8, 24)).astype(np.float32)
    geometry = ((1, 1), (1, 1), ((2, 2), (2, 2)))
    y = _Fast.convolve(np, x, w, *geometry)
    np.testing.assert_allclose(y, generic.convolve(np, x, w, *geometry), rtol=1e-4, atol=1e-4)
    for made, expected in (
        (_Fast.convolve_grad_input, generic.convolve_grad_input),
        (_Fast.convolve_grad_filter, generic.convolve_grad_filter),
    ):
        first = (x.shape, w, y) if made is _Fast.convolve_grad_input else (x, w.shape, y)
        found = made(np, *first, *geometry)
        wanted = expected(np, *first, *geometry)
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())
        assert found.tobytes() == made(np, *first, *geometry).tobytes()
