"""Lowering of control flow: conds into guarded steps, loops into LOOP steps.

A Switch hands its data on at one output and `DEAD` at the other. A step that may depend on a dead value has
guards: it runs only if none of them is dead, and its outputs are dead otherwise. A Merge takes what is alive.

A loop becomes one step with a Program of its own. Its steps stand in three parts: those that lead to the
condition, those that run if it holds, and those that run when it does not hold any more. Enters, Exits,
NextIterations and the Switches of the loop's variables need no steps: they only say where values come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError, UnimplementedError
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor
from scopert.program.frames import ENTERS, EXITS, MERGES, NEXT_ITERATIONS, SWITCHES, LoopNode, Node, is_back_edge
from scopert.program.ir import DEAD
from scopert.program.liveness import predicate

CONTROL_FLOW = ENTERS | EXITS | MERGES | SWITCHES | NEXT_ITERATIONS | {"LoopCond"}


def switch_kernel(xp: Any, data: Any, pred: Any) -> tuple[Any, Any]:
    """The data at the output that `pred` chooses."""
    return (DEAD, data) if pred else (data, DEAD)


def merge_kernel(xp: Any, *inputs: Any) -> tuple[Any, Any]:
    """The first input that is alive, and its number."""
    for index, value in enumerate(inputs):
        if value is not DEAD:
            return value, np.int32(index)
    return DEAD, DEAD


def pass_kernel(xp: Any, value: Any) -> Any:
    """The value: a guarded step for it makes it dead where it should be."""
    return value


class LoopShape:
    """The parts that a loop's operations play.

    Parameters
    ----------
    loop : LoopNode
    order : list of Operation and LoopNode
        What stands in the loop, in the order in which it runs.
    is_fed : callable

    Attributes
    ----------
    variables : list of (Merge, Enter, NextIteration)
    invariants : list of Operation
        The Enters of what is the same in all iterations.
    condition : Operation
        The LoopCond.
    parts : list of three lists
        What leads to the condition, what runs if it holds, what runs when it does not.

    Raises
    ------
    InvalidArgumentError
        If it is no loop as TensorFlow makes them.
    """

    def __init__(self, loop: LoopNode, order: list[Node], is_fed: Callable[[Tensor], bool]) -> None:
        self._loop = loop
        self.condition = self._the_condition()
        self.invariants = [op for op in loop.enters if op.attrs["is_constant"]]
        self.variables = [self._variable(op) for op in loop.ops if self.is_loop_merge(op)]
        self._own = frozenset(op for variable in self.variables for op in variable)
        self.parts: tuple[list[Node], list[Node], list[Node]] = ([], [], [])
        self._sort(order, is_fed)

    def _the_condition(self) -> Operation:
        found = [op for op in self._loop.ops if op.type == "LoopCond"]
        if len(found) != 1:
            raise InvalidArgumentError(
                None, self._loop.enters[0],
                f"the loop '{self._loop.name}' has {len(found)} LoopCond operations, not one",
            )  # fmt: skip
        return found[0]

    @staticmethod
    def is_loop_merge(op: Operation) -> bool:
        """Whether it is the Merge of a loop's variable."""
        return op.type in MERGES and any(tensor._op.type in ENTERS for tensor in op._inputs)

    def _variable(self, merge: Operation) -> tuple[Operation, Operation, Operation]:
        inputs = [tensor._op for tensor in merge._inputs]
        if len(inputs) != 2 or inputs[0].type not in ENTERS or inputs[1].type not in NEXT_ITERATIONS:
            raise InvalidArgumentError(
                None, merge, f"{merge.name} is no variable of a loop: it must merge an Enter and a NextIteration"
            )
        if merge.outputs[1]._consumers:
            raise UnimplementedError(None, merge, f"the value_index of the loop variable {merge.name} is not available")
        return merge, inputs[0], inputs[1]

    def is_loop_switch(self, op: Operation) -> bool:
        """Whether it divides a loop's variable into the next iteration and the exit."""
        return op.type in SWITCHES and predicate(op._inputs[1])._op is self.condition

    def _sort(self, order: list[Node], is_fed: Callable[[Tensor], bool]) -> None:
        part: dict[Node, int] = {}
        owner: dict[Operation, Node] = {op: inner for inner in self._loop.loops for op in inner.exits}
        for node in order:
            found = 0
            for source in _sources(node, is_fed):
                op = source._op if isinstance(source, Tensor) else source
                found = max(found, part.get(owner.get(op, op), 0))
                if isinstance(source, Tensor) and self.is_loop_switch(op):
                    found = max(found, 1 if source._value_index == 1 else 2)
            part[node] = found
            self.parts[found].append(node)


def _sources(node: Node, is_fed: Callable[[Tensor], bool]) -> Iterator[Tensor | Operation]:
    if isinstance(node, LoopNode):
        for op in node.enters:
            yield from op._inputs
            yield from op._control_inputs
    elif node.type not in ENTERS:
        for tensor in node._inputs:
            if not is_fed(tensor) and not is_back_edge(node, tensor):
                yield tensor
        yield from node._control_inputs
