"""Cases of convolutions, poolings and morphology, against loops over every window."""

from itertools import product

import numpy as np
from ops.conformance import FLOATS, HALVES, Case


def starts(sizes, kernel, strides, rates, padding):
    """Number of windows and first position along each axis."""
    out, first = [], []
    for n, k, s, d in zip(sizes, kernel, strides, rates, strict=True):
        extent = (k - 1) * d + 1
        if padding == "SAME":
            count = -(-n // s)
            first.append(-(max((count - 1) * s + extent - n, 0) // 2))
        elif padding == "VALID":
            count = (n - extent) // s + 1
            first.append(0)
        else:
            before, after = padding[len(first)]
            count = (n + before + after - extent) // s + 1
            first.append(-before)
        out.append(count)
    return out, first


def meetings(sizes, kernel, strides, rates, padding):
    """Each (window, tap, element) that meet."""
    out, first = starts(sizes, kernel, strides, rates, padding)
    for place in product(*map(range, out)):
        for tap in product(*map(range, kernel)):
            at = tuple(f + p * s + t * d for f, p, s, t, d in zip(first, place, strides, tap, rates, strict=True))
            if all(0 <= a < n for a, n in zip(at, sizes, strict=True)):
                yield place, tap, at


class Convolution:
    """References for one geometry: the op and its two gradients."""

    def __init__(self, strides, rates, padding, depthwise=False, first=False):
        self.strides, self.rates, self.padding = strides, rates, padding
        self.depthwise, self.first = depthwise, first

    def _last(self, x):
        return np.moveaxis(x, 1, -1) if self.first else x

    def _back(self, x):
        return np.moveaxis(x, -1, 1) if self.first else x

    def _meet(self, sizes, kernel):
        return meetings(sizes, kernel, self.strides, self.rates, self.padding)

    def forward(self, x, w):
        x = self._last(x)
        kernel = w.shape[:-2]
        out, _ = starts(x.shape[1:-1], kernel, self.strides, self.rates, self.padding)
        y = np.zeros((len(x), *out, w.shape[-2] * w.shape[-1] if self.depthwise else w.shape[-1]))
        for place, tap, at in self._meet(x.shape[1:-1], kernel):
            seen = x[(slice(None), *at)]
            if self.depthwise:
                y[(slice(None), *place)] += (seen[..., None] * w[tap]).reshape(len(x), -1)
            else:
                y[(slice(None), *place)] += seen @ w[tap]
        return self._back(y)

    def to_input(self, sizes, w, dy):
        dy = self._last(dy)
        sizes = self._last(np.zeros(sizes)).shape
        dx = np.zeros(sizes)
        for place, tap, at in self._meet(sizes[1:-1], w.shape[:-2]):
            grad = dy[(slice(None), *place)]
            if self.depthwise:
                dx[(slice(None), *at)] += (grad.reshape(len(dy), *w.shape[-2:]) * w[tap]).sum(-1)
            else:
                dx[(slice(None), *at)] += grad @ w[tap].T
        return self._back(dx)

    def to_filter(self, x, sizes, dy):
        x, dy = self._last(x), self._last(dy)
        dw = np.zeros(sizes)
        for place, tap, at in self._meet(x.shape[1:-1], tuple(sizes[:-2])):
            seen, grad = x[(slice(None), *at)], dy[(slice(None), *place)]
            if self.depthwise:
                dw[tap] += (seen[..., None] * grad.reshape(len(dy), *sizes[-2:])).sum(0)
            else:
                dw[tap] += seen.T @ grad
        return dw


def convolutions(name, sizes, kernel, strides, rates, padding, label, dtypes=FLOATS, first=False, gradient=None):
    """Rows of a convolution and of its gradient ops, for one geometry."""
    rng = np.random.RandomState(3)
    depthwise = name.startswith("Depthwise")
    reference = Convolution(strides, rates, padding, depthwise, first)
    spatial = len(sizes)
    x = rng.normal(size=(2, *sizes, 3))
    w = rng.normal(size=(*kernel, 3, 2))
    layout = {2: "NHWC", 3: "NDHWC"}[spatial]
    if first:
        x = np.moveaxis(x, -1, 1)
        layout = {2: "NCHW", 3: "NCDHW"}[spatial]
    y = reference.forward(x, w)
    around = (lambda v: [1, 1, *v]) if first else (lambda v: [1, *v, 1])
    attrs = {"strides": around(strides), "dilations": around(rates), "data_format": layout}
    if isinstance(padding, str):
        attrs["padding"] = padding
    else:
        pairs = [(0, 0), (0, 0), *padding] if first else [(0, 0), *padding, (0, 0)]
        attrs.update(padding="EXPLICIT", explicit_paddings=[n for pair in pairs for n in pair])
    names = {
        "Conv2D": ("Conv2DBackpropInput", "Conv2DBackpropFilter"),
        "Conv3D": ("Conv3DBackpropInputV2", "Conv3DBackpropFilterV2"),
        "DepthwiseConv2dNative": ("DepthwiseConv2dNativeBackpropInput", "DepthwiseConv2dNativeBackpropFilter"),
    }[name]
    dy = rng.normal(size=y.shape)
    options = {"attrs": attrs, "label": label, "tolerance": 20, "gradient": gradient}
    return [
        Case(name, [x, w], reference.forward, dtypes=dtypes, second=gradient is None, **options),
        Case(names[0], [np.array(x.shape, np.int32), w, dy], reference.to_input, **options),
        Case(names[1], [x, np.array(w.shape, np.int32), dy], reference.to_filter, **options),
    ]


class Pooling:
    """References for one geometry over all axes of the input."""

    def __init__(self, ksize, strides, padding):
        self.ksize, self.strides, self.padding = ksize, strides, padding
        self.attrs = {"ksize": list(ksize), "strides": list(strides), "padding": padding}

    def windows(self, shape):
        found = {}
        for place, _, at in meetings(shape, self.ksize, self.strides, [1] * len(shape), self.padding):
            found.setdefault(place, []).append(at)
        return found

    def out(self, shape):
        return starts(shape, self.ksize, self.strides, [1] * len(shape), self.padding)[0]

    def winners(self, x):
        return {place: max(ats, key=lambda at: x[at]) for place, ats in self.windows(x.shape).items()}

    def maximum(self, x, *_):
        y = np.zeros(self.out(x.shape))
        for place, at in self.winners(x).items():
            y[place] = x[at]
        return y

    def argmax(self, x):
        index = np.zeros(self.out(x.shape), np.int64)
        for place, at in self.winners(x).items():
            index[place] = np.ravel_multi_index(at[1:], x.shape[1:])
        return index

    def max_grad(self, x, y, dy, *_):
        dx = np.zeros(x.shape)
        for place, at in self.winners(x).items():
            dx[at] += dy[place]
        return dx

    def max_grad_grad(self, x, y, ddx, *_):
        result = np.zeros(self.out(x.shape))
        for place, at in self.winners(x).items():
            result[place] = ddx[at]
        return result

    def mean(self, x):
        y = np.zeros(self.out(x.shape))
        for place, ats in self.windows(x.shape).items():
            y[place] = np.mean([x[at] for at in ats])
        return y

    def mean_grad(self, shape, dy):
        dx = np.zeros(shape)
        for place, ats in self.windows(tuple(shape)).items():
            for at in ats:
                dx[at] += dy[place] / len(ats)
        return dx


def poolings(shape, ksize, strides, padding, label, suffix="", max_types=FLOATS, layout=None):
    """Rows of both poolings and of their gradient ops, for one geometry."""
    reference = Pooling(ksize, strides, padding)
    rng = np.random.RandomState(4)
    # All different and far apart: no window changes its winner within a finite difference.
    x = rng.permutation(int(np.prod(shape))).reshape(shape) / 8.0 - 3
    y = reference.maximum(x)
    dy, ddx = rng.normal(size=y.shape), rng.normal(size=shape)
    attrs = dict(reference.attrs)
    if layout:
        attrs["data_format"] = layout
    sizes = np.array(shape, np.int32)
    options = {"attrs": attrs, "label": label, "tolerance": 4}
    # The three-dimensional gradient op has no float64, in which slopes are compared.
    upward = (2,) if "float64" in max_types else False
    return [
        Case(f"MaxPool{suffix}", [x], reference.maximum, dtypes=max_types, second=True, **options),
        Case(f"MaxPool{suffix}Grad", [x, y, dy], reference.max_grad, dtypes=max_types, gradient=upward, **options),
        Case(f"MaxPool{suffix}GradGrad", [x, y, ddx], reference.max_grad_grad, gradient=upward, **options),
        Case(f"AvgPool{suffix}", [x], reference.mean, dtypes=HALVES if label == "same" else FLOATS, **options),
        Case(f"AvgPool{suffix}Grad", [sizes, dy], reference.mean_grad, **options),
    ]


def poolings_by_tensors(shape, ksize, strides, padding):
    """The same for ops that take window and strides as inputs, and for those that give the argmax."""
    reference = Pooling(ksize, strides, padding)
    rng = np.random.RandomState(5)
    x = rng.permutation(int(np.prod(shape))).reshape(shape) / 8.0 - 3
    y, index = reference.maximum(x), reference.argmax(x)
    dy, ddx = rng.normal(size=y.shape), rng.normal(size=shape)
    k, s = np.array(ksize, np.int32), np.array(strides, np.int32)
    attrs = {"padding": padding}
    indexed = {**reference.attrs, "Targmax": "int64"}
    return [
        Case("MaxPoolV2", [x, k, s], reference.maximum, attrs=attrs, second=True),
        Case("MaxPoolGradV2", [x, y, dy, k, s], reference.max_grad, attrs=attrs, gradient=(2,)),
        Case("MaxPoolGradGradV2", [x, y, ddx, k, s], reference.max_grad_grad, attrs=attrs, gradient=(2,)),
        Case(
            "MaxPoolWithArgmax", [x], lambda x: (reference.maximum(x), reference.argmax(x)), attrs=indexed, second=True
        ),
        Case(
            "MaxPoolGradWithArgmax",
            [x, dy, index],
            lambda x, dy, _: reference.max_grad(x, None, dy),
            attrs=reference.attrs,
            gradient=(1,),
        ),
        Case(
            "MaxPoolGradGradWithArgmax",
            [x, ddx, index],
            lambda x, ddx, _: reference.max_grad_grad(x, None, ddx),
            attrs=reference.attrs,
            gradient=False,
        ),
    ]


def dilations(shape, kernel, strides, rates, padding, label):
    """Rows of greyscale dilation and of its gradient ops."""
    rng = np.random.RandomState(6)
    x = rng.permutation(int(np.prod(shape))).reshape(shape) * 1.0
    w = rng.uniform(0, 0.5, size=(*kernel, shape[-1]))
    out, _ = starts(shape[1:3], kernel, strides, rates, padding)
    dy = rng.normal(size=(shape[0], *out, shape[-1]))

    def winners(x, w):
        found = {}
        for place, tap, at in meetings(shape[1:3], kernel, strides, rates, padding):
            for b, c in product(range(shape[0]), range(shape[-1])):
                total = x[(b, *at, c)] + w[(*tap, c)]
                key = (b, *place, c)
                if key not in found or total > found[key][0]:
                    found[key] = (total, (b, *at, c), (*tap, c))
        return found

    def forward(x, w):
        y = np.zeros(dy.shape)
        for key, (total, _, _) in winners(x, w).items():
            y[key] = total
        return y

    def to_input(x, w, dy):
        dx = np.zeros(x.shape)
        for key, (_, at, _) in winners(x, w).items():
            dx[at] += dy[key]
        return dx

    def to_filter(x, w, dy):
        dw = np.zeros(w.shape)
        for key, (_, _, tap) in winners(x, w).items():
            dw[tap] += dy[key]
        return dw

    attrs = {"strides": [1, *strides, 1], "rates": [1, *rates, 1], "padding": padding}
    return [
        Case("Dilation2D", [x, w], forward, attrs=attrs, label=label, tolerance=20),
        Case("Dilation2DBackpropInput", [x, w, dy], to_input, attrs=attrs, label=label, tolerance=4),
        Case("Dilation2DBackpropFilter", [x, w, dy], to_filter, attrs=attrs, label=label, tolerance=4),
    ]


def empty_convolution(name, rank, padding):
    attrs = {"strides": [1] * rank, "padding": padding}
    x, w = np.zeros((0, *([4] * (rank - 2)), 3)), np.ones((*([2] * (rank - 2)), 3, 2))
    size = 4 if padding == "SAME" else 3
    channels = 6 if name.startswith("Depthwise") else 2
    return Case(
        name,
        [x, w],
        lambda x, w: np.zeros((0, *([size] * (rank - 2)), channels)),
        attrs=attrs,
        dtypes=("float32",),
        label=f"empty-{padding}",
        gradient=False,
    )


ROWS = [
    *convolutions("Conv2D", (5, 4), (3, 2), (1, 1), (1, 1), "SAME", "same", dtypes=HALVES),
    *convolutions("Conv2D", (5, 6), (2, 3), (2, 1), (1, 1), "VALID", "strided"),
    *convolutions("Conv2D", (6, 5), (2, 3), (1, 1), (2, 1), "SAME", "dilated"),
    *convolutions("Conv2D", (4, 3), (3, 2), (2, 1), (1, 1), ((1, 2), (0, 1)), "explicit"),
    *convolutions("Conv2D", (4, 5), (3, 2), (1, 2), (1, 1), "SAME", "channels-first", first=True),
    *convolutions("Conv2D", (3, 2), (1, 1), (1, 1), (1, 1), "VALID", "pointwise"),
    *convolutions("Conv3D", (3, 2, 4), (2, 2, 1), (1, 1, 2), (1, 1, 1), "SAME", "same"),
    *convolutions("Conv3D", (4, 3, 3), (2, 2, 2), (1, 2, 1), (2, 1, 1), "VALID", "channels-first", first=True),
    *convolutions("DepthwiseConv2dNative", (5, 4), (3, 2), (1, 1), (1, 1), "SAME", "same", dtypes=HALVES),
    *convolutions("DepthwiseConv2dNative", (5, 6), (2, 3), (2, 2), (1, 1), "VALID", "strided"),
    *convolutions("DepthwiseConv2dNative", (6, 5), (2, 3), (1, 1), (2, 1), "SAME", "channels-first", first=True),
    *(empty_convolution("Conv2D", 4, padding) for padding in ("SAME", "VALID")),
    empty_convolution("Conv3D", 5, "SAME"),
    empty_convolution("DepthwiseConv2dNative", 4, "VALID"),
    *poolings((2, 5, 4, 2), (1, 3, 2, 1), (1, 2, 1, 1), "SAME", "same"),
    *poolings((2, 4, 6, 2), (1, 2, 3, 1), (1, 2, 3, 1), "VALID", "valid"),
    *poolings((2, 2, 5, 4), (1, 1, 2, 2), (1, 1, 1, 2), "SAME", "channels-first", layout="NCHW"),
    *poolings((1, 2, 3, 6), (1, 1, 1, 3), (1, 1, 1, 3), "VALID", "depth"),
    *poolings((2, 3, 4, 3, 2), (1, 2, 2, 3, 1), (1, 1, 2, 2, 1), "SAME", "same", "3D", ("float16", "float32")),
    *poolings_by_tensors((2, 5, 4, 2), (1, 3, 2, 1), (1, 2, 1, 1), "SAME"),
    Case(
        "MaxPool",
        [np.arange(16, dtype=np.int32).reshape(1, 4, 4, 1)],
        lambda x: np.array([[[[5], [7]], [[13], [15]]]]),
        attrs={"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"},
        dtypes=("int32",),
        label="integer",
    ),
    Case(
        "AvgPool",
        [np.zeros((0, 4, 4, 1))],
        lambda x: np.zeros((0, 2, 2, 1)),
        attrs={"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"},
        dtypes=("float32",),
        label="empty",
        gradient=False,
    ),
    *dilations((2, 5, 4, 2), (2, 3), (1, 1), (1, 1), "SAME", "same"),
    *dilations((1, 6, 5, 2), (2, 2), (2, 1), (1, 2), "VALID", "strided"),
]
