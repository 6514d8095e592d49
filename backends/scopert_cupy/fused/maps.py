"""Maps: bodies without reductions, each point by itself.

The space is cut into *units* of neighbours along the innermost axis, which one thread loads and stores with
accesses of up to 16 bytes; consecutive threads take consecutive units.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from math import prod

import numpy as np

from scopert_cupy.command import Launch
from scopert_cupy.fused.space import Nest, arranged, is_vector, is_wide, vector_width
from scopert_cupy.fused.text import Indices, Lines, Values, check_types, drawn, parameters, widest
from scopert_cupy.prelude import computed, define, stored

#: Units from which on a thread takes several, so that enough bytes are on their way.
_MANY = 1 << 18


def emit_map(nest: Nest, wide: bool = False) -> Launch:
    """The kernel of a body without reductions, and its launch.

    Parameters
    ----------
    wide : bool
        Count in 64 bits in any case.
    """
    nest = arranged(nest, (), range(len(nest.fused.extents)))
    check_types(nest)
    fused = nest.fused
    rank = len(fused.extents)
    inner = rank - 1 if rank else None
    points = prod(fused.extents)
    wide = wide or is_wide(fused)
    width = _width(nest, inner)
    units = -(-points // width)
    threads = 256 if units >= 1 << 15 else 128 if units >= 128 else 32
    items = 2 if units >= _MANY and _loaded(nest, inner, width) <= 16 and len(fused.nodes) <= 64 else 1
    write = Lines()
    flat = rank == 1  # one function for arrays of any size
    count = "n" if flat else f"{points}ull" if wide else f"{points}u"
    indices = Indices(wide)
    tail = flat and points % width != 0
    write(f"{indices.unsigned} first = ({indices.unsigned})blockIdx.x * {threads * items}u + threadIdx.x;")
    if items > 1:
        with write.block(f"for (int item = 0; item < {items}; ++item)", unrolled=True):
            write(f"{indices.unsigned} unit = first + item * {threads}u;")
            _unit(write, nest, indices, inner, width, count, tail)
    else:
        write(f"{indices.unsigned} unit = first;")
        _unit(write, nest, indices, inner, width, count, tail)
    more = (f"{indices.unsigned} n",) if flat else ()
    function = define(
        "map", parameters(nest, *more), write.text(), width=widest(nest, inner, width), threads=threads
    )  # fmt: skip
    arguments = (*[a.at for a in nest.loads], *[a.at for a in nest.stores])
    size = (np.uint64(points) if wide else np.uint32(points),) if flat else ()
    return Launch(function, (-(-units // (threads * items)), 1, 1), (threads, 1, 1), (*arguments, *size))


def _width(nest: Nest, inner: int | None) -> int:
    width = vector_width(nest, inner)
    extents = nest.fused.extents
    if not extents:
        return 1
    while extents[-1] < width or (len(extents) > 1 and extents[-1] % width):  # rows consist of whole units
        width //= 2
    return width


def _loaded(nest: Nest, inner: int | None, width: int) -> int:
    """Bytes that a thread loads for one unit."""
    return sum(
        array.dtype.np.itemsize * (width if inner is not None and access.strides[inner] else 1)
        for access, array in zip(nest.fused.loads, nest.loads, strict=True)
        if any(access.strides)
    )


def _unit(write: Lines, nest: Nest, indices: Indices, inner: int | None, width: int, count: str, tail: bool) -> None:
    """Statements for one unit."""
    fused = nest.fused
    if inner is None:
        with write.block("if (unit == 0)"):
            body(write, nest, indices, None, 1, ())
        return
    with write.block(f"if (unit < {count} / {width}u)" if width > 1 else f"if (unit < {count})"):
        indices.split(write, "unit", range(inner + 1), fused.extents, width, "i")
        body(write, nest, indices, inner, width, range(inner + 1))
    if tail and width > 1:
        with (
            write.block(f"else if (unit == {count} / {width}u)"),
            write.block(
                f"for ({indices.signed} i0 = ({indices.signed})(unit * {width}u); i0 < ({indices.signed}){count}; ++i0)"
            ),
        ):
            indices.at[0] = "i0"
            body(write, nest, indices, inner, 1, range(1))


def body(
    write: Lines, nest: Nest, indices: Indices, inner: int | None, width: int, guarded: range | tuple[int, ...]
) -> None:
    """Loads, values and stores of `width` neighbours along `inner`, whose first is at `indices`."""
    fused = nest.fused
    values = Values(fused, indices)
    moving: list[tuple[int, int]] = []
    for number, node in enumerate(fused.nodes):
        if node.op == "load":
            if inner is not None and width > 1 and fused.loads[node.value].strides[inner]:
                moving.append((number, node.value))
            else:
                load_one(write, nest, indices, values, number)
    for _, k in moving:
        load_pack(write, nest, indices, k, inner, width, f"p{k}")
    fixed = [k for k, store in enumerate(fused.stores) if inner is None or not store.access.strides[inner]]
    packs = [k for k in range(len(fused.stores)) if k not in fixed]
    for store in fused.stores:
        if inner not in fused.nodes[store.node].axes:
            values(write, store.node)
    if width == 1:
        for k in packs:
            store_one(write, nest, indices, k, values(write, fused.stores[k].node), guarded)
    elif packs:
        uniform(write, varying(nest, inner), values, [fused.stores[k].node for k in packs])
        for k in packs:
            write(f"sc_pack<{stored(nest.stores[k].dtype)}, {width}> q{k};")
        with write.block(f"for (int v = 0; v < {width}; ++v)", unrolled=True):
            lane = values.inner()
            lane.indices = indices_at_lane(indices, inner)
            for number, k in moving:
                write(f"{computed(fused.nodes[number].dtype)} n{number} = sc_get(p{k}.at[v]);")
                lane.names[number] = f"n{number}"
            for k in packs:
                name = lane(write, fused.stores[k].node)
                write(f"q{k}.at[v] = sc_put<{stored(nest.stores[k].dtype)}>({name});")
        for k in packs:
            store_pack(write, nest, indices, k, inner, width, f"q{k}", guarded)
    for k in fixed:
        store_one(write, nest, indices, k, values(write, fused.stores[k].node), guarded)


def varying(nest: Nest, inner: int | None) -> set[int]:
    """The nodes that vary along an axis."""
    return {number for number, node in enumerate(nest.fused.nodes) if inner in node.axes}


def uniform(write: Lines, moving: set[int], values: Values, needed: Iterable[int], ready: Container[int] = ()) -> None:
    """Prints what is the same for all neighbours and that these nodes need; what is `ready` needs nothing."""
    waiting = list(needed)
    seen = set(waiting)
    while waiting:
        number = waiting.pop()
        if number in ready:
            continue
        if number not in moving:
            values(write, number)
            continue
        for arg in values.fused.nodes[number].args:
            if arg not in seen:
                seen.add(arg)
                waiting.append(arg)


def indices_at_lane(indices: Indices, inner: int | None) -> Indices:
    """Positions of the neighbour `v`."""
    made = Indices(indices.signed == "long long")
    made.at = dict(indices.at)
    if inner is not None:
        made.at[inner] = f"({indices.at[inner]} + v)"
    return made


def load_one(write: Lines, nest: Nest, indices: Indices, values: Values, number: int) -> None:
    """A value from memory."""
    k = nest.fused.nodes[number].value
    kind = computed(nest.fused.nodes[number].dtype)
    at = indices.offset(nest.fused.loads[k])
    text = f"{drawn(nest.loads[k], k, 1, at)}.at[0]" if nest.loads[k].drawn else f"in{k}[{at}]"
    write(f"{kind} n{number} = sc_get({text});")
    values.names[number] = f"n{number}"


def load_pack(
    write: Lines, nest: Nest, indices: Indices, k: int, inner: int | None, width: int, name: str
) -> None:  # fmt: skip
    """Neighbours from memory: at once if they lie together."""
    access, array = nest.fused.loads[k], nest.loads[k]
    assert inner is not None
    at = indices.offset(access)
    if is_vector(access, inner, width):
        text = drawn(array, k, width, at) if array.drawn else f"sc_load<{width}>(in{k} + ({at}))"
        write(f"sc_pack<{stored(array.dtype)}, {width}> {name} = {text};")
        return
    write(f"sc_pack<{stored(array.dtype)}, {width}> {name};")
    if array.drawn:
        with write.block(f"for (int v = 0; v < {width}; ++v)", unrolled=True):
            one = drawn(array, k, 1, f"{at} + {_step(access.strides[inner], indices)}")
            write(f"{name}.at[v] = {one}.at[0];")
        return
    with write.block("", unrolled=False):
        write(f"const {stored(array.dtype)}* from = in{k} + ({at});")
        with write.block(f"for (int v = 0; v < {width}; ++v)", unrolled=True):
            write(f"{name}.at[v] = from[{_step(access.strides[inner], indices)}];")


def _step(stride: int, indices: Indices) -> str:
    return "v" if stride == 1 else f"({indices.signed})v * ({stride})"


def store_one(
    write: Lines, nest: Nest, indices: Indices, k: int, value: str, guarded: range | tuple[int, ...]
) -> None:  # fmt: skip
    """A value into memory, by the one thread that is at the beginning of the axes along which it stands still."""
    access, array = nest.fused.stores[k].access, nest.stores[k]
    condition = indices.first(access, guarded, nest.fused.extents)
    text = f"out{k}[{indices.offset(access)}] = sc_put<{stored(array.dtype)}>({value});"
    write(f"if ({condition}) {text}" if condition else text)


def store_pack(
    write: Lines, nest: Nest, indices: Indices, k: int, inner: int | None, width: int, name: str,
    guarded: range | tuple[int, ...],
) -> None:  # fmt: skip
    """Neighbours into memory."""
    access, array = nest.fused.stores[k].access, nest.stores[k]
    assert inner is not None
    condition = indices.first(access, guarded, nest.fused.extents)
    at = indices.offset(access)
    if is_vector(access, inner, width):
        text = f"sc_store<{width}>(out{k} + ({at}), {name});"
        write(f"if ({condition}) {text}" if condition else text)
        return
    with write.block(f"if ({condition})" if condition else ""):
        write(f"{stored(array.dtype)}* to = out{k} + ({at});")
        with write.block(f"for (int v = 0; v < {width}; ++v)", unrolled=True):
            write(f"to[{_step(access.strides[inner], indices)}] = {name}.at[v];")
