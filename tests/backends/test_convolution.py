"""Convolutions of images in pieces: as the generic functions in float64, in both layouts, for all geometries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scopert_numpy import convolution, native, windows
from scopert_numpy.convolution import CONVOLUTIONS, phases
from scopert_numpy.threads import pool

from scopert.errors import InvalidArgumentError
from scopert.ops import nn_conv
from scopert.ops.nn_conv import Geometry

KERNELS = {kernel.op: kernel.function for kernel in CONVOLUTIONS if not kernel.out}
INTO = {kernel.op: kernel.function for kernel in CONVOLUTIONS if kernel.out}


@st.composite
def convolutions(draw: Any) -> Any:
    sizes = st.integers(1, 9)
    image = draw(st.integers(1, 3)), draw(sizes), draw(sizes), draw(st.sampled_from([1, 2, 3, 16, 17]))
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    filters = draw(st.sampled_from([1, 2, 5, 16]))
    strides, dilations = ((draw(st.integers(1, 3)), draw(st.integers(1, 3))) for _ in range(2))
    padding = draw(st.sampled_from(["SAME", "VALID", "EXPLICIT"]))
    pads = [(draw(st.integers(0, 4)), draw(st.integers(0, 3))) for _ in range(2)]
    if padding == "VALID":
        image = (image[0], *(max(n, (k - 1) * d + 1) for n, k, d in zip(image[1:3], kernel, dilations, strict=True)),
                 image[3])  # fmt: skip
    if padding == "EXPLICIT":
        pads = [(a, b + max(0, (k - 1) * d + 1 - n - a - b))
                for (a, b), n, k, d in zip(pads, image[1:3], kernel, dilations, strict=True)]  # fmt: skip
    return image, (*kernel, image[3], filters), strides, dilations, padding, pads


def _attrs(case: Any, first: bool) -> dict[str, Any]:
    _, _, strides, dilations, padding, pads = case
    none = [(0, 0)]
    pairs = [*none, *none, *pads] if first else [*none, *pads, *none]
    return {
        "strides": [1, 1, *strides] if first else [1, *strides, 1],
        "dilations": [1, 1, *dilations] if first else [1, *dilations, 1],
        "padding": padding,
        "explicit_paddings": [n for pair in pairs for n in pair] if padding == "EXPLICIT" else [],
        "data_format": "NCHW" if first else "NHWC",
    }


def _geometry(attrs: dict[str, Any]) -> Geometry:
    return Geometry(
        attrs["strides"], attrs["padding"], attrs["data_format"], attrs["dilations"], attrs["explicit_paddings"]
    )


def _check(case: Any, first: bool, dtype: Any = np.float64, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=case[0]), rng.normal(size=case[1])
    if first:
        x = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    attrs = _attrs(case, first)
    expected = nn_conv.forward(np, x, w, _geometry(attrs))
    dy = rng.normal(size=expected.shape)
    shape, filters = np.array(x.shape, np.int32), np.array(w.shape, np.int32)
    wanted = {
        "Conv2D": (expected, (x, w)),
        "Conv2DBackpropInput": (nn_conv.backward_input(np, shape, w, dy, _geometry(attrs)), (shape, w, dy)),
        "Conv2DBackpropFilter": (nn_conv.backward_filter(np, x, filters, dy, _geometry(attrs)), (x, filters, dy)),
    }
    for op, (want, inputs) in wanted.items():
        given = [item if item.dtype == np.int32 else item.astype(dtype) for item in inputs]
        kept = [item.copy() for item in given]
        made = KERNELS[op](np, *given, **attrs)
        assert made.dtype == dtype and made.flags.c_contiguous
        tolerance = 1e-10 if dtype is np.float64 else 1e-5 * max(1.0, float(np.abs(want).max(initial=0)))
        np.testing.assert_allclose(made, want, rtol=0, atol=tolerance, err_msg=op)
        out = np.full_like(made, np.nan)
        assert INTO[op](np, *given, **attrs, out=out) is out
        assert out.tobytes() == made.tobytes()
        assert all(np.array_equal(a, b) for a, b in zip(kept, given, strict=True))


@pytest.mark.parametrize("machine_code", [True, False])
@settings(max_examples=150, deadline=None)
@given(case=convolutions(), first=st.booleans(), block=st.sampled_from([1, 200, 1 << 18]), seed=st.integers(0, 9))
def test_random_convolutions(machine_code: bool, case: Any, first: bool, block: int, seed: int) -> None:
    if machine_code and native.unavailable():
        pytest.skip(native.unavailable())
    with pytest.MonkeyPatch.context() as patch:
        if not machine_code:
            patch.setattr(convolution, "unavailable", lambda: "not wanted")
        patch.setattr(windows, "BLOCK", block)
        _check(case, first, seed=seed)


@pytest.mark.parametrize("machine_code", [True, False])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(("images", "size"), [(9, 20), (1, 61)])
def test_shared_among_threads(images: int, size: int, first: bool, machine_code: bool, monkeypatch: Any) -> None:
    """Images, and the strips of one image."""
    if not machine_code:
        monkeypatch.setattr(convolution, "unavailable", lambda: "not wanted")
    for strides, dilations in (((1, 1), (1, 1)), ((2, 1), (1, 1)), ((1, 1), (2, 2))):
        case = ((images, size, size, 16), (5, 5, 16, 24), strides, dilations, "SAME", [])
        _check(case, first, np.float32)
    _check(((images, size, size, 32), (1, 1, 32, 48), (1, 1), (1, 1), "SAME", []), first, np.float32)


def test_one_image_is_shared(monkeypatch: Any) -> None:
    monkeypatch.setattr(convolution, "unavailable", lambda: "not wanted")
    called = []
    monkeypatch.setattr(
        type(pool()), "parallel_for", lambda self, function, n, grain=1: (called.append((n, grain)), function(0, n))
    )
    _check(((1, 60, 60, 16), (5, 5, 16, 24), (1, 1), (1, 1), "SAME", []), False, np.float32)
    assert called[0][0] > 4 and called[0][1] == 1


@given(
    size=st.integers(1, 12), kernel=st.integers(1, 5), stride=st.integers(1, 4), dilation=st.integers(1, 4),
    before=st.integers(0, 5), after=st.integers(0, 5),
)  # fmt: skip
def test_phases_meet_all_pairs_once(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> None:
    windows_there = (size + before + after - (kernel - 1) * dilation - 1) // stride + 1
    assume(windows_there > 0)
    wanted = {
        (o * stride + t * dilation - before, o, t)
        for o in range(windows_there)
        for t in range(kernel)
        if 0 <= o * stride + t * dilation - before < size
    }
    found = [
        (phase.start + j * stride, j + k * phase.dilation - phase.before, t)
        for phase in phases(size, kernel, stride, dilation, before)
        for j in range(phase.count)
        for k, t in enumerate(phase.taps)
    ]
    inside = [(i, o, t) for i, o, t in found if 0 <= o < windows_there]
    assert len(inside) == len(set(inside)) and set(inside) == wanted


def test_what_is_not_written_here() -> None:
    """Groups, no images, 16-bit numbers, and wrong arguments go to the generic functions."""
    rng = np.random.default_rng(0)
    attrs = {"strides": [1, 1, 1, 1], "dilations": [1, 1, 1, 1], "padding": "SAME", "explicit_paddings": [],
             "data_format": "NHWC"}  # fmt: skip
    x, w = rng.normal(size=(2, 6, 5, 8)), rng.normal(size=(3, 3, 2, 4))
    wanted = nn_conv.forward(np, x, w, _geometry(attrs))
    np.testing.assert_allclose(KERNELS["Conv2D"](np, x, w, **attrs), wanted)
    np.testing.assert_allclose(INTO["Conv2D"](np, x, w, **attrs, out=np.empty_like(wanted)), wanted)
    assert KERNELS["Conv2D"](np, x[:0, ..., :2], w, **attrs).shape == (0, 6, 5, 4)
    half = KERNELS["Conv2D"](np, x.astype(np.float16), w.astype(np.float16), **attrs)
    assert half.dtype == np.float16
    with pytest.raises(InvalidArgumentError):
        KERNELS["Conv2D"](np, x[..., :3], w, **attrs)
    with pytest.raises(InvalidArgumentError, match="out_backprop"):
        KERNELS["Conv2DBackpropInput"](np, np.array([2, 6, 5, 2]), w, x[..., :4][:, :3], **attrs)
