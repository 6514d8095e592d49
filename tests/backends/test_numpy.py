"""The NumPy backend: memory, and what the verifier finds."""

import numpy as np
import pytest

import scopert as tf
from scopert.graph.build import apply
from scopert.graph.dtypes import float32
from scopert.graph.opdef import define_op
from scopert.graph.shape_rules import same_as_first, scalar
from scopert.runtime.backends import open_backend


def _double_in_place(xp, x):
    x *= 2
    return x


def _wrong_count(xp, x):
    return (x + 1,)


FAULTY = {
    name: define_op(f"Faulty{name}", inputs="x: float32", outputs=outputs, shape=shape, kernel=kernel)
    for name, outputs, shape, kernel in (
        ("Dtype", "y: float32", same_as_first, lambda xp, x: x.astype(np.float64)),
        ("Shape", "y: float32", scalar, lambda xp, x: x + 1),
        ("InPlace", "y: float32", same_as_first, _double_in_place),
        ("Alias", "y: float32", same_as_first, lambda xp, x: x[:]),
        ("Python", "y: float32", scalar, lambda xp, x: 1.0),
        ("Count", "y: float32, z: float32", lambda op: [None, None], _wrong_count),
    )
}


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("Dtype", tf.errors.InternalError, "FaultyDtype returned float64 for bad:0, declared float32"),
        ("Shape", tf.errors.InternalError, r"FaultyShape returned shape \(2,\) for bad:0, the static shape is \(\)"),
        ("InPlace", tf.errors.InvalidArgumentError, "read-only"),
        ("Alias", tf.errors.InternalError, "FaultyAlias returned memory of an input, but has not the trait VIEW"),
        ("Python", tf.errors.InternalError, "FaultyPython returned float for bad:0"),
        ("Count", tf.errors.InternalError, "FaultyCount returned 1 values, 2 expected"),
    ],
)
def test_the_verifier_finds_faulty_kernels(monkeypatch, name, error, message):
    monkeypatch.setenv("SCOPERT_VERIFY", "1")
    x = tf.placeholder(tf.float32, [2])
    made = apply(FAULTY[name], x, name="bad")
    with tf.Session() as sess, pytest.raises(error, match=message) as caught:
        sess.run(made, {x: np.ones(2)})
    assert caught.value.op.name == "bad"


def test_memory_is_aligned():
    backend = open_backend("numpy")
    for size in (1, 255, 1000):
        buffer = backend.allocate(size)
        assert buffer.ctypes.data % 256 == 0 and buffer.nbytes == size
    view = backend.view(backend.allocate(512), 256, (2, 3), float32)
    assert view.shape == (2, 3) and view.dtype == np.float32 and view.base is not None


def test_one_device():
    with pytest.raises(tf.errors.UnavailableError, match="one device, 0; got device 3"):
        open_backend("numpy", 3)


def test_intermediate_values_are_freed(monkeypatch):
    monkeypatch.setenv("SCOPERT_VERIFY", "0")
    alive = []

    class Tracked(np.ndarray):
        def __array_finalize__(self, other):
            alive.append(1)

        def __del__(self):
            alive.pop()

    most = []

    def observe(xp, x):
        most.append(len(alive))
        return (np.zeros(3, np.float32)).view(Tracked)

    step = define_op("Observed", inputs="x: float32", outputs="y: float32", shape=same_as_first, kernel=observe)
    y = tf.placeholder(tf.float32, [3])
    x = y
    for _ in range(20):
        y = apply(step, y)
    with tf.Session() as sess:
        sess.run(y.op, {x: np.zeros(3)})
    assert max(most) <= 2
