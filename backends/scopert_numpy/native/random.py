"""Machine code for random numbers: Philox blocks, uniform and normal float32, the bits of `scopert.ops.philox`.

Lanes are blocks: what the generator makes of neighbouring counters. The logarithm, sine and cosine are those of
`scopert.ops.float_math`, operation by operation, so numbers are the same with and without machine code.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from scopert.ops import float_math as m
from scopert.ops import philox
from scopert_numpy.native import jit
from scopert_numpy.native.builder import Builder, Value, literal
from scopert_numpy.native.writer import Function, Writer
from scopert_numpy.threads import pool

_LANES = 8
#: Outputs of a group that is computed at once.
GROUP = 4 * _LANES
#: Blocks that one group of four truncated numbers has to itself.
_STRIDE = 256
_SMALLEST_UNIFORM = 1.0e-7
_TRUNCATE_AT = 2.0
#: About what a number costs, in nanoseconds.
_COSTS = {"uniform": 0.7, "normal": 4.0}
_WORD = (1 << 64) - 1

_Numbers = ctypes.c_int64 * 5


def _round_keys(b: Builder, key: Value) -> list[tuple[Value, Value]]:
    mask = b.constant("i64", 0xFFFFFFFF)
    first, second = b.binary("and", key, mask), b.binary("lshr", key, b.constant("i64", 32))
    keys = []
    for index in range(philox.ROUNDS):
        bumps = [b.constant("i64", index * weyl) for weyl in (philox.WEYL_A, philox.WEYL_B)]
        pair = [
            b.binary("and", b.binary("add", half, bump), mask)
            for half, bump in zip((first, second), bumps, strict=True)
        ]
        keys.append((pair[0], pair[1]))
    return keys


def _block(b: Builder, low: Value, high: Value, keys: Sequence[tuple[Value, Value]]) -> list[Value]:
    """The four words of a block, each in 64 bits."""
    mask, half = b.constant("i64", 0xFFFFFFFF), b.constant("i64", 32)
    c = [
        b.binary("and", low, mask),
        b.binary("lshr", low, half),
        b.binary("and", high, mask),
        b.binary("lshr", high, half),
    ]
    for one, two in keys:
        p0 = b.binary("mul", c[0], b.constant("i64", philox.MULTIPLIER_A))
        p1 = b.binary("mul", c[2], b.constant("i64", philox.MULTIPLIER_B))
        c = [
            b.binary("xor", b.binary("xor", b.binary("lshr", p1, half), c[1]), one),
            b.binary("and", p1, mask),
            b.binary("xor", b.binary("xor", b.binary("lshr", p0, half), c[3]), two),
            b.binary("and", p0, mask),
        ]
    return [b.splat(word, low.lanes) for word in c]


def _uniform(b: Builder, word: Value) -> Value:
    bits = b.convert("trunc", word, "i32")
    bits = b.binary("or", b.binary("and", bits, b.like(bits, 0x7FFFFF)), b.like(bits, 127 << 23))
    share = b.floats(bits)
    return b.sub(share, b.like(share, 1.0))


def _polynomial(b: Builder, x: Value, low: float, high: float) -> Value:
    return b.add(b.like(x, low), b.mul(x, b.like(x, high)))


def _table(b: Builder, name: str, entries: np.ndarray, index: Value) -> Value:
    numbers = ", ".join(f"double {literal('double', x)}" for x in entries)
    b.needs.add(f"@{name} = internal constant [{len(entries)} x double] [{numbers}]")
    if index.lanes == 1:
        return b.load(b.address(f"@{name}", "double", b.convert("sext", index, "i64")), "double", 1)
    places = b.make(f"getelementptr double, ptr @{name}, {index.typed}", "ptr", index.lanes)
    return b.gather(places, "double", None)


def _log(b: Builder, x: Value) -> Value:
    bits = b.bits(x)
    shifted = b.binary("sub", bits, b.like(bits, m.LOG_OFFSET))
    interval = b.binary("and", b.binary("ashr", shifted, b.like(bits, 19)), b.like(bits, 15))
    exponent = b.binary("ashr", shifted, b.like(bits, 23))
    scaled = b.floats(b.binary("sub", bits, b.binary("shl", exponent, b.like(bits, 23))))
    wide = b.convert("fpext", scaled, "double")
    rest = b.sub(b.mul(wide, _table(b, "log_inverse", m.LOG_INVERSE, interval)), b.like(wide, 1.0))
    turns = b.mul(b.convert("sitofp", exponent, "double"), b.like(wide, m.LN2))
    start = b.add(_table(b, "log_value", m.LOG_VALUE, interval), turns)
    square = b.mul(rest, rest)
    tail = b.add(b.mul(b.like(wide, m.LOG_4), square), b.add(b.mul(b.like(wide, m.LOG_3), rest), b.like(wide, m.LOG_2)))
    return b.convert("fptrunc", b.add(b.mul(tail, square), b.add(start, rest)), "float")


def _sin_cos(b: Builder, x: Value) -> tuple[Value, Value]:
    wide = b.convert("fpext", x, "double")
    scaled = b.convert("fptosi", b.mul(wide, b.like(wide, m.QUADRANTS_PER_RADIAN)), "i32")
    quadrant = b.binary("ashr", b.binary("add", scaled, b.like(scaled, 1 << 23)), b.like(scaled, 24))
    angle = b.sub(wide, b.mul(b.convert("sitofp", quadrant, "double"), b.like(wide, m.QUADRANT)))
    square = b.mul(angle, angle)
    cube = b.mul(square, angle)
    sine = b.add(
        b.add(angle, b.mul(cube, b.like(wide, m.SIN_3))),
        b.mul(b.mul(cube, square), _polynomial(b, square, m.SIN_5, m.SIN_7)),
    )
    fourth = b.mul(square, square)
    cosine = b.add(
        b.add(_polynomial(b, square, 1.0, m.COS_2), b.mul(fourth, b.like(wide, m.COS_4))),
        b.mul(b.mul(fourth, square), _polynomial(b, square, m.COS_6, m.COS_8)),
    )
    one, two = b.like(quadrant, 1), b.like(quadrant, 2)
    swapped = b.compare("icmp eq", b.binary("and", quadrant, one), one)
    found = []
    for value, count in (
        (b.select(swapped, cosine, sine), quadrant),
        (b.select(swapped, sine, cosine), b.binary("add", quadrant, one)),
    ):
        turned = b.compare("icmp eq", b.binary("and", count, two), two)
        found.append(b.convert("fptrunc", b.select(turned, b.negate(value), value), "float"))
    return found[0], found[1]


def _normal(b: Builder, words: Sequence[Value]) -> list[Value]:
    """Box and Muller's transform: four numbers of four words."""
    found: list[Value] = []
    for first, second in (words[:2], words[2:]):
        share = _uniform(b, first)
        least = b.like(share, float(np.float32(_SMALLEST_UNIFORM)))
        share = b.select(b.compare("fcmp olt", share, least), least, share)
        radius = b.call("sqrt", b.mul(b.like(share, -2.0), _log(b, share)))
        turn = b.convert("fpext", _uniform(b, second), "double")
        angle = b.convert("fptrunc", b.mul(turn, b.like(turn, 2.0 * math.pi)), "float")
        found += [b.mul(part, radius) for part in _sin_cos(b, angle)]
    return found


def _interleaved(b: Builder, parts: Sequence[Value]) -> Value:
    """The lanes of four vectors in turn."""
    lanes, kind = parts[0].lanes, parts[0].kind

    def joined(one: Value, two: Value, order: Sequence[int]) -> Value:
        mask = ", ".join(f"i32 {k}" for k in order)
        text = f"shufflevector {one.typed}, {two.typed}, <{len(order)} x i32> <{mask}>"
        return b.make(text, kind, len(order))

    every = range(2 * lanes)
    whole = joined(joined(parts[0], parts[1], every), joined(parts[2], parts[3], every), range(4 * lanes))
    return b.shuffle(whole, [part * lanes + lane for lane in range(lanes) for part in range(4)])


@cache
def _function(kind: str) -> Function:
    """Groups of neighbouring outputs; numbers: key, low and high half of the counter, blocks from one to the next."""
    w = Writer("rows", 1, 4)
    b = w.b
    key, low, high, stride = w.numbers
    keys = _round_keys(b, key)
    steps = Value("<" + ", ".join(f"i64 {k}" for k in range(_LANES)) + ">", "i64", _LANES)

    def group(unit: Value) -> None:
        first = b.splat(b.binary("mul", unit, b.constant("i64", _LANES)), _LANES)
        offsets = b.binary("mul", b.binary("add", first, steps), stride)
        words = _block(b, b.binary("add", offsets, low), b.splat(high, _LANES), keys)
        made = [_uniform(b, word) for word in words] if kind == "uniform" else _normal(b, words)
        place = b.binary("mul", unit, b.constant("i64", GROUP))
        b.store(_interleaved(b, made), b.address("%p0", "float", place), None)

    w.loop(w.lo, w.hi, 1, group)
    return Function(w.text(), 1)


@cache
def _retry_function() -> Function:
    """Draws the groups of four that lie outside again and again; arrays: the numbers, which groups."""
    w = Writer("rows", 2, 4)
    b = w.b
    key, low, high, stride = w.numbers
    keys = _round_keys(b, key)
    zero, one, four = (b.constant("i64", n) for n in (0, 1, 4))
    filled = w.variable("i64", 1)
    block = w.variable("i64", 1)

    def group(unit: Value) -> None:
        number = b.load(b.address("%p1", "i64", unit), "i64", 1)
        target = b.address("%p0", "float", b.binary("mul", number, four))
        filled.set(zero)
        block.set(b.binary("add", low, b.binary("mul", number, stride)))
        again, after = b.name("again"), b.name("after")
        b.emit(f"br label %{again}")
        b.label(again)
        for value in _normal(b, _block(b, block.get(), high, keys)):

            def keep(value: Value = value) -> None:
                b.store(value, b.address(target, "float", filled.get()), None)
                filled.set(b.binary("add", filled.get(), one))

            inside = b.compare("fcmp olt", b.call("fabs", value), b.like(value, _TRUNCATE_AT))
            w.when(b.binary("and", inside, b.compare("icmp slt", filled.get(), four)), keep)
        block.set(b.binary("add", block.get(), one))
        more = b.compare("icmp slt", filled.get(), four)
        b.emit(f"br {more.typed}, label %{again}, label %{after}")
        b.label(after)

    w.loop(w.lo, w.hi, 1, group)
    return Function(w.text(), 2)


def _numbers(position: philox.Philox, stride: int) -> ctypes.Array[ctypes.c_int64]:
    words = (position.key, position.counter & _WORD, position.counter >> 64, stride, 0)
    return _Numbers(*[word - (1 << 64) if word >> 63 else word for word in words])


def _groups(kind: str, position: philox.Philox, stride: int, out: np.ndarray) -> None:
    """Fills a vector whose size is a multiple of `GROUP`."""
    units = out.size // GROUP
    _function(kind)((out,), _numbers(position, stride), units, pool().chunks(units, _COSTS[kind] * out.size))


def fill(kind: str, position: philox.Philox, out: np.ndarray) -> bool:
    """Random numbers from a position of a stream on, as `scopert.ops.random_distributions` makes them.

    Parameters
    ----------
    kind : str
        ``uniform``, ``normal`` or ``truncated``.
    position : Philox
    out : array
        A contiguous vector of float32.

    Returns
    -------
    bool
        Whether it was done: false where there is no machine code for it.
    """
    stride = _STRIDE if kind == "truncated" else 1
    if jit.host().vector_bits < 256 or (position.counter & _WORD) + (out.size // 4 + _LANES) * stride > _WORD:
        return False
    drawn = "normal" if kind == "truncated" else kind
    whole = out.size - out.size % GROUP
    pieces = [(position, out[:whole])]
    if whole < out.size:
        pieces.append((position.skipped(whole // 4 * stride), np.empty(GROUP, np.float32)))
    for start, piece in pieces:
        _groups(drawn, start, stride, piece)
        if kind == "truncated":
            _retry(start, stride, piece)
    out[whole:] = pieces[-1][1][: out.size - whole]
    return True


def _retry(position: philox.Philox, stride: int, out: np.ndarray) -> None:
    outside = np.flatnonzero((np.abs(out.reshape(-1, 4)) >= _TRUNCATE_AT).any(axis=1))
    if outside.size:
        chunks = pool().chunks(outside.size, 300.0 * outside.size)
        _retry_function()((out, outside), _numbers(position, stride), outside.size, chunks)
