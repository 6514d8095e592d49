"""Concatenations of what was transposed: joined, and with the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scopert_cupy.join_moves import join_moves

import scopert as tf
from scopert.program.passes.pipeline import DEVICE_PIPELINE, optimised
from scopert.program.verify import verify


def _ops(fetches: Any, feeds: Any) -> list[str]:
    with tf.Session(backend="numpy") as session:
        shapes = [tuple(feed.shape.as_list()) for feed in feeds]
        program = join_moves(optimised(session.program(fetches, (), feeds), shapes, DEVICE_PIPELINE))
    verify(program)
    return [step.op for step in program.steps]


def _heads(number: int, batch: int = 2, heads: int = 3, length: int = 4, depth: int = 5) -> tuple[Any, Any]:
    """A product of each head, as a matrix of all heads' columns."""
    x = tf.placeholder(tf.float32, [batch, heads, length, depth], name=f"x{number}")
    y = tf.transpose(tf.matmul(x, tf.ones([batch, heads, depth, depth])), [0, 2, 1, 3])
    return x, tf.reshape(y, [batch * length, heads * depth])


def _run(tensor: Any, feeds: Any, backend: str) -> Any:
    rng = np.random.default_rng(3)
    arrays = {feed: rng.standard_normal(feed.shape.as_list()).astype(np.float32) for feed in feeds}
    with tf.Session(backend=backend) as session:
        return session.run(tensor, arrays)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_pieces_are_copied_from_where_they_lay(axis: int) -> None:
    pairs = [_heads(number) for number in range(3)]
    feeds = [x for x, _ in pairs]
    joined = tf.concat([y for _, y in pairs], axis)
    ops = _ops([joined], feeds)
    assert ops.count("ConcatV2+Transpose") == 1
    assert not {"Transpose", "Reshape", "ConcatV2"} & set(ops)
    np.testing.assert_allclose(_run(joined, feeds, "cupy"), _run(joined, feeds, "numpy"), rtol=1e-6)


def test_pieces_that_were_not_transposed_are_copied_too() -> None:
    (x, y), (other, matrix) = _heads(0), _heads(1)
    plain = tf.placeholder(tf.float32, [8, 2])
    product = tf.matmul(plain, tf.ones([2, 7]))
    joined = tf.concat([product, y, matrix], 1)
    feeds = [x, other, plain]
    assert _ops([joined], feeds).count("ConcatV2+Transpose") == 1
    np.testing.assert_allclose(_run(joined, feeds, "cupy"), _run(joined, feeds, "numpy"), rtol=1e-6)


def test_what_is_needed_otherwise_stays() -> None:
    (x, y), (other, matrix) = _heads(0), _heads(1)
    # A transposition that is fetched, one whose axes are split by the shape, and none at all.
    ops = _ops([tf.concat([y, matrix], 0), y], [x, other])
    assert ops.count("Transpose") == 1
    product = tf.matmul(x, tf.ones([2, 3, 5, 5]))
    split = tf.reshape(tf.transpose(product, [0, 2, 1, 3]), [12, 10])
    assert "Transpose" in _ops([tf.concat([split, split + 1.0], 0)], [x])
    flat = tf.reshape(product, [24, 5])
    assert "ConcatV2+Transpose" not in _ops([tf.concat([flat, tf.matmul(flat, tf.ones([5, 5]))], 0)], [x])


def test_memory_of_variables_is_not_read_later() -> None:
    v = tf.get_variable("v", [2, 3, 4])
    turned = tf.transpose(v.read_value() if hasattr(v, "read_value") else v, [1, 0, 2])
    assert "ConcatV2+Transpose" not in _ops([tf.concat([turned, turned * 2.0], 0)], [])
