"""The gradient of FusedBatchNorm's gradient against finite differences of the gradient."""

import numpy as np
import pytest

import scopert as tf


@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
@pytest.mark.parametrize("training", [True, False])
def test_second_gradient_is_the_slope_of_the_first(training, data_format):
    rng = np.random.RandomState(0)
    x_value = rng.normal(size=(2, 3, 2, 3) if data_format == "NHWC" else (2, 3, 2, 2)).astype(np.float32)
    x = tf.placeholder(tf.float32, x_value.shape)
    scale = tf.constant([0.5, -1.0, 2.0])
    moments = {} if training else {"mean": [0.1, 0.2, -0.3], "variance": [1.0, 2.0, 0.5]}
    y, *_ = tf.nn.fused_batch_norm(
        x, scale, tf.constant([1.0, 0.0, -1.0]), is_training=training, data_format=data_format, **moments
    )
    (first,) = tf.gradients(tf.reduce_sum(y * y * y), [x])
    weights = tf.constant(rng.normal(size=x_value.shape).astype(np.float32))
    total = tf.reduce_sum(first * weights)
    (second,) = tf.gradients(total, [x])
    with tf.Session() as session:
        found = session.run(second, {x: x_value})
        for index in [(0, 0, 0, 0), (1, 2, 1, 1), (1, 0, 1, 0)]:
            sides = []
            for step in (1e-2, -1e-2):
                moved = x_value.copy()
                moved[index] += step
                sides.append(float(session.run(total, {x: moved})))
            np.testing.assert_allclose(found[index], (sides[0] - sides[1]) / 2e-2, rtol=3e-2, atol=5e-2)
