"""Variables in loops and branches: what is written in one iteration is seen in the next, as in TensorFlow."""

import numpy as np
import pytest

import scopert as tf


def _run(*fetches, feeds=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return [session.run(fetch, feeds) for fetch in fetches]


def test_a_read_from_outside_is_read_in_each_iteration():
    v = tf.Variable(2.0)

    def body(i):
        with tf.control_dependencies([tf.assign(v, tf.square(v))]):
            return i + 1

    assert _run(tf.while_loop(lambda i: i < 4, body, [0]), v) == [4, 65536.0]


def test_a_condition_sees_what_the_body_writes():
    v = tf.Variable(0.0)

    def body(i):
        with tf.control_dependencies([v.assign_add(1.0)]):
            return i + 1

    assert _run(tf.while_loop(lambda i: v < 5.0, body, [0]), v) == [5, 5.0]


def test_inner_loops_see_what_outer_loops_write():
    v, w = tf.Variable(0.0), tf.Variable(1.0)

    def inner(j):
        with tf.control_dependencies([tf.assign_add(v, w + 0.0)]):
            return j + 1

    def outer(i):
        done = tf.while_loop(lambda j: j < 3, inner, [0])
        with tf.control_dependencies([done]), tf.control_dependencies([tf.assign(w, w * 2.0)]):
            return i + 1

    assert _run(tf.while_loop(lambda i: i < 3, outer, [0]), v, w) == [3, 21.0, 8.0]


def test_a_loop_variable_may_be_an_updated_reference():
    v = tf.Variable([3.0, 4.0, 5.0])

    def body(i, _):
        return [i + 1, tf.scatter_update(v, i, 10.0)]

    found = _run(tf.while_loop(lambda i, _: i < 3, body, [tf.constant(0), tf.identity(v)]))[0]
    np.testing.assert_array_equal(found[1], [10.0, 10.0, 10.0])


@pytest.mark.parametrize(("chosen", "value"), [(True, 2.0), (False, 1.0)])
def test_branches_may_give_a_reference_and_a_value(chosen, value):
    p, v = tf.placeholder(tf.bool, []), tf.Variable(1.0)
    result = tf.cond(p, lambda: tf.assign(v, 2.0), lambda: v.value())
    assert _run(result, feeds={p: chosen}) == [value]
