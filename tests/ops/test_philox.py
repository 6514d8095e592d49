"""The generator itself: published answers, counters at their edges, and reserving."""

from __future__ import annotations

import numpy as np
import pytest

from scopert.ops.philox import Philox, SampleStream

ALL = (1 << 128) - 1
# Counter, key, answer as four words: the known-answer tests that come with the authors' Random123.
ANSWERS = [
    (0, 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (ALL, ALL >> 64, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        0x03707344_13198A2E_85A308D3_243F6A88,
        0x299F31D0_A4093822,
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), ANSWERS)
def test_published_answers(counter: int, key: int, answer: tuple[int, ...]) -> None:
    assert tuple(Philox(key, counter).blocks(np, 1)[0].tolist()) == answer


@pytest.mark.parametrize("counter", [0, (1 << 64) - 3, ALL - 2, 1 << 127])
def test_blocks_of_a_stretch_are_those_of_single_counters(counter: int) -> None:
    stretch = Philox(5, counter).blocks(np, 6)
    single = [Philox(5, counter + index).blocks(np, 1)[0] for index in range(6)]
    np.testing.assert_array_equal(stretch, single)


def test_blocks_at_offsets_across_chunks() -> None:
    stream = Philox.from_seeds(7, 9)
    stretch = stream.blocks(np, 20000)
    offsets = np.array([[0, 8191, 8192], [8193, 16384, 19999]])
    np.testing.assert_array_equal(stream.blocks_at(np, offsets), stretch[offsets])


def test_reserve_hands_out_the_position_before_moving() -> None:
    stream = Philox.from_seeds(-1, -2)
    first = stream.reserve(10)
    assert (first.counter, stream.counter - first.counter) == (((1 << 64) - 2) << 64, 10)
    np.testing.assert_array_equal(first.skipped(10).blocks(np, 2), stream.blocks(np, 2))


def test_sample_stream_walks_the_words_in_order() -> None:
    stream = Philox.from_seeds(1, 2)
    walker = SampleStream(stream)
    words = [walker.word(np) for _ in range(2000)]
    assert words == stream.blocks(np, 500).reshape(-1).tolist()
    assert walker.position == 2000
