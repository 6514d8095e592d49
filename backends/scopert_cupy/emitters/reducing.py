"""Reductions over any axes of an array, in one order that depends on the shape alone.

Axes of one kind beside each other become one. If the last of them is reduced, some lanes walk along each row
and meet at its end; if it is kept, threads side by side own columns, and several rows of threads share the
work. Where there is little to keep and much to reduce, parts of it are reduced first, and their results after.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import prod

from scopert_cupy.command import Command, Launch, Operand
from scopert_cupy.device import Facts
from scopert_cupy.emitters.copying import row_major
from scopert_cupy.emitters.source import (
    THREADS,
    Passed,
    aligned,
    decode,
    define,
    index_type,
    launch,
    pointwise,
    reading,
    strided,
    widest,
    writing,
)

#: Rows up to this length are reduced by a warp each, longer ones by a block each.
_WARP_ROW = 1024


@dataclass(frozen=True, slots=True)
class Reduction:
    """What is reduced, and how.

    Attributes
    ----------
    source, target : Operand
    element, made : str
        C++ types in memory of what is read and of what is written.
    itemsize : int
        Bytes of `element`.
    total : str
        The type that it is accumulated in.
    operation : str
        One of the prelude's: ``sc_sum``, ``sc_prod``, ``sc_max_over``, ``sc_min_over``.
    mapped : str
        What is reduced, an expression over the element ``x``; ``at`` is its place in the source, ``kept`` the place
        of the result that it goes to.
    finish : str
        The result, an expression over ``total`` and ``kept``.
    more : tuple of (str, Argument)
        Further parameters, which these expressions use.
    """

    source: Operand
    target: Operand
    element: str
    made: str
    itemsize: int
    total: str
    operation: str
    mapped: str = "x"
    finish: str = "total"
    more: tuple[Passed, ...] = ()


@dataclass(frozen=True, slots=True)
class Space:
    """Kept and reduced axes with their strides in the source; kept ones are row-major in the target."""

    kept: tuple[int, ...]
    kept_strides: tuple[int, ...]
    gone: tuple[int, ...]
    gone_strides: tuple[int, ...]

    @property
    def rows(self) -> int:
        return prod(self.kept)

    @property
    def length(self) -> int:
        return prod(self.gone)


def _space(shape: Sequence[int], axes: Collection[int]) -> Space:
    merged: list[tuple[int, int, bool]] = []
    for axis, (n, stride) in enumerate(zip(shape, row_major(shape), strict=True)):
        if n == 1:
            continue
        if merged and merged[-1][2] == (axis in axes):
            merged[-1] = (merged[-1][0] * n, stride, merged[-1][2])
        else:
            merged.append((n, stride, axis in axes))
    kept = [(n, stride) for n, stride, gone in merged if not gone]
    gone = [(n, stride) for n, stride, is_gone in merged if is_gone]
    columns = [tuple([pair[k] for pair in pairs]) for pairs in (kept, gone) for k in (0, 1)]
    return Space(*columns)


_ROWS = """SC_KERNEL void __launch_bounds__($THREADS, 4) $NAME($parameters) {
  typedef $A A;
  $room
  const unsigned lane = threadIdx.x % $LANES;
  for ($I number = ($I)blockIdx.x * ($THREADS / $LANES) + threadIdx.x / $LANES; number < ${count}u;
       number += ($I)gridDim.x * ($THREADS / $LANES)) {
    const $I row = number / ${parts}u, begin = number % ${parts}u * ${step}u;
    const $I end = begin + ${step}u < ${length}u ? begin + ${step}u : ${length}u;
    $decode_row
    const $I base = $row_offset;
    const $I kept = row;
    A all[$W];
    for (int w = 0; w < $W; ++w) all[w] = $Op::identity<A>();
    for ($I r = begin + lane * $W; r < end; r += $LANES * $W) {
      $decode_place
      const $I first = base + ($place);
      const sc_pack<$T, $W> pack = sc_load<$W>(source + first);
#pragma unroll
      for (int w = 0; w < $W; ++w) {
        const $I at = first + w;
        const A x = ($cast)sc_get(pack.at[w]);
        all[w] = $Op::of(all[w], (A)($mapped));
      }
    }
    A total = all[0];
    for (int w = 1; w < $W; ++w) total = $Op::of(total, all[w]);
    total = $meet;
    if (lane == 0) target[number] = sc_put<$M>($finish);
  }
}
"""

_COLUMNS = """SC_KERNEL void __launch_bounds__($THREADS, 4) $NAME($parameters) {
  typedef $A A;
  __shared__ A room[$THREADS / $X][$X * $W];
  const unsigned x = threadIdx.x % $X, y = threadIdx.x / $X;
  for ($I block = blockIdx.x; block < ${count}u; block += gridDim.x) {
    const $I column = (block % ${across}u * $X + x) * $W, upper = block / ${across}u;
    const $I row = upper / ${parts}u, begin = upper % ${parts}u * ${step}u;
    const $I end = begin + ${step}u < ${length}u ? begin + ${step}u : ${length}u;
    const bool inside = column < ${columns}u;
    $decode_row
    const $I base = $row_offset + column;
    A all[$W];
    for (int w = 0; w < $W; ++w) all[w] = $Op::identity<A>();
    if (inside) for ($I r = begin + y; r < end; r += $THREADS / $X) {
      $decode_place
      const $I first = base + ($place);
      const sc_pack<$T, $W> pack = sc_load<$W>(source + first);
#pragma unroll
      for (int w = 0; w < $W; ++w) {
        const $I at = first + w, kept = row * ${columns}u + column + w;
        const A x = ($cast)sc_get(pack.at[w]);
        all[w] = $Op::of(all[w], (A)($mapped));
      }
    }
    for (int w = 0; w < $W; ++w) room[y][x * $W + w] = all[w];
    __syncthreads();
    for (unsigned half = $THREADS / $X / 2; half; half /= 2) {
      if (y < half)
        for (int w = 0; w < $W; ++w)
          room[y][x * $W + w] = $Op::of(room[y][x * $W + w], room[y + half][x * $W + w]);
      __syncthreads();
    }
    if (y == 0 && inside)
      for (int w = 0; w < $W; ++w) {
        const A total = room[0][x * $W + w];
        const $I kept = row * ${columns}u + column + w;
        target[upper * ${columns}u + column + w] = sc_put<$M>($finish);
      }
    __syncthreads();
  }
}
"""


def reduced(
    reduction: Reduction, shape: Sequence[int], axes: Collection[int], facts: Facts, scratch: int = 0,
) -> tuple[tuple[Command, ...], int]:  # fmt: skip
    """The commands of a reduction, and the bytes of scratch in use afterwards.

    Parameters
    ----------
    reduction : Reduction
    shape : sequence of int
        Of the source, which is contiguous.
    axes : collection of int
        Which are reduced, counted from the front.
    facts : Facts
    scratch : int
        Bytes of scratch in use before.
    """
    space = _space(shape, axes)
    if 0 in shape:
        # What is kept may be empty too; nothing is read in either case.
        space = Space((prod(n for axis, n in enumerate(shape) if axis not in axes),), (0,), (0,), (1,))
    return over_space(reduction, space, facts, scratch)


def over_space(reduction: Reduction, space: Space, facts: Facts, scratch: int = 0) -> tuple[tuple[Command, ...], int]:
    """The same where the axes are given; a kept one may have stride 0 in the source."""
    if not space.rows:
        return (), scratch
    if not space.gone:
        return (_mapped(reduction, space, facts),), scratch
    if not space.kept or space.kept_strides[-1] != 1 or not space.length:
        return _by_rows(reduction, space, facts, scratch)
    return _by_columns(reduction, space, facts, scratch)


def _mapped(reduction: Reduction, space: Space, facts: Facts) -> Command:
    """Nothing is reduced: each element alone."""
    body = (
        f"typedef {reduction.total} A; const A x = ({reduction.total})sc_get(source[i]); "
        "const unsigned long long at = i, kept = i; "
        f"const A total = (A)({reduction.mapped}); target[i] = sc_put<{reduction.made}>({reduction.finish});"
    )
    return pointwise("mapped", space.rows, _parameters(reduction), body, facts)


def _parameters(reduction: Reduction) -> list[Passed]:
    return [
        (reading(reduction.element, "source"), reduction.source), (writing(reduction.made, "target"), reduction.target),
        *reduction.more,
    ]  # fmt: skip


def _halves(reduction: Reduction, partial: Operand) -> tuple[Reduction, Reduction]:
    """A reduction in two steps: parts into scratch, and their totals."""
    total = _memory(reduction.total)
    first = Reduction(
        reduction.source, partial, reduction.element, total, reduction.itemsize, reduction.total, reduction.operation,
        reduction.mapped, more=reduction.more,
    )  # fmt: skip
    second = Reduction(
        partial, reduction.target, total, reduction.made, _SIZES[reduction.total], reduction.total,
        reduction.operation, finish=reduction.finish, more=reduction.more,
    )  # fmt: skip
    return first, second


_SIZES = {
    "bool": 1, "signed char": 1, "unsigned char": 1, "short": 2, "unsigned short": 2, "int": 4, "unsigned": 4,
    "float": 4, "long long": 8, "unsigned long long": 8, "double": 8,
}  # fmt: skip


def _memory(total: str) -> str:
    return "sc_bool" if total == "bool" else total


def _split(length: int, parts: int, multiple: int) -> tuple[int, int]:
    """The length of a part, a multiple of something, and how many parts that makes."""
    step = max(1, -(-length // max(parts, 1)))
    step = -(-step // multiple) * multiple
    return step, max(1, -(-length // step))


def _names(reduction: Reduction, space: Space, step: int, parts: int) -> dict[str, object]:
    """What both templates ask for."""
    kind = index_type(space.rows * parts, space.rows * space.length)
    several = len(space.gone) > 1
    return {
        "I": kind, "A": reduction.total, "T": reduction.element, "M": reduction.made, "Op": reduction.operation,
        "cast": reduction.total, "mapped": reduction.mapped, "finish": reduction.finish, "parts": parts, "step": step,
        "length": space.length, "decode_place": decode("r", space.gone, "p", kind) if several else "",
        "place": strided("p", space.gone_strides, 0, kind) if several else f"r * {space.gone_strides[0]}u",
        "parameters": ", ".join([declaration for declaration, _ in _parameters(reduction)]),
    }  # fmt: skip


def _row_pass(reduction: Reduction, space: Space, facts: Facts, wanted: int = 1) -> tuple[Launch, int]:
    """One result for each part of each row; and how many parts there are."""
    wide = 1
    if space.gone_strides[-1] == 1:
        steps = [stride * reduction.itemsize for stride in (*space.kept_strides, *space.gone_strides[:-1])]
        wide = max(1, widest(space.gone[-1] * reduction.itemsize, *steps) // reduction.itemsize)
    step, parts = _split(space.length, wanted, wide)
    lanes = 32 if step <= _WARP_ROW else THREADS
    names = _names(reduction, space, step, parts)
    operation = reduction.operation
    names |= {
        "LANES": lanes, "W": wide, "count": space.rows * parts,
        "room": "" if lanes == 32 else "__shared__ A room[32];",
        "decode_row": decode("row", space.kept, "k", str(names["I"])),
        "row_offset": strided("k", space.kept_strides, 0, str(names["I"])),
        "meet": f"sc_over_lanes<{operation}, 32>(total)" if lanes == 32 else f"sc_over_block<{operation}>(total, room)",
    }  # fmt: skip
    width = wide * reduction.itemsize if space.length else 0
    function = define("reduce_rows", _ROWS, names, fibers=True, width=width)
    grid = min(-(-space.rows * parts * lanes // THREADS), facts.multiprocessors * 32)
    return launch(function, grid, THREADS, *[value for _, value in _parameters(reduction)]), parts


def _column_pass(reduction: Reduction, space: Space, facts: Facts, split: bool) -> tuple[Launch, int]:
    """The same where the last axis is kept: parts stand before it in the result."""
    columns = space.kept[-1]
    steps = [stride * reduction.itemsize for stride in (*space.kept_strides[:-1], *space.gone_strides)]
    wide = max(1, widest(columns * reduction.itemsize, *steps) // reduction.itemsize)
    side = 32
    while side > 1 and side // 2 * wide >= columns:
        side //= 2
    across, upper = -(-columns // (side * wide)), prod(space.kept[:-1])
    wanted = -(-2 * facts.multiprocessors // (across * upper)) if split else 1
    step, parts = _split(space.length, min(wanted, space.length // (8 * THREADS // side) or 1), 1)
    names = _names(reduction, space, step, parts)
    names |= {
        "X": side, "W": wide, "across": across, "columns": columns, "count": across * upper * parts,
        "decode_row": decode("row", space.kept[:-1], "k", str(names["I"])),
        "row_offset": strided("k", space.kept_strides[:-1], 0, str(names["I"])),
    }  # fmt: skip
    function = define("reduce_columns", _COLUMNS, names, fibers=True, width=wide * reduction.itemsize)
    grid = min(across * upper * parts, facts.multiprocessors * 32)
    return launch(function, grid, THREADS, *[value for _, value in _parameters(reduction)]), parts


def _by_rows(reduction: Reduction, space: Space, facts: Facts, scratch: int) -> tuple[tuple[Command, ...], int]:
    enough = 2 * facts.multiprocessors
    parts = 1
    if space.length >= 16 * _WARP_ROW and space.rows < enough:
        parts = min(-(-enough // space.rows), space.length // (4 * _WARP_ROW))
    if parts == 1:
        return (_row_pass(reduction, space, facts)[0],), scratch
    first, second = _halves(reduction, Operand("scratch", 0, scratch))
    partial, parts = _row_pass(first, space, facts, parts)
    whole, _ = _row_pass(second, Space((space.rows,), (parts,), (parts,), (1,)), facts)
    return (partial, whole), aligned(scratch + space.rows * parts * second.itemsize)


def _by_columns(reduction: Reduction, space: Space, facts: Facts, scratch: int) -> tuple[tuple[Command, ...], int]:
    first, second = _halves(reduction, Operand("scratch", 0, scratch))
    partial, parts = _column_pass(first, space, facts, split=True)
    if parts == 1:
        return (_column_pass(reduction, space, facts, split=False)[0],), scratch
    upper, columns = prod(space.kept[:-1]), space.kept[-1]
    folded = Space((upper, columns), (parts * columns, 1), (parts,), (columns,))
    whole, _ = _column_pass(second, folded, facts, split=False)
    return (partial, whole), aligned(scratch + space.rows * parts * second.itemsize)
