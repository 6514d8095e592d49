"""Rules as NumPy calls over blocks: random rules give what they give as they stand, with and without BLAS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scopert_numpy import block_rules
from scopert_numpy.block_rules import BlockRule
from scopert_numpy.tracing import Untraceable

from scopert.ops import training_rules

_STATES, _OTHERS = 3, 4
_FULL = (True, False, True, False)
# What is done, to which, with what, and a number.
STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "sub", "scaled", "less", "mean", "mul", "set", "root", "largest"]),
              st.integers(0, _STATES - 1), st.integers(0, 9), st.integers(0, 9)),
    min_size=1, max_size=7,
)  # fmt: skip


def _rule(steps: Any) -> Any:
    def rule(xp: Any, a: Any, b: Any, c: Any, grad: Any, rate: Any, more: Any, decay: Any) -> None:
        states, arrays = [a, b, c], [grad, more]
        for what, target, left, right in steps:
            x, s = states[target], (rate, decay, rate * decay, 1 - decay)[right % 4]
            values = [*states, *arrays, grad * s, more - grad, x * more, x + a, xp.abs(x)]
            y = values[left % len(values)]
            if what == "add":
                x += y
            elif what == "sub":
                x -= y * s
            elif what == "scaled":
                x *= s
                x += y
            elif what == "less":
                x -= (y * s) / (xp.abs(values[right % len(values)]) + 1)
            elif what == "mean":
                x += (y - x) * s
            elif what == "mul":
                x *= y
            elif what == "set":
                x[...] = y * s
            elif what == "root":
                x -= y / (xp.sqrt(x * x) + 1)
            else:
                x[...] = xp.maximum(x, y)

    return rule


def _inputs(seed: int) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(-1, 1, 257) for _ in range(_STATES + 2)]
    return arrays[:_STATES], [arrays[_STATES], np.float64(0.3), arrays[_STATES + 1], np.float64(0.6)]


@pytest.mark.parametrize("blas", [True, False])
@settings(max_examples=200, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 5))
def test_random_rules(blas: bool, steps: Any, seed: int) -> None:
    states, others = _inputs(seed)
    rule = _rule(steps)
    expected = [x.copy() for x in states]
    rule(np, *expected, *[np.array(x) if isinstance(x, np.ndarray) else x for x in others])
    with pytest.MonkeyPatch.context() as patch:
        if not blas:
            patch.setattr(block_rules, "_axpby", lambda _: None)
        try:
            made = BlockRule(rule, _STATES, _FULL, np.float64, {})
        except Untraceable:
            return
        arrays = [*states, others[0], others[2]]
        kept = [others[0].copy(), others[2].copy()]
        made.prepared([others[1], others[3]])(arrays)
    for got, want in zip(states, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
    for before, after in zip(kept, (others[0], others[2]), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.skipif(block_rules._axpby("f") is None, reason="NumPy's BLAS is no OpenBLAS")
def test_adam_is_seven_calls() -> None:
    made = BlockRule(training_rules.adam, 3, (False,) * 6 + (True,), np.float32, {"use_nesterov": False})
    assert len(made._quick.calls) == 7 and made._quick.scratch == 1


def test_a_rate_of_zero_does_not_hide_what_is_not_finite() -> None:
    made = BlockRule(training_rules.gradient_descent, 1, (False, True), np.float32, {})
    var, delta = np.ones(4, np.float32), np.array([1, np.nan, np.inf, 0], np.float32)
    with np.errstate(all="ignore"):
        made.prepared([np.float32(0)])([var, delta])
    assert np.isnan(var).tolist() == [False, True, True, False]
