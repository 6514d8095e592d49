"""Lists of bound calls: many steps without machine code in one row, with the results of the plain path."""

from __future__ import annotations

import numpy as np
import pytest
from backends.test_straights import cell, plain_session, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scopert_numpy.accumulate import adding_product, can_add
from scopert_numpy.bound import Scratch
from scopert_numpy.call_list import CallList

import scopert as tf


@pytest.fixture(autouse=True)
def numpy_alone(monkeypatch):
    monkeypatch.setenv("SCOPERT_NATIVE", "0")
    monkeypatch.setenv("SCOPERT_VERIFY", "0")


def lists_of(rows):
    return [row[0] for row in rows if isinstance(row[0], CallList)]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=7),
    st.integers(1, 5),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([tf.float32, tf.float64]),
)
def test_random_unrolled_cells(kinds, inputs, batch, units, dtype):
    rng = np.random.RandomState(len(kinds) + inputs)
    batch = units if 3 in kinds else batch
    with tf.Graph().as_default():
        w = tf.Variable(rng.standard_normal((inputs + units, units)) / 8, dtype=dtype)
        xs = tf.placeholder(dtype, [len(kinds), batch, inputs])
        h = start = tf.placeholder(dtype, [batch, units])
        for x, kind in zip(tf.unstack(xs), kinds, strict=True):
            wide = tf.concat([x] * units, 1)[:, :units] if kind == 4 else x
            h = cell(kind, wide, h, w[:units] if kind == 4 else w)
        fetches = [h, *tf.gradients(tf.reduce_sum(tf.square(h)), [w, start])]
        fetches = [fetch for fetch in fetches if fetch is not None]
        feeds = {
            xs: rng.standard_normal(xs.shape).astype(dtype.as_numpy_dtype),
            start: rng.standard_normal(start.shape).astype(dtype.as_numpy_dtype),
        }
        with tf.Session() as sess, plain_session() as plain:
            value = rng.standard_normal(w.shape)
            for one in (sess, plain):
                w.load(value, one)
            for _ in range(3):
                for made, expected in zip(sess.run(fetches, feeds), plain.run(fetches, feeds), strict=True):
                    np.testing.assert_allclose(made, expected, rtol=2e-4, atol=2e-4 * max(1, np.abs(expected).max()))


def test_steps_are_one_row():
    x = tf.placeholder(tf.float32, [16, 8])
    h = x
    for _ in range(20):
        h = tf.tanh(tf.matmul(h, h, transpose_a=True)[:8] @ tf.ones([8, 8]) + 1.0) * tf.ones([16, 1])[:1]
        h = tf.concat([h, h], 0)
    with tf.Session() as sess:
        rows = rows_of(sess, [tf.reduce_sum(h)], [x], [(16, 8)])
        (calls,) = lists_of(rows)
        assert len(calls.steps) >= 40
        assert len(rows) <= 3
        assert "steps with their arrays known" in str(sess.executable(tf.reduce_sum(h), {x: np.ones((16, 8))}))


def test_a_variable_with_other_memory_is_bound_again():
    w = tf.get_variable("w", [6, 6], initializer=tf.ones_initializer())
    x = tf.placeholder(tf.float32, [4, 6])
    y = tf.tanh(tf.matmul(tf.tanh(tf.matmul(x, tf.transpose(w))), w) + w[0])
    total = tf.concat([y, y], 0) * 2.0
    rng = np.random.RandomState(0)
    array = rng.standard_normal((4, 6)).astype(np.float32)

    def expected(value):
        inner = np.tanh(array.astype(np.float64) @ value.T)
        made = np.tanh(inner @ value + value[0])
        return np.concatenate([made, made]) * 2.0

    with tf.Session() as sess:
        sess.run(w.initializer)
        np.testing.assert_allclose(sess.run(total, {x: array}), expected(np.ones((6, 6))), rtol=1e-5)
        # The store grows, and its variables move.
        with tf.variable_scope("more"):
            others = [tf.get_variable(f"v{k}", [1000, 100]) for k in range(3)]
        sess.run([other.initializer for other in others])
        value = rng.standard_normal((6, 6))
        w.load(value, sess)
        np.testing.assert_allclose(sess.run(total, {x: array}), expected(value), rtol=1e-4)


def test_what_is_fed_and_fetched_is_never_kept_or_changed():
    x = tf.placeholder(tf.float32, [32, 4])
    y = tf.nn.softmax(tf.matmul(tf.tanh(x), tf.diag([1.0, 2.0, 3.0, 4.0])))
    z = tf.concat([y, y + 1.0], 1)
    with tf.Session() as sess:
        first = np.full((32, 4), 0.5, np.float32)
        made = sess.run(z, {x: first})
        copy = made.copy()
        other = sess.run(z, {x: first + np.arange(4, dtype=np.float32)})
        assert not np.array_equal(other, made)
        np.testing.assert_array_equal(made, copy)
        np.testing.assert_array_equal(first, np.full((32, 4), 0.5, np.float32))
        first[:] = 3.0
        np.testing.assert_array_equal(sess.run(z, {x: np.full((32, 4), 0.5, np.float32)}), copy)


def test_a_failure_names_its_step():
    ids = tf.placeholder(tf.int32, [3])
    table = tf.tanh(tf.placeholder_with_default(np.ones((5, 2), np.float32), [5, 2]))
    rows = tf.gather(table, ids, name="look_up")
    y = tf.matmul(rows, rows, transpose_b=True) + 1.0
    with tf.Session() as sess:
        assert sess.run(y, {ids: [0, 1, 4]}).shape == (3, 3)
        with pytest.raises(tf.errors.InvalidArgumentError, match="look_up"):
            sess.run(y, {ids: [0, 1, 5]})
        assert sess.run(y, {ids: [4, 4, 4]}).shape == (3, 3)


def test_loops_and_traces():
    x = tf.placeholder(tf.float32, [7, 4, 3])
    w = tf.get_variable("w", [6, 3], initializer=tf.ones_initializer())

    def body(t, h):
        return t + 1, tf.tanh(tf.matmul(tf.concat([tf.gather(x, t), h], 1), w) * 0.3)

    _, last = tf.while_loop(lambda t, h: t < 7, body, [tf.constant(0), tf.zeros([4, 3])])
    loss = tf.reduce_sum(tf.square(last))
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    array = np.random.RandomState(1).standard_normal((7, 4, 3)).astype(np.float32)
    losses = []
    for make in (tf.Session, plain_session):
        with make() as sess:
            sess.run(w.initializer)
            losses.append([sess.run([loss, step], {x: array})[0] for _ in range(5)])
            metadata = tf.RunMetadata()
            options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
            sess.run(loss, {x: array}, options=options, run_metadata=metadata)
            names = [node.node_name for device in metadata.step_stats.dev_stats for node in device.node_stats]
            assert any("MatMul" in name for name in names)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_scratch_keeps_what_was_taken():
    scratch = Scratch()
    scratch.begin(1000)
    first = scratch.take((10, 10), np.dtype(np.float32))
    second = scratch.take((3,), np.dtype(np.float64))
    assert not np.may_share_memory(first, second)
    scratch.begin(100_000)
    third = scratch.take((100, 200), np.dtype(np.float32))
    first[:], third[:] = 1.0, 2.0
    assert (first == 1.0).all()
    assert first.ctypes.data % 64 == third.ctypes.data % 64 == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("rows", "summed", "columns"), [(5, 3, 4), (1, 7, 1), (6, 1, 2), (1, 1, 1), (33, 20, 65)])
def test_products_add_to_what_is_there(dtype, turned, rows, summed, columns):
    rng = np.random.RandomState(rows)
    left, right = (
        (rng.standard_normal(shape[::-1] if flag else shape) + 0).astype(dtype)
        for shape, flag in zip([(rows, summed), (summed, columns)], turned, strict=True)
    )
    left, right = (x.T if flag else x for x, flag in zip((left, right), turned, strict=True))
    out = rng.standard_normal((rows, columns)).astype(dtype)
    expected = out + left @ right
    call = adding_product(left, right, out)
    assert (call is None) == (dtype is np.complex64 or not can_add(np.dtype(dtype)))
    if call is not None:
        function, arguments = call
        function(*arguments)
        np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)


def test_parts_of_arrays_are_factors_and_others_are_not():
    whole = np.arange(64, dtype=np.float64).reshape(8, 8)
    out = np.zeros((3, 3))
    if not can_add(out.dtype):
        pytest.skip("NumPy's BLAS is not known here")
    function, arguments = adding_product(whole[2:5, 1:5], whole[:4, 5:], out)
    function(*arguments)
    np.testing.assert_allclose(out, whole[2:5, 1:5] @ whole[:4, 5:])
    assert adding_product(whole[:3, ::2], whole[:4, :3], out) is None
    assert adding_product(whole[:3, 3::-1], whole[:4, :3], out) is None
    assert adding_product(whole[:3, :4], whole[:4, :3], whole[:3, :3]) is None


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("with_term", [False, True])
def test_sums_of_products(count, with_term):
    xs = [tf.placeholder(tf.float32, [4, 6]) for _ in range(count)]
    ys = [tf.tanh(x[:, :3]) for x in xs]
    products = [tf.matmul(tf.sin(x), y, transpose_a=True) for x, y in zip(xs, ys, strict=True)]
    terms = products + ([tf.exp(tf.concat(ys, 0)[:1] * tf.ones([6, 1]))] if with_term else [])
    total = tf.add_n(terms) if len(terms) > 1 else terms[0]
    result = tf.tanh(total * 0.1)
    rng = np.random.RandomState(count)
    feeds = {x: rng.standard_normal((4, 6)).astype(np.float32) for x in xs}
    with tf.Session() as sess, plain_session() as plain:
        for _ in range(3):
            np.testing.assert_allclose(sess.run(result, feeds), plain.run(result, feeds), rtol=1e-5, atol=1e-6)
        # A product that somebody else wants as well is made.
        both = [result, products[0]]
        for made, expected in zip(sess.run(both, feeds), plain.run(both, feeds), strict=True):
            np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)
