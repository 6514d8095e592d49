"""Machine code of fused bodies against the reference interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from backends.fused_strategies import bodies, numbers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program.fused_reference import evaluate

from scopert.graph.dtypes import DType, bfloat16, bool_, float16, float32, float64, int32, int64, uint8
from scopert.program.expression import Access, Fused, Node, Store, check

pytest.importorskip("llvmlite")

from scopert_numpy.native import open_engine, plan, stages

BOTH, ROWS, COLUMNS, NONE = frozenset({0, 1}), frozenset({0}), frozenset({1}), frozenset[int]()
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 3e-5, "float64": 1e-12}


def run(
    body: Fused, inputs: list[np.ndarray], outputs: list[DType], room: list[int], threads: int = 1, little: int = 0
) -> list[np.ndarray]:
    check(body)
    here = open_engine(threads)
    assert here is not None
    here.little = little
    types = [_dtype(x) for x in inputs]
    (function,) = here.compile([(body, types, outputs)])
    assert function is not None, here.refused
    made = [np.full(n, 77, dtype.np) for n, dtype in zip(room, outputs, strict=True)]
    function(inputs, made)
    return made


def _dtype(x: np.ndarray) -> DType:
    from scopert.graph.dtypes import as_dtype

    return as_dtype(x.dtype)


def agree(
    body: Fused, inputs: list[np.ndarray], outputs: list[DType], room: list[int], threads: int = 1, little: int = 0
) -> list[np.ndarray]:
    """Runs a body by machine code and by the reference, which must agree."""
    made = run(body, inputs, outputs, room, threads, little)
    wide = [np.full(n, 77, np.float64 if dtype.is_floating else dtype.np) for n, dtype in zip(room, outputs, strict=True)]
    narrow = [np.full(n, 77, dtype.np) for n, dtype in zip(room, outputs, strict=True)]
    evaluate(body, inputs, wide)
    evaluate(body, inputs, narrow, wide=False)
    for a, b, c in zip(made, wide, narrow, strict=True):
        tolerance = TOLERANCE.get(a.dtype.name, 0)
        if not tolerance:
            np.testing.assert_array_equal(a, c)
            continue
        a = a.astype(np.float64)
        with np.errstate(all="ignore"):
            near = np.abs(a - b) <= tolerance * (1 + np.abs(b))
            # A comparison may go either way where both sides are the same but for rounding.
            near |= np.abs(a - c.astype(np.float64)) <= tolerance * (1 + np.abs(b))
        equal = (a == b) | (np.isnan(a) & np.isnan(b)) | (a == c) | (np.isnan(a) & np.isnan(c))
        assert (near | equal).all(), (str(body), a[~(near | equal)][:5], b[~(near | equal)][:5])
    return made


def rand(*shape: int, seed: int = 0, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def softmax(n: int, m: int) -> Fused:
    dense = Access((m, 1))
    return Fused((n, m), 1, (
        Node("load", (), float32, _v(n, m), 0),
        Node("max_over", (0,), float32, _v(n, 1), COLUMNS),
        Node("sub", (0, 1), float32, _v(n, m)),
        Node("exp", (2,), float32, _v(n, m)),
        Node("sum", (3,), float32, _v(n, 1), COLUMNS),
        Node("div", (3, 4), float32, _v(n, m)),
    ), (dense,), (Store(5, dense), Store(4, Access((1, 0)))))  # fmt: skip


def _v(n: int, m: int) -> frozenset[int]:
    return frozenset(k for k, size in enumerate((n, m)) if size != 1)


def layer_norm(n: int, m: int) -> Fused:
    dense, column = Access((m, 1)), Access((0, 1))
    f = float32
    return Fused((n, m), 1, (
        Node("load", (), f, BOTH, 0), Node("load", (), f, COLUMNS, 1), Node("load", (), f, COLUMNS, 2),
        Node("const", (), f, NONE, 1 / m), Node("const", (), f, NONE, 1e-6),
        Node("sum", (0,), f, ROWS, COLUMNS), Node("mul", (5, 3), f, ROWS),
        Node("sub", (0, 6), f, BOTH), Node("square", (7,), f, BOTH), Node("sum", (8,), f, ROWS, COLUMNS),
        Node("mul", (9, 3), f, ROWS), Node("add", (10, 4), f, ROWS), Node("rsqrt", (11,), f, ROWS),
        Node("mul", (7, 12), f, BOTH), Node("mul", (13, 1), f, BOTH), Node("add", (14, 2), f, BOTH),
    ), (dense, column, column), (Store(15, dense), Store(6, Access((1, 0))), Store(12, Access((1, 0)))))  # fmt: skip


def layer_norm_gradient(n: int, m: int) -> Fused:
    """Of x, gamma and beta, from x, the output's gradient, gamma, mean and 1 / deviation."""
    dense, column, row = Access((m, 1)), Access((0, 1)), Access((1, 0))
    f = float32
    return Fused((n, m), 1, (
        Node("load", (), f, BOTH, 0), Node("load", (), f, BOTH, 1), Node("load", (), f, COLUMNS, 2),
        Node("load", (), f, ROWS, 3), Node("load", (), f, ROWS, 4), Node("const", (), f, NONE, 1 / m),
        Node("sub", (0, 3), f, BOTH), Node("mul", (6, 4), f, BOTH),  # 7: normalised
        Node("mul", (1, 2), f, BOTH), Node("sum", (8,), f, ROWS, COLUMNS), Node("mul", (9, 5), f, ROWS),
        Node("mul", (8, 7), f, BOTH), Node("sum", (11,), f, ROWS, COLUMNS), Node("mul", (12, 5), f, ROWS),
        Node("sub", (8, 10), f, BOTH), Node("mul", (7, 13), f, BOTH), Node("sub", (14, 15), f, BOTH),
        Node("mul", (16, 4), f, BOTH),  # 17: of x
        Node("mul", (1, 7), f, BOTH), Node("sum", (18,), f, COLUMNS, ROWS), Node("sum", (1,), f, COLUMNS, ROWS),
    ), (dense, dense, column, row, row), (Store(17, dense), Store(19, column), Store(20, column)))  # fmt: skip


@pytest.mark.parametrize("n, m", [(1, 1), (1, 40), (40, 1), (4, 3), (5, 16), (7, 37), (130, 1000), (3, 5000)])
@pytest.mark.parametrize("threads", [1, 2])
def test_softmax(n: int, m: int, threads: int) -> None:
    made, _ = agree(softmax(n, m), [rand(n, m)], [float32, float32], [n * m, n], threads)
    np.testing.assert_allclose(made.reshape(n, m).sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("n, m", [(6, 40), (300, 768)])
@pytest.mark.parametrize("threads", [1, 2])
def test_layer_norm_and_gradient(n: int, m: int, threads: int) -> None:
    x, gamma, beta, g = rand(n, m) + 3, rand(m, seed=1), rand(m, seed=2), rand(n, m, seed=3)
    _, mean, scale = agree(layer_norm(n, m), [x, gamma, beta], [float32] * 3, [n * m, n, n], threads)
    agree(layer_norm_gradient(n, m), [x, g, gamma, mean, scale], [float32] * 3, [n * m, m, m], threads)


def test_in_place() -> None:
    x = rand(70, 300)
    expected = run(softmax(70, 300), [x.copy()], [float32] * 2, [70 * 300, 70])
    here = open_engine(1)
    assert here is not None
    (function,) = here.compile([(softmax(70, 300), [float32], [float32] * 2)])
    assert function is not None
    function([x], [x, np.empty(70, np.float32)])
    np.testing.assert_array_equal(x.ravel(), expected[0])


def test_bias_and_relu() -> None:
    body = Fused((50, 33), 2, (
        Node("load", (), float32, BOTH, 0), Node("load", (), float32, COLUMNS, 1), Node("add", (0, 1), float32, BOTH),
        Node("const", (), float32, NONE, 0.0), Node("max", (2, 3), float32, BOTH), Node("gt", (4, 3), bool_, BOTH),
    ), (Access((33, 1)), Access((0, 1))), (Store(4, Access((33, 1))), Store(5, Access((33, 1)))))  # fmt: skip
    x = rand(50, 33)
    x[3, 4] = np.nan
    made, _ = agree(body, [x, rand(33, seed=1)], [float32, bool_], [50 * 33] * 2)
    assert np.isnan(made.reshape(50, 33)[3, 4])


@pytest.mark.parametrize("n, m", [(5, 7), (64, 64), (100, 300), (1000, 20)])
def test_transpose(n: int, m: int) -> None:
    body = Fused((n, m), 2, (
        Node("load", (), float32, BOTH, 0), Node("load", (), float32, BOTH, 1), Node("add", (0, 1), float32, BOTH),
    ), (Access((1, n)), Access((m, 1))), (Store(2, Access((m, 1))),))  # fmt: skip
    x, y = rand(m, n), rand(n, m, seed=1)
    (made,) = agree(body, [x, y], [float32], [n * m], 2)
    np.testing.assert_array_equal(made.reshape(n, m), x.T + y)


@pytest.mark.parametrize("axes", [{0}, {1}, {0, 1}])
@pytest.mark.parametrize("n, m", [(3, 5), (1000, 40), (20, 5000)])
def test_stored_reductions(axes: set[int], n: int, m: int) -> None:
    over = frozenset(axes)
    kept = BOTH - over
    strides = tuple((m if k == 0 and 1 in kept else 1) if k in kept else 0 for k in (0, 1))
    body = Fused((n, m), 2, (
        Node("load", (), float32, BOTH, 0), Node("square", (0,), float32, BOTH), Node("sum", (1,), float32, kept, over),
        Node("max_over", (0,), float32, kept, over), Node("gt", (0, 1), bool_, BOTH), Node("min_over", (4,), bool_, kept, over),
    ), (Access((m, 1)),), tuple(Store(k, Access(strides)) for k in (2, 3, 5)))  # fmt: skip
    room = int(np.prod([(n, m)[k] for k in kept]))
    for threads in (1, 2):
        agree(body, [rand(n, m)], [float32, float32, bool_], [room] * 3, threads)


def test_integers_and_casts() -> None:
    x = np.arange(-40, 41, dtype=np.int32)
    all_ = frozenset({0})
    line = Access((1,))
    body = Fused((81,), 1, (
        Node("load", (), int32, all_, 0), Node("const", (), int32, NONE, 7), Node("mod", (0, 1), int32, all_),
        Node("floordiv", (0, 1), int32, all_), Node("cast", (2,), int64, all_), Node("cast", (0,), float32, all_),
        Node("const", (), float32, NONE, 0.37), Node("mul", (5, 6), float32, all_), Node("cast", (7,), int32, all_),
        Node("cast", (0,), bool_, all_), Node("cast", (9,), float32, all_), Node("index", (), int64, all_, 0),
        Node("cast", (7,), uint8, all_),
    ), (line,), tuple(Store(k, line) for k in (2, 3, 4, 8, 9, 10, 11)))  # fmt: skip
    made = agree(body, [x], [int32, int32, int64, int32, bool_, float32, int64], [81] * 7)
    np.testing.assert_array_equal(made[0], x % 7)
    np.testing.assert_array_equal(made[1], x // 7)


@pytest.mark.parametrize("dtype", [float16, bfloat16])
def test_small_floats(dtype: DType) -> None:
    all_ = frozenset({0})
    body = Fused((3000,), 1, (
        Node("load", (), dtype, all_, 0), Node("exp", (0,), dtype, all_), Node("sum", (1,), dtype, NONE, all_),
    ), (Access((1,)),), (Store(1, Access((1,))), Store(2, Access((0,)))))  # fmt: skip
    agree(body, [rand(3000, dtype=dtype.np)], [dtype, dtype], [3000, 1], 2)
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-8] * 600).astype(dtype.np)
    agree(body, [special], [dtype, dtype], [3000, 1])


def test_the_same_bits_every_time() -> None:
    body = layer_norm_gradient(300, 129)
    inputs = [rand(300, 129), rand(300, 129, seed=1), rand(129), rand(300), rand(300)]
    first = run(body, inputs, [float32] * 3, [300 * 129, 129, 129], 2)
    for _ in range(5):
        again = run(body, inputs, [float32] * 3, [300 * 129, 129, 129], 2)
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_is_not_written_is_refused() -> None:
    all_ = frozenset({0})
    line = Access((1,))
    body = Fused((4,), 1, (Node("load", (), int32, all_, 0), Node("mod", (0, 0), int32, all_)), (line,), (Store(1, line),))
    here = open_engine(1)
    assert here is not None
    assert here.compile([(body, [int32], [int32])]) == [None]
    assert here.refused == {0: "mod of int32"}


@pytest.mark.parametrize("little", [0, 1 << 40], ids=["unrolled", "compact"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(drawn=bodies())
def test_random_bodies(little: int, drawn: Any) -> None:
    body, inputs, outputs, sizes, room = drawn
    arrays = [numbers(dtype, size, seed) for seed, (dtype, size) in enumerate(zip(inputs, sizes, strict=True))]
    agree(body, arrays, outputs, room, 2, little)


@pytest.mark.parametrize("staged", [False, True])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(drawn=bodies(types=(float32, float64, int32, int64)), threads=st.sampled_from([1, 2]))
def test_random_bodies_in_many_units(staged: bool, drawn: Any, threads: int) -> None:
    """As large bodies are: in many units of work, or cut into stages."""
    body, inputs, outputs, sizes, room = drawn
    arrays = [numbers(dtype, size, seed) for seed, (dtype, size) in enumerate(zip(inputs, sizes, strict=True))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_UNIT", 8)
        patch.setattr(plan, "_LEAST", 8)
        if staged:
            patch.setattr(stages, "_FEW_POINTS", 4)
        agree(body, arrays, outputs, room, threads)


def test_a_matrix_is_not_turned_where_it_is_not_cut() -> None:
    """Blocks that are turned have memory for so many elements as they are cut into."""
    n, m, f = 150, 300, float32
    nodes = (
        Node("load", (), f, NONE, 0), Node("load", (), f, BOTH, 1), Node("sum", (0,), f, NONE, BOTH - ROWS),
        Node("exp", (1,), f, BOTH), Node("add", (0, 3), f, BOTH),
    )  # fmt: skip
    body = Fused((n, m), 0, nodes, (Access((0, 0)), Access((1, n))), (Store(2, Access((0, 0))), Store(4, Access((m, 1)))))
    agree(body, [rand(1), rand(m, n)], [f, f], [1, n * m], 2)


def test_a_result_that_does_not_vary_where_units_do_is_added_up_once() -> None:
    n, m, f = 6, 20000, float32
    nodes = (
        Node("load", (), f, ROWS, 0), Node("load", (), f, BOTH, 1), Node("sum", (0,), f, NONE, ROWS),
        Node("mul", (0, 1), f, BOTH), Node("exp", (3,), f, BOTH),
    )  # fmt: skip
    loads, dense = (Access((1, 0)), Access((m, 1))), Access((m, 1))
    body = Fused((n, m), 0, nodes, loads, (Store(2, Access((0, 0))), Store(4, dense)))
    agree(body, [rand(n), rand(n, m)], [f, f], [1, n * m], 2)


@pytest.mark.parametrize("n, m", [(1, 70000), (3, 20000)])
def test_few_rows_are_shared_among_threads(n: int, m: int) -> None:
    agree(softmax(n, m), [rand(n, m)], [float32, float32], [n * m, n], 2)


@pytest.mark.parametrize("little", [0, 1 << 40], ids=["unrolled", "compact"])
@pytest.mark.parametrize("m", [100, 1500, 3000, 5000, 20000, 32000])
def test_one_row_is_never_split(m: int, little: int) -> None:
    """However long it is: its reductions are used by all of it."""
    agree(softmax(1, m), [rand(1, m)], [float32, float32], [m, 1], 2, little)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("n", "m"), [(7, 5), (39, 37), (70, 90), (150, 200), (200, 300)])
def test_a_total_that_is_used_beside_maps(n: int, m: int, turned: bool, threads: int) -> None:
    """Two axes without rows; an input may lie the other way round."""
    f, here = float32, Access((m, 1))
    nodes = (
        Node("load", (), f, BOTH, 0), Node("load", (), f, NONE, 1), Node("tanh", (0,), f, BOTH),
        Node("square", (2,), f, BOTH), Node("sum", (3,), f, NONE, BOTH), Node("add", (4, 1), f, NONE),
        Node("exp", (2,), f, BOTH),
    )  # fmt: skip
    loads = (Access((1, n)) if turned else here, Access((0, 0)))
    body = Fused((n, m), 0, nodes, loads, (Store(5, Access((0, 0))), Store(6, here)))
    agree(body, [rand(n, m), rand(1)], [f, f], [1, n * m], threads)


def batch_norm(n: int, c: int) -> Fused:
    """Rows are the channels, which lie next to each other in memory."""
    here, row = Access((1, c)), Access((1, 0))
    f = float32
    return Fused((c, n), 1, (
        Node("load", (), f, BOTH, 0), Node("load", (), f, ROWS, 1), Node("load", (), f, ROWS, 2),
        Node("const", (), f, NONE, 1 / n), Node("const", (), f, NONE, 1e-3),
        Node("sum", (0,), f, ROWS, COLUMNS), Node("mul", (5, 3), f, ROWS),
        Node("sub", (0, 6), f, BOTH), Node("square", (7,), f, BOTH), Node("sum", (8,), f, ROWS, COLUMNS),
        Node("mul", (9, 3), f, ROWS), Node("add", (10, 4), f, ROWS), Node("rsqrt", (11,), f, ROWS),
        Node("mul", (7, 12), f, BOTH), Node("mul", (13, 1), f, BOTH), Node("add", (14, 2), f, BOTH),
        Node("max_over", (15,), f, ROWS, COLUMNS),
    ), (here, row, row), (Store(15, here), Store(6, row), Store(10, row), Store(16, row), Store(12, Access((1, c)))))  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
def test_batch_norm(threads: int) -> None:
    n, c = 2000, 48
    agree(batch_norm(n, c), [rand(n, c) + 2, rand(c), rand(c, seed=1)], [float32] * 5, [n * c, c, c, c, n * c], threads)


def test_bound_to_arrays_that_nobody_else_keeps() -> None:
    import gc

    here = open_engine(2)
    assert here is not None
    for body, count in ((softmax(300, 40), 1), (batch_norm(2000, 48), 3)):
        shapes = [(300, 40)] if count == 1 else [(2000, 48), (48,), (48,)]
        room = [300 * 40, 300] if count == 1 else [2000 * 48, 48, 48, 48, 2000 * 48]
        (function,) = here.compile([(body, [float32] * count, [float32] * len(room))])
        assert function is not None
        inputs = [rand(*shape, seed=k) for k, shape in enumerate(shapes)]
        made, expected = ([np.zeros(n, np.float32) for n in room] for _ in range(2))
        function(inputs, expected)
        bound = function.bind([x.copy() for x in inputs], made)
        del function
        gc.collect()
        _ = [rand(2000, 48) for _ in range(5)]
        bound()
        for a, b in zip(made, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_thousands_of_operations() -> None:
    line, all_ = Access((1,)), frozenset({0})
    nodes = [Node("load", (), float32, all_, 0), Node("const", (), float32, NONE, 0.5)]
    for number in range(3000):
        nodes.append(Node("mul" if number % 2 else "add", (len(nodes) - 1 if number else 0, 1), float32, all_))
    doubled = [Node("load", (), float32, all_, 0)]
    for _ in range(60):  # a graph in which there are 2^60 ways to the load
        doubled.append(Node("max", (len(doubled) - 1,) * 2, float32, all_))
    for body in (nodes, doubled):
        agree(Fused((20,), 1, tuple(body), (line,), (Store(len(body) - 1, line),)), [rand(20)], [float32], [20])


@pytest.mark.parametrize("op", ["tanh", "sin", "log1p"])
def test_many_functions(op: str) -> None:
    line, all_ = Access((1,)), frozenset({0})
    nodes = [Node("load", (), float32, all_, 0)]
    nodes += [Node(op, (number,), float32, all_) for number in range(100)]
    x = np.abs(rand(37)) + 0.1
    agree(Fused((37,), 1, tuple(nodes), (line,), (Store(100, line), Store(3, line))), [x], [float32] * 2, [37, 37])


def test_equal_bodies_share_a_function() -> None:
    here = open_engine(1)
    assert here is not None
    rows = [(softmax(4, 3), [float32], [float32] * 2), (softmax(5, 3), [float32], [float32] * 2)]
    a, b, c = here.compile([rows[0], rows[1], rows[0]])
    assert a is not None and b is not None and c is not None
    assert a._pieces[0].address == c._pieces[0].address != b._pieces[0].address


def test_inputs_that_are_held() -> None:
    here = open_engine(1)
    assert here is not None
    here.little = 0
    for body, shapes, room in (
        (layer_norm(6, 40), [(6, 40), (40,), (40,)], [240, 6, 6]),
        (batch_norm(2000, 48), [(2000, 48), (48,), (48,)], [2000 * 48, 48, 48, 48, 2000 * 48]),
    ):
        inputs = [rand(*shape, seed=k) for k, shape in enumerate(shapes)]
        expected = run(body, inputs, [float32] * len(room), room)
        (function,) = here.compile([(body, [float32] * 3, [float32] * len(room))])
        assert function is not None
        function.hold({1: inputs[1].copy()})
        made = [np.zeros(n, np.float32) for n in room]
        function([inputs[0], None, inputs[2]], made)  # type: ignore[list-item]
        for a, b in zip(made, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_of_very_many_little_bodies_the_shorter_ones_are_left_to_numpy() -> None:
    here = open_engine(1)
    assert here is not None
    line, all_ = Access((1,)), frozenset({0})

    def chain(extent: int, length: int) -> Fused:
        nodes = [Node("load", (), float32, all_, 0), *[Node("neg", (k,), float32, all_) for k in range(length)]]
        return Fused((extent,), 1, tuple(nodes), (line,), (Store(length, line),))

    bodies = [chain(5 + k, 2 if k < 50 else 4) for k in range(170)]
    made = here.compile([(body, [float32], [float32]) for body in bodies])
    assert sum(function is not None for function in made) == 128
    assert all(function is not None for function in made[50:])
    assert "more than 128" in here.refused[len([f for f in made[:50] if f is not None])]
