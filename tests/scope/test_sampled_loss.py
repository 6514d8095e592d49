"""Sampled losses against their formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scopert as tf

CLASSES, SIZE, ROWS = 9, 4, 3
RANDOM = np.random.RandomState(0)
WEIGHTS, BIASES = RANDOM.normal(size=(CLASSES, SIZE)), RANDOM.normal(size=CLASSES)
INPUTS = RANDOM.normal(size=(ROWS, SIZE))
LABELS = np.array([[1, 4], [0, 8], [3, 3]])
SAMPLED = np.array([2, 3, 8, 5])
TRUE_COUNT, SAMPLED_COUNT = RANDOM.uniform(0.1, 2, LABELS.shape), RANDOM.uniform(0.1, 2, SAMPLED.shape)


def expected_logits(remove_hits: bool) -> np.ndarray[Any, Any]:
    """True classes first: input times weights plus bias minus the log of the expected count."""
    scores = INPUTS @ WEIGHTS.T + BIASES
    true = np.take_along_axis(scores, LABELS, 1) - np.log(TRUE_COUNT)
    sampled = scores[:, SAMPLED] - np.log(SAMPLED_COUNT)
    if remove_hits:
        sampled = np.where((LABELS[:, :, None] == SAMPLED).any(1), -np.inf, sampled)
    return np.concatenate([true, sampled], 1)


def arguments(parts: int) -> dict[str, Any]:
    weights = [tf.constant(part) for part in np.array_split(WEIGHTS, parts)]
    values = [tf.constant(SAMPLED), tf.constant(TRUE_COUNT, tf.float32), tf.constant(SAMPLED_COUNT, tf.float32)]
    return {
        "weights": weights if parts > 1 else weights[0], "biases": tf.constant(BIASES), "labels": tf.constant(LABELS),
        "inputs": tf.constant(INPUTS), "num_sampled": len(SAMPLED), "num_classes": CLASSES, "num_true": 2,
        "sampled_values": [values[0], *(tf.cast(value, tf.float64) for value in values[1:])],
        "partition_strategy": "div",
    }  # fmt: skip


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("remove_hits", [False, True])
def test_nce_loss(remove_hits: bool, parts: int) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        found = session.run(tf.nn.nce_loss(**arguments(parts), remove_accidental_hits=remove_hits))
    logits = expected_logits(remove_hits)
    targets = np.concatenate([np.full(LABELS.shape, 0.5), np.zeros((ROWS, len(SAMPLED)))], 1)
    # A removed hit has the probability zero and costs nothing.
    losses = np.logaddexp(0, logits) - targets * np.where(targets > 0, logits, 0)
    np.testing.assert_allclose(found, losses.sum(1), rtol=1e-6)


@pytest.mark.parametrize("remove_hits", [False, True])
def test_sampled_softmax_loss(remove_hits: bool) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        found = session.run(tf.nn.sampled_softmax_loss(**arguments(1), remove_accidental_hits=remove_hits))
    logits = expected_logits(remove_hits)
    normalised = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    np.testing.assert_allclose(found, -normalised[:, :2].mean(1), rtol=1e-6)


def test_gradients_reach_only_the_rows_looked_at() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        given = arguments(1)
        loss = tf.nn.sampled_softmax_loss(**given)
        slices, dense = tf.gradients(loss, [given["weights"], given["inputs"]])
        assert isinstance(slices, tf.IndexedSlices)
        indices, gradient = session.run([slices.indices, dense])
    assert set(indices) == set(LABELS.ravel()) | set(SAMPLED)
    assert gradient.shape == INPUTS.shape


def test_samples_candidates_by_default() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        given = {**arguments(1), "sampled_values": None}
        given["inputs"] = tf.cast(given["inputs"], tf.float32)
        given["weights"], given["biases"] = (tf.cast(given[name], tf.float32) for name in ("weights", "biases"))
        loss = tf.nn.sampled_softmax_loss(**given, seed=3)
        one, other = session.run(loss), session.run(loss)
    assert one.shape == (ROWS,)
    assert not np.array_equal(one, other)


def test_partitioned_weights() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        given = arguments(1)
        whole = tf.nn.nce_loss(**given)
        given["weights"] = tf.get_variable(
            "w", [CLASSES, SIZE], tf.float64, tf.constant_initializer(WEIGHTS.ravel()[: 3 * SIZE]),
            partitioner=tf.fixed_size_partitioner(3),
        )  # fmt: skip
        parts = tf.nn.nce_loss(**{**given, "biases": tf.zeros([CLASSES], tf.float64)})
        session.run(tf.global_variables_initializer())
        found, other = session.run([whole, parts])
        weights = session.run(tf.convert_to_tensor(given["weights"]))
    np.testing.assert_array_equal(weights, np.tile(WEIGHTS[:3], (3, 1)))
    assert found.shape == other.shape == (ROWS,)
    assert not np.array_equal(found, other)
