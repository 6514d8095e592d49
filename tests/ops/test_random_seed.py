"""Seeds: how they combine, and what restarts or goes on between runs, sessions and threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import scopert as tf

LARGEST = 2**31 - 1


@pytest.mark.parametrize(
    ("graph_seed", "op_seed", "expected"),
    [
        (None, None, (None, None)),
        (None, 0, (87654321, 0)),
        (None, -1, (87654321, LARGEST - 1)),
        (None, LARGEST, (87654321, 0)),
        (0, 0, (0, LARGEST)),
        (LARGEST, LARGEST, (0, LARGEST)),
        (0, None, (0, LARGEST)),
        (5, 2**40 + 3, (5, (2**40 + 3) % LARGEST)),
        (-3, 7, (LARGEST - 3, 7)),
    ],
)
def test_seeds_combine(graph_seed: int | None, op_seed: int | None, expected: tuple[int | None, int | None]) -> None:
    with tf.Graph().as_default():
        tf.set_random_seed(graph_seed)
        assert tf.get_seed(op_seed) == expected


def test_graph_seed_counts_operations() -> None:
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(3)
        for _ in range(4):
            tf.no_op()
        assert tf.get_seed(None) == (3, len(graph.get_operations()))


def test_sessions_restart_and_runs_go_on() -> None:
    with tf.Graph().as_default():
        numbers = tf.random_uniform([3], seed=1)
        with tf.Session() as session:
            first, second = session.run(numbers), session.run(numbers)
        with tf.Session() as session:
            again = session.run(numbers)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)


def test_without_seed_sessions_differ() -> None:
    with tf.Graph().as_default():
        numbers = tf.random_uniform([4])
        drawn = []
        for _ in range(3):
            with tf.Session() as session:
                drawn.append(tuple(session.run(numbers)))
    assert len(set(drawn)) == 3


def test_equal_operations_draw_apart() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        one, other = session.run([tf.random_uniform([3]), tf.random_uniform([3])])
        same, too = session.run([tf.random_uniform([3], seed=4), tf.random_uniform([3], seed=4)])
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(same, too)


def test_a_run_draws_once_for_all_who_read() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        numbers = tf.random_normal([5])
        one, other = session.run([numbers + 1.0, numbers + 1.0])
    np.testing.assert_array_equal(one, other)


def test_threads_share_no_numbers() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        numbers = tf.random_uniform([100], maxval=2**62, dtype=tf.int64, seed=1)
        with ThreadPoolExecutor(8) as pool:
            drawn = list(pool.map(lambda _: session.run(numbers), range(64)))
    assert len(set(np.concatenate(drawn).tolist())) == 6400


def test_session_is_usable_after_a_refused_run() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        shape = tf.placeholder(tf.int32)
        numbers = tf.random_uniform(shape, seed=1, name="scope/numbers")
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)Dimension -1 must be >= 0.*scope/numbers"):
            session.run(numbers, {shape: [-1]})
        assert session.run(numbers, {shape: [2]}).shape == (2,)
