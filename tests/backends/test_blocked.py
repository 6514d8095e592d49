"""The NumPy printer against the reference: several blocks, several threads, given outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from program.fused_reference import evaluate
from scopert_numpy import blocked_plan
from scopert_numpy.blocked import Blocked
from scopert_numpy.threads import Pool

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
