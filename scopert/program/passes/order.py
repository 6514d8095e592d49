"""Ordering: the steps of a program run in the order that needs the least memory at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from scopert.graph.opdef import ELEMENTWISE, READS, VIEW
from scopert.program.ir import FUSED, LOOP, READ, Program
from scopert.program.passes.place import alive_at_once, placed_bytes
from scopert.program.uses import EFFECTS


@dataclass(frozen=True)
class Order:
    """Moves pure steps to where the values between them need the least memory.

    Steps with effects keep their order, and what looks at a variable's memory stays before the next write. Of some
    orders that are found quickly the best counts, and the old one if none is better by a hundredth.

    Attributes
    ----------
    smallest : int
        Programs that need at most so many bytes stay as they are.
    """

    smallest: int = 1 << 20
    name: str = "order"

    def __call__(self, program: Program) -> Program:
        sizes = [placed_bytes(value) for value in program.values]
        for fetch in program.fetches:
            sizes[fetch.slot] = 0  # what is returned has memory of its own
        if sum(sizes[slot] for step in program.steps for slot in step.outputs) <= self.smallest:
            return program
        memory = _Memory(program, sizes)
        best, least = program, alive_at_once(program)
        if least <= max(self.smallest, memory.bound()):
            return program
        waits = _waits(program)
        for order in (_greedily(waits, memory), _from_the_end(waits, memory), _depth_first(waits)):
            other = replace(program, steps=tuple([program.steps[number] for number in order]))
            alive = alive_at_once(other)
            if alive < 0.99 * least:
                best, least = other, alive
        return best


def _waits(program: Program) -> list[set[int]]:
    """For each step, by number, the steps that must run before it."""
    waits: list[set[int]] = []
    producer: dict[int, int] = {}
    looks: set[int] = set()  # slots that may show a variable's memory
    since: list[int] = []  # the steps that look at such memory since the last step with effects
    last: int | None = None
    for number, step in enumerate(program.steps):
        before = {producer[slot] for slot in (*step.inputs, *step.guards) if slot in producer}
        reads = step.op == READ
        if reads or step.op == LOOP or step.traits & EFFECTS or not step.outputs:
            if last is not None:
                before.add(last)
            if not reads:  # it may write
                before.update(since)
                since.clear()
            last = number
        if not looks.isdisjoint(step.inputs):
            since.append(number)
        views = (VIEW in step.traits or step.op == LOOP) and not looks.isdisjoint(step.inputs)
        if not step.copies and (reads or views or READS in step.traits):
            looks.update(step.outputs)
        producer.update(dict.fromkeys(step.outputs, number))
        before.discard(number)
        waits.append(before)
    return waits


class _Memory:
    """How much memory orders need: which pieces there are, and which steps make and use them."""

    def __init__(self, program: Program, sizes: Sequence[int]) -> None:
        # A view is a part of what it looks at.
        root = list(range(len(program.values)))
        self.size = [0] * len(program.values)
        self.made: list[list[int]] = []
        self.used: list[list[int]] = []
        self.in_place: list[bool] = []
        for step in program.steps:
            self.used.append([slot for slot in dict.fromkeys([root[slot] for slot in step.inputs]) if self.size[slot]])
            self.made.append([])
            self.in_place.append(step.op == FUSED or ELEMENTWISE in step.traits)
            if VIEW in step.traits and not step.copies and self.used[-1]:
                for slot in step.outputs:
                    root[slot] = self.used[-1][0]
                continue
            for slot in step.outputs:
                if sizes[slot] and step.op != READ:
                    self.size[slot] = sizes[slot]
                    self.made[-1].append(slot)
        self.users = [0] * len(program.values)
        for used in self.used:
            for slot in used:
                self.users[slot] += 1
        for fetch in program.fetches:
            self.users[root[fetch.slot]] += 1

    def bound(self) -> int:
        """What no order needs less than: what is there while a step runs."""
        return max([self._sum(used) + self._new(k, used) for k, used in enumerate(self.used)], default=0)

    def _sum(self, slots: Sequence[int]) -> int:
        return sum([self.size[slot] for slot in slots])

    def _new(self, step: int, dying: Sequence[int]) -> int:
        """What a step needs besides what is there, where it may overwrite what dies with it."""
        free = [self.size[slot] for slot in dying] if self.in_place[step] else []
        need = 0
        for slot in self.made[step]:
            if self.size[slot] in free:
                free.remove(self.size[slot])
            else:
                need += self.size[slot]
        return need


def _followers(waits: Sequence[set[int]]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in waits]
    for step, before in enumerate(waits):
        for other in before:
            found[other].append(step)
    return found


def _greedily(waits: Sequence[set[int]], memory: _Memory) -> list[int]:
    """Of the steps that could run, always the one after which the least memory is alive."""
    left = memory.users.copy()
    missing = [len(before) for before in waits]
    followers = _followers(waits)
    users: dict[int, list[int]] = {}
    for step, used in enumerate(memory.used):
        for slot in used:
            users.setdefault(slot, []).append(step)

    def gain(step: int) -> int:
        return memory._sum(memory.made[step]) - memory._sum([slot for slot in memory.used[step] if left[slot] == 1])

    ready = [(gain(step), step) for step, count in enumerate(missing) if not count]
    heapify(ready)
    done = [False] * len(waits)
    order: list[int] = []
    while ready:
        step = heappop(ready)[1]
        if done[step]:
            continue
        done[step] = True
        order.append(step)
        for slot in memory.used[step]:
            left[slot] -= 1
            if left[slot] == 1:  # its last user frees it
                for other in users[slot]:
                    if not done[other] and not missing[other]:
                        heappush(ready, (gain(other), other))
        for other in followers[step]:
            missing[other] -= 1
            if not missing[other]:
                heappush(ready, (gain(other), other))
    return order


def _from_the_end(waits: Sequence[set[int]], memory: _Memory) -> list[int]:
    """The same backwards: of the steps that could be the last, always the one before which the least is alive."""
    followers = _followers(waits)
    missing = [len(after) for after in followers]
    users: dict[int, list[int]] = {}
    for step, used in enumerate(memory.used):
        for slot in used:
            users.setdefault(slot, []).append(step)
    alive: set[int] = set()

    def gain(step: int) -> int:
        return memory._sum([slot for slot in memory.used[step] if slot not in alive]) - memory._sum(memory.made[step])

    ready = [(gain(step), -step) for step, count in enumerate(missing) if not count]
    heapify(ready)
    done = [False] * len(waits)
    order: list[int] = []
    while ready:
        step = -heappop(ready)[1]
        if done[step]:
            continue
        done[step] = True
        order.append(step)
        for slot in memory.used[step]:
            if slot not in alive:
                alive.add(slot)
                for other in users[slot]:
                    if not done[other] and not missing[other]:
                        heappush(ready, (gain(other), -other))
        for other in waits[step]:
            missing[other] -= 1
            if not missing[other]:
                heappush(ready, (gain(other), -other))
    order.reverse()
    return order


def _depth_first(waits: Sequence[set[int]]) -> list[int]:
    """Each step as late as possible: right before the first that waits for it."""
    order: list[int] = []
    done = [False] * len(waits)
    wanted = [step for step, after in enumerate(_followers(waits)) if not after]
    for last in wanted:
        stack = [(last, iter(sorted(waits[last])))]
        while stack:
            step, rest = stack[-1]
            following = next((other for other in rest if not done[other]), None)
            if following is not None:
                stack.append((following, iter(sorted(waits[following]))))
                continue
            stack.pop()
            if not done[step]:
                done[step] = True
                order.append(step)
    return order
