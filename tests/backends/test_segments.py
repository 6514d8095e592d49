"""Scatters of rows: to the bit what ``ufunc.at`` does."""

import numpy as np
import pytest
from scopert_numpy import segments
from scopert_numpy.segments import update_rows

from scopert.errors import InvalidArgumentError

RNG = np.random.default_rng(3)
PLACES = {
    "once each": RNG.permutation(500)[:300],
    "some twice": RNG.integers(0, 500, 300),
    "few rows": RNG.integers(0, 3, 300),
    "one row": np.full(300, 7),
    "a few with many": np.minimum(RNG.zipf(1.3, 300), 499),
    "increasing": np.sort(RNG.integers(0, 100, 300)),
    "one update": np.array([4]),
    "none": np.array([], int),
}


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("row", [(), (1,), (2,), (5, 3)], ids=str)
@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.true_divide, np.minimum, np.maximum])
def test_bits(ufunc, row, places):
    for dtype in (np.float32, np.float64):
        start = RNG.normal(size=(500, *row)).astype(dtype)
        values = RNG.normal(size=(places.size, *row)).astype(dtype)
        expected, made = start.copy(), start.copy()
        ufunc.at(expected, places, values)
        update_rows(ufunc, made, places.astype(np.int32), values)
        assert made.tobytes() == expected.tobytes()


def test_scalar_updates_and_integers():
    start = np.arange(1000, dtype=np.int32).reshape(100, 10)
    places = RNG.integers(0, 100, (20, 5))
    expected, made = start.copy(), start.copy()
    np.add.at(expected, places, np.int32(3))
    update_rows(np.add, made, places, np.int32(3))
    assert np.array_equal(made, expected)


def test_small_integers_do_not_widen():
    start = np.full((4, 8), 100, np.int8)
    places = np.zeros(200, int)
    values = np.ones((200, 8), np.int8)
    expected, made = start.copy(), start.copy()
    np.add.at(expected, places, values)
    update_rows(np.add, made, places, values)
    assert np.array_equal(made, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("low", [0, -2])
def test_unsorted_segments_fill_given_memory(dtype, low):
    """To the bit; negative segments are dropped, and what is too large is an error."""
    rng = np.random.default_rng(5)
    data = rng.integers(1, 5, size=(40, 3, 30)).astype(dtype)
    for ids in (rng.integers(low, 7, 40).astype(np.int32), rng.integers(low, 7, (40, 3)), np.zeros((0,), np.int32)):
        part = data[:0] if not ids.size else data
        for op in ("UnsortedSegmentSum", "UnsortedSegmentProd"):
            plain, into = [k.function for k in segments.SEGMENTS if k.op == op]
            expected = plain(np, part, ids, np.int32(7))
            out = np.full_like(expected, 9)
            assert into(np, part, ids, np.int32(7), out=out) is out
            assert out.tobytes() == expected.tobytes()
            if ids.size:
                with pytest.raises(InvalidArgumentError, match="out of range"):
                    into(np, part, ids + 9, np.int32(7), out=out)
