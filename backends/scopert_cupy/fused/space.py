"""The space of a body as kernels walk it: few axes, in the order of memory.

A `Nest` is a body together with the memory of its loads and stores. Kernels are printed from nests; the plan
(:mod:`scopert_cupy.fused.plan`) cuts a nest into several where one kernel cannot do it all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

from scopert.backend import Access, DType, Fused, Node
from scopert.program.expression import REDUCTIONS, Store
from scopert_cupy.command import Operand

#: Sizes from here on are counted in 64 bits.
_NARROW = (1 << 31) - (1 << 16)


@dataclass(frozen=True, slots=True)
class Array:
    """Memory of a load or store, and its elements' type.

    Attributes
    ----------
    at : Operand
    dtype : DType
    drawn : str
        Not in memory: element i is number i of the random stream whose position lies at `at`, of the
        distribution ``uniform`` or ``normal``.
    """

    at: Operand
    dtype: DType
    drawn: str = ""


@dataclass(frozen=True, slots=True)
class Nest:
    """A body whose loads and stores have memory.

    Attributes
    ----------
    fused : Fused
    loads, stores : tuple of Array
    """

    fused: Fused
    loads: tuple[Array, ...]
    stores: tuple[Array, ...]


def consumed(fused: Fused) -> set[int]:
    """The reductions whose results are used in the body."""
    return {arg for node in fused.nodes for arg in node.args if fused.nodes[arg].op in REDUCTIONS}


def columns_of(fused: Fused) -> frozenset[int]:
    """The axes of the columns."""
    return frozenset(range(fused.rows, len(fused.extents)))


def picked(nest: Nest, stores: Sequence[int]) -> Nest:
    """The part of a nest that some of its stores need."""
    fused = nest.fused
    live = {fused.stores[k].node for k in stores}
    for number in reversed(range(len(fused.nodes))):
        if number in live:
            live.update(fused.nodes[number].args)
    place = {old: new for new, old in enumerate(sorted(live))}
    loads: dict[int, int] = {}
    nodes = []
    for old in place:
        node = fused.nodes[old]
        value = loads.setdefault(node.value, len(loads)) if node.op == "load" else node.value
        nodes.append(replace(node, args=tuple([place[arg] for arg in node.args]), value=value))
    made = Fused(
        fused.extents, fused.rows, tuple(nodes), tuple([fused.loads[k] for k in loads]),
        tuple([Store(place[fused.stores[k].node], fused.stores[k].access) for k in stores]),
    )  # fmt: skip
    return Nest(made, tuple([nest.loads[k] for k in loads]), tuple([nest.stores[k] for k in stores]))


def arranged(nest: Nest, rows: Iterable[int], columns: Iterable[int]) -> Nest:
    """The same nest with these axes as rows and columns, each sorted as memory is, and neighbours made one.

    Axes along which no result varies and nothing is reduced are left out: all of their points do the same.
    """
    fused = nest.fused
    main = _main_access(fused)
    used = frozenset[int]().union(*[node.value for node in fused.nodes if node.op in REDUCTIONS])
    used |= {k for store in fused.stores for k, stride in enumerate(store.access.strides) if stride}

    def outermost(k: int) -> int:
        return -abs(main.strides[k]) if main.strides[k] else -(1 << 62)

    order = [
        sorted([k for k in axes if fused.extents[k] != 1 and k in used], key=outermost)
        for axes in (sorted(rows), sorted(columns))
    ]
    fused = _reordered(fused, [*order[0], *order[1]], len(order[0]))
    k = 0
    while k + 1 < len(fused.extents):
        if k + 1 != fused.rows and _one_axis(fused, k):
            fused = _merged(fused, k)
        else:
            k += 1
    return replace(nest, fused=fused)


def inner_axis(fused: Fused, axes: Iterable[int]) -> int | None:
    """Of some axes the one along which neighbours in memory lie, by the access that decides."""
    main = _main_access(fused)
    moving = [k for k in axes if main.strides[k] and fused.extents[k] != 1]
    return min(moving, key=lambda k: abs(main.strides[k]), default=None)


def _main_access(fused: Fused) -> Access:
    """The access that decides on the order of the axes: of those that vary along most points, stores first."""
    accesses = [store.access for store in fused.stores] + list(fused.loads)

    def points(access: Access) -> int:
        return prod([n for n, stride in zip(fused.extents, access.strides, strict=True) if stride])

    return max(accesses, key=points)


def _reordered(fused: Fused, order: Sequence[int], rows: int) -> Fused:
    """With the axes in this order; those left out have extent 1."""
    place = {old: new for new, old in enumerate(order)}

    def axes(old: Iterable[int]) -> frozenset[int]:
        return frozenset([place[k] for k in old if k in place])

    def access(old: Access) -> Access:
        return Access(tuple([old.strides[k] for k in order]), old.offset)

    nodes = []
    for node in fused.nodes:
        value, op = node.value, node.op
        if op in REDUCTIONS:
            value = axes(value)
            if not value:
                op, value = "same", None
        elif op == "index":
            if value in place:
                value = place[value]
            else:
                op, value = "const", 0
        nodes.append(Node(op, node.args, node.dtype, axes(node.axes), value))
    return Fused(
        tuple([fused.extents[k] for k in order]), rows, tuple(nodes), tuple([access(a) for a in fused.loads]),
        tuple([Store(store.node, access(store.access)) for store in fused.stores]),
    )  # fmt: skip


def _one_axis(fused: Fused, k: int) -> bool:
    """Whether axes k and k + 1 can be walked as one."""
    n = fused.extents[k + 1]
    for access in (*fused.loads, *[store.access for store in fused.stores]):
        if access.strides[k] != access.strides[k + 1] * n:
            return False
    for node in fused.nodes:
        if node.op == "index" and node.value in (k, k + 1):
            return False
        if node.op in REDUCTIONS and (k in node.value) != (k + 1 in node.value):
            return False
    return True


def _merged(fused: Fused, k: int) -> Fused:
    def axes(old: Iterable[int]) -> frozenset[int]:
        return frozenset([a if a <= k else a - 1 for a in old])

    def access(old: Access) -> Access:
        return Access((*old.strides[:k], *old.strides[k + 1 :]), old.offset)

    nodes = []
    for node in fused.nodes:
        value = node.value
        if node.op in REDUCTIONS:
            value = axes(value)
        elif node.op == "index" and value > k:
            value -= 1
        nodes.append(replace(node, axes=axes(node.axes), value=value))
    return Fused(
        (*fused.extents[:k], fused.extents[k] * fused.extents[k + 1], *fused.extents[k + 2 :]),
        fused.rows - (k < fused.rows), tuple(nodes), tuple([access(a) for a in fused.loads]),
        tuple([Store(store.node, access(store.access)) for store in fused.stores]),
    )  # fmt: skip


def is_wide(fused: Fused) -> bool:
    """Whether positions need 64 bits."""
    if prod(fused.extents) >= _NARROW:
        return True
    for access in (*fused.loads, *[store.access for store in fused.stores]):
        reach = sum([(n - 1) * abs(stride) for n, stride in zip(fused.extents, access.strides, strict=True)])
        if reach + abs(access.offset) >= _NARROW:
            return True
    return False


def vector_width(nest: Nest, inner: int | None) -> int:
    """Elements of the innermost axis that one thread takes at a time, so that its widest access is 16 bytes.

    1 if no array allows it: it must be contiguous along the axis, and all else a multiple of the width.
    """
    fused = nest.fused
    if inner is None:
        return 1
    accesses = [*zip(fused.loads, nest.loads, strict=True)]
    accesses += [(store.access, array) for store, array in zip(fused.stores, nest.stores, strict=True)]
    sizes = [array.dtype.np.itemsize for access, array in accesses if access.strides[inner] == 1 and not array.drawn]
    if not sizes:
        return 1
    small = min([size for size in sizes if size > 1], default=1)
    width = min(16 // small, 8)
    while width > 1:
        if any(is_vector(access, inner, width) for access, _ in accesses):
            return width
        width //= 2
    return 1


def is_vector(access: Access, inner: int, width: int) -> bool:
    """Whether `width` neighbours along an axis always lie in one aligned piece of memory."""
    return (
        access.strides[inner] == 1
        and access.offset % width == 0
        and all(stride % width == 0 for k, stride in enumerate(access.strides) if k != inner)
    )
