"""Cases of the QR decomposition."""

import numpy as np
from ops.conformance import COMPLEX, FLOATS, Case

import scopert as tf

TALL = [[1.0, 2.0], [3.0, -4.0], [0.5, 6.0]]
C = [[1 + 2j, -0.5j, 3.0], [2 - 1j, -1.5 + 0.5j, 1j]]


def reduced(x):
    return np.linalg.qr(x)


def complete(x):
    return np.linalg.qr(x, mode="complete")


def of_known_shape(*shape):
    """The gradient exists for shapes that are known before a run."""
    return lambda x: tf.qr(tf.ensure_shape(x, shape))


ROWS = [
    Case("Qr", [TALL], reduced, run=of_known_shape(3, 2), label="tall-gradient", tolerance=4),
    Case("Qr", [[TALL[:2], TALL[1:]]], reduced, run=of_known_shape(2, 2, 2), label="square-gradient", tolerance=4),
    Case("Qr", [TALL], reduced, dtypes=("float16", *FLOATS), tolerance=4, gradient=False),
    Case("Qr", [np.transpose(TALL)], reduced, label="wide", tolerance=4, gradient=False),
    Case("Qr", [TALL], complete, {"full_matrices": True}, label="full", tolerance=4, gradient=False),
    Case("Qr", [[TALL, np.negative(TALL)]], reduced, label="batch", tolerance=4, gradient=False),
    Case("Qr", [C], reduced, dtypes=COMPLEX, label="complex", tolerance=4, gradient=False),
    Case("Qr", [np.zeros((0, 3))], lambda x: (np.zeros((0, 0)), np.zeros((0, 3))), label="no-rows", gradient=False),
    Case("Qr", [np.zeros((3, 0))], lambda x: (np.zeros((3, 0)), np.zeros((0, 0))), label="no-columns", gradient=False),
    Case("Qr", [np.zeros((3, 0))], lambda x: (np.eye(3), np.zeros((3, 0))), {"full_matrices": True}, label="empty", gradient=False),
    Case("Qr", [[1.0, 2.0]], label="vector", error="rank >= 2"),
]
