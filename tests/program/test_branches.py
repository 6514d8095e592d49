"""Branches of conds: one guard for each, fused inside, the results of the plain path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scopert as tf
from scopert.program.ir import FUSED
from scopert.program.passes.pipeline import PIPELINE, optimised


def plain_session():
    options = tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    return tf.Session(config=tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options)))


def compiled(sess, fetches, feeds, shapes):
    return optimised(sess.program(fetches, [], feeds), shapes, PIPELINE)


def test_a_branch_is_one_fused_step_behind_one_switch():
    x = tf.placeholder(tf.float32, [20, 3])
    up = tf.placeholder(tf.bool, [])
    y = tf.cond(up, lambda: tf.tanh(x * x + 1.0) * tf.sigmoid(x), lambda: tf.nn.relu(x) - tf.exp(x))
    with tf.Session() as sess:
        program = compiled(sess, [y], [x, up], ((20, 3), ()))
    assert [step.op for step in program.steps if step.op not in ("Switch", "Merge", "Identity")] == [FUSED, FUSED]
    switches = [step for step in program.steps if step.op == "Switch"]
    assert len(switches) == 1
    guards = {step.guards for step in program.steps if step.op == FUSED}
    assert guards == {(slot,) for slot in switches[0].outputs}


def test_what_a_branch_computes_is_not_computed_outside_of_it():
    x = tf.placeholder(tf.float32, [40])
    up = tf.placeholder(tf.bool, [])
    y = x * 2.0 + tf.cond(up, lambda: tf.log(x) * 3.0, lambda: x + 1.0) * 0.5
    with tf.Session() as sess:
        program = compiled(sess, [y], [x, up], ((40,), ()))
        found = [sess.run(y, {x: np.arange(1.0, 41.0), up: way}) for way in (True, False)]
    bodies = {step.guards: step.body for step in program.steps if step.op == FUSED}
    assert len(bodies) == 3 and all(len(guards) <= 1 for guards in bodies)
    assert not any(node.op == "log" for node in bodies[()].nodes)
    np.testing.assert_allclose(found[0], np.arange(1, 41) * 2 + np.log(np.arange(1, 41)) * 1.5, rtol=1e-6)
    np.testing.assert_allclose(found[1], np.arange(1, 41) * 2.5 + 0.5, rtol=1e-6)


LEAVES = [
    lambda x, y: tf.tanh(x) * y,
    lambda x, y: tf.nn.softmax(x + y),
    lambda x, y: x,
    lambda x, y: tf.matmul(x, y, transpose_b=True)[:, :1] + y,
    lambda x, y: tf.reduce_sum(x, 0) - tf.square(y) * 0.5,
    lambda x, y: tf.reshape(tf.transpose(x), [4, 3]) * 0.5,
    lambda x, y: tf.ones_like(y),
]  # fmt: skip
trees = st.recursive(
    st.integers(0, len(LEAVES) - 1), lambda inner: st.tuples(st.integers(0, 2), inner, inner), max_leaves=5
)


def grown(tree, x, y, ways):
    if isinstance(tree, int):
        return LEAVES[tree](x, y)
    which, yes, no = tree
    z = x * 0.5 + y
    return tf.cond(ways[which], lambda: grown(yes, z, y, ways) + x, lambda: grown(no, x, z, ways) * y)


@settings(deadline=None, max_examples=30)
@given(st.lists(trees, min_size=1, max_size=2), st.booleans())
def test_random_branches(forest, in_loop):
    rng = np.random.RandomState(0)
    arrays = [rng.randn(4, 3).astype(np.float32) for _ in range(2)]
    with tf.Graph().as_default():
        x, y = tf.placeholder(tf.float32, [4, 3]), tf.placeholder(tf.float32, [4, 3])
        ways = [tf.placeholder(tf.bool, []) for _ in range(3)]

        def body(t, state):
            now = [ways[0], tf.logical_xor(ways[1], tf.equal(t % 2, 0)), t // 2 > 0] if in_loop else ways
            for tree in forest:
                state = tf.tanh(grown(tree, state, y, now) * 0.5)
            return t + 1, state

        if in_loop:
            _, z = tf.while_loop(lambda t, _: t < 4, body, [tf.constant(0), x])
        else:
            _, z = body(tf.constant(0), x)
        fetches = [z, *tf.gradients(tf.reduce_sum(z * z), [x, y], unconnected_gradients="zero")]
        with tf.Session() as sess, plain_session() as plain:
            for number in range(8):
                feeds = {way: bool(number >> k & 1) for k, way in enumerate(ways)}
                feeds.update({x: arrays[0], y: arrays[1]})
                for one, two in zip(sess.run(fetches, feeds), plain.run(fetches, feeds), strict=True):
                    np.testing.assert_allclose(one, two, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("divisor", [1, 2, 7, -3])
def test_whole_numbers_by_a_constant(dtype, divisor):
    numbers = np.array([-(2**31), -8, -7, -1, 0, 1, 6, 7, 2**31 - 1], dtype)
    x = tf.placeholder(dtype, [9])
    fetches = [x // divisor + 0, x % divisor + 0]
    with tf.Session() as sess:
        quotient, rest = sess.run(fetches, {x: numbers})
    np.testing.assert_array_equal(quotient, numbers // dtype(divisor))
    np.testing.assert_array_equal(rest, numbers % dtype(divisor))


@pytest.mark.parametrize("taken", [True, False])
def test_a_branch_that_is_known_not_to_be_taken(taken):
    """Its values are constants then, which are no numbers."""
    x = tf.constant(10)
    y = tf.cond(tf.equal(tf.less(1, 2), taken), lambda: tf.add(x, 1) * 3, lambda: tf.subtract(x, 1) * 2)
    with tf.Session() as sess:
        assert sess.run(y) == (33 if taken else 18)
