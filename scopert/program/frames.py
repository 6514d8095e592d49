"""Loops as units: the operations of each frame, and what stands for them in the frame around.

A frame is what lies between the Enters and Exits of one loop. Among the operations of the frame around,
a :class:`LoopNode` takes the place of the whole loop: it waits for what the Enters wait for, and gives
what the Exits give.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from scopert.errors import InvalidArgumentError
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor
from scopert.program.variables import touched

ENTERS = frozenset({"Enter", "RefEnter"})
EXITS = frozenset({"Exit", "RefExit"})
MERGES = frozenset({"Merge", "RefMerge"})
SWITCHES = frozenset({"Switch", "RefSwitch"})
NEXT_ITERATIONS = frozenset({"NextIteration", "RefNextIteration"})


@dataclass(eq=False)
class LoopNode:
    """A loop among the operations around it.

    Attributes
    ----------
    name : str
        The frame's name.
    parent : LoopNode or None
        The loop around.
    ops : list of Operation
        What stands in the frame itself, without the loops inside.
    loops : list of LoopNode
        The loops inside.
    """

    name: str
    parent: LoopNode | None
    ops: list[Operation] = field(default_factory=list)
    loops: list[LoopNode] = field(default_factory=list)
    _id: int = 0

    @property
    def enters(self) -> list[Operation]:
        return [op for op in self.ops if op.type in ENTERS]

    @property
    def exits(self) -> list[Operation]:
        return [op for op in self.ops if op.type in EXITS]

    @property
    def nodes(self) -> list[Operation | LoopNode]:
        """What is to be put in order in the frame, in creation order."""
        return sorted([*self.ops, *self.loops], key=lambda node: node._id)


Node = Operation | LoopNode


def frames(ops: Iterable[Operation], is_fed: Callable[[Tensor], bool]) -> LoopNode:
    """Sorts operations into frames; returns the outermost one, which is no loop.

    Parameters
    ----------
    ops : iterable of Operation
        In creation order, and complete.
    is_fed : callable

    Raises
    ------
    InvalidArgumentError
        If an operation takes inputs from several frames, or of no frame that begins with an Enter.
    """
    root = LoopNode("", None)
    members = list(ops)
    if not any(op.type in ENTERS for op in members):
        root.ops = members
        return root
    present = set(members)
    children: dict[tuple[LoopNode, str], LoopNode] = {}
    frame_of: dict[Operation, LoopNode] = {}
    for op in _topological(members, present, is_fed):
        inside: LoopNode | None = None
        for other in _before(op, present, is_fed):
            frame = frame_of[other]
            if other.type in EXITS:
                if frame.parent is None:
                    raise InvalidArgumentError(None, other, f"{other.name} leaves a loop that nothing enters")
                frame = frame.parent
            if inside is None:
                inside = frame
            elif inside is not frame:
                raise InvalidArgumentError(
                    None, op,
                    f"{{{{node {op.name}}}}} has inputs from different frames. The input '{other.name}' is in frame "
                    f"'{frame.name}'; another one is in frame '{inside.name}'.",
                )  # fmt: skip
        if inside is None:
            inside = root
        if op.type in ENTERS:
            name = op.attrs["frame_name"]
            key = (inside, name.decode() if isinstance(name, bytes) else name)
            child = children.get(key)
            if child is None:
                child = children[key] = LoopNode(key[1], inside, _id=op._id)
                inside.loops.append(child)
            child._id = min(child._id, op._id)
            inside = child
        frame_of[op] = inside
    for op in members:
        if op in frame_of:
            frame_of[op].ops.append(op)
    if len(frame_of) != len(members):
        # A ring that is no loop: whoever puts the operations in order reports it.
        root.ops.extend(op for op in members if op not in frame_of)
    return root


def is_back_edge(op: Operation, tensor: Tensor) -> bool:
    """Whether an input is the value from the iteration before."""
    return op.type in MERGES and tensor._op.type in NEXT_ITERATIONS


def _before(op: Operation, present: Collection[Operation], is_fed: Callable[[Tensor], bool]) -> Iterator[Operation]:
    for tensor in op._inputs:
        if not is_fed(tensor) and not is_back_edge(op, tensor):
            yield tensor._op
    for other in op._control_inputs:
        if other in present:
            yield other


def _topological(
    members: list[Operation], present: Collection[Operation], is_fed: Callable[[Tensor], bool]
) -> Iterator[Operation]:
    missing: dict[Operation, int] = {}
    followers: dict[Operation, list[Operation]] = {}
    for op in members:
        before = dict.fromkeys(_before(op, present, is_fed))
        missing[op] = len(before)
        for other in before:
            followers.setdefault(other, []).append(op)
    ready = [op for op in members if not missing[op]]
    while ready:
        op = ready.pop()
        yield op
        for other in followers.get(op, ()):
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)


def dependencies(frame: LoopNode, is_fed: Callable[[Tensor], bool]) -> Callable[[Node], dict[Node, None]]:
    """``before(node)``: the nodes of one frame that a node of this frame waits for."""
    loop_of_exit: dict[Operation, LoopNode] = {op: loop for loop in frame.loops for op in loop.exits}
    present = set(frame.ops)

    def before(node: Node) -> dict[Node, None]:
        found: dict[Node, None] = {}
        if isinstance(node, LoopNode):
            sources = [other for op in node.enters for other in _before_enter(op)]
        elif node.type in ENTERS:
            sources = []
        else:
            sources = list(_before(node, node._control_inputs, is_fed))
        for op in sources:
            owner = loop_of_exit.get(op)
            if owner is not None:
                found[owner] = None
            elif op in present:
                found[op] = None
        return found

    def _before_enter(op: Operation) -> list[Operation]:
        data = [] if is_fed(op._inputs[0]) else [op._inputs[0]._op]
        return [*data, *op._control_inputs]

    return before


def touched_by(node: Node) -> tuple[Collection[object], Collection[object]]:
    """The variables that a node reads, and those that it writes."""
    if not isinstance(node, LoopNode):
        return touched(node)
    reads: dict[object, None] = {}
    writes: dict[object, None] = {}
    for inner in node.nodes:
        read, written = touched_by(inner)
        reads.update(dict.fromkeys(read))
        writes.update(dict.fromkeys(written))
    return reads, writes
