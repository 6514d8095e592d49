"""Straights: many steps in one native call, with the results of the plain path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scopert_numpy.native import unavailable
from scopert_numpy.planned import PlannedExecutable
from scopert_numpy.straight import Straight

import scopert as tf
from scopert.program.passes.pipeline import PIPELINE, optimised

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))


@pytest.fixture(autouse=True)
def steps_unchecked(monkeypatch):
    monkeypatch.setenv("SCOPERT_VERIFY", "0")


def plain_session():
    options = tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    return tf.Session(config=tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options)))


def rows_of(sess, fetches, feeds, shapes):
    made = sess.compile(optimised(sess.program(fetches, [], feeds), shapes, PIPELINE))
    made = getattr(made, "_executable", None) or getattr(made, "_run", made)
    made = getattr(made, "__self__", made)
    assert isinstance(made, PlannedExecutable)
    return made._frames.make().parts[0]


def cell(kind, x, h, w):
    if kind == 0:
        return tf.tanh(tf.matmul(tf.concat([x, h], 1), w))
    if kind == 1:
        i, j = tf.split(tf.matmul(tf.concat([x, h], 1), tf.concat([w, w], 1)), 2, axis=1)
        return h * tf.sigmoid(i) + tf.tanh(j)
    if kind == 2:
        return h + 0.1 * tf.matmul(tf.concat([x, h], 1), w)
    if kind == 3:
        return tf.matmul(tf.matmul(h, h, transpose_a=True), h, transpose_b=True) * 0.1 + tf.reduce_sum(x) * w[0]
    if kind == 4:
        return tf.reduce_max(tf.stack([x @ w[: x.shape[1]], h], 2), 2)
    return tf.transpose(tf.matmul(tf.transpose(w), tf.concat([x, h], 1), transpose_b=True))


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=7), st.integers(1, 5), st.integers(1, 40), st.integers(1, 40),
    st.sampled_from([tf.float32, tf.float64]),
)
def test_random_unrolled_cells(kinds, inputs, batch, units, dtype):
    rng = np.random.RandomState(len(kinds) + inputs)
    batch = units if 3 in kinds else batch
    with tf.Graph().as_default():
        x = tf.placeholder(dtype, [len(kinds), batch, inputs])
        w = tf.Variable(rng.randn(inputs + units, units) * 0.2, dtype=dtype)
        h = tf.zeros([batch, units], dtype)
        for kind, step in zip(kinds, tf.unstack(x), strict=True):
            h = cell(kind, step, h, w)
        loss = tf.reduce_sum(h * h) + tf.reduce_sum(w * 0.1) + tf.reduce_sum(x)
        fetches = [h, loss, *tf.gradients(loss, [w, x])]
        feeds = [rng.randn(*x.shape.as_list()) for _ in range(3)]
        with tf.Session() as sess, plain_session() as plain:
            for session in (sess, plain):
                session.run(tf.global_variables_initializer())
            held = [sess.run(fetches, {x: feed}) for feed in feeds]
            for feed, found in zip(feeds, held, strict=True):
                for one, other in zip(found, plain.run(fetches, {x: feed}), strict=True):
                    scale = 1 + np.abs(other).max()
                    np.testing.assert_allclose(one / scale, other / scale, atol=5e-4 if dtype is tf.float32 else 1e-11)


def test_an_unrolled_recurrence_is_one_call():
    x, w = tf.placeholder(tf.float32, [20, 4, 3]), tf.placeholder(tf.float32, [8, 5])
    h = tf.zeros([4, 5])
    for step in tf.unstack(x):
        h = tf.tanh(tf.matmul(tf.concat([step, h], 1), w))
    with tf.Session() as sess:
        rows = rows_of(sess, [h], [x, w], ((20, 4, 3), (8, 5)))
    assert [type(row[0]) for row in rows] == [Straight]


def test_views_that_python_steps_need_are_made():
    x = tf.placeholder(tf.float32, [6, 8])
    top, bottom = tf.split(x, 2)
    product = tf.matmul(top, bottom, transpose_b=True)
    chosen = tf.cumsum(bottom, reverse=True)
    array = np.arange(48, dtype=np.float32).reshape(6, 8)
    with tf.Session() as sess:
        for _ in range(2):
            found = sess.run([product, chosen, top, bottom * 2.0], {x: array})
    np.testing.assert_array_equal(found[0], array[:3] @ array[3:].T)
    np.testing.assert_array_equal(found[1], array[3:][::-1].cumsum(0)[::-1])
    np.testing.assert_array_equal(found[2], array[:3])
    np.testing.assert_array_equal(found[3], array[3:] * 2)
    assert not np.shares_memory(found[2], array)


def test_variables_may_move_and_change():
    v = tf.Variable(np.ones((3, 3)), dtype=tf.float32)
    y = tf.matmul(v, v) + 1.0
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run(y)[0, 0] == 4
        sess.run(v.assign_add(np.ones((3, 3))))
        assert sess.run(y)[0, 0] == 13
        other = tf.Variable(np.ones((1000, 10)))
        sess.run(other.initializer)  # a larger buffer takes the place of the first
        assert sess.run(y)[0, 0] == 13


def test_steps_of_a_straight_are_traced_one_by_one():
    x = tf.placeholder(tf.float32, [8, 8], name="x")
    y = tf.matmul(tf.matmul(x, x, name="first"), x, name="second")
    with tf.Session() as sess:
        sess.run(y, {x: np.eye(8)})
        with tf.profile() as prof:
            sess.run(y, {x: np.eye(8)})
    text = str(prof.table("step"))
    assert "first" in text and "second" in text


@pytest.mark.parametrize("shape", [(40, 700, 300), (1, 900, 30), (900, 1, 30), (16, 16, 1)])
@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True), (True, True)])
def test_products_in_pieces(shape, flags):
    m, n, k = shape
    rng = np.random.RandomState(0)
    a, b = rng.randn(m, k).astype(np.float32), rng.randn(k, n).astype(np.float32)
    left, right = tf.placeholder(tf.float32, [None, None]), tf.placeholder(tf.float32, [None, None])
    product = tf.matmul(left, right, transpose_a=flags[0], transpose_b=flags[1]) * 1.0
    with tf.Session() as sess:
        found = sess.run(product, {left: a.T if flags[0] else a, right: b.T if flags[1] else b})
    np.testing.assert_allclose(found, a.astype(np.float64) @ b, atol=1e-3)


@pytest.mark.parametrize("batch", [(1,), (2,), (7,), (2, 3)])
def test_stacks_of_products(batch):
    rng = np.random.RandomState(0)
    a, b = rng.randn(*batch, 33, 20), rng.randn(*batch, 40, 20)
    left, right = tf.placeholder(tf.float64, a.shape), tf.placeholder(tf.float64, b.shape)
    with tf.Session() as sess:
        found = sess.run(tf.matmul(left, right, adjoint_b=True), {left: a, right: b})
    np.testing.assert_allclose(found, a @ b.swapaxes(-1, -2), atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), st.booleans(), st.booleans(), st.booleans())
def test_sums_of_products(count, starts, twice, fetched):
    rng = np.random.RandomState(count)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [count, 40, 30])
        w = tf.Variable(rng.randn(30, 50), dtype=tf.float32)
        products = [tf.matmul(tf.tanh(step), w) for step in tf.unstack(x)]
        start = tf.exp(-tf.abs(x[0] @ w)) if starts else None
        total = tf.add_n([*products, start] if starts else products)
        y = total + (products[-1] * 0.5 if twice else 1.0)
        fetches = [y, tf.gradients(y, w)[0], *([products[0]] if fetched else [])]
        feed = rng.randn(count, 40, 30)
        with tf.Session() as sess, plain_session() as plain:
            for session in (sess, plain):
                session.run(w.initializer)
            for _ in range(2):
                for one, other in zip(sess.run(fetches, {x: feed}), plain.run(fetches, {x: feed}), strict=True):
                    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


def test_numbers_are_packed():
    x = tf.placeholder(tf.float32, [3])
    parts = tf.unstack(tf.tanh(x))
    y = tf.reduce_sum(tf.stack(parts[::-1]) * tf.stack([parts[0], parts[2], parts[1]])) + tf.stack(parts) * 2.0
    with tf.Session() as sess, plain_session() as plain:
        for _ in range(2):
            np.testing.assert_allclose(sess.run(y, {x: [1, 2, 3]}), plain.run(y, {x: [1, 2, 3]}), rtol=1e-6)
