"""Candidate samplers: classes drawn from a range, with how often each was to be expected.

They run on the host. The classes are those TensorFlow 1.15.5 draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scopert.ops.philox import Philox, SampleStream

WORDS_PER_CANDIDATE = 2048
"""32-bit words by which a run moves the counter for each candidate."""


class Sampler(Protocol):
    """A distribution over `range(size)`."""

    size: int

    def sample(self, stream: SampleStream) -> int:
        """One class."""

    def probability(self, classes: NDArray[np.int64]) -> NDArray[np.float32]:
        """How likely one draw is to give each of these."""


class UniformSampler:
    """Every class is as likely."""

    def __init__(self, size: int) -> None:
        self.size = size

    def sample(self, stream: SampleStream) -> int:
        """One class, without bias."""
        return _below(stream, self.size, words=2)

    def probability(self, classes: NDArray[np.int64]) -> NDArray[np.float32]:
        """One share of `size` for each."""
        return np.full(classes.shape, 1.0 / self.size, dtype=np.float32)


class LogUniformSampler:
    """Zipf-like: class `k` has the probability `log((k + 2) / (k + 1)) / log(size + 1)`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._log_range = math.log1p(size)

    def sample(self, stream: SampleStream) -> int:
        """One class."""
        return (int(math.exp(_double(stream) * self._log_range)) - 1) % self.size

    def probability(self, classes: NDArray[np.int64]) -> NDArray[np.float32]:
        """By the formula of the class."""
        shares: NDArray[np.float64] = np.log((classes + 2.0) / (classes + 1.0)) / self._log_range
        return shares.astype(np.float32)


class LearnedUnigramSampler:
    """By the counts of the true classes seen so far, each starting at one."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._counts = np.ones(size, dtype=np.int64)
        self._sums: NDArray[np.int64] | None = None

    def sample(self, stream: SampleStream) -> int:
        """One class."""
        if self._sums is None:
            self._sums = np.cumsum(self._counts)
        return int(np.searchsorted(self._sums, _below(stream, int(self._sums[-1])), side="right"))

    def probability(self, classes: NDArray[np.int64]) -> NDArray[np.float32]:
        """The share that each class has in all counts."""
        return self._counts[classes].astype(np.float32) / np.float32(self._counts.sum())

    def update(self, classes: NDArray[np.int64]) -> None:
        """Count these classes."""
        np.add.at(self._counts, classes.reshape(-1), 1)
        self._sums = None


class FixedUnigramSampler:
    """By given weights, through Walker's alias tables (Knuth, volume 2)."""

    def __init__(self, weights: Sequence[float], distortion: float, reserved: int, shards: int, shard: int) -> None:
        kept = [0.0] * sum(1 for word in range(reserved) if word % shards == shard)
        kept += [
            math.pow(weight, distortion)
            for word, weight in enumerate(weights, start=len(kept))
            if word % shards == shard
        ]
        self._weights = np.array(kept, dtype=np.float32)
        self.size = len(kept)
        total = np.float32(0)
        for weight in self._weights:
            total += weight
        self._total = total
        self._threshold, self._alias = _alias_tables(self._weights)

    def sample(self, stream: SampleStream) -> int:
        """One class."""
        share = np.array([(stream.word(np) & 0x7FFFFF) | 127 << 23], dtype=np.uint32).view(np.float32)[0] - 1
        index = _below(stream, self.size)
        return index if share < self._threshold[index] else self._alias[index]

    def probability(self, classes: NDArray[np.int64]) -> NDArray[np.float32]:
        """The share that each class has in all weights."""
        return self._weights[classes] / self._total


def sample_batch(
    sampler: Sampler, philox: Philox, count: int, unique: bool, true_classes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """`count` classes, the expected counts of `true_classes` and those of the sampled ones.

    With `unique`, a class already drawn is drawn again, and the expected count is the probability of
    being among as many draws as it took.
    """
    stream = SampleStream(philox)
    tries = count
    if unique:
        drawn: dict[int, None] = {}
        tries = 0
        while len(drawn) < count:
            tries += 1
            drawn[sampler.sample(stream)] = None
        batch = list(drawn)
    else:
        batch = [sampler.sample(stream) for _ in range(count)]
    sampled = np.array(batch, dtype=np.int64)

    def expected(classes: NDArray[np.int64]) -> NDArray[np.float32]:
        probability = sampler.probability(classes)
        if tries == count:
            return probability * np.float32(count)
        # Each function is rounded to float32 once, as the C library's float functions nearly always are.
        exponent = np.float32(tries) * np.log1p(-probability.astype(np.float64)).astype(np.float32)
        result: NDArray[np.float32] = (-np.expm1(exponent.astype(np.float64))).astype(np.float32)
        return result

    return sampled, expected(true_classes), expected(sampled)


def _double(stream: SampleStream) -> float:
    high, low = stream.word(np), stream.word(np)
    return ((high & 0xFFFFF) << 32 | low) * 2.0**-52


def _below(stream: SampleStream, limit: int, words: int = 1) -> int:
    """An integer below `limit`, of one or two words; draws that would give it a bias are thrown away."""
    top = (1 << 32 * words) - 1

    def draw() -> int:
        first = stream.word(np)
        return first if words == 1 else first | stream.word(np) << 32

    if limit & (limit - 1) == 0:
        return draw() & (limit - 1)
    skewed = top % limit + 1
    value = draw()
    while value < skewed:
        value = draw()
    return value % limit


def _alias_tables(weights: NDArray[np.float32]) -> tuple[NDArray[np.float32], list[int]]:
    """Thresholds and aliases: slot `i` stands for itself below its threshold and else for its alias."""
    count = len(weights)
    total = 0.0
    for weight in weights:
        total += float(weight)
    share = [float(weight * np.float32(count)) / total for weight in weights]
    alias = list(range(count))
    low = [index for index in range(count) if share[index] < 1.0]
    high = [index for index in range(count) if share[index] >= 1.0]
    while high and low:
        small, large = low.pop(), high.pop()
        alias[small] = large
        share[large] -= 1.0 - share[small]
        (low if share[large] < 1.0 else high).append(large)
    # Rounding may leave slots over whose share is one but for an error.
    for index in (*low, *high):
        share[index], alias[index] = 1.0, index
    return np.array(share, dtype=np.float32), alias
