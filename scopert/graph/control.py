"""The bookkeeping of ``with graph.control_dependencies(...)``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scopert.graph.graph import Graph
    from scopert.graph.operation import Operation


class ControlDependencies:
    """One ``with`` block: what operations made inside must wait for.

    An operation that has an input made inside the same block waits for them already.
    """

    __slots__ = ("_flow", "_graph", "_stack", "clears", "inputs", "seen")

    def __init__(self, graph: Graph, inputs: list[Operation] | None) -> None:
        self._graph = graph
        self.clears = inputs is None
        self.inputs = inputs or []
        self.seen: set[Operation] = set()
        self._stack: list[ControlDependencies] = []
        self._flow: Any = None

    def __enter__(self) -> None:
        local = self._graph._local
        if self.clears:
            self._stack, local.control = local.control, []
            self._flow, local.flow = local.flow, None
        local.control.append(self)

    def __exit__(self, *exc: object) -> None:
        local = self._graph._local
        if local.control[-1] is not self:
            raise AssertionError("control_dependencies blocks must be left in the order opposite to their entry")
        local.control.pop()
        if self.clears:
            local.control = self._stack
            local.flow = self._flow

    def covers(self, ops: Iterable[Operation]) -> bool:
        """Whether an operation with inputs from `ops` waits for the block's inputs already."""
        seen = self.seen
        return any(op in seen for op in ops)


def control_inputs_for(stack: list[ControlDependencies], input_ops: list[Operation]) -> list[Operation]:
    """What an operation made now, with data inputs from `input_ops`, must wait for."""
    found: dict[Operation, None] = {}
    for block in stack:
        if block.inputs and not block.covers(input_ops):
            for op in block.inputs:
                if op not in input_ops:
                    found[op] = None
    return list(found)
