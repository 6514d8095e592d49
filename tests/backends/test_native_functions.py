"""Accuracy and special values of the machine code's mathematical functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from scopert.graph.dtypes import DType, float32, float64
from scopert.program.expression import Access, Fused, Node, Store

pytest.importorskip("llvmlite")

from scopert_numpy.native import open_engine

_LD: Any = np.longdouble
_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


EXACT = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "tanh": np.tanh, "sigmoid": _sigmoid,
    "softplus": _softplus, "erf": _erf, "sin": np.sin, "cos": np.cos, "tan": np.tan, "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x), "reciprocal": lambda x: 1 / x,
}  # fmt: skip
ULPS = {"rsqrt": 1.6, "reciprocal": 0.51, "sqrt": 0.51}
ONLY_FLOAT32 = ("sin", "cos", "tan", "erf")
FLAT = frozenset({0})


def compute(op: str, dtype: DType, *arguments: np.ndarray) -> np.ndarray:
    """A primitive on flat arrays, by machine code."""
    n = len(arguments[0])
    loads = tuple(Node("load", (), dtype, FLAT, k) for k in range(len(arguments)))
    node = Node(op, tuple(range(len(arguments))), dtype, FLAT)
    body = Fused((n,), 1, (*loads, node), (Access((1,)),) * len(arguments), (Store(len(arguments), Access((1,))),))
    here = open_engine(1)
    assert here is not None
    (function,) = here.compile([(body, [dtype] * len(arguments), [dtype])])
    assert function is not None, here.refused
    out = np.empty(n, dtype.np)
    function(list(arguments), [out])
    return out


def sample(dtype: DType, each: int) -> np.ndarray:
    """Numbers of every exponent and both signs, denormal ones and the special values among them."""
    random = np.random.default_rng(1)
    if dtype is float32:
        bits = (np.arange(512, dtype=np.uint32)[:, None] << 23) | random.integers(0, 2**23, (512, each), np.uint32)
        edges = np.arange(512, dtype=np.uint32) << 23
        x = np.concatenate([bits.ravel(), edges, edges + np.uint32(1), edges - np.uint32(1)]).view(np.float32)
    else:
        high = np.arange(4096, dtype=np.uint64)[:, None] << np.uint64(52)
        x = (high | random.integers(0, 2**52, (4096, each), np.uint64)).ravel().view(np.float64)
    near = random.uniform(-100, 100, 200_000), random.standard_normal(200_000), random.uniform(-1, 1, 100_000) ** 9
    special = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 88.73, 89.0, -87.4, -103.9, -104.1, 709.9, -745.2]
    return np.concatenate([x, *(a.astype(dtype.np) for a in near), np.array(special, dtype.np)])


def errors(made: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Distances in units in the last place; infinite where special values differ."""
    kind = made.dtype.type
    rounded = exact.astype(kind)
    same = (made == rounded) & ((np.signbit(made) == np.signbit(rounded)) | (rounded != 0)) | (np.isnan(made) & np.isnan(rounded))
    spacing = np.abs(np.spacing(np.minimum(np.abs(rounded), np.finfo(kind).max))).astype(_LD)
    finite = np.isfinite(made) & np.isfinite(rounded)
    # One past the largest number counts as infinite by the rounding of the last step alone.
    edge = (np.abs(exact) > _LD(np.finfo(kind).max)) ^ np.isinf(made)
    distance = np.abs(np.where(finite, made, 0).astype(_LD) - np.where(finite, exact, 0)) / spacing
    bad = ~same & ~finite & ~(edge & (np.abs(exact) < _LD(np.finfo(kind).max) * (1 + 4e-7)) & (np.abs(exact) > _LD(np.finfo(kind).max) * (1 - 4e-7)))
    distance = np.where(same, np.where(finite, distance, 0), distance)
    return np.where(bad, np.inf, distance)


def check(op: str, dtype: DType, x: np.ndarray, most: float) -> None:
    made = compute(op, dtype, x)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64 if dtype is float32 else _LD)
        exact = np.asarray(EXACT[op](wide))
        bits = f"u{made.itemsize}"
        (other,) = np.nonzero(made.view(bits) != exact.astype(made.dtype).view(bits))  # most are rounded correctly
        if not other.size:
            return
        x, made, exact = x[other], made[other], exact[other]
        wrong = errors(made, exact.astype(_LD))
    worst = int(np.argmax(wrong))
    assert wrong[worst] <= most, f"{op}({x[worst]!r}) = {made[worst]!r}, exactly {exact[worst]!r}: {wrong[worst]} ulp"


@pytest.mark.parametrize("op", EXACT)
def test_float32(op: str) -> None:
    check(op, float32, sample(float32, 600), ULPS.get(op, 2.0))


@pytest.mark.parametrize("op", [op for op in EXACT if op not in ONLY_FLOAT32])
def test_float64(op: str) -> None:
    check(op, float64, sample(float64, 60), ULPS.get(op, 3.0))


@pytest.mark.exhaustive
@pytest.mark.parametrize("op", [op for op in EXACT if op != "erf"])  # whose reference is a Python loop
def test_every_float32(op: str) -> None:
    for start in range(0, 2**32, 2**22):
        x = np.arange(start, start + 2**22, dtype=np.uint64).astype(np.uint32).view(np.float32)
        check(op, float32, x, ULPS.get(op, 2.0))


def _pairs() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    special = np.array([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 1e30, -1e30, 1e-40, math.inf, -math.inf, math.nan, 2.5, -7.0, 16777215.0], np.float32)
    x, y = (a.ravel() for a in np.meshgrid(special, special))
    more = sample(float32, 100)
    other = random.permutation(more)
    modest = random.uniform(0, 20, 100_000).astype(np.float32), random.uniform(-20, 20, 100_000).astype(np.float32)
    return np.concatenate([x, more, modest[0]]), np.concatenate([y, other, modest[1]])


@pytest.mark.parametrize("op, exact", [("pow", np.power), ("atan2", np.arctan2)])
def test_float32_of_two(op: str, exact: Any) -> None:
    x, y = _pairs()
    made = compute(op, float32, x, y)
    with np.errstate(all="ignore"):
        true = exact(x.astype(_LD), y.astype(_LD))
        wrong = errors(made, true)
    worst = int(np.argmax(wrong))
    assert wrong[worst] <= 1.0, f"{op}({x[worst]!r}, {y[worst]!r}) = {made[worst]!r}, exactly {true[worst]!r}"


@pytest.mark.parametrize("op", ["max", "min"])
def test_larger_and_smaller_keep_not_a_number(op: str) -> None:
    x, y = _pairs()
    np.testing.assert_array_equal(compute(op, float32, x, y), (np.maximum if op == "max" else np.minimum)(x, y))
