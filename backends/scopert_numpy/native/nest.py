"""The ground that functions are printed on: what a body keeps where, its loops, and the memory they touch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scopert.graph.dtypes import DType
from scopert.program.expression import REDUCTIONS, Access, Store
from scopert_numpy.native import primitives
from scopert_numpy.native.builder import BITS, Builder, Value
from scopert_numpy.native.plan import TILE, Plan, consumed, is_transposed

_LINE = 64  # bytes


@dataclass(slots=True)
class Lanes:
    """Where the innermost loop is: the width of its vectors, and which of their lanes count (None: all)."""

    width: int
    mask: Value | None


@dataclass(slots=True)
class Partial:
    """A reduction that several units add to: a dense array of its kept axes in the memory of a chunk."""

    node: int
    start: int
    size: int
    strides: tuple[int, ...]


class Nest:
    """Facts of a planned body that all parts of the printer need, and the loops and accesses they are made of."""

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
        #: The outputs that hold a node.
        self.at: dict[int, list[int]] = {}
        for number, store in enumerate(self.fused.stores):
            self.at.setdefault(store.node, []).append(number)
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
        self.partials: dict[int, Partial] = {}
        for number in self.begin:
            if number not in self.at or self._complete(number):
                continue
            kept = [k for k in range(len(fused.extents)) if k not in fused.nodes[number].value]
            kept = [k for k in kept if any(fused.stores[output].access.strides[k] for output in self.at[number])]
            strides, count = [0] * len(fused.extents), 1
            for k in reversed(kept):
                strides[k] = count
                count *= fused.extents[k]
            self.partials[number] = Partial(number, size, count, tuple(strides))
            kind = primitives.register_kind(fused.nodes[number].dtype)
            size += -(-count * max(BITS[kind] // 8, 1) // _LINE) * _LINE
        self.chunk_bytes = size

    def _complete(self, number: int) -> bool:
        """Whether one walk of the innermost loops gives a reduction's final value."""
        begin, reduced = self.begin[number], self.fused.nodes[number].value
        return begin is not None and min(reduced) >= begin and not reduced & self.split

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

    def _lane_loop(self, length: int | Value, body: Callable[[Value, Lanes], None]) -> None:
        """Calls `body` for as many whole vectors as there are, then for the rest."""
        b, wide, narrow = self.b, self.plan.lanes, self.plan.tail_lanes
        zero = b.constant("i64", 0)

        def rest(j: Value) -> None:
            left = b.convert("trunc", b.binary("sub", end, j), "i32")
            body(j, Lanes(narrow, self._mask(narrow, left)))

        end = b.constant("i64", length) if isinstance(length, int) else length
        if self.plan.compact and (not isinstance(length, int) or (length % narrow and length > narrow)):
            self._loop(zero, end, narrow, rest)
            return
        if isinstance(length, int):
            whole = length // wide * wide
            if whole:
                if whole == wide:
                    body(zero, Lanes(wide, None))
                else:
                    self._loop(zero, b.constant("i64", whole), wide, lambda j: body(j, Lanes(wide, None)))
            full = length // narrow * narrow
            if full > whole:
                if full - whole == narrow:
                    body(b.constant("i64", whole), Lanes(narrow, None))
                else:
                    self._loop(b.constant("i64", whole), b.constant("i64", full), narrow,
                               lambda j: body(j, Lanes(narrow, None)))  # fmt: skip
            if length > full:
                body(b.constant("i64", full), Lanes(narrow, self._mask(narrow, b.constant("i32", length - full))))
            return
        whole_length = b.make(f"and i64 {length.ref}, {-wide}", "i64", 1)
        self._loop(zero, whole_length, wide, lambda j: body(j, Lanes(wide, None)))
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

    # Memory

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

    def _read(self, pointer: str, kind: str, stride: int, lanes: Lanes | None) -> Value:
        b = self.b
        if lanes is None or lanes.width == 1:
            return b.load(pointer, kind, 1)
        if stride == 1:
            return b.load(pointer, kind, lanes.width, lanes.mask)
        if stride == 0:
            return b.splat(b.load(pointer, kind, 1), lanes.width)
        return b.gather(b.spread(pointer, kind, stride, lanes.width), kind, lanes.mask)

    def _write(self, value: Value, pointer: str, stride: int, lanes: Lanes | None) -> None:
        b = self.b
        if lanes is None or lanes.width == 1:
            b.store(value, pointer)
        elif stride == 1:
            b.store(b.splat(value, lanes.width), pointer, lanes.mask)
        else:
            b.scatter(b.splat(value, lanes.width), b.spread(pointer, value.kind, stride, lanes.width), lanes.mask)

    def _store(self, number: int, store: Store, value: Value, lanes: Lanes | None) -> None:
        value = primitives.to_memory(self.b, value, self.outputs[number])
        base = self._pointer(len(self.inputs) + number, value.kind, store.access.offset)
        self._write(value, self._place(base, value.kind, store.access), store.access.strides[self.inner], lanes)
