"""Variables in loops and branches: what is written in one iteration is seen in the next, as in TensorFlow."""

import numpy as np
import pytest

import scopert as tf
from scopert.ops.control_flow_ops import enter, exit_loop, loop_cond, merge, next_iteration, switch


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


@pytest.mark.parametrize(("count", "value"), [(0, 4.0), (1, 25.0), (3, 677.0**2)])
def test_what_follows_the_last_iteration_sees_what_it_left(count, value):
    number, start = tf.placeholder(tf.int32, []), tf.placeholder(tf.float64, [])
    i, a = (merge([e, e])[0] for e in (enter(tf.constant(0), "loop"), enter(start, "loop")))
    again = loop_cond(i < enter(number, "loop", is_constant=True))
    (_, next_i), (last_a, next_a) = switch(i, again), switch(a, again)
    step, one = (enter(tf.constant(1, dtype), "loop", is_constant=True) for dtype in (tf.int32, tf.float64))
    i.op._update_input(1, next_iteration(next_i + step))
    a.op._update_input(1, next_iteration(tf.square(next_a) + one))
    found = exit_loop(tf.square(last_a))
    assert _run(found, feeds={number: count, start: 2.0}) == [value]
