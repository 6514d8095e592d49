"""Fits the polynomials of `functions`, and writes `coefficients.py`: ``python fit.py > coefficients.py``.

Each row of `FITS` is a smooth function on a symmetric or one-sided interval, approximated by a polynomial whose
weighted error is the smallest possible (Remez' exchange), computed in the x87's 64-bit mantissas. Coefficients are
then rounded to the type one after the other, the lowest first, the rest fitted again: rounding errors of the
coefficients that matter most are absorbed by the others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

L: Any = np.longdouble
LN2 = np.log(L(2))


def erf(x: Any) -> Any:
    """The series with positive terms, in extended precision."""
    total = term = x.copy()
    for n in range(1, 160):
        term = term * 2 * x * x / (2 * n + 1)
        total = total + term
    return total * 2 / np.sqrt(L("3.14159265358979323846264338327950288")) * np.exp(-x * x)


def near_zero(function: Callable[[Any], Any], series: Callable[[Any], Any], below: float) -> Callable[[Any], Any]:
    """`function`, with `series` where the former cancels."""
    return lambda x: np.where(np.abs(x) < below, series(x), function(np.where(np.abs(x) < below, L(1), x)))


def exp_tail(x: Any) -> Any:
    """(exp(x) - 1 - x) / x^2, by its series."""
    total = term = np.full_like(x, L(1) / 2)
    for n in range(3, 40):
        term = term * x / n
        total = total + term
    return total


def log_tail(x: Any) -> Any:
    """(log(1 + x) - x + x^2 / 2) / x^3."""
    def series(x: Any) -> Any:
        return sum((-x) ** n / (n + 3) for n in range(60))

    return near_zero(lambda x: (np.log1p(x) - x + x * x / 2) / x**3, series, 0.3)(x)


def atanh_tail(z: Any) -> Any:
    """(2 atanh(s) - 2 s) / s^3 as a function of z = s^2."""
    return sum(2 * z**n / (2 * n + 3) for n in range(60))


def odd_series(first: int, signs: int) -> Callable[[Any], Any]:
    """The rest of the series of sine (first = 3) or cosine (first = 4) after x or 1 - x^2 / 2, over x^first."""

    def tail(z: Any) -> Any:
        term = np.full_like(z, L(signs))
        for n in range(2, first + 1):
            term = term / n
        total = term
        for n in range(first + 2, 60, 2):
            term = -term * z / ((n - 1) * n)
            total = total + term
        return total

    return tail


def tanh_tail(z: Any) -> Any:
    """(tanh(x) - x) / x^3 as a function of z = x^2; near zero by Newton's method on the differential equation."""
    coefficients = [L(1)]  # of tanh: t' = 1 - t^2
    for n in range(1, 60):
        square = sum(coefficients[i] * coefficients[n - 1 - i] for i in range(n))
        coefficients.append(-square / (2 * n + 1))
    series = sum(c * z**n for n, c in enumerate(coefficients[1:]))
    x = np.sqrt(np.maximum(z, L(1e-3)))
    return np.where(z < 0.3, series, (np.tanh(x) - x) / x**3)


def atan_tail(z: Any) -> Any:
    """(atan(x) - x) / x^3 as a function of z = x^2."""
    series = sum((-1) ** (n + 1) * np.minimum(z, L(0.1)) ** n / L(2 * n + 3) for n in range(40))
    x = np.sqrt(np.maximum(z, L(1e-3)))
    return np.where(z < 0.1, series, (np.arctan(x) - x) / x**3)


def erf_ratio(z: Any) -> Any:
    """erf(x) / x - 1 as a function of z = x^2."""
    total = np.zeros_like(z)
    term = np.full_like(z, 2 / np.sqrt(L("3.14159265358979323846264338327950288")))
    for n in range(60):
        total = total + term / (2 * n + 1)
        term = -term * z / (n + 1)
    return total - 1


def log_erfc(x: Any) -> Any:
    """log(1 - erf(x)) / x."""
    return np.log(1 - erf(x)) / x


@dataclass(frozen=True)
class Fit:
    """One polynomial: its name, the function, the interval, the degree, the type, and the weight of the error."""

    name: str
    function: Callable[[Any], Any]
    low: float
    high: float
    degree: int
    kind: Any
    weight: Callable[[Any], Any] = np.ones_like


HALF_LN2 = float(LN2 / 2) * 1.0001
QUARTER_PI = float(np.pi / 4) * 1.0001
S = (2**0.5 - 1) / (2**0.5 + 1) * 1.0001
F32, F64 = np.float32, np.float64
FITS = (
    Fit("EXP_F32", exp_tail, -HALF_LN2, HALF_LN2, 4, F32, lambda x: x * x + L(1e-6)),
    Fit("EXP_F64", exp_tail, -HALF_LN2, HALF_LN2, 10, F64, lambda x: x * x + L(1e-6)),
    Fit("LOG_F32", log_tail, 0.5**0.5 - 1.0001, 2**0.5 - 0.9999, 8, F32, lambda x: x * x + L(1e-4)),
    Fit("LOG_F64", atanh_tail, 0.0, S * S, 6, F64, lambda z: z + L(1e-6)),
    Fit("SIN_F64", odd_series(3, -1), 0.0, QUARTER_PI**2, 4, F64, lambda z: z + L(1e-4)),
    Fit("COS_F64", odd_series(4, 1), 0.0, QUARTER_PI**2, 4, F64, lambda z: z * z + L(1e-4)),
    Fit("TANH_F32", tanh_tail, 0.0, 0.625**2, 4, F32, lambda z: z + L(1e-4)),
    Fit("TANH_F64", tanh_tail, 0.0, 0.625**2, 11, F64, lambda z: z + L(1e-5)),
    Fit("ATAN_F64", atan_tail, 0.0, 1.0, 14, F64, lambda z: z + L(1e-3)),
    Fit("ERF_F32", erf_ratio, 0.0, 1.0, 6, F32),
    Fit("ERFC_F32", log_erfc, 0.95, 4.0, 8, F32, lambda x: x * (1 - erf(x)) / erf(x) + L(1e-9)),
)


def solve(matrix: Any, right: Any) -> Any:
    """Gauss' elimination in extended precision, which NumPy's solver does not know."""
    a = np.concatenate([matrix, right[:, None]], axis=1).astype(L)
    n = len(right)
    for column in range(n):
        pivot = column + int(np.argmax(np.abs(a[column:, column])))
        a[[column, pivot]] = a[[pivot, column]]
        a[column] /= a[column, column]
        for row in range(n):
            if row != column:
                a[row] -= a[row, column] * a[column]
    return a[:, n]


def remez(function: Callable[[Any], Any], fit: Fit, degrees: list[int]) -> tuple[Any, float]:
    """The best coefficients of the given powers, and the largest weighted error."""
    count = len(degrees)
    middle, half = L(fit.low + fit.high) / 2, L(fit.high - fit.low) / 2
    grid = middle + half * np.cos(np.pi * np.arange(4001, dtype=L) / 4000)[::-1]
    target, weight = function(grid), fit.weight(grid)
    powers = np.stack([grid**d for d in degrees], 1)
    places = np.round(np.linspace(0, 4000, count + 1)).astype(int)
    best, smallest = np.zeros(count, L), np.inf
    for _ in range(60):
        signs = np.array([(-1) ** k for k in range(count + 1)], L) / weight[places]
        found = solve(np.concatenate([powers[places], signs[:, None]], 1), target[places])[:count]
        error = (powers @ found - target) * weight
        largest = float(np.max(np.abs(error)))
        if largest < smallest:
            best, smallest = found, largest
        chosen: list[int] = []
        size = np.abs(error)
        for place in (0, *np.flatnonzero((np.diff(size[:-1]) > 0) & (np.diff(size[1:]) <= 0)) + 1, 4000):
            if chosen and (error[place] > 0) == (error[chosen[-1]] > 0):
                if abs(error[place]) > abs(error[chosen[-1]]):
                    chosen[-1] = int(place)
            else:
                chosen.append(int(place))
        while len(chosen) > count + 1:
            del chosen[0 if abs(error[chosen[0]]) < abs(error[chosen[-1]]) else -1]
        if len(chosen) < count + 1 or chosen == list(places):
            break
        places = np.array(chosen)
    return best, smallest


def fitted(fit: Fit) -> tuple[list[float], float]:
    """Coefficients rounded to the type, lowest power first, and the largest weighted error that is left."""
    rounded: list[float] = []
    for done in range(fit.degree + 1):
        def rest(x: Any) -> Any:
            return fit.function(x) - sum((L(c) * x**n for n, c in enumerate(rounded)), L(0) * x)

        best, _ = remez(rest, fit, list(range(done, fit.degree + 1)))
        rounded.append(float(fit.kind(best[0])))
    grid = np.linspace(L(fit.low), L(fit.high), 20001)
    error = (sum(L(c) * grid**n for n, c in enumerate(rounded)) - fit.function(grid)) * fit.weight(grid)
    return rounded, float(np.max(np.abs(error)))


def lines() -> Iterator[str]:
    """The text of `coefficients.py`."""
    yield '"""Polynomial coefficients, lowest power first: written by ``fit.py``, which says of what."""\n'
    for fit in FITS:
        coefficients, error = fitted(fit)
        yield f"#: Largest weighted error {error:.1e}."
        yield f"{fit.name} = (\n" + "".join(f"    {c!r},\n" for c in coefficients) + ")"


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()) + "\n")
