"""Computes the Chebyshev coefficients of ``scopert/ops/math_special_tables.py`` to 60 digits.

    python make_special_tables.py > ../../../scopert/ops/math_special_tables.py

Only Python's decimal arithmetic is used: power series for small arguments, asymptotic series for large ones.
"""

from decimal import Decimal as D
from decimal import getcontext

getcontext().prec = 220
ONE = D(1)
NODES = 90


def arctan_inverse(n):
    total, term, k = D(0), ONE / n, 1
    while abs(term) > D(10) ** -155:
        total += term / k * (1 if k % 4 == 1 else -1)
        term, k = term / (n * n), k + 2
    return total


PI = 4 * (4 * arctan_inverse(5) - arctan_inverse(239))


def cos(x):
    total, term, k = D(0), ONE, 0
    while abs(term) > D(10) ** -150:
        total += term
        k += 2
        term *= -x * x / (k * (k - 1))
    return total


def erf(x):
    total, term, k = D(0), x, 0
    while abs(term) > D(10) ** -200:
        total += term / (2 * k + 1)
        k += 1
        term *= -x * x / k
    return 2 / PI.sqrt() * total


def asymptotic(ratio):
    """A divergent series: 1 + r(1) + r(1) r(2) + ..., up to its smallest term."""
    total, term, k = ONE, ONE, 1
    while True:
        following = term * ratio(k)
        if abs(following) >= abs(term) or abs(following) < D(10) ** -70:
            return total
        total, term, k = total + following, following, k + 1


def erfcx(x):
    if x < 12:
        return (x * x).exp() * (1 - erf(x))
    return asymptotic(lambda k: -(2 * k - 1) / (2 * x * x)) / (x * PI.sqrt())


def bessel(order, x):
    """exp(-x) I_order(x)."""
    if x < 90:
        total, term, k = D(0), (x / 2) ** order, 0
        while abs(term) > D(10) ** -140 * max(abs(total), ONE):
            total += term
            k += 1
            term *= x * x / 4 / (k * (k + order))
        return (-x).exp() * total
    mu = 4 * order * order
    return asymptotic(lambda k: -(mu - (2 * k - 1) ** 2) / (8 * k * x)) / (2 * PI * x).sqrt()


BERNOULLI = [D(1) / 6, D(-1) / 30, D(1) / 42, D(-1) / 30, D(5) / 66, D(-691) / 2730, D(7) / 6, D(-3617) / 510,
             D(43867) / 798, D(-174611) / 330, D(854513) / 138, D(-236364091) / 2730]  # fmt: skip


def lgamma(x):
    shift, y = D(0), x
    while y < 900:
        shift += y.ln()
        y += 1
    total = (y - D("0.5")) * y.ln() - y + (2 * PI).ln() / 2
    for k, b in enumerate(BERNOULLI, 1):
        total += b / (2 * k * (2 * k - 1) * y ** (2 * k - 1))
    return total - shift


def chebyshev(function, low, high):
    low, high = D(low), D(high)
    angles = [PI * (k + D("0.5")) / NODES for k in range(NODES)]
    values = [function((low + high) / 2 + (high - low) / 2 * cos(a)) for a in angles]
    made = []
    for j in range(NODES):
        total = sum(v * cos((j * a) % (2 * PI)) for v, a in zip(values, angles, strict=True))
        made.append(float(total * (2 if j else 1) / NODES))
    while abs(made[-1]) < 2e-17 * max(map(abs, made)):
        made.pop()
    return made


def at_inverse(function):
    """``sqrt(x) f(x)`` at ``x = 8 / u``."""
    return lambda u: (8 / u).sqrt() * function(8 / u)


def ratio_argument(t):
    return D("3.75") * (1 + t) / (1 - t)


TABLES = (
    ("ERF", "erf(x) / x over 2 x**2 - 1, for abs(x) <= 1", lambda u: erf(((u + 1) / 2).sqrt()) / ((u + 1) / 2).sqrt(), -1, 1),
    ("ERFCX", "(1 + 2 x) exp(x**2) erfc(x) over (x - 3.75) / (x + 3.75), for x >= 0 (Shepherd and Laframboise, 1981)",
     lambda t: (1 + 2 * ratio_argument(t)) * erfcx(ratio_argument(t)), -1, 1),
    ("LGAMMA", "log(gamma(x)) / ((x - 1) (x - 2)) over 1 <= x <= 3", lambda x: lgamma(x) / ((x - 1) * (x - 2)), 1, 3),
    ("I0E_SMALL", "exp(-x) I0(x) over 0 <= x <= 8", lambda x: bessel(0, x), 0, 8),
    ("I0E_LARGE", "sqrt(x) exp(-x) I0(x) over 8 / x", at_inverse(lambda x: bessel(0, x)), 0, 1),
    ("I1E_SMALL", "exp(-x) I1(x) / x over 0 <= x <= 8", lambda x: bessel(1, x) / x, 0, 8),
    ("I1E_LARGE", "sqrt(x) exp(-x) I1(x) over 8 / x", at_inverse(lambda x: bessel(1, x)), 0, 1),
)  # fmt: skip


def main():
    print('"""Chebyshev coefficients of special functions, by tests/ops/facts/make_special_tables.py."""\n')
    print("from __future__ import annotations")
    for name, what, function, low, high in TABLES:
        numbers = [repr(value) for value in chebyshev(function, low, high)]
        print(f"\n# {what}.\n{name} = (")
        for start in range(0, len(numbers), 4):
            print(f"    {', '.join(numbers[start : start + 4])},")
        print(")  # fmt: skip")


if __name__ == "__main__":
    main()
