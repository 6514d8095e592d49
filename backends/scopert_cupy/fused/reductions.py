"""What kernels with reductions share: what is computed when, accumulators, and the second pass over partial results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from scopert.backend import Access, Fused, Node, as_dtype
from scopert.program.expression import REDUCTIONS, Store
from scopert_cupy.command import Operand
from scopert_cupy.fused.space import Array, Nest
from scopert_cupy.fused.text import Lines, Values
from scopert_cupy.prelude import computed

#: Where one piece of scratch ends the next begins at a multiple of this.
ALIGNMENT = 256


def aligned(nbytes: int) -> int:
    """The next multiple of the alignment."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


def closure(fused: Fused, targets: Iterable[int], given: Iterable[int] = ()) -> set[int]:
    """The nodes that these need, themselves among them; what is `given` needs nothing."""
    known, found, waiting = set(given), set[int](), list(targets)
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            if number not in known:
                waiting.extend(fused.nodes[number].args)
    return found


def reduced(fused: Fused) -> list[int]:
    """The reductions of a body."""
    return [number for number, node in enumerate(fused.nodes) if node.op in REDUCTIONS]


def accumulators(write: Lines, fused: Fused, numbers: Sequence[int], width: int) -> None:
    """Declares ``a<number>``: a partial result for each neighbour."""
    for number in numbers:
        node = fused.nodes[number]
        kind = computed(node.dtype)
        write(f"{kind} a{number}[{width}];")
        with write.block(f"for (int v = 0; v < {width}; ++v)", unrolled=True):
            write(f"a{number}[v] = sc_{node.op}::identity<{kind}>();")


def accumulate(write: Lines, values: Values, number: int, lane: str) -> None:
    """Adds the value at the current point."""
    node = values.fused.nodes[number]
    value = values(write, node.args[0])
    write(f"a{number}[{lane}] = sc_{node.op}::of(a{number}[{lane}], {value});")


def folded(write: Lines, fused: Fused, number: int, width: int) -> str:
    """Makes one partial result of those of all neighbours, in ``a<number>[0]``."""
    op = fused.nodes[number].op
    step = width // 2
    while step:
        for v in range(step):
            write(f"a{number}[{v}] = sc_{op}::of(a{number}[{v}], a{number}[{v + step}]);")
        step //= 2
    return f"a{number}[0]"


@dataclass(frozen=True, slots=True)
class Partials:
    """Results of parts of the space, which a second kernel makes one: arrays ``[parts, *rows]`` in scratch.

    Attributes
    ----------
    parts : int
    arrays : tuple of Array
        One for each stored reduction.
    stores : tuple of int
        The stores of the nest that they are for.
    nbytes : int
        Scratch in all, from `begin` on.
    """

    parts: int
    arrays: tuple[Array, ...]
    stores: tuple[int, ...]
    nbytes: int


def partials(nest: Nest, parts: int, begin: int) -> Partials:
    """Places the partial results of a nest all of whose reductions are stored only."""
    fused = nest.fused
    rows = prod(fused.extents[: fused.rows])
    arrays, stores = [], []
    at = begin
    for k, store in enumerate(fused.stores):
        node = fused.nodes[store.node]
        if node.op in REDUCTIONS:
            dtype = as_dtype(np.float32) if node.dtype.is_floating and node.dtype.size == 2 else node.dtype
            arrays.append(Array(Operand("scratch", 0, at), dtype))
            stores.append(k)
            at += aligned(parts * rows * dtype.np.itemsize)
    return Partials(parts, tuple(arrays), tuple(stores), at - begin)


def second_pass(nest: Nest, made: Partials) -> Nest:
    """The reduction of partial results: an axis of parts before the rows, to be reduced."""
    fused = nest.fused
    extents = (made.parts, *fused.extents[: fused.rows])
    strides = [prod(extents[k + 1 :]) for k in range(len(extents))]
    every = frozenset([k for k, n in enumerate(extents) if n > 1])
    nodes: list[Node] = []
    stores: list[Store] = []
    for number, (array, k) in enumerate(zip(made.arrays, made.stores, strict=True)):
        store = fused.stores[k]
        op = fused.nodes[store.node].op
        nodes.append(Node("load", (), array.dtype, every, number))
        nodes.append(Node(op, (len(nodes) - 1,), array.dtype, every - {0}, frozenset({0})))
        stores.append(Store(len(nodes) - 1, Access((0, *store.access.strides[: fused.rows]), store.access.offset)))
    loads = (Access(tuple(strides)),) * len(made.arrays)
    body = Fused(extents, 0, tuple(nodes), loads, tuple(stores))
    return Nest(body, made.arrays, tuple([nest.stores[k] for k in made.stores]))
