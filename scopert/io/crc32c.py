"""The CRC-32C checksum (Castagnoli; RFC 3720, appendix B.4) and TFRecord's masked form of it."""

from __future__ import annotations

from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78  # reversed
_ALL = 0xFFFFFFFF


def _make_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _make_table()
_ARRAY = np.array(_TABLE, np.uint32)
# From this length on, pieces are summed side by side.
_LONG = 4096


def _plain(data: bytes, value: int) -> int:
    table = _TABLE
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value


@cache
def _shift(zeros: int) -> tuple[int, ...]:
    """What `zeros` zero bytes make of each bit of a sum: it is linear in them."""
    if zeros == 1:
        return tuple(_plain(b"\0", 1 << bit) for bit in range(32))
    half = _shift(zeros // 2)
    twice = tuple(_apply(half, column) for column in half)
    return tuple(_apply(_shift(1), column) for column in twice) if zeros % 2 else twice


def _apply(shift: tuple[int, ...], value: int) -> int:
    made = 0
    for bit in range(32):
        if value >> bit & 1:
            made ^= shift[bit]
    return made


def crc32c(data: bytes) -> int:
    """The checksum of some bytes.

    Examples
    --------
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    value = _ALL
    if len(data) >= _LONG:
        # About as many pieces as each has bytes: one table look-up serves them all.
        pieces = int(len(data) ** 0.5)
        length = len(data) // pieces
        rows = np.frombuffer(data, np.uint8, pieces * length).reshape(pieces, length).T.astype(np.uint32)
        sums = np.zeros(pieces, np.uint32)
        sums[0] = value
        for row in rows:
            sums = _ARRAY[(sums ^ row) & 0xFF] ^ (sums >> np.uint32(8))
        shift = _shift(length)
        value = int(sums[0])
        for one in sums[1:]:
            value = _apply(shift, value) ^ int(one)
        data = data[pieces * length :]
    return _plain(data, value) ^ _ALL


def masked_crc32c(data: bytes) -> int:
    """The form that TFRecord stores: rotated and offset, so that sums of data with sums differ."""
    value = crc32c(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & _ALL
