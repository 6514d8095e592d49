"""Branches whose predicate is known, or fed: one program for each way, without branches."""

from __future__ import annotations

import numpy as np
import pytest

import scopert as tf
from scopert.ops.control_flow_ops import merge, switch
from scopert.program.frames import MERGES, SWITCHES
from scopert.program.passes.decide import deciding_feeds
from scopert.program.passes.pipeline import PIPELINE, optimised
from scopert.runtime.dispatch import ShapeDispatch


def plain_session():
    options = tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    return tf.Session(config=tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options)))


def branches(sess, fetches, feeds):
    """Switches and Merges, and guarded steps, of the program that runs."""
    dispatch = ShapeDispatch(sess.program(fetches, [], list(feeds)), sess.compile, PIPELINE)
    arrays = [np.asarray(value, key.dtype.as_numpy_dtype) for key, value in feeds.items()]
    steps = dispatch.program_for(dispatch.signature(arrays)).steps
    return [step for step in steps if step.op in SWITCHES | MERGES or step.guards]


def test_a_predicate_that_follows_from_shapes():
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.cond(tf.equal(tf.shape(x)[0], 4), lambda: tf.sin(x) * 2.0, lambda: tf.exp(x))
    fetches = [y, tf.gradients(y, x)[0]]
    with tf.Session(backend="numpy") as sess, plain_session() as plain:
        for count in (4, 2):
            feeds = {x: np.linspace(-1, 1, count * 3).reshape(count, 3)}
            assert not branches(sess, fetches, feeds)
            for found, wanted in zip(sess.run(fetches, feeds), plain.run(fetches, feeds), strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("shape", [(), None])
def test_a_predicate_that_is_fed(shape):
    x, up = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.bool, shape)
    way = tf.placeholder_with_default(False, [])
    inner = tf.cond(way, lambda: tf.tanh(x), lambda: x * 3.0)
    y = tf.cond(tf.logical_not(up), lambda: tf.cond(way, lambda: inner + 1.0, lambda: x - 1.0), lambda: tf.exp(x))
    fetches = [y, tf.gradients(y, x)[0]]
    with tf.Session(backend="numpy") as sess, plain_session() as plain:
        for given in ({up: True}, {up: False}, {up: False, way: True}, {up: True, way: True}, {up: False}):
            feeds = {x: [0.1, 0.2, -0.3], **given}
            for found, wanted in zip(sess.run(fetches, feeds), plain.run(fetches, feeds), strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-6)
            assert not branches(sess, fetches, feeds)


def test_a_layer_that_is_trained_or_not():
    x, training = tf.placeholder(tf.float32, [6, 3]), tf.placeholder(tf.bool)
    y = tf.layers.batch_normalization(x, training=training, momentum=0.5)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        fetch = tf.reduce_sum(y * y)
    data = np.random.RandomState(0).randn(6, 3)
    found = []
    for session in (tf.Session(backend="numpy"), plain_session()):
        with session as sess:
            sess.run(tf.global_variables_initializer())
            ways = [True, False, True, True, False]
            found.append([sess.run([fetch, *tf.global_variables()], {x: data, training: way}) for way in ways])
            assert not branches(sess, [fetch], {x: data, training: True})
    for one, other in zip(*found, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_what_stands_in_the_other_branch_is_not_there():
    x, up = tf.placeholder(tf.float32, []), tf.placeholder(tf.bool, [])
    otherwise, then = switch(x, up)
    y, number = merge([tf.exp(otherwise), then * 2.0])
    with tf.Session() as sess:
        assert sess.run([y, number, then], {x: 3.0, up: True}) == [6.0, 1, 3.0]
        assert sess.run([y, number], {x: 0.0, up: False}) == [1.0, 0]
        with pytest.raises(tf.errors.InvalidArgumentError, match="does not have value"):
            sess.run([y, then], {x: 0.0, up: False})


def test_an_update_in_a_branch():
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    up = tf.placeholder(tf.bool, [])
    y = tf.cond(up, lambda: tf.assign_add(v, 1.0), lambda: tf.identity(v) * 10.0)
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert [float(sess.run(y, {up: way})) for way in (True, False, True, False)] == [1, 10, 2, 20]


def test_what_a_run_computes_stays_a_branch():
    x = tf.placeholder(tf.float32, [300])
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.sin(x), lambda: tf.exp(x))
    with tf.Session(backend="numpy") as sess:
        up, down = np.linspace(-1, 2, 300), np.linspace(-2, 1, 300)
        assert branches(sess, [y], {x: up})
        np.testing.assert_allclose(sess.run(y, {x: up}), np.sin(up), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(sess.run(y, {x: down}), np.exp(down), rtol=1e-6)


def test_a_known_branch_within_an_unknown_one():
    x = tf.placeholder(tf.float32, [3])

    def inner():
        return tf.cond(tf.equal(tf.shape(x)[0], 3), lambda: tf.sin(x), lambda: tf.cos(x)) * 2.0

    y = tf.cond(tf.reduce_sum(x) > 0, inner, lambda: tf.exp(x))
    with tf.Session() as sess:
        np.testing.assert_allclose(sess.run(y, {x: [1.0, 2, 3]}), 2 * np.sin([1.0, 2, 3]), rtol=1e-6)
        np.testing.assert_allclose(sess.run(y, {x: [-1.0, 0, 0]}), np.exp([-1.0, 0, 0]), rtol=1e-6)


def test_many_predicates_are_left_to_the_run():
    x = tf.placeholder(tf.float32, [])
    ways = [tf.placeholder(tf.bool, []) for _ in range(5)]
    y = x
    for number, way in enumerate(ways):
        y = tf.cond(way, lambda y=y, number=number: y + 2.0**number, lambda y=y: y)
    with tf.Session(backend="numpy") as sess:
        program = sess.program([y], [], [x, *ways])
        assert deciding_feeds(program) == ()
        assert sess.run(y, {x: 0.0, **{way: k % 2 == 0 for k, way in enumerate(ways)}}) == 21
        assert optimised(program, ((),) * 6, PIPELINE).steps


def test_a_loop_in_a_branch_and_a_branch_in_a_loop():
    x, up = tf.placeholder(tf.float32, []), tf.placeholder(tf.bool, [])

    def looped():
        return tf.while_loop(
            lambda i, y: i < 3, lambda i, y: (i + 1, tf.cond(up, lambda: y * 2.0, lambda: y + 1.0)), [0, x]
        )[1]

    y = tf.cond(up, looped, lambda: looped() + 100.0)
    with tf.Session() as sess:
        assert [float(sess.run(y, {x: 1.0, up: way})) for way in (True, False)] == [8, 104]
