"""Small steps that become one, and checked labels that are read where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scopert_cupy import passes
from scopert_cupy.fused.small import join_small

import scopert as tf
from scopert.backend import FUSED


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """Programs before and after the pass."""
    seen: list[tuple[Any, Any]] = []

    def noted(program: Any, place: bool) -> Any:
        seen.append((program, join_small(program)))
        return seen[-1][1]

    monkeypatch.setattr(passes, "join_small", noted)
    return seen


def fused(program: Any) -> int:
    return sum(step.op == FUSED for step in program.steps)


def train(backend: str) -> list[Any]:
    with tf.Graph().as_default():
        x, y = tf.placeholder(tf.float32, [16, 8]), tf.placeholder(tf.int32, [16])
        logits = tf.layers.dense(x, 5, kernel_initializer=tf.random_normal_initializer(seed=1))
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        step = tf.train.AdamOptimizer(0.01).minimize(loss)
        random = np.random.default_rng(0)
        feeds = {x: random.standard_normal((16, 8)).astype(np.float32), y: random.integers(0, 5, 16).astype(np.int32)}
        with tf.Session(backend=backend) as session:
            session.run(tf.global_variables_initializer())
            losses = [session.run([loss, step], feeds)[0] for _ in range(4)]
            with pytest.raises(tf.errors.InvalidArgumentError, match="label value of 9 which is outside"):
                session.run(loss, {**feeds, y: np.full(16, 9, np.int32)})
            return [*losses, *session.run(tf.global_variables())]


def test_a_step_of_training(programs: list[tuple[Any, Any]]) -> None:
    found, expected = train("cupy"), train("numpy")
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    before, after = max(programs, key=lambda pair: len(pair[0].steps))
    assert fused(after) <= fused(before) - 1  # the two powers of Adam, which are made behind the update
    check = next(step for step in after.steps if step.op == "CheckLabels")
    assert not any(check.outputs[0] in step.inputs for step in after.steps)


def test_what_depends_on_each_other_stays_in_order(programs: list[tuple[Any, Any]]) -> None:
    """A scalar that is needed between two others is not moved behind what needs it."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [])
        a = tf.exp(x)
        m = tf.matmul(tf.fill([4, 4], a), tf.fill([4, 4], a))
        b = tf.reduce_sum(m) + 1.0
        c = tf.tanh(x) * 2.0
        with tf.Session(backend="cupy") as session:
            found = session.run([a, b, c, b * a], {x: 0.5})
    e = np.exp(np.float32(0.5))
    np.testing.assert_allclose(found, [e, 64 * e * e + 1, np.tanh(0.5) * 2, (64 * e * e + 1) * e], rtol=1e-6)
    assert programs


def test_neighbours_of_one_space_are_one_launch(programs: list[tuple[Any, Any]]) -> None:
    """Larger maps, too, if they follow one another: here of three arrays."""
    with tf.Graph().as_default():
        fed = [tf.placeholder(tf.float32, [40, 40]) for _ in range(3)]
        made = [tf.exp(fed[0]), tf.tanh(fed[1]) * 2.0, fed[2] + 1.0]
        product = tf.matmul(tf.matmul(made[0], made[1]), made[2])
        feeds = dict(zip(fed, np.random.default_rng(0).uniform(-1, 1, (3, 40, 40)).astype(np.float32), strict=True))
        results = []
        for backend in ("numpy", "cupy"):
            with tf.Session(backend=backend) as session:
                results.append(session.run(product, feeds))
    np.testing.assert_allclose(results[1], results[0], rtol=1e-4, atol=1e-3)
    before, after = max(programs, key=lambda pair: len(pair[0].steps))
    assert fused(before) - fused(after) >= 1


def test_reads_stay_before_writes() -> None:
    with tf.Graph().as_default():
        v = tf.get_variable("v", [], initializer=tf.constant_initializer(2.0))
        before = v.read_value() * 3.0
        with tf.control_dependencies([before]), tf.control_dependencies([tf.assign_add(v, 1.0)]):
            after = v.read_value() * 5.0
        with tf.Session(backend="cupy") as session:
            session.run(v.initializer)
            assert session.run([before, after]) == [6.0, 15.0]
            assert session.run([before, after]) == [9.0, 20.0]


def test_passes_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = train("cupy")
    monkeypatch.setenv("SCOPERT_CUPY_PASSES", "0")
    for a, b in zip(train("cupy"), found, strict=True):
        np.testing.assert_array_equal(a, b)
