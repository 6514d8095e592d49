"""Pooling of images: as the generic kernels, in both layouts, for all windows, with and without machine code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scopert_numpy import native, pooling

from scopert.ops import pooling_kernels as generic

KERNELS = {kernel.op: kernel.function for kernel in pooling.POOLINGS if not kernel.out}
INTO = {kernel.op: kernel.function for kernel in pooling.POOLINGS if kernel.out}


@st.composite
def poolings(draw: Any) -> Any:
    image = (draw(st.integers(1, 5)), draw(st.integers(1, 11)), draw(st.integers(1, 40)))
    channels = draw(st.sampled_from([1, 2, 3, 8, 16, 33]))
    window = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    strides = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    padding = draw(st.sampled_from(["SAME", "VALID"]))
    if padding == "VALID":
        window = min(window[0], image[1]), min(window[1], image[2])
    shape, ksize, steps = (*image, channels), (1, *window, 1), (1, *strides, 1)
    if draw(st.booleans()):
        order = (0, 3, 1, 2)
        shape, ksize, steps = (tuple(row[k] for k in order) for row in (shape, ksize, steps))
    return shape, list(ksize), list(steps), padding


def _check(case: Any, dtype: Any, seed: int) -> None:
    shape, ksize, strides, padding = case
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=shape), 1).astype(dtype)  # with ties
    x.flat[:: max(1, x.size // 3)] = -np.inf
    given = {"ksize": ksize, "strides": strides, "padding": padding}
    y = generic.max_pool(np, x, **given)
    dy = rng.normal(size=y.shape).astype(dtype)
    finite = np.where(np.isinf(x), dtype(3), x)
    for op, inputs, expected in (
        ("MaxPool", (x,), y),
        ("AvgPool", (finite,), generic.avg_pool(np, finite, **given)),
        ("MaxPoolGrad", (x, y, dy), generic.max_pool_grad(np, x, y, dy, **given)),
        ("AvgPoolGrad", (np.array(shape, np.int32), dy), generic.avg_pool_grad(np, shape, dy, **given)),
    ):
        made = KERNELS[op](np, *inputs, **given)
        assert made.dtype == dtype and made.shape == expected.shape
        tolerance = 0 if op == "MaxPool" else 1e-5 if dtype is np.float32 else 1e-13
        np.testing.assert_allclose(made, expected, rtol=tolerance, atol=tolerance, err_msg=op)
        out = np.full_like(made, 7)
        assert INTO[op](np, *inputs, **given, out=out) is out
        np.testing.assert_array_equal(out, made)


@pytest.mark.parametrize("machine_code", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=60, deadline=None)
@given(case=poolings(), seed=st.integers(0, 100))
def test_random_poolings(machine_code: bool, dtype: Any, case: Any, seed: int) -> None:
    if machine_code and native.unavailable():
        pytest.skip(native.unavailable())
    with pytest.MonkeyPatch.context() as patch:
        if not machine_code:
            patch.setattr(pooling, "unavailable", lambda: "not wanted")
        _check(case, dtype, seed)


@pytest.mark.parametrize("machine_code", [True, False])
def test_large_images(machine_code: bool, monkeypatch: Any) -> None:
    """Several threads; and one image, whose channels are shared."""
    if not machine_code:
        monkeypatch.setattr(pooling, "unavailable", lambda: "not wanted")
    for shape in ((40, 30, 30, 48), (1, 150, 151, 96)):
        _check((shape, [1, 3, 3, 1], [1, 2, 2, 1], "SAME"), np.float32, 0)
        _check((shape, [1, 2, 2, 1], [1, 2, 2, 1], "VALID"), np.float32, 0)
        order = (0, 3, 1, 2)
        first = tuple(shape[k] for k in order)
        _check((first, [1, 1, 2, 3], [1, 1, 2, 3], "SAME"), np.float32, 0)


@pytest.mark.parametrize("machine_code", [True, False])
def test_not_a_number(machine_code: bool, monkeypatch: Any) -> None:
    """A window with a NaN has no maximum, and no element gets its gradient."""
    if not machine_code:
        monkeypatch.setattr(pooling, "unavailable", lambda: "not wanted")
    x = np.ones((1, 4, 4, 20), np.float32)
    x[0, 1, 2, 5] = np.nan
    given = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}
    y = KERNELS["MaxPool"](np, x, **given)
    assert np.isnan(y).sum() == 1 and np.isnan(y[0, 0, 1, 5])
    dx = KERNELS["MaxPoolGrad"](np, x, y, np.ones_like(y), **given)
    assert dx.sum() == y.size - 1 and not dx[0, :2, 2:, 5].any()


def test_windows_over_other_axes_and_nothing_at_all() -> None:
    x = np.arange(2 * 3 * 4 * 6, dtype=np.float32).reshape(2, 3, 4, 6)
    for ksize in ([1, 1, 1, 2], [2, 1, 1, 1]):
        given = {"ksize": ksize, "strides": ksize, "padding": "VALID"}
        np.testing.assert_array_equal(KERNELS["MaxPool"](np, x, **given), generic.max_pool(np, x, **given))
        np.testing.assert_allclose(KERNELS["AvgPool"](np, x, **given), generic.avg_pool(np, x, **given))
    given = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "SAME"}
    assert KERNELS["MaxPool"](np, x[:0], **given).shape == (0, 2, 2, 6)
