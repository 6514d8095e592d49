"""Which values may be dead: those that depend on a Switch.

For each operation that does not always run, this keeps the *conditions* on which it runs, as pairs (predicate,
branch), and *guards*: slots that are all alive if and only if it runs. What is not recorded always runs.
The results of a cond do not depend on it any more: their inputs differ in one predicate's branch only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor

Condition: TypeAlias = tuple[object, int]


@dataclass(frozen=True, slots=True)
class Life:
    """When something is alive."""

    conditions: frozenset[Condition]
    guards: tuple[int, ...]


ALWAYS = Life(frozenset(), ())


@dataclass(eq=False)
class Liveness:
    """What is known of the operations lowered so far."""

    tensors: dict[Tensor, Life] = field(default_factory=dict)
    ops: dict[Operation, Life] = field(default_factory=dict)

    def of_op(self, op: Operation, is_fed: Callable[[Tensor], bool]) -> Life:
        """When an operation runs, by its inputs and control inputs."""
        if not self.ops and not self.tensors:
            return ALWAYS
        lives = [self.tensors[t] for t in op._inputs if t in self.tensors and not is_fed(t)]
        lives += [self.ops[other] for other in op._control_inputs if other in self.ops]
        return all_of(lives)


def all_of(lives: Iterable[Life]) -> Life:
    """When all are alive: with as few guards as will do."""
    wanted = sorted(lives, key=lambda life: -len(life.conditions))
    conditions: frozenset[Condition] = frozenset()
    guards: dict[int, None] = {}
    for life in wanted:
        if not life.conditions <= conditions:
            conditions |= life.conditions
            guards.update(dict.fromkeys(life.guards))
    return Life(conditions, tuple(guards)) if conditions else ALWAYS


def predicate(tensor: Tensor) -> Tensor:
    """The tensor that a predicate is a copy of."""
    while tensor._op.type == "Identity":
        tensor = tensor._op._inputs[0]
    return tensor


def merged_conditions(op: Operation, lives: list[Life]) -> frozenset[Condition]:
    """On what the result of a Merge depends."""
    if len(lives) == 2:
        left, right = lives[0].conditions, lives[1].conditions
        common = left & right
        rest = (*(left - common), *(right - common))
        if len(rest) == 2 and rest[0][0] is rest[1][0] and rest[0][1] != rest[1][1]:
            return common
    if any(not life.conditions for life in lives):
        return frozenset()
    return frozenset({(op, 0)})
