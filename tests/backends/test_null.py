"""The null backend: shapes, no numbers."""

import numpy as np
import pytest

import scopert as tf


@pytest.fixture
def sess():
    with tf.Session(backend="null") as sess:
        yield sess


def test_fetches_are_zeros_of_the_static_shape(sess):
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    y = tf.matmul(x, tf.ones([3, 4]))
    found = sess.run([y, tf.reduce_sum(y), tf.constant("text"), x], {x: np.ones((2, 3))})
    assert found[0].shape == (2, 4) and found[0].dtype == np.float32 and not found[0].any()
    assert found[1] == 0.0 and found[2] == b"" and found[3].all()


def test_no_kernel_runs(sess):
    w = tf.get_variable("w", [1000, 1000])
    train = tf.train.AdamOptimizer().minimize(tf.reduce_sum(w))
    sess.run(tf.global_variables_initializer())
    sess.run(train)
    # w, its two slots, and the two powers of Adam.
    assert sess.store.nbytes == 3 * 4_000_000 + 2 * 256
    assert sess.store.describe().startswith("5 variables in one buffer of 11.4 MiB on null")


def test_an_unknown_shape_is_an_error_that_names_the_operation(sess):
    x = tf.placeholder(tf.float32, [None], name="x")
    y = tf.unique(x, name="y")[0]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"the shape \(\?,\) of y:0 is not known") as caught:
        sess.run(y, {x: [1.0]})
    assert caught.value.op is y.op
    assert sess.run(x + 1.0, {x: [1.0]}).shape == (1,)


def test_it_is_never_chosen_by_itself():
    report = tf.backend_report()
    (row,) = [row for row in report.rows if row.name == "null"]
    assert row.priority < 0 and report.used != "null"
