import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopert.graph import dtypes, shape
from scopert.graph.shape import Dimension, TensorShape

SIZES = st.one_of(st.none(), st.integers(0, 4))
SHAPES = st.one_of(st.none(), st.lists(SIZES, max_size=4).map(tuple))
KNOWN = st.lists(st.integers(0, 3), max_size=4).map(tuple)


def fits(known, partial):
    return partial is None or (
        len(known) == len(partial) and all(p in (None, k) for k, p in zip(known, partial))
    )


def forget(known, mask):
    return tuple(None if hidden else size for size, hidden in zip(known, mask))


MASKS = st.lists(st.booleans(), min_size=4, max_size=4)


@given(KNOWN, MASKS, MASKS)
def test_merging_two_views_of_a_shape_keeps_what_either_knows(known, a, b):
    one, other = forget(known, a), forget(known, b)
    merged = shape.merge(one, other)
    assert shape.is_compatible(one, other)
    assert fits(known, merged)
    assert all(m is not None for m, hidden_a, hidden_b in zip(merged, a, b) if not (hidden_a and hidden_b))
    assert shape.merge(None, one) == shape.merge(one, None) == one


@given(KNOWN, KNOWN, MASKS, MASKS)
def test_broadcasting_partial_shapes_is_never_wrong(a, b, hide_a, hide_b):
    try:
        result = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(ValueError, match="Incompatible shapes for broadcasting"):
            shape.broadcast(a, b)
        return
    assert shape.broadcast(a, b) == result
    assert fits(result, shape.broadcast(forget(a, hide_a), forget(b, hide_b)))
    assert shape.broadcast(a, None) is None


@given(SHAPES, SHAPES)
def test_contradicting_shapes_do_not_merge(a, b):
    if shape.is_compatible(a, b):
        assert shape.is_compatible(shape.merge(a, b), a)
    else:
        with pytest.raises(ValueError, match="are not compatible"):
            shape.merge(a, b)
        with pytest.raises(ValueError, match="are incompatible"):
            TensorShape(a).assert_is_compatible_with(b)


@given(SHAPES)
def test_the_public_class_wraps_the_tuple(sizes):
    wrapped = TensorShape(sizes)
    assert shape.as_tuple(wrapped) == sizes
    assert shape.as_tuple(pickle.loads(pickle.dumps(wrapped))) == sizes
    assert str(wrapped) == shape.text(sizes)
    assert wrapped.num_elements() == shape.num_elements(sizes)
    assert wrapped.is_fully_defined() is shape.is_known(sizes)
    assert bool(wrapped) is (sizes is not None)
    assert wrapped.rank == wrapped.ndims == (None if sizes is None else len(sizes))
    if sizes is not None:
        assert [d.value for d in wrapped] == wrapped.as_list() == list(sizes)
        assert wrapped.concatenate([5]).as_list() == [*sizes, 5]
        assert wrapped.__radd__([5]).as_list() == [5, *sizes]
        assert wrapped[1:].as_list() == list(sizes[1:])
        assert wrapped.most_specific_compatible_shape(sizes).as_list() == list(sizes)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (3, (3,)),
        ([2, None], (2, None)),
        ((np.int64(2), Dimension(None), 4.0), (2, None, 4)),
        (np.array([2, 3]), (2, 3)),
        (range(2), (0, 1)),
        (["3"], (3,)),
        (Dimension(2), (2,)),
        (SimpleNamespace(unknown_rank=True, dim=[]), None),
        (SimpleNamespace(unknown_rank=False, dim=[SimpleNamespace(size=-1)]), (None,)),
    ],
)
def test_what_stands_for_a_shape(value, expected):
    assert shape.as_tuple(value) == expected
    assert TensorShape(value)._sizes == expected


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("ab", TypeError, "A string has ambiguous TensorShape"),
        ([-1], ValueError, "Dimension -1 must be >= 0"),
        ([2.5], ValueError, "Ambiguous dimension: 2.5"),
        (dtypes.int32, TypeError, "Cannot convert <dtype: 'int32'> to Dimension"),
        ([dtypes.int32], TypeError, "Cannot convert <dtype: 'int32'> to Dimension"),
    ],
)
def test_what_does_not(value, kind, text):
    with pytest.raises(kind, match=text):
        shape.as_tuple(value)
    with pytest.raises(kind, match=text):
        TensorShape(value)


def test_texts():
    texts = [shape.text(s) for s in (None, (), (None,), (2, None))]
    assert texts == ["<unknown>", "()", "(?,)", "(2, ?)"]
    assert [shape.brackets(s) for s in (None, (), (2, None))] == ["?", "[]", "[2,?]"]
    assert repr(TensorShape([2, None])) == "TensorShape([Dimension(2), Dimension(None)])"
    assert repr(TensorShape(None)) == "TensorShape(None)"


def test_an_unknown_size_equals_only_itself():
    partial = TensorShape([None, 2])
    assert partial == partial
    assert partial == partial[:]
    assert partial == TensorShape(partial)
    assert (partial == TensorShape([None, 2])) is False
    assert TensorShape([1, 2]) == [1, 2]
    assert TensorShape([1, 2]) != (1, 3)
    assert TensorShape([1]) != [1, 1]
    assert TensorShape(None) == None  # noqa: E711
    assert (TensorShape([1]) == dtypes.int32) is False
    assert TensorShape([1]) != dtypes.int32
    with pytest.raises(ValueError, match="inequality of unknown"):
        _ = TensorShape(None) != TensorShape(None)


def test_unknown_rank():
    unknown = TensorShape(None)
    assert repr(unknown[3]) == "Dimension(None)"
    assert unknown[1:3].as_list() == [None, None]
    assert unknown[1:]._sizes is unknown[-2:]._sizes is unknown[:-1]._sizes is None
    assert unknown.with_rank(2).as_list() == [None, None]
    assert unknown.concatenate([1])._sizes is None
    for call in (lambda: len(unknown), lambda: iter(unknown), unknown.as_list, lambda: unknown[::2]):
        with pytest.raises(ValueError):
            call()


def test_assertions_about_rank():
    known = TensorShape([2, None])
    assert known.with_rank(2) is known.with_rank_at_least(1) is known.with_rank_at_most(2) is known
    for call, text in (
        (lambda: known.with_rank(3), r"Shape \(2, \?\) must have rank 3"),
        (lambda: known.with_rank_at_least(3), "must have rank at least 3"),
        (lambda: known.with_rank_at_most(1), "must have rank at most 1"),
        (lambda: known.assert_same_rank([1]), r"Shapes \(2, \?\) and \(1,\) must have the same rank"),
        (known.assert_is_fully_defined, "is not fully defined"),
    ):
        with pytest.raises(ValueError, match=text):
            call()


def test_version_two_gives_numbers():
    shape.enable_v2_tensorshape()
    try:
        known = TensorShape([2, None])
        assert (list(known), known[0], TensorShape(None)[0]) == ([2, None], 2, None)
        assert (str(known), repr(known)) == ("(2, None)", "TensorShape([2, None])")
    finally:
        shape.disable_v2_tensorshape()
    assert isinstance(known[0], Dimension)


def test_dimension_at_index_and_value():
    assert shape.dimension_at_index(TensorShape([2, 3]), 1).value == 3
    assert shape.dimension_at_index(TensorShape(None), 1).value is None
    assert [shape.dimension_value(d) for d in (Dimension(2), 3, None)] == [2, 3, None]
