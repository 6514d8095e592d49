"""Optimizer steps in one pass: as the rules over whole arrays, for every rule, size and type."""

import inspect

import numpy as np
import pytest
from scopert_numpy import native, optimizers

from scopert.ops import training_rules

RULES = [rule for name, rule in vars(training_rules).items() if inspect.isfunction(rule) and name[0] != "_"]
STATES = {"var", "accum", "m", "v", "vhat", "total", "squares", "accum_update", "linear", "ms", "mom", "mg"}
FULL = {"grad", "delta"}
# They look at numbers, or use functions that cannot be traced.
NOT_TRACED = {"adagrad_da", "proximal_gradient_descent", "proximal_adagrad", "ftrl", "ftrl_v2"}
NUMBERS = {"lr_power": -0.5, "momentum": 0.9, "epsilon": 0.5, "global_step": 3}


def _inputs(rule, size, dtype):
    rng = np.random.default_rng(size)
    states, others, flags = [], [], []
    for name, parameter in list(inspect.signature(rule).parameters.items())[1:]:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            flags.append(name)
        elif name in STATES and name != "momentum":
            states.append((0.5 + rng.random(size) / 4).astype(dtype))
        elif name in FULL:
            others.append(rng.normal(size=size).astype(dtype) / 10)
        else:
            others.append(np.int64(3) if name == "global_step" else dtype(NUMBERS.get(name, 0.3)))
    return states, others, flags


@pytest.mark.parametrize("machine_code", [True, False])
@pytest.mark.parametrize("size", [0, 1, 17, 1003, 200_001])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rules(rule, size, machine_code, monkeypatch):
    if machine_code and native.unavailable():
        pytest.skip(native.unavailable())
    if not machine_code:
        monkeypatch.setattr(optimizers, "compiled", lambda *_: None)
    for dtype in (np.float32, np.float64):
        states, others, flags = _inputs(rule, size, dtype)
        for value in (False, True) if flags else (None,):
            given = dict.fromkeys(flags, value)
            kept = [np.array(item) for item in others]
            expected, made = [x.copy() for x in states], [x.copy() for x in states]
            rule(np, *expected, *others, **given)
            optimizers.apply(rule, np, made, others, given)
            for got, want in zip(made, expected, strict=True):
                # Machine code multiplies and adds in one rounding.
                error = 1e-5 if dtype is np.float32 else 1e-13
                np.testing.assert_allclose(got, want, rtol=error, atol=error)
            for before, after in zip(kept, others, strict=True):
                assert np.array_equal(before, after)


@pytest.mark.skipif(native.unavailable() is not None, reason="no machine code")
def test_which_rules_are_compiled():
    for rule in RULES:
        states, others, flags = _inputs(rule, 8, np.float32)
        full = tuple(isinstance(item, np.ndarray) for item in others)
        made = optimizers.compiled(rule, len(states), full, np.dtype(np.float32), dict.fromkeys(flags, True))
        assert (made is None) == (rule.__name__ in NOT_TRACED), rule.__name__


def test_other_layouts_and_types():
    var, grad = np.ones((6, 8), np.float32).T, np.ones((8, 6), np.float32)
    optimizers.apply(training_rules.gradient_descent, np, [var], [np.float32(0.5), grad], {})
    assert np.array_equal(var, np.full((8, 6), 0.5))
    small = np.ones(4, np.float16)
    optimizers.apply(training_rules.gradient_descent, np, [small], [np.float16(0.5), np.ones(4, np.float16)], {})
    assert np.array_equal(small, np.full(4, 0.5, np.float16))
