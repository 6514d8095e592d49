"""Embeddings are trained without shapes that only a run knows: indices are sorted, rows of one index added in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from backends.cupy.batches import engines

import scopert as tf

OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": lambda: tf.train.AdamOptimizer(0.1),
    "momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "adagrad": lambda: tf.train.AdagradOptimizer(0.1),
    "rms": lambda: tf.train.RMSPropOptimizer(0.1),
    "centered": lambda: tf.train.RMSPropOptimizer(0.1, centered=True),
    "ftrl": lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
    "adadelta": lambda: tf.train.AdadeltaOptimizer(1.0),
    "proximal": lambda: tf.train.ProximalAdagradOptimizer(0.1, l1_regularization_strength=0.01),
    "descent": lambda: tf.train.GradientDescentOptimizer(0.1),
}
ROWS = 50


class _Model:
    """Two look-ups in one table, a dense layer behind them."""

    def __init__(self, optimizer: str, resource: bool) -> None:
        tf.set_random_seed(3)
        self.ids = tf.placeholder(tf.int32, [6, 5])
        self.labels = tf.placeholder(tf.float32, [6, 4])
        table = tf.get_variable("table", [ROWS, 8], use_resource=resource)
        looked_up = tf.nn.embedding_lookup(table, self.ids)
        logits = tf.layers.dense(tf.reduce_mean(looked_up, 1), 4)
        losses = tf.nn.softmax_cross_entropy_with_logits_v2(labels=self.labels, logits=logits)
        self.loss = tf.reduce_mean(losses)
        self.step = OPTIMIZERS[optimizer]().minimize(self.loss)

    def train(self, backend: str, steps: int = 3) -> tuple[list[Any], list[Any], Any]:
        """Losses, variables, and the executable of a step."""
        random = np.random.RandomState(0)
        with tf.Session(backend=backend) as session:
            session.run(tf.global_variables_initializer())
            losses = []
            for _ in range(steps):
                feeds = {self.ids: random.randint(0, ROWS, (6, 5)), self.labels: np.eye(4)[random.randint(0, 4, 6)]}
                losses.append(session.run([self.loss, self.step], feeds)[0])
            executable = session.executable([self.loss, self.step], feeds)
            return losses, session.run(tf.trainable_variables()), executable


@pytest.mark.parametrize("resource", [False, True], ids=["reference", "resource"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_trains_as_on_numpy(optimizer: str, resource: bool) -> None:
    found = []
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            found.append(_Model(optimizer, resource).train(backend))
    (expected, variables, _), (losses, others, executable) = found
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for one, other in zip(others, variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    ran = engines(executable.plan)
    assert ran.get("Unique", {"generated"}) == {"generated"}
    assert {op for op, names in ran.items() if names & {"eager", "host"}} == set()


def test_an_index_that_is_not_there_is_said() -> None:
    with tf.Graph().as_default():
        model = _Model("adagrad", False)
        with tf.Session(backend="cupy") as session:
            session.run(tf.global_variables_initializer())
            ids = np.full((6, 5), ROWS)
            with pytest.raises(tf.errors.InvalidArgumentError, match=rf"{ROWS} is not in \[0, {ROWS}\)"):
                session.run([model.loss, model.step], {model.ids: ids, model.labels: np.eye(4)[[0] * 6]})


def test_who_looks_at_the_indices_gets_them() -> None:
    """A fetched `Unique` stays one."""
    with tf.Graph().as_default():
        ids = tf.placeholder(tf.int32, [5])
        found, places = tf.unique(ids)
        rows = tf.unsorted_segment_sum(tf.ones([5, 2]), places, tf.shape(found)[0])
        table = tf.Variable(tf.zeros([9, 2]))
        updated = tf.scatter_add(table, found, rows)
        with tf.Session(backend="cupy") as session:
            session.run(tf.global_variables_initializer())
            values, indices = session.run([updated, found], {ids: [3, 1, 3, 8, 1]})
    np.testing.assert_array_equal(indices, [3, 1, 8])
    np.testing.assert_array_equal(values[:, 0], [0, 2, 0, 2, 0, 0, 0, 0, 1])


@pytest.mark.parametrize("optimizer", ["momentum", "adam", "ftrl"])
def test_what_is_sorted_is_longer_than_what_was_placed(optimizer: str) -> None:
    """Places of the indices grow; what was planned behind them must not be run over."""
    ids = np.random.RandomState(0).randint(0, 11, (3, 2))
    found = []
    for backend in ("numpy", "cupy"):
        with tf.Graph().as_default():
            tf.set_random_seed(2)
            table = tf.get_variable("table", [11, 4], use_resource=True)
            weights = tf.get_variable("weights", [4, 1], use_resource=True)
            fed = tf.placeholder(tf.int32, [None, None])
            pooled = tf.reduce_sum(tf.nn.embedding_lookup(table, fed), 1)
            loss = tf.reduce_sum(tf.tanh(tf.matmul(pooled, weights)))
            loss += tf.reduce_sum(tf.gather(table, fed[:, :1]) ** 2)
            step = OPTIMIZERS[optimizer]().minimize(loss)
            with tf.Session(backend=backend) as session:
                session.run(tf.global_variables_initializer())
                session.run([loss, step], {fed: ids})
                found.append(session.run([table, weights]))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
