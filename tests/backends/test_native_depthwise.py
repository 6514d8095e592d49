"""Depthwise convolutions by machine code: the generic kernels' results."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scopert_numpy.depthwise import _Fast
from scopert_numpy.native import unavailable

from scopert.ops import convolution_kernels as generic

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(deadline=None, max_examples=150)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12), st.integers(1, 40)), st.integers(1, 3),
    st.tuples(st.integers(1, 4), st.integers(1, 4)), pairs, pairs,
    st.tuples(st.tuples(st.integers(0, 3), st.integers(0, 3)), st.tuples(st.integers(0, 3), st.integers(0, 3))),
    st.sampled_from(["float32", "float64"]),
)  # fmt: skip
def test_forward_and_gradients(image, multiplier, kernel, strides, dilations, pads, dtype):
    out = generic.count_windows(image[1:-1], kernel, strides, dilations, pads)
    assume(min(out) > 0)
    rng = np.random.RandomState(sum(image))
    x, w = rng.randn(*image).astype(dtype), rng.randn(*kernel, image[3], multiplier).astype(dtype)
    dy = rng.randn(image[0], *out, image[3] * multiplier).astype(dtype)
    rest = (strides, dilations, pads)
    for name, arguments in (
        ("depthwise", (x, w)), ("depthwise_grad_input", (image, w, dy)), ("depthwise_grad_filter", (x, w.shape, dy)),
    ):  # fmt: skip
        wide = [a.astype(np.float64) if isinstance(a, np.ndarray) else a for a in arguments]
        found, wanted = getattr(_Fast, name)(np, *arguments, *rest), getattr(generic, name)(np, *wide, *rest)
        assert found.dtype == dtype and found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-4 if dtype == "float32" else 1e-11, atol=1e-4 if dtype == "float32" else 1e-11)


@pytest.mark.parametrize("shape", [(8, 30, 30, 64), (2, 64, 64, 200)])
def test_shared_by_threads(shape):
    rng = np.random.RandomState(1)
    x, w = rng.randn(*shape).astype(np.float32), rng.randn(3, 3, shape[3], 1).astype(np.float32)
    rest = ((1, 1), (1, 1), ((1, 1), (1, 1)))
    for name, arguments in (
        ("depthwise", (x, w)), ("depthwise_grad_input", (shape, w, x)), ("depthwise_grad_filter", (x, w.shape, x)),
    ):  # fmt: skip
        wanted = getattr(generic, name)(np, *[a.astype(np.float64) if isinstance(a, np.ndarray) else a for a in arguments], *rest)
        np.testing.assert_allclose(getattr(_Fast, name)(np, *arguments, *rest), wanted, rtol=1e-4, atol=1e-3)
