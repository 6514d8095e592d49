"""Poolings and convolutions on the host device, in all layouts, strides and paddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from backends.cupy.checking import check, kept
from backends.cupy.convolution_cases import channels_second, convolutions
from backends.cupy.recorded import of_table, record
from ops.conformance import HALVES, Case
from scopert_cupy.emitters import convolving, depthwise, pooling
from scopert_cupy.emitters.windows import convolved, pooled

FILES = {"pooling": pooling, "convolving": convolving, "depthwise": depthwise}


@pytest.mark.parametrize("name", FILES)
def test_rows_of_the_table(name: str) -> None:
    table = FILES[name].TABLE
    counts = check([step for op in table for step in of_table().get(op, ())], tolerance=100.0)
    assert set(counts) == set(table)


@pytest.mark.parametrize("name", FILES)
def test_every_access_is_checked(name: str) -> None:
    steps = [step for op in FILES[name].TABLE for step in of_table()[op][::3]]
    check(steps, tolerance=100.0, checked=True)


def test_the_batch_goes_in_portions(monkeypatch: Any) -> None:
    monkeypatch.setattr(convolving, "_COLUMNS", 20000)
    cases = convolutions()
    counts = check(record(kept(case.op for case in cases), cases), tolerance=200.0)
    assert min(counts.values()) == 32


@pytest.mark.parametrize(
    ("image", "strides"),
    [((1, 2, 9, 1), (1, 1, 1, 1)), ((1, 9, 1), (1, 1, 1, 1)), ((1, 9, 9, 1), (1, 0, 1, 1)), ((1, 9, 9, 1), (1, 1, 1))],
)
def test_there_are_no_windows_where_the_kernel_refuses_them(image: Any, strides: Any) -> None:
    attrs = {"strides": strides, "dilations": [1, 1, 1, 1], "padding": "VALID", "data_format": "NHWC"}
    assert convolved(attrs, image, (4, 4, 1, 1)) is None
    assert pooled(image, (1, 4, 4, 1), strides, "VALID") is None
    assert convolved({**attrs, "strides": (1, 1, 1, 1)}, (1, 9, 9, 1), (4, 4, 1, 1)) is not None


_R = np.random.RandomState(0)


def _depthwise() -> list[Case]:
    found = []
    for n, size, c, many, stride in ((3, 9, 4, 2, 1), (40, 20, 8, 1, 2), (2, 9, 40, 1, 1)):
        x, filters = _R.normal(size=(n, size, size, c)), _R.normal(size=(3, 3, c, many))
        dy = _R.normal(size=(n, -(-size // stride), -(-size // stride), c * many))
        for layout in ("NHWC", "NCHW"):
            image, grad = (channels_second(x), channels_second(dy)) if layout == "NCHW" else (x, dy)
            strides = [1, 1, stride, stride] if layout == "NCHW" else [1, stride, stride, 1]
            attrs = {"strides": strides, "padding": "SAME", "data_format": layout}
            options = {"attrs": attrs, "gradient": False, "dtypes": ("float32", "float16"), "label": f"{x.shape}"}
            sizes, shape = np.array(image.shape, np.int32), np.array(filters.shape, np.int32)
            name = "DepthwiseConv2dNative"
            found += [
                Case(name, [image, filters], **options),
                Case(f"{name}BackpropInput", [sizes, filters, grad], **options),
                Case(f"{name}BackpropFilter", [image, shape, grad], **options),
            ]
    return found


def _poolings() -> list[Case]:
    """Few different numbers, so that windows have several maxima."""
    found = []
    for k, stride, padding in ((2, 2, "VALID"), (3, 2, "SAME"), (3, 1, "SAME")):
        x = _R.randint(0, 9, (2, 9, 8, 8)).astype(float)
        for layout in ("NHWC", "NCHW"):
            image = channels_second(x) if layout == "NCHW" else x
            around = [1, 1, 0, 0] if layout == "NCHW" else [1, 0, 0, 1]
            attrs = {"ksize": [v or k for v in around], "strides": [v or stride for v in around], "padding": padding}
            options = {"attrs": {**attrs, "data_format": layout}, "gradient": (0,), "dtypes": HALVES}
            found += [Case("MaxPool", [image], **options), Case("AvgPool", [image], **options)]
            out = [-(-n // stride) if padding == "SAME" else (n - k) // stride + 1 for n in (9, 8)]
            grad = _R.normal(size=(2, *out, 8))
            shape, grad = np.array(image.shape, np.int32), channels_second(grad) if layout == "NCHW" else grad
            found.append(Case("AvgPoolGrad", [shape, grad], **{**options, "gradient": False}))
            if layout == "NHWC":
                for batch in (False, True):
                    more = {**attrs, "Targmax": "int64", "include_batch_in_index": batch}
                    found.append(Case("MaxPoolWithArgmax", [image], attrs=more, gradient=(0,), dtypes=("float32",)))
    return found


def test_larger_shapes() -> None:
    cases = _depthwise() + _poolings()
    ops = {case.op for case in cases} | {"MaxPoolGrad", "AvgPoolGrad", "MaxPoolGradWithArgmax"}
    assert set(check(record(kept(ops), cases), tolerance=200.0)) == ops
