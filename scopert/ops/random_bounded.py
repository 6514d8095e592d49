"""Normal numbers between bounds that come with each row: the sampler of `ParameterizedTruncatedNormal`.

Robert, "Simulation of truncated normal variables" (1995): three rejection samplers, of which the bounds
choose one. The numbers are TensorFlow 1.15.5's as computed by one thread; with several it
gives stretches of rows streams of their own, at places that depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.ops.float_math import log_float32
from scopert.ops.philox import Philox
from scopert.ops.random_distributions import normal, uniform

Array = Any
_Proposal = Callable[[Philox, int], tuple[Array, Array]]

ITERATIONS = 1000
"""Rejections in a row after which a sampler gives up."""
ROW = 100
"""Outputs of a row where all rows have the same parameters."""
_NORMAL_PROPOSALS_FROM = 1.3
"""Standard deviations that must lie inside the bounds for proposals from the normal distribution."""


class RejectedError(ArithmeticError):
    """A sampler refused `ITERATIONS` proposals in a row."""


def reserved_row_blocks(rows: int, row: int) -> int:
    """How far one run moves the counter."""
    return rows * 2 * ITERATIONS * (row + 3) // 4


def bounded_normal(
    xp: Any, philox: Philox, counts: list[int], parameters: list[tuple[Any, Any, Any, Any]], dtype: Any
) -> Array:
    """`counts[i]` numbers of row `i` with `parameters[i]`, a mean, deviation, lower and upper bound.

    All arithmetic is in `dtype`, as are the parameters. Raises `ValueError` for bounds or deviations that
    make no distribution and `RejectedError` if a sampler gives up.
    """
    dtype = xp.dtype(dtype)
    pieces = [xp.empty(0, dtype=dtype)]
    for count, row in zip(counts, parameters, strict=True):
        values, blocks = _row(xp, philox, count, row, dtype)
        pieces.append(values)
        philox = philox.skipped(blocks)
    return xp.concatenate(pieces)


def _row(xp: Any, philox: Philox, count: int, parameters: tuple[Any, Any, Any, Any], dtype: Any) -> tuple[Array, int]:
    mean, deviation, low, high = parameters
    one = dtype.type
    if not (deviation > 0 and low < high and bool(xp.isfinite(low) | xp.isfinite(high))):
        raise ValueError("Invalid parameters")
    if (bool(xp.isinf(low)) and low < 0) or high < mean:
        # Mirrored, so that the bound which matters is the lower one.
        low, high, deviation = high, low, -deviation
    lower, upper = (low - mean) / deviation, (high - mean) / deviation
    root = xp.sqrt(lower * lower + one(4))
    with_exponential = one(2) * xp.exp(one(0.5) + (lower * (lower - root)) / one(4)) / (lower + root)
    width = upper - lower
    inside = one(_NORMAL_PROPOSALS_FROM)
    per_block = 2 if dtype == xp.float64 else 4
    if (lower < -inside and upper >= 0) or (upper > inside and lower <= 0):

        def propose(at: Philox, blocks: int) -> tuple[Array, Array]:
            candidates = normal(xp, at, blocks * per_block, dtype)
            return candidates, (candidates >= lower) & (candidates <= upper)

        step, each = 1, per_block
    elif width < with_exponential:
        offset = one(0) if lower < 0 else lower * lower

        def propose(at: Philox, blocks: int) -> tuple[Array, Array]:
            shares = uniform(xp, at, blocks * per_block, dtype).reshape(-1, 2, per_block)
            candidates = shares[:, 0] * width + lower
            density = xp.exp((offset - candidates * candidates) / one(2))
            return candidates.reshape(-1), (shares[:, 1] <= density).reshape(-1)

        step, each = 2, per_block
    else:
        alpha = (lower + xp.sqrt(lower * lower + one(4))) / one(2)

        def propose(at: Philox, blocks: int) -> tuple[Array, Array]:
            shares = uniform(xp, at, blocks * per_block, dtype).reshape(-1, 2)
            candidates = -_log(xp, shares[:, 0], dtype) / alpha + lower
            distance = alpha - candidates if lower < alpha else xp.full_like(candidates, lower - alpha)
            density = xp.exp(-distance * distance / one(2))
            return candidates, (shares[:, 1] <= density) & (candidates < upper)

        step, each = 1, per_block // 2
    values, blocks = _first_accepted(xp, philox, count, propose, step, each)
    return (values * deviation + mean).astype(dtype, copy=False), blocks


def _first_accepted(xp: Any, philox: Philox, count: int, propose: _Proposal, step: int, each: int) -> tuple[Array, int]:
    """The first `count` accepted candidates, and the blocks used: `step` blocks give `each` candidates."""
    found: list[Array] = []
    missing, steps, refused = count, 0, 0
    while missing > 0:
        ahead = -(-missing * 2 // each) + 4
        candidates, accepted = propose(philox.skipped(steps * step), ahead * step)
        places = xp.nonzero(accepted)[0][:missing]
        gaps = xp.diff(xp.concatenate([xp.asarray([-1 - refused]), places]))
        if gaps.size and int(gaps.max()) > ITERATIONS:
            raise RejectedError
        if places.size == 0:
            refused += candidates.shape[0]
            if refused > ITERATIONS:
                raise RejectedError
        else:
            refused = candidates.shape[0] - 1 - int(places[-1])
        found.append(candidates[places])
        missing -= int(places.size)
        steps += int(places[-1]) // each + 1 if missing == 0 else ahead
    return (xp.concatenate(found) if found else xp.empty(0)), steps * step


def _log(xp: Any, x: Array, dtype: Any) -> Array:
    positive = xp.where(x > 0, x, dtype.type(1))
    if dtype == xp.float64:
        logarithm = xp.log(positive)
    else:
        logarithm = log_float32(xp, positive.astype(xp.float32)).astype(dtype, copy=False)
    return xp.where(x > 0, logarithm, dtype.type(-xp.inf))
