"""Functions over rows: what softmax, the cross-entropies and their kin have in common.

A row is read once and kept in registers if it is short enough, by a warp or by a block; else it is read anew in
each phase. A phase reduces an expression over the row to one number, or stores one for each of its elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from scopert_cupy.command import Launch
from scopert_cupy.device import Facts
from scopert_cupy.emitters.source import THREADS, Passed, define, index_type, launch, widest

_UNROLL = '_Pragma("unroll")'
#: Elements that one lane keeps in registers.
_KEPT = 32


@dataclass(frozen=True, slots=True)
class Total:
    """``const A name = operation over the row of expression``; `x` is the element, `j` its place in the row."""

    name: str
    operation: str
    expression: str
    kind: str = "A"


@dataclass(frozen=True, slots=True)
class Each:
    """Stores `expression` to ``target[row * columns + j]``."""

    target: str
    made: str
    expression: str


@dataclass(frozen=True, slots=True)
class Once:
    """A statement, run by the first lane alone (`alone`) or by all."""

    statement: str
    alone: bool = True


Phase = Total | Each | Once

_FUNCTION = """SC_KERNEL void __launch_bounds__($THREADS, 2) $NAME($parameters) {
  typedef sc_value<$T> A;
  $rooms
  const unsigned lane = threadIdx.x % $LANES;
  for ($I row = ($I)blockIdx.x * ($THREADS / $LANES) + threadIdx.x / $LANES; row < ${rows}u;
       row += ($I)gridDim.x * ($THREADS / $LANES)) {
    const $I begin = $begin;
    $read
    $phases
  }
}
"""


def over_rows(
    stem: str, rows: int, columns: int, element: str, itemsize: int, parameters: Sequence[Passed],
    phases: Sequence[Phase], facts: Facts, *, begin: str | None = None, strided: bool = True,
) -> Launch:  # fmt: skip
    """A launch that runs phases over each row of ``source``, which must be among the parameters.

    Parameters
    ----------
    stem : str
    rows, columns : int
    element : str
        The C++ type of the source in memory.
    itemsize : int
        Its bytes.
    parameters : sequence of (str, Argument)
    phases : sequence of Phase
    facts : Facts
    begin : str, optional
        Where a row begins, if that is not ``row * columns``.
    strided : bool
        Rows lie one after the other, so that packs of elements are aligned.
    """
    each = max(1, widest(columns * itemsize) // itemsize) if strided else 1
    registers = 4 if itemsize < 8 else 8
    most = _KEPT * 4 // registers
    lanes = 32 if columns <= 32 * most else THREADS
    turns = -(-columns // (lanes * each))
    kept = turns * each <= most
    kind = index_type(rows * columns)
    loop = (
        f"{_UNROLL} for (int p = 0; p < {turns}; ++p) {_UNROLL} for (int w = 0; w < {each}; ++w) {{ "
        f"const unsigned j = (p * {lanes}u + lane) * {each}u + w; const A x = v[p * {each} + w]; "
        f"if (j < {columns}u) {{ BODY }} }}"
        if kept
        else f"for (unsigned j = lane; j < {columns}u; j += {lanes}u) {{ const A x = sc_get(source[begin + j]); BODY }}"
    )
    read = (
        f"A v[{turns * each}];\n    {_UNROLL} for (int p = 0; p < {turns}; ++p) "
        f"if ((p * {lanes}u + lane) * {each}u < {columns}u) {{\n"
        f"      const sc_pack<{element}, {each}> pack = "
        f"sc_load<{each}>(source + begin + (p * {lanes}u + lane) * {each}u);\n"
        f"      for (int w = 0; w < {each}; ++w) v[p * {each} + w] = sc_get(pack.at[w]);\n    }}"
        if kept
        else ""
    )
    rooms, lines = [], []
    for number, phase in enumerate(phases):
        if isinstance(phase, Once):
            lines.append(f"if (lane == 0) {{ {phase.statement} }}" if phase.alone else phase.statement)
        elif isinstance(phase, Total):
            operation, variable = phase.operation, f"t{number}"
            meet = f"sc_over_lanes<{operation}, 32>({variable})"
            if lanes > 32:
                rooms.append(f"__shared__ {phase.kind} room{number}[32];")
                meet = f"sc_over_block<{operation}>({variable}, room{number})"
            lines.append(f"{phase.kind} {variable} = {operation}::identity<{phase.kind}>();")
            lines.append(
                loop.replace("BODY", f"{variable} = {operation}::of({variable}, ({phase.kind})({phase.expression}));")
            )
            lines.append(f"const {phase.kind} {phase.name} = {meet};")
        elif kept and each > 1:
            lines.append(
                f"{_UNROLL} for (int p = 0; p < {turns}; ++p) {{ "
                f"const unsigned j_ = (p * {lanes}u + lane) * {each}u; if (j_ < {columns}u) {{\n"
                f"      sc_pack<{phase.made}, {each}> pack;\n      for (int w = 0; w < {each}; ++w) {{ "
                f"const unsigned j = j_ + w; const A x = v[p * {each} + w]; "
                f"pack.at[w] = sc_put<{phase.made}>({phase.expression}); }}\n"
                f"      sc_store<{each}>({phase.target} + row * {columns}u + j_, pack);\n    }} }}"
            )
        else:
            store = f"{phase.target}[row * {columns}u + j] = sc_put<{phase.made}>({phase.expression});"
            lines.append(loop.replace("BODY", store))
    names = {
        "T": element, "LANES": lanes, "I": kind, "rows": rows, "begin": begin or f"row * {columns}u", "read": read,
        "rooms": "\n  ".join(rooms), "phases": "\n    ".join(lines),
        "parameters": ", ".join([declaration for declaration, _ in parameters]),
    }  # fmt: skip
    function = define(stem, _FUNCTION, names, fibers=True, width=each * itemsize if kept else 0)
    grid = min(-(-rows * lanes // THREADS), facts.multiprocessors * 32)
    return launch(function, grid, THREADS, *[value for _, value in parameters])


def as_rows(shape: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of an array whose last axis is the row."""
    return prod(shape[:-1]), shape[-1] if shape else 1
