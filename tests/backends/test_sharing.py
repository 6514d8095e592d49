"""Calls are shared by threads where that is faster at present."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scopert_numpy.sharing import Choice


def run(choice: Choice, calls: int, time_of: Callable[[int, bool], int]) -> list[bool]:
    """How calls ran, of which call `n` takes ``time_of(n, together)``."""
    ways = []
    for number in range(calls):
        ways.append(choice.together())
        choice.took(ways[-1], time_of(number, ways[-1]))
    return ways


@pytest.mark.parametrize(("alone", "together"), [(100, 55), (100, 89), (100, 95), (100, 100), (100, 300)])
def test_the_faster_way_is_found(alone, together):
    ways = run(Choice(), 500, lambda _, shared: together if shared else alone)
    assert ways[:5].count(True) == 3  # both ways are tried, besides the first call
    expected = together < 90
    assert ways[5:].count(expected) > 0.9 * len(ways[5:])
    assert ways[5:].count(not expected)  # the other one is tried again


@pytest.mark.parametrize("slow", [0, 1, 2, 3, 4])
def test_one_slow_call_at_first_decides_nothing(slow):
    ways = run(Choice(), 60, lambda number, shared: 5000 if number == slow else 55 if shared else 100)
    assert all(ways[5:])


def test_it_follows_the_machine():
    choice = Choice()
    assert all(run(choice, 40, lambda _, shared: 55 if shared else 100)[5:])
    busy = run(choice, 300, lambda _, shared: 400 if shared else 100)
    assert not any(busy[200:205]) and busy[200:].count(False) > 85
    quiet = run(choice, 300, lambda _, shared: 55 if shared else 100)
    assert quiet[150:].count(True) > 140
