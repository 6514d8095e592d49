"""Small branches: both are computed and one result is chosen, with the same results as the plain path."""

from __future__ import annotations

import numpy as np
import pytest

import scopert as tf
from scopert.program.frames import MERGES, SWITCHES
from scopert.program.passes.pipeline import DEVICE_PIPELINE, PIPELINE, optimised


def left(fetches, feeds, shapes, passes=PIPELINE):
    """The Switches, Merges and guarded steps that are left."""
    with tf.Session(backend="numpy") as sess:
        program = optimised(sess.program(fetches, [], feeds), shapes, passes)
    return [step.op for step in program.steps if step.op in SWITCHES | MERGES or step.guards]


def agree(fetches, runs):
    options = tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    config = tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=options))
    with tf.Session(backend="numpy") as sess, tf.Session(config=config, backend="numpy") as plain:
        for feeds in runs:
            for found, wanted in zip(sess.run(fetches, feeds), plain.run(fetches, feeds), strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-6)
                assert found.dtype == wanted.dtype


def test_a_schedule_is_no_branch():
    step, base = tf.placeholder(tf.int64, []), tf.placeholder(tf.float32, [])
    rate = tf.cond(step > 10, lambda: tf.cond(step > 20, lambda: base * 0.01, lambda: base * 0.1), lambda: base)
    assert not left([rate], [step, base], ((), ()))
    agree([rate], [{step: n, base: 0.5} for n in (5, 15, 25)])


def test_a_gradient_through_a_choice():
    x = tf.placeholder(tf.float32, [])
    y = tf.cond(x > 0, lambda: tf.sin(x) * x, lambda: tf.exp(x) - 1.0)
    fetches = [y, tf.gradients(y, x)[0]]
    assert not left(fetches, [x], ((),))
    agree(fetches, [{x: value} for value in (0.5, -0.5, 0.0)])


def test_what_the_other_branch_would_make_does_no_harm():
    x = tf.placeholder(tf.float32, [4])
    y = tf.cond(tf.reduce_min(x) > 0, lambda: tf.log(x), lambda: tf.zeros_like(x) * 1.0)
    assert not left([y], [x], ((4,),))
    agree([y], [{x: [1.0, 2.0, 3.0, 4.0]}, {x: [-1.0, 0.0, 1.0, 2.0]}])


def test_a_device_chooses_between_more():
    x = tf.placeholder(tf.float32, [100])
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.sin(x), lambda: x)
    assert left([y], [x], ((100,),)) and not left([y], [x], ((100,),), DEVICE_PIPELINE)


def _effect(x):
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    return lambda: tf.assign_add(v, x), lambda: x


def _division(x):
    whole = tf.cast(x, tf.int32)
    return lambda: tf.cast(tf.floordiv(8, whole), tf.float32), lambda: x


@pytest.mark.parametrize(
    "branches",
    [
        _effect,  # an update happens or not
        _division,  # of integers, it fails
        lambda x: (lambda: tf.py_func(lambda v: v, [x], tf.float32), lambda: x),
        lambda x: (lambda: tf.reduce_sum(tf.ones([30]) * x), lambda: x),
        lambda x: (lambda: tf.random.uniform([]), lambda: x),
    ],
)
def test_what_stays_a_branch(branches):
    x = tf.placeholder(tf.float32, [])
    y = tf.cond(x > 0, *branches(x))
    assert left([y], [x], ((),))


def test_a_division_by_zero_is_not_tried():
    x = tf.placeholder(tf.float32, [])
    y = tf.cond(x > 0, *_division(x))
    agree([y], [{x: 4.0}, {x: 0.0}])


def test_who_asks_which_branch_was_taken_is_told():
    x = tf.placeholder(tf.float32, [])
    from scopert.ops.control_flow_ops import merge, switch

    otherwise, then = switch(x, x > 0)
    y, number = merge([otherwise * 2.0, then * 3.0])
    agree([y, number], [{x: 1.0}, {x: -1.0}])
    agree([y, y + 1.0], [{x: 1.0}, {x: -1.0}])


def test_an_assertion_needs_no_branch():
    x = tf.placeholder(tf.float32, [4])
    with tf.control_dependencies([tf.Assert(tf.reduce_sum(x) > 0, ["sum of", x]), tf.assert_less(x, 9.0)]):
        y = x * 2.0
    assert not left([y], [x], ((4,),))
    agree([y], [{x: [1.0, 2.0, 3.0, 4.0]}])
    for backend in ("numpy", None):
        with tf.Session(backend=backend) as sess:
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"assertion failed: \[sum of\]"):
                sess.run(y, {x: [-1.0, 0.0, 0.0, 0.0]})
            with pytest.raises(tf.errors.InvalidArgumentError, match="assertion failed"):
                sess.run(y, {x: [9.0, 0.0, 0.0, 0.0]})


def test_an_assertion_of_something_else_stays_in_its_branch():
    x, y = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])

    def checked():
        with tf.control_dependencies([tf.Assert(y > 0, [y])]):
            return tf.identity(x)

    z = tf.cond(x > 0, checked, lambda: x * 0.0)
    with tf.Session() as sess:
        assert sess.run(z, {x: -1.0, y: -1.0}) == 0
        assert sess.run(z, {x: 1.0, y: 1.0}) == 1
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(z, {x: 1.0, y: -1.0})
