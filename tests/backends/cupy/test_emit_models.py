"""Models whose every step is generated: nothing of them splits the graph, and they train as on NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends.cupy.batches import engines

import scopert as tf

Made = tuple[list[Any], dict[Any, Any]]


def _pictures() -> Made:
    """Convolutions of all kinds, batch normalisation, poolings, dropout, clipped gradients, accuracies."""
    random = np.random.RandomState(0)
    x, y = tf.placeholder(tf.float32, [4, 12, 12, 3]), tf.placeholder(tf.int32, [4])
    h = tf.layers.conv2d(x, 8, 3, padding="same", activation=tf.nn.relu)
    h = tf.layers.batch_normalization(h, training=True)
    h = tf.layers.max_pooling2d(h, 2, 2)
    h = tf.layers.separable_conv2d(h, 8, 3, padding="same", dilation_rate=2)
    h = tf.layers.average_pooling2d(h, 2, 2)
    h = tf.layers.conv2d_transpose(h, 4, 3, strides=2)
    h = tf.layers.dropout(tf.layers.flatten(h), 0.3, seed=5, training=True)
    logits = tf.layers.dense(h, 10)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    optimizer = tf.train.AdamOptimizer(1e-2)
    pairs = optimizer.compute_gradients(loss)
    gradients, norm = tf.clip_by_global_norm([gradient for gradient, _ in pairs], 1.0)
    step = optimizer.apply_gradients(zip(gradients, [variable for _, variable in pairs], strict=True))
    hits = tf.reduce_mean(tf.cast(tf.nn.in_top_k(logits, y, 3), tf.float32))
    best = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1, output_type=tf.int32), y), tf.float32))
    feeds = {x: random.normal(size=(4, 12, 12, 3)), y: random.randint(0, 10, 4)}
    return [loss, norm, hits, best, step], feeds


def _attention() -> Made:
    """Heads are split and joined by transposes, masked, normalised; the largest logits are told."""
    random = np.random.RandomState(1)
    x, y = tf.placeholder(tf.float32, [2, 12, 16]), tf.placeholder(tf.int32, [2, 12])
    heads = [
        tf.transpose(tf.reshape(part, [2, 12, 4, 4]), [0, 2, 1, 3])
        for part in tf.split(tf.layers.dense(x, 48), 3, -1)
    ]  # fmt: skip
    mask = tf.matrix_band_part(tf.ones([12, 12]), -1, 0)
    weights = tf.nn.softmax(tf.matmul(heads[0], heads[1], transpose_b=True) / 2.0 * mask - 1e10 * (1 - mask))
    mixed = tf.reshape(tf.transpose(tf.matmul(weights, heads[2]), [0, 2, 1, 3]), [2, 12, 16])
    h = x + tf.layers.dense(mixed, 16)
    mean, variance = tf.nn.moments(h, [-1], keep_dims=True)
    logits = tf.layers.dense((h - mean) * tf.rsqrt(variance + 1e-5), 20)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    # Not Adam: the bias of keys has no gradient, and Adam would make steps of rounding errors.
    step = tf.train.MomentumOptimizer(1e-1, 0.9).minimize(loss)
    feeds = {x: random.normal(size=(2, 12, 16)), y: random.randint(0, 20, (2, 12))}
    return [loss, tf.nn.top_k(logits, 3)[1], tf.cumsum(logits, 1, reverse=True), step], feeds


def _resampled() -> Made:
    """Pictures of other sizes, turned and with borders, and the gradient of all that."""
    x = tf.placeholder(tf.float32, [2, 8, 6, 3])
    made = [
        tf.image.resize_bilinear(x, [13, 9]), tf.image.resize_nearest_neighbor(x, [5, 7]),
        tf.image.resize_bicubic(x, [4, 11]), tf.image.flip_left_right(x),
        tf.pad(x, [[0, 0], [1, 1], [2, 2], [0, 0]], "REFLECT"), tf.space_to_depth(x, 2),
    ]  # fmt: skip
    (gradient,) = tf.gradients([tf.reduce_sum(one * one) for one in made], x)
    return [*made, tf.check_numerics(gradient, "gradient")], {x: np.random.RandomState(2).normal(size=(2, 8, 6, 3))}


def _run(model: Callable[[], Made], backend: str, fused: bool = True) -> tuple[list[list[Any]], list[Any], Any]:
    level = tf.OptimizerOptions.ON_1 if fused else tf.OptimizerOptions.OFF
    options = tf.GraphOptions(optimizer_options=tf.OptimizerOptions(global_jit_level=level))
    with tf.Graph().as_default():
        tf.set_random_seed(11)
        fetches, feeds = model()
        with tf.Session(backend=backend, config=tf.ConfigProto(graph_options=options)) as session:
            session.run(tf.global_variables_initializer())
            found = [session.run(fetches, feeds) for _ in range(3)]
            return found, session.run(tf.trainable_variables()), session.executable(fetches, feeds)


@pytest.mark.parametrize("model", [_pictures, _attention, _resampled], ids=["pictures", "attention", "resampled"])
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "step by step"])
def test_it_is_generated_and_trains_as_on_numpy(model: Callable[[], Made], fused: bool) -> None:
    expected, variables, _ = _run(model, "numpy")
    found, others, executable = _run(model, "cupy", fused)
    ran = engines(executable.plan)
    assert {op: names for op, names in ran.items() if names & {"eager", "host"}} == {}
    for one, other in zip(found, expected, strict=True):
        for a, b in zip(one, other, strict=True):
            if b is not None:
                np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
    for a, b in zip(others, variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)
