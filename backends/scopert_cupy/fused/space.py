"""The space of a body as kernels walk it: few axes, in the order of memory.

A `Nest` is a body together with the memory of its loads and stores. Kernels are printed from nests; the plan
(:mod:`scopert_cupy.fused.plan`) cuts a nest into several where one kernel cannot do it all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

from scopert.backend import Access, DType, Fused
from scopert.program.expression import REDUCTIONS, Store
from scopert.program.space import with_axes, with_joined_axes
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
    return replace(nest, fused=with_joined_axes(with_axes(fused, [*order[0], *order[1]], len(order[0]))))


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
