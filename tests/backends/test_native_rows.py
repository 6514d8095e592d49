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
