"""What must keep its order: steps with effects, and the reads and writes of variables."""

from __future__ import annotations

from collections.abc import Hashable

from scopert.graph.dtypes import resource
from scopert.graph.opdef import READS, VIEW, WRITES
from scopert.program.ir import LOOP, READ, Program, Step
from scopert.program.passes.fuse_groups import Item
from scopert.program.uses import is_pure
from scopert.program.variables import key_of

_NOTHING: frozenset[Hashable] = frozenset()
#: Stands for all variables where it cannot be told which one is meant.
_ANY = "any"


class Effects:
    """Finds the items that one with effects has to wait for.

    What reads a variable without a copy must be done before the variable is written; that goes for all that
    looks at the same memory through views. Steps with other effects keep their order among themselves.
    """

    def __init__(self, program: Program) -> None:
        self._values = program.values
        #: So many steps have written variables.
        self.writes = 0
        self._last: Item | None = None
        self._written: dict[Hashable, Item] = {}
        self._readers: dict[Hashable, set[Item]] = {}
        # Slots that stand for variables, and slots whose memory may be a variable's.
        self._handles: dict[int, frozenset[Hashable]] = {}
        self._memory: dict[int, frozenset[Hashable]] = {}
        refs = [slot for slot in program.feeds if self._is_handle(slot)]
        for slot, origin in program.variables.items():
            self._handles[slot] = frozenset({_ANY if refs else key_of(origin)})
        for slot in refs:
            self._handles[slot] = frozenset({_ANY})

    def _is_handle(self, slot: int) -> bool:
        dtype = self._values[slot].dtype
        return dtype.is_ref or dtype is resource

    def before(self, step: Step, item: Item) -> set[Item]:
        """What a step that stays has to wait for, besides its inputs."""
        reads = step.op == READ
        handles = [slot for slot in step.inputs if slot in self._handles]
        keys = _NOTHING.union(*[self._handles[slot] for slot in handles]) if handles else _NOTHING
        wait: set[Item] = set()
        if not reads and not is_pure(step) and (step.traits or step.op == LOOP):
            if self._last is not None:
                wait.add(self._last)
            self._last = item
        writes = bool(keys) and not reads and (WRITES in step.traits or step.op == LOOP or READS not in step.traits)
        self.writes += writes
        for key in keys:
            if key in self._written:
                wait.add(self._written[key])
            if writes:
                wait |= self._readers.pop(key, set())
                self._written[key] = item
            else:
                self._readers.setdefault(key, set()).add(item)
        self._pass_on(step, keys)
        return wait

    def _pass_on(self, step: Step, keys: frozenset[Hashable]) -> None:
        looks = _NOTHING
        if not step.copies:
            if VIEW in step.traits:
                looks = looks.union(*[self._memory.get(slot, _NOTHING) for slot in step.inputs])
            if READS in step.traits:
                looks |= keys
        for slot in step.outputs:
            if keys and self._is_handle(slot):
                self._handles[slot] = keys
            elif looks:
                self._memory[slot] = looks

    def use(self, slot: int, item: Item) -> None:
        """An item looks at a slot."""
        for key in self._memory.get(slot, _NOTHING):
            self._readers.setdefault(key, set()).add(item)

    def view(self, slot: int, of: int) -> None:
        """A slot shares another one's memory."""
        if of in self._memory:
            self._memory[slot] = self._memory[of]
