"""Loops whose iterations run in machine code: the results of the plain path, its errors, and how far it goes."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scopert_numpy.loop import PlannedLoop
from scopert_numpy.native import unavailable

import scopert as tf

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
B, N = 3, 5


@pytest.fixture(autouse=True)
def steps_unchecked(monkeypatch):
    monkeypatch.setenv("SCOPERT_VERIFY", "0")


def plain_session():
    options = tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    return tf.Session(config=tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options)))


def loops_of(monkeypatch):
    """The loops that a test makes."""
    made = []
    init = PlannedLoop.__init__

    def noted(self, *arguments):
        init(self, *arguments)
        made.append(self)

    monkeypatch.setattr(PlannedLoop, "__init__", noted)
    return made


# From an input's row, the state, a matrix: the next state.
CELLS = [
    lambda x, h, w: tf.tanh(tf.matmul(tf.concat([x, h], 1), w)),
    lambda x, h, w: h * 0.9 + x,
    lambda x, h, w: tf.nn.softmax(tf.matmul(h, w[:N])) * tf.sigmoid(x),
    lambda x, h, w: tf.transpose(tf.matmul(w[N:], tf.transpose(h) + tf.transpose(x), transpose_a=True)),
    lambda x, h, w: tf.gather(h, tf.constant([2, 0, 1])) - x * x,
    lambda x, h, w: tf.reduce_max(tf.stack([x, h, -x], 2), 2),
    lambda x, h, w: tf.cumsum(h, 1) * 0.2 + x,  # the interpreter runs these steps
    lambda x, h, w: tf.reverse(tf.concat([x[:, :2], h[:, 2:]], 1), [1]),
    lambda x, h, w: tf.while_loop(lambda k, _: k < 2, lambda k, v: (k + 1, v * 0.5 + x), [tf.constant(0), h])[1],
]  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, len(CELLS) - 1), min_size=1, max_size=4),
    st.sampled_from([1, 2, 7, 64, 65, 130]),
    st.sampled_from(["all", "last", "some"]),
    st.sampled_from([tf.float32, tf.float64]),
)
def test_random_recurrences(kinds, length, used, dtype):
    rng = np.random.RandomState(length)
    with tf.Graph().as_default():
        x = tf.placeholder(dtype, [length, B, N])
        w = tf.Variable(rng.randn(2 * N, N) * 0.3, dtype=dtype)

        def step(h, row):
            for kind in kinds:
                h = CELLS[kind](row, h, w)
            return h

        states = tf.scan(step, x, tf.ones([B, N], dtype))
        chosen = {"all": states, "last": states[-1], "some": states[:: max(1, length // 3)]}[used]
        loss = tf.reduce_mean(chosen * chosen) + tf.reduce_sum(w * w)
        fetches = [states, loss, *tf.gradients(loss, [w, x])]
        feeds = [rng.randn(length, B, N) * 0.5 for _ in range(2)]
        with tf.Session() as sess, plain_session() as plain:
            for session in (sess, plain):
                session.run(tf.global_variables_initializer())
            held = [sess.run(fetches, {x: feed}) for feed in feeds]
            for feed, found in zip(feeds, held, strict=True):
                for one, other in zip(found, plain.run(fetches, {x: feed}), strict=True):
                    scale = 1 + np.abs(other).max()
                    np.testing.assert_allclose(one / scale, other / scale, atol=5e-4 if dtype is tf.float32 else 1e-10)


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 300])
def test_so_many_iterations(length, monkeypatch):
    loops = loops_of(monkeypatch)
    count = tf.placeholder(tf.int32, [])
    x = tf.placeholder(tf.float32, [4])
    n, y = tf.while_loop(lambda t, a: t < count, lambda t, a: (t + 1, a * 0.99 + tf.sin(a)), [tf.constant(0), x])
    gradient = tf.gradients(y, x)[0]
    array = np.linspace(-1, 1, 4, dtype=np.float32)
    with tf.Session() as sess, plain_session() as plain:
        for other in (2, length, length // 2, length):
            feeds = {x: array, count: other}
            found, expected = sess.run([n, y, gradient], feeds), plain.run([n, y, gradient], feeds)
            assert found[0] == other
            for one, two in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, two, rtol=2e-5, atol=1e-6)
    assert len(loops) == 2 and all(loop._whole for loop in loops)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("lengths", [False, True])
def test_recurrent_layers_run_without_the_interpreter(cell, lengths, monkeypatch):
    loops = loops_of(monkeypatch)
    rng = np.random.RandomState(0)
    x = tf.placeholder(tf.float32, [4, 9, 6])
    made = tf.nn.rnn_cell.BasicLSTMCell(8) if cell == "lstm" else tf.nn.rnn_cell.GRUCell(8)
    y, _ = tf.nn.dynamic_rnn(made, x, [9, 4, 1, 7] if lengths else None, dtype=tf.float32)
    fetches = [y, *tf.gradients(tf.reduce_sum(y * y), [x, *tf.trainable_variables()])]
    values = [rng.randn(*v.shape.as_list()) * 0.3 for v in tf.trainable_variables()]
    array = rng.randn(4, 9, 6)
    with tf.Session() as sess, plain_session() as plain:
        for session in (sess, plain):
            for variable, value in zip(tf.trainable_variables(), values, strict=True):
                variable.load(value, session)
        sess.run(fetches, {x: array})
        for one, two in zip(sess.run(fetches, {x: array}), plain.run(fetches, {x: array}), strict=True):
            np.testing.assert_allclose(one, two, atol=2e-5)
    assert loops
    if not lengths:  # else there is a cond in each iteration
        assert all(loop._whole for loop in loops)


@pytest.mark.parametrize("fault", ["read", "write", "twice", "rows"])
def test_errors_are_those_of_the_plain_path(fault):
    x = tf.placeholder(tf.float32, [3, 2])
    first = tf.TensorArray(tf.float32, 3, clear_after_read=False).unstack(x)
    array = tf.TensorArray(tf.float32, 3)

    def body(t, a, array):
        value = first.read(t + 1 if fault == "read" else t)
        if fault == "rows":
            value = tf.gather(x, 2 * t)
        at = {"write": t + 2, "twice": t // 2}.get(fault, t)
        return t + 1, a + value, array.write(at, value)

    _, total, array = tf.while_loop(lambda t, *_: t < 3, body, [tf.constant(0), tf.zeros([2]), array])
    messages = []
    with tf.Session() as sess, plain_session() as plain:
        for session in (sess, plain, sess):
            with pytest.raises(tf.errors.InvalidArgumentError) as failure:
                session.run([total, array.flow], {x: np.ones((3, 2))})
            messages.append(str(failure.value).splitlines()[0])
    assert messages[0] == messages[1] == messages[2]


def test_random_numbers_of_a_loop_are_those_of_the_plain_path(monkeypatch):
    loops = loops_of(monkeypatch)
    tf.set_random_seed(7)
    x = tf.placeholder(tf.float32, [3, 4])

    def body(t, a):
        return t + 1, tf.tanh(tf.matmul(a, tf.ones([4, 4])) * tf.random_normal([3, 4])) + tf.exp(-a * a)

    _, y = tf.while_loop(lambda t, _: t < 5, body, [tf.constant(0), x])
    with tf.Session() as sess, plain_session() as plain:
        for _ in range(3):
            one, other = (session.run(y, {x: np.ones((3, 4))}) for session in (sess, plain))
            np.testing.assert_allclose(one, other, atol=1e-5)
    assert loops[0]._whole and loops[0]._whole[0]._calls


def test_the_error_of_a_step_that_the_interpreter_runs():
    x, at = tf.placeholder(tf.float32, [3, 4]), tf.placeholder(tf.int32, [])

    def body(t, a):
        return t + 1, tf.tanh(a * 0.5 + x) + tf.expand_dims(a[t * at], 0) + tf.exp(-a * x)

    _, y = tf.while_loop(lambda t, _: t < 3, body, [tf.constant(0), x])
    messages = []
    with tf.Session() as sess, plain_session() as plain:
        for session in (sess, plain):
            session.run(y, {x: np.ones((3, 4)), at: 1})
            with pytest.raises(tf.errors.InvalidArgumentError) as failure:
                session.run(y, {x: np.ones((3, 4)), at: 2})
            messages.append(str(failure.value).splitlines()[0])
    assert messages[0] == messages[1]


def test_a_run_after_a_failed_one():
    at = tf.placeholder(tf.int32, [])
    x = tf.placeholder(tf.float32, [5, 2])
    _, y = tf.while_loop(lambda t, a: t < 5, lambda t, a: (t + 1, a + tf.gather(x, t * at)), [0, tf.zeros([2])])
    with tf.Session() as sess:
        assert sess.run(y, {x: np.ones((5, 2)), at: 1}).tolist() == [5, 5]
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(y, {x: np.ones((5, 2)), at: 2})
        assert sess.run(y, {x: np.ones((5, 2)), at: 0}).tolist() == [5, 5]


def test_elements_that_were_never_written_are_zeros():
    array = tf.TensorArray(tf.float32, 6, element_shape=[2])
    array = array.write(1, tf.ones([2]))
    _, y, _ = tf.while_loop(
        lambda t, *_: t < 6, lambda t, a, r: (t + 1, a + array.read(t) * 2.0, r), [tf.constant(0), tf.zeros([2]), 0]
    )
    with tf.Session() as sess:
        for _ in range(2):
            assert sess.run(y).tolist() == [2, 2]


def test_memory_is_taken_over_from_run_to_run():
    x = tf.placeholder(tf.float32, [200, 4, 8])
    w = tf.Variable(np.random.RandomState(0).randn(16, 8) * 0.2, dtype=tf.float32)
    y = tf.scan(lambda h, row: tf.tanh(tf.matmul(tf.concat([row, h], 1), w)), x, tf.zeros([4, 8]))
    fetches = [tf.reduce_sum(y), *tf.gradients(tf.reduce_sum(y * y), [w])]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        run = sess.make_callable(fetches, [x])
        array = np.random.RandomState(1).randn(200, 4, 8).astype(np.float32)
        for _ in range(5):
            run(array)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            run(array)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert grown < 20_000


def test_products_over_no_rows_are_zero():
    x, w = tf.placeholder(tf.float32, [None, 3]), tf.get_variable("w", [3, 3])
    curvature = tf.hessians(tf.reduce_sum(tf.tanh(tf.matmul(tf.tanh(tf.matmul(x, w)), w)) ** 2), w)[0]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        got = session.run(curvature, {x: np.zeros((0, 3))})
    np.testing.assert_array_equal(got, np.zeros((3, 3, 3, 3)))
