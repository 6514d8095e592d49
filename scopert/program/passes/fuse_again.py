"""Cheap maps of arrays that lie in memory anyway are computed again where they are used, rather than stored.

``x - mean`` is used for the variance, and again when that is known: two groups, and storing the difference for the
second one costs more than to subtract once more from the `x` that it would otherwise not read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import prod

from scopert.program.passes.fuse_axes import Axis, Layout, flat
from scopert.program.passes.fuse_expand import MAP, PERMUTE, REDUCE, Expansion, Part
from scopert.program.passes.fuse_groups import Group, Item
from scopert.program.passes.fuse_views import Views

#: Smaller arrays stay in the cache between two groups.
_SMALLEST = 1 << 16
#: Operands of this share of the size or less are small.
SMALL_SHARE = 8


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to compute a slot again.

    Attributes
    ----------
    part : Part
        The last part.
    inner : dict
        Operands that are computed again too -> their recipes.
    maps : int
        How many maps it takes.
    leaves, large : frozenset of int
        What is read from memory, and what of it is of about the size of the result.
    writes : int
        How many steps had written variables when the slot was computed.
    """

    part: Part
    inner: dict[int, Recipe]
    maps: int
    leaves: frozenset[int]
    large: frozenset[int]
    writes: int


class Again:
    """The recipes of a program.

    Parameters
    ----------
    expansion : Expansion
    views : Views
    costly : bool
        Costly maps have recipes too.
    maps : int
        A recipe has no more maps.
    """

    def __init__(self, expansion: Expansion, views: Views, costly: bool = False, maps: int = 5) -> None:
        self._expansion = expansion
        self._views = views
        self._costly = costly
        self._maps = maps
        self.recipes: dict[int, Recipe] = {}

    def note(self, part: Part, group: Group, writes: int) -> None:
        """Notes how a part's result can be computed again, if that is cheap."""
        if part.kind == REDUCE or (part.costly and not self._costly) or part.output in group.reductions:
            return
        size = prod(self._expansion.shape(part.output))
        if size * self._expansion.dtype(part.output).size < _SMALLEST:
            return
        maps = int(part.kind == MAP)
        leaves: set[int] = set()
        large: set[int] = set()
        inner: dict[int, Recipe] = {}
        for slot in part.operands:
            if self._views.number(slot) is not None:
                continue
            own = prod(self._expansion.shape(slot))
            recipe = self.recipes.get(slot)
            if recipe is not None and own == size and recipe.writes == writes:
                inner[slot] = recipe
                maps += recipe.maps
                leaves |= recipe.leaves
                large |= recipe.large
                continue
            leaves.add(slot)
            if own * SMALL_SHARE > size:
                large.add(slot)
        if part.kind != MAP and part.operands[0] in leaves:
            return
        if maps <= self._maps and len(large) <= 1 and self._bytes(large) <= self._bytes((part.output,)):
            self.recipes[part.output] = Recipe(part, inner, maps, frozenset(leaves), frozenset(large), writes)

    def _bytes(self, slots: Iterable[int]) -> int:
        return sum(prod(self._expansion.shape(slot)) * self._expansion.dtype(slot).size for slot in slots)

    def settle(self, items: Iterable[Item], wanted: Collection[int]) -> None:
        """Drops the recipes of what is stored anyway, or reads what is not."""
        hard = set(wanted)
        groups: list[Group] = []
        for item in items:
            for step in item.steps:
                hard.update(step.inputs)
                hard.update(step.guards)
            if isinstance(item, Group):
                groups.append(item)
        for group in groups:
            for part in group.parts:
                for slot in part.operands:
                    if slot not in group.layouts and self._views.base(slot) != slot:
                        hard.add(self._views.base(slot))
        home = {part.output: group for group in groups for part in group.parts}
        for slot, recipe in list(self.recipes.items()):
            own = home.get(slot)
            if slot in hard or own is None or any(leaf in own.layouts and leaf not in hard for leaf in recipe.large):
                del self.recipes[slot]


def layout_of_operand(part: Part, layout: Layout, shape: Sequence[int]) -> Layout | None:
    """Where the operand of a change of layout lies, given where its result does.

    None if axes would have to be split, or if neighbours in the operand's memory would lie apart in the result's: then
    one of the two is walked against its order, which is better done once.
    """
    if part.kind == PERMUTE:
        source: list[tuple[Axis, ...]] = [()] * len(layout)
        for axes, axis in zip(layout, part.axes, strict=True):
            source[axis] = axes
        before, after = flat(tuple(source)), flat(layout)
        return tuple(source) if before[-1:] == after[-1:] else None
    rest = list(reversed(flat(layout)))
    found: list[tuple[Axis, ...]] = []
    for size in shape:
        own: list[Axis] = []
        while size > 1:
            if not rest or size % rest[-1].extent:
                return None
            own.append(rest.pop())
            size //= own[-1].extent
        found.append(tuple(own))
    return tuple(found) if not rest else None
