"""Mathematical functions as expressions of arithmetic, without calls, branches or tables, for any number of lanes.

Arguments are reduced as usual (Cody and Waite for exp, the exponent for log, quadrants for sine), and the rest is a
polynomial of our own (`fit`). Errors are below 2 units in the last place over the whole range, and special values
are those of IEEE 754; ``tests/backends/test_native_functions.py`` measures both. Of float32, functions that would
need more than the type's own precision (sine, tangent, power, atan2) are computed in float64 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scopert_numpy.native import coefficients as c
from scopert_numpy.native.builder import Builder, Value

_LN2_HI = {"float": 0.693359375, "double": 6.93147180369123816490e-01}
_LN2_LO = {"float": -2.12194440054690583e-04, "double": 1.90821492927058770002e-10}
_MANTISSA = {"float": 23, "double": 52}
_BIAS = {"float": 127, "double": 1023}
_HALF_SQRT = {"float": 0x3F3504F3, "double": 0x3FE6A09E667F3BCD}  # the bits of sqrt(1/2)


def polynomial(b: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    """Horner's scheme; `coefficients` begin with the lowest power."""
    total = b.like(x, coefficients[-1])
    for number in reversed(coefficients[:-1]):
        total = b.fma(total, x, b.like(x, number))
    return total


def above(b: Builder, x: Value, limit: float) -> Value:
    """The larger of `x` and a number; not a number stays so."""
    return b.select(b.compare("fcmp olt", x, b.like(x, limit)), b.like(x, limit), x)


def below(b: Builder, x: Value, limit: float) -> Value:
    """The smaller of `x` and a number; not a number stays so."""
    return b.select(b.compare("fcmp ogt", x, b.like(x, limit)), b.like(x, limit), x)


def absolute(b: Builder, x: Value) -> Value:
    """|x|."""
    return b.call("fabs", x)


def power_of_two(b: Builder, n: Value, kind: str) -> Value:
    """2^n for an integer n in the range of normal numbers."""
    biased = b.binary("add", n, b.like(n, _BIAS[kind]))
    return b.floats(b.binary("shl", biased, b.like(n, _MANTISSA[kind])))


def _reduce_exp(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """n and exp(r) - 1 with x = n ln 2 + r; n as an integer. (And r itself.)"""
    kind = x.kind
    magic = b.like(x, 1.5 * 2.0 ** _MANTISSA[kind])  # adding it rounds to an integer, in the low bits
    shifted = b.fma(x, b.like(x, 1 / math.log(2)), magic)
    n_float = b.sub(shifted, magic)
    n = b.binary("sub", b.bits(shifted), b.bits(magic))
    r = b.fma(n_float, b.like(x, -_LN2_HI[kind]), x)
    r = b.fma(n_float, b.like(x, -_LN2_LO[kind]), r)
    tail = polynomial(b, r, c.EXP_F32 if kind == "float" else c.EXP_F64)
    return n, b.fma(b.mul(r, r), tail, r), r


def exp(b: Builder, x: Value, low: float | None = None, high: float | None = None) -> Value:
    """e^x. With `low` or `high` given, `x` is known to lie above or below, where no care is needed."""
    kind = x.kind
    smallest, largest = (-104.0, 89.0) if kind == "float" else (-746.0, 710.0)
    if low is None:
        x = above(b, x, smallest)
    if high is None:
        x = below(b, x, largest)
    n, tail, _ = _reduce_exp(b, x)
    e = b.add(tail, b.like(x, 1.0))
    normal = 87.0 if kind == "float" else 708.0
    if low is not None and high is not None and low > -normal and high < normal:
        return b.mul(e, power_of_two(b, n, kind))
    half = b.binary("ashr", n, b.like(n, 1))  # in two steps, as 2^n may be no normal number
    e = b.mul(e, power_of_two(b, half, kind))
    return b.mul(e, power_of_two(b, b.binary("sub", n, half), kind))


def expm1(b: Builder, x: Value) -> Value:
    """e^x - 1."""
    kind = x.kind
    lowest, largest = (-18.0, 89.0) if kind == "float" else (-38.0, 710.0)
    clamped = below(b, above(b, x, lowest), largest)
    n, tail, _ = _reduce_exp(b, clamped)
    scale = power_of_two(b, b.binary("sub", n, b.like(n, 1)), kind)  # half of 2^n, which may overflow
    y = b.fma(tail, scale, b.sub(scale, b.like(x, 0.5)))
    y = b.add(y, y)
    return _tiny_stays(b, x, y)


def _tiny_stays(b: Builder, x: Value, y: Value) -> Value:
    """`x` itself where it is so small that f(x) = x: keeps -0 and denormal numbers."""
    tiny = b.like(x, 2.0 ** -(_MANTISSA[x.kind] + 3))
    return b.select(b.compare("fcmp olt", absolute(b, x), tiny), x, y)


def _log_tail(b: Builder, f: Value, k: Value) -> Value:
    """log(1 + f) + k ln 2 for 1 + f between sqrt(1/2) and sqrt(2)."""
    kind = f.kind
    k_float = b.convert("sitofp", k, kind)
    square = b.mul(f, f)
    if kind == "float":
        y = b.mul(b.mul(square, f), polynomial(b, f, c.LOG_F32))
        y = b.fma(square, b.like(f, -0.5), y)
        y = b.fma(k_float, b.like(f, _LN2_LO[kind]), y)
        return b.fma(k_float, b.like(f, _LN2_HI[kind]), b.add(f, y))
    s = b.div(f, b.add(f, b.like(f, 2.0)))
    z = b.mul(s, s)
    half = b.mul(square, b.like(f, 0.5))
    y = b.fma(z, polynomial(b, z, c.LOG_F64), half)
    y = b.fma(s, y, b.mul(k_float, b.like(f, _LN2_LO[kind])))
    y = b.sub(f, b.sub(half, y))
    return b.fma(k_float, b.like(f, _LN2_HI[kind]), y)


def _exponent(b: Builder, x: Value) -> tuple[Value, Value]:
    """The bits of x > 0, and k with x = m 2^k, m between sqrt(1/2) and sqrt(2)."""
    bits = b.bits(x)
    k = b.binary("ashr", b.binary("sub", bits, b.like(bits, _HALF_SQRT[x.kind])), b.like(bits, _MANTISSA[x.kind]))
    return bits, k


def _log_specials(b: Builder, x: Value, pole: float, y: Value) -> Value:
    y = b.select(b.compare("fcmp olt", x, b.like(x, math.inf)), y, x)
    at_pole = b.compare("fcmp oeq", x, b.like(x, pole))
    outside = b.select(at_pole, b.like(x, -math.inf), b.like(x, math.nan))
    return b.select(b.compare("fcmp ogt", x, b.like(x, pole)), y, outside)


def log(b: Builder, x: Value) -> Value:
    """The natural logarithm."""
    kind = x.kind
    shift = _MANTISSA[kind] + 2
    denormal = b.compare("fcmp olt", x, b.like(x, 2.0 ** (1 - _BIAS[kind])))
    scaled = b.select(denormal, b.mul(x, b.like(x, 2.0**shift)), x)
    bits, k = _exponent(b, scaled)
    m = b.floats(b.binary("sub", bits, b.binary("shl", k, b.like(k, _MANTISSA[kind]))))
    k = b.binary("sub", k, b.select(denormal, b.like(k, shift), b.like(k, 0)))
    y = _log_tail(b, b.sub(m, b.like(m, 1.0)), k)
    return _log_specials(b, x, 0.0, y)


def log1p(b: Builder, x: Value, specials: bool = True) -> Value:
    """log(1 + x); without `specials`, x is known to lie between 0 and 1 (or not to be a number)."""
    kind = x.kind
    shift = _MANTISSA[kind]
    _, k = _exponent(b, b.add(x, b.like(x, 1.0)))
    m = b.floats(b.binary("sub", b.bits(x), b.binary("shl", k, b.like(k, shift))))  # x 2^-k
    biased = b.call("smax", b.binary("sub", b.like(k, _BIAS[kind]), k), b.like(k, 0))
    scale = b.floats(b.binary("shl", biased, b.like(k, shift)))  # 2^-k
    y = _log_tail(b, b.add(m, b.sub(scale, b.like(x, 1.0))), k)
    if not specials:
        return b.select(b.compare("fcmp olt", x, b.like(x, 2.0 ** -(shift + 3))), x, y)
    return _tiny_stays(b, x, _log_specials(b, x, -1.0, y))


def tanh(b: Builder, x: Value) -> Value:
    """The hyperbolic tangent: a polynomial below 0.625, else 1 - 2 / (e^2x + 1)."""
    size = absolute(b, x)
    z = b.mul(x, x)
    small = b.fma(b.mul(z, polynomial(b, z, c.TANH_F32 if x.kind == "float" else c.TANH_F64)), x, x)
    end = 10.0 if x.kind == "float" else 20.0
    clamped = below(b, size, end)
    e = exp(b, b.add(clamped, clamped), low=0.0, high=2 * end)
    large = b.sub(b.like(x, 1.0), b.div(b.like(x, 2.0), b.add(e, b.like(x, 1.0))))
    large = b.call("copysign", large, x)
    return b.select(b.compare("fcmp olt", size, b.like(x, 0.625)), small, large)


def sigmoid(b: Builder, x: Value) -> Value:
    """1 / (1 + e^-x), exact to the last denormal numbers."""
    z = exp(b, b.negate(absolute(b, x)), high=0.0)
    one = b.like(x, 1.0)
    above_line = b.select(b.compare("fcmp olt", x, b.like(x, 0.0)), z, one)
    below_line = b.add(z, one)
    lost = b.sub(z, b.sub(below_line, one))  # what rounding the sum lost; times about 1 / (1 + z) on [1, 2]
    lost = b.mul(lost, b.fma(below_line, b.like(x, -0.5), b.like(x, 1.457)))
    y = b.div(above_line, below_line)
    return b.fma(b.negate(y), lost, y)


def softplus(b: Builder, x: Value) -> Value:
    """log(1 + e^x)."""
    z = exp(b, b.negate(absolute(b, x)), high=0.0)
    return b.add(above(b, x, 0.0), log1p(b, z, specials=False))


def erf(b: Builder, x: Value) -> Value:
    """The error function, of float32: x P(x^2) below 1, else 1 - e^(x Q(x))."""
    size = absolute(b, x)
    small = b.fma(x, polynomial(b, b.mul(x, x), c.ERF_F32), x)
    clamped = below(b, size, 4.0)
    exponent = b.mul(clamped, polynomial(b, clamped, c.ERFC_F32))
    large = b.sub(b.like(x, 1.0), exp(b, exponent, low=-20.0, high=0.0))
    large = b.call("copysign", large, x)
    return b.select(b.compare("fcmp olt", size, b.like(x, 1.0)), small, large)


#: 384 bits of 2/pi after the binary point.
_TWO_OVER_PI = 0xA2F9836E4E441529FC2757D1F534DDC0DB6295993C439041FE5163ABDEBBC561B7246E3A424DD2E006492EEA09D1921C
_FAR = 2.0**20


def _far_table() -> str:
    """For each exponent of a float32, the 96 bits of 2/pi that matter for the quadrant and what is left."""
    total = 384
    rows = []
    for exponent in range(256):
        start = exponent - 150 - 2  # 2/pi = 0.b1 b2 ..., and x = M 2^(exponent - 150)
        window = _TWO_OVER_PI >> (total - start - 96) & (2**96 - 1)
        rows.append((window >> 32, window & (2**32 - 1)))
    high = ", ".join(f"i64 {a if a < 2**63 else a - 2**64}" for a, _ in rows)
    low = ", ".join(f"i64 {a}" for _, a in rows)
    return (f"@far.high = private unnamed_addr constant [256 x i64] [{high}]\n"
            f"@far.low = private unnamed_addr constant [256 x i64] [{low}]")  # fmt: skip


def _far(b: Builder, x: Value) -> tuple[Value, Value]:
    """Quadrant and rest of a large float32: Payne and Hanek's product with the bits of 2/pi, modulo 4."""
    b.needs.add(_far_table())
    bits = b.bits(x)
    exponent = b.binary("and", b.binary("lshr", bits, b.like(bits, 23)), b.like(bits, 255))
    mantissa = b.binary("or", b.binary("and", bits, b.like(bits, 2**23 - 1)), b.like(bits, 2**23))
    wide, index = b.convert("zext", mantissa, "i64"), b.convert("zext", exponent, "i64")

    def row(table: str) -> Value:
        at = b.make(f"getelementptr i64, ptr {table}, {index.typed}", "ptr", x.lanes)
        return b.load(at.ref, "i64", 1) if x.lanes == 1 else b.gather(at, "i64", None)

    product = b.binary("mul", wide, row("@far.high"))
    low = b.binary("lshr", b.binary("mul", wide, row("@far.low")), b.like(wide, 32))
    product = b.binary("add", product, low)  # 2 bits of quadrant, 62 of fraction
    quadrant = b.binary("lshr", b.binary("add", product, b.like(product, 2**61)), b.like(product, 62))
    rest = b.binary("sub", product, b.binary("shl", quadrant, b.like(product, 62)))
    r = b.convert("sitofp", rest, "double")
    r = b.mul(r, b.like(r, math.pi / 2 * 2.0**-62))
    negative = b.compare("icmp slt", bits, b.like(bits, 0))
    quadrant = b.select(negative, b.binary("sub", b.like(quadrant, 0), quadrant), quadrant)
    return quadrant, b.select(negative, b.negate(r), r)


def _quadrant(b: Builder, x: Value) -> tuple[Value, Value]:
    """n (int64) and r (float64) with x = n pi/2 + r, |r| <= pi/4, for float32."""
    wide = b.convert("fpext", x, "double")
    magic = b.like(wide, 1.5 * 2.0**52)
    shifted = b.fma(wide, b.like(wide, 2 / math.pi), magic)
    n_float = b.sub(shifted, magic)
    n = b.binary("sub", b.bits(shifted), b.bits(magic))
    r = b.fma(n_float, b.like(wide, -1.57079632673412561417e00), wide)
    r = b.fma(n_float, b.like(wide, -6.07710050650619224932e-11), r)
    far = b.compare("fcmp oge", absolute(b, x), b.like(x, _FAR))
    rare = far
    if x.lanes > 1:
        name = f"@llvm.vector.reduce.or.v{x.lanes}i1"
        b.needs.add(f"declare i1 {name}({far.type})")
        rare = b.make(f"call i1 {name}({far.typed})", "i1", 1)
    before, inside, after = b.block, b.name("far"), b.name("near")
    b.emit(f"br {rare.typed}, label %{inside}, label %{after}")
    b.label(inside)
    far_n, far_r = _far(b, x)
    far_n, far_r = b.select(far, far_n, n), b.select(far, far_r, r)
    b.emit(f"br label %{after}")
    b.label(after)

    def merge(near: Value, other: Value) -> Value:
        return b.make(f"phi {near.type} [ {near.ref}, %{before} ], [ {other.ref}, %{inside} ]", near.kind, near.lanes)

    return merge(n, far_n), merge(r, far_r)


def _sine_cosine(b: Builder, r: Value) -> tuple[Value, Value]:
    z = b.mul(r, r)
    sine = b.fma(b.mul(z, r), polynomial(b, z, c.SIN_F64), r)
    cosine = b.fma(b.mul(z, z), polynomial(b, z, c.COS_F64), b.fma(z, b.like(z, -0.5), b.like(z, 1.0)))
    return sine, cosine


def _finite_or_nan(b: Builder, x: Value, y: Value) -> Value:
    return b.select(b.compare("fcmp olt", absolute(b, x), b.like(x, math.inf)), y, b.like(x, math.nan))


def _wave(b: Builder, x: Value, ahead: int) -> Value:
    n, r = _quadrant(b, x)
    sine, cosine = _sine_cosine(b, r)
    n = b.binary("add", n, b.like(n, ahead))
    odd = b.compare("icmp ne", b.binary("and", n, b.like(n, 1)), b.like(n, 0))
    minus = b.compare("icmp ne", b.binary("and", n, b.like(n, 2)), b.like(n, 0))
    y = b.select(odd, cosine, sine)
    y = b.convert("fptrunc", b.select(minus, b.negate(y), y), "float")
    return _finite_or_nan(b, x, y)


def sin(b: Builder, x: Value) -> Value:
    """The sine, of float32."""
    return _tiny_stays(b, x, _wave(b, x, 0))


def cos(b: Builder, x: Value) -> Value:
    """The cosine, of float32."""
    return _wave(b, x, 1)


def tan(b: Builder, x: Value) -> Value:
    """The tangent, of float32."""
    n, r = _quadrant(b, x)
    sine, cosine = _sine_cosine(b, r)
    odd = b.compare("icmp ne", b.binary("and", n, b.like(n, 1)), b.like(n, 0))
    y = b.div(b.select(odd, b.negate(cosine), sine), b.select(odd, sine, cosine))
    return _tiny_stays(b, x, _finite_or_nan(b, x, b.convert("fptrunc", y, "float")))


def atan2(b: Builder, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), of float32."""
    size_y, size_x = (b.convert("fpext", absolute(b, v), "double") for v in (y, x))
    steep = b.compare("fcmp ogt", size_y, size_x)
    longer, shorter = b.select(steep, size_y, size_x), b.select(steep, size_x, size_y)
    ratio = b.div(shorter, longer)
    origin = b.compare("fcmp oeq", b.add(longer, shorter), b.like(longer, 0.0))
    ratio = b.select(origin, b.like(longer, 0.0), ratio)
    far = b.compare("fcmp oeq", shorter, b.like(shorter, math.inf))
    far = b.binary("and", far, b.compare("fcmp oeq", shorter, longer))
    ratio = b.select(far, b.like(ratio, 1.0), ratio)
    z = b.mul(ratio, ratio)
    angle = b.fma(b.mul(z, ratio), polynomial(b, z, c.ATAN_F64), ratio)
    angle = b.select(steep, b.sub(b.like(angle, math.pi / 2), angle), angle)
    bits = b.bits(x)
    left = b.compare("icmp slt", bits, b.like(bits, 0))
    angle = b.select(left, b.sub(b.like(angle, math.pi), angle), angle)
    return b.call("copysign", b.convert("fptrunc", angle, "float"), y)


def power(b: Builder, x: Value, y: Value) -> Value:
    """x^y, of float32: e^(y log |x|) in float64, and the rules of IEEE 754 for signs and special values."""
    x, y = b.alike(x, y)
    wide_x, wide_y = b.convert("fpext", absolute(b, x), "double"), b.convert("fpext", y, "double")
    p = b.convert("fptrunc", exp(b, b.mul(wide_y, log(b, wide_x))), "float")
    zero, one = b.like(x, 0.0), b.like(x, 1.0)
    whole = b.compare("fcmp oeq", b.call("floor", y), y)
    half = b.mul(y, b.like(y, 0.5))
    odd = b.binary("and", whole, b.compare("fcmp une", b.call("floor", half), half))
    bits = b.bits(x)
    minus = b.binary("and", odd, b.compare("icmp slt", bits, b.like(bits, 0)))
    p = b.select(minus, b.negate(p), p)
    finite = b.compare("fcmp ogt", x, b.like(x, -math.inf))
    wrong = b.binary("and", b.compare("fcmp olt", x, zero), finite)
    wrong = b.binary("and", wrong, b.compare("fcmp one", b.call("floor", y), y))
    p = b.select(wrong, b.like(p, math.nan), p)
    endless = b.compare("fcmp oeq", absolute(b, y), b.like(y, math.inf))
    always = b.binary("and", b.compare("fcmp oeq", x, b.like(x, -1.0)), endless)
    always = b.binary("or", always, b.compare("fcmp oeq", x, one))
    always = b.binary("or", always, b.compare("fcmp oeq", y, zero))
    return b.select(always, one, p)


