"""Prints a planned body as an LLVM function over a range of its units of work.

``void name(void** buffers, i64 lo, i64 hi, i64 chunk)``: `buffers` are the inputs, the outputs, and one block of
memory of the caller, of which each chunk has a part of its own: rows of scratch, then the partial results of
reductions whose elements several units add to. ``name.combine(buffers, 0, chunks, 0)`` adds those up in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import prod

from scopert.graph.dtypes import DType
from scopert.program.expression import BINARY, REDUCTIONS, UNARY, Access, Node, Store
from scopert.program.space import SAME
from scopert_numpy.native import primitives
from scopert_numpy.native.builder import BITS, Builder, Value
from scopert_numpy.native.nest import Lanes
from scopert_numpy.native.plan import COSTS, TILE, Plan, in_columns
from scopert_numpy.native.reductions import Reductions
from scopert_numpy.native.tiles import copy_element, copy_square

#: In bodies with many functions of at least so many instructions they are called, and not written out: that many
#: instructions would take LLVM seconds.
_LONG = 18
_MANY = 40


@dataclass(frozen=True)
class Printed:
    """A function's text and what it asks of the caller.

    Attributes
    ----------
    chunk_bytes : int
        Memory of each chunk.
    combines : bool
        Whether ``name.combine`` must be called at the end.
    instructions, nbytes : float, int
        About how many vector instructions run, and how many bytes move.
    """

    text: str
    needs: frozenset[str]
    units: int
    chunk_bytes: int
    combines: bool
    instructions: float
    nbytes: int

    def nanoseconds(self, instruction: float, byte: float) -> float:
        """About the time that one thread needs, from the time of a vector instruction and of a byte."""
        return self.instructions * instruction + self.nbytes * byte


def print_body(
    name: str, plan: Plan, inputs: Sequence[DType], outputs: Sequence[DType], vector_bits: int
) -> Printed:
    """The text of a planned body.

    Raises
    ------
    Unsupported
        If it contains something that there is no machine code for.
    """
    return _Printer(name, plan, inputs, outputs, vector_bits).run()


class _Printer(Reductions):
    @cached_property
    def outlined(self) -> bool:
        """Whether long primitives are called."""
        return self.plan.compact or sum(COSTS.get(node.op, 1.0) >= _LONG for node in self.fused.nodes) > _MANY

    def run(self) -> Printed:
        b = self.b
        count = len(self.inputs) + len(self.outputs)
        head = [f"define void @{self.name}(ptr %buffers, i64 %lo, i64 %hi, i64 %chunk) nounwind {{", "entry:"]
        self._pointers(count)
        for partial in self.partials.values():
            self._clear(partial)
        lo, hi = Value("%lo", "i64", 1), Value("%hi", "i64", 1)
        self._loop(lo, hi, 1, self._unit)
        b.emit("ret void")
        lines = [*head, *self.allocas, *b.lines, "}"]
        if self.partials:
            lines += self._combine(count)
        return Printed("\n".join(lines) + "\n", frozenset(b.needs), self.plan.units, self.chunk_bytes,
                       bool(self.partials), *self._work())  # fmt: skip

    def _work(self) -> tuple[float, int]:
        fused = self.fused
        points = prod(fused.extents)
        width = self.host_bits // 32 if self.plan.tail_lanes > 1 else 1
        accesses = list(zip(fused.loads, self.inputs, strict=True))
        accesses += [(store.access, dtype) for store, dtype in zip(fused.stores, self.outputs, strict=True)]
        moved = sum(dtype.np.itemsize for access, dtype in accesses if access.strides[self.inner])
        return points * (self.plan.weight + 2) / width, points * moved

    # The nest

    def _unit(self, unit: Value) -> None:
        b, fused = self.b, self.fused
        self.index, self.env = [], {}
        self.ranges = []
        left = unit
        for k in reversed(range(len(fused.extents))):
            n, block = fused.extents[k], self.plan.blocks[k]
            if k not in self.split:
                self.ranges.append((b.constant("i64", 0), n))
                continue
            count = -(-n // block)
            number = b.make(f"urem i64 {left.ref}, {count}", "i64", 1)
            left = b.make(f"udiv i64 {left.ref}, {count}", "i64", 1)
            start = b.make(f"mul nuw nsw i64 {number.ref}, {block}", "i64", 1)
            length: int | Value = block
            if n % block:
                rest = b.make(f"sub i64 {n}, {start.ref}", "i64", 1)
                length = b.call("smin", rest, b.constant("i64", block))
            self.ranges.append((start, length))
        self.ranges.reverse()
        for load in self.tiles:
            self._turn(load)
        self._rows(0)

    def _turn(self, number: int) -> None:
        """Transposes an input's block of the present unit of work."""
        b, access, axis = self.b, self.fused.loads[number], self.plan.tiled
        assert axis is not None
        kind = primitives.memory_kind(self.inputs[number])
        place = b.constant("i64", 0)
        for (start, _), stride in zip(self.ranges, access.strides, strict=True):
            if stride and start.ref != "0":
                place = b.binary("add nsw", place, self._times(start, stride))
        source = b.address(self._pointer(number, kind, access.offset), kind, place)
        target = self._own(self.tiles[number])
        width, far = 2 * TILE, access.strides[self.inner]
        lengths = self.ranges[axis][1], self.ranges[self.inner][1]
        back = b.binary("add", self._times(self.ranges[axis][0], width), self.ranges[self.inner][0])
        back = b.binary("sub", b.constant("i64", 0), back)
        self.turned[number] = b.address(target, kind, back)
        square = self.host_bits // max(BITS[kind], 32)
        high, wide = (length if isinstance(length, Value) else b.constant("i64", length) for length in lengths)
        whole_high, whole_wide = (b.binary("and", v, b.constant("i64", -square)) for v in (high, wide))
        zero = b.constant("i64", 0)

        def at(base: str, row: Value, row_stride: int, column: Value, column_stride: int) -> str:
            offset = b.binary("add nsw", self._times(row, row_stride), self._times(column, column_stride))
            return b.address(base, kind, offset)

        def block(j: Value) -> None:
            self._loop(zero, whole_high, square, lambda i: copy_square(
                b, kind, square, at(source, j, far, i, 1), far, at(target, i, width, j, 1), width))  # fmt: skip

        def element(i: Value, j: Value) -> None:
            copy_element(b, kind, at(source, j, far, i, 1), at(target, i, width, j, 1))

        self._loop(zero, whole_wide, square, block)
        self._loop(whole_wide, wide, 1, lambda j: self._loop(zero, high, 1, lambda i: element(i, j)))
        self._loop(whole_high, high, 1, lambda i: self._loop(zero, whole_wide, 1, lambda j: element(i, j)))

    def _over(self, axis: int, body: Callable[[], None]) -> None:
        """The loop over an axis that is not the lanes."""
        start, length = self.ranges[axis]
        if length == 1:
            self._inside(start, body)
            return
        count = length if isinstance(length, Value) else self.b.constant("i64", length)
        self._loop(self.b.constant("i64", 0), count, 1,
                   lambda j: self._inside(self.b.binary("add nsw", start, j), body))  # fmt: skip

    def _inside(self, place: Value, body: Callable[[], None]) -> None:
        outside = self.env
        self.env = dict(outside)
        self.index.append(place)
        body()
        self.index.pop()
        self.env = outside

    def _rows(self, depth: int) -> None:
        self._row_nodes(depth, 0)
        if depth < self.fused.rows:
            self._over(depth, lambda: self._rows(depth + 1))
            return
        for phase in range(self.plan.phases):
            self._columns(depth, phase)
            self._row_nodes(depth, phase + 1)
        for number, store in enumerate(self.fused.stores):
            if self._store_level(store) <= depth and not self._is_reduction(store.node):
                self._store(number, store, self.env[store.node], None)
        for number in self.begin:
            if self._update_level(number) <= depth:
                self._update(number, self.env[self.fused.nodes[number].args[0]], None)

    @cached_property
    def _rows_at(self) -> dict[tuple[int, int], list[int]]:
        """The nodes that are computed outside of the loops over columns, by loops around them and phase."""
        found: dict[tuple[int, int], list[int]] = {}
        for number in self.live:
            if self.fused.nodes[number].op not in REDUCTIONS and not in_columns(self.fused, number):
                found.setdefault((self.level[number], self.plan.phase[number]), []).append(number)
        return found

    @cached_property
    def _columns_at(self) -> dict[tuple[int, int], list[int]]:
        """The nodes that are computed inside of the loops over columns, by loops around them and phase."""
        found: dict[tuple[int, int], list[int]] = {}
        for phase, needed in enumerate(self.plan.needed):
            for number in sorted(needed):
                if in_columns(self.fused, number):
                    found.setdefault((self.level[number], phase), []).append(number)
        return found

    @cached_property
    def _reduced_in(self) -> dict[int, list[int]]:
        """The reductions by phase."""
        found: dict[int, list[int]] = {}
        for number in self.begin:
            found.setdefault(self._phase_of(number), []).append(number)
        return found

    def _row_nodes(self, depth: int, phase: int) -> None:
        for number in self._rows_at.get((depth, phase), ()):
            self.env[number] = self._compute(self.fused.nodes[number], None)

    def _columns(self, depth: int, phase: int) -> None:
        """The loops over columns from `depth` inwards."""
        self._column_nodes(depth, phase, None)
        mine = [number for number in self._reduced_in.get(phase, ()) if self.begin[number] == depth]
        self.sums.update((number, self._begin(number)) for number in mine)
        if depth == self.inner:
            if self._anything(phase):
                start, length = self.ranges[depth]
                self._lane_loop(length, lambda j, lanes: self._inside(
                    self.b.binary("add nsw", start, j) if start.ref != "0" else j,
                    lambda: self._lane_body(phase, lanes)))  # fmt: skip
        else:
            self._over(depth, lambda: self._columns(depth + 1, phase))
        for number in mine:
            self._finish(number, self.sums[number])
        if depth > self.fused.rows:
            self._column_stores(depth, phase, None)

    def _anything(self, phase: int) -> bool:
        levels = [self._store_level(s) for s in self.fused.stores if not self._is_reduction(s.node)]
        return (bool(self.plan.needed[phase]) or self._sums_lanes
                or any(level > self.inner for level in levels)
                or any(self._update_level(n) > self.inner for n in self.begin))  # fmt: skip

    @cached_property
    def _sums_lanes(self) -> bool:
        return any(begin is not None for begin in self.begin.values())

    def _lane_body(self, phase: int, lanes: Lanes) -> None:
        depth = self.inner + 1
        self._column_nodes(depth, phase, lanes)
        for number in self._reduced_in.get(phase, ()):
            if self.begin[number] is not None:
                self._accumulate(number, lanes)
        self._column_stores(depth, phase, lanes)

    def _column_nodes(self, depth: int, phase: int, lanes: Lanes | None) -> None:
        for number in self._columns_at.get((depth, phase), ()):
            node = self.fused.nodes[number]
            if number in self.plan.kept and lanes is not None:
                self.env[number] = self._kept(number, node, phase, lanes)
            else:
                self.env[number] = self._compute(node, lanes)

    def _kept(self, number: int, node: Node, phase: int, lanes: Lanes) -> Value:
        b, kind = self.b, primitives.register_kind(node.dtype)
        memory = "i8" if kind == "i1" else kind
        steps, count = [0] * len(self.fused.extents), 1
        for k in reversed(range(self.fused.rows, len(self.fused.extents))):
            steps[k] = count
            count *= self.fused.extents[k]
        pointer = self._place(self._own(self.scratch[number]), memory, Access(tuple(steps)))
        if self.plan.phase[number] != phase:
            value = b.load(pointer, memory, lanes.width, lanes.mask)
            return b.compare("icmp ne", value, b.like(value, 0)) if kind == "i1" else value
        value = self._compute(node, lanes)
        b.store(b.convert("zext", value, "i8") if kind == "i1" else value, pointer, lanes.mask)
        return value

    def _column_stores(self, depth: int, phase: int, lanes: Lanes | None) -> None:
        if phase == self.plan.phases - 1:
            for number, store in enumerate(self.fused.stores):
                if self._store_level(store) == depth and not self._is_reduction(store.node):
                    self._store(number, store, self.env[store.node], lanes)
        for number in self._reduced_in.get(phase, ()):
            if self._update_level(number) == depth:
                self._update(number, self.env[self.fused.nodes[number].args[0]], lanes)

    def _is_reduction(self, number: int) -> bool:
        return self.fused.nodes[number].op in REDUCTIONS and number not in self.used

    def _phase_of(self, number: int) -> int:
        return self.plan.phase[self.fused.nodes[number].args[0]]

    def _store_level(self, store: Store) -> int:
        """How many loops surround a store."""
        varying = 1 + max((k for k, stride in enumerate(store.access.strides) if stride), default=-1)
        return max(varying, self.level[store.node])

    def _update_level(self, number: int) -> int:
        """How many loops surround the place where a point is added to a partial result in memory; -1: none."""
        if self.begin[number] is not None:
            return 1 << 30
        kept = {k for k, stride in enumerate(self.partials[number].strides) if stride}
        return 1 + max(kept | self.fused.nodes[number].value)

    # Points

    def _compute(self, node: Node, lanes: Lanes | None) -> Value:
        b, nodes = self.b, self.fused.nodes
        args = [self.env[arg] for arg in node.args]
        source = nodes[node.args[0]].dtype if node.args else node.dtype
        if node.op == "load":
            return self._load(node, lanes)
        if node.op == "const":
            return primitives.constant(b, node.value, node.dtype)
        if node.op == "index":
            return self._index(node, lanes)
        if node.op == SAME:
            return args[0]
        if node.op == "cast":
            return primitives.cast(b, args[0], source, node.dtype)
        if node.op == "select":
            return b.select(*args)
        if node.op in UNARY:
            if self.outlined and COSTS.get(node.op, 1.0) >= _LONG:
                made = self._called(node.op, args[0], source)
            else:
                made = primitives.unary(b, node.op, args[0], source)
        else:
            assert node.op in BINARY, node.op
            made = primitives.binary(b, node.op, args[0], args[1], source)
        return primitives.rounded(b, made, node.op, node.dtype)

    def _called(self, op: str, x: Value, dtype: DType) -> Value:
        """A primitive as a function of its own."""
        name, y, needs = _outlined(op, x.kind, x.lanes, dtype)
        self.b.needs |= needs
        return self.b.make(f"call {y.type} {name}({x.typed})", y.kind, y.lanes)

    def _index(self, node: Node, lanes: Lanes | None) -> Value:
        b, kind = self.b, primitives.register_kind(node.dtype)
        whole = not node.dtype.is_floating
        place = self.index[node.value]
        if lanes is not None and node.value == self.inner:
            place = b.binary("add", self._iota("i64", lanes.width), b.splat(place, lanes.width))
        if not whole:
            return b.convert("sitofp", place, kind)
        return place if kind == "i64" else b.convert("trunc", place, kind)

    def _load(self, node: Node, lanes: Lanes | None) -> Value:
        b, access = self.b, self.fused.loads[node.value]
        dtype = self.inputs[node.value]
        kind = primitives.memory_kind(dtype)
        if node.value in self.turned and lanes is not None:
            steps = [0] * len(self.fused.extents)
            steps[self.plan.tiled or 0], steps[self.inner] = 2 * TILE, 1
            access = Access(tuple(steps))
            pointer = self._place(self.turned[node.value], kind, access)
        else:
            pointer = self._place(self._pointer(node.value, kind, access.offset), kind, access)
        return primitives.from_memory(b, self._read(pointer, kind, access.strides[self.inner], lanes), dtype)


@cache
def _outlined(op: str, kind: str, lanes: int, dtype: DType) -> tuple[str, Value, frozenset[str]]:
    """A primitive as a function: its name, its result, and its text with what that needs."""
    b, x = Builder(), Value("%x", kind, lanes)
    y = primitives.unary(b, op, x, dtype)
    name = f"@{op}.{kind}.{lanes}"
    lines = [f"define internal {y.type} {name}({x.type} %x) noinline nounwind {{", "entry:", *b.lines]
    return name, y, frozenset({*b.needs, "\n".join([*lines, f"  ret {y.typed}", "}"])})
