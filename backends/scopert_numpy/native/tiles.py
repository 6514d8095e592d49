"""Transposes of blocks: what lies contiguous along another axis than the lanes is first turned around in the cache.

A tile of the input is loaded in vectors along its contiguous axis, transposed in registers, and stored in scratch
memory with the lanes contiguous; the loops then read it from there like any other input.
"""

from __future__ import annotations

from collections.abc import Sequence

from scopert_numpy.native.builder import Builder, Value


def transposed(b: Builder, rows: Sequence[Value]) -> list[Value]:
    """As many vectors as each has lanes (a power of two), transposed: log2(lanes) rounds of exchanges."""
    rows = list(rows)
    lanes = rows[0].lanes
    distance = 1
    while distance < lanes:
        for i in range(lanes):
            if i & distance:
                continue
            a, c = rows[i], rows[i + distance]
            keep = [k if not k & distance else lanes + k - distance for k in range(lanes)]
            take = [k + distance if not k & distance else lanes + k for k in range(lanes)]
            rows[i], rows[i + distance] = _exchange(b, a, c, keep), _exchange(b, a, c, take)
        distance *= 2
    return rows


def _exchange(b: Builder, a: Value, c: Value, lanes: Sequence[int]) -> Value:
    mask = ", ".join(f"i32 {k}" for k in lanes)
    return b.make(f"shufflevector {a.typed}, {c.typed}, <{len(lanes)} x i32> <{mask}>", a.kind, len(lanes))


def copy_square(
    b: Builder, kind: str, lanes: int, source: str, source_stride: int, target: str, target_stride: int
) -> None:
    """Transposes `lanes` x `lanes` elements from one place to another; strides are those between vectors."""
    rows = [b.load(b.address(source, kind, k * source_stride), kind, lanes) for k in range(lanes)]
    for k, row in enumerate(transposed(b, rows)):
        b.store(row, b.address(target, kind, k * target_stride))


def copy_element(b: Builder, kind: str, source: str, target: str) -> None:
    """One element, at the edges."""
    b.store(b.load(source, kind, 1), target)
