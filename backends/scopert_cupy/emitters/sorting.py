"""Sorting numbers below a limit together with their places; equal numbers stay in order.

Few numbers are ranked by one block, some more by all: a warp counts what comes before a number, which is its place.
Many are sorted digit by digit: each block counts the digits of its tile, one block adds the counts up, and each block
carries its tile to where they say. Counts are integers and places follow from them alone, so the result is the same
in every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scopert_cupy.command import Command, Operand
from scopert_cupy.device import Facts
from scopert_cupy.emitters.scanning import sums_before
from scopert_cupy.emitters.source import THREADS, Passed, aligned, define, launch, pointwise, reading, writing

#: So many are ranked by one block.
_RANKED = 1024
#: So many are ranked by all blocks: two launches, where digits would take three for each.
_COUNTED = 8192
#: Numbers that a warp ranks at a time.
_AT_ONCE = 4
#: Keys of one thread, and bits of one digit at most.
_EACH = 8
_DIGIT = 5


@dataclass(frozen=True, slots=True)
class Order:
    """Numbers in order.

    Attributes
    ----------
    keys, places : Operand
        `count` unsigned numbers each, in scratch: the sorted ones, and where each stood.
    count : int
    limit : int
        What is not below it stands at the end, and means nothing.
    commands : tuple of Command
    scratch : int
        Bytes of scratch that are in use, with these.
    """

    keys: Operand
    places: Operand
    count: int
    limit: int
    commands: tuple[Command, ...]
    scratch: int


_RANK = """SC_KERNEL void __launch_bounds__($THREADS, 4) $NAME($parameters) {
  __shared__ unsigned all[$COUNT];
  for (unsigned i = threadIdx.x; i < $COUNT; i += $THREADS) {
    $key
    all[i] = key;
  }
  __syncthreads();
  for (unsigned i = threadIdx.x; i < $COUNT; i += $THREADS) {
    const unsigned key = all[i];
    unsigned rank = 0;
    for (unsigned j = 0; j < i; ++j) rank += all[j] <= key;
    for (unsigned j = i + 1; j < $COUNT; ++j) rank += all[j] < key;
    keys[rank] = key;
    places[rank] = i;
  }
}
"""

_RANK_ALL = """SC_KERNEL void __launch_bounds__($THREADS, 4)
$NAME(const unsigned* __restrict__ raw, unsigned* __restrict__ keys, unsigned* __restrict__ places) {
  const unsigned lane = threadIdx.x % 32, warps = gridDim.x * ($THREADS / 32);
  for (unsigned first = (blockIdx.x * ($THREADS / 32) + threadIdx.x / 32) * $AT_ONCE; first < $COUNT;
       first += warps * $AT_ONCE) {
    unsigned own[$AT_ONCE];
    int before[$AT_ONCE];
    for (int t = 0; t < $AT_ONCE; ++t) {
      own[t] = first + t < $COUNT ? raw[first + t] : 0;
      before[t] = 0;
    }
    for (unsigned j = lane; j < $COUNT; j += 32) {
      const unsigned key = raw[j];
#pragma unroll
      for (int t = 0; t < $AT_ONCE; ++t) before[t] += key < own[t] || (key == own[t] && j < first + t);
    }
    for (int t = 0; t < $AT_ONCE; ++t) {
      const int rank = sc_over_lanes<sc_sum, 32>(before[t]);
      if (lane == 0 && first + t < $COUNT) {
        keys[rank] = own[t];
        places[rank] = first + t;
      }
    }
  }
}
"""

_COUNT = """SC_KERNEL void __launch_bounds__($THREADS, 4)
$NAME(const unsigned* __restrict__ keys, unsigned* __restrict__ counts) {
  __shared__ unsigned of[$DIGITS];
  if (threadIdx.x < $DIGITS) of[threadIdx.x] = 0;
  __syncthreads();
  const unsigned long long begin = (unsigned long long)blockIdx.x * ($THREADS * $EACH);
  for (unsigned k = 0; k < $EACH; ++k) {
    const unsigned long long i = begin + k * $THREADS + threadIdx.x;
    if (i < ${count}u) atomicAdd(&of[keys[i] >> $SHIFT & ($DIGITS - 1)], 1u);
  }
  __syncthreads();
  if (threadIdx.x < $DIGITS) counts[threadIdx.x * ${blocks}u + blockIdx.x] = of[threadIdx.x];
}
"""

_CARRY = """SC_KERNEL void __launch_bounds__($THREADS, 4)
$NAME(const unsigned* __restrict__ keys, const unsigned* __restrict__ places, const unsigned* __restrict__ before,
      unsigned* __restrict__ keys_to, unsigned* __restrict__ places_to) {
  __shared__ unsigned short ranks[$DIGITS * $THREADS];
  __shared__ unsigned sums[2][$THREADS];
  const unsigned t = threadIdx.x;
  for (unsigned k = 0; k < $DIGITS; ++k) ranks[k * $THREADS + t] = 0;
  __syncthreads();
  const unsigned long long begin = (unsigned long long)blockIdx.x * ($THREADS * $EACH) + t * $EACH;
  unsigned key[$EACH], place[$EACH], rank[$EACH];
#pragma unroll
  for (int k = 0; k < $EACH; ++k)
    if (begin + k < ${count}u) {
      key[k] = keys[begin + k];
      place[k] = places[begin + k];
      rank[k] = ranks[(key[k] >> $SHIFT & ($DIGITS - 1)) * $THREADS + t]++;
    }
  __syncthreads();
  // Sums over all threads of digit 0, then those of digit 1 ...: each thread has a run of $DIGITS of them.
  unsigned total = 0;
  for (unsigned k = 0; k < $DIGITS; ++k) total += ranks[t * $DIGITS + k];
  sums[0][t] = total;
  __syncthreads();
  int turn = 0;
  for (unsigned step = 1; step < $THREADS; step *= 2, turn ^= 1) {
    sums[turn ^ 1][t] = sums[turn][t] + (t >= step ? sums[turn][t - step] : 0);
    __syncthreads();
  }
  unsigned running = sums[turn][t] - total;
  for (unsigned k = 0; k < $DIGITS; ++k) {
    const unsigned here = ranks[t * $DIGITS + k];
    ranks[t * $DIGITS + k] = (unsigned short)running;
    running += here;
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < $EACH; ++k)
    if (begin + k < ${count}u) {
      const unsigned digit = key[k] >> $SHIFT & ($DIGITS - 1);
      const unsigned to = before[digit * ${blocks}u + blockIdx.x] + ranks[digit * $THREADS + t] -
                          ranks[digit * $THREADS] + rank[k];
      keys_to[to] = key[k];
      places_to[to] = place[k];
    }
}
"""


def ordered(
    count: int, limit: int, key: str, parameters: Sequence[Passed], facts: Facts, scratch: int = 0
) -> Order:  # fmt: skip
    """Sorts `count` numbers.

    Parameters
    ----------
    count : int
        1 to 2^31 - 1.
    limit : int
        Below 2^32 - 1.
    key : str
        Statements that define ``const unsigned key`` of the place ``i``: a number below `limit`, or `limit`.
    parameters : sequence of (str, Argument)
        What they use.
    facts : Facts
    scratch : int
        Bytes of scratch in use before.
    """
    size = aligned(count * 4)
    pieces = [Operand("scratch", 0, aligned(scratch) + k * size) for k in range(4)]
    keys, places = pieces[:2]
    if count <= _RANKED:
        made: list[Passed] = [(writing("unsigned", "keys"), keys), (writing("unsigned", "places"), places)]
        names = {"COUNT": count, "key": key, "parameters": ", ".join([text for text, _ in (*parameters, *made)])}
        function = define("rank", _RANK, names, fibers=True)
        command = launch(function, 1, THREADS, *[value for _, value in (*parameters, *made)])
        return Order(keys, places, count, limit, (command,), aligned(scratch) + 2 * size)
    if count <= _COUNTED:
        raw = pieces[2]
        body = f"{key}\n    raw[i] = key;"
        noted = pointwise("raw_keys", count, [*parameters, (writing("unsigned", "raw"), raw)], body, facts)
        function = define("rank_all", _RANK_ALL, {"COUNT": count, "AT_ONCE": _AT_ONCE}, fibers=True)
        ranked = launch(function, -(-count // (_AT_ONCE * THREADS // 32)), THREADS, raw, keys, places)
        return Order(keys, places, count, limit, (noted, ranked), aligned(scratch) + 3 * size)
    bits = max(1, limit.bit_length())
    passes = -(-bits // _DIGIT)
    digit = -(-bits // passes)
    blocks = -(-count // (THREADS * _EACH))
    counts = Operand("scratch", 0, aligned(scratch) + 4 * size)
    table = aligned(4 * blocks * 2**digit)
    before = Operand("scratch", 0, counts.offset + table)
    body = f"{key}\n    keys[i] = key;\n    places[i] = (unsigned)i;"
    passed = [*parameters, (writing("unsigned", "keys"), keys), (writing("unsigned", "places"), places)]
    commands: list[Command] = [pointwise("keys", count, passed, body, facts)]
    names = {"EACH": _EACH, "DIGITS": 2**digit, "count": count, "blocks": blocks}
    for number in range(passes):
        names["SHIFT"] = number * digit
        from_keys, from_places, to_keys, to_places = pieces if number % 2 == 0 else (*pieces[2:], *pieces[:2])
        counted = define("count_digits", _COUNT, names, fibers=True)
        carried = define("carry_digits", _CARRY, names, fibers=True)
        commands += [
            launch(counted, blocks, THREADS, from_keys, counts),
            sums_before(counts, before, blocks * 2**digit),
            launch(carried, blocks, THREADS, from_keys, from_places, before, to_keys, to_places),
        ]
        keys, places = to_keys, to_places
    return Order(keys, places, count, limit, tuple(commands), before.offset + table)


def in_order(
    count: int, limit: int, key: str, parameters: Sequence[Passed], facts: Facts, scratch: int = 0
) -> Order:  # fmt: skip
    """The same for numbers that stand in order already: they are only read; arguments as of `ordered`."""
    size = aligned(count * 4)
    keys, places = [Operand("scratch", 0, aligned(scratch) + k * size) for k in range(2)]
    made: list[Passed] = [*parameters, (writing("unsigned", "keys"), keys), (writing("unsigned", "places"), places)]
    body = f"{key}\n    keys[i] = key;\n    places[i] = (unsigned)i;"
    return Order(
        keys, places, count, limit, (pointwise("keys", count, made, body, facts),), aligned(scratch) + 2 * size
    )  # fmt: skip


def order_parameters(order: Order) -> list[Passed]:
    """The declarations of sorted keys and places, for functions that read them."""
    return [(reading("unsigned", "keys"), order.keys), (reading("unsigned", "places"), order.places)]
