"""Cuts a body with consumed reductions into bodies without, where walking it row by row would be slow.

That is so where neighbours in memory lie in different rows (batch normalisation: a row is a channel), and where
there are too few rows for the threads. The stages alternate: reductions over the columns, stored; then whatever
follows from them row by row; in the end everything that varies along the columns. Each is free to sort its axes, and
its reductions are shared among threads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from scopert.graph.dtypes import DType, float32
from scopert.program.expression import REDUCTIONS, Access, Fused, Node, Store
from scopert_numpy.native.plan import consumed

_FEW_POINTS = 1 << 15


@dataclass(frozen=True)
class Stage:
    """A body, and where its inputs and outputs are: numbers below 0 are temporary arrays (-1 the first)."""

    fused: Fused
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    input_types: tuple[DType, ...]
    output_types: tuple[DType, ...]


@dataclass(frozen=True)
class Staged:
    """Bodies to run one after the other, and the sizes and types of the temporary arrays between them."""

    stages: tuple[Stage, ...]
    temporary: tuple[tuple[int, DType], ...]


def worth_cutting(fused: Fused, threads: int) -> bool:
    """Whether stages are faster than walking a body row by row."""
    if not consumed(fused):
        return False
    rows, points = prod(fused.extents[: fused.rows]), prod(fused.extents)
    if points < _FEW_POINTS:
        return False
    if threads > 1 and rows < 2 * threads:
        return True
    moving = [k for k in range(fused.rows, len(fused.extents)) if fused.extents[k] > 1]
    if not moving:
        return False
    large = [a for a in fused.loads if all(a.strides[k] for k in range(len(fused.extents)) if fused.extents[k] > 1)]
    apart = [access for access in large if not any(abs(access.strides[k]) == 1 for k in moving)]
    return 2 * len(apart) > len(large)


def cut(fused: Fused, inputs: tuple[DType, ...], outputs: tuple[DType, ...]) -> Staged:
    """The stages of a body."""
    return _Cutter(fused, inputs, outputs).run()


class _Cutter:
    def __init__(self, fused: Fused, inputs: tuple[DType, ...], outputs: tuple[DType, ...]) -> None:
        self.fused, self.inputs, self.outputs = fused, inputs, outputs
        self.columns = frozenset(range(fused.rows, len(fused.extents)))
        self.used = consumed(fused)
        self.phase: list[int] = []
        for number, node in enumerate(fused.nodes):
            self.phase.append(max((self.phase[arg] for arg in node.args), default=0) + (number in self.used))
        self.temporary: list[tuple[int, DType]] = []
        #: The temporary array of a node.
        self.kept: dict[int, int] = {}
        self.stages: list[Stage] = []

    def run(self) -> Staged:
        fused, last = self.fused, max(self.phase)
        done: set[int] = set()
        for phase in range(last):
            found = [n for n, node in enumerate(fused.nodes)
                     if node.op in REDUCTIONS and self.phase[node.args[0]] == phase]  # fmt: skip
            mine = [n for n in found if n in self.used]
            stored = [s for s, store in enumerate(fused.stores) if store.node in found and store.node not in self.used]
            done.update(stored)
            self._stage(fused.extents, 0, mine, stored)
            rows = [n for n in self._row_values() if self.phase[n] == phase + 1 and n not in self.used]
            stored = [s for s, store in enumerate(fused.stores)
                      if s not in done and self.phase[store.node] == phase + 1 and self._in_rows(store)]  # fmt: skip
            done.update(stored)
            if rows or stored:
                extents = tuple(1 if k in self.columns else n for k, n in enumerate(fused.extents))
                self._stage(extents, fused.rows, rows, stored)
        self._stage(fused.extents, 0, [], [s for s in range(len(fused.stores)) if s not in done])
        return Staged(tuple(self.stages), tuple(self.temporary))

    def _row_values(self) -> list[int]:
        """What depends on reductions, not on columns, and is used where columns matter."""
        nodes = self.fused.nodes
        wanted = {arg for node in nodes if node.axes & self.columns for arg in node.args}
        wanted |= {store.node for store in self.fused.stores if not self._in_rows(store)}
        # A reduction may be over something that is the same in all columns.
        wanted |= {arg for node in nodes if node.op in REDUCTIONS for arg in node.args}
        wanted -= {n for n, node in enumerate(nodes) if node.op in REDUCTIONS and n not in self.used}
        return [n for n in sorted(wanted) if self.phase[n] and not nodes[n].axes & self.columns]

    def _in_rows(self, store: Store) -> bool:
        node = self.fused.nodes[store.node]
        if node.op in REDUCTIONS and store.node not in self.used:
            return False  # it walks the columns itself
        return not node.axes & self.columns and not any(store.access.strides[k] for k in self.columns)

    def _stage(self, extents: tuple[int, ...], rows: int, keep: list[int], stored: list[int]) -> None:
        if not keep and not stored:
            return
        fused = self.fused
        nodes: list[Node] = []
        place: dict[int, int] = {}
        loads: list[Access] = []
        sources: list[int] = []
        types: list[DType] = []

        def load(source: int, access: Access, dtype: DType, like: Node) -> int:
            loads.append(access)
            sources.append(source)
            types.append(dtype)
            nodes.append(replace(like, op="load", args=(), value=len(loads) - 1))
            return len(nodes) - 1

        for number in self._closure([*keep, *(fused.stores[s].node for s in stored)]):
            node = fused.nodes[number]
            if number in self.kept:
                source = self.kept[number]
                place[number] = load(source, Access(self._dense(number)), self.temporary[-1 - source][1], node)
            elif node.op == "load":
                place[number] = load(node.value, fused.loads[node.value], self.inputs[node.value], node)
            else:
                place[number] = len(nodes)
                nodes.append(replace(node, args=tuple(place[arg] for arg in node.args)))
        stores, targets, kinds = [], [], []
        for number in keep:
            stores.append(Store(place[number], Access(self._dense(number))))
            dtype = fused.nodes[number].dtype
            dtype = float32 if dtype.is_floating and dtype.np.itemsize == 2 else dtype
            kinds.append(dtype)
            targets.append(-1 - len(self.temporary))
            self.temporary.append((prod(fused.extents[k] for k in fused.nodes[number].axes), dtype))
        for number in stored:
            stores.append(Store(place[fused.stores[number].node], fused.stores[number].access))
            kinds.append(self.outputs[number])
            targets.append(number)
        for number, target in zip(keep, targets, strict=False):
            self.kept[number] = target
        body = Fused(extents, rows, tuple(nodes), tuple(loads), tuple(stores))
        self.stages.append(Stage(body, tuple(sources), tuple(targets), tuple(types), tuple(kinds)))

    def _closure(self, roots: list[int]) -> list[int]:
        """What has to be computed for some nodes, in order, from what was loaded or kept."""
        seen: set[int] = set()
        todo = list(roots)
        while todo:
            number = todo.pop()
            if number not in seen:
                seen.add(number)
                if number not in self.kept:
                    todo += self.fused.nodes[number].args
        return sorted(seen)

    def _dense(self, number: int) -> tuple[int, ...]:
        """Strides of the temporary array of a node."""
        strides, count = [0] * len(self.fused.extents), 1
        for k in sorted(self.fused.nodes[number].axes, reverse=True):
            strides[k] = count
            count *= self.fused.extents[k]
        return tuple(strides)
