"""Fused steps that are one NumPy call."""

import numpy as np
import pytest
from scopert_numpy.lone import LARGEST, lone_call

import scopert as tf
from scopert.program.ir import FUSED
from scopert.program.passes.pipeline import PIPELINE, optimised


def calls(build, *shapes, dtype=tf.float32):
    """For the fused steps of a program, their single calls."""
    feeds = [tf.placeholder(dtype, shape) for shape in shapes]
    with tf.Session() as sess:
        program = optimised(sess.program([build(*feeds)], (), feeds), shapes, PIPELINE)
    return [lone_call(program, step) for step in program.steps if step.op == FUSED]


@pytest.mark.parametrize(
    ("build", "shapes"),
    [
        (lambda x, y: x - y, [(3, 4), (3, 4)]),
        (lambda x, y: y - x, [(3, 4), (3, 4)]),
        (lambda x, y: x - y, [(3, 4), ()]),
        (lambda x, y: x - y, [(1, 1), (3, 4)]),
        (lambda x: 1.0 - x, [(5,)]),
        (lambda x: x < 2.0, [(5,)]),
        (lambda x: tf.tanh(x), [()]),
        (lambda x: tf.reshape(tf.tanh(x), [1, 1]), [()]),
        (lambda x: tf.cast(tf.cast(x, tf.float16) * tf.cast(x, tf.float16), tf.float32), [(7,)]),
        (lambda x, y: x * y, [(3, 4), (4,)]),
        (lambda x: tf.transpose(x) + 1.0, [(3, 4)]),
        (lambda x: tf.exp(x) + 1.0, [(3, 4)]),
        (lambda x: x + tf.range(5.0), [(5,)]),
        (lambda x: tf.reduce_sum(x), [(5,)]),
        (lambda x: tf.zeros([2, 2]) * x, [()]),
    ],
)
def test_the_numbers_of_the_plain_path(build, shapes):
    feeds = [tf.placeholder(tf.float32, shape) for shape in shapes]
    values = [np.linspace(-3, 3, int(np.prod(shape, dtype=int)), dtype=np.float32).reshape(shape) for shape in shapes]
    y = build(*feeds)
    plain = tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    with tf.Session() as sess, tf.Session(config=tf.ConfigProto(graph_options=tf.GraphOptions(optimizer_options=plain))) as other:
        for _ in range(2):
            found = sess.run(y, dict(zip(feeds, values, strict=True)))
        wanted = other.run(y, dict(zip(feeds, values, strict=True)))
    assert found.dtype == wanted.dtype and found.shape == wanted.shape and type(found) is type(wanted)
    np.testing.assert_allclose(found, wanted, rtol=3e-7)


def test_only_one_primitive_over_whole_arrays_and_few_numbers():
    assert [call is not None for call in calls(lambda x, y: x - y, (3, 4), (3, 4))] == [True]
    assert calls(lambda x: x - 1.0, (LARGEST + 1,)) == [None]
    assert calls(lambda x: tf.exp(x) - 1.0, (4,)) == [None]
    assert calls(lambda x, y: x * y, (3, 4), (4,)) == [None]
    assert calls(lambda x: tf.reduce_sum(x, 0), (3, 4)) == [None]
