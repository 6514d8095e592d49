"""Where the values of a program lie: offsets in one workspace, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: Offsets are multiples of this: a cache line, and the widest vector register.
ALIGNMENT = 64


def aligned(nbytes: int) -> int:
    """The next multiple of the alignment."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The layout of a program's workspace, made by the pass `place`; ``print`` shows it.

    What a run returns is not in the workspace, nor are feeds, constants, variables, and values without
    static shape.

    Attributes
    ----------
    offsets : dict of int to int
        Slot -> offset in bytes. Slots that share memory (an output that overwrites an input, a view) have
        the same offset.
    views : frozenset of int
        Slots that are the memory of another slot under another shape: nothing has to run for them.
    copied : frozenset of int
        Outputs of steps that could return a view of an input; they are copied to their place, because what
        reads them needs contiguous memory.
    nbytes : int
        The size of the workspace.
    bound : int
        The largest number of bytes that are alive at the same time, in the best order that the pass `order` found:
        no layout needs less.
    values : int
        How many pieces of memory were placed.
    """

    offsets: dict[int, int]
    views: frozenset[int]
    copied: frozenset[int]
    nbytes: int
    bound: int
    values: int

    @property
    def ratio(self) -> float:
        """Size over lower bound; 1 is perfect."""
        return self.nbytes / self.bound if self.bound else 1.0

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """A summary, a line a fact."""
        yield f"workspace: {self.nbytes} bytes for {self.values} values in {len(self.offsets)} slots"
        yield f"  alive at once in the best order found: {self.bound} bytes; ratio {self.ratio:.3f}"
        yield f"  {len(self.views)} views, {len(self.copied)} copies of views"
