"""Rows: bodies that reduce along contiguous columns, and may use what they reduced.

A row belongs to a group of threads: a part of a warp where it is short, a block where it is long. The group walks
over it once for every *phase*: phase 0 computes the reductions of what was loaded, phase 1 what depends on those,
and the last one stores. Between phases values stay in registers, else in shared memory, else they are computed
again from memory.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from scopert_cupy.command import Argument, Launch
from scopert_cupy.fused.maps import indices_at_lane, load_one, load_pack, store_pack, uniform, varying
from scopert_cupy.fused.reductions import Partials, accumulate, accumulators, folded, reduced
from scopert_cupy.fused.row_plan import (
    AGAIN,
    REGISTERS,
    SHARED,
    is_walked,
    places,
    row_shape,
    schedule,
    walk,
)
from scopert_cupy.fused.space import Nest, columns_of, consumed, is_wide
from scopert_cupy.fused.text import Indices, Lines, Values, check_types, parameters, widest
from scopert_cupy.prelude import computed, define, stored


class _Kernel:
    def __init__(self, nest: Nest, limit: int, wide: bool, split: Partials | None) -> None:
        check_types(nest)
        self.nest, self.fused = nest, nest.fused
        for keep in ("all", "loads"):
            self.plan = schedule(nest, keep)
            self.shape = row_shape(nest, self.plan, limit, split is not None)
            if self.shape.memory != AGAIN:
                break
        if self.shape.memory == AGAIN or split is not None:
            self.plan = schedule(nest, "nothing")
        self.split = split
        self.wide = wide or is_wide(nest.fused)
        self.rows = range(nest.fused.rows)
        self.columns = range(nest.fused.rows, len(nest.fused.extents))
        self.inner = len(nest.fused.extents) - 1
        self.indices = Indices(self.wide)
        self.write = Lines()
        self.values = Values(self.fused, self.indices)
        self.count = prod(self.fused.extents[self.fused.rows :])
        self.rest = self.count % self.shape.width
        self.memory = AGAIN if split is not None else self.shape.memory

    def launch(self) -> Launch:
        shape, write = self.shape, self.write
        rows = prod(self.fused.extents[: self.fused.rows])
        together = shape.threads // shape.group
        self._rows(together)
        for number, node in enumerate(self.fused.nodes):
            if node.op == "load" and not node.axes & columns_of(self.fused):
                load_one(write, self.nest, self.indices, self.values, number)
        self._keep()
        for phase in range(self.plan.phases):
            self._phase(phase)
        self._ends()
        unsigned = self.indices.unsigned
        outputs = self.nest
        if self.split is not None:
            names = [f"{stored(array.dtype)}* part{k}" for k, array in enumerate(self.split.arrays)]
            more = (*names, f"{unsigned} rows", f"{unsigned} chunk")
        else:
            more = (f"{unsigned} rows",)
        function = define(
            "rows", parameters(outputs, *more), write.text(), fibers=shape.group > 1,
            width=widest(self.nest, self.inner, shape.width), threads=shape.threads,
        )  # fmt: skip
        size: type[np.unsignedinteger[Any]] = np.uint64 if self.wide else np.uint32
        arguments: list[Argument] = [*[a.at for a in self.nest.loads], *[a.at for a in self.nest.stores]]
        parts = 1
        if self.split is not None:
            parts = self.split.parts
            arguments += [array.at for array in self.split.arrays]
        arguments.append(size(rows))
        if self.split is not None:
            arguments.append(size(-(-shape.units // parts)))
        grid = (-(-rows // together), parts, 1)
        return Launch(function, grid, (shape.threads, 1, 1), tuple(arguments), shape.shared if parts == 1 else 0)

    def _rows(self, together: int) -> None:
        write, unsigned, group = self.write, self.indices.unsigned, self.shape.group
        if together == 1:
            write(f"{unsigned} row = blockIdx.x;")
            write("unsigned lane = threadIdx.x;")
        else:
            write(f"{unsigned} row = ({unsigned})blockIdx.x * {together}u + threadIdx.x / {group}u;")
            write(f"unsigned lane = threadIdx.x % {group}u;")
            if group == 1:
                write("if (row >= rows) return;")
            else:  # all lanes of a warp meet: those beyond the last row compute it again
                write("bool live = row < rows;")
                write("if (!live) row = rows - 1;")
        self.live = "live" if together > 1 and group > 1 else ""
        self.indices.split(write, "row", self.rows, self.fused.extents, 1, "r")

    def _keep(self) -> None:
        """Declares where kept values stay."""
        write, shape = self.write, self.shape
        at = places(self.nest, self.plan, self.count)[0]
        if self.memory == SHARED:
            write("SC_DYNAMIC_SHARED(unsigned char, kept);")
        for number in self.plan.kept:
            kind = self._kept_kind(number)
            if self.memory == REGISTERS:
                write(f"sc_pack<{kind}, {shape.width}> k{number}[{shape.items}];")
            else:
                write(f"{kind}* k{number} = reinterpret_cast<{kind}*>(kept + {at[number]});")

    def _kept_kind(self, number: int) -> str:
        node = self.fused.nodes[number]
        if node.op == "load":
            return stored(self.nest.loads[node.value].dtype) or ""
        kind = computed(node.dtype)
        return "int" if kind in ("short", "signed char", "unsigned char", "unsigned short") else kind

    def _phase(self, phase: int) -> None:
        write, shape, fused = self.write, self.shape, self.fused
        mine = [n for n in reduced(fused) if self.plan.phase[fused.nodes[n].args[0]] == phase]
        walked = walk(self.nest, self.plan, phase)
        stores = []
        if phase == self.plan.phases - 1:
            stores = [k for k, s in enumerate(fused.stores) if is_walked(self.nest, s.node, s.access.strides)]
        if not mine and not stores and not any(home == phase for home in self.plan.kept.values()):
            return
        for number in sorted(walked):
            if not fused.nodes[number].axes & columns_of(fused):
                self.values(write, number)
        for number in sorted(walked):
            node = fused.nodes[number]
            if node.op == "div" and computed(node.dtype) == "float" and node.axes & columns_of(fused):
                divisor = fused.nodes[node.args[1]]
                if divisor.op != "const" and not divisor.axes & columns_of(fused):
                    self.values.invert(write, node.args[1])
        accumulators(write, fused, mine, shape.width)
        unsigned = self.indices.unsigned
        if self.memory == REGISTERS:
            with write.block(f"for (int i = 0; i < {shape.items}; ++i)", unrolled=True):
                write(f"{unsigned} unit = i * {shape.group}u + lane;")
                exact = shape.items * shape.group == shape.units
                with write.block("" if exact else f"if (unit < {shape.units}u)"):
                    self._unit(phase, mine, stores, walked, shape.width)
        else:
            begin, end = "lane", f"{shape.units}u"
            if self.split is not None:
                write(f"{unsigned} begin = blockIdx.y * chunk;")
                write(f"{unsigned} end = begin + chunk < {shape.units}u ? begin + chunk : {shape.units}u;")
                begin, end = "begin + lane", "end"
            if len(walked) < 32:  # several loads on their way, more if they are narrow
                write(f"#pragma unroll {8 if shape.width == 1 else 4}")
            with write.block(f"for ({unsigned} unit = {begin}; unit < {end}; unit += {shape.group}u)"):
                self._unit(phase, mine, stores, walked, shape.width)
            if self.rest:
                first = "lane"
                if self.split is not None:  # by the last block
                    first = f"blockIdx.y == {self.split.parts - 1}u ? lane : {self.rest}u"
                name, signed = f"c{self.inner}", self.indices.signed
                begin = f"{signed} {name} = {self.count - self.rest} + ({signed})({first})"
                with write.block(f"for ({begin}; {name} < {self.count}; {name} += {shape.group})"):
                    self.indices.at[self.inner] = name
                    self._point(phase, mine, stores, walked, 1)
        for number in mine:
            self._finish(number)

    def _unit(self, phase: int, mine: list[int], stores: list[int], walked: set[int], width: int) -> None:
        self.indices.split(self.write, "unit", self.columns, self.fused.extents, width, "c")
        self._point(phase, mine, stores, walked, width)

    def _point(self, phase: int, mine: list[int], stores: list[int], walked: set[int], width: int) -> None:
        """Statements for `width` neighbours at the current position."""
        write, fused, nest = self.write, self.fused, self.nest
        values = self.values.inner()
        held = "i" if self.memory == REGISTERS else "unit"
        taken = {n for n, home in self.plan.kept.items() if home < phase and n in walked}
        made = [n for n, home in self.plan.kept.items() if home == phase]
        moving: dict[int, str] = {}
        for number in sorted(walked):
            node = fused.nodes[number]
            if number in taken:
                name = f"k{number}[{held}]"
                if self.memory == SHARED:
                    write(
                        f"sc_pack<{self._kept_kind(number)}, {width}> t{number} = "
                        f"sc_load<{width}>(k{number} + unit * {width}u);"
                    )
                    name = f"t{number}"
                moving[number] = f"sc_get({name}.at[v])" if node.op == "load" else f"{name}.at[v]"
            elif node.op == "load" and node.axes & columns_of(fused):
                if fused.loads[node.value].strides[self.inner]:
                    load_pack(write, nest, self.indices, node.value, self.inner, width, f"p{number}")
                    moving[number] = f"sc_get(p{number}.at[v])"
                    if number in made:
                        write(self._hold(number, f"p{number}", width))
                else:
                    load_one(write, nest, self.indices, values, number)
        uniform(write, varying(nest, self.inner), values, [*made, *self._wanted(mine, stores)], moving)
        for k in stores:
            write(f"sc_pack<{stored(nest.stores[k].dtype)}, {width}> q{k};")
        holding = [n for n in made if fused.nodes[n].op != "load"]
        for number in holding:
            write(f"sc_pack<{self._kept_kind(number)}, {width}> h{number};")
        with write.block(f"for (int v = 0; v < {width}; ++v)", unrolled=True):
            lane = values.inner()
            lane.indices = indices_at_lane(self.indices, self.inner)
            for number, text in moving.items():
                write(f"{computed(fused.nodes[number].dtype)} n{number} = {text};")
                lane.names[number] = f"n{number}"
            for number in holding:
                write(f"h{number}.at[v] = {lane(write, number)};")
            for number in mine:
                accumulate(write, lane, number, "v")
            for k in stores:
                name = lane(write, fused.stores[k].node)
                write(f"q{k}.at[v] = sc_put<{stored(nest.stores[k].dtype)}>({name});")
        for number in holding:
            write(self._hold(number, f"h{number}", width))
        for k in stores:
            self._store(k, width)

    def _wanted(self, mine: list[int], stores: list[int]) -> list[int]:
        """The nodes that reductions and stores take at each point."""
        return [self.fused.nodes[n].args[0] for n in mine] + [self.fused.stores[k].node for k in stores]

    def _hold(self, number: int, name: str, width: int) -> str:
        if self.memory == REGISTERS:
            return f"k{number}[i] = {name};"
        return f"sc_store<{width}>(k{number} + unit * {width}u, {name});"

    def _store(self, k: int, width: int) -> None:
        every = range(len(self.fused.extents))
        if not self.live:
            store_pack(self.write, self.nest, self.indices, k, self.inner, width, f"q{k}", every)
            return
        with self.write.block(f"if ({self.live})"):
            store_pack(self.write, self.nest, self.indices, k, self.inner, width, f"q{k}", every)

    def _finish(self, number: int) -> None:
        """A reduction's result, in all threads of the row."""
        node, group = self.fused.nodes[number], self.shape.group
        kind = computed(node.dtype)
        partial = folded(self.write, self.fused, number, self.shape.width)
        if group > 32:
            self.write(f"__shared__ {kind} room{number}[32];")
            partial = f"sc_over_block<sc_{node.op}>({partial}, room{number})"
        elif group > 1:
            partial = f"sc_over_lanes<sc_{node.op}, {group}>({partial})"
        self.write(f"{kind} n{number} = {partial};")
        self.values.names[number] = f"n{number}"

    def _ends(self) -> None:
        """Stores what there is one of in a row."""
        fused = self.fused
        ends = [k for k, s in enumerate(fused.stores) if not is_walked(self.nest, s.node, s.access.strides)]
        if not ends:
            return
        names = {k: self.values(self.write, fused.stores[k].node) for k in ends}
        condition = "lane == 0" if self.shape.group > 1 else ""
        if self.live:
            condition += f" && {self.live}"
        with self.write.block(f"if ({condition})" if condition else ""):
            for k in ends:
                self._end(k, names[k])

    def _end(self, k: int, name: str) -> None:
        access, array = self.fused.stores[k].access, self.nest.stores[k]
        if self.split is not None and k in self.split.stores:
            number = self.split.stores.index(k)
            array = self.split.arrays[number]
            self.write(f"part{number}[blockIdx.y * rows + row] = sc_put<{stored(array.dtype)}>({name});")
            return
        first = self.indices.first(access, self.rows, self.fused.extents)
        if self.split is not None:  # by one of the blocks that share the row
            first = f"blockIdx.y == 0 && {first}" if first else "blockIdx.y == 0"
        if self.split is not None:  # no part of a row's sum: one of the row's blocks stores it
            first = f"{first} && blockIdx.y == 0" if first else "blockIdx.y == 0"
        text = f"out{k}[{self.indices.offset(access)}] = sc_put<{stored(array.dtype)}>({name});"
        self.write(f"if ({first}) {text}" if first else text)


def emit_rows(nest: Nest, limit: int, wide: bool = False, split: Partials | None = None) -> Launch:
    """The kernel of a nest all of whose reductions are over its columns, and its launch.

    Parameters
    ----------
    nest : Nest
        As `arranged` made it.
    limit : int
        Bytes of shared memory that a block may have.
    wide : bool
        Count in 64 bits in any case.
    split : Partials, optional
        Columns are shared out among so many blocks, whose results go there. No result is used in the body.
    """
    return _Kernel(nest, limit, wide, split).launch()


def parts_of_rows(nest: Nest) -> int:
    """Among how many blocks the columns of each row should be shared out, where rows are few and long."""
    fused = nest.fused
    rows, columns = prod(fused.extents[: fused.rows]), prod(fused.extents[fused.rows :])
    if consumed(fused) or columns < 1 << 15 or rows >= 512:
        return 1
    return max(min(-(-columns // (1 << 13)), -(-1024 // rows)), 1)


__all__ = ["emit_rows", "parts_of_rows"]
