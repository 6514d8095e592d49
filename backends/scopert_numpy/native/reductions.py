"""Reductions in printed functions: sums in registers along the lanes, partial results in memory, adding those up."""

from __future__ import annotations

from scopert.program.expression import Access, Node
from scopert_numpy.native import primitives
from scopert_numpy.native.builder import Builder, Value
from scopert_numpy.native.nest import Lanes, Nest, Partial


class Reductions(Nest):
    """What a body reduces."""

    def _clear(self, partial: Partial) -> None:
        node = self.fused.nodes[partial.node]
        kind = primitives.register_kind(node.dtype)
        memory = "i8" if kind == "i1" else kind
        base = self._own(partial.start)
        number = primitives.identity(node.op, node.dtype)

        def fill(j: Value, lanes: Lanes) -> None:
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

    def _combine_one(self, partial: Partial) -> None:
        b, node = self.b, self.fused.nodes[partial.node]
        kind = primitives.register_kind(node.dtype)
        memory = "i8" if kind == "i1" else kind
        base = self._own(partial.start)
        stores = [(output, self.fused.stores[output]) for output in self.at[partial.node]]
        dense = all(_dense(store.access, partial) for _, store in stores)

        def element(j: Value, lanes: Lanes) -> None:
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
            self._loop(b.constant("i64", 0), b.constant("i64", partial.size), 1, lambda j: element(j, Lanes(1, None)))

    def _unravel(self, j: Value, partial: Partial, access: Access) -> Value:
        b, total = self.b, self.b.constant("i64", 0)
        for k, stride in enumerate(partial.strides):
            if stride:
                place = b.make(f"udiv i64 {j.ref}, {stride}", "i64", 1)
                place = b.make(f"urem i64 {place.ref}, {self.fused.extents[k]}", "i64", 1)
                step = b.make(f"mul i64 {place.ref}, {access.strides[k]}", "i64", 1)
                total = b.binary("add", total, step)
        return total

    def _begin(self, number: int) -> dict[int, str]:
        """Variables that collect the lanes of a reduction, by width."""
        node = self.fused.nodes[number]
        kind = primitives.register_kind(node.dtype)
        made = {}
        for lanes in dict.fromkeys((self.plan.lanes, self.plan.tail_lanes)):
            made[lanes] = self._variable(kind, lanes)
            self._set(made[lanes], self.b.constant(kind, primitives.identity(node.op, node.dtype), lanes))
        return made

    def _accumulate(self, number: int, lanes: Lanes) -> None:
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
            for output in self.at[number]:
                if number not in self.used:
                    self._store(output, self.fused.stores[output], total, None)

    def _update(self, number: int, value: Value, lanes: Lanes | None) -> None:
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

    def _add_to(self, partial: Partial, node: Node, value: Value, lanes: Lanes | None) -> None:
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


def _dense(access: Access, partial: Partial) -> bool:
    """Whether an output's elements lie as those of the partial results."""
    return access.strides == partial.strides
