"""Cases of normalisation and of selection by rank."""

import numpy as np
from ops.conformance import FLOATS, HALVES, Case

IMAGE = np.random.RandomState(0).normal(size=(2, 3, 2, 4))
DY = np.random.RandomState(1).normal(size=IMAGE.shape)
SCALE, OFFSET, MEAN = (np.random.RandomState(k).normal(size=4) for k in (2, 3, 4))
VARIANCE = np.random.RandomState(5).uniform(0.5, 2, size=4)
EPSILON = 0.01
LRN = {"depth_radius": 1, "bias": 1.5, "alpha": 0.7, "beta": 0.6}
NONE = np.zeros(0)


def lrn(x):
    y = np.empty_like(x)
    for c in range(x.shape[-1]):
        near = x[..., max(c - 1, 0) : c + 2]
        y[..., c] = x[..., c] / (1.5 + 0.7 * (near**2).sum(-1)) ** 0.6
    return y


def slope(function, x, dy, step=1e-6):
    """Central differences of <dy, function(x)>."""
    grad = np.zeros_like(x)
    for at in np.ndindex(*x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[at] += step
        behind[at] -= step
        grad[at] = ((function(ahead) - function(behind)) * dy).sum() / (2 * step)
    return grad


def training(x, scale, offset, *_):
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    y = (x - mean) / np.sqrt(variance + EPSILON) * scale + offset
    return y, mean, x.var((0, 1, 2), ddof=1), mean, variance


def inference(x, scale, offset, mean, variance):
    return (x - mean) / np.sqrt(variance + EPSILON) * scale + offset, mean, variance, mean, variance


def training_grad(dy, x, scale, *_):
    zero = np.zeros(4)
    return (
        slope(lambda v: training(v, scale, zero)[0], x, dy),
        slope(lambda v: training(x, v, zero)[0], scale, dy),
        dy.sum((0, 1, 2)),
        NONE,
        NONE,
    )


def inference_grad(dy, x, scale, mean, variance, *_):
    inverse = 1 / np.sqrt(variance + EPSILON)
    return (
        dy * scale * inverse,
        (dy * (x - mean) * inverse).sum((0, 1, 2)),
        dy.sum((0, 1, 2)),
        np.zeros(4),
        np.zeros(4),
    )


def channels_first(reference, images):
    """A reference for inputs with the channels second; `images` are the positions of images."""

    def call(*inputs):
        moved = [np.moveaxis(x, 1, -1) if k in images else x for k, x in enumerate(inputs)]
        y, *rest = reference(*moved)
        return (np.moveaxis(y, -1, 1), *rest)

    return call


def fused(version):
    """Rows of one version of the op and of its gradient op."""
    more = (np.array(0.0),) if version == "V3" else ()
    extra = [np.float32(0.0)] if version == "V3" else []
    name, grad = f"FusedBatchNorm{version}", f"FusedBatchNormGrad{version}"
    attrs = {"epsilon": EPSILON}
    given = [IMAGE, SCALE, OFFSET]
    moments = [IMAGE.mean((0, 1, 2)), IMAGE.var((0, 1, 2))]
    first = np.moveaxis(IMAGE, -1, 1)
    options = {"dtypes": ("float32",), "tolerance": 40}
    return [
        Case(
            name,
            [*given, np.zeros(0, np.float32), np.zeros(0, np.float32)],
            lambda *a: (*training(*a), *more),
            attrs=attrs,
            label="training",
            **options,
        ),
        Case(
            name,
            [*given, MEAN, VARIANCE],
            lambda *a: (*inference(*a), *more),
            attrs={**attrs, "is_training": False},
            label="inference",
            **options,
        ),
        Case(
            name,
            [first, SCALE, OFFSET, MEAN, VARIANCE],
            lambda *a: (*channels_first(inference, (0,))(*a), *more),
            attrs={**attrs, "is_training": False, "data_format": "NCHW"},
            label="channels-first",
            **options,
        ),
        Case(grad, [DY, IMAGE, SCALE, *moments, *extra], training_grad, attrs=attrs, label="training", **options),
        Case(
            grad,
            [DY, IMAGE, SCALE, MEAN, VARIANCE, *extra],
            inference_grad,
            attrs={**attrs, "is_training": False},
            label="inference",
            **options,
        ),
        Case(
            grad,
            [np.moveaxis(DY, -1, 1), first, SCALE, *moments, *extra],
            channels_first(training_grad, (0, 1)),
            attrs={**attrs, "data_format": "NCHW"},
            label="channels-first",
            **options,
        ),
    ]


TABLE = [[3.0, 1.0, 2.0, 5.0], [0.5, -1.0, 4.0, 0.25]]
TIES = np.array([[2, 7, 7, 1, 7]], np.int32)
SCORES = np.array([[0.1, 0.3, 0.2, 0.3], [0.1, 0.3, 0.2, 0.3], [np.nan, 1, 2, 3]], np.float32)


def top(x, k):
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order.astype(np.int32)


ROWS = [
    Case("LRN", [IMAGE], lrn, attrs=LRN, dtypes=("float16", "float32")),
    Case(
        "LRNGrad",
        [DY, IMAGE, lrn(IMAGE)],
        lambda dy, x, y: slope(lrn, x, dy),
        attrs=LRN,
        dtypes=("float32",),
        tolerance=4,
    ),
    *fused(""),
    *fused("V2"),
    *fused("V3"),
    Case(
        "FusedBatchNormV2",
        [IMAGE, SCALE.astype(np.float32), OFFSET.astype(np.float32), np.zeros(0, np.float32), np.zeros(0, np.float32)],
        run=lambda *a: _raw("FusedBatchNormV2", *a, epsilon=EPSILON)[0],
        reference=lambda x, s, o, *_: training(x, s, o)[0],
        dtypes=("float16",),
        tolerance=4,
        label="half",
    ),
    Case("TopK", [TABLE], lambda x: top(x, 2), attrs={"k": 2}, dtypes=HALVES),
    Case("TopKV2", [TABLE, np.int32(3)], lambda x, k: top(x, 3), dtypes=HALVES),
    Case("TopKV2", [TABLE[0], np.int32(1)], lambda x, k: top(x, 1), label="vector"),
    Case("TopKV2", [TIES, np.int32(2)], lambda x, k: (np.array([[7, 7]]), np.array([[1, 2]])), label="ties"),
    Case(
        "TopKV2",
        [TABLE, np.int32(0)],
        lambda x, k: (np.zeros((2, 0)), np.zeros((2, 0), np.int32)),
        dtypes=("float32",),
        label="none",
        gradient=False,
    ),
    Case(
        "TopKV2",
        [TABLE, np.int32(5)],
        dtypes=("float32",),
        fed=(1,),
        error="input must have at least k columns",
        label="too-many",
    ),
    Case("InTopK", [SCORES, np.array([1, 2, 1])], lambda p, t: np.array([True, False, False]), attrs={"k": 2}),
    Case("InTopKV2", [SCORES, np.array([3, 9, 1]), np.int64(2)], lambda p, t, k: np.array([True, False, False])),
    Case("NthElement", [TABLE, np.int32(1)], lambda x, n: np.sort(x)[:, 1], dtypes=FLOATS),
    Case("NthElement", [TABLE, np.int32(1)], lambda x, n: np.sort(x)[:, 2], attrs={"reverse": True}, label="reverse"),
    Case(
        "NthElement",
        [TABLE, np.int32(4)],
        dtypes=("float32",),
        fed=(1,),
        error=r"at least n\+1 columns",
        label="too-far",
    ),
]


def _raw(op, *inputs, **attrs):
    from scopert.ops.raw import raw

    return raw(op, *inputs, **attrs)
