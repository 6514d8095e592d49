"""Rows: bodies that reduce along contiguous columns, and may use what they reduced.

A row belongs to a group of threads: a part of a warp where it is short, a block where it is long. The group walks
over it once for every *phase*: phase 0 computes the reductions of what was loaded, phase 1 what depends on those,
and the last one stores. Between phases values stay in registers, else in shared memory, else they are computed
again from memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from scopert.program.expression import REDUCTIONS
from scopert_cupy.command import Argument, Launch
from scopert_cupy.fused.maps import indices_at_lane, load_one, load_pack, store_pack, uniform, varying
from scopert_cupy.fused.reductions import Partials, accumulate, accumulators, closure, folded, reduced
from scopert_cupy.fused.space import Array, Nest, columns_of, consumed, is_wide, vector_width
from scopert_cupy.fused.text import Indices, Lines, Values, check_types, parameters, widest
from scopert_cupy.prelude import computed, define, stored

REGISTERS, SHARED, AGAIN = "registers", "shared", "again"
#: A value that costs more instructions than this to compute again is kept.
_KEEP_ABOVE = 8.0
COSTS = {
    "load": 1.0, "const": 0.0, "index": 1.0, "div": 8, "sqrt": 8, "rsqrt": 16, "reciprocal": 8, "exp": 10,
    "expm1": 20, "log": 20, "log1p": 20, "sin": 40, "cos": 40, "tan": 50, "tanh": 20, "sigmoid": 30, "softplus": 40,
    "erf": 30, "pow": 60, "atan2": 60, "mod": 30, "floordiv": 30,
}  # fmt: skip
#: Bytes of registers of a thread that values may take between phases.
_ROOM = 128


@dataclass
class _Schedule:
    """What is computed in which phase, and what is kept.

    Attributes
    ----------
    phase : list of int
        The first phase in which a node can be computed.
    phases : int
    kept : dict of int to int
        Nodes that are kept, and the phase that computes them.
    targets : list of list of int
        By phase, the nodes that vary along columns and must be there.
    """

    phase: list[int]
    phases: int
    kept: dict[int, int] = field(default_factory=dict)
    targets: list[list[int]] = field(default_factory=list)


def _schedule(nest: Nest, keep: str) -> _Schedule:
    """What is computed when, if ``all`` that is costly, ``loads`` only or ``nothing`` is kept between phases."""
    fused = nest.fused
    used, columns = consumed(fused), columns_of(fused)
    phase: list[int] = []
    for number, node in enumerate(fused.nodes):
        phase.append(max([phase[arg] for arg in node.args], default=0) + (number in used))
    walked = [store.node for store in fused.stores if _is_walked(nest, store.node, store.access.strides)]
    last = max([phase[n] for n in walked], default=0)
    last = max([last, *[phase[fused.nodes[n].args[0]] for n in reduced(fused)]])
    made = _Schedule(phase, last + 1)
    made.targets = [[] for _ in range(made.phases)]
    for number in reduced(fused):
        made.targets[phase[fused.nodes[number].args[0]]].append(fused.nodes[number].args[0])
    made.targets[last].extend(walked)
    if keep == "nothing":
        return made

    def varies(number: int) -> bool:
        return bool(fused.nodes[number].axes & columns) and fused.nodes[number].op not in REDUCTIONS

    def costly(number: int) -> bool:
        total, waiting = 0.0, [number]
        while waiting and total <= _KEEP_ABOVE:
            now = waiting.pop()
            if now not in made.kept and varies(now):
                total += COSTS.get(fused.nodes[now].op, 1.0)
                waiting.extend(fused.nodes[now].args)
        return total > _KEEP_ABOVE

    inner = len(fused.extents) - 1
    before = -1
    while before != len(made.kept):  # what is kept may need in its own phase what an earlier one has
        before = len(made.kept)
        for where in range(made.phases):
            waiting, seen = list(made.targets[where]), set[int]()
            while waiting:
                number = waiting.pop()
                if number in seen or not varies(number):
                    continue
                seen.add(number)
                node = fused.nodes[number]
                home = phase[number]
                if node.op == "load":  # it is read in the first phase that needs it
                    home = next(p for p in range(made.phases) if number in _walk(nest, made, p))
                keep_it = number in made.kept or node.op == "load" or (keep == "all" and costly(number))
                if home < where and inner in node.axes and keep_it:
                    if number not in made.kept:
                        made.kept[number] = home
                        made.targets[home].append(number)
                else:
                    waiting.extend(node.args)
    return made


def _walk(nest: Nest, made: _Schedule, where: int) -> set[int]:
    """The nodes that a phase computes or takes from where they are kept."""
    given = [number for number, home in made.kept.items() if home < where]
    return closure(nest.fused, made.targets[where], [*given, *reduced(nest.fused)])


def _is_walked(nest: Nest, number: int, strides: tuple[int, ...]) -> bool:
    """Whether a store goes to a place for every column."""
    columns = columns_of(nest.fused)
    node = nest.fused.nodes[number]
    return any(strides[k] for k in columns) or (bool(node.axes & columns) and node.op not in REDUCTIONS)


@dataclass(frozen=True, slots=True)
class _Shape:
    """How rows are shared out.

    Attributes
    ----------
    width : int
        Neighbours that a thread takes at a time.
    units : int
        Pieces of so many neighbours in a row.
    group : int
        Threads of a row.
    threads : int
        Of a block.
    items : int
        Pieces of a row for each thread.
    memory : str
        Where values are kept.
    shared : int
        Bytes of dynamic shared memory.
    """

    width: int
    units: int
    group: int
    threads: int
    items: int
    memory: str
    shared: int


def _shape(nest: Nest, made: _Schedule, limit: int, split: bool) -> _Shape:
    fused = nest.fused
    rows, columns = prod(fused.extents[: fused.rows]), prod(fused.extents[fused.rows :])
    inner = len(fused.extents) - 1
    width = vector_width(nest, inner)
    ragged = len(fused.extents) == 1 and made.phases == 1  # a lone row may have an end that is no whole piece
    while width > columns or (fused.extents[inner] % width and not ragged):
        width //= 2
    units = columns // width
    if split:
        group = 256
    elif _across(nest) and (rows >= 4096 or columns <= 64):
        group = 1
    elif units <= 32:
        group = 1 << max(units - 1, 0).bit_length()
    elif units * width <= 1024 and (rows >= 2048 or units <= 64):
        group = 32
    else:
        group = next((t for t in (128, 256, 512) if -(-units // t) * width <= 16), 1024)
    threads = group if group > 32 else 128 if group == 1 else 256
    items = -(-units // group)
    memory, shared = AGAIN, 0
    bytes_each = _most_held(nest, made) * items * width
    if made.phases == 1:
        memory = REGISTERS if items <= 4 and not columns % width else AGAIN
    elif bytes_each <= (_ROOM // 2 if group == 1024 else _ROOM) and items * width <= 64:
        memory = REGISTERS
    elif group > 32 and _places(nest, made, columns)[1] <= limit - 4096:
        memory, shared = SHARED, _places(nest, made, columns)[1]
    else:
        group, threads = min(group, 512), min(threads, 512)
        items = -(-units // group)
    return _Shape(width, units, group, threads, items, memory, shared)


def _most_held(nest: Nest, made: _Schedule) -> int:
    """Bytes for each column that are kept at the same time between two phases."""
    last = _last_phases(nest, made)
    return max(
        [
            sum(_kept_size(nest, n) for n, home in made.kept.items() if home < between <= last[n])
            for between in range(1, made.phases)
        ],
        default=0,
    )


def _last_phases(nest: Nest, made: _Schedule) -> dict[int, int]:
    """Until which phase kept values are needed."""
    last = {}
    for phase in range(made.phases):
        walked = _walk(nest, made, phase)
        last.update({number: phase for number in made.kept if number in walked})
    return last


def _places(nest: Nest, made: _Schedule, columns: int) -> tuple[dict[int, int], int]:
    """Where the rows of kept values lie in shared memory, and how long that is.

    A value takes the place of one that is needed for the last time in the phase that makes it: a thread reads its
    own part before it writes there.
    """
    last = _last_phases(nest, made)
    at: dict[int, int] = {}
    total = 0
    free: list[tuple[int, int, int]] = []  # phase from which on, bytes of an element, place
    for number, home in sorted(made.kept.items(), key=lambda pair: (pair[1], pair[0])):
        size = _kept_size(nest, number)
        found = next((place for place in free if place[0] <= home and place[1] == size), None)
        if found is None:
            at[number] = total
            total += -(-size * columns // 16) * 16
        else:
            free.remove(found)
            at[number] = found[2]
        free.append((last[number], size, at[number]))
    return at, total


def _kept_size(nest: Nest, number: int) -> int:
    node = nest.fused.nodes[number]
    if node.op == "load":
        return nest.loads[node.value].dtype.np.itemsize
    return 1 if node.dtype.is_bool else max(node.dtype.np.itemsize, 4)


def _across(nest: Nest) -> bool:
    """Whether neighbours in memory belong to different rows."""
    fused = nest.fused
    inner = len(fused.extents) - 1
    arrays = [*fused.loads, *[store.access for store in fused.stores]]
    along = sum(abs(access.strides[inner]) == 1 for access in arrays)
    other = sum(
        any(abs(stride) == 1 for stride in access.strides[: fused.rows]) and abs(access.strides[inner]) > 1
        for access in arrays
    )
    return other > along


class _Kernel:
    def __init__(self, nest: Nest, limit: int, wide: bool, split: Partials | None) -> None:
        check_types(nest)
        self.nest, self.fused = nest, nest.fused
        for keep in ("all", "loads"):
            self.plan = _schedule(nest, keep)
            self.shape = _shape(nest, self.plan, limit, split is not None)
            if self.shape.memory != AGAIN:
                break
        if self.shape.memory == AGAIN or split is not None:
            self.plan = _schedule(nest, "nothing")
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
        places = _places(self.nest, self.plan, self.count)[0]
        if self.memory == SHARED:
            write("SC_DYNAMIC_SHARED(unsigned char, kept);")
        for number in self.plan.kept:
            kind = self._kept_kind(number)
            if self.memory == REGISTERS:
                write(f"sc_pack<{kind}, {shape.width}> k{number}[{shape.items}];")
            else:
                write(f"{kind}* k{number} = reinterpret_cast<{kind}*>(kept + {places[number]});")

    def _kept_kind(self, number: int) -> str:
        node = self.fused.nodes[number]
        if node.op == "load":
            return stored(self.nest.loads[node.value].dtype) or ""
        kind = computed(node.dtype)
        return "int" if kind in ("short", "signed char", "unsigned char", "unsigned short") else kind

    def _phase(self, phase: int) -> None:
        write, shape, fused = self.write, self.shape, self.fused
        mine = [n for n in reduced(fused) if self.plan.phase[fused.nodes[n].args[0]] == phase]
        walked = _walk(self.nest, self.plan, phase)
        stores = []
        if phase == self.plan.phases - 1:
            stores = [k for k, s in enumerate(fused.stores) if _is_walked(self.nest, s.node, s.access.strides)]
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
        ends = [k for k, s in enumerate(fused.stores) if not _is_walked(self.nest, s.node, s.access.strides)]
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


__all__ = ["Array", "emit_rows", "parts_of_rows"]
