"""Matrix products that are shared among threads, and BLAS while programs run."""

import threading

import numpy as np
import pytest
from scopert_numpy import matmul
from scopert_numpy.threads import blas

import scopert as tf

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("shapes", [
    ((300, 400), (400, 200)), ((20, 900), (900, 1000)), ((6, 200, 100), (6, 100, 300)), ((2, 3, 200, 100), (2, 3, 100, 300)),
])  # fmt: skip
@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True), (True, True)])
def test_shared(shapes, flips, monkeypatch):
    monkeypatch.setattr(matmul, "_SHARED", 1)
    a, b = (RNG.normal(size=shape).astype(np.float32) for shape in shapes)
    a, b = (x.swapaxes(-1, -2).copy() if flip else x for x, flip in zip((a, b), flips, strict=True))
    with tf.Graph().as_default(), tf.Session() as sess:
        made = sess.run(tf.matmul(a, b, *flips))
    left, right = (x.astype(float).swapaxes(-1, -2) if flip else x.astype(float)
                   for x, flip in zip((a, b), flips, strict=True))  # fmt: skip
    np.testing.assert_allclose(made, left @ right, rtol=1e-4, atol=1e-4)


def test_blas_has_one_thread_within_a_run_and_its_own_afterwards():
    library = blas()
    if not library.known:
        pytest.skip("NumPy's BLAS cannot be told")
    before = library.threads
    seen = []
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.matmul(tf.placeholder(tf.float32, [2, 2], name="x"), tf.ones([2, 2]))
        y = tf.py_func(lambda v: (seen.append(library.threads), v)[1], [x], tf.float32)
        sess.run(y, {"x:0": np.ones((2, 2))})
    assert seen == [1]
    assert library.threads == before


def test_the_last_caller_gives_the_threads_back():
    library = blas()
    if not library.known:
        pytest.skip("NumPy's BLAS cannot be told")
    before = library.threads
    inside, leave = threading.Event(), threading.Event()

    def other():
        with matmul.ALONE:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    with matmul.ALONE:
        pass
    assert library.threads == 1
    leave.set()
    thread.join()
    assert library.threads == before
