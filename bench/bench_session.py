"""What `Session.run` costs beyond the arithmetic: W10 and W10c."""

import numpy as np


def test_w10_one_add_one_feed_one_fetch(benchmark, tf):
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [], name="x")
        y = x + 1.0
        value = np.float32(2.0)
        assert benchmark(lambda: sess.run(y, {x: value})) == 3.0


def test_w10c_the_same_by_make_callable(benchmark, tf):
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [], name="x")
        step = sess.make_callable(x + 1.0, feed_list=[x])
        assert benchmark(step, np.float32(2.0)) == 3.0


def test_w1_thousand_tiny_dependent_ops(benchmark, tf):
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [16], name="x")
        y = x
        for _ in range(500):
            y = tf.tanh(y + 0.5)
        value = np.ones(16, np.float32)
        assert benchmark(lambda: sess.run(y, {x: value})).shape == (16,)
