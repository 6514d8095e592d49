"""Matrix products that are shared among threads, and BLAS while programs run."""

import threading

import numpy as np
import pytest
from scopert_numpy import matmul
from scopert_numpy.threads import blas, pool

import scopert as tf

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("shapes", [
    ((300, 400), (400, 200)), ((20, 900), (900, 1000)), ((6, 200, 100), (6, 100, 300)), ((2, 3, 200, 100), (2, 3, 100, 300)),
])  # fmt: skip
@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True), (True, True)])
def test_shared(shapes, flips, monkeypatch):
    monkeypatch.setattr(matmul, "_is_shared", lambda multiplications: multiplications > 1000)
    a, b = (RNG.normal(size=shape).astype(np.float32) for shape in shapes)
    a, b = (x.swapaxes(-1, -2).copy() if flip else x for x, flip in zip((a, b), flips, strict=True))
    with tf.Graph().as_default(), tf.Session() as sess:
        made = sess.run(tf.matmul(a, b, *flips))
    left, right = (x.astype(float).swapaxes(-1, -2) if flip else x.astype(float)
                   for x, flip in zip((a, b), flips, strict=True))  # fmt: skip
    np.testing.assert_allclose(made, left @ right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1, 5), (2, 3), (7,), (2, 2, 2)])
def test_stacks_of_all_kinds(shape, monkeypatch):
    """Also views whose matrices are not equally far apart."""
    monkeypatch.setattr(matmul, "_is_shared", lambda multiplications: multiplications > 1000)
    a, b = RNG.normal(size=(*shape, 40, 30)), RNG.normal(size=(*shape, 30, 50))
    expected = a @ b
    turned = a.swapaxes(-1, -2).copy().swapaxes(-1, -2)
    apart = np.moveaxis(np.moveaxis(b, 0, -3).copy(), -3, 0)
    for left in (a, turned):
        for right in (b, apart):
            out = np.empty_like(expected)
            assert matmul.product(left, right, out) is out
            np.testing.assert_allclose(out, expected)
    holes = np.empty((*shape, 40, 100))[..., ::2]
    np.testing.assert_allclose(matmul.product(a, b, holes), expected)


def test_what_is_worth_sharing_is_measured_once():
    found = matmul.worth_sharing()
    assert found == matmul.worth_sharing() and 1 << 22 <= found <= 1 << 25 and not found & (found - 1)
    if pool().threads > 1:
        assert matmul._is_shared(1 << 25) and not matmul._is_shared((1 << 22) - 1)


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
