"""Convolutions and their gradients in many shapes, as rows for `recorded.record`."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.conformance import Case

_R = np.random.RandomState(0)


def channels_second(x: Any) -> Any:
    """Images in the other order."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def convolutions() -> list[Case]:
    """Forward, to the input and to the filter, channels last and second; three times as many as shapes below."""
    found = []
    for n, h, w, c, o, k, stride, rate, padding, groups in (
        (3, 9, 8, 4, 8, 3, 1, 1, "SAME", 1), (5, 9, 8, 4, 8, 3, 2, 1, "VALID", 1), (2, 11, 10, 6, 4, 3, 1, 2, "SAME", 1),
        (3, 7, 7, 8, 12, 3, 2, 1, "SAME", 4), (4, 6, 6, 8, 16, 1, 1, 1, "SAME", 1), (4, 6, 6, 8, 16, 1, 2, 1, "SAME", 1),
        (4, 6, 6, 8, 16, 1, 1, 1, "SAME", 2), (2, 5, 5, 3, 7, 5, 1, 1, "SAME", 1),
    ):  # fmt: skip
        out = [-(-v // stride) if padding == "SAME" else (v - k) // stride + 1 for v in (h, w)]
        x, filters, dy = (
            _R.normal(size=(n, h, w, c)),
            _R.normal(size=(k, k, c // groups, o)),
            _R.normal(size=(n, *out, o)),
        )
        for layout in ("NHWC", "NCHW"):
            around = [1, 1, 0, 0] if layout == "NCHW" else [1, 0, 0, 1]
            attrs = {
                "strides": [v or stride for v in around], "dilations": [v or rate for v in around], "padding": padding,
                "data_format": layout,
            }  # fmt: skip
            image, grad = (channels_second(x), channels_second(dy)) if layout == "NCHW" else (x, dy)
            sizes, shape = np.array(image.shape, np.int32), np.array(filters.shape, np.int32)
            options = {"attrs": attrs, "gradient": False, "dtypes": ("float32", "bfloat16"), "label": f"{x.shape}"}
            found += [
                Case("Conv2D", [image, filters], **options),
                Case("Conv2DBackpropInput", [sizes, filters, grad], **options),
                Case("Conv2DBackpropFilter", [image, shape, grad], **options),
            ]
    return found
