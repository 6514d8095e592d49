"""Gathers and updates of rows in machine code: to the bit what NumPy's own do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scopert_numpy.native import unavailable

import scopert as tf

if unavailable() is not None:
    pytest.skip(unavailable(), allow_module_level=True)

from scopert_numpy.native import rows

UFUNCS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "min": np.minimum, "max": np.maximum}
TYPES = [np.float32, np.float64, np.int32, np.int64]


def _array(rng, shape, dtype):
    if np.dtype(dtype).kind == "i":
        return rng.integers(-50, 50, shape).astype(dtype)
    made = rng.normal(size=shape).astype(dtype)
    made[rng.random(shape) < 0.05] = np.nan
    return made


@settings(max_examples=60, deadline=None)
@given(
    op=st.sampled_from(sorted(UFUNCS)), dtype=st.sampled_from(TYPES), length=st.integers(1, 60), width=st.integers(1, 70),
    count=st.one_of(st.integers(0, 80), st.just(5000)), wide=st.booleans(), seed=st.integers(0, 1 << 30),
)  # fmt: skip
def test_scatter(op, dtype, length, width, count, wide, seed):
    rng = np.random.default_rng(seed)
    target = _array(rng, (length, width), dtype)
    places = rng.integers(0, length, count).astype(np.int64 if wide else np.int32)
    values = _array(rng, (count, width), dtype)
    expected = target.copy()
    if op == "div" and np.dtype(dtype).kind == "i":
        assert not rows.scatter(op, target, places, values)
        return
    with np.errstate(all="ignore"):
        UFUNCS[op].at(expected, places, values)
    assert rows.scatter(op, target, places, values)
    np.testing.assert_array_equal(target, expected)


def test_the_last_of_several_stays():
    target = np.zeros((10, 40), np.float32)
    places = np.array([3, 7, 3], np.int32)
    assert rows.scatter("set", target, places, np.arange(120, dtype=np.float32).reshape(3, 40))
    assert target[3, 0] == 80 and target[7, 0] == 40 and target[0, 0] == 0


def test_places_outside_are_left_out():
    target = np.zeros((4, 8), np.float32)
    assert rows.scatter("add", target, np.array([-1, 4, 1]), np.ones((3, 8), np.float32))
    assert target.sum() == 8


@settings(max_examples=60, deadline=None)
@given(
    dtype=st.sampled_from([np.float32, np.float64, np.int8, np.int64, np.float16, np.bool_]),
    shape=st.lists(st.integers(1, 30), min_size=1, max_size=3), axis=st.integers(0, 2), count=st.integers(1, 50),
    wide=st.booleans(), seed=st.integers(0, 1 << 30),
)  # fmt: skip
def test_gather(dtype, shape, axis, count, wide, seed):
    rng = np.random.default_rng(seed)
    axis %= len(shape)
    source = rng.integers(0, 2, shape).astype(dtype)
    places = rng.integers(0, shape[axis], (count, 2)).astype(np.int64 if wide else np.int32)
    expected = source.take(places, axis)
    out = np.empty_like(expected)
    assert rows.gather(source, places, axis, out)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("place", [-1, 5, 1 << 30])
def test_gather_refuses_places_outside(place):
    source, out = np.zeros((5, 8), np.float32), np.zeros((2, 8), np.float32)
    with pytest.raises(IndexError, match="not in"):
        rows.gather(source, np.array([0, place], np.int32), 0, out)


def test_large_work_is_shared():
    rng = np.random.default_rng(1)
    target = rng.normal(size=(3000, 64)).astype(np.float32)
    places = np.minimum(rng.zipf(1.2, 20000), 2999).astype(np.int32)
    values = rng.normal(size=(20000, 64)).astype(np.float32)
    expected = target.copy()
    np.add.at(expected, places, values)
    assert rows.scatter("add", target, places, values)
    assert target.tobytes() == expected.tobytes()


def test_a_session_names_the_operation_of_a_wrong_index():
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.get_variable("table", [50, 16], initializer=tf.ones_initializer())
        ids = tf.placeholder(tf.int32, [40])
        found = tf.reduce_sum(tf.nn.embedding_lookup(table, ids, name="look"))
        session.run(tf.global_variables_initializer())
        assert session.run(found, {ids: np.zeros(40)}) == 640
        with pytest.raises(tf.errors.InvalidArgumentError, match="look"):
            session.run(found, {ids: np.full(40, 50)})


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 3000), low=st.integers(-(1 << 31), (1 << 31) - 1), spread=st.sampled_from([1, 7, 1000, 1 << 20]),
    wide=st.booleans(), seed=st.integers(0, 1 << 30),
)  # fmt: skip
def test_distinct(count, low, spread, wide, seed):
    from scopert_numpy.native.distinct import distinct

    x = np.random.default_rng(seed).integers(low, low + spread, count).clip(-(1 << 31), (1 << 31) - 1)
    x = x.astype(np.int64 if wide else np.int32)
    values, index = distinct(x)
    assert list(dict.fromkeys(x.tolist())) == values.tolist() and values.dtype == x.dtype
    np.testing.assert_array_equal(values[index], x)


def test_unique_in_a_session():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.int64, [None])
        found = session.run(tf.unique_with_counts(x), {x: [5, -3] * 40 + [9, 5]})
        assert found.y.tolist() == [5, -3, 9] and found.count.tolist() == [41, 40, 1]
        assert found.idx.dtype == np.int32 and found.idx.tolist()[-3:] == [1, 2, 0]
        assert session.run(tf.unique(x).y, {x: []}).tolist() == []


RULES = {
    "Adagrad": (lambda: tf.train.AdagradOptimizer(0.1)), "Momentum": (lambda: tf.train.MomentumOptimizer(0.1, 0.9)),
    "Nesterov": (lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)),
    "RMSProp": (lambda: tf.train.RMSPropOptimizer(0.1)), "Centered": (lambda: tf.train.RMSPropOptimizer(0.1, centered=True)),
    "Ftrl": (lambda: tf.train.FtrlOptimizer(0.1)), "Adadelta": (lambda: tf.train.AdadeltaOptimizer(0.1)),
    "ProximalAdagrad": (lambda: tf.train.ProximalAdagradOptimizer(0.1, l1_regularization_strength=0.01)),
    "Adam": (lambda: tf.train.AdamOptimizer(0.1)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("resource", [False, True])
def test_sparse_updates(rule, dtype, resource, monkeypatch):
    found = []
    for native in ("0", "1"):
        monkeypatch.setenv("SCOPERT_NATIVE", native)
        with tf.Graph().as_default(), tf.Session() as session:
            rng = np.random.RandomState(0)
            table = tf.get_variable("t", dtype=dtype, initializer=rng.normal(size=(90, 21)).astype(dtype.as_numpy_dtype),
                                    use_resource=resource)  # fmt: skip
            ids = tf.placeholder(tf.int32, [64])
            loss = tf.reduce_sum(tf.square(tf.nn.embedding_lookup(table, ids)))
            train = RULES[rule]().minimize(loss)
            session.run(tf.global_variables_initializer())
            for step in range(3):
                session.run(train, {ids: rng.randint(0, 90, 64) // (step + 1)})
            found.append(session.run(tf.global_variables()))
    for plain, native in zip(*found, strict=True):
        np.testing.assert_allclose(native, plain, rtol=2e-5, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 200), width=st.integers(1, 40), count=st.one_of(st.integers(0, 100), st.just(6000)),
    seed=st.integers(0, 1 << 30),
)  # fmt: skip
def test_rows_that_occur_more_often_are_updated_as_often(rows, width, count, seed):
    from scopert_numpy.optimizers import apply_rows

    from scopert.ops.training_rules import momentum

    rng = np.random.default_rng(seed)
    var, accum = rng.normal(size=(2, rows, width))
    grad, indices = rng.normal(size=(count, width)), rng.integers(0, rows, count)
    expected = [var.copy(), accum.copy()]
    for place, change in zip(indices, grad, strict=True):
        momentum(np, expected[0][place], expected[1][place], 0.01, change, 0.5, use_nesterov=False)
    assert apply_rows(momentum, np, [var, accum], indices, [0.01, grad, 0.5], {"use_nesterov": False})
    np.testing.assert_allclose(var, expected[0], rtol=1e-12)
    np.testing.assert_allclose(accum, expected[1], rtol=1e-12)
