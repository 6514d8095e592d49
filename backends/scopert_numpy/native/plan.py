"""How a `Fused` body is walked: which axes are one, in which order, in what blocks, in which phases.

The nest of loops is ``rows, columns``, the last axis in vectors (*lanes*). Without consumed reductions all axes are
columns, and may be sorted. With them, each row is walked once for every *phase*: phase 0 computes the reductions of
what was loaded, phase 1 what depends on those, and the last phase stores everything, so that an output may lie where
an input was. A value of an earlier phase is computed again if that is cheap, else kept in a row of scratch memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from scopert.program.expression import REDUCTIONS, Access, Axes, Fused, Store
from scopert.program.space import with_axes, with_joined_axes
from scopert_numpy.native.builder import BITS
from scopert_numpy.native.primitives import Unsupported, register_kind

#: Rough costs in vector instructions; everything else costs 1.
COSTS = {
    "load": 1.0, "const": 0.0, "index": 1.0, "div": 4, "sqrt": 6, "rsqrt": 8, "reciprocal": 4, "exp": 18,
    "expm1": 20, "log": 24, "log1p": 28, "sin": 50, "cos": 50, "tan": 60, "tanh": 36,
    "sigmoid": 26, "softplus": 50, "erf": 40, "pow": 120, "atan2": 60, "mod": 10,
    "floordiv": 10, "max": 2, "min": 2, "sign": 4,
}  # fmt: skip
#: A value that costs more to compute again than to store and load is kept.
_KEEP_ABOVE = 5.0
#: Points of a unit of work, over the cost of a point.
_UNIT = 1 << 17
#: Points of a unit at least.
_LEAST = 256
#: Rows of a block that is transposed; it is twice as wide.
TILE = 64
#: Bodies of more nodes are compact.
_LONG = 100
#: Bodies that run about so many vector instructions are compact.
LITTLE = 2000


@dataclass(frozen=True)
class Plan:
    """A body with simple axes, and how to walk it.

    Attributes
    ----------
    fused : Fused
        The same body over fewer axes; reductions over nothing are nodes `SAME`.
    blocks : tuple of int
        For each axis, how much of it one unit of work covers.
    lanes, tail_lanes : int
        Width of the vectors of the innermost loop, and of what is left.
    phases, phase : int, list of int
        How many walks over the columns; in which a node can be computed.
    needed : list of set of int
        For each phase, the nodes that vary along columns to compute in it.
    kept : dict of int to int
        Nodes whose row goes through scratch memory, and the number of their row there.
    weight : float
        Cost of a point in vector instructions.
    tiled : int or None
        The axis along which some inputs are contiguous that are far apart along the lanes: their blocks are
        transposed before the loops.
    compact : bool
        LLVM's time counts for more than the body's: loops are written once, with masks, and not unrolled;
        functions are called.
    """

    fused: Fused
    blocks: tuple[int, ...]
    lanes: int
    tail_lanes: int
    phases: int
    phase: list[int]
    needed: list[set[int]]
    kept: dict[int, int]
    weight: float
    tiled: int | None
    compact: bool

    @property
    def units(self) -> int:
        """Independent pieces of work."""
        return prod(max(-(-n // block), 1) for n, block in zip(self.fused.extents, self.blocks, strict=True))

    @property
    def columns(self) -> int:
        """Points of a row."""
        return prod(self.fused.extents[self.fused.rows :])


def make_plan(fused: Fused, vector_bits: int, little: int = LITTLE) -> Plan:
    """Plans a body; one that runs at most about so many vector instructions as `little` is compact.

    Raises
    ------
    Unsupported
        If the space is empty: what is left to do then is not worth code.
    """
    if 0 in fused.extents:
        raise Unsupported("an empty space")
    fused = _simple_axes(fused)
    phase, phases = _phases(fused)
    needed, kept = _needs(fused, phase, phases)
    inner = len(fused.extents) - 1
    weight = sum(_cost(fused, node) for numbers in needed for node in numbers if inner in fused.nodes[node].axes)
    weight += 2 * len(fused.stores)
    instructions = prod(fused.extents) * weight / (vector_bits // 32)
    compact = len(fused.nodes) > _LONG or instructions <= little
    lanes, tail = _lanes(fused, vector_bits, weight / phases, compact)
    whole = _whole_axes(fused)
    tiled = _transposed_axis(fused, whole)
    return Plan(fused, _blocks(fused, weight, tiled, whole), lanes, tail, phases, phase, needed, kept, weight, tiled,
                compact)  # fmt: skip


def _simple_axes(fused: Fused) -> Fused:
    fused = _without_dead(fused)
    order = [k for k, n in enumerate(fused.extents) if n != 1]
    rows = sum(k < fused.rows for k in order)
    fused = with_axes(fused, order, rows)
    if not consumed(fused):
        fused = replace(fused, rows=0)
    main = _main_access(fused)

    def outermost(k: int) -> int:
        return -abs(main.strides[k]) if main.strides[k] else -(1 << 62)

    order = sorted(range(fused.rows), key=outermost) + sorted(range(fused.rows, len(fused.extents)), key=outermost)
    fused = with_joined_axes(with_axes(fused, order, fused.rows))
    if not fused.extents:  # a single point
        stores = tuple(Store(store.node, Access((0,), store.access.offset)) for store in fused.stores)
        fused = replace(fused, extents=(1,), loads=tuple(Access((0,), a.offset) for a in fused.loads), stores=stores)
    return fused


def _without_dead(fused: Fused) -> Fused:
    live = {store.node for store in fused.stores}
    for number in reversed(range(len(fused.nodes))):
        if number in live:
            live.update(fused.nodes[number].args)
    place = {old: new for new, old in enumerate(sorted(live))}
    nodes = tuple(replace(fused.nodes[old], args=tuple(place[arg] for arg in fused.nodes[old].args)) for old in place)
    return replace(fused, nodes=nodes, stores=tuple(replace(s, node=place[s.node]) for s in fused.stores))


def _main_access(fused: Fused) -> Access:
    """The access that decides on the order of the axes: a dense store, else whatever varies most."""
    accesses = [store.access for store in fused.stores] + list(fused.loads)
    return max(accesses, key=lambda access: sum(stride != 0 for stride in access.strides))


def consumed(fused: Fused) -> set[int]:
    """The reductions whose results are used in the body, or stored at every point that was reduced."""
    used = {arg for node in fused.nodes for arg in node.args if fused.nodes[arg].op in REDUCTIONS}
    for store in fused.stores:
        node, strides = fused.nodes[store.node], store.access.strides
        if node.op in REDUCTIONS and any(strides[k] and fused.extents[k] > 1 for k in node.value):
            used.add(store.node)
    return used


def _cost(fused: Fused, number: int) -> float:
    return COSTS.get(fused.nodes[number].op, 1.0)


def _phases(fused: Fused) -> tuple[list[int], int]:
    used = consumed(fused)
    phase: list[int] = []
    for number, node in enumerate(fused.nodes):
        below = max((phase[arg] for arg in node.args), default=0)
        phase.append(below + (number in used))
    last = 0
    for store in fused.stores:
        if fused.nodes[store.node].axes & _columns(fused) or any(store.access.strides[fused.rows :]):
            last = max(last, phase[store.node])
    deepest = max((phase[n.args[0]] for n in fused.nodes if n.op in REDUCTIONS), default=0)
    return phase, 1 + max(last, deepest)


def _columns(fused: Fused) -> Axes:
    return frozenset(range(fused.rows, len(fused.extents)))


def in_columns(fused: Fused, number: int) -> bool:
    """Whether a node is computed inside the loops over columns."""
    node = fused.nodes[number]
    return bool(node.axes & _columns(fused)) and node.op not in REDUCTIONS


def _needs(fused: Fused, phase: list[int], phases: int) -> tuple[list[set[int]], dict[int, int]]:
    needed: list[set[int]] = [set() for _ in range(phases)]
    kept: dict[int, int] = {}
    inner = len(fused.extents) - 1

    # Both walk with a stack of their own: a chain of a thousand nodes is no deeper for Python than a short one.
    def costly(number: int) -> bool:
        """Whether computing a node anew in a later phase costs more than keeping it."""
        total, waiting = 0.0, [number]
        while waiting and total <= _KEEP_ABOVE:
            now = waiting.pop()
            if now in kept or not in_columns(fused, now):
                total += 1.0
            else:
                total += _cost(fused, now)
                waiting.extend(fused.nodes[now].args)
        return total > _KEEP_ABOVE

    def need(number: int, where: int) -> None:
        waiting = [(number, where)]
        while waiting:
            number, where = waiting.pop()
            if number in needed[where] or not in_columns(fused, number):
                continue
            needed[where].add(number)
            home = phase[number]
            if home < where and inner in fused.nodes[number].axes and (number in kept or costly(number)):
                kept.setdefault(number, len(kept))
                waiting.append((number, home))
            else:
                waiting.extend((arg, where) for arg in reversed(fused.nodes[number].args))

    for node in fused.nodes:
        if node.op in REDUCTIONS:
            need(node.args[0], phase[node.args[0]])
    for store in fused.stores:
        if fused.nodes[store.node].op not in REDUCTIONS:
            need(store.node, phases - 1)
    return needed, kept


def _lanes(fused: Fused, vector_bits: int, weight: float, compact: bool) -> tuple[int, int]:
    kinds = {register_kind(node.dtype) for node in fused.nodes if fused.nodes}
    narrow = min((BITS[kind] for kind in kinds if kind != "i1"), default=8)
    width = vector_bits // max(narrow, 32)
    n = max(fused.extents[-1], 1)
    while width > 1 and width // 2 >= n:
        width //= 2
    lanes = width * (1 if compact else 4 if weight <= 8 else 2 if weight <= 40 else 1)
    while lanes > n and lanes > width:
        lanes //= 2
    return lanes, width


def _whole_axes(fused: Fused) -> Axes:
    """Axes that are not dealt out to units of work.

    A row is never split, also where all is one row. And each unit adds its part to a result: where units differ only
    along an axis that what is added does not vary along, it would be added several times.
    """
    used = consumed(fused)
    whole = _columns(fused) if used else frozenset()
    for number, node in enumerate(fused.nodes):
        if node.op in REDUCTIONS and number not in used:
            whole |= frozenset(range(len(fused.extents))) - node.axes - node.value
    return whole


def _blocks(fused: Fused, weight: float, tiled: int | None, whole: Axes) -> tuple[int, ...]:
    extents = fused.extents
    budget = max(int(_UNIT / (weight + 4)), _LEAST)
    blocks = [1] * len(extents)
    for k in reversed(range(len(extents))):
        n = max(extents[k], 1)
        if k in whole:
            blocks[k] = n
        elif tiled is not None:
            blocks[k] = min(n, 2 * TILE) if k == len(extents) - 1 else min(n, TILE) if k == tiled else 1
        else:
            blocks[k] = n if n <= budget else max(budget // 64 * 64, 1) if budget > 64 else max(budget, 1)
        budget = max(budget // blocks[k], 1)
    return tuple(blocks)


def _transposed_axis(fused: Fused, whole: Axes) -> int | None:
    last = len(fused.extents) - 1
    if last in whole or fused.extents[last] < 8:
        return None
    for access in fused.loads:
        for k in range(last):
            if k not in whole and is_transposed(access, k, last) and fused.extents[k] >= 8:
                return k
    return None


def is_transposed(access: Access, axis: int, lanes: int) -> bool:
    """Whether an array lies contiguous along an axis, and far apart along the lanes."""
    return access.strides[axis] == 1 and abs(access.strides[lanes]) >= 8
