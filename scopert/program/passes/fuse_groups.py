"""Groups of parts that will be one loop nest, and when two of them may become one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scopert.program.ir import Step
from scopert.program.passes.fuse_axes import Axes, Axis, Layout, flat, fresh, pairs, regroup, resolve, resolved, size
from scopert.program.passes.fuse_expand import MAP, PERMUTE, REDUCE, Part

#: Spaces up to this size fit any cache: how memory is walked does not matter.
SMALL = 1 << 12
#: The longest single row that is reduced and used again.
LONGEST_ONLY_ROW = 1 << 13
LONGEST_ROW = 1 << 16
#: Compiling a body takes more than twice as long where it is twice as large: long chains become several.
LARGEST_GROUP = 1000
MOST_REDUCTIONS = 64


class Item:
    """A step that stays, or a group of fused ones.

    Attributes
    ----------
    epoch : int
        Lower than those of all items that depend on it.
    position : int
        Where its last step stood.
    deps, consumers : set of Item
        May hold items that have been merged into others since: see `now`.
    """

    __slots__ = ("consumers", "deps", "epoch", "merged", "position", "steps")

    def __init__(self, position: int, epoch: int = 0, steps: Sequence[Step] = ()) -> None:
        self.epoch = epoch
        self.position = position
        self.steps = list(steps)
        self.deps: set[Item] = set()
        self.consumers: set[Item] = set()
        self.merged: Item | None = None

    def now(self) -> Item:
        """What it has become a part of."""
        item = self
        while item.merged is not None:
            item = item.merged
        return item


class Group(Item):
    """Parts over one space.

    Attributes
    ----------
    parts : list of Part
    order : tuple of Axis
        The space.
    columns : tuple of Axis or None
        What a reduction went over whose result is used in the group.
    layouts : dict
        Slot -> its layout, for what the group computes.
    sources : dict
        Part -> the layout of its operand, for reductions and changes of layout.
    reductions : dict
        Slot -> (the axes that were reduced, the innermost axis of what was reduced).
    costly : bool
    again : set
        Slots that the group may compute again rather than load.
    guards : tuple of int
        Those of all its steps.
    """

    __slots__ = ("again", "columns", "costly", "guards", "layouts", "order", "parts", "reductions", "sources")

    def __init__(self, position: int, guards: tuple[int, ...] = ()) -> None:
        super().__init__(position)
        self.guards = guards
        self.parts: list[Part] = []
        self.order: Axes = ()
        self.columns: Axes | None = None
        self.layouts: dict[int, Layout] = {}
        self.sources: dict[Part, Layout] = {}
        self.reductions: dict[int, tuple[Axes, Axes]] = {}
        self.costly = False
        self.again: set[int] = set()

    def may_use(self, slot: int) -> bool:
        """Whether the result of a reduction may be used where it is computed."""
        found = self.reductions.get(slot)
        if found is None:
            return True
        if len(self.reductions) >= MOST_REDUCTIONS:
            return False
        reduced, innermost = resolve(found[0]), resolve(found[1])
        if self.columns is not None:
            return set(resolve(self.columns)) == set(reduced)
        space, row = size(resolve(self.order)), size(reduced)
        if space <= SMALL:
            return True
        return row <= LONGEST_ROW and innermost[-1] in reduced and (space > row or row <= LONGEST_ONLY_ROW)

    def take(self, part: Part, layout: Layout, source: Layout | None) -> None:
        """Adds a part."""
        self.parts.append(part)
        self.layouts[part.output] = layout
        self.position = max(self.position, part.position)
        self.costly = self.costly or part.costly
        if source is not None:
            self.sources[part] = source
        if part.kind == REDUCE:
            assert source is not None
            self.reductions[part.output] = tuple([a for k in part.axes for a in source[k]]), flat(source)[-1:]
        elif part.kind != MAP and part.operands[0] in self.reductions:
            self.reductions[part.output] = self.reductions[part.operands[0]]

    def absorb(self, other: Group) -> None:
        """Takes over what another group holds; the axes have been made one before."""
        other.merged = self
        self.parts += other.parts
        self.layouts.update(other.layouts)
        self.sources.update(other.sources)
        self.reductions.update(other.reductions)
        self.again |= other.again
        self.costly = self.costly or other.costly
        self.position = max(self.position, other.position)
        self.deps |= other.deps
        self.consumers |= other.consumers


@dataclass(slots=True)
class Plan:
    """How groups become one space.

    Attributes
    ----------
    same : dict
        Axis -> the axis that stands for it from now on.
    order : tuple of Axis
    columns : tuple of Axis or None
    layout : layout of the part that joins them
    """

    same: dict[Axis, Axis]
    order: Axes
    columns: Axes | None
    layout: Layout

    def commit(self) -> None:
        for axis, other in self.same.items():
            if axis is not other:
                axis.parts = (other,)


def plan_map(shape: Sequence[int], groups: Sequence[Group], operands: Sequence[tuple[Group, int]]) -> Plan | None:
    """One space for groups and a map over `shape` of what they compute; None if there is none.

    Parameters
    ----------
    operands : sequence of (group, slot)
        Those operands of the map that the groups compute.
    """
    target: list[Axes | None] = [() if n == 1 else None for n in shape]
    equal: list[tuple[Axes, Axes]] = []
    wanted: list[Axes] = []
    for group, slot in operands:
        if not group.may_use(slot):
            return None
        if slot in group.reductions:
            wanted.append(group.reductions[slot][0])
        layout = group.layouts[slot]
        for own, k in zip(reversed(layout), range(len(shape) - 1, -1, -1), strict=False):
            axes = resolve(own)
            if not axes:
                continue
            present = target[k]
            if present is None:
                target[k] = axes
            elif present != axes:
                equal.append((axes, present))
    return _plan(shape, target, groups, equal, wanted)


def _plan(
    shape: Sequence[int], target: list[Axes | None], groups: Sequence[Group], equal: list[tuple[Axes, Axes]],
    wanted: Sequence[Axes],
) -> Plan | None:  # fmt: skip
    same = identified(equal)
    if same is None:
        return None
    spaces = []
    for group in groups:
        axes = tuple([_find(same, axis) for axis in resolve(group.order)])
        if len(set(axes)) != len(axes):
            return None
        spaces.append(axes)
    widest = max(spaces, key=lambda axes: (size(axes), len(axes)), default=())
    for axes in spaces:
        if not set(axes) <= set(widest):
            left, right = _without(axes, widest), _without(widest, axes)
            if size(left) != size(right):
                return None
            return _plan(shape, target, groups, [*equal, (left, right)], wanted)
    given = [axis for axes in target if axes is not None for axis in _found(same, axes)]
    if len(set(given)) != len(given):
        return None
    missing = [n for n, axes in zip(shape, target, strict=True) if axes is None]
    if missing:
        rest = _without(widest, given)
        filled = iter(fresh(missing))
        if rest:
            grouped = regroup(rest, missing)
            if grouped is None:
                return None
            if any(axis.parts is not None for axis in rest):
                return _plan(shape, [a if a is None else resolve(a) for a in target], groups, equal, wanted)
            filled = iter(grouped)
        target = [next(filled) if axes is None else axes for axes in target]
    layout = tuple([_found(same, axes) for axes in target if axes is not None])
    own = flat(layout)
    order = widest if set(own) <= set(widest) else own
    if not set(widest) <= set(order):
        return None
    columns: Axes | None = None
    for axes in (*[g.columns for g in groups if g.columns is not None], *wanted):
        axes = _found(same, axes)
        if columns is not None and set(columns) != set(axes):
            return None
        columns = columns or axes
    return Plan(same, order, columns, layout)


def plan_merge(groups: Sequence[Group], left: Axes, right: Axes) -> Plan | None:
    """One space for two groups that read the same array, along `left` in one and `right` in the other."""
    plan = _plan((), [], groups, [(left, right)], ())
    if plan is None or any(len(resolve(group.order)) != len(plan.order) for group in groups):
        return None
    return plan


def identified(equal: Iterable[tuple[Axes, Axes]]) -> dict[Axis, Axis] | None:
    """Which axis stands for which, so that sequences become equal; None if they do not correspond."""
    equal = list(equal)
    while True:
        found = [pairs(left, right) for left, right in equal]
        if any(one is None for one in found):
            return None
        every = [pair for one in found if one is not None for pair in one]
        if all(a.parts is None and b.parts is None for a, b in every):
            break
    same: dict[Axis, Axis] = {}
    for a, b in every:
        a, b = _find(same, a), _find(same, b)
        if a is not b:
            same[a] = b
    return {axis: _find(same, axis) for axis in same}


def _find(same: dict[Axis, Axis], axis: Axis) -> Axis:
    while axis in same and same[axis] is not axis:
        axis = same[axis]
    return axis


def _found(same: dict[Axis, Axis], axes: Axes) -> Axes:
    return tuple([_find(same, axis) for axis in resolve(axes)])


def _without(axes: Axes, others: Iterable[Axis]) -> Axes:
    left = set(others)
    return tuple([axis for axis in axes if axis not in left])


def result_layout(part: Part, source: Layout, shape: Sequence[int]) -> Layout | None:
    """The layout of what a part that is no map makes of an operand."""
    source = resolved(source)
    if part.kind == REDUCE:
        return regroup(tuple([a for k, axes in enumerate(source) if k not in part.axes for a in axes]), shape)
    if part.kind == PERMUTE:
        return tuple([source[k] for k in part.axes])
    return regroup(flat(source), shape)
