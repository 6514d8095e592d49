"""Philox4x32-10: the counter-based generator behind every random op.

One *block* is the four 32-bit words that the generator makes of one 128-bit counter under one
64-bit key (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). A block depends on
nothing but counter and key, so any number of blocks, in any order, are computed at once. That is
what makes the numbers independent of threads, of backends and of the size of a batch.

How TensorFlow lays seeds into key and counter is a fact taken from its headers and checked against
version 1.15.5: the key is the low and high word of `seed`, the upper half of the counter is `seed2`,
the lower half counts blocks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

Array = Any

MULTIPLIER_A = 0xD2511F53
MULTIPLIER_B = 0xCD9E8D57
_MULTIPLIERS = np.array([[MULTIPLIER_A], [MULTIPLIER_B]], dtype=np.uint64)
WEYL_A = 0x9E3779B9
WEYL_B = 0xBB67AE85
_WORD = 0xFFFFFFFF
_DOUBLE_WORD = 0xFFFFFFFFFFFFFFFF
_COUNTER = (1 << 128) - 1
ROUNDS = 10
_CHUNK = 1 << 13
"""Counters worked on at a time: the scratch of one chunk stays in a core's second-level cache."""


class Philox:
    """A position in one Philox stream: a key and the counter of the next block.

    >>> import numpy as np
    >>> Philox(key=0, counter=0).blocks(np, 1)
    array([[1713891541, 3781805453, 3159862348, 2600524760]], dtype=uint32)
    """

    __slots__ = ("counter", "key")

    def __init__(self, key: int, counter: int) -> None:
        self.key = key & _DOUBLE_WORD
        self.counter = counter & _COUNTER

    @classmethod
    def from_seeds(cls, seed: int, seed2: int) -> Philox:
        """The stream of a stateful op with these two seeds."""
        return cls(seed, (seed2 & _DOUBLE_WORD) << 64)

    @classmethod
    def from_stateless_seed(cls, xp: Any, seed0: int, seed1: int) -> Philox:
        """The stream of a stateless op: one block of a fixed key scrambles the two seeds."""
        counter = (seed0 & _DOUBLE_WORD) | (seed1 & _DOUBLE_WORD) << 64
        mix = [int(word) for word in cls(0x02461E293EC8F720, counter).blocks(xp, 1)[0]]
        return cls(mix[0] | mix[1] << 32, (mix[2] | mix[3] << 32) << 64)

    def skipped(self, blocks: int) -> Philox:
        """The position `blocks` blocks further on."""
        return Philox(self.key, self.counter + blocks)

    def reserve(self, blocks: int) -> Philox:
        """This position, as a copy, after moving on by `blocks`: what one run of an op consumes."""
        start = Philox(self.key, self.counter)
        self.counter = (self.counter + blocks) & _COUNTER
        return start

    def blocks(self, xp: Any, count: int) -> Array:
        """The next `count` blocks, an array `[count, 4]` of uint32. Does not move the position."""
        words = xp.empty((count, 4), dtype=xp.uint32)
        for start in range(0, count, _CHUNK):
            stop = min(start + _CHUNK, count)
            self._fill(xp, xp.arange(start, stop, dtype=xp.uint64), words[start:stop])
        return words

    def blocks_at(self, xp: Any, offsets: Array) -> Array:
        """The blocks at these offsets (uint64, any shape) from here: an array `offsets.shape + (4,)`."""
        offsets = xp.asarray(offsets, dtype=xp.uint64)
        words = xp.empty((*offsets.shape, 4), dtype=xp.uint32)
        flat_offsets, flat_words = offsets.reshape(-1), words.reshape(-1, 4)
        for start in range(0, flat_offsets.shape[0], _CHUNK):
            stop = start + _CHUNK
            self._fill(xp, flat_offsets[start:stop], flat_words[start:stop])
        return words

    def _fill(self, xp: Any, offsets: Array, words: Array) -> None:
        """Write the blocks at `offsets` into `words`.

        A round multiplies the words 0 and 2 and turns the halves of the two products into the next four words.
        Words live in 64 bits, which hold the products; two of them are the rows of one array: few, long calls.
        """
        mask, half = xp.uint64(_WORD), xp.uint64(32)
        low, high = self.counter & _DOUBLE_WORD, self.counter >> 64
        lower = offsets + xp.uint64(low)
        factors = xp.empty((2, *offsets.shape), dtype=xp.uint64)
        rest, products = xp.empty_like(factors), xp.empty_like(factors)
        xp.bitwise_and(lower, mask, out=factors[0])
        xp.right_shift(lower, half, out=rest[0])
        factors[1], rest[1] = high & _WORD, high >> 32
        carry = lower < offsets
        if low and bool(carry.any()):
            following = (high + 1) & _DOUBLE_WORD
            factors[1][carry], rest[1][carry] = following & _WORD, following >> 32
        multipliers, keys = xp.asarray(_MULTIPLIERS), xp.asarray(_round_keys(self.key))
        swapped = products[::-1]
        for index in range(ROUNDS):
            xp.multiply(factors, multipliers, out=products)
            xp.right_shift(swapped, half, out=factors)
            xp.bitwise_xor(factors, rest, out=factors)
            xp.bitwise_xor(factors, keys[index], out=factors)
            xp.bitwise_and(swapped, mask, out=rest)
        words[:, 0], words[:, 1] = factors[0], rest[0]
        words[:, 2], words[:, 3] = factors[1], rest[1]


@lru_cache(maxsize=256)
def _round_keys(key: int) -> Any:
    """The keys of the rounds, `[rounds, 2, 1]`: each half grows by a constant."""
    return np.array(
        [[[(key + index * WEYL_A) & _WORD], [((key >> 32) + index * WEYL_B) & _WORD]] for index in range(ROUNDS)],
        dtype=np.uint64,
    )


class SampleStream:
    """The words of a Philox stream one after another, for the samplers that reject.

    Words are fetched a stretch of blocks at a time; `position` counts the words handed out.
    """

    __slots__ = ("_buffer", "_next", "_philox", "position")

    def __init__(self, philox: Philox) -> None:
        self._philox = Philox(philox.key, philox.counter)
        self._buffer: list[int] = []
        self._next = 0
        self.position = 0

    def word(self, xp: Any) -> int:
        """The next 32-bit word."""
        if self._next == len(self._buffer):
            count = 16 if not self._buffer else 256
            self._buffer = [int(word) for word in self._philox.reserve(count).blocks(xp, count).reshape(-1)]
            self._next = 0
        self._next += 1
        self.position += 1
        return self._buffer[self._next - 1]
