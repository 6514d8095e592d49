"""The order in which operations run: one graph, one order.

Data and control edges come first. Among what they leave free, an operation that reads a variable runs
before one that writes it, everything else in the order in which it was made. TensorFlow leaves a race
there; see `execution_order` for the rule in full.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from heapq import heapify, heappop, heappush

from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor
from scopert.program.frames import LoopNode, Node, dependencies, touched_by


def needed(
    targets: Iterable[Operation], is_fed: Callable[[Tensor], bool], done: frozenset[Operation] = frozenset()
) -> list[Operation]:
    """The operations that `targets` depend on, and themselves, in creation order.

    A fed tensor needs no producer. An operation without inputs whose outputs are all fed does not run
    at all, also where only a control edge asks for it.
    """
    found: set[Operation] = set()
    stack = list(targets)
    while stack:
        op = stack.pop()
        if op in found:
            continue
        found.add(op)
        stack += [tensor._op for tensor in op._inputs if tensor._op not in found and not is_fed(tensor)]
        stack += [
            other
            for other in op._control_inputs
            if other not in found and other not in done and not replaced(other, is_fed)
        ]
    return sorted(found, key=_number)


def replaced(op: Operation, is_fed: Callable[[Tensor], bool]) -> bool:
    """Whether feeds take the place of an operation."""
    return not op._inputs and bool(op.outputs) and all(is_fed(tensor) for tensor in op.outputs)


def _number(op: Operation) -> int:
    return op._id


class CycleError(ValueError):
    """The operations wait for each other; `ops` names those that cannot start."""

    def __init__(self, ops: Sequence[Node]) -> None:
        self.ops = [node for node in ops if isinstance(node, Operation)]
        names = ", ".join(node.name for node in ops[:5])
        super().__init__(f"Graph is invalid, contains a cycle with {len(ops)} nodes, including: {names}")


def execution_order(frame: LoopNode, is_fed: Callable[[Tensor], bool]) -> list[Node]:
    """Sorts the operations and loops of a frame for execution.

    The rule: of all nodes that could run now, the first in creation order that writes no variable.
    If all of them write, the first whose variables nobody is left to read, but those that wait for this
    very write. If readers and writers wait for each other in a ring, creation order decides.

    Parameters
    ----------
    frame : LoopNode
        Complete: what its operations depend on is fed or in the frame, but for the values of an earlier
        iteration.
    is_fed : callable
        Whether a tensor's value is given from outside.

    Raises
    ------
    CycleError
        If operations wait for each other.
    """
    nodes = frame.nodes
    plan = _Plan(nodes, dependencies(frame, is_fed))
    order: list[Node] = []
    while (node := plan.next()) is not None:
        order.append(node)
        plan.done(node)
    if len(order) != len(nodes):
        started = set(order)
        raise CycleError([node for node in nodes if node not in started])
    return order


class _Plan:
    def __init__(self, ops: list[Node], before: Callable[[Node], dict[Node, None]]) -> None:
        self._op = {op._id: op for op in ops}
        self._followers: dict[Node, list[Node]] = {}
        self._missing: dict[Node, int] = {}
        self._writes: dict[Node, Collection[object]] = {}
        self._reads: dict[Node, Collection[object]] = {}
        self._readers: dict[object, dict[Node, None]] = {}
        # Writes that could run but for a reader, by number, and the other way round.
        self._postponed: dict[int, Node] = {}
        self._waiting_for: dict[Node, list[Node]] = {}
        for op in ops:
            self._add(op, before(op))
        ready = [op for op in ops if not self._missing[op]]
        self._free = [op._id for op in ready if op not in self._writes]
        self._ready_writes = [op._id for op in ready if op in self._writes]
        heapify(self._free)
        heapify(self._ready_writes)

    def _add(self, op: Node, before: dict[Node, None]) -> None:
        self._missing[op] = len(before)
        for other in before:
            self._followers.setdefault(other, []).append(op)
        reads, writes = touched_by(op)
        if writes:
            self._writes[op] = writes
        if reads:
            self._reads[op] = reads
            for variable in reads:
                self._readers.setdefault(variable, {})[op] = None

    def next(self) -> Node | None:
        if self._free:
            return self._op[heappop(self._free)]
        waiting = self._ready_writes
        while waiting:
            write = self._op[heappop(waiting)]
            # With one candidate, all that is left waits for it.
            alone = not waiting and not self._postponed
            reader = None if alone else self._reader_before(write)
            if reader is None:
                return write
            # What it waits for decides when to look again.
            self._postponed[write._id] = reader
            self._waiting_for.setdefault(reader, []).append(write)
        if not self._postponed:
            return None
        first = min(self._postponed)  # readers and writers wait for each other in a ring
        self._waiting_for[self._postponed.pop(first)].remove(self._op[first])
        return self._op[first]

    def _reader_before(self, write: Node) -> Node | None:
        """A reader of what it writes that is still to run and does not wait for it."""
        left = {reader: None for variable in self._writes[write] for reader in self._readers.get(variable, ())}
        left.pop(write, None)
        stack, seen = [write], {write}
        while stack and left:
            for op in self._followers.get(stack.pop(), ()):
                if op not in seen:
                    seen.add(op)
                    left.pop(op, None)
                    stack.append(op)
        return next(iter(left), None)

    def done(self, op: Node) -> None:
        for variable in self._reads.get(op, ()):
            del self._readers[variable][op]
        for write in self._waiting_for.pop(op, ()):
            del self._postponed[write._id]
            heappush(self._ready_writes, write._id)
        for other in self._followers.get(op, ()):
            self._missing[other] -= 1
            if not self._missing[other]:
                heappush(self._ready_writes if other in self._writes else self._free, other._id)
