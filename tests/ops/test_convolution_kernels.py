"""The convolution kernels against plain loops over every output element, in float64."""

from itertools import product

import numpy as np
import pytest

from scopert.ops import convolution_kernels as kernels
from scopert.ops.window import output_size, window_pads


def loop_convolution(x, w, strides, dilations, pads, depthwise=False):
    """Definition: one dot product per output element."""
    kernel = w.shape[:-2]
    padded = np.pad(x, [(0, 0), *pads, (0, 0)])
    out = [
        (n - ((k - 1) * d + 1)) // s + 1
        for n, k, s, d in zip(padded.shape[1:-1], kernel, strides, dilations, strict=True)
    ]
    channels = w.shape[-2] * w.shape[-1] if depthwise else w.shape[-1]
    y = np.zeros((x.shape[0], *out, channels))
    for place in product(*map(range, out)):
        for tap in product(*map(range, kernel)):
            at = tuple(p * s + t * d for p, s, t, d in zip(place, strides, tap, dilations, strict=True))
            seen = padded[(slice(None), *at)]
            if depthwise:
                y[(slice(None), *place)] += (seen[:, :, None] * w[tap]).reshape(len(x), -1)
            else:
                groups = x.shape[-1] // w.shape[-2]
                for g, part in enumerate(np.split(seen, groups, axis=-1)):
                    each = w.shape[-1] // groups
                    lanes = slice(g * each, (g + 1) * each)
                    y[(slice(None), *place, lanes)] += part @ w[tap][:, lanes]
    return y


CASES = [
    # spatial sizes, kernel, strides, dilations, padding
    ((7,), (3,), (1,), (1,), "SAME"),
    ((9,), (2,), (3,), (2,), "VALID"),
    ((5, 6), (3, 3), (1, 1), (1, 1), "SAME"),
    ((7, 8), (3, 2), (2, 3), (1, 1), "SAME"),
    ((8, 9), (2, 3), (1, 1), (3, 2), "VALID"),
    ((8, 9), (2, 3), (1, 1), (2, 2), "SAME"),
    ((5, 5), (1, 1), (1, 1), (1, 1), "VALID"),
    ((5, 5), (1, 1), (2, 2), (1, 1), "SAME"),
    ((4, 4), (5, 5), (1, 1), (1, 1), "SAME"),
    ((4, 4), (4, 4), (3, 3), (1, 1), "VALID"),
    ((4, 5, 3), (2, 3, 2), (1, 2, 1), (1, 1, 1), "SAME"),
    ((4, 5, 3), (2, 2, 2), (2, 1, 1), (1, 2, 1), "VALID"),
]


def setting(case, groups=1, depthwise=False):
    sizes, kernel, strides, dilations, padding = case
    rng = np.random.default_rng(7)
    pads = [
        window_pads(n, k, s, padding, d) for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    x = rng.normal(size=(3, *sizes, 4))
    w = rng.normal(size=(*kernel, 4 // groups, 3 if depthwise else 6))
    return x, w, (strides, dilations, pads)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_convolve_and_both_gradients(case, groups):
    x, w, geometry = setting(case, groups)
    expected = loop_convolution(x, w, *geometry)
    y = kernels.convolve(np, x, w, *geometry)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    dy = np.random.default_rng(1).normal(size=y.shape)
    # The map is bilinear: its gradients are its adjoints, <dy, conv(u, w)> = <grad_input(dy), u>.
    u, v = np.random.default_rng(2).normal(size=x.shape), np.random.default_rng(3).normal(size=w.shape)
    dx = kernels.convolve_grad_input(np, x.shape, w, dy, *geometry)
    dw = kernels.convolve_grad_filter(np, x, w.shape, dy, *geometry)
    assert dx.shape == x.shape and dw.shape == w.shape
    np.testing.assert_allclose((dx * u).sum(), (dy * loop_convolution(u, w, *geometry)).sum(), rtol=1e-10)
    np.testing.assert_allclose((dw * v).sum(), (dy * loop_convolution(x, v, *geometry)).sum(), rtol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_depthwise_and_both_gradients(case):
    x, w, geometry = setting(case, depthwise=True)
    expected = loop_convolution(x, w, *geometry, depthwise=True)
    y = kernels.depthwise(np, x, w, *geometry)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    dy = np.random.default_rng(1).normal(size=y.shape)
    u, v = np.random.default_rng(2).normal(size=x.shape), np.random.default_rng(3).normal(size=w.shape)
    dx = kernels.depthwise_grad_input(np, x.shape, w, dy, *geometry)
    dw = kernels.depthwise_grad_filter(np, x, w.shape, dy, *geometry)
    np.testing.assert_allclose(
        (dx * u).sum(), (dy * loop_convolution(u, w, *geometry, depthwise=True)).sum(), rtol=1e-10
    )
    np.testing.assert_allclose(
        (dw * v).sum(), (dy * loop_convolution(x, v, *geometry, depthwise=True)).sum(), rtol=1e-10
    )


def test_chunks_of_the_batch_agree_with_one_piece(monkeypatch):
    x, w, geometry = setting(CASES[3])
    whole = kernels.convolve(np, x, w, *geometry)
    dw = kernels.convolve_grad_filter(np, x, w.shape, whole, *geometry)
    dx = kernels.convolve_grad_input(np, x.shape, w, whole, *geometry)
    monkeypatch.setattr(kernels, "COLUMN_ELEMENTS", 1)
    np.testing.assert_allclose(kernels.convolve(np, x, w, *geometry), whole, rtol=1e-12)
    np.testing.assert_allclose(kernels.convolve_grad_filter(np, x, w.shape, whole, *geometry), dw, rtol=1e-12)
    np.testing.assert_allclose(kernels.convolve_grad_input(np, x.shape, w, whole, *geometry), dx, rtol=1e-12)


@pytest.mark.parametrize("shape, filters", [((0, 4, 4, 2), 3), ((2, 4, 4, 2), 0), ((2, 2, 2, 2), 3)])
def test_empty_operands_and_windows_that_do_not_fit(shape, filters):
    x, w = np.ones(shape, np.float32), np.ones((3, 3, 2, filters), np.float32)
    geometry = ((1, 1), (1, 1), [(0, 0), (0, 0)])
    y = kernels.convolve(np, x, w, *geometry)
    assert y.shape == (shape[0], max(shape[1] - 2, 0), max(shape[2] - 2, 0), filters)
    dx = kernels.convolve_grad_input(np, x.shape, w, y, *geometry)
    dw = kernels.convolve_grad_filter(np, x, w.shape, y, *geometry)
    assert dx.shape == x.shape and not dx.any()
    assert dw.shape == w.shape and not dw.any()


def test_half_precision_accumulates_in_single():
    x = np.full((1, 1, 1, 4096), 1.0, np.float16)
    w = np.full((1, 1, 4096, 1), 1.0, np.float16)
    y = kernels.convolve(np, x, w, (1, 1), (1, 1), [(0, 0), (0, 0)])
    assert y.dtype == np.float16 and y.item() == 4096


def test_window_arithmetic():
    assert output_size(7, 3, 2, "SAME") == 4 and window_pads(7, 3, 2, "SAME") == (1, 1)
    assert output_size(8, 3, 2, "SAME") == 4 and window_pads(8, 3, 2, "SAME") == (0, 1)
    assert output_size(8, 3, 2, "VALID") == 3 and output_size(8, 3, 1, "VALID", 3) == 2
    assert output_size(8, 3, 1, "EXPLICIT", 1, (2, 1)) == 9
    assert output_size(None, 3, 1, "SAME") is None and output_size(4, None, 2, "SAME") == 2
    with pytest.raises(ValueError, match="Negative dimension size caused by subtracting 5 from 2"):
        output_size(2, 3, 1, "VALID", 2)
