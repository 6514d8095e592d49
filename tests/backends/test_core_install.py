"""What a plain install can do: NumPy and ml_dtypes are there, and nothing of the extras."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Names of the extras' packages. A name that stands for None in `sys.modules` is one that is not installed.
EXTRAS = (
    "llvmlite", "cupy", "cudnn", "scipy", "tensorboard", "google", "safetensors", "rich", "sklearn", "matplotlib", "PIL",
    "threadpoolctl", "absl", "opt_einsum", "torch", "jax",
)  # fmt: skip
PROGRAM = """
import sys
for name in {extras!r}:
    sys.modules[name] = None
import numpy as np
import scopert as tf

images = tf.placeholder(tf.float32, [4, 8, 8, 1])
ids = tf.placeholder(tf.int32, [4])
h = tf.layers.max_pooling2d(tf.layers.conv2d(images, 3, 3, activation=tf.nn.relu), 2, 2)
h = tf.layers.batch_normalization(tf.layers.flatten(h), training=True)
h = tf.concat([h, tf.nn.embedding_lookup(tf.get_variable("table", [9, 5]), ids)], 1)
sequence = tf.reshape(tf.layers.dense(h, 12), [4, 3, 4])
outputs, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.LSTMCell(6), sequence, dtype=tf.float32)
logits = tf.layers.dense(tf.nn.dropout(outputs[:, -1], keep_prob=0.9), 9)
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids, logits=logits))
train = tf.train.AdamOptimizer(0.01).minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    feeds = {{images: np.random.RandomState(0).rand(4, 8, 8, 1), ids: [1, 3, 5, 7]}}
    losses = [session.run([loss, train], feeds)[0] for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0], losses
    assert "no machine code" in str(session.executable(loss, feeds))
    with tf.profile() as profile:
        session.run(loss, feeds)
    assert "MatMul" in str(profile.table("op"))
from scopert.cli.main import main
main(["devices"])
"""


@pytest.mark.parametrize("fused", ["0", "1"])
def test_a_model_is_trained(fused):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(extras=EXTRAS)], capture_output=True, text=True, check=False,
        env={**os.environ, "SCOPERT_JIT": fused},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "NumPy" in done.stdout
