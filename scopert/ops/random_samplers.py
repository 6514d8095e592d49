"""Samplers whose numbers depend on parameters: gamma, Poisson, categorical, shuffling.

As in `random_distributions`, the numbers are TensorFlow 1.15.5's. Gamma and Poisson give every output
256 blocks of its own and reject inside them, so that all outputs advance side by side as *lanes*.
"""

from __future__ import annotations

import math
from typing import Any

from scopert.ops.philox import Philox
from scopert.ops.random_distributions import box_muller_doubles, reserved_blocks, uniform, uniform_double

Array = Any

_KNUTH_BELOW = 10.0
_FACTORIAL_TABLE = 32


class _Lanes:
    """Independent streams, one an output, that hand out float64 numbers from pairs, the second first."""

    __slots__ = ("_philox", "_position", "_xp")

    def __init__(self, xp: Any, philox: Philox, count: int) -> None:
        self._xp, self._philox = xp, philox
        self._position = xp.arange(count, dtype=xp.uint64) * xp.uint64(reserved_blocks(1))

    def __len__(self) -> int:
        return int(self._position.shape[0])

    def blocks(self, lanes: Array) -> Array:
        """The next block of each of these lanes."""
        words = self._philox.blocks_at(self._xp, self._position[lanes])
        self._position[lanes] += self._xp.uint64(1)
        return words


class _Pairs:
    """What is left of the last pair that each lane has drawn from one distribution."""

    __slots__ = ("_lanes", "_left", "_make", "_values", "_xp")

    def __init__(self, xp: Any, lanes: _Lanes, make: Any) -> None:
        self._xp, self._lanes, self._make = xp, lanes, make
        self._values = xp.empty((len(lanes), 2), dtype=xp.float64)
        self._left = xp.zeros(len(lanes), dtype=xp.int64)

    def draw(self, lanes: Array) -> Array:
        """One number for each of these lanes."""
        empty = lanes[self._left[lanes] == 0]
        if empty.size:
            self._values[empty] = self._make(self._xp, self._lanes.blocks(empty))
            self._left[empty] = 2
        self._left[lanes] -= 1
        return self._values[lanes, self._left[lanes]]


def _uniform_pairs(xp: Any, blocks: Array) -> Array:
    return uniform_double(xp, blocks[:, 0::2], blocks[:, 1::2])


def gamma(xp: Any, philox: Philox, samples: int, alpha: Array) -> Array:
    """Float64 array `[samples, len(alpha)]` of gamma numbers of shape `alpha` and rate 1.

    Marsaglia and Tsang, "A simple method for generating gamma variables" (2000), on squeezed
    pairs of a normal and a uniform number; `alpha` of 1 is the exponential distribution.
    """
    alphas = xp.repeat(alpha.astype(xp.float64), samples)
    lanes = _Lanes(xp, philox, alphas.shape[0])
    uniforms = _Pairs(xp, lanes, _uniform_pairs)
    normals = _Pairs(xp, lanes, box_muller_doubles)
    result = xp.empty(alphas.shape[0], dtype=xp.float64)
    exponential = xp.nonzero(alphas == 1.0)[0]
    if exponential.size:
        result[exponential] = -xp.log1p(-uniforms.draw(exponential))
    d = alphas + xp.where(alphas < 1.0, 2.0 / 3, -1.0 / 3)
    c = 1.0 / 3 / xp.sqrt(d)
    # A shape that is no number, or too negative for a density, never accepts: it gives NaN at once.
    result[~(d > 0)] = xp.nan
    pending = xp.nonzero((alphas != 1.0) & (d > 0))[0]
    while pending.size:
        x = normals.draw(pending)
        v = 1 + c[pending] * x
        positive = v > 0
        trying, x, v = pending[positive], x[positive], v[positive]
        v = v * v * v
        u = uniforms.draw(trying)
        # Zero is drawn about once in 2**52 times; its logarithm, minus infinity, accepts as it must.
        log_u = xp.log(xp.where(u == 0, 1.0, u)) + xp.where(u == 0, -xp.inf, 0.0)
        squeezed = u < 1 - 0.0331 * (x * x) * (x * x)
        accepted = squeezed | (log_u < 0.5 * x * x + d[trying] * (1 - v + xp.log(v)))
        done = trying[accepted]
        value = d[done] * v[accepted]
        small = alphas[done] < 1.0
        if bool(small.any()):
            boosted = done[small]
            value[small] *= xp.power(uniforms.draw(boosted), 1 / alphas[boosted])
        result[done] = value
        unfinished = xp.ones(alphas.shape[0], dtype=bool)
        unfinished[done] = False
        pending = pending[unfinished[pending]]
    return result.reshape(alpha.shape[0], samples).T


def poisson(xp: Any, philox: Philox, samples: int, rate: Array) -> Array:
    """Float64 array `[samples, len(rate)]` of Poisson counts.

    Knuth's product of uniform numbers below a rate of 10, from there Hormann's transformed rejection ("The
    transformed rejection method for generating Poisson random variables", 1993).
    """
    rates = xp.repeat(rate.astype(xp.float64), samples)
    uniforms = _Pairs(xp, _Lanes(xp, philox, rates.shape[0]), _uniform_pairs)
    result = xp.empty(rates.shape[0], dtype=xp.float64)
    _poisson_by_products(xp, uniforms, rates, xp.nonzero(rates < _KNUTH_BELOW)[0], result)
    large = xp.isfinite(rates) & (rates >= _KNUTH_BELOW)
    _poisson_by_rejection(xp, uniforms, rates, xp.nonzero(large)[0], result)
    # A rate that is not finite would be rejected for ever.
    result[~(large | (rates < _KNUTH_BELOW))] = xp.nan
    return result.reshape(rate.shape[0], samples).T


def _poisson_by_products(xp: Any, uniforms: _Pairs, rates: Array, pending: Array, result: Array) -> None:
    limit, product, count = xp.exp(-rates), xp.ones_like(rates), 0
    while pending.size:
        product[pending] *= uniforms.draw(pending)
        accepted = product[pending] <= limit[pending]
        result[pending[accepted]] = count
        pending = pending[~accepted]
        count += 1


def _poisson_by_rejection(xp: Any, uniforms: _Pairs, rates: Array, pending: Array, result: Array) -> None:
    while pending.size:
        rate = rates[pending]
        b = 0.931 + 2.53 * xp.sqrt(rate)
        a = -0.059 + 0.02483 * b
        inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
        u = uniforms.draw(pending) - 0.5
        v = uniforms.draw(pending)
        shifted = 0.5 - xp.abs(u)
        k = xp.floor((2 * a / shifted + b) * u + rate + 0.43)
        quick = (shifted >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
        hopeless = (k < 0) | ((shifted < 0.013) & (v > shifted))
        whole = xp.where(hopeless & ~quick, 0.0, k)
        bound = xp.log(v * inverse_alpha / (a / (shifted * shifted) + b))
        density = -rate + whole * xp.log(rate) - _log_factorial(xp, whole)
        accepted = quick | (~hopeless & (bound <= density))
        result[pending[accepted]] = k[accepted]
        pending = pending[~accepted]


def _log_factorial(xp: Any, k: Array) -> Array:
    """`log(k!)` of whole float64 numbers: a table, then Stirling's series."""
    table = xp.asarray([math.lgamma(i + 1.0) for i in range(_FACTORIAL_TABLE)])
    z = xp.maximum(k, _FACTORIAL_TABLE - 1.0) + 1.0
    inverse = 1.0 / z
    square = inverse * inverse
    series = inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260)))
    stirling = (z - 0.5) * xp.log(z) - z + 0.5 * math.log(2 * math.pi) + series
    return xp.where(k < _FACTORIAL_TABLE, table[xp.clip(k, 0, _FACTORIAL_TABLE - 1).astype(xp.int64)], stirling)


def categorical(xp: Any, philox: Philox, samples: int, logits: Array) -> Array:
    """Int64 array `[rows, samples]` of classes drawn by unnormalised log-probabilities `[rows, classes]`.

    A class with a logit that is not finite is never drawn. TensorFlow cuts many rows into as many stretches
    as it has threads and starts each at a position that overlaps its neighbour's; here, as there with one
    thread, the rows take their numbers one after another.
    """
    finite = xp.isfinite(logits)
    wide = xp.where(finite, logits, logits.dtype.type(0)).astype(xp.float64)
    largest = xp.where(finite, wide, -xp.inf).max(axis=1, keepdims=True)
    weights = xp.where(finite, xp.exp(wide - xp.where(xp.isfinite(largest), largest, 0.0)), 0.0)
    cumulative = xp.cumsum(weights, axis=1)
    rows = logits.shape[0]
    targets = uniform(xp, philox, rows * samples, xp.float64).reshape(rows, samples) * cumulative[:, -1:]
    result = xp.empty((rows, samples), dtype=xp.int64)
    for row in range(rows):
        result[row] = xp.searchsorted(cumulative[row], targets[row], side="right")
    return result


def categorical_blocks(rows: int, samples: int) -> int:
    """How far one run of `categorical` moves the counter."""
    return reserved_blocks(rows * (-(-samples // 4) * 4) * 2)


def permutation(xp: Any, philox: Philox, size: int) -> list[int]:
    """A shuffled `range(size)`: each place in turn swaps with one of itself and those behind it."""
    order = list(range(size))
    words = philox.blocks(xp, permutation_blocks(size)).reshape(-1)
    remaining = xp.arange(size, 1, -1, dtype=xp.uint32)
    steps = (words[: size - 1] % remaining).tolist()
    for place, step in enumerate(steps):
        other = place + step
        order[place], order[other] = order[other], order[place]
    return order


def permutation_blocks(size: int) -> int:
    """How far one shuffle of `size` rows moves the counter: one word a swap."""
    return (size - 1 + 3) // 4
