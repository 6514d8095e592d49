"""Where each variable stands in the one buffer of a session. Pure: no bytes, no backend.

Trainable variables come first, in creation order; each kind of optimizer slot (Adam's ``m``, its ``v``)
is a segment of its own, in the order of the variables that it belongs to and with the same padding; all
others follow. So all weights, and each kind of slot, are one flat vector: a snapshot, a checkpoint or a
message to another process is one copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scopert.graph.dtypes import DType
from scopert.graph.graph import Graph
from scopert.graph.operation import Operation

#: Every slot begins at a multiple of this many bytes.
ALIGNMENT = 256
TRAINABLE = "trainable"
OTHER = "other"
_STATE = "variable_layout"


@dataclass(frozen=True, slots=True)
class VariableSpec:
    """A variable that wants a place.

    Attributes
    ----------
    key : object
        What identifies it: container and shared name.
    name : str
    dtype : DType
    shape : tuple of int
    kind : str
        ``trainable``, ``other``, or the name of an optimizer's slot.
    owner : object
        For a slot, the key of the variable that it belongs to.
    """

    key: object
    name: str
    dtype: DType
    shape: tuple[int, ...]
    kind: str = OTHER
    owner: object = None

    @property
    def nbytes(self) -> int:
        count = 1
        for size in self.shape:
            count *= size
        return count * int(self.dtype.np.itemsize)


@dataclass(frozen=True, slots=True)
class Slot:
    """A variable's place: `nbytes` from `offset` on."""

    spec: VariableSpec
    offset: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Variables of one kind and dtype, side by side."""

    kind: str
    dtype: DType
    offset: int
    nbytes: int
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of all variables, and the size of the buffer."""

    segments: tuple[Segment, ...] = ()
    nbytes: int = 0

    def slots(self) -> Iterable[Slot]:
        """All places, by offset."""
        for segment in self.segments:
            yield from segment.slots


def plan(specs: Sequence[VariableSpec]) -> Layout:
    """Gives each variable a place.

    Parameters
    ----------
    specs : sequence of VariableSpec
        In creation order.

    Examples
    --------
    >>> from scopert.graph.dtypes import float32
    >>> layout = plan([VariableSpec("n", "n", float32, ()), VariableSpec("w", "w", float32, (70,), "trainable")])
    >>> [(slot.spec.name, slot.offset) for slot in layout.slots()], layout.nbytes
    ([('w', 0), ('n', 512)], 768)
    """
    rank = {spec.key: number for number, spec in enumerate(specs)}
    groups: dict[tuple[str, DType], list[VariableSpec]] = {}
    for spec in specs:
        groups.setdefault((spec.kind, spec.dtype), []).append(spec)
    kinds = list(dict.fromkeys(spec.kind for spec in specs))
    order = {kind: (kind != TRAINABLE, kind == OTHER, number) for number, kind in enumerate(kinds)}
    offset = 0
    segments = []
    for (kind, dtype), members in sorted(groups.items(), key=lambda item: order[item[0][0]]):
        members.sort(key=lambda spec: (rank.get(spec.owner, rank[spec.key]), rank[spec.key]))
        start, slots = offset, []
        for spec in members:
            slots.append(Slot(spec, offset, spec.nbytes))
            offset += -(-spec.nbytes // ALIGNMENT) * ALIGNMENT
        segments.append(Segment(kind, dtype, start, offset - start, tuple(slots)))
    return Layout(tuple(segments), offset)


def moves(old: Layout, new: Layout) -> list[tuple[int, int, int]]:
    """What to copy when a layout grows: ``(from, to, nbytes)``, neighbours that stay neighbours in one piece."""
    places = {slot.spec.key: slot.offset for slot in new.slots()}
    found: list[tuple[int, int, int]] = []
    for slot in old.slots():
        target = places.get(slot.spec.key)
        if target is None or not slot.nbytes:
            continue
        if found:
            source, start, size = found[-1]
            gap = slot.offset - (source + size)
            if 0 <= gap < ALIGNMENT and target - (start + size) == gap:
                found[-1] = (source, start, size + gap + slot.nbytes)
                continue
        found.append((slot.offset, target, slot.nbytes))
    return found


def mark_slot(slot: Operation, owner: Operation, kind: str) -> None:
    """Says that a variable is an optimizer's slot of another variable; made by the slot creator.

    Parameters
    ----------
    slot, owner : Operation
        The operations that stand for the variables (`Variable.op`).
    kind : str
        The optimizer's name for it with the slot's, such as ``Adam/m``.
    """
    marks: dict[str, tuple[str, str]] = slot.graph._scoped_state.setdefault(_STATE, {})
    marks[slot.name] = (kind, owner.name)


def slot_marks(graph: Graph) -> dict[str, tuple[str, str]]:
    """By the name of a slot's operation: its kind and its owner's name."""
    found: dict[str, tuple[str, str]] = graph._scoped_state.get(_STATE, {})
    return found


def trainable_names(graph: Graph) -> frozenset[str]:
    """The names of the operations of all trainable variables of a graph."""
    variables: list[Any] = graph._collections.get("trainable_variables", [])
    return frozenset(variable.op.name for variable in variables if hasattr(variable, "op"))
