"""Logarithm, sine and cosine of float32 that give the same last bit on every machine and backend.

NumPy's float32 functions depend on the processor's vector unit and differ from the C library's in
about one result of ten. Random weights must not: these follow the table and the polynomials that
the GNU C library (2.28 and later) took from Arm's optimized routines, in float64, and
therefore return what TensorFlow's CPU kernels return there. Only the ranges that random numbers need
are handled: positive normal numbers for the logarithm, `[0, 120)` for the angles.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any

_LOG_TABLE = tuple(
    (float.fromhex(inverse), float.fromhex(logarithm))
    for inverse, logarithm in (
        ("0x1.661ec79f8f3bep+0", "-0x1.57bf7808caadep-2"),
        ("0x1.571ed4aaf883dp+0", "-0x1.2bef0a7c06ddbp-2"),
        ("0x1.49539f0f010bp+0", "-0x1.01eae7f513a67p-2"),
        ("0x1.3c995b0b80385p+0", "-0x1.b31d8a68224e9p-3"),
        ("0x1.30d190c8864a5p+0", "-0x1.6574f0ac07758p-3"),
        ("0x1.25e227b0b8eap+0", "-0x1.1aa2bc79c81p-3"),
        ("0x1.1bb4a4a1a343fp+0", "-0x1.a4e76ce8c0e5ep-4"),
        ("0x1.12358f08ae5bap+0", "-0x1.1973c5a611cccp-4"),
        ("0x1.0953f419900a7p+0", "-0x1.252f438e10c1ep-5"),
        ("0x1p+0", "0x0p+0"),
        ("0x1.e608cfd9a47acp-1", "0x1.aa5aa5df25984p-5"),
        ("0x1.ca4b31f026aap-1", "0x1.c5e53aa362eb4p-4"),
        ("0x1.b2036576afce6p-1", "0x1.526e57720db08p-3"),
        ("0x1.9c2d163a1aa2dp-1", "0x1.bc2860d22477p-3"),
        ("0x1.886e6037841edp-1", "0x1.1058bc8a07ee1p-2"),
        ("0x1.767dcf5534862p-1", "0x1.4043057b6ee09p-2"),
    )
)
LOG_INVERSE = np.array([row[0] for row in _LOG_TABLE])
LOG_VALUE = np.array([row[1] for row in _LOG_TABLE])
LOG_OFFSET = 0x3F330000
"""Bits of the float32 at which the table's first sixteenth begins (about 0.7)."""
LN2 = float.fromhex("0x1.62e42fefa39efp-1")
LOG_4 = float.fromhex("-0x1.00ea348b88334p-2")
LOG_3 = float.fromhex("0x1.5575b0be00b6ap-2")
LOG_2 = float.fromhex("-0x1.ffffef20a4123p-2")

QUADRANTS_PER_RADIAN = float.fromhex("0x1.45f306dc9c883p+23")
"""2 / pi, times 2**24."""
QUADRANT = float.fromhex("0x1.921fb54442d18p0")
SIN_3 = float.fromhex("-0x1.555545995a603p-3")
SIN_5 = float.fromhex("0x1.1107605230bc4p-7")
SIN_7 = float.fromhex("-0x1.994eb3774cf24p-13")
COS_2 = float.fromhex("-0x1.ffffffd0c621cp-2")
COS_4 = float.fromhex("0x1.55553e1068f19p-5")
COS_6 = float.fromhex("-0x1.6c087e89a359dp-10")
COS_8 = float.fromhex("0x1.99343027bf8c3p-16")


def log_float32(xp: Any, x: Array) -> Array:
    """Natural logarithm of positive, normal float32 numbers."""
    bits = x.view(xp.int32)
    shifted = bits - xp.int32(LOG_OFFSET)
    interval = (shifted >> xp.int32(19)) & xp.int32(15)
    exponent = shifted >> xp.int32(23)
    scaled = (bits - (exponent << xp.int32(23))).view(xp.float32).astype(xp.float64)
    rest = scaled * xp.asarray(LOG_INVERSE)[interval] - 1.0
    start = xp.asarray(LOG_VALUE)[interval] + exponent.astype(xp.float64) * LN2
    square = rest * rest
    tail = LOG_4 * square + (LOG_3 * rest + LOG_2)
    return (tail * square + (start + rest)).astype(xp.float32)


def sin_cos_float32(xp: Any, x: Array) -> tuple[Array, Array]:
    """Sine and cosine of float32 angles of `[0, 120)` radians."""
    wide = x.astype(xp.float64)
    quadrant = ((wide * QUADRANTS_PER_RADIAN).astype(xp.int32) + xp.int32(1 << 23)) >> xp.int32(24)
    angle = wide - quadrant.astype(xp.float64) * QUADRANT
    square = angle * angle
    cube = square * angle
    sine = (angle + cube * SIN_3) + (cube * square) * (SIN_5 + square * SIN_7)
    fourth = square * square
    cosine = ((1.0 + square * COS_2) + fourth * COS_4) + (fourth * square) * (COS_6 + square * COS_8)
    swapped = (quadrant & xp.int32(1)) == 1
    first, second = xp.where(swapped, cosine, sine), xp.where(swapped, sine, cosine)
    first = xp.where((quadrant & xp.int32(2)) == 2, -first, first)
    second = xp.where(((quadrant + xp.int32(1)) & xp.int32(2)) == 2, -second, second)
    return first.astype(xp.float32), second.astype(xp.float32)
