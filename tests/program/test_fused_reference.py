"""The reference of fused bodies against NumPy, on bodies whose meaning is plain."""

from __future__ import annotations

import numpy as np
from program.fused_reference import evaluate

from scopert.graph.dtypes import float32
from scopert.program.expression import Access, Fused, Node, Store, check

BOTH, ROWS = frozenset({0, 1}), frozenset({0})


def test_softmax() -> None:
    dense = Access((3, 1))
    columns = frozenset({1})
    body = Fused(
        (4, 3), 1,
        (
            Node("load", (), float32, BOTH, 0),
            Node("max_over", (0,), float32, ROWS, columns),
            Node("sub", (0, 1), float32, BOTH),
            Node("exp", (2,), float32, BOTH),
            Node("sum", (3,), float32, ROWS, columns),
            Node("div", (3, 4), float32, BOTH),
        ),
        (dense,),
        (Store(5, dense), Store(4, Access((1, 0)))),
    )  # fmt: skip
    check(body)
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    made, total = np.empty((4, 3), np.float32), np.empty(4, np.float32)
    evaluate(body, [x], [made, total])
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    np.testing.assert_allclose(made, e / e.sum(1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(total, e.sum(1), rtol=1e-6)


def test_transpose_reversal_and_sum_of_a_broadcast() -> None:
    x = np.arange(6, dtype=np.float32)
    body = Fused(
        (2, 3), 2,
        (Node("load", (), float32, BOTH, 0), Node("load", (), float32, ROWS, 1), Node("sum", (1,), float32, ROWS - ROWS, BOTH)),
        (Access((1, 2)), Access((-1, 0), 5)),
        (Store(0, Access((3, 1))), Store(2, Access((0, 0)))),
    )  # fmt: skip
    check(body)
    made, total = np.empty((2, 3), np.float32), np.empty((), np.float32)
    evaluate(body, [x, x], [made, total])
    np.testing.assert_array_equal(made, x.reshape(3, 2).T)
    assert total == 3 * (5 + 4)
