import operator
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopert.graph.dimension import Dimension, as_dimension

OPERATORS = [operator.add, operator.mul, operator.floordiv, operator.mod, operator.sub]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(OPERATORS))
def test_arithmetic_is_that_of_integers(a, b, function):
    expected = function(a, b)
    for x, y in ((Dimension(a), Dimension(b)), (Dimension(a), b), (a, Dimension(b))):
        if expected < 0:
            with pytest.raises(ValueError, match="must be >= 0"):
                function(x, y)
        else:
            assert function(x, y).value == expected


@given(st.integers(0, 9), st.integers(0, 9), st.sampled_from(COMPARISONS))
def test_comparisons_are_those_of_integers(a, b, function):
    assert function(Dimension(a), Dimension(b)) is function(a, b)
    assert function(Dimension(a), b) is function(a, b)
    assert function(a, Dimension(b)) is function(a, b)


@pytest.mark.parametrize("function", OPERATORS)
def test_arithmetic_with_an_unknown_is_unknown(function):
    for x, y in ((Dimension(None), 1), (1, Dimension(None)), (Dimension(2), None)):
        assert function(x, y).value is None


@pytest.mark.parametrize("function", COMPARISONS)
def test_comparison_with_an_unknown_is_none(function):
    assert function(Dimension(None), Dimension(None)) is None
    assert function(Dimension(1), Dimension(None)) is None


def test_other_types_are_left_to_them():
    for function in OPERATORS:
        with pytest.raises(TypeError):
            function(Dimension(1), object())
    assert (Dimension(1) == "x") is False


def test_division_asks_for_the_other_operator():
    for call in (lambda: Dimension(4) / 2, lambda: 4 / Dimension(2), lambda: Dimension(4) / Dimension(2)):
        with pytest.raises(TypeError, match="please use // instead"):
            call()


def test_as_a_number():
    assert (int(Dimension(3)), list(range(Dimension(2))), str(Dimension(3))) == (3, [0, 1], "3")
    assert (str(Dimension(None)), repr(Dimension(None))) == ("?", "Dimension(None)")
    with pytest.raises(TypeError):
        int(Dimension(None))
    with pytest.raises(TypeError):
        hash(Dimension(3))
    assert pickle.loads(pickle.dumps(Dimension(3))).value == 3


def test_merging():
    assert Dimension(None).merge_with(3).value == Dimension(3).merge_with(None).value == 3
    assert Dimension(3).is_compatible_with(Dimension(None))
    with pytest.raises(ValueError, match="Dimensions 3 and 4 are not compatible"):
        Dimension(3).merge_with(4)
    three = Dimension(3)
    assert as_dimension(three) is three
