"""Bags: rows that are picked to be summed, where they lie; the results and errors of the plain path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scopert as tf
from scopert.program.ir import BAGS
from scopert.program.passes.pipeline import PIPELINE, optimised


@pytest.fixture(autouse=True)
def steps_unchecked(monkeypatch):
    monkeypatch.setenv("SCOPERT_VERIFY", "0")


def plain_session():
    options = tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    return tf.Session(config=tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options)))


def ops_of(sess, fetches, feeds):
    shapes = tuple([tuple(feed.shape.as_list()) for feed in feeds])
    return [step.op for step in optimised(sess.program(fetches, [], feeds), shapes, PIPELINE).steps]


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([(3, 4), (2, 3, 5), (1, 1), (0, 3), (4, 30)]),
    st.sampled_from([(), (1,), (5,), (2, 9), (64,)]),
    st.sampled_from([np.int32, np.int64]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([tf.float32, tf.float64]),
)
def test_random_bags(shape, row, index, mean, keep, dtype):
    rng = np.random.RandomState(1)
    table = rng.randn(7, *row)
    indices = rng.randint(0, 7, shape).astype(index)
    with tf.Graph().as_default():
        data, picked = tf.placeholder(dtype, table.shape), tf.placeholder(index, shape)
        reduce = tf.reduce_mean if mean else tf.reduce_sum
        y = reduce(tf.gather(data, picked), len(shape) - 1, keepdims=keep)
        fetches = [y, tf.convert_to_tensor(tf.gradients(tf.reduce_sum(y * y), data)[0])]
        with tf.Session() as sess, plain_session() as plain:
            feeds = {data: table, picked: indices}
            for one, other in zip(sess.run(fetches, feeds), plain.run(fetches, feeds), strict=True):
                np.testing.assert_allclose(one, other, atol=2e-5 if dtype is tf.float32 else 1e-12)
            found = sess.run(y, feeds)
            assert BAGS.isdisjoint(ops_of(sess, [y], [data, picked])) == (0 in shape)
    expected = (np.mean if mean else np.sum)(table[indices], len(shape) - 1, keepdims=keep)
    np.testing.assert_allclose(found, expected, atol=2e-5 if dtype is tf.float32 else 1e-12)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.integers(0, 3),
    st.sampled_from([(), (3,), (2, 16)]),
    st.booleans(),
    st.booleans(),
)
def test_random_segments(steps, first, row, mean, picks):
    ids = (first + np.cumsum(steps)).astype(np.int32)
    rng = np.random.RandomState(2)
    table = rng.randn(9 if picks else ids.size, *row).astype(np.float32)
    indices = rng.randint(0, 9, ids.size)
    with tf.Graph().as_default():
        data, picked, numbers = tf.placeholder(tf.float32, table.shape), tf.constant(indices), tf.constant(ids)
        reduce = tf.segment_mean if mean else tf.segment_sum
        y = reduce(tf.gather(data, picked) if picks else data, numbers)
        fetches = [y, tf.convert_to_tensor(tf.gradients(tf.reduce_sum(y * y), data)[0])]
        with tf.Session() as sess, plain_session() as plain:
            for one, other in zip(sess.run(fetches, {data: table}), plain.run(fetches, {data: table}), strict=True):
                np.testing.assert_allclose(one, other, atol=2e-5)
            assert ("SegmentBagMean" if mean else "SegmentBagSum") in ops_of(sess, [y], [data]) or not picks


def messages(fetch, feeds):
    found = []
    with tf.Session() as sess, plain_session() as plain:
        for session in (sess, plain):
            with pytest.raises(tf.errors.InvalidArgumentError) as failure:
                session.run(fetch, feeds)
            found.append(str(failure.value).splitlines()[0])
    return found


@pytest.mark.parametrize("bad", [-1, 5])
@pytest.mark.parametrize("segments", [False, True])
def test_an_index_that_is_out_of_range(bad, segments):
    data = tf.placeholder(tf.float32, [5, 8])
    indices = tf.placeholder(tf.int32, [6] if segments else [2, 3])
    rows = tf.gather(data, indices)
    y = tf.segment_sum(rows, [0, 0, 1, 1, 2, 2]) if segments else tf.reduce_sum(rows, 1)
    array = np.array([0, 1, 2, 3, bad, 0]).reshape(indices.shape.as_list())
    one, other = messages(y, {data: np.ones((5, 8)), indices: array})
    assert one == other and "is not in [0, 5)" in one


@pytest.mark.parametrize("ids", [[0, 2, 1], [-1, 0, 1], [0, 1, -3], [1, 0, 1]])
def test_numbers_of_segments_that_are_wrong(ids):
    data, numbers = tf.placeholder(tf.float32, [3, 8]), tf.placeholder(tf.int32, [3])
    one, other = messages(tf.segment_sum(data, numbers), {data: np.ones((3, 8)), numbers: ids})
    assert one == other


def test_rows_that_somebody_else_uses_are_picked():
    data, indices = tf.placeholder(tf.float32, [5, 8]), tf.placeholder(tf.int32, [2, 3])
    rows = tf.gather(data, indices)
    with tf.Session() as sess:
        assert BAGS.isdisjoint(ops_of(sess, [tf.reduce_sum(rows, 1), rows], [data, indices]))
        assert BAGS.isdisjoint(ops_of(sess, [tf.reduce_sum(rows, 0)], [data, indices]))


@pytest.mark.parametrize("resource", [False, True])
def test_rows_are_those_from_before_the_variable_changed(resource):
    v = tf.get_variable("v", initializer=np.arange(12.0).reshape(4, 3), use_resource=resource)
    rows = tf.gather(v, [[0, 1], [3, 3]])
    with tf.control_dependencies([rows]):
        change = v.assign_add(tf.ones([4, 3], tf.float64))
    with tf.control_dependencies([change]):
        y = tf.reduce_sum(rows, 1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run(y)[0].tolist() == [3, 5, 7]
        assert sess.run(y)[0].tolist() == [5, 7, 9]
