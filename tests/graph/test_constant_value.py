"""What shape rules may know of values before a run."""

import numpy as np

import scopert as tf


def test_a_default_is_not_known():
    with tf.Graph().as_default(), tf.Session() as session:
        count = tf.placeholder_with_default(3, [])
        rows = tf.placeholder_with_default([[1.0, 2.0]], [None, None])
        by_count, by_shape = tf.fill([count], 1.0), tf.ones(tf.shape(rows)[1:])
        assert by_count.shape.as_list() == by_shape.shape.as_list() == [None]
        assert session.run(by_count).shape == (3,)
        assert session.run([by_count, by_shape], {count: 5, rows: np.ones((1, 4))})[0].shape == (5,)
