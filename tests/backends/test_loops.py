"""Loops with planned memory: the results of the plain path, for whatever a loop does to its variables."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scopert_numpy.native import unavailable

import scopert as tf

N = 4


@pytest.fixture(autouse=True)
def steps_unchecked(monkeypatch):
    monkeypatch.setenv("SCOPERT_VERIFY", "0")


def plain_session():
    options = tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    return tf.Session(config=tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options)))


# Functions of a loop's counter, its variables (matrices of N x N), and of what does not change.
STEPS = [
    lambda t, a, b, x, w: tf.tanh(tf.matmul(a, w) + b),
    lambda t, a, b, x, w: tf.matmul(a, b, transpose_b=True) / N,
    lambda t, a, b, x, w: a * 0.5 + tf.gather(x, t),
    lambda t, a, b, x, w: tf.transpose(a) - b,
    lambda t, a, b, x, w: b,
    lambda t, a, b, x, w: tf.concat([a[:, 1:], b[:, :1]], 1),
    lambda t, a, b, x, w: tf.reshape(tf.reshape(a, [2, 2 * N]), [N, N]) * tf.sigmoid(b),
    lambda t, a, b, x, w: a + tf.cast(t, tf.float32) * tf.reduce_mean(b, 0),
    lambda t, a, b, x, w: tf.cond(tf.equal(t % 2, 0), lambda: a + 1.0, lambda: tf.matmul(b, w)),
    lambda t, a, b, x, w: tf.while_loop(lambda k, v: k < 2, lambda k, v: (k + 1, v * 0.5 + a), [0, b])[1],
    lambda t, a, b, x, w: tf.cumsum(a) * 0.25,
]  # fmt: skip


def build(steps, swap, length):
    x = tf.placeholder(tf.float32, [6, N, N], name="x")
    w = tf.Variable(np.random.RandomState(1).randn(N, N) * 0.3, dtype=tf.float32)

    def body(t, a, b):
        for kind, on_first in steps:
            made = STEPS[kind](t, a, b, x, w) if on_first else STEPS[kind](t, b, a, x, w)
            a, b = (made, b) if on_first else (a, made)
        return (t + 1, b, a) if swap else (t + 1, a, b)

    _, a, b = tf.while_loop(lambda t, a, b: t < length, body, [tf.constant(0), x[0] * 0.5, tf.ones([N, N])])
    # Of squares alone: terms that cancel would show the rounding of much larger numbers.
    loss = tf.reduce_sum(a * a) + tf.reduce_sum(b * b)
    return x, w, [a, b, loss]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, len(STEPS) - 1), st.booleans()), min_size=1, max_size=5), st.booleans(),
    st.integers(0, 6), st.booleans(),
)
def test_random_loops(steps, swap, length, backward):
    # The gradient of picked rows has no rows without iterations, and that of no rows is no sum.
    length = max(length, 1) if backward else length
    with tf.Graph().as_default():
        x, w, fetches = build(steps, swap, length)
        if backward:
            fetches += [g for g in tf.gradients(fetches[-1], [w, x]) if g is not None]
            fetches = [tf.convert_to_tensor(g) for g in fetches]
        rng = np.random.RandomState(len(steps))
        feeds = [rng.randn(6, N, N).astype(np.float32) for _ in range(3)]
        with tf.Session() as sess, plain_session() as plain:
            for session in (sess, plain):
                session.run(tf.global_variables_initializer())
            held = [sess.run(fetches, {x: feed}) for feed in feeds]
            for feed, found in zip(feeds, held, strict=True):
                for one, other in zip(found, plain.run(fetches, {x: feed}), strict=True):
                    scale = 1 + np.abs(other).max()
                    np.testing.assert_allclose(one / scale, other / scale, atol=1e-5)


def lstm(batch=8, units=16, steps=10):
    x = tf.placeholder(tf.float32, [steps, batch, units])
    w = tf.Variable(np.random.RandomState(0).randn(2 * units, 4 * units) * 0.1, dtype=tf.float32)

    def body(t, h, c):
        i, j, f, o = tf.split(tf.matmul(tf.concat([tf.gather(x, t), h], 1), w), 4, 1)
        c = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
        return t + 1, tf.sigmoid(o) * tf.tanh(c), c

    zero = tf.zeros([batch, units])
    _, h, _ = tf.while_loop(lambda t, h, c: t < steps, body, [tf.constant(0), zero, zero])
    return x, w, tf.reduce_sum(h * h)


def test_several_threads_run_one_loop():
    x, w, loss = lstm()
    fetches = [loss, *tf.gradients(loss, w)]
    arrays = [np.random.RandomState(n).randn(10, 8, 16).astype(np.float32) for n in range(4)]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        expected = [sess.run(fetches, {x: array}) for array in arrays]
        wrong: list[int] = []

        def work(number):
            for _ in range(10):
                found = sess.run(fetches, {x: arrays[number]})
                if any(one.tobytes() != other.tobytes() for one, other in zip(found, expected[number], strict=True)):
                    wrong.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_a_loop_allocates_no_arrays():
    x, w, loss = lstm(batch=64, units=64, steps=20)
    gradient = tf.reduce_sum(tf.gradients(loss, w)[0])
    array = np.ones((20, 64, 64), np.float32)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(3):
            sess.run([loss, gradient], {x: array})
        tracemalloc.start()
        try:
            sess.run([loss, gradient], {x: array})
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            for _ in range(3):
                sess.run([loss, gradient], {x: array})
            most = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
    # One array of an iteration has 16 KiB.
    assert most < 64 << 10, most


def test_an_index_out_of_range_names_the_operation():
    x = tf.placeholder(tf.float32, [3, 2])
    _, y = tf.while_loop(
        lambda t, y: t < 5, lambda t, y: (t + 1, y + tf.gather(x, t, name="pick")), [tf.constant(0), tf.zeros([2])]
    )
    with tf.Session() as sess:
        for _ in range(2):
            with pytest.raises(tf.errors.InvalidArgumentError, match="pick"):
                sess.run(y, {x: np.ones((3, 2))})


def test_results_are_the_callers():
    x = tf.placeholder(tf.float32, [2, 2])
    _, y = tf.while_loop(lambda t, y: t < 3, lambda t, y: (t + 1, y * 2.0), [tf.constant(0), x])
    with tf.Session() as sess:
        first = sess.run(y, {x: np.ones((2, 2))})
        second = sess.run(y, {x: np.zeros((2, 2))})
    assert (first == 8).all() and (second == 0).all()


@pytest.mark.parametrize("picked", [lambda t: t, lambda t: 0 * t, lambda t: 3 - t, lambda t: tf.constant([2, 0, 1, 1])[t]])
def test_arrays_that_are_read_and_written(picked):
    x = tf.placeholder(tf.float32, [4, 3, 5])
    source = tf.TensorArray(tf.float32, 4, clear_after_read=False).unstack(x)
    made = tf.TensorArray(tf.float32, 4, clear_after_read=False)

    def body(t, a, made):
        row = source.read(picked(t))
        a = tf.tanh(a + row)
        made = made.write(t, a * 2.0)
        return t + 1, a + made.read(t) * 0.5, made

    _, a, made = tf.while_loop(lambda t, *_: t < 4, body, [tf.constant(0), tf.zeros([3, 5]), made])
    fetches = [a, made.stack(), tf.gradients(tf.reduce_sum(a) + tf.reduce_sum(made.stack() ** 2), x)[0]]
    feeds = [np.random.RandomState(n).randn(4, 3, 5) for n in range(3)]
    with tf.Session() as sess, plain_session() as plain:
        held = [sess.run(fetches, {x: feed}) for feed in feeds]
        for feed, found in zip(feeds, held, strict=True):
            for one, other in zip(found, plain.run(fetches, {x: feed}), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=5e-5)


def test_results_of_arrays_are_the_callers():
    x = tf.placeholder(tf.float32, [4, 300])
    made = tf.TensorArray(tf.float32, 4)
    _, made = tf.while_loop(lambda t, _: t < 4, lambda t, made: (t + 1, made.write(t, x[t] * 2.0)), [tf.constant(0), made])
    stacked = made.stack()
    with tf.Session() as sess:
        held = [sess.run(stacked, {x: np.full((4, 300), n)}) for n in range(5)]
    assert [array.min() for array in held] == [0, 2, 4, 6, 8] == [array.max() for array in held]


@pytest.mark.parametrize(
    ("steps", "swap"), [([(3, True), (9, True)], True), ([(3, False), (8, False)], False), ([(8, True)], True)]
)
def test_following_values_that_are_views(steps, swap):
    test_random_loops.hypothesis.inner_test(steps, swap, 2, True)


@pytest.mark.parametrize("machine_code", ["0", "1"])
def test_a_number_that_an_interpreted_step_shows_reaches_its_place(machine_code, monkeypatch):
    monkeypatch.setenv("SCOPERT_NATIVE", machine_code)
    monkeypatch.setenv("SCOPERT_VERIFY", "0")

    def distinct(row):
        found = tf.unique(row).y
        return tf.pad(found, [[0, 4 - tf.shape(found)[0]]])

    rows = tf.placeholder(tf.int32, [3, 4])
    made = tf.map_fn(distinct, rows)
    with tf.Session() as sess:
        for _ in range(2):
            found = sess.run(made, {rows: [[3, 4, 4, 3], [1, 1, 1, 0], [5, 6, 7, 8]]})
            np.testing.assert_array_equal(found, [[3, 4, 0, 0], [1, 0, 0, 0], [5, 6, 7, 8]])
