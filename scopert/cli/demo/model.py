"""Two towers that share every weight learn whether two handwritten digits are the same.

Written as for TensorFlow 1: with ``import tensorflow as tf`` in its place it runs there too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import scopert as tf

PIXELS = 64


class Model(NamedTuple):
    """The tensors and operations that training needs."""

    left: Any
    right: Any
    same: Any
    loss: Any
    accuracy: Any
    step: Any
    train: Any
    summaries: Any


def dense(x: Any, units: int, name: str) -> Any:
    """A fully connected layer; its variables are ``kernel`` and ``bias`` in the variable scope `name`."""
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [x.shape[-1], units])
        bias = tf.get_variable("bias", [units], initializer=tf.zeros_initializer())
        return tf.nn.bias_add(tf.matmul(x, kernel), bias)


def tower(x: Any) -> Any:
    """An image as a vector. Called twice: whoever opens the scope with reuse gets the same weights."""
    hidden = tf.nn.relu(dense(x, 128, "hidden"))
    return tf.nn.relu(dense(hidden, 64, "embedding"))


def build() -> Model:
    """Builds the graph in the default graph."""
    with tf.name_scope("pairs"):
        left = tf.placeholder(tf.float32, [None, PIXELS], name="left")
        right = tf.placeholder(tf.float32, [None, PIXELS], name="right")
        same = tf.placeholder(tf.float32, [None], name="same")

    with tf.variable_scope("tower"):
        a = tower(left)
    with tf.variable_scope("tower", reuse=True):  # the same variables: no second set of weights
        b = tower(right)

    with tf.variable_scope("compare"):
        logits = tf.squeeze(dense(tf.abs(a - b), 1, "score"), axis=1)

    with tf.name_scope("loss"):
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=same, logits=logits)
        loss = tf.reduce_mean(losses)
    with tf.name_scope("accuracy"):
        correct = tf.equal(logits > 0.0, same > 0.5)
        accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))

    step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.003, step, decay_steps=400, decay_rate=0.5)
    train = tf.train.AdamOptimizer(rate).minimize(loss, global_step=step)

    tf.summary.scalar("loss_value", loss)
    tf.summary.scalar("accuracy_value", accuracy)
    tf.summary.scalar("learning_rate", rate)
    for variable in tf.trainable_variables():
        tf.summary.histogram(variable.op.name, variable)
    tf.summary.image("left_image", tf.reshape(left, [-1, 8, 8, 1]), max_outputs=2)
    return Model(left, right, same, loss, accuracy, step, train, tf.summary.merge_all())
