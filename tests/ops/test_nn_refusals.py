"""Inputs that do not fit: known while the graph is built, and only in the run. The session is usable afterwards."""

import numpy as np
import pytest

import scopert as tf

ONES = [1, 1, 1, 1]
IMAGE = np.ones((1, 3, 3, 2), np.float32)
CASES = {
    "depth": (lambda x: tf.nn.conv2d(x, tf.ones([2, 2, 3, 4]), 1, "VALID"), IMAGE, "depth|equal"),
    "window": (lambda x: tf.nn.conv2d(x, tf.ones([5, 5, 2, 4]), 1, "VALID"), IMAGE, "[Nn]egative"),
    "rank": (lambda x: tf.nn.conv2d(x, tf.ones([2, 2, 2, 4]), 1, "VALID"), IMAGE[0], "4-dimensional|rank 4"),
    "pool_window": (lambda x: tf.nn.max_pool(x, 5, 1, "VALID"), IMAGE, "[Nn]egative"),
    "pool_rank": (lambda x: tf.nn.avg_pool(x, 2, 1, "VALID"), IMAGE[0], "4-dimensional|rank 4"),
    "bias": (lambda x: tf.nn.bias_add(x, [1.0, 2.0, 3.0]), np.ones((2, 2), np.float32), "biases|equal"),
    "bias_of_one": (lambda x: tf.nn.bias_add(x, [1.0]), np.ones((2, 2), np.float32), "biases|equal"),
    "cross_entropy": (
        lambda x: tf.nn.softmax_cross_entropy_with_logits_v2(labels=x, logits=tf.ones([2, 3])),
        np.ones((4, 3), np.float32),
        "broadcast|equal|reshape",
    ),
    "sparse_cross_entropy": (
        lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 1, 2], logits=x),
        np.ones((2, 3), np.float32),
        "first dimension|Shape mismatch|assertion failed",
    ),
    "batch_norm": (
        lambda x: tf.nn.fused_batch_norm(x, [1.0], [1.0])[0],
        np.ones((1, 2, 2, 3), np.float32),
        "vector of length 3|not compatible|equal",
    ),
    "lrn": (lambda x: tf.nn.lrn(x), np.ones((2, 3), np.float32), "4-dimensional|rank 4"),
    "top_k": (lambda x: tf.nn.top_k(x, 4)[0], np.ones((2, 3), np.float32), "k columns|last dimension"),
    "depthwise": (
        lambda x: tf.nn.depthwise_conv2d_native(x, tf.ones([2, 2, 1, 1]), ONES, "SAME"),
        IMAGE,
        "same depth|equal",
    ),
    "transposed": (
        lambda x: tf.nn.conv2d_transpose(x, tf.ones([2, 2, 3, 2]), [1, 9, 9, 3], 2),
        IMAGE,
        "doesn't match|equal|compatible",
    ),
    "softmax": (lambda x: tf.nn.softmax(x), np.float32(1), ">= 1 dimension|at least rank 1"),
    "dilation": (lambda x: tf.nn.dilation2d(x, tf.ones([2, 2, 3]), ONES, ONES, "SAME"), IMAGE, "same depth|equal"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused_in_the_run(name):
    build, value, message = CASES[name]
    x = tf.placeholder(tf.float32)
    y = build(x)
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(y, {x: value})
        assert session.run(tf.constant(1)) == 1


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("transposed", "cross_entropy")])
def test_refused_while_the_graph_is_built(name):
    build, value, message = CASES[name]
    with pytest.raises(ValueError, match=message):
        build(tf.placeholder(tf.float32, np.shape(value)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x: tf.nn.conv2d(x, x, [1, 2, 2, 2], "SAME"), "batch and depth"),
        (lambda x: tf.nn.conv2d(x, x, [1, 0, 1, 1], "SAME"), "positive"),
        (lambda x: tf.nn.conv2d(x, x, 1, "EXPLICIT"), "EXPLICIT"),
        (lambda x: tf.nn.conv2d(x, x, 1, [[0, 0], [1, 1]]), "size 4"),
        (lambda x: tf.nn.conv2d(x, x, 1, [[0, 0], [1, 1], 3, [0, 0]]), "is not a list/tuple"),
        (lambda x: tf.nn.conv2d(x, x, [1, 1, 1], "SAME"), "strides should be of length 1, 2 or 4 but was 3"),
        (lambda x: tf.nn.max_pool(x, 0, 1, "SAME"), "ksize cannot be zero"),
        (lambda x: tf.nn.max_pool(x, 2, 1, "FULL"), "FULL"),
        (lambda x: tf.nn.max_pool(x, 2, 1, "SAME", data_format="NCHW_VECT_C"), "NCHW_VECT_C"),
        (lambda x: tf.nn.convolution(x, tf.ones([2, 2, 2, 4]), "SAME", [2, 2], [2, 2]), "not supported"),
        (lambda x: tf.nn.pool(x, [2, 2], "MAX", "SAME", dilation_rate=[2, 2]), "SAME padding is not implemented"),
        (lambda x: tf.nn.pool(x, [2, 2], "MIN", "SAME"), "2-D MIN pooling is not supported"),
        (lambda x: tf.nn.softmax_cross_entropy_with_logits(x, x), "named arguments"),
        (lambda x: tf.nn.sigmoid_cross_entropy_with_logits(labels=x), "Both labels and logits"),
        (lambda x: tf.nn.softmax(x, axis=1, dim=1), "Cannot specify both"),
        (lambda x: tf.nn.bias_add(x, [1.0, 1.0], data_format="HWC"), "data_format must be of the form"),
        (lambda x: tf.nn.fused_batch_norm(x, [1.0, 1.0], [0.0, 0.0], mean=[0.0, 0.0]), "must be None"),
        (lambda x: tf.losses.mean_squared_error(None, x), "labels must not be None"),
        (lambda x: tf.losses.mean_squared_error(x, x, reduction="average"), "Invalid Reduction Key"),
        (lambda x: tf.losses.mean_squared_error(x, x, weights=[1.0, 2.0]), "can not be broadcast"),
        (lambda x: tf.losses.cosine_distance(x, x), "You must specify 'axis'"),
        (lambda x: tf.nn.embedding_lookup([], [1]), "at least one param"),
        (lambda x: tf.nn.ctc_loss_v2(tf.SparseTensor([[0, 0]], [0], [1, 1]), x[0], None, [1]), "blank_index"),
    ],
)  # fmt: skip
def test_arguments_that_are_refused(build, message):
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
        build(tf.ones([1, 3, 3, 2]))
