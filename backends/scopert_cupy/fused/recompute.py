"""What a fused step stores only for later fused steps is computed again there, where that moves fewer bytes.

A pass over a program, before it is planned. A forward step keeps intermediate values for the gradients; where a
gradient's step reads what such a value was made of anyway, or one array instead of several, the value is not stored at
all. Values that depend on reductions over columns take these from vectors with an element for each row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import prod

from scopert.backend import FUSED, LOOP, WRITES, Access, Fused, Node, Program, Step, Value, as_dtype
from scopert.program.expression import REDUCTIONS, Store
from scopert.program.passes.place import Place
from scopert_cupy.device import Facts
from scopert_cupy.fused.drawing import DISTRIBUTIONS, drawn_by, nest_of, takes_each_once
from scopert_cupy.fused.plan import Kernels
from scopert_cupy.fused.row_plan import COSTS
from scopert_cupy.fused.text import Unsupported

#: Instructions for each element that may be repeated: with bytes saved at both ends, memory is still the limit.
_DEAREST = 60.0
#: Elements from which on it is worth it, and how much shorter than a value a vector over rows is.
_LEAST, _SHORTER = 1 << 12, 8


@dataclass(frozen=True, slots=True)
class _Leaf:
    """Memory that a value is computed again from: a slot, and how it lies in the space of the step that had it."""

    slot: int
    access: Access


def recompute(program: Program, facts: Facts, place: bool = True) -> Program:
    """The program with values computed again instead of stored, and (with `place`) a new layout.

    One without a layout stays what it is: its shapes are not sure.
    """
    if program.memory is None:
        return program
    work = _Work(program)
    for position in range(len(work.steps)):
        work.improve(position)
    if not work.changed or not all(_can_be_made(work, k, facts) for k in work.changed):
        return program
    steps = tuple([step for step in work.steps if step.outputs or step.op != FUSED])
    made = replace(program, values=tuple(work.values), steps=steps)
    return Place()(made) if place else made


def _can_be_made(work: _Work, position: int, facts: Facts) -> bool:
    step = work.steps[position]
    if not step.outputs:
        return True
    types = [tuple([work.values[slot].dtype.base for slot in slots]) for slots in (step.inputs, step.outputs)]
    try:
        Kernels(facts.shared).add(nest_of(step, *types))
    except Unsupported:
        return False
    return True


class _Work:
    def __init__(self, program: Program) -> None:
        self.values = list(program.values)
        self.steps = list(program.steps)
        #: Positions of steps that are not what they were.
        self.changed: set[int] = set()
        self._fetched = {fetch.slot for fetch in program.fetches}
        self._users: dict[int, list[int]] = defaultdict(list)
        self.random: set[int] = set()
        for position, step in enumerate(self.steps):
            for slot in dict.fromkeys((*step.inputs, *step.guards)):
                self._users[slot].append(position)
            if step.op in DISTRIBUTIONS:
                self.random.update(step.outputs)
        #: How many steps up to each change variables.
        self._writes = list(accumulate([WRITES in step.traits or step.op == LOOP for step in self.steps]))

    def improve(self, position: int) -> None:
        """Drops what can be computed again of what a step stores."""
        step = self.steps[position]
        if not _is_plain(step):
            return
        for slot in step.outputs:
            if slot not in self._fetched and self._users[slot]:
                self._drop(position, slot)

    def _drop(self, position: int, slot: int) -> None:
        step, users = self.steps[position], self._users[slot]
        body = step.body
        assert isinstance(body, Fused)
        number = step.outputs.index(slot)
        store = body.stores[number]
        size = prod(body.extents)
        if size < _LEAST or not takes_each_once(store.access, body.extents) or body.nodes[store.node].op == "load":
            return
        if not all(_is_plain(self.steps[user]) for user in users):
            return
        cone = _Cone(self, position, number)
        if not cone.possible or cone.cost > _DEAREST:
            return
        # Every user must be able to read the leaves where it reads the value.
        plans = []
        added = 0
        for user in users:
            plan = self._plan(position, user, slot, cone)
            if plan is None:
                return
            plans.append((user, plan))
            taker = self.steps[user].body
            assert isinstance(taker, Fused)
            known = set(zip(self.steps[user].inputs, taker.loads, strict=True))
            new = {pair for pair in plan.values() if pair not in known}
            added += sum(_nbytes(cone.vectors.get(s) or self.values[s]) for s, _ in new)
        added += sum(map(_nbytes, cone.vectors.values()))
        if added >= _nbytes(self.values[slot]) * (1 + len(users)):
            return
        self._store(position, cone, slot)
        for user, plan in plans:
            self._replace(user, slot, cone, plan)
        self._users[slot] = []

    def _plan(self, position: int, user: int, slot: int, cone: _Cone) -> dict[int, tuple[int, Access]] | None:
        """For each leaf of a value, where a user finds it; None if it cannot."""
        made, taker = self.steps[position], self.steps[user]
        first, second = made.body, taker.body
        assert isinstance(first, Fused) and isinstance(second, Fused)
        if taker.inputs.count(slot) != 1:
            return None
        store = first.stores[made.outputs.index(slot)].access
        load = second.loads[taker.inputs.index(slot)]
        if not takes_each_once(load, second.extents):
            return None
        unchanged = self._writes[user - 1] == self._writes[position]
        found: dict[int, tuple[int, Access]] = {}
        for node, leaf in cone.leaves.items():
            access = translated(leaf.access, store, first.extents, load, second.extents)
            # A variable's memory may be read only before it is written.
            if access is None or (first.nodes[node].op == "load" and leaf.slot not in taker.inputs and not unchanged):
                return None
            found[node] = (leaf.slot, access)
        return found

    def _store(self, position: int, cone: _Cone, slot: int) -> None:
        """The step without the value, but with the vectors that it is computed from."""
        step = self.steps[position]
        body = step.body
        assert isinstance(body, Fused)
        stores, outputs = list(body.stores), list(step.outputs)
        for node, leaf in cone.leaves.items():
            if leaf.slot in cone.vectors:
                self.values.append(cone.vectors[leaf.slot])
                stores.append(Store(node, leaf.access))
                outputs.append(leaf.slot)
        number = outputs.index(slot)
        del stores[number], outputs[number]
        self._put(position, replace(body, stores=tuple(stores)), step.inputs, outputs)

    def _replace(self, user: int, slot: int, cone: _Cone, plan: dict[int, tuple[int, Access]]) -> None:
        """The step with the value computed again where it was loaded."""
        step = self.steps[user]
        body = step.body
        assert isinstance(body, Fused)
        writer = _Writer(body.extents, list(step.inputs), list(body.loads))
        place = step.inputs.index(slot)
        renamed: dict[int, int] = {}
        for old, node in enumerate(body.nodes):
            if node.op == "load" and node.value == place:
                renamed[old] = cone.write(writer, plan)
            else:
                renamed[old] = writer.add(node, tuple([renamed[arg] for arg in node.args]))
        stores = tuple([replace(store, node=renamed[store.node]) for store in body.stores])
        made = Fused(body.extents, body.rows, tuple(writer.nodes), tuple(writer.loads), stores)
        self._put(user, made, writer.inputs, step.outputs)

    def _put(self, position: int, body: Fused, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """A step with another body, without what its stores do not need."""
        body, used = _pruned(body)
        kept = [inputs[k] for k in used]
        step = self.steps[position]
        for slot in set(step.inputs) - set(kept):
            self._users[slot].remove(position)
        for slot in set(kept) - set(step.inputs):
            self._users[slot].append(position)
        types = [tuple([self.values[slot].dtype for slot in slots]) for slots in (kept, outputs)]
        origin = replace(step.origin, input_dtypes=types[0], output_dtypes=types[1])
        self.steps[position] = replace(step, body=body, inputs=tuple(kept), outputs=tuple(outputs), origin=origin)
        self.changed.add(position)


@dataclass
class _Writer:
    """The nodes of a body that is written anew, equal ones once."""

    extents: tuple[int, ...]
    inputs: list[int]
    loads: list[Access]
    nodes: list[Node] = field(default_factory=list)
    _known: dict[tuple[str, tuple[int, ...], str, str], int] = field(default_factory=dict)

    def add(self, like: Node, args: tuple[int, ...]) -> int:
        """A node like another, of other operands."""
        axes = frozenset[int]().union(*[self.nodes[arg].axes for arg in args])
        if like.op in REDUCTIONS:
            axes -= like.value
        elif like.op == "load":
            strides = self.loads[like.value].strides
            axes = frozenset([k for k, stride in enumerate(strides) if stride and self.extents[k] != 1])
        elif not args:
            axes = like.axes
        key = like.op, args, like.dtype.name, repr(like.value)
        if key not in self._known:
            self._known[key] = len(self.nodes)
            self.nodes.append(Node(like.op, args, like.dtype, axes, like.value))
        return self._known[key]

    def load(self, where: tuple[int, Access], like: Node) -> int:
        """A value from a slot."""
        pairs = list(zip(self.inputs, self.loads, strict=True))
        if where not in pairs:
            pairs.append(where)
            self.inputs.append(where[0])
            self.loads.append(where[1])
        return self.add(Node("load", (), like.dtype, frozenset(), pairs.index(where)), ())


class _Cone:
    """What a stored value is computed from: nodes to repeat, and leaves that lie in memory.

    Attributes
    ----------
    possible : bool
    cost : float
        Instructions for an element.
    leaves : dict of int to _Leaf
        By node.
    vectors : dict of int to Value
        By slot, leaves that have to be stored for it: an element for each row.
    """

    def __init__(self, work: _Work, position: int, number: int) -> None:
        step = work.steps[position]
        body = step.body
        assert isinstance(body, Fused)
        self._nodes, self._extents = body.nodes, body.extents
        self._target = body.stores[number].node
        self._kept_in = work.values[step.outputs[number]].dtype.base
        self._first = len(work.values)
        self.leaves: dict[int, _Leaf] = {}
        self.vectors: dict[int, Value] = {}
        self.cost = 0.0
        # What else is stored as it is computed; what was rounded to 16 bits is another value.
        self._stored: dict[int, _Leaf] = {}
        for k, store in enumerate(body.stores):
            if store.node != self._target and not _is_half(work.values[step.outputs[k]]):
                self._stored.setdefault(store.node, _Leaf(step.outputs[k], store.access))
        self._reducing = _reducing(body)
        self.possible = self._walk(work, step, body)

    def _walk(self, work: _Work, step: Step, body: Fused) -> bool:
        waiting, self._order = [self._target], set[int]()
        while waiting:
            now = waiting.pop()
            if now in self._order:
                continue
            self._order.add(now)
            node = self._nodes[now]
            if node.op == "load":
                slot = step.inputs[node.value]
                if slot in work.random:
                    return False
                self.leaves[now] = _Leaf(slot, body.loads[node.value])
            elif now in self._stored:
                self.leaves[now] = self._stored[now]
            elif now in self._reducing and self._is_short(node):
                self._vector(now)
            elif node.op == "index" or node.op in REDUCTIONS:
                return False
            else:
                self.cost += COSTS.get(node.op, 1.0)
                waiting.extend(node.args)
        return True

    def _is_short(self, node: Node) -> bool:
        return prod([self._extents[k] for k in node.axes]) * _SHORTER <= prod(self._extents)

    def _vector(self, number: int) -> None:
        """A value that is the same along the columns: to be stored once for each row."""
        node = self._nodes[number]
        strides, step = [0] * len(self._extents), 1
        for k in reversed(range(len(self._extents))):
            if k in node.axes:
                strides[k] = step
                step *= self._extents[k]
        dtype = as_dtype("float32") if node.dtype.is_floating and node.dtype.size == 2 else node.dtype
        slot = self._first + len(self.vectors)
        self.vectors[slot] = Value(slot, f"for_rows_{slot}:0", dtype, (step,))
        self.leaves[number] = _Leaf(slot, Access(tuple(strides)))

    def write(self, writer: _Writer, plan: dict[int, tuple[int, Access]]) -> int:
        """Writes the nodes anew; the one that is the value."""
        made: dict[int, int] = {}
        for number in sorted(self._order):
            node = self._nodes[number]
            if number in plan:
                made[number] = writer.load(plan[number], node)
            else:
                made[number] = writer.add(node, tuple([made[arg] for arg in node.args]))
        target = made[self._target]
        if self._kept_in.is_floating and self._kept_in.size == 2:  # rounded, as it was in memory
            target = writer.add(Node("cast", (), self._kept_in, frozenset()), (target,))
        return target


def _nbytes(value: Value) -> int:
    return prod([n or 1 for n in value.shape or ()]) * int(value.dtype.base.np.itemsize)


def _is_half(value: Value) -> bool:
    return bool(value.dtype.base.is_floating and value.dtype.base.size == 2)


def _is_plain(step: Step) -> bool:
    """Whether it is a fused step that always runs and draws nothing."""
    return step.op == FUSED and not step.guards and not step.kept and not drawn_by(step)


def _reducing(body: Fused) -> set[int]:
    """Nodes that depend on a reduction, reductions among them."""
    found: set[int] = set()
    for number, node in enumerate(body.nodes):
        if node.op in REDUCTIONS or not found.isdisjoint(node.args):
            found.add(number)
    return found


def _pruned(body: Fused) -> tuple[Fused, list[int]]:
    """A body without nodes that no store needs; which of its loads are left."""
    live = {store.node for store in body.stores}
    for number in reversed(range(len(body.nodes))):
        if number in live:
            live.update(body.nodes[number].args)
    place = {old: new for new, old in enumerate(sorted(live))}
    used = sorted({body.nodes[old].value for old in place if body.nodes[old].op == "load"})
    number_of = {old: new for new, old in enumerate(used)}
    nodes = []
    for old in place:
        node = body.nodes[old]
        value = number_of[node.value] if node.op == "load" else node.value
        nodes.append(replace(node, args=tuple([place[arg] for arg in node.args]), value=value))
    stores = tuple([replace(store, node=place[store.node]) for store in body.stores])
    return Fused(body.extents, body.rows, tuple(nodes), tuple([body.loads[k] for k in used]), stores), used


def translated(
    access: Access, store: Access, extents: tuple[int, ...], load: Access, others: tuple[int, ...]
) -> Access | None:
    """An access over one space as one over another, if it can be; the spaces meet in an array.

    Parameters
    ----------
    access : Access
        Over the space `extents`, in which `store` takes each element of the array once.
    load : Access
        Takes each element of the same array once, over the space `others`.
    """
    pieces = sorted(
        [(stride, stride * n, k) for k, (stride, n) in enumerate(zip(store.strides, extents, strict=True)) if n > 1]
    )
    strides = []
    for stride, n in zip(load.strides, others, strict=True):
        if n == 1:
            strides.append(0)
            continue
        # The part of each axis of the first space that this axis walks over, from the innermost on.
        covered = [
            (max(stride, low), min(stride * n, high), low, k)
            for low, high, k in pieces
            if low < stride * n and high > stride
        ]
        made: int | None = None
        walked = 1
        for low, high, begin, k in covered:
            if low % begin or high % low:
                return None
            step = access.strides[k] * (low // begin)
            if made is None:
                made = step
            elif step != made * walked:
                return None
            walked *= high // low
        if made is None or walked != n:
            return None
        strides.append(made)
    return Access(tuple(strides), access.offset)
