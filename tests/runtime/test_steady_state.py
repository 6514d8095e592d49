"""Runs that have been warmed up allocate what they return, and no other array."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

import scopert as tf

#: Objects of Python's own, such as the list of results.
SMALL = 12_000
RNG = np.random.default_rng(0)


def _mlp() -> tuple[list[Any], dict[Any, Any]]:
    x, y = tf.placeholder(tf.float32, [64, 100]), tf.placeholder(tf.int32, [64])
    h = tf.layers.dense(tf.layers.dense(x, 256, tf.nn.relu), 128, tf.nn.relu)
    loss = tf.losses.sparse_softmax_cross_entropy(y, tf.layers.dense(h, 10))
    return [loss, tf.train.AdamOptimizer(1e-3).minimize(loss)], {x: RNG.normal(size=(64, 100)), y: RNG.integers(0, 10, 64)}


def _layer_norm(x: Any, name: str) -> Any:
    with tf.variable_scope(name):
        mean, variance = tf.nn.moments(x, [-1], keep_dims=True)
        scale = tf.get_variable("scale", [int(x.shape[-1])], initializer=tf.ones_initializer())
        return (x - mean) * tf.rsqrt(variance + 1e-5) * scale


def _block() -> tuple[list[Any], dict[Any, Any]]:
    ids = tf.placeholder(tf.int32, [4, 32])
    table = tf.get_variable("table", [200, 64])
    x = tf.reshape(tf.nn.embedding_lookup(table, ids), [128, 64])
    q, k, v = (
        tf.transpose(tf.reshape(part, [4, 32, 4, 16]), [0, 2, 1, 3])
        for part in tf.split(tf.layers.dense(_layer_norm(x, "before"), 192), 3, axis=1)
    )
    found = tf.matmul(tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * 0.25), v)
    x += tf.layers.dense(tf.reshape(tf.transpose(found, [0, 2, 1, 3]), [128, 64]), 64)
    x += tf.layers.dense(tf.tanh(tf.layers.dense(_layer_norm(x, "between"), 256)), 64)
    logits = tf.matmul(_layer_norm(x, "behind"), table, transpose_b=True)
    labels = tf.reshape(ids, [128])
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    return [loss, tf.train.AdamOptimizer(1e-3).minimize(loss)], {ids: RNG.integers(0, 200, (4, 32))}


def _lstm() -> tuple[list[Any], dict[Any, Any]]:
    x = tf.placeholder(tf.float32, [12, 16, 20])
    cell = tf.nn.rnn_cell.LSTMCell(32)
    outputs, _ = tf.nn.static_rnn(cell, tf.unstack(x), dtype=tf.float32)
    loss = tf.reduce_mean(tf.square(outputs[-1]))
    return [loss, tf.train.GradientDescentOptimizer(0.1).minimize(loss)], {x: RNG.normal(size=(12, 16, 20))}


def _large_results() -> tuple[list[Any], dict[Any, Any]]:
    x = tf.get_variable("x", [500, 600])
    return [tf.nn.softmax(x), tf.reduce_sum(x)], {}


MODELS = [_mlp, _block, _lstm, _large_results]


def _runner(model: Any, session: Any) -> Any:
    fetches, feeds = model()
    session.run(tf.global_variables_initializer())
    arrays = {key: np.asarray(value, key.dtype.as_numpy_dtype) for key, value in feeds.items()}
    return lambda: session.run(fetches, arrays)


@pytest.mark.parametrize("machine_code", ["1", "0"])
@pytest.mark.parametrize("model", MODELS)
def test_a_run_allocates_nothing(model: Any, machine_code: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("SCOPERT_NATIVE", machine_code)
    monkeypatch.setenv("SCOPERT_VERIFY", "0")  # which runs steps twice
    with tf.Graph().as_default(), tf.Session() as session:
        run = _runner(model, session)
        for _ in range(10):
            run()
        gc.collect()
        tracemalloc.start()
        try:
            run()
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            run()
            after, peak = tracemalloc.get_traced_memory()
            for _ in range(200):
                run()
            gc.collect()
            later = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
    assert peak - before < SMALL + (140_000 if machine_code == "0" else 0)  # buffers of NumPy's iterators
    assert later - after < SMALL


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow(monkeypatch: Any) -> None:
    monkeypatch.setenv("SCOPERT_VERIFY", "0")
    with tf.Graph().as_default(), tf.Session() as session:
        run = _runner(_mlp, session)
        for _ in range(100):
            run()
        gc.collect()
        before = _resident()
        for _ in range(1500):
            run()
        assert _resident() - before < 1 << 20
