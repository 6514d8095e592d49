"""Elements from one place to another: every reordering that two accesses describe.

A move walks a space; at each point it copies one element, wherever the strides of its two accesses say.
Axes that lie alike on both sides become one. What is left is a plain copy, rows of words as wide as they
can be, or a transposition, which goes through shared memory so that both sides are touched in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from scopert.backend import Access
from scopert_cupy.command import Argument, Command, Copy, Function, Launch, Operand
from scopert_cupy.device import Facts
from scopert_cupy.emitters.source import THREADS, blocks, decode, define, index_type, launch, strided, widest, word

#: Arrays up to so many elements may stand in for others in memory.
COUNTABLE = 1 << 22
#: Side of the squares that a transposition carries through shared memory.
SIDE = 32
#: Pieces that one launch copies.
_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class Move:
    """Copies ``source[of]`` to ``target[to]`` at all points of a space.

    Attributes
    ----------
    target, source : Operand
    extents : tuple of int
    to, of : Access
    """

    target: Operand
    source: Operand
    extents: tuple[int, ...]
    to: Access
    of: Access


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a contiguous array."""
    strides = [1] * len(shape)
    for axis in reversed(range(len(shape) - 1)):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
    return tuple(strides)


def enumerated(
    extents: Sequence[int], shape: Sequence[int], strides: Sequence[int]
) -> tuple[int, ...] | None:  # fmt: skip
    """Strides along `extents`, which enumerate an array of `shape` with these strides; None if none do."""
    found: list[int] = []
    rest = list(extents)
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        while size > 1:
            if not rest or size % rest[-1]:
                return None
            found.append(stride)
            stride *= rest[-1]
            size //= rest.pop()
    found += [0] * len(rest)
    return tuple(reversed(found)) if all(size == 1 for size in rest) else None


def stand_in(shape: Sequence[int]) -> Any:
    """A NumPy array of bytes of which views can be made, to see where their elements lie; nobody may read it.

    A small one has memory of its own. A large one has none: so it takes none.
    """
    if prod(shape) <= COUNTABLE:
        return np.empty(tuple(shape), np.uint8)
    return np.lib.stride_tricks.as_strided(np.empty(1, np.uint8), tuple(shape), row_major(shape))


def contiguous(shape: Sequence[int]) -> Access:
    """The access of an array by its own indices."""
    return Access(row_major(shape))


def reordered(target: Operand, shape: Sequence[int], source: Operand, of: Access) -> Move:
    """Fills a contiguous array of `shape` with what `of` says."""
    return Move(target, source, tuple(shape), contiguous(shape), of)


def _collapsed(move: Move) -> Move:
    """The same with as few axes as can be."""
    axes = [
        (n, a, b) for n, a, b in zip(move.extents, move.to.strides, move.of.strides, strict=True) if n != 1
    ]  # fmt: skip
    merged: list[tuple[int, int, int]] = []
    for n, a, b in axes:
        if merged:
            before, outer_a, outer_b = merged[-1]
            if outer_a == a * n and outer_b == b * n:
                merged[-1] = (before * n, a, b)
                continue
        merged.append((n, a, b))
    return replace(
        move,
        extents=tuple([n for n, _, _ in merged]),
        to=Access(tuple([a for _, a, _ in merged]), move.to.offset),
        of=Access(tuple([b for _, _, b in merged]), move.of.offset),
    )


def _widened(move: Move, itemsize: int) -> tuple[Move, int]:
    """In units of the widest words that rows on both sides consist of, and the bytes of such a word."""
    if not move.extents or move.to.strides[-1] != 1 or move.of.strides[-1] != 1:
        return move, itemsize
    steps = (*move.to.strides[:-1], *move.of.strides[:-1], move.extents[-1], move.to.offset, move.of.offset)
    starts = (move.target.offset, move.source.offset)
    size = max(itemsize, widest(*[step * itemsize for step in steps], *starts))
    factor = size // itemsize
    if factor == 1:
        return move, itemsize

    def shrunk(access: Access) -> Access:
        return Access((*[stride // factor for stride in access.strides[:-1]], 1), access.offset // factor)

    extents = (*move.extents[:-1], move.extents[-1] // factor)
    return replace(move, extents=extents, to=shrunk(move.to), of=shrunk(move.of)), size


def _span(extents: Sequence[int], access: Access) -> int:
    """A bound of the distance between two elements."""
    spans = [abs(stride) * (n - 1) for n, stride in zip(extents, access.strides, strict=True)]
    return sum(spans) + abs(access.offset) + 1


def _kind(move: Move) -> str:
    return index_type(prod(move.extents), _span(move.extents, move.to), _span(move.extents, move.of))


def _crossing(move: Move) -> int | None:
    """The axis along which the source is contiguous, if the target is so along another one."""
    if len(move.extents) < 2 or move.to.strides[-1] != 1 or move.of.strides[-1] == 1:
        return None
    for axis, (n, stride) in enumerate(zip(move.extents[:-1], move.of.strides[:-1], strict=True)):
        if stride == 1 and n >= 4 and move.extents[-1] >= 4:
            return axis
    return None


_TRANSPOSE = """SC_KERNEL void __launch_bounds__($THREADS, 4)
$NAME(const $T* __restrict__ source, $T* __restrict__ target) {
  __shared__ $T tile[$SIDE][$SIDE + 1];
  const unsigned x = threadIdx.x % $SIDE, y = threadIdx.x / $SIDE;
  for ($I block = blockIdx.x; block < ${count}u; block += gridDim.x) {
    $I rest = block;
    const $I column = rest % ${columns}u * $SIDE; rest /= ${columns}u;
    const $I row = rest % ${rows}u * $SIDE; rest /= ${rows}u;
    $decode
    const $T* from = source + ($from);
    $T* to = target + ($to);
    for (unsigned k = y; k < $SIDE; k += $THREADS / $SIDE)
      if (row + x < ${height}u && column + k < ${width}u)
        tile[k][x] = from[($S)(row + x) + ($S)(column + k) * $step];
    __syncthreads();
    for (unsigned k = y; k < $SIDE; k += $THREADS / $SIDE)
      if (row + k < ${height}u && column + x < ${width}u)
        to[($S)(row + k) * $leap + ($S)(column + x)] = tile[x][k];
    __syncthreads();
  }
}
"""


def _transposition(move: Move, axis: int, itemsize: int, facts: Facts) -> Launch:
    """Rows are those of `axis`, columns those of the last axis; all other axes count squares."""
    height, width = move.extents[axis], move.extents[-1]
    others = [k for k in range(len(move.extents) - 1) if k != axis]
    extents = [move.extents[k] for k in others]
    rows, columns = -(-height // SIDE), -(-width // SIDE)
    kind = _kind(move)
    function = define(
        "transpose", _TRANSPOSE,
        {
            "T": word(itemsize), "SIDE": SIDE, "I": kind, "S": _signed(kind), "count": rows * columns * prod(extents),
            "columns": columns, "rows": rows, "height": height, "width": width,
            "decode": decode("rest", extents, "b", kind),
            "from": strided("b", [move.of.strides[k] for k in others], move.of.offset, kind),
            "to": strided("b", [move.to.strides[k] for k in others], move.to.offset, kind),
            "step": move.of.strides[-1], "leap": move.to.strides[axis],
        },
        fibers=True,
    )  # fmt: skip
    return launch(function, blocks(rows * columns * prod(extents), facts, 1), THREADS, move.source, move.target)


def _signed(kind: str) -> str:
    return "int" if kind == "unsigned" else "long long"


_PIECE = """for ($I i = ($I)blockIdx.x * blockDim.x + threadIdx.x; i < ${count}u; i += ($I)gridDim.x * blockDim.x) {
        $decode
        t$number[$to] = s$number[$of];
      }"""


def _piece(move: Move, number: int) -> str:
    kind = _kind(move)
    names = {
        "$I": kind, "${count}": str(prod(move.extents)), "$decode": decode("i", move.extents, "a", kind),
        "$to": strided("a", move.to.strides, move.to.offset, kind),
        "$of": strided("a", move.of.strides, move.of.offset, kind), "$number": str(number),
    }  # fmt: skip
    text = _PIECE
    for key, value in names.items():
        text = text.replace(key, value)
    return text


def _together(pieces: Sequence[tuple[Move, int]], facts: Facts) -> Launch:
    """One launch for several moves; the second axis of the grid chooses which."""
    parameters: list[str] = []
    arguments: list[Argument] = []
    cases: list[str] = []
    for number, (move, size) in enumerate(pieces):
        parameters += [f"const {word(size)}* __restrict__ s{number}", f"{word(size)}* __restrict__ t{number}"]
        arguments += [move.source, move.target]
        cases.append(f"case {number}: {{\n      {_piece(move, number)}\n      break; }}")
    body = cases[0][len("case 0: ") : -len("break; }")] + "}" if len(cases) == 1 else ""
    if not body:
        body = "switch (blockIdx.y) {\n    " + "\n    ".join(cases) + "\n  }"
    function: Function = define(
        "move", "SC_KERNEL void __launch_bounds__($THREADS, 4) $NAME($parameters) {\n  $body\n}\n",
        {"parameters": ", ".join(parameters), "body": body}, width=max(size for _, size in pieces),
    )  # fmt: skip
    most = max(prod(move.extents) for move, _ in pieces)
    return launch(function, (blocks(most, facts), len(pieces), 1), THREADS, *arguments)


def moved(moves: Sequence[Move], itemsize: int, facts: Facts) -> tuple[Command, ...]:
    """The commands of some moves of elements of one size, none of which reads what another writes.

    Parameters
    ----------
    moves : sequence of Move
    itemsize : int
        Bytes of an element.
    facts : Facts
    """
    commands: list[Command] = []
    pieces: list[tuple[Move, int]] = []
    for whole in moves:
        if not prod(whole.extents):
            continue
        move = _collapsed(whole)
        axis = _crossing(move)
        if axis is not None:
            commands.append(_transposition(move, axis, itemsize, facts))
        else:
            pieces.append(_widened(move, itemsize))
    for first in range(0, len(pieces), _TOGETHER):
        group = pieces[first : first + _TOGETHER]
        if len(group) == 1 and _is_plain(group[0][0]):
            commands.append(_plain(*group[0]))
        else:
            commands.append(_together(group, facts))
    return tuple(commands)


def _is_plain(move: Move) -> bool:
    return not move.extents or (len(move.extents) == 1 and move.to.strides == (1,) and move.of.strides == (1,))


def _plain(move: Move, size: int) -> Copy:
    target, source = move.target, move.source
    return Copy(
        replace(target, offset=target.offset + move.to.offset * size),
        replace(source, offset=source.offset + move.of.offset * size),
        prod(move.extents) * size,
    )
