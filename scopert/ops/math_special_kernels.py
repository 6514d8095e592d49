"""Special functions over any array namespace, accurate to about 1e-15 in float64.

Everything is computed in float64, whatever the type of the arguments; smaller types round at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from scopert.ops.math_special_tables import ERF, ERFCX, I0E_LARGE, I0E_SMALL, I1E_LARGE, I1E_SMALL, LGAMMA

Array = Any
State = tuple[Array, ...]

_EPSILON = 2.0**-53
_ITERATIONS = 2000
# Bernoulli numbers B2, B4, ...
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
    854513 / 138, -236364091 / 2730,
)  # fmt: skip


def _chebyshev(xp: Any, coefficients: Sequence[float], t: Array) -> Array:
    """The sum of ``c[k] T_k(t)``, by Clenshaw's recurrence."""
    twice = t + t
    ahead, behind = xp.zeros_like(t), xp.zeros_like(t)
    for c in coefficients[:0:-1]:
        ahead, behind = twice * ahead - behind + c, ahead
    return t * ahead - behind + coefficients[0]


# How many terms give a relative error below that of float32.
_SHORT_ERF = 8
_SHORT_ERFCX = 13


def erf(xp: Any, x: Array, single: bool = False) -> Array:
    """``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to `x`; `single`: as float32 needs it."""
    size = xp.abs(x)
    inner = xp.minimum(size, 1.0)
    near = x * _chebyshev(xp, ERF[:_SHORT_ERF] if single else ERF, 2 * inner * inner - 1)
    far = xp.copysign(1 - _erfc_of_positive(xp, xp.maximum(size, 1.0), single), x)
    return xp.where(xp.isnan(x), x, xp.where(size <= 1, near, far))


def erfc(xp: Any, x: Array, single: bool = False) -> Array:
    """``1 - erf(x)``, exact in the tail too."""
    size = xp.abs(x)
    tail = _erfc_of_positive(xp, size, single)
    inner = xp.minimum(size, 1.0)
    near = 1 - x * _chebyshev(xp, ERF[:_SHORT_ERF] if single else ERF, 2 * inner * inner - 1)
    return xp.where(xp.isnan(x), x, xp.where(size < 0.5, near, xp.where(x < 0, 2 - tail, tail)))


def _erfc_of_positive(xp: Any, x: Array, single: bool) -> Array:
    x = xp.minimum(x, 30.0)  # where it is 0
    terms = ERFCX[:_SHORT_ERFCX] if single else ERFCX
    scaled = _chebyshev(xp, terms, (x - 3.75) / (x + 3.75)) / (1 + 2 * x)
    if single:
        return scaled * xp.exp(-x * x)
    head = xp.floor(x * 64) / 64  # head * head is exact
    return scaled * xp.exp(-head * head) * xp.exp((head - x) * (head + x))


def _stirling(xp: Any, x: Array) -> Array:
    inverse = 1 / x
    square = inverse * inverse
    series = xp.zeros_like(x)
    for k in range(8, 0, -1):
        series = series * square + _BERNOULLI[k - 1] / (2 * k * (2 * k - 1))
    return (x - 0.5) * xp.log(x) - x + 0.5 * math.log(2 * math.pi) + series * inverse


def lgamma(xp: Any, x: Array) -> Array:
    """The logarithm of the size of the gamma function; infinite at its poles."""
    reflected = x < 0.5
    y = xp.where(reflected, 1 - x, x)
    # Between 1 and 3 a series about its zeros; from 0.5 and up to 8 by the recurrence; then Stirling's.
    low, product = xp.where(y < 8, y, 2.0), xp.ones_like(y)
    for _ in range(6):
        above = low > 3
        low = xp.where(above, low - 1, low)
        product = xp.where(above, product * low, product)
    below = low < 1
    factor = xp.where(below, 1 / xp.where(below, low, 1.0), product)
    low = xp.where(below, low + 1, low)
    small = (low - 1) * (low - 2) * _chebyshev(xp, LGAMMA, low - 2) + xp.log(factor)
    value = xp.where(y < 8, small, _stirling(xp, xp.maximum(y, 8.0)))
    sine = xp.abs(xp.sin(math.pi * (x - 2 * xp.round(x / 2))))
    pole = reflected & (x == xp.floor(x))
    value = xp.where(reflected, math.log(math.pi) - xp.log(xp.where(pole, 1.0, sine)) - value, value)
    value = xp.where(pole | xp.isinf(x), xp.inf, value)
    return xp.where(xp.isnan(x), x, value)


def digamma(xp: Any, x: Array) -> Array:
    """The logarithmic derivative of the gamma function; infinite at its poles."""
    pole = (x <= 0) & (x == xp.floor(x))
    reflected = x < 0
    y = xp.where(reflected, 1 - x, xp.where(pole, 1.0, x))
    shift = xp.zeros_like(y)
    for _ in range(10):
        below = y < 10
        shift = xp.where(below, shift + 1 / y, shift)
        y = xp.where(below, y + 1, y)
    square = 1 / (y * y)
    series = xp.zeros_like(y)
    for k in range(7, 0, -1):
        series = (series + _BERNOULLI[k - 1] / (2 * k)) * square
    value = xp.log(y) - 0.5 / y - series - shift
    turn = x - xp.round(x)
    value = xp.where(reflected, value - math.pi / xp.tan(math.pi * xp.where(pole, 0.25, turn)), value)
    return xp.where(pole, xp.inf, value)


def zeta(xp: Any, x: Array, q: Array) -> Array:
    """The sum of ``(k + q)**-x`` over k = 0, 1, ... by Euler and Maclaurin, as in Cephes.

    Infinite for ``x = 1`` and at the poles ``q = 0, -1, ...``; NaN for ``x < 1`` and where a negative
    number would have a broken power.
    """
    x, q = xp.broadcast_arrays(x, q)
    pole = (q <= 0) & (q == xp.floor(q))
    broken = (x < 1) | ((q <= 0) & (x != xp.floor(x)))
    usable = ~pole & ~broken & (x != 1) & ~xp.isnan(x) & ~xp.isnan(q)
    s, a = xp.where(usable, x, 2.0), xp.where(usable, q, 1.0)
    total = xp.zeros_like(a)
    for k in range(_ITERATIONS):
        more = (k < 10) | (a < 10)
        if not bool(xp.any(more)):
            break
        total = xp.where(more, total + xp.power(a, -s), total)
        a = xp.where(more, a + 1, a)
    power = xp.power(a, -s)
    total = total + power * a / (s - 1) + 0.5 * power
    rising, factorial = s, 2.0
    term = power / a
    for k, b in enumerate(_BERNOULLI, 1):
        total = total + b / factorial * rising * term
        rising = rising * (s + 2 * k - 1) * (s + 2 * k)
        factorial *= (2 * k + 1) * (2 * k + 2)
        term = term / (a * a)
    value = xp.where(usable, total, xp.nan)
    return xp.where((x == 1) | (pole & (x > 1)), xp.inf, value)


def polygamma(xp: Any, n: Array, x: Array) -> Array:
    """The derivative of order `n` (a whole number) of `digamma`; NaN for other `n`."""
    n, x = xp.broadcast_arrays(n, x)
    whole = (n == xp.floor(n)) & (n >= 0)
    order = xp.where(whole, n, 1.0)
    sign = xp.where(xp.mod(order, 2) == 0, -1.0, 1.0)
    higher = sign * xp.exp(lgamma(xp, order + 1)) * zeta(xp, order + 1, x)
    return xp.where(whole, xp.where(order == 0, digamma(xp, x), higher), xp.nan)


def _log_density(xp: Any, a: Array, x: Array) -> Array:
    """``a log(x) - x - lgamma(a)``."""
    return a * xp.log(x) - x - lgamma(xp, a)


def _iterate(xp: Any, start: Callable[..., State], step: Callable[..., tuple[State, Array]], *inputs: Array) -> Array:
    """Runs an iteration until every element has converged; those that have leave it now and then.

    ``start(*inputs)`` gives the state, the value first; ``step(k, state, *inputs)`` the next one and the
    size of the change relative to the value.
    """
    shape = inputs[0].shape
    columns = tuple(xp.ravel(x) for x in inputs)
    result = xp.empty(columns[0].shape, xp.float64)
    where = xp.arange(columns[0].size)
    state = start(*columns)
    for k in range(1, _ITERATIONS):
        state, change = step(k, state, *columns)
        if k % 8:
            continue
        going = change > _EPSILON  # false for NaN
        count = int(going.sum())
        if not count:
            break
        if 2 * count < where.size:
            result[where] = state[0]
            where = where[going]
            columns = tuple(x[going] for x in columns)
            state = tuple(part[going] for part in state)
    result[where] = state[0]
    return result.reshape(shape)


def _igamma_series(xp: Any, a: Array, x: Array) -> Array:
    def start(a: Array, x: Array) -> State:
        return xp.ones_like(x), xp.ones_like(x), a

    def step(k: int, state: State, a: Array, x: Array) -> tuple[State, Array]:
        total, term, r = state
        r = r + 1
        term = term * (x / r)
        total = total + term
        return (total, term, r), term / total

    return _iterate(xp, start, step, a, x) * xp.exp(_log_density(xp, a, x)) / a


_TINY = 1e-300


def _away_from_zero(xp: Any, v: Array) -> Array:
    return xp.where(xp.abs(v) < _TINY, _TINY, v)


def _igammac_fraction(xp: Any, a: Array, x: Array) -> Array:
    """Lentz's method for the continued fraction of Abramowitz and Stegun, 6.5.31."""

    def start(a: Array, x: Array) -> State:
        b = x + 1 - a
        d = 1 / _away_from_zero(xp, b)
        return d, b, xp.full_like(x, 1 / _TINY), d

    def step(k: int, state: State, a: Array, x: Array) -> tuple[State, Array]:
        value, b, c, d = state
        factor = -k * (k - a)
        b = b + 2
        d = 1 / _away_from_zero(xp, factor * d + b)
        c = _away_from_zero(xp, b + factor / c)
        ratio = d * c
        return (value * ratio, b, c, d), xp.abs(ratio - 1)

    return _iterate(xp, start, step, a, x) * xp.exp(_log_density(xp, a, x))


def _igamma_pair(xp: Any, a: Array, x: Array) -> tuple[Array, Array]:
    a, x = xp.broadcast_arrays(a, x)
    usable = (a > 0) & (x > 0) & xp.isfinite(a) & xp.isfinite(x)
    upper = usable & (x > 1) & (x > a)
    series = _igamma_series(xp, xp.where(usable & ~upper, a, 1.0), xp.where(usable & ~upper, x, 0.5))
    fraction = _igammac_fraction(xp, xp.where(upper, a, 1.0), xp.where(upper, x, 2.0))
    low = xp.where(upper, 1 - fraction, series)
    high = xp.where(upper, fraction, 1 - series)
    # Limits; of a = 0 and x = 0 TensorFlow gives 0 below and nothing above.
    nothing_below = (a > 0) & ((x == 0) | (xp.isinf(a) & (x > 0) & xp.isfinite(x)))
    all_below = (a > 0) & xp.isfinite(a) & xp.isinf(x) & (x > 0)
    low = xp.where(usable, low, xp.where(nothing_below | (x == 0), 0.0, xp.where(all_below, 1.0, xp.nan)))
    high = xp.where(usable, high, xp.where(nothing_below, 1.0, xp.where(all_below, 0.0, xp.nan)))
    return low, high


def igamma(xp: Any, a: Array, x: Array) -> Array:
    """The lower regularised incomplete gamma function; NaN unless ``a > 0`` and ``x >= 0``."""
    return _igamma_pair(xp, a, x)[0]


def igammac(xp: Any, a: Array, x: Array) -> Array:
    """The upper regularised incomplete gamma function, ``1 - igamma(a, x)``."""
    return _igamma_pair(xp, a, x)[1]


def betainc(xp: Any, a: Array, b: Array, x: Array) -> Array:
    """The regularised incomplete beta function, by its continued fraction (Numerical methods: Lentz).

    NaN unless ``a > 0``, ``b > 0`` and ``0 <= x <= 1``.
    """
    a, b, x = xp.broadcast_arrays(a, b, x)
    usable = (a > 0) & (b > 0) & (x > 0) & (x < 1)
    a1, b1, x1 = xp.where(usable, a, 1.0), xp.where(usable, b, 1.0), xp.where(usable, x, 0.5)
    swapped = x1 > (a1 + 1) / (a1 + b1 + 2)
    p, q = xp.where(swapped, b1, a1), xp.where(swapped, a1, b1)
    y = xp.where(swapped, 1 - x1, x1)
    front = lgamma(xp, p + q) - lgamma(xp, p) - lgamma(xp, q) + p * xp.log(y) + q * xp.log1p(-y)
    value = xp.exp(front) * _beta_fraction(xp, p, q, y) / p
    value = xp.where(swapped, 1 - value, value)
    valid = (a > 0) & (b > 0)
    edge = xp.where(valid & (x == 0), 0.0, xp.where(valid & (x == 1), 1.0, xp.nan))
    return xp.where(usable, value, edge)


def _beta_fraction(xp: Any, a: Array, b: Array, x: Array) -> Array:
    def start(a: Array, b: Array, x: Array) -> State:
        d = 1 / _away_from_zero(xp, 1 - (a + b) * x / (a + 1))
        return d, xp.ones_like(x), d

    def step(m: int, state: State, a: Array, b: Array, x: Array) -> tuple[State, Array]:
        value, c, d = state
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _away_from_zero(xp, 1 + even * d)
        c = _away_from_zero(xp, 1 + even / c)
        value = value * d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _away_from_zero(xp, 1 + odd * d)
        c = _away_from_zero(xp, 1 + odd / c)
        ratio = d * c
        return (value * ratio, c, d), xp.abs(ratio - 1)

    return _iterate(xp, start, step, a, b, x)


def bessel_i0e(xp: Any, x: Array) -> Array:
    """``exp(-abs(x)) I0(x)``."""
    size = xp.abs(x)
    large = xp.maximum(size, 8.0)
    near = _chebyshev(xp, I0E_SMALL, xp.minimum(size, 8.0) / 4 - 1)
    far = _chebyshev(xp, I0E_LARGE, 16 / large - 1) / xp.sqrt(large)
    return xp.where(size <= 8, near, far)


def bessel_i1e(xp: Any, x: Array) -> Array:
    """``exp(-abs(x)) I1(x)``."""
    size = xp.abs(x)
    large = xp.maximum(size, 8.0)
    near = x * _chebyshev(xp, I1E_SMALL, xp.minimum(size, 8.0) / 4 - 1)
    far = xp.copysign(_chebyshev(xp, I1E_LARGE, 16 / large - 1) / xp.sqrt(large), x)
    return xp.where(size <= 8, near, far)
