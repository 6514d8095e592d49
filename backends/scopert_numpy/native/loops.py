"""Prints a planned body as an LLVM function over a range of its units of work.

``void name(void** buffers, i64 lo, i64 hi, i64 chunk)``: `buffers` are the inputs, the outputs, and one block of
memory of the caller, of which each chunk has a part of its own: rows of scratch, then the partial results of
reductions whose elements several units add to. ``name.combine(buffers, 0, chunks, 0)`` adds those up in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from scopert.graph.dtypes import DType
from scopert.program.expression import BINARY, REDUCTIONS, UNARY, Access, Node, Store
from scopert_numpy.native import primitives
from scopert_numpy.native.builder import BITS, Builder, Value
from scopert_numpy.native.plan import ALIAS, TILE, Plan, consumed, in_columns, is_transposed
from scopert_numpy.native.tiles import copy_element, copy_square

_LINE = 64  # bytes


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


@dataclass(slots=True)
class _Lanes:
    """Where the innermost loop is: the width of its vectors, and which of their lanes count (None: all)."""

    width: int
    mask: Value | None


@dataclass(slots=True)
class _Partial:
    """A reduction that several units add to: a dense array of its kept axes in the memory of a chunk."""

    node: int
    start: int
    size: int
    strides: tuple[int, ...]


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


class _Printer:
    def __init__(
        self, name: str, plan: Plan, inputs: Sequence[DType], outputs: Sequence[DType], vector_bits: int
    ) -> None:
        self.host_bits = vector_bits
        self.name, self.plan, self.fused = name, plan, plan.fused
        self.inputs, self.outputs = inputs, outputs
        self.b = Builder()
        self.inner = len(self.fused.extents) - 1
        self.index: list[Value] = []
        self.ranges: list[tuple[Value, int | Value]] = []
        self.env: dict[int, Value] = {}
        self.allocas: list[str] = []
        self.sums: dict[int, dict[int, str]] = {}
        self.used = consumed(self.fused)
        self.split = frozenset(
            k for k, (n, size) in enumerate(zip(self.fused.extents, plan.blocks, strict=True)) if size < n
        )
        self.at: dict[int, list[Store]] = {}
        self.output_of = {id(store): number for number, store in enumerate(self.fused.stores)}
        for store in self.fused.stores:
            self.at.setdefault(store.node, []).append(store)
        self.live = self._live()
        self.level = [self._level(number) for number in range(len(self.fused.nodes))]
        self.begin = {n: self._suffix(n) for n in self.live if self.fused.nodes[n].op in REDUCTIONS}
        self._lay_out()

    # What lies where

    def _live(self) -> list[int]:
        seen: set[int] = set()
        todo = [store.node for store in self.fused.stores]
        while todo:
            number = todo.pop()
            if number not in seen:
                seen.add(number)
                todo += self.fused.nodes[number].args
        return sorted(seen)

    def _level(self, number: int) -> int:
        """How many loops surround the place where a node is computed."""
        level = 1 + max(self.fused.nodes[number].axes, default=-1)
        return max(level, self.fused.rows) if self.plan.phase[number] else level

    def _suffix(self, number: int) -> int | None:
        """Where the loops over reduced axes begin that are all innermost; None if the lanes are not reduced."""
        reduced = self.fused.nodes[number].value
        if self.inner not in reduced:
            return None
        begin = self.inner
        while begin > self.fused.rows and begin - 1 in reduced:
            begin -= 1
        return begin

    def _lay_out(self) -> None:
        fused, size = self.fused, 0
        self.scratch: dict[int, int] = {}
        for number in self.plan.kept:
            self.scratch[number] = size
            kind = primitives.register_kind(fused.nodes[number].dtype)
            size += -(-self.plan.columns * max(BITS[kind] // 8, 1) // _LINE) * _LINE
        #: Where the transposed blocks of inputs lie, and for the present unit of work their addresses for index 0.
        self.tiles: dict[int, int] = {}
        self.turned: dict[int, str] = {}
        for number, access in enumerate(fused.loads):
            if self.plan.tiled is not None and is_transposed(access, self.plan.tiled, self.inner):
                self.tiles[number] = size
                size += 2 * TILE * TILE * max(BITS[primitives.memory_kind(self.inputs[number])] // 8, 1)
        self.partials: dict[int, _Partial] = {}
        for number in self.begin:
            if number not in self.at or self._complete(number):
                continue
            kept = [k for k in range(len(fused.extents)) if k not in fused.nodes[number].value]
            kept = [k for k in kept if any(store.access.strides[k] for store in self.at[number])]
            strides, count = [0] * len(fused.extents), 1
            for k in reversed(kept):
                strides[k] = count
                count *= fused.extents[k]
            self.partials[number] = _Partial(number, size, count, tuple(strides))
            kind = primitives.register_kind(fused.nodes[number].dtype)
            size += -(-count * max(BITS[kind] // 8, 1) // _LINE) * _LINE
        self.chunk_bytes = size

    def _complete(self, number: int) -> bool:
        """Whether one walk of the innermost loops gives a reduction's final value."""
        begin, reduced = self.begin[number], self.fused.nodes[number].value
        return begin is not None and min(reduced) >= begin and not reduced & self.split

    # The functions

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

    def _pointers(self, count: int) -> None:
        b = self.b
        for number in range(count + (self.chunk_bytes > 0)):
            place = b.address("%buffers", "ptr", number)
            b.emit(f"%p{number} = load ptr, ptr {place}, align 8")
        if self.chunk_bytes:
            offset = b.make(f"mul i64 %chunk, {self.chunk_bytes}", "i64", 1)
            b.emit(f"%own = getelementptr i8, ptr %p{count}, i64 {offset.ref}")

    def _own(self, offset: int) -> str:
        return self.b.address("%own", "i8", offset)

    def _clear(self, partial: _Partial) -> None:
        node = self.fused.nodes[partial.node]
        kind = primitives.register_kind(node.dtype)
        memory = "i8" if kind == "i1" else kind
        base = self._own(partial.start)
        number = primitives.identity(node.op, node.dtype)

        def fill(j: Value, lanes: _Lanes) -> None:
            self.b.store(self.b.constant(memory, number, lanes.width), self.b.address(base, memory, j), lanes.mask)

        self._lane_loop(partial.size, fill)

    def _combine(self, count: int) -> list[str]:
        self.b = b = Builder()
        self.allocas = []
        b.lines += [f"define void @{self.name}.combine(ptr %buffers, i64 %zero, i64 %chunks, i64 %chunk) nounwind {{"]
        b.lines += ["entry:"]
        place = len(b.lines)
        self._pointers(count)
        for partial in self.partials.values():
            self._combine_one(partial)
        b.emit("ret void")
        b.lines[place:place] = self.allocas
        return [*b.lines, "}"]

    def _combine_one(self, partial: _Partial) -> None:
        b, node = self.b, self.fused.nodes[partial.node]
        kind = primitives.register_kind(node.dtype)
        memory = "i8" if kind == "i1" else kind
        base = self._own(partial.start)
        stores = [(self.output_of[id(store)], store) for store in self.at[partial.node]]
        dense = all(_dense(store.access, partial) for _, store in stores)

        def element(j: Value, lanes: _Lanes) -> None:
            total = self._variable(kind, lanes.width)
            self._set(total, b.constant(kind, primitives.identity(node.op, node.dtype), lanes.width))

            def one(chunk: Value) -> None:
                skip = b.make(f"mul i64 {chunk.ref}, {self.chunk_bytes}", "i64", 1)
                at = b.make(f"getelementptr i8, ptr {b.address(base, memory, j)}, i64 {skip.ref}", "ptr", 1).ref
                found = b.load(at, memory, lanes.width, lanes.mask)
                if kind == "i1":
                    found = b.compare("icmp ne", found, b.like(found, 0))
                before = self._get(total, kind, lanes.width)
                self._set(total, primitives.combine(b, node.op, before, found, node.dtype))

            self._loop(b.constant("i64", 0), Value("%chunks", "i64", 1), 1, one)
            made = self._get(total, kind, lanes.width)
            for output, store in stores:
                dtype = self.outputs[output]
                value = primitives.to_memory(b, made, dtype)
                pointer = self._pointer(len(self.inputs) + output, value.kind, store.access.offset)
                at = j if dense else self._unravel(j, partial, store.access)
                b.store(value, b.address(pointer, value.kind, at), lanes.mask)

        if dense:
            self._lane_loop(partial.size, element)
        else:
            self._loop(b.constant("i64", 0), b.constant("i64", partial.size), 1, lambda j: element(j, _Lanes(1, None)))

    def _unravel(self, j: Value, partial: _Partial, access: Access) -> Value:
        b, total = self.b, self.b.constant("i64", 0)
        for k, stride in enumerate(partial.strides):
            if stride:
                place = b.make(f"udiv i64 {j.ref}, {stride}", "i64", 1)
                place = b.make(f"urem i64 {place.ref}, {self.fused.extents[k]}", "i64", 1)
                step = b.make(f"mul i64 {place.ref}, {access.strides[k]}", "i64", 1)
                total = b.binary("add", total, step)
        return total

    # Loops

    def _loop(self, start: Value, end: Value, step: int, body: Callable[[Value], None]) -> None:
        b = self.b
        head, inside, after = b.name("head"), b.name("body"), b.name("after")
        i, following = Value("%" + b.name("i"), "i64", 1), Value("%" + b.name("i"), "i64", 1)
        before = b.block
        b.emit(f"br label %{head}")
        b.label(head)
        phi = len(b.lines)
        b.emit("phi")
        more = b.compare("icmp slt", i, end)
        b.emit(f"br {more.typed}, label %{inside}, label %{after}")
        b.label(inside)
        body(i)
        b.emit(f"{following.ref} = add nsw i64 {i.ref}, {step}")
        b.lines[phi] = f"  {i.ref} = phi i64 [ {start.ref}, %{before} ], [ {following.ref}, %{b.block} ]"
        b.emit(f"br label %{head}")
        b.label(after)

    def _lane_loop(self, length: int | Value, body: Callable[[Value, _Lanes], None]) -> None:
        """Calls `body` for as many whole vectors as there are, then for the rest."""
        b, wide, narrow = self.b, self.plan.lanes, self.plan.tail_lanes
        zero = b.constant("i64", 0)
        if isinstance(length, int):
            whole = length // wide * wide
            if whole:
                if whole == wide:
                    body(zero, _Lanes(wide, None))
                else:
                    self._loop(zero, b.constant("i64", whole), wide, lambda j: body(j, _Lanes(wide, None)))
            full = length // narrow * narrow
            if full > whole:
                if full - whole == narrow:
                    body(b.constant("i64", whole), _Lanes(narrow, None))
                else:
                    self._loop(b.constant("i64", whole), b.constant("i64", full), narrow,
                               lambda j: body(j, _Lanes(narrow, None)))  # fmt: skip
            if length > full:
                body(b.constant("i64", full), _Lanes(narrow, self._mask(narrow, b.constant("i32", length - full))))
            return
        whole_length = b.make(f"and i64 {length.ref}, {-wide}", "i64", 1)
        self._loop(zero, whole_length, wide, lambda j: body(j, _Lanes(wide, None)))

        def rest(j: Value) -> None:
            left = b.convert("trunc", b.binary("sub", length, j), "i32")
            body(j, _Lanes(narrow, self._mask(narrow, left)))

        self._loop(whole_length, length, narrow, rest)

    def _mask(self, lanes: int, left: Value) -> Value | None:
        if lanes == 1:
            return None
        return self.b.compare("icmp ult", self._iota("i32", lanes), self.b.splat(left, lanes))

    def _iota(self, kind: str, lanes: int) -> Value:
        if lanes == 1:
            return self.b.constant(kind, 0)
        steps = ", ".join(f"{kind} {k}" for k in range(lanes))
        return Value(f"<{steps}>", kind, lanes)

    def _variable(self, kind: str, lanes: int) -> str:
        ref = "%" + self.b.name("var")
        self.allocas.append(f"  {ref} = alloca {Value('', kind, lanes).type}, align 64")
        return ref

    def _set(self, variable: str, value: Value) -> None:
        self.b.emit(f"store {value.typed}, ptr {variable}, align 64")

    def _get(self, variable: str, kind: str, lanes: int) -> Value:
        return self.b.make(f"load {Value('', kind, lanes).type}, ptr {variable}, align 64", kind, lanes)

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

    def _row_nodes(self, depth: int, phase: int) -> None:
        for number in self.live:
            node = self.fused.nodes[number]
            if node.op in REDUCTIONS or in_columns(self.fused, number) or self.plan.phase[number] != phase:
                continue
            if self.level[number] == depth:
                self.env[number] = self._compute(node, None)

    def _columns(self, depth: int, phase: int) -> None:
        """The loops over columns from `depth` inwards."""
        self._column_nodes(depth, phase, None)
        mine = [number for number, begin in self.begin.items() if begin == depth and self._phase_of(number) == phase]
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
        return (bool(self.plan.needed[phase]) or any(begin is not None for begin in self.begin.values())
                or any(level > self.inner for level in levels)
                or any(self._update_level(n) > self.inner for n in self.begin))  # fmt: skip

    def _lane_body(self, phase: int, lanes: _Lanes) -> None:
        depth = self.inner + 1
        self._column_nodes(depth, phase, lanes)
        for number, begin in self.begin.items():
            if begin is not None and self._phase_of(number) == phase:
                self._accumulate(number, lanes)
        self._column_stores(depth, phase, lanes)

    def _column_nodes(self, depth: int, phase: int, lanes: _Lanes | None) -> None:
        for number in sorted(self.plan.needed[phase]):
            if self.level[number] != depth or not in_columns(self.fused, number):
                continue
            node = self.fused.nodes[number]
            if number in self.plan.kept and lanes is not None:
                self.env[number] = self._kept(number, node, phase, lanes)
            else:
                self.env[number] = self._compute(node, lanes)

    def _kept(self, number: int, node: Node, phase: int, lanes: _Lanes) -> Value:
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

    def _column_stores(self, depth: int, phase: int, lanes: _Lanes | None) -> None:
        if phase == self.plan.phases - 1:
            for number, store in enumerate(self.fused.stores):
                if self._store_level(store) == depth and not self._is_reduction(store.node):
                    self._store(number, store, self.env[store.node], lanes)
        for number in self.begin:
            if self._update_level(number) == depth and self._phase_of(number) == phase:
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

    def _compute(self, node: Node, lanes: _Lanes | None) -> Value:
        b, nodes = self.b, self.fused.nodes
        args = [self.env[arg] for arg in node.args]
        source = nodes[node.args[0]].dtype if node.args else node.dtype
        if node.op == "load":
            return self._load(node, lanes)
        if node.op == "const":
            return primitives.constant(b, node.value, node.dtype)
        if node.op == "index":
            return self._index(node, lanes)
        if node.op == ALIAS:
            return args[0]
        if node.op == "cast":
            return primitives.cast(b, args[0], source, node.dtype)
        if node.op == "select":
            return b.select(*args)
        if node.op in UNARY:
            return primitives.unary(b, node.op, args[0], source)
        assert node.op in BINARY, node.op
        return primitives.binary(b, node.op, args[0], args[1], source)

    def _index(self, node: Node, lanes: _Lanes | None) -> Value:
        b, kind = self.b, primitives.register_kind(node.dtype)
        whole = not node.dtype.is_floating
        place = self.index[node.value]
        if lanes is not None and node.value == self.inner:
            place = b.binary("add", self._iota("i64", lanes.width), b.splat(place, lanes.width))
        if not whole:
            return b.convert("sitofp", place, kind)
        return place if kind == "i64" else b.convert("trunc", place, kind)

    def _pointer(self, number: int, kind: str, offset: int) -> str:
        return self.b.address(f"%p{number}", kind, offset)

    def _place(self, base: str, kind: str, access: Access) -> str:
        """Where the present point lies."""
        b, total = self.b, self.b.constant("i64", 0)
        terms = [(self.index[k], stride) for k, stride in enumerate(access.strides) if stride]
        lane = terms.pop() if terms and access.strides[self.inner] and len(self.index) > self.inner else None
        for place, stride in terms:
            total = b.binary("add nsw", total, self._times(place, stride))
        if total.ref != "0":
            base = b.address(base, kind, total)
        if lane is not None:
            place, stride = lane
            base = b.address(base, kind, self._times(place, stride))
        return base

    def _times(self, place: Value, stride: int) -> Value:
        return place if stride == 1 else self.b.binary("mul nsw", place, self.b.constant("i64", stride))

    def _load(self, node: Node, lanes: _Lanes | None) -> Value:
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

    def _read(self, pointer: str, kind: str, stride: int, lanes: _Lanes | None) -> Value:
        b = self.b
        if lanes is None or lanes.width == 1:
            return b.load(pointer, kind, 1)
        if stride == 1:
            return b.load(pointer, kind, lanes.width, lanes.mask)
        if stride == 0:
            return b.splat(b.load(pointer, kind, 1), lanes.width)
        return b.gather(b.spread(pointer, kind, stride, lanes.width), kind, lanes.mask)

    def _write(self, value: Value, pointer: str, stride: int, lanes: _Lanes | None) -> None:
        b = self.b
        if lanes is None or lanes.width == 1:
            b.store(value, pointer)
        elif stride == 1:
            b.store(b.splat(value, lanes.width), pointer, lanes.mask)
        else:
            b.scatter(b.splat(value, lanes.width), b.spread(pointer, value.kind, stride, lanes.width), lanes.mask)

    def _store(self, number: int, store: Store, value: Value, lanes: _Lanes | None) -> None:
        value = primitives.to_memory(self.b, value, self.outputs[number])
        base = self._pointer(len(self.inputs) + number, value.kind, store.access.offset)
        self._write(value, self._place(base, value.kind, store.access), store.access.strides[self.inner], lanes)

    # Reductions

    def _begin(self, number: int) -> dict[int, str]:
        """Variables that collect the lanes of a reduction, by width."""
        node = self.fused.nodes[number]
        kind = primitives.register_kind(node.dtype)
        made = {}
        for lanes in dict.fromkeys((self.plan.lanes, self.plan.tail_lanes)):
            made[lanes] = self._variable(kind, lanes)
            self._set(made[lanes], self.b.constant(kind, primitives.identity(node.op, node.dtype), lanes))
        return made

    def _accumulate(self, number: int, lanes: _Lanes) -> None:
        b, node = self.b, self.fused.nodes[number]
        kind = primitives.register_kind(node.dtype)
        value = b.splat(self.env[node.args[0]], lanes.width)
        if lanes.mask is not None:
            value = b.select(lanes.mask, value, b.like(value, primitives.identity(node.op, node.dtype)))
        variable = self.sums[number][lanes.width]
        before = self._get(variable, kind, lanes.width)
        self._set(variable, primitives.combine(b, node.op, before, value, node.dtype))

    def _finish(self, number: int, variables: dict[int, str]) -> None:
        b, node = self.b, self.fused.nodes[number]
        kind = primitives.register_kind(node.dtype)
        total = self._get(variables[self.plan.lanes], kind, self.plan.lanes)
        while total.lanes > 1:
            if total.lanes == self.plan.tail_lanes < self.plan.lanes:
                rest = self._get(variables[total.lanes], kind, total.lanes)
                total = primitives.combine(b, node.op, total, rest, node.dtype)
            half = total.lanes // 2
            low, high = range(half), range(half, total.lanes)
            if half == 1:
                a, c = b.lane(total, 0), b.lane(total, 1)
            else:
                a, c = b.shuffle(total, low), b.shuffle(total, high)
            total = primitives.combine(b, node.op, a, c, node.dtype)
        if self.plan.tail_lanes == 1 < self.plan.lanes:
            total = primitives.combine(b, node.op, total, self._get(variables[1], kind, 1), node.dtype)
        self.env[number] = total
        if number in self.partials:
            self._update(number, total, None)
        elif number in self.at:
            for store in self.at[number]:
                output = self.output_of[id(store)]
                if number not in self.used:
                    self._store(output, store, total, None)

    def _update(self, number: int, value: Value, lanes: _Lanes | None) -> None:
        """Adds to a partial result in memory: once, where an axis that means nothing to it has index 0."""
        b, node, partial = self.b, self.fused.nodes[number], self.partials[number]
        free = [k for k in range(min(len(self.index), self.inner))
                if k not in node.value and not partial.strides[k]]  # fmt: skip
        if not free:
            self._add_to(partial, node, value, lanes)
            return
        zero = b.constant("i64", 0)
        first = b.compare("icmp eq", self.index[free[0]], zero)
        for k in free[1:]:
            first = b.binary("and", first, b.compare("icmp eq", self.index[k], zero))
        once, after = b.name("once"), b.name("after")
        b.emit(f"br {first.typed}, label %{once}, label %{after}")
        b.label(once)
        self._add_to(partial, node, value, lanes)
        b.emit(f"br label %{after}")
        b.label(after)

    def _add_to(self, partial: _Partial, node: Node, value: Value, lanes: _Lanes | None) -> None:
        b = self.b
        kind = primitives.register_kind(node.dtype)
        memory = "i8" if kind == "i1" else kind
        pointer = self._place(self._own(partial.start), memory, Access(partial.strides))
        stride = partial.strides[self.inner]
        if lanes is not None:
            value = b.splat(value, lanes.width)
        before = self._read(pointer, memory, stride, lanes)
        if kind == "i1":
            before = b.compare("icmp ne", before, b.like(before, 0))
        after = primitives.combine(b, node.op, before, value, node.dtype)
        self._write(b.convert("zext", after, "i8") if kind == "i1" else after, pointer, stride, lanes)


def _dense(access: Access, partial: _Partial) -> bool:
    """Whether an output's elements lie as those of the partial results."""
    return access.strides == partial.strides
