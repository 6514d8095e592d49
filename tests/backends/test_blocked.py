"""The NumPy printer against the reference: several blocks, several threads, given outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from program.fused_reference import evaluate
from scopert_numpy import blocked_plan
from scopert_numpy.blocked import Blocked
from scopert_numpy.threads import Pool

import scopert as tf
from scopert.graph import dtypes
from scopert.program.expression import Access, Fused, Node, Store, check

F = dtypes.float32
ROWS, COLUMNS = frozenset({0}), frozenset({1})
BOTH = ROWS | COLUMNS


def _normalised(rows: int, columns: int) -> Fused:
    """Rows by their sums, a column vector's exponential, and sums over rows, columns and everything."""
    nodes = (
        Node("load", (), F, BOTH, 0),
        Node("load", (), F, COLUMNS, 1),
        Node("exp", (1,), F, COLUMNS),
        Node("sum", (0,), F, ROWS, COLUMNS),
        Node("div", (0, 3), F, BOTH),
        Node("mul", (4, 2), F, BOTH),
        Node("sum", (5,), F, COLUMNS, ROWS),
        Node("sum", (5,), F, frozenset(), BOTH),
        Node("index", (), F, ROWS, 0),
        Node("max", (5, 8), F, BOTH),
        Node("max_over", (0,), F, COLUMNS, ROWS),
    )
    stores = (
        Store(9, Access((columns, 1))), Store(3, Access((1, 0))), Store(6, Access((0, 1))), Store(7, Access((0, 0))),
        Store(10, Access((0, 1))), Store(5, Access((1, rows))),
    )  # fmt: skip
    made = Fused((rows, columns), 1, nodes, (Access((columns, 1)), Access((0, 1))), stores)
    check(made)
    return made


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(("rows", "columns"), [(2, 7), (50, 33), (1000, 64), (3001, 40)])
def test_blocks_and_threads(rows: int, columns: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import scopert_numpy.blocked as module

    monkeypatch.setattr(module, "_WORTH", 1 << 10)
    monkeypatch.setattr(blocked_plan, "_LEAST_POINTS", 1 << 9)
    monkeypatch.setattr(blocked_plan, "_CACHE", 1 << 12)
    body = _normalised(rows, columns)
    rng = np.random.RandomState(0)
    inputs = [rng.random_sample((rows, columns)).astype(np.float32), rng.random_sample(columns).astype(np.float32)]
    shapes: list[tuple[tuple[int, ...], Any]] = [
        ((rows, columns), np.float32), ((rows, 1), np.float32), ((columns,), np.float32), ((), np.float32),
        ((1, columns), np.float32), ((columns, rows), np.float32),
    ]  # fmt: skip
    function = Blocked(body, shapes, Pool(threads))
    expected = [np.empty(shape, dtype) for shape, dtype in shapes]
    evaluate(body, inputs, expected)
    first = function(*inputs)
    given = tuple(np.full(shape, np.nan, dtype) for shape, dtype in shapes)
    assert all(a is b for a, b in zip(function(*inputs, out=given), given, strict=True))
    for one, same, other in zip(first, given, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5)
        assert one.tobytes() == same.tobytes()


def test_nothing_is_allocated_in_a_steady_state() -> None:
    import tracemalloc

    rows, columns = 8000, 64
    body = _normalised(rows, columns)
    shapes: list[tuple[tuple[int, ...], Any]] = [
        ((rows, columns), np.float32), ((rows,), np.float32), ((columns,), np.float32), ((), np.float32),
        ((columns,), np.float32), ((columns, rows), np.float32),
    ]  # fmt: skip
    function = Blocked(body, shapes, Pool(1))
    inputs = [np.ones((rows, columns), np.float32), np.ones(columns, np.float32)]
    outputs = tuple(np.empty(shape, dtype) for shape, dtype in shapes)
    function(*inputs, out=outputs)
    tracemalloc.start()
    function(*inputs, out=outputs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000  # views, lists and buffers of ufuncs; scratch memory alone has more


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 5), (300, 200), (4, 3, 33), (3, 1)])
def test_labels_of_rows(shape, dtype, monkeypatch):
    monkeypatch.setenv("SCOPERT_NATIVE", "0")
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=shape).astype(dtype), rng.integers(-1, shape[-1] + 1, shape[:-1])
    hot = (labels[..., None] == np.arange(shape[-1])).astype(dtype)
    found = []
    for optimize in ("0", "1"):
        monkeypatch.setenv("SCOPERT_OPTIMIZE", optimize)
        with tf.Graph().as_default(), tf.Session() as session:
            a, b = tf.placeholder(dtype, shape), tf.placeholder(tf.int32, shape[:-1])
            one_hot = tf.one_hot(b, shape[-1], dtype=dtype)
            chosen = tf.reduce_sum(tf.where(tf.cast(one_hot, tf.bool), tf.exp(a), tf.zeros_like(a)), axis=-1)
            fetches = [tf.exp(a) - one_hot, 2.0 * (one_hot + tf.tanh(a)), chosen, tf.reduce_sum(one_hot * a, -1)]
            fetches += [tf.reduce_sum(tf.square(a), -1), tf.reduce_sum(tf.exp(a) * a, -1), tf.reduce_sum(a * a[:1], -1)]
            found.append(session.run(fetches, {a: x, b: labels}))
    expected = [np.exp(x) - hot, 2 * (hot + np.tanh(x)), (hot * np.exp(x)).sum(-1), (hot * x).sum(-1)]
    expected += [(x * x).sum(-1), (np.exp(x) * x).sum(-1), (x * x[:1]).sum(-1)]
    for plain, fused, right in zip(*found, expected, strict=True):
        np.testing.assert_allclose(plain, right, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(fused, right, rtol=1e-4, atol=1e-5)


def test_labels_are_picked_and_not_compared():
    from scopert_numpy.blocked_rows import with_row_calls

    f, i, boolean = dtypes.float32, dtypes.int32, dtypes.bool
    both, row, column, none = frozenset({0, 1}), frozenset({0}), frozenset({1}), frozenset()
    body = Fused((6, 8), 1, (
        Node("load", (), f, both, 0), Node("load", (), i, row, 1), Node("index", (), i, column, 1),
        Node("eq", (1, 2), boolean, both), Node("const", (), f, none, 0.0), Node("select", (3, 0, 4), f, both),
        Node("sum", (5,), f, row, column), Node("const", (), f, none, 1.0), Node("select", (3, 7, 4), f, both),
        Node("sub", (0, 8), f, both), Node("square", (9,), f, both), Node("sum", (10,), f, row, column),
    ), (Access((8, 1)), Access((1, 0))), (Store(6, Access((1, 0))), Store(9, Access((8, 1))), Store(11, Access((1, 0)))))  # fmt: skip
    assert [node.op for node in with_row_calls(body).nodes] == ["load", "load", "pick", "put_sub", "dot_rows"]
