"""Which parts go into which group: one pass over the steps, then groups that read the same are joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from math import prod

from scopert.program.ir import Program, Step
from scopert.program.passes.fuse_again import SMALL_SHARE, Again
from scopert.program.passes.fuse_axes import Axes, Layout, flat, fresh, resolve, size
from scopert.program.passes.fuse_effects import Effects
from scopert.program.passes.fuse_expand import MAP, REDUCE, REGROUP, Expansion, Part
from scopert.program.passes.fuse_groups import (
    LARGEST_GROUP,
    SMALL,
    Group,
    Item,
    Plan,
    plan_map,
    plan_merge,
    result_layout,
)
from scopert.program.passes.fuse_table import COPIES
from scopert.program.passes.fuse_views import Views, data_input
from scopert.program.uses import is_pure

#: An item with more consumers stays where it is rather than being moved behind one of them.
_MANY = 64
#: Maps that may be computed again for every row.
_FEW = 2


class Schedule:
    """The items of a run of steps.

    Attributes
    ----------
    items : list of Item
    producer : dict
        Slot -> the item that fills it.
    """

    def __init__(
        self, program: Program, expansion: Expansion, effects: Effects, views: Views, again: Again,
        wanted: Container[int] = (),
    ) -> None:  # fmt: skip
        self.items: list[Item] = []
        self.producer: dict[int, Item] = {}
        self._program = program
        self._expansion = expansion
        self._effects = effects
        self._views = views
        self._again = again
        self._uses: Counter[int] = Counter()
        self._loads: dict[int, dict[Group, None]] = {}
        self._wanted = wanted
        # Results of steps that only pass a value on, and that value.
        self._same: dict[int, int] = {}
        # Cheap maps by their result.
        self._maps: dict[int, Part] = {}

    def add(self, steps: Sequence[Step], first: int) -> None:
        """Puts steps into items; `first` is the position of the first of them."""
        self._uses.update(slot for step in steps for slot in set(step.inputs))
        for position, step in enumerate(steps, first):
            made = self._expansion.expand(step, position)
            if made is None:
                if not self._sink(step, position):
                    self._stay(step, position)
                continue
            before, parts = made
            for other in before:
                self._stay(other, position)
            self._uses.update(slot for part in parts if part.output != step.outputs[0] for slot in part.operands)
            if len(parts) == 1 and parts[0].kind not in (MAP, REDUCE) and not self._follow(parts[0]):
                self._stay(step, position)
                continue
            for part in parts if len(parts) > 1 or parts[0].kind in (MAP, REDUCE) else ():
                self._put(part)

    def _stay(self, step: Step, position: int) -> None:
        if not self._same.keys().isdisjoint(step.inputs):
            step = replace(step, inputs=tuple([self._same.get(slot, slot) for slot in step.inputs]))
        if step.op in COPIES and is_pure(step) and not step.copies and not self._expansion.dtype(step.inputs[0]).is_ref:
            self._same[step.outputs[0]] = step.inputs[0]
        item = Item(position, steps=[step])
        deps = {self.producer[slot].now() for slot in (*step.inputs, *step.guards) if slot in self.producer}
        deps |= {other.now() for other in self._effects.before(step, item)}
        deps.discard(item)
        for slot in step.inputs:
            self._effects.use(slot, item)
        item.deps = deps
        item.epoch = 1 + max([other.epoch for other in deps], default=-1)
        for other in deps:
            other.consumers.add(item)
        self.items.append(item)
        for slot in step.outputs:
            self.producer[slot] = item
        self._views.note(step)

    def _sink(self, step: Step, position: int) -> bool:
        """Takes parts of the operands of a cheap map rather than of its result, which then needs no memory."""
        data = data_input(step)
        source = self._maps.get(step.inputs[data]) if data is not None else None
        if source is None or self._uses[source.output] > 1 or source.output in self._wanted:
            return False
        # What a group computes would have to be stored; that is nothing for a vector, such as a bias that was cast.
        count = prod(self._expansion.shape(source.output))
        if any(
            self._home(slot, step.guards) is not None and prod(self._expansion.shape(slot)) * SMALL_SHARE > count
            for slot in source.operands
        ):
            return False
        found = self._views.parts_of_operands(step, source.operands, self._expansion)
        if found is None:
            return False
        for output, operands in zip(step.outputs, found, strict=True):
            part = replace(source, operands=operands, output=output, step=step, position=position)
            self._put(part)
        return True

    def _home(self, slot: int, guards: tuple[int, ...]) -> Group | None:
        """The group that computes a slot, if its steps have these guards."""
        item = self.producer.get(slot)
        if item is None:
            return None
        item = item.now()
        return item if isinstance(item, Group) and slot in item.layouts and item.guards == guards else None

    def _follow(self, part: Part) -> bool:
        """A change of layout goes where its operand is computed, if that is a group."""
        group = self._home(part.operands[0], part.step.guards)
        if group is None:
            return False
        layout = result_layout(part, group.layouts[part.operands[0]], self._expansion.shape(part.output))
        if layout is None:
            return False
        group.take(part, layout, group.layouts[part.operands[0]])
        self.producer[part.output] = group
        self._again.note(part, group, self._effects.writes)
        if part.kind == REGROUP:
            self._views.regroup(part.output, part.operands[0])
        return True

    def _put(self, part: Part) -> None:
        if part.kind == MAP:
            self._put_map(part)
            return
        if self._follow_reduction(part):
            return
        operand = part.operands[0]
        if part.kind == REGROUP and self._views.regroup(part.output, operand):
            self._effects.view(part.output, operand)
            return
        source = fresh(self._expansion.shape(operand))
        group = Group(part.position, part.step.guards)
        self.items.append(group)
        group.order = flat(source)
        layout = result_layout(part, source, self._expansion.shape(part.output))
        assert layout is not None, "fresh axes fall into any shape that a part of several makes"
        group.order = resolve(group.order)
        self._finish(group, part, layout, source, self._outside(part, ()))

    def _follow_reduction(self, part: Part) -> bool:
        operand = part.operands[0]
        group = self._home(operand, part.step.guards)
        if group is None or not group.may_use(operand) or len(group.parts) >= LARGEST_GROUP:
            return False
        if part.kind == REDUCE and operand in group.reductions and group.columns is None:
            group.columns = resolve(group.reductions[operand][0])
        source = group.layouts[operand]
        layout = result_layout(part, source, self._expansion.shape(part.output))
        if layout is None:
            return False
        self._finish(group, part, layout, source, set())
        return True

    def _put_map(self, part: Part) -> None:
        if not part.costly:
            self._maps[part.output] = part
        homes: dict[Group, int] = {}
        for slot in part.operands:
            group = self._home(slot, part.step.guards)
            if group is not None and len(group.parts) < LARGEST_GROUP:
                homes.setdefault(group, slot)
        if len(homes) == 1 and self._follow_map(part, next(iter(homes))):
            return
        chosen, plan = self._choose(part, list(homes))
        if plan is None:
            layout = fresh(self._expansion.shape(part.output))
            group = Group(part.position, part.step.guards)
            group.order = flat(layout)
            self.items.append(group)
        else:
            plan.commit()
            group = self._join(chosen, plan)
            layout = plan.layout
        self._finish(group, part, layout, None, self._outside(part, (group,)))

    def _follow_map(self, part: Part, group: Group) -> bool:
        """Puts a map of values of its own shape beside them, without a plan: the usual case in long chains."""
        shape = self._expansion.shape(part.output)
        layout: Layout | None = None
        for slot in part.operands:
            own = group.layouts.get(slot)
            if own is None:
                continue
            if slot in group.reductions or self._expansion.shape(slot) != shape or (layout or own) is not own:
                return False
            layout = own
        outside = self._outside(part, (group,))
        if layout is None or self._epoch((group,), outside) is None:
            return False
        self._finish(group, part, layout, None, outside)
        return True

    def _choose(self, part: Part, homes: list[Group]) -> tuple[list[Group], Plan | None]:
        """The groups that a map joins: all that compute an operand, or as many as can."""
        if not homes:
            return [], None
        plan = self._plan(part, homes)
        if plan is not None or len(homes) == 1:
            return homes, plan
        homes.sort(key=lambda group: (-size(resolve(group.order)), -group.epoch))
        chosen: list[Group] = []
        best: Plan | None = None
        for group in homes:
            plan = self._plan(part, [*chosen, group])
            if plan is not None:
                chosen.append(group)
                best = plan
        return chosen, best

    def _plan(self, part: Part, groups: list[Group]) -> Plan | None:
        if self._epoch(groups, self._outside(part, groups)) is None:
            return None
        operands = [
            (group, slot)
            for slot in dict.fromkeys(part.operands)
            if (group := self._home(slot, part.step.guards)) in groups
        ]
        plan = plan_map(self._expansion.shape(part.output), groups, operands)
        if plan is None:
            return None
        whole = size(plan.order)
        for group in groups:
            space = size(resolve(group.order))
            if space < whole and not self._may_spread(group, part, plan):
                return None
        return plan

    def _may_spread(self, group: Group, part: Part, plan: Plan) -> bool:
        """Whether a group may go into a larger space, where values are repeated that do not vary along the rows."""
        own = tuple([plan.same.get(axis, axis) for axis in resolve(group.order)])
        if own != plan.order[: len(own)] and (group.costly or len(group.parts) > _FEW) and size(plan.order) > SMALL:
            return False
        return all(self._uses[slot] <= 1 for slot in part.operands if slot in group.layouts)

    def _outside(self, part: Part, groups: Sequence[Group]) -> set[Item]:
        """What a part waits for besides these groups; its own memory may be of one of them."""
        found: set[Item] = set()
        for slot in (*part.operands, *part.step.guards):
            item = self.producer.get(self._views.base(slot))
            if item is not None and not any(slot in group.layouts for group in groups):
                found.add(item.now())
        return found

    def _epoch(self, groups: Sequence[Group], outside: set[Item]) -> int | None:
        """The epoch of one group made of several; None if something between them would have to wait for it."""
        if not outside.isdisjoint(groups):
            return None
        epoch = max([group.epoch for group in groups])
        for item in outside:
            epoch = max(epoch, item.epoch + 1)
        for group in groups:
            if group.epoch == epoch:
                continue
            if len(group.consumers) > _MANY:
                return None
            for consumer in group.consumers:
                if consumer.now().epoch <= epoch and consumer.now() is not group:
                    return None
        return epoch

    def _join(self, groups: Sequence[Group], plan: Plan) -> Group:
        """Makes groups one."""
        epoch = max(group.epoch for group in groups)
        first = max(groups, key=lambda group: len(group.parts))
        for group in groups:
            if group is not first:
                first.absorb(group)
        first.epoch = epoch
        first.order, first.columns = plan.order, plan.columns
        return first

    def _finish(self, group: Group, part: Part, layout: Layout, source: Layout | None, outside: set[Item]) -> None:
        group.take(part, layout, source)
        self.producer[part.output] = group
        outside.discard(group)
        for item in outside:
            item.consumers.add(group)
            group.epoch = max(group.epoch, item.epoch + 1)
        group.deps |= outside
        for slot in part.operands:
            if slot not in group.layouts:
                base = self._views.base(slot)
                self._effects.use(base, group)
                self._loads.setdefault(slot, {})[group] = None
                recipe = self._again.recipes.get(slot)
                if recipe is not None and recipe.writes == self._effects.writes and slot in self.producer:
                    group.again.add(slot)
                    for leaf in recipe.leaves:
                        self._effects.use(self._views.base(leaf), group)
        self._again.note(part, group, self._effects.writes)

    def join_readers(self) -> None:
        """Joins groups over one space that read the same array, where neither waits for the other."""
        for slot, readers in self._loads.items():
            if len(readers) < 2:
                continue
            groups = sorted({g for r in readers if isinstance(g := r.now(), Group)}, key=lambda g: g.epoch)
            last: Group | None = None
            for group in groups:
                if last is not None and self._joined(last, group, slot):
                    last = last if group.merged is last else group
                else:
                    last = group

    def _joined(self, left: Group, right: Group, slot: int) -> bool:
        if len(left.parts) + len(right.parts) > LARGEST_GROUP or left.guards != right.guards:
            return False
        if self._epoch((left, right), set()) is None:
            return False
        axes = [self._axes_of(group, slot) for group in (left, right)]
        if axes[0] is None or axes[1] is None or size(axes[0]) != size(axes[1]):
            return False
        plan = plan_merge((left, right), axes[0], axes[1])
        if plan is None:
            return False
        plan.commit()
        self._join((left, right), plan)
        return True

    def _axes_of(self, group: Group, slot: int) -> Axes | None:
        """The axes along which a group reads a slot."""
        shape = self._expansion.shape(slot)
        for part in group.parts:
            if slot in part.operands:
                layout = group.sources.get(part) or aligned(group.layouts[part.output], shape)
                return flat(layout)
        return None

    def ordered(self) -> list[Item]:
        """The items, each behind what it depends on, otherwise in the order of the steps."""
        items = [item for item in self.items if item.merged is None]
        mine = set(items)
        waiting: dict[Item, int] = {}
        behind: dict[Item, list[Item]] = {}
        ready: list[tuple[int, int, Item]] = []
        for number, item in enumerate(items):
            # Items of other runs are done before this one begins, or begin after it.
            deps = ({other.now() for other in item.deps} & mine) - {item}
            waiting[item] = len(deps)
            for other in deps:
                behind.setdefault(other, []).append(item)
            if not deps:
                heappush(ready, (item.position, number, item))
        numbers = {item: number for number, item in enumerate(items)}
        found: list[Item] = []
        while ready:
            item = heappop(ready)[2]
            found.append(item)
            for other in behind.get(item, ()):
                waiting[other] -= 1
                if not waiting[other]:
                    heappush(ready, (other.position, numbers[other], other))
        if len(found) != len(items):
            raise AssertionError("groups wait for each other")
        return found


def aligned(layout: Layout, shape: Sequence[int]) -> Layout:
    """Where an operand of a map lies: its axes are the last ones, those of size 1 are repeated."""
    own = layout[len(layout) - len(shape) :]
    return tuple([axes if n > 1 else () for n, axes in zip(shape, own, strict=True)])
