"""How a gamma sample moves with its shape parameter.

A sample x of the shape a solves P(a, x) = u with the lower regularised incomplete gamma function P,
so that dx/da = -(dP/da) / p(x) with the density p (Figurnov, Mohamed, Mnih, "Implicit reparameterization
gradients", 2018). P and its derivative come from the series below and the continued fraction above
x = a, both differentiated term by term (Abramowitz and Stegun, 6.5.29 and 6.5.31).
"""

from __future__ import annotations

from typing import Any

Array = Any

_ITERATIONS = 2000
_TOLERANCE = 2.0**-53
_TOO_LARGE = 2.0**52
_DIGAMMA_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)


def sample_derivative(xp: Any, alpha: Array, sample: Array) -> Array:
    """dx/da for float64 arrays of one shape; NaN where `alpha` is not positive, 0 where `sample` is 0."""
    valid = (alpha > 0) & (sample > 0)
    a, x = xp.where(valid, alpha, 1.0), xp.where(valid, sample, 0.5)
    upper = (x > 1) & (x > a)
    result = xp.where(
        upper,
        _from_fraction(xp, xp.where(upper, a, 1.0), xp.where(upper, x, 2.0)),
        _from_series(xp, xp.where(upper, 1.0, a), xp.where(upper, 0.5, x)),
    )
    return xp.where(valid, result, xp.where((alpha > 0) & (sample == 0), 0.0, xp.nan))


def _from_series(xp: Any, a: Array, x: Array) -> Array:
    """P = x**a exp(-x) / gamma(a + 1) * sum of x**n / ((a + 1) ... (a + n))."""
    total, term = xp.ones_like(x), xp.ones_like(x)
    total_da, term_da = xp.zeros_like(x), xp.zeros_like(x)
    r = a
    for _ in range(_ITERATIONS):
        r = r + 1
        factor = x / r
        term_da = factor * term_da - factor / r * term
        term = factor * term
        total, total_da = total + term, total_da + term_da
        if bool((xp.abs(term_da) <= _TOLERANCE * xp.abs(total_da)).all()):
            break
    return -(total_da + total * (xp.log(x) - digamma(xp, a + 1))) * x / a


def _from_fraction(xp: Any, a: Array, x: Array) -> Array:
    """1 - P = x**a exp(-x) / gamma(a) times a continued fraction, by its convergents p / q."""
    y, z = 1 - a, x - a + 2
    p_before, q_before, p, q = xp.ones_like(x), x, x + 1, z * x
    p_before_da, q_before_da = xp.zeros_like(x), xp.zeros_like(x)
    p_da, q_da = xp.zeros_like(x), -x
    ratio = p / q
    ratio_da = (p_da - ratio * q_da) / q
    for n in range(1, _ITERATIONS):
        y, z = y + 1, z + 2
        yn = y * n
        p_next = p * z - p_before * yn
        q_next = q * z - q_before * yn
        p_next_da = p_da * z - p - p_before_da * yn + p_before * n
        q_next_da = q_da * z - q - q_before_da * yn + q_before * n
        p_before, q_before, p_before_da, q_before_da = p, q, p_da, q_da
        p, q, p_da, q_da = p_next, q_next, p_next_da, q_next_da
        last = ratio_da
        safe = xp.where(q == 0, 1.0, q)
        ratio = xp.where(q == 0, ratio, p / safe)
        ratio_da = xp.where(q == 0, ratio_da, (p_da - ratio * q_da) / safe)
        if bool((xp.abs(ratio_da - last) <= _TOLERANCE * xp.abs(ratio_da)).all()):
            break
        scale = xp.where(xp.abs(p) > _TOO_LARGE, 1 / _TOO_LARGE, 1.0)
        p, q, p_da, q_da = p * scale, q * scale, p_da * scale, q_da * scale
        p_before, q_before = p_before * scale, q_before * scale
        p_before_da, q_before_da = p_before_da * scale, q_before_da * scale
    return (ratio_da + ratio * (xp.log(x) - digamma(xp, a))) * x


def digamma(xp: Any, x: Array) -> Array:
    """Logarithmic derivative of the gamma function of positive numbers: recurrence to 10, then its series."""
    shift = xp.zeros_like(x)
    for _ in range(10):
        small = x < 10
        shift = xp.where(small, shift - 1 / x, shift)
        x = xp.where(small, x + 1, x)
    square = 1 / (x * x)
    series = xp.zeros_like(x)
    for coefficient in reversed(_DIGAMMA_SERIES):
        series = (series + coefficient) * square
    return shift + xp.log(x) - 0.5 / x - series
