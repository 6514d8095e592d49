"""Fused bodies as NumPy calls, one block of rows after the other, so that intermediate values stay in the cache.

A `Blocked` is made once: it chooses the block, gives nodes scratch memory, and writes down the calls. Calling it
only makes views of its arguments and runs them; nothing is allocated but outputs that were not given. Blocks are
shared by the threads of the pool; what is reduced over blocks is added up share by share, in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from scopert.backend import Access, Fused, Program, Step
from scopert_numpy.blocked_nodes import REDUCE, function, identity, simplified
from scopert_numpy.blocked_plan import Plan, plan
from scopert_numpy.blocked_rows import ROWS, row_call, with_row_calls
from scopert_numpy.bound import Call, Scratch, bound_calls
from scopert_numpy.threads import Pool, pool

#: Points times calls for which a thread more is worth its overhead.
_WORTH = 1 << 19
#: Bodies of so many points copy their inputs and outputs, so that all calls can be prepared.
_SMALL = 1 << 12

Index = tuple[slice, ...]
#: Which axes a view has; along the others its size is 1.
Mask = tuple[bool, ...]


class _Memory:
    """Scratch memory for one thread, with the views of it that blocks of each size use."""

    __slots__ = ("arrays", "shares", "values")

    def __init__(self, made: Plan, extents: Sequence[int]) -> None:
        shares = set(made.sums.values())
        whole = {made.slots[n] for n in (*made.sums, *made.after) if n in made.slots} - shares
        self.arrays = [
            np.empty(
                [size if k in axes else 1 for k, size in enumerate(extents if slot in whole else made.block)], dtype
            )
            for slot, (axes, dtype) in enumerate(made.scratch)
        ]
        self.values: dict[tuple[int, ...], list[Any]] = {}
        self.shares: dict[tuple[int, ...], dict[int, Any]] = {}


class _Prepared:
    """A small body bound to arrays of its own."""

    __slots__ = ("_calls", "_given", "_targets")

    def __init__(self, given: list[tuple[int, Any]], targets: list[Any], calls: list[Call]) -> None:
        self._given, self._calls = given, calls
        self._targets = [target.reshape(-1) for target in targets]

    def run(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """For these arrays, which it only copies from and to."""
        for number, array in self._given:
            array[...] = inputs[number]
        for call, arguments in self._calls:
            call(*arguments)
        for array, target in zip(outputs, self._targets, strict=True):
            array.reshape(-1)[...] = target


class Blocked:
    """``(*inputs, out=None) -> array, or tuple of arrays`` for a fused body.

    Parameters
    ----------
    fused : Fused
    outputs : sequence of (shape, NumPy dtype)
    threads : Pool
    held : mapping, optional
        Inputs, by position, that are the same arrays in every call.
    """

    def __init__(
        self, fused: Fused, outputs: Sequence[tuple[tuple[int, ...], Any]], threads: Pool,
        held: Mapping[int, Any] | None = None,
    ) -> None:  # fmt: skip
        self._shapes = tuple(outputs)
        self._held = dict(held or {})
        self._fused = fused = with_row_calls(simplified(fused))
        self._plan = plan(fused, threads.threads)
        self._pool = threads
        self._windows = [self._window_facts(access) for access in fused.loads]
        self._targets = [self._window_facts(store.access) for store in fused.stores]
        # Values that are the same in every run: numbers, and positions along an axis.
        self._numbers: list[Any] = [None] * len(fused.nodes)
        for n, node in enumerate(fused.nodes):
            if node.op == "const":
                self._numbers[n] = np.array(node.value, node.dtype.np)  # NumPy's own scalars take it twice as long
            elif node.op == "index":
                shape = [e if k == node.value else 1 for k, e in enumerate(fused.extents)]
                self._numbers[n] = np.arange(fused.extents[node.value], dtype=node.dtype.np).reshape(shape)
        self._first, self._each, self._last = self._calls()
        self._masks: dict[Mask, int] = {}
        self._loads = [
            (n, node.value, self._mask(self._windows[node.value][0]))
            for n, node in enumerate(fused.nodes)
            if node.op == "load"
        ]
        self._positions = [
            (n, self._mask(self._numbers[n].shape)) for n, node in enumerate(fused.nodes) if node.op == "index"
        ]
        self._stored = [self._mask(facts[0]) for facts in self._targets]
        self._sums = [(n, self._mask_of(n)) for n in self._plan.sums]
        self._blocks = self._cut()
        work = prod(fused.extents) * max(len(self._each), 1)
        self._grain = len(self._blocks) if work < 2 * _WORTH else max(1, len(self._blocks) * _WORTH // work)
        #: Scratch memory that no running call uses.
        self._free: list[_Memory] = []
        self._is_small = len(self._blocks) == 1 and prod(fused.extents) <= _SMALL
        self._prepared: list[_Prepared] = []

    def _window_facts(self, access: Access) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        extents = self._fused.extents
        shape = tuple([n if stride else 1 for n, stride in zip(extents, access.strides, strict=True)])
        return shape, access.strides, access.offset

    def _mask(self, shape: Sequence[int]) -> int:
        return self._masks.setdefault(tuple([n > 1 for n in shape]), len(self._masks))

    def _mask_of(self, n: int) -> int:
        axes = self._fused.nodes[n].axes
        return self._mask([size if k in axes else 1 for k, size in enumerate(self._fused.extents)])

    def _cut(self) -> list[tuple[tuple[int, ...], list[Index]]]:
        """For each block, its sizes and the index of views with each mask."""
        ranges = [
            [slice(start, min(start + b, n)) for start in range(0, n, b)]
            for n, b in zip(self._fused.extents, self._plan.block, strict=True)
        ]
        every = slice(None)
        return [
            (
                tuple([s.stop - s.start for s in block]),
                [tuple([s if has else every for s, has in zip(block, mask, strict=True)]) for mask in self._masks],
            )
            for block in product(*ranges)
        ]

    def _calls(self) -> tuple[list[Any], list[Any], list[Any]]:
        """(function, operands, result, reduced axes) before the blocks, in each, and after them."""
        first: list[Any] = []
        each: list[Any] = []
        last: list[Any] = []
        made = self._plan
        copies: dict[int, list[int]] = {}
        for output, store in enumerate(self._fused.stores):
            if made.direct.get(store.node) != output:
                copies.setdefault(store.node, []).append(output)
        for n, node in enumerate(self._fused.nodes):
            calls = first if n in made.once else last if n in made.after else each
            if node.op in REDUCE:
                ufunc = REDUCE[node.op]
                call = ufunc if n in made.sums else ufunc.reduce
                calls.append((call, node.args, n, tuple(sorted(node.value))))
            elif node.args:
                calls.append((row_call(node) if node.op in ROWS else function(node.op), node.args, n, None))
            for output in copies.get(n, ()):
                behind = last if n in made.sums or n in made.after else each
                behind.append((function("cast"), (n,), -1 - output, None))
        return first, each, last

    def __call__(self, *inputs: Any, out: Any = None) -> Any:
        single = len(self._shapes) == 1
        if out is None:
            outputs: Sequence[Any] = [np.empty(shape, dtype) for shape, dtype in self._shapes]
        else:
            outputs = (out,) if single else out
        if self._is_small:
            try:
                prepared = self._prepared.pop()
            except IndexError:
                prepared = self._prepare(inputs)
            prepared.run(inputs, outputs)
            self._prepared.append(prepared)
            return outputs[0] if single else tuple(outputs)
        loads = [_window(np.asarray(array), facts) for array, facts in zip(inputs, self._windows, strict=True)]
        stores = [_window(array, facts) for array, facts in zip(outputs, self._targets, strict=True)]
        memory = self._memory()
        self._run(loads, stores, memory)
        self._free.append(memory)
        return outputs[0] if single else tuple(outputs)

    def _prepare(self, inputs: Sequence[Any]) -> _Prepared:
        """All calls with arrays of their own: inputs are copied there, and outputs from there."""
        sources = [
            np.ascontiguousarray(self._held[n]) if n in self._held else np.array(array, order="C")
            for n, array in enumerate(inputs)
        ]
        targets = [np.empty(shape, dtype) for shape, dtype in self._shapes]
        calls = self.bound(sources, targets, Scratch())
        given = [(number, array) for number, array in enumerate(sources) if number not in self._held]
        return _Prepared(given, targets, calls)

    @property
    def is_one_block(self) -> bool:
        """Whether it is not cut, so that it can be bound to arrays."""
        return len(self._blocks) == 1

    def bound(self, inputs: Sequence[Any], outputs: Sequence[Any], scratch: Scratch) -> list[Call]:
        """The calls of its one block for these arrays."""
        loads = [_window(np.asarray(array), facts) for array, facts in zip(inputs, self._windows, strict=True)]
        stores = [_window(array, facts) for array, facts in zip(outputs, self._targets, strict=True)]
        return bound_calls(self._fused, self._plan, self._each, self._numbers, loads, stores, scratch)

    def _memory(self) -> _Memory:
        try:
            return self._free.pop()
        except IndexError:
            return _Memory(self._plan, self._fused.extents)

    def _whole(self, loads: Sequence[Any], stores: Sequence[Any], memory: _Memory) -> list[Any]:
        """The values of all nodes where nothing is cut into blocks."""
        whole = self._numbers.copy()
        for n, number, _ in self._loads:
            whole[n] = loads[number]
        for n, slot in self._plan.slots.items():
            whole[n] = memory.arrays[slot]
        for n, output in self._plan.direct.items():
            whole[n] = stores[output]
        return whole

    def _run(self, loads: Sequence[Any], stores: Sequence[Any], memory: _Memory) -> None:
        whole = self._whole(loads, stores, memory)
        if len(self._blocks) == 1:
            _compute(self._each, whole, stores, {})
            return
        _compute(self._first, whole, stores, {})
        shares: dict[int, _Memory] = {}

        def share(lo: int, hi: int) -> None:
            own = memory if lo == 0 else self._memory()
            shares[lo] = own
            with np.errstate(all="ignore"):
                totals = self._totals(whole, own, first=lo == 0)
                for block in self._blocks[lo:hi]:
                    self._run_block(block, whole, loads, stores, own, totals)

        self._pool.parallel_for(share, len(self._blocks), self._grain)
        for lo in sorted(shares):
            if lo:
                self._add(whole, shares[lo])
                self._free.append(shares[lo])
        _compute(self._last, whole, stores, {})

    def _totals(self, whole: list[Any], own: _Memory, first: bool) -> dict[int, Any]:
        """Where a thread adds up: the first one in the place of the result, the others in memory of their own."""
        totals: dict[int, Any] = {}
        for n, _ in self._sums:
            node = self._fused.nodes[n]
            total = whole[n]
            if not first:
                total = own.arrays[self._plan.slots[n]] if n in self._plan.slots else np.empty_like(total)
                own.shares.setdefault((), {})[n] = total
            total.fill(identity(node.op, node.dtype.np))
            totals[n] = total
        return totals

    def _add(self, whole: list[Any], other: _Memory) -> None:
        for n, _ in self._sums:
            REDUCE[self._fused.nodes[n].op](whole[n], other.shares[()][n], out=whole[n])

    def _run_block(
        self, block: tuple[tuple[int, ...], list[Index]], whole: list[Any], loads: Sequence[Any],
        stores: Sequence[Any], memory: _Memory, totals: dict[int, Any],
    ) -> None:  # fmt: skip
        sizes, indices = block
        if sizes not in memory.values:
            self._cut_memory(sizes, memory)
        here = memory.values[sizes].copy()
        for n in self._plan.once:
            here[n] = whole[n]
        for n, number, mask in self._loads:
            here[n] = loads[number][indices[mask]]
        for n, mask in self._positions:
            here[n] = self._numbers[n][indices[mask]]
        targets = [store[indices[mask]] for store, mask in zip(stores, self._stored, strict=True)]
        for n, output in self._plan.direct.items():
            here[n] = targets[output]
        for n, mask in self._sums:
            here[n] = totals[n][indices[mask]]
        _compute(self._each, here, targets, memory.shares[sizes])

    def _cut_memory(self, sizes: tuple[int, ...], memory: _Memory) -> None:
        """Views of scratch memory for blocks of one size."""
        cut = [
            array[tuple([slice(0, size) if n > 1 else slice(None) for size, n in zip(sizes, array.shape, strict=True)])]
            for array in memory.arrays
        ]
        values = self._numbers.copy()
        for n, slot in self._plan.slots.items():
            values[n] = cut[slot]
        memory.values[sizes] = values
        memory.shares[sizes] = {n: cut[slot] for n, slot in self._plan.sums.items()}


def _compute(calls: Sequence[Any], values: Sequence[Any], stores: Sequence[Any], shares: dict[int, Any]) -> None:
    for call, operands, result, axes in calls:
        out = values[result] if result >= 0 else stores[-1 - result]
        if axes is None:
            call(*[values[n] for n in operands], out=out)
        elif result in shares:
            share = shares[result]
            call.reduce(values[operands[0]], axes, None, share, True)
            call(out, share, out=out)
        else:
            call(values[operands[0]], axes, None, out, True)


def _window(array: Any, facts: tuple[tuple[int, ...], tuple[int, ...], int]) -> Any:
    """The elements of an array that an access touches."""
    shape, strides, offset = facts
    if not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    size = array.itemsize
    return np.ndarray(shape, array.dtype, array, offset * size, [stride * size for stride in strides])


def blocked(program: Program, step: Step) -> Blocked:
    """The callable of a FUSED step."""
    assert isinstance(step.body, Fused)
    values = [program.values[slot] for slot in step.outputs]
    held = {n: program.constants[slot] for n, slot in enumerate(step.inputs) if slot in program.constants}
    return Blocked(step.body, [(value.shape or (), value.dtype.np) for value in values], pool(), held)  # type: ignore[misc]
