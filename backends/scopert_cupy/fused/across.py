"""Reductions across rows: the results lie side by side in memory, what is reduced lies far apart.

A block holds a tile of threads: along x, neighbours of the results (each up to 16 bytes at a time), along y, parts
of what is reduced. Each thread adds up what is its own, the block adds up along y in shared memory, and where that
is not enough to keep the device busy, blocks share out what is reduced, too, and a second kernel adds up theirs.
"""

from __future__ import annotations

from math import prod

from scopert.program.expression import REDUCTIONS
from scopert_cupy.command import Argument, Launch
from scopert_cupy.fused.maps import indices_at_lane, load_one, load_pack, store_pack, uniform, varying
from scopert_cupy.fused.reductions import Partials, accumulate, accumulators, closure, reduced
from scopert_cupy.fused.space import Nest, columns_of, is_wide, vector_width
from scopert_cupy.fused.text import Indices, Lines, Values, check_types, parameters, widest
from scopert_cupy.prelude import computed, define, stored

_THREADS = 256


def _tile(nest: Nest) -> tuple[int, int, int]:
    """Neighbours of a thread, and the threads of a block along x and y."""
    fused = nest.fused
    inner = fused.rows - 1
    width = vector_width(nest, inner)
    heavy = sum(node.dtype.np.itemsize == 8 for node in fused.nodes if node.op in REDUCTIONS)
    while fused.extents[inner] % width or width * max(len(reduced(fused)), 1) > (16 if heavy else 32):
        width //= 2
    units = prod(fused.extents[: fused.rows]) // width
    x = min(1 << max(units - 1, 0).bit_length(), 32)
    return width, x, _THREADS // x


def parts_across(nest: Nest) -> int:
    """Among how many blocks what is reduced should be shared out."""
    fused = nest.fused
    width, x, y = _tile(nest)
    blocks = -(-prod(fused.extents[: fused.rows]) // (width * x))
    length = prod(fused.extents[fused.rows :])
    if blocks >= 512 or length <= 64 * y:
        return 1
    return max(min(-(-length // (8 * y)), -(-512 // blocks), 512), 1)


class _Kernel:
    def __init__(self, nest: Nest, wide: bool, split: Partials | None) -> None:
        check_types(nest)
        self.nest, self.fused, self.split = nest, nest.fused, split
        self.width, self.x, self.y = _tile(nest)
        self.wide = wide or is_wide(nest.fused)
        self.rows = range(nest.fused.rows)
        self.columns = range(nest.fused.rows, len(nest.fused.extents))
        self.inner = nest.fused.rows - 1
        self.indices = Indices(self.wide)
        self.write = Lines()
        self.values = Values(self.fused, self.indices)
        self.results = reduced(self.fused)
        self.walked = [k for k, store in enumerate(self.fused.stores) if store.node not in self.results]

    def launch(self) -> Launch:
        write, unsigned = self.write, self.indices.unsigned
        rows, length = prod(self.fused.extents[: self.fused.rows]), prod(self.fused.extents[self.fused.rows :])
        units = rows // self.width
        parts = self.split.parts if self.split is not None else 1
        write(f"const unsigned x = threadIdx.x % {self.x}u, y = threadIdx.x / {self.x}u;")
        write(f"{unsigned} unit = ({unsigned})blockIdx.x * {self.x}u + x;")
        accumulators(write, self.fused, self.results, self.width)
        with write.block(f"if (unit < {units}u)"):
            self.indices.split(write, "unit", self.rows, self.fused.extents, self.width, "r")
            packs = self._standing()
            chunk = -(-length // parts)
            begin, end = "y", f"{length}u"
            if parts > 1:
                write(f"{unsigned} begin = ({unsigned})blockIdx.y * {chunk}u;")
                write(f"{unsigned} end = begin + {chunk}u < {length}u ? begin + {chunk}u : {length}u;")
                begin, end = "begin + y", "end"
            if len(self.fused.nodes) < 32:
                write("#pragma unroll 4")
            with write.block(f"for ({unsigned} at = {begin}; at < {end}; at += {self.y}u)"):
                self.indices.split(write, "at", self.columns, self.fused.extents, 1, "c")
                self._point(packs)
        self._meet()
        with write.block(f"if (y == 0 && unit < {units}u)"):
            self.indices.split(write, "unit", self.rows, self.fused.extents, self.width, "r")
            self._results(rows)
        names = []
        if self.split is not None:
            names = [f"{stored(array.dtype)}* part{k}" for k, array in enumerate(self.split.arrays)]
        function = define(
            "across", parameters(self.nest, *names), write.text(), fibers=self.y > 1,
            width=widest(self.nest, self.inner, self.width), threads=_THREADS,
        )  # fmt: skip
        arguments: list[Argument] = [*[a.at for a in self.nest.loads], *[a.at for a in self.nest.stores]]
        if self.split is not None:
            arguments += [array.at for array in self.split.arrays]
        return Launch(function, (-(-units // self.x), parts, 1), (_THREADS, 1, 1), tuple(arguments))

    def _standing(self) -> dict[int, str]:
        """Loads what is the same for all that a thread reduces; names of packs by node."""
        packs: dict[int, str] = {}
        columns = columns_of(self.fused)
        for number, node in enumerate(self.fused.nodes):
            if node.op != "load" or node.axes & columns:
                continue
            if self.fused.loads[node.value].strides[self.inner]:
                load_pack(self.write, self.nest, self.indices, node.value, self.inner, self.width, f"p{number}")
                packs[number] = f"p{number}"
            else:
                load_one(self.write, self.nest, self.indices, self.values, number)
        return packs

    def _point(self, standing: dict[int, str]) -> None:
        write, fused, nest, width = self.write, self.fused, self.nest, self.width
        values = self.values.inner()
        packs = dict(standing)
        wanted = [fused.nodes[n].args[0] for n in self.results] + [fused.stores[k].node for k in self.walked]
        for number in sorted(closure(fused, wanted)):
            node = fused.nodes[number]
            if node.op != "load" or number in packs or number in values.names:
                continue
            if fused.loads[node.value].strides[self.inner]:
                load_pack(write, nest, self.indices, node.value, self.inner, width, f"p{number}")
                packs[number] = f"p{number}"
            else:
                load_one(write, nest, self.indices, values, number)
        uniform(write, varying(nest, self.inner), values, wanted)
        for k in self.walked:
            write(f"sc_pack<{stored(nest.stores[k].dtype)}, {width}> q{k};")
        with write.block(f"for (int v = 0; v < {width}; ++v)", unrolled=True):
            lane = values.inner()
            lane.indices = indices_at_lane(self.indices, self.inner)
            for number, name in packs.items():
                write(f"{computed(fused.nodes[number].dtype)} n{number} = sc_get({name}.at[v]);")
                lane.names[number] = f"n{number}"
            for number in self.results:
                accumulate(write, lane, number, "v")
            for k in self.walked:
                name = lane(write, fused.stores[k].node)
                write(f"q{k}.at[v] = sc_put<{stored(nest.stores[k].dtype)}>({name});")
        for k in self.walked:
            self._store(k, range(len(fused.extents)))

    def _store(self, k: int, every: range) -> None:
        access = self.fused.stores[k].access
        if access.strides[self.inner] or self.fused.extents[self.inner] == 1:
            store_pack(self.write, self.nest, self.indices, k, self.inner, self.width, f"q{k}", every)
            return
        first = self.indices.first(access, every, self.fused.extents)
        text = f"out{k}[{self.indices.offset(access)}] = q{k}.at[0];"
        self.write(f"if ({first}) {text}" if first else text)

    def _meet(self) -> None:
        """Adds up along y, always the lower half to the upper."""
        if self.y == 1:
            return
        write = self.write
        for number in self.results:
            node = self.fused.nodes[number]
            kind = computed(node.dtype)
            write(f"__shared__ {kind} room{number}[{self.y}][{self.x}][{self.width}];")
            with write.block(f"for (int v = 0; v < {self.width}; ++v)", unrolled=True):
                write(f"room{number}[y][x][v] = a{number}[v];")
        with write.block(f"for (unsigned half = {self.y // 2}u; half; half /= 2)"):
            write("__syncthreads();")
            with (
                write.block("if (y < half)"),
                write.block(f"for (int v = 0; v < {self.width}; ++v)", unrolled=True),
            ):
                for number in self.results:
                    op = self.fused.nodes[number].op
                    write(f"a{number}[v] = sc_{op}::of(a{number}[v], room{number}[y + half][x][v]);")
                    write(f"room{number}[y][x][v] = a{number}[v];")

    def _results(self, rows: int) -> None:
        for k, store in enumerate(self.fused.stores):
            if k in self.walked:
                continue
            array, width = self.nest.stores[k], self.width
            if self.split is not None:
                array = self.split.arrays[self.split.stores.index(k)]
            write = self.write
            write(f"sc_pack<{stored(array.dtype)}, {width}> q{k};")
            with write.block(f"for (int v = 0; v < {width}; ++v)", unrolled=True):
                write(f"q{k}.at[v] = sc_put<{stored(array.dtype)}>(a{store.node}[v]);")
            if self.split is not None:
                number = self.split.stores.index(k)
                at = f"({self.indices.unsigned})blockIdx.y * {rows}u + unit * {width}u"
                write(f"sc_store<{width}>(part{number} + ({at}), q{k});")
            else:
                self._store(k, self.rows)


def emit_across(nest: Nest, wide: bool = False, split: Partials | None = None) -> Launch:
    """The kernel of a nest all of whose reductions are over its columns, while neighbours lie along its rows.

    Parameters
    ----------
    nest : Nest
        As `arranged` made it.
    wide : bool
        Count in 64 bits in any case.
    split : Partials, optional
        What is reduced is shared out among so many blocks, whose results go there.
    """
    return _Kernel(nest, wide, split).launch()
