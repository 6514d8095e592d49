"""Cases of rectifiers, biases, softmaxes and cross-entropies."""

import numpy as np
from ops.conformance import FLOATS, HALVES, Case

# No element at a kink of any rectifier.
X = [[-2.5, 0.75, 3.0], [1.5, -0.25, 7.25]]
G = [[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]]
EMPTY = np.zeros((0, 3))
SCALE, SCALE_ALPHA = 1.0507009873554805, 1.7580993408473766


def rectifier(op, reference, slope, of_output, dtypes=HALVES, grad_rule=True, **attrs):
    """The op, and its gradient op: `slope` as a function of the input or of the output."""
    return [
        Case(op, [X], reference, attrs=attrs, dtypes=dtypes, second=grad_rule),
        Case(op, [0.75], reference, attrs=attrs, dtypes=FLOATS, label="scalar"),
        Case(op, [EMPTY], reference, attrs=attrs, dtypes=("float32",), label="empty"),
        Case(
            op + "Grad",
            [G, reference(np.array(X)) if of_output else X],
            lambda g, x: g * slope(x),
            attrs=attrs,
            dtypes=dtypes,
        ),
        Case(op + "Grad", [EMPTY, EMPTY], lambda g, x: g, attrs=attrs, dtypes=("float32",), label="empty"),
    ]


def selu(x):
    return np.where(x < 0, SCALE_ALPHA * (np.exp(np.minimum(x, 0)) - 1), SCALE * x)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True)) if z.size else z
    return e / e.sum(-1, keepdims=True)


def cross_entropy(z, q):
    p = softmax(z)
    return -(q * np.log(p)).sum(-1), np.broadcast_to(p - q, p.shape)


def sparse_cross_entropy(z, labels):
    p = softmax(z)
    hot = np.eye(z.shape[1])[labels]
    return -np.log((p * hot).sum(-1)), p - hot


LOGITS = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]]
SHARES = [[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]
CLASSES = np.array([2, 0], np.int32)
CUBE = np.random.RandomState(0).normal(size=(2, 3, 4))
IMAGE = np.random.RandomState(1).normal(size=(2, 3, 2, 4))
BIAS = [0.5, -1.0, 0.25, 2.0]

ROWS = [
    *rectifier("Relu", lambda x: np.maximum(x, 0), lambda x: x > 0, False),
    Case("Relu", [np.array([-3, 4], np.int32)], lambda x: np.maximum(x, 0), dtypes=("int32",), label="integer"),
    *rectifier("Relu6", lambda x: np.clip(x, 0, 6), lambda x: (x > 0) & (x < 6), False),
    *rectifier("LeakyRelu", lambda x: np.where(x > 0, x, 0.3 * x), lambda x: np.where(x > 0, 1, 0.3), False, alpha=0.3),
    *rectifier(
        "Elu", lambda x: np.where(x < 0, np.exp(np.minimum(x, 0)) - 1, x), lambda y: np.where(y < 0, y + 1, 1), True
    ),
    *rectifier("Selu", selu, lambda y: np.where(y < 0, y + SCALE_ALPHA, SCALE), True),
    *rectifier("Softplus", lambda x: np.log1p(np.exp(x)), lambda x: 1 / (1 + np.exp(-x)), False),
    Case("Softplus", [[-1000.0, 1000.0]], lambda x: np.maximum(x, 0), dtypes=FLOATS, label="large"),
    *rectifier("Softsign", lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2, False, grad_rule=False),
    Case("BiasAdd", [IMAGE, BIAS], lambda x, b: x + b, dtypes=HALVES),
    Case("BiasAdd", [CUBE[0], BIAS], lambda x, b: x + b, dtypes=FLOATS, label="matrix"),
    Case(
        "BiasAdd",
        [IMAGE, [1.0, 2.0, 3.0]],
        lambda x, b: x + b[:, None, None],
        attrs={"data_format": "NCHW"},
        dtypes=FLOATS,
        label="channels-first",
    ),
    Case("BiasAdd", [np.zeros((0, 4)), BIAS], lambda x, b: x, dtypes=("float32",), label="empty", gradient=False),
    Case("BiasAddV1", [IMAGE, BIAS], lambda x, b: x + b, dtypes=FLOATS),
    Case("BiasAddGrad", [IMAGE], lambda g: g.sum((0, 1, 2)), dtypes=FLOATS),
    Case("BiasAddGrad", [CUBE[0]], lambda g: g.sum(0), dtypes=FLOATS, label="matrix"),
    Case(
        "BiasAddGrad",
        [IMAGE],
        lambda g: g.sum((0, 2, 3)),
        attrs={"data_format": "NCHW"},
        dtypes=FLOATS,
        label="channels-first",
    ),
    Case("BiasAddGrad", [np.zeros((0, 4))], lambda g: np.zeros(4), dtypes=("float32",), label="empty", gradient=False),
    Case("Softmax", [LOGITS], softmax, dtypes=HALVES, second=True),
    Case("Softmax", [CUBE], softmax, dtypes=FLOATS, label="cube"),
    Case("Softmax", [BIAS], softmax, dtypes=FLOATS, label="vector"),
    Case("Softmax", [[[1000.0, 0.0]]], lambda z: np.array([[1.0, 0.0]]), dtypes=FLOATS, label="large", gradient=False),
    Case("Softmax", [EMPTY], lambda z: z, dtypes=("float32",), label="empty", gradient=False),
    Case("LogSoftmax", [LOGITS], lambda z: np.log(softmax(z)), dtypes=HALVES, second=True),
    Case("LogSoftmax", [CUBE], lambda z: np.log(softmax(z)), dtypes=FLOATS, label="cube"),
    Case("LogSoftmax", [EMPTY], lambda z: z, dtypes=("float32",), label="empty", gradient=False),
    Case("SoftmaxCrossEntropyWithLogits", [LOGITS, SHARES], cross_entropy, dtypes=HALVES, gradient=(0,)),
    Case(
        "SoftmaxCrossEntropyWithLogits",
        [LOGITS, SHARES],
        lambda z, q: cross_entropy(z, q)[0],
        run=lambda z, q: _raw("SoftmaxCrossEntropyWithLogits", z, q)[0],
        # TensorFlow's rule leaves out how the gradient to the logits depends on the labels.
        gradient=(0,),
        second=True,
        label="loss-alone",
    ),
    Case("SoftmaxCrossEntropyWithLogits", [LOGITS, [SHARES[0]]], cross_entropy, gradient=False, label="broadcast"),
    Case("SparseSoftmaxCrossEntropyWithLogits", [LOGITS, CLASSES], sparse_cross_entropy, dtypes=HALVES, gradient=False),
    Case(
        "SparseSoftmaxCrossEntropyWithLogits",
        [LOGITS, CLASSES.astype(np.int64)],
        lambda z, c: sparse_cross_entropy(z, c)[0],
        run=lambda z, c: _raw("SparseSoftmaxCrossEntropyWithLogits", z, c)[0],
        label="loss-alone",
    ),
    Case(
        "SparseSoftmaxCrossEntropyWithLogits",
        [LOGITS, np.array([1, 3])],
        dtypes=("float32",),
        fed=(1,),
        error=r"label value of 3 which is outside the valid range of \[0, 3\)",
        label="no-such-class",
    ),
    Case("L2Loss", [X], lambda x: (x**2).sum() / 2, dtypes=HALVES, second=True),
    Case("L2Loss", [3.0], lambda x: x**2 / 2, dtypes=FLOATS, label="scalar"),
    Case("L2Loss", [EMPTY], lambda x: 0.0, dtypes=("float32",), label="empty"),
]


def _raw(op, *inputs):
    from scopert.ops.raw import raw

    return raw(op, *inputs)
