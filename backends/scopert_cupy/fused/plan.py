"""From a body to kernels: which parts of it one kernel does, and in which order they run.

Results that are used again in the body are reductions over its columns: one kernel does these, and all that is stored
at points (`rows`). Reductions over other axes are kernels of their own, one for each set of axes; where nothing is used
again, the last of them also stores what is stored at points. What is stored at points is written last, since it
may lie where an input lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from scopert.backend import Access, Fused, as_dtype
from scopert.program.expression import REDUCTIONS, Store
from scopert_cupy.command import Command, Operand
from scopert_cupy.fused.across import emit_across, parts_across
from scopert_cupy.fused.maps import emit_map
from scopert_cupy.fused.reductions import aligned, closure, partials, reduced, second_pass
from scopert_cupy.fused.rows import emit_rows, parts_of_rows
from scopert_cupy.fused.space import Array, Nest, arranged, columns_of, consumed, inner_axis, picked
from scopert_cupy.fused.text import Unsupported

#: Reductions that one kernel makes at most: their accumulators are registers and shared memory.
_TOGETHER = 16


@dataclass
class Kernels:
    """Commands so far, and the scratch memory that they use.

    Parameters
    ----------
    limit : int
        Bytes of shared memory that a block may have.
    wide : bool
        Count in 64 bits in any case.
    scratch : int
        Bytes.
    """

    limit: int
    wide: bool = False
    scratch: int = 0
    commands: list[Command] = field(default_factory=list)

    def take(self, nbytes: int) -> int:
        """A place in scratch memory."""
        begin = self.scratch
        self.scratch += aligned(nbytes)
        return begin

    def add(self, nest: Nest) -> None:
        """The kernels of a body.

        Raises
        ------
        Unsupported
            If no kernel is written for it.
        """
        fused = nest.fused
        if 0 in fused.extents:
            if any(fused.nodes[store.node].op in REDUCTIONS for store in fused.stores):
                raise Unsupported("a reduction over nothing")
            return
        every = range(len(fused.extents))
        nest = picked(nest, range(len(fused.stores)))
        nest = arranged(nest, every[: fused.rows], every[fused.rows :])
        if consumed(nest.fused):
            self._consuming(nest)
        else:
            self._stored(nest)

    def _stored(self, nest: Nest) -> None:
        """A body whose reductions are only stored."""
        groups, points = _groups(nest.fused, set())
        if not groups:
            self.commands.append(emit_map(nest, self.wide))
            return
        for number, group in enumerate(groups):
            self._group(nest, [*group, *(points if number == len(groups) - 1 else ())])

    def _group(self, nest: Nest, stores: Sequence[int], split: bool = True) -> None:
        """Stores that are reductions over the same axes, or stand at points."""
        part = picked(nest, stores)
        axes = next(iter([part.fused.nodes[n].value for n in reduced(part.fused)]))
        every = range(len(part.fused.extents))
        inner = inner_axis(part.fused, every)
        along = inner is None or inner in axes
        part = arranged(part, [k for k in every if k not in axes], axes)
        if not part.fused.rows:
            along = True
        parts = (parts_of_rows if along else parts_across)(part) if split else 1
        made = partials(part, parts, self.scratch) if parts > 1 else None
        if made is not None:
            self.scratch += made.nbytes
        if along:
            self.commands.append(emit_rows(part, self.limit, self.wide, made))
        else:
            self.commands.append(emit_across(part, self.wide, made))
        if made is not None:
            second = second_pass(part, made)
            self._group(second, range(len(second.fused.stores)), split=False)

    def _consuming(self, nest: Nest) -> None:
        """A body that uses reductions over its columns."""
        fused = nest.fused
        used = consumed(fused)
        columns = columns_of(fused)
        if any(fused.nodes[n].value != columns for n in used):
            raise Unsupported("a reduction that is not over the columns is used")
        groups, rest = _groups(fused, {n for n in reduced(fused) if fused.nodes[n].value == columns})
        needed: set[int] = set()
        for group in groups:
            needed |= closure(fused, [fused.nodes[fused.stores[k].node].args[0] for k in group], used) & used
        handed = self._handed(nest, sorted(needed))
        first = _with_stores(picked_for(nest, rest), nest, handed)
        self.commands.append(emit_rows(first, self.limit, self.wide))
        after = _with_loads(nest, handed)
        for group in groups:
            self._group(after, group)

    def _handed(self, nest: Nest, numbers: Sequence[int]) -> dict[int, Array]:
        """Scratch memory for the reductions that later kernels use."""
        rows = prod(nest.fused.extents[: nest.fused.rows])
        handed = {}
        for number in numbers:
            dtype = nest.fused.nodes[number].dtype
            if dtype.is_floating and dtype.size == 2:
                dtype = as_dtype(np.float32)
            handed[number] = Array(Operand("scratch", 0, self.take(rows * dtype.np.itemsize)), dtype)
        return handed


def _groups(fused: Fused, others: set[int]) -> tuple[list[list[int]], list[int]]:
    """Stores by the axes that they reduce, and those that stand at points or belong to `others`."""
    by_axes: dict[frozenset[int], list[int]] = {}
    points = []
    for k, store in enumerate(fused.stores):
        node = fused.nodes[store.node]
        if node.op in REDUCTIONS and store.node not in others:
            by_axes.setdefault(node.value, []).append(k)
        else:
            points.append(k)
    groups = []
    for stores in by_axes.values():
        groups += [stores[k : k + _TOGETHER] for k in range(0, len(stores), _TOGETHER)]
    return groups, points


def picked_for(nest: Nest, stores: Sequence[int]) -> Nest:
    """The same nodes with some of the stores."""
    fused = replace(nest.fused, stores=tuple([nest.fused.stores[k] for k in stores]))
    return Nest(fused, nest.loads, tuple([nest.stores[k] for k in stores]))


def _row_access(fused: Fused) -> Access:
    """Of a contiguous array with an element for each row."""
    strides = [0] * len(fused.extents)
    step = 1
    for k in reversed(range(fused.rows)):
        strides[k] = step
        step *= fused.extents[k]
    return Access(tuple(strides))


def _with_stores(part: Nest, nest: Nest, handed: dict[int, Array]) -> Nest:
    """A part of a nest that also stores what is handed on; without what nobody needs."""
    access = _row_access(nest.fused)
    stores = (*part.fused.stores, *[Store(number, access) for number in handed])
    made = Nest(replace(part.fused, stores=stores), part.loads, (*part.stores, *handed.values()))
    return picked(made, range(len(stores)))


def _with_loads(nest: Nest, handed: dict[int, Array]) -> Nest:
    """The nest with reductions loaded instead of computed."""
    fused = nest.fused
    nodes = list(fused.nodes)
    for place, number in enumerate(handed):
        nodes[number] = replace(nodes[number], op="load", args=(), value=len(fused.loads) + place)
    access = _row_access(fused)
    made = replace(fused, nodes=tuple(nodes), loads=(*fused.loads, *[access] * len(handed)))
    return Nest(made, (*nest.loads, *handed.values()), nest.stores)
