"""Pushes to several stacks, or pops of them, in one launch: a block or more for each.

A row of a table says where the count of a stack, its elements and the other array lie.
"""

from __future__ import annotations

from scopert_cupy.command import Command, Emitted, Extent, Launch, Operand, Table
from scopert_cupy.emit import Emitter, Request
from scopert_cupy.emitters.held import LARGEST_BLOCK, MOST_THREADS
from scopert_cupy.emitters.source import OUTPUT, blocks, define, no_word, word
from scopert_cupy.held import HELD, Held, refused
from scopert_cupy.hold_together import POPS, PUSHES

_STATUS = Operand("scratch", 0, 0)
_STACKS = """
SC_KERNEL void __launch_bounds__($THREADS, 1) $NAME(const unsigned long long* __restrict__ rows, unsigned* status) {
  const unsigned long long* row = rows + (unsigned long long)$entry * 4;
  int* head = (int*)row[0];
  $word* elements = ($word*)row[1];
  $word* other = ($word*)row[2];
  const unsigned words = (unsigned)row[3];
  const long long at = (long long)head[0]$top;
  const bool ok = $ok;
  $copy
}
"""


def _stacks(request: Request, pushes: bool) -> Emitted | None:
    several: tuple[Held, ...] = request.attrs[HELD]
    size = several[0].width
    place = "elements[(unsigned long long)at * words + i]"
    one = f"if (ok) {place} = other[i];" if pushes else f"other[i] = ok ? {place} : {no_word(size)};"
    each = max(held.nbytes for held in several) // size
    rows: list[Operand | int] = []
    for k, held in enumerate(several):
        handle = 2 * k if pushes else k
        other = Operand("input", 2 * k + 1) if pushes else OUTPUT[k]
        words = held.nbytes // size | (held.count << 32)
        rows += [Operand("input", handle, held.head), Operand("input", handle, held.start), other, words]
    table = Operand("input", len(request.step.inputs))
    names = {
        "word": word(size), "top": "" if pushes else " - 1",
        "ok": "at < (long long)(row[3] >> 32)" if pushes else "at >= 0",
    }  # fmt: skip

    def launched(stem: str, copy: str, entry: str, grid: Extent, threads: int, fibers: bool) -> Launch:
        # It claims no width: what is loaded through addresses of a table is not known to be global memory.
        function = define(stem, _STACKS, {**names, "copy": copy, "entry": entry}, fibers=fibers, threads=threads)
        return Launch(function, grid, (threads, 1, 1), (table, _STATUS))

    def copying(first: str, step: str) -> str:
        return f"for (unsigned i = {first}; i < words; i += {step}) {{ {one} }}"

    next_one = "+ 1" if pushes else ""

    def noting(entry: str) -> str:
        return f"if (ok) head[0] = (int)(at {next_one}); else atomicMax(status, 1u | (unsigned){entry} << 3);"

    commands: tuple[Command, ...]
    if each * size <= LARGEST_BLOCK:
        threads = min(MOST_THREADS, -(-each // 32) * 32)
        copy = f"{copying('threadIdx.x', str(threads))}\n  __syncthreads();\n  "
        copy += f"if (threadIdx.x == 0) {{ {noting('blockIdx.x')} }}"
        commands = (launched("held_stacks", copy, "blockIdx.x", (len(several), 1, 1), threads, True),)
    else:
        across = blocks(each, request.facts)
        copy = copying("blockIdx.y * 256 + threadIdx.x", "gridDim.y * 256")
        commands = (
            launched("held_stacks_rows", copy, "blockIdx.x", (len(several), across, 1), 256, False),
            launched("held_stacks_marks", noting("blockIdx.x"), "blockIdx.x", (len(several), 1, 1), 1, False),
        )
    op = "StackPushV2" if pushes else "StackPopV2"

    def refusal(code: int) -> None:
        refused(several[code >> 3], op, 0)

    return Emitted(commands, 4, constants=(Table(tuple(rows)),), status=0, refusal=refusal)


TABLE: dict[str, Emitter] = {
    PUSHES: lambda request: _stacks(request, True),
    POPS: lambda request: _stacks(request, False),
}
