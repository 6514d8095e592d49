"""Where every value of a fused body lives while a block is computed, and how large a block is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from scopert.backend import Fused, Node
from scopert_numpy.blocked_nodes import REDUCE

#: Bytes of scratch memory that a block may use: about a core's own cache. Smaller blocks cost more in calls than they
#: gain.
_CACHE = 1 << 20
_LEAST_POINTS, _MOST_POINTS = 1 << 13, 1 << 16
#: How much larger blocks are that several threads compute. Between two calls a thread needs the interpreter's lock; if
#: another one holds it, it sleeps, and to wake up costs as much as what a small block gains by staying in the cache.
_SHARED = 4

#: A piece of scratch memory: the axes along which it extends, and its NumPy dtype.
Scratch = tuple[frozenset[int], Any]


@dataclass(slots=True)
class Plan:
    """What `Blocked` follows.

    Attributes
    ----------
    block : tuple of int
        The extents of a block.
    scratch : list of Scratch
    slots : dict
        Node -> its scratch memory.
    direct : dict
        Node -> the output in whose memory it is computed.
    once : frozenset of int
        Nodes that are the same for all blocks.
    sums : dict
        Nodes that reduce over several blocks -> scratch memory for one block's share.
    after : frozenset of int
        Nodes that need the end result of such a reduction.
    """

    block: tuple[int, ...]
    scratch: list[Scratch] = field(default_factory=list)
    slots: dict[int, int] = field(default_factory=dict)
    direct: dict[int, int] = field(default_factory=dict)
    once: frozenset[int] = frozenset()
    sums: dict[int, int] = field(default_factory=dict)
    after: frozenset[int] = frozenset()


def plan(fused: Fused, threads: int = 1) -> Plan:
    """Plans a body of simple primitives, whose blocks `threads` threads share."""
    direct = _direct(fused)
    # How much scratch memory a point needs decides on the block, and the block on what is the same in all blocks.
    trial = Plan(fused.extents, direct=direct)
    _allocate(fused, trial)
    made = Plan(_block(fused, trial.scratch, threads), direct=direct)
    blocked = frozenset(k for k, (b, n) in enumerate(zip(made.block, fused.extents, strict=True)) if b < n)
    _sort_out(fused, made, blocked)
    _allocate(fused, made)
    return made


def _direct(fused: Fused) -> dict[int, int]:
    found: dict[int, int] = {}
    for number, store in enumerate(fused.stores):
        node = fused.nodes[store.node]
        varying = frozenset(
            k for k, (stride, n) in enumerate(zip(store.access.strides, fused.extents, strict=True)) if stride and n > 1
        )
        if node.args and varying == node.axes:
            found.setdefault(store.node, number)
    return found


def _block(fused: Fused, scratch: Sequence[Scratch], threads: int) -> tuple[int, ...]:
    columns = prod(fused.extents[fused.rows :])
    # What varies along the rows only takes next to nothing.
    inner = [(prod([fused.extents[k] for k in axes if k >= fused.rows]), dtype.itemsize) for axes, dtype in scratch]
    of_a_row = sum(points * size for points, size in inner)
    a_point = of_a_row / max(columns, 1) + 8
    size = 1 if threads == 1 else _SHARED
    points = min(max(int(size * _CACHE / a_point), _LEAST_POINTS), size * _MOST_POINTS)
    if threads > 1:  # each of them gets a block
        points = min(points, max(-(-prod(fused.extents) // threads), _LEAST_POINTS))
    left = max(points // max(columns, 1), 1)
    block = list(fused.extents)
    for k in range(fused.rows - 1, -1, -1):
        if left >= block[k]:
            left //= max(block[k], 1)
        else:
            block[k], left = left, 1
    return tuple(block)


def _sort_out(fused: Fused, made: Plan, blocked: frozenset[int]) -> None:
    once: set[int] = set()
    after: set[int] = set()
    for number, node in enumerate(fused.nodes):
        if any(arg in after or arg in made.sums for arg in node.args):
            after.add(number)
        elif node.op in REDUCE and not blocked.isdisjoint(node.value):
            made.sums[number] = -1
        elif (
            blocked
            and blocked.isdisjoint(node.axes)
            and all(arg in once or not fused.nodes[arg].args for arg in node.args)
        ):
            once.add(number)
    made.once, made.after = frozenset(once), frozenset(after)


def _allocate(fused: Fused, made: Plan) -> None:
    """Gives nodes scratch memory, the same again once a value is dead."""
    nodes = fused.nodes
    last = [-1] * len(nodes)
    for number, node in enumerate(nodes):
        for arg in node.args:
            last[arg] = number
    for store in fused.stores:
        if made.direct.get(store.node) is None or nodes[store.node].op in ("load", "const", "index"):
            last[store.node] = len(nodes)
    for number in (*made.once, *made.sums, *made.after):
        last[number] = len(nodes)
    free: dict[Scratch, list[int]] = {}

    def new(key: Scratch) -> int:
        made.scratch.append(key)
        return len(made.scratch) - 1

    for number, node in enumerate(nodes):
        if not node.args:
            continue
        key = node.axes, node.dtype.np
        dying = [arg for arg in dict.fromkeys(node.args) if last[arg] == number and arg in made.slots]
        if number in made.sums:
            made.sums[number] = new(key)
        if number not in made.direct:
            lasting = number in made.once or number in made.sums or number in made.after
            taken = None if lasting else _in_place(made, node, dying, key)
            if taken is not None:
                dying = [arg for arg in dying if made.slots[arg] != taken]
            elif not lasting and free.get(key):
                taken = free[key].pop()
            made.slots[number] = new(key) if taken is None else taken
        for arg in dying:
            free.setdefault(made.scratch[made.slots[arg]], []).append(made.slots[arg])
        if last[number] < 0 and number in made.slots:
            free.setdefault(key, []).append(made.slots[number])


def _in_place(made: Plan, node: Node, dying: Sequence[int], key: Scratch) -> int | None:
    """The memory of an operand that may be overwritten by the result."""
    if node.op in REDUCE:
        return None
    # A select reads its other operands after it has begun to write.
    for arg in node.args[2:] if node.op == "select" else node.args:
        if arg in dying and made.scratch[made.slots[arg]] == key and (node.op != "select" or arg not in node.args[:2]):
            return made.slots[arg]
    return None
