"""What makes the rows of a frame, whichever engine takes several steps in one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from scopert.backend import Program, Value
from scopert_numpy.into_places import copier
from scopert_numpy.steps import Row

#: NumPy's kinds of numbers.
KINDS = "biufc"


class FrameRows:
    """Rows as they are made; those that nobody needs as yet are put in when somebody does.

    Attributes
    ----------
    known : list
        By slot, values that are the same in all runs: arrays in the workspace.
    """

    def __init__(self, program: Program, views: Mapping[int, Any], wanted: Collection[int]) -> None:
        assert program.memory is not None
        self._program = program
        self._memory = program.memory
        self._views = views
        self._wanted = set(wanted)
        self.known: list[Any] = [None] * len(program.values)
        self._rows: list[Row] = []
        # Slots that no row fills as yet, and the row that would: who can reads their source instead.
        self._virtual: dict[int, Row] = {}
        self._uses = Counter(self._wanted)
        for step in program.steps:
            self._uses.update((*step.inputs, *step.guards))

    def _materialise(self, slots: Sequence[int], rows: list[Row] | None = None) -> None:
        """Has slots filled that nobody has filled as yet, by further rows."""
        rows = self._rows if rows is None else rows
        for slot in slots:
            row = self._virtual.get(slot)
            if row is not None:
                for other in row[5].outputs:
                    self._virtual.pop(other, None)
                self._materialise(row[1], rows)
                rows.append(row)

    def _ended(self, copies: Sequence[tuple[int, int]]) -> list[Row]:
        """The rows of a part, which begins anew; at its end, slots are copied to the places of others."""
        self._materialise(sorted(self._wanted | {source for _, source in copies}))
        if copies:
            copy = copier([self._views[slot] for slot, _ in copies])
            inputs = tuple([source for _, source in copies])
            self._rows.append((copy, inputs, (), False, (), self._program.steps[0]))
        rows, self._rows = self._rows, []
        return rows


def static_shape(value: Value) -> tuple[int, ...] | None:
    """The shape of a value whose memory can be counted on; None if it is not known, or no numbers."""
    shape, dtype = value.shape, value.dtype
    if shape is None or None in shape or dtype.is_ref or dtype.np.kind not in KINDS:
        return None
    return tuple([size for size in shape if size is not None])
