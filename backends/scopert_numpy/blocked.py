"""Fused bodies as NumPy calls, one block of rows after the other, so that intermediate values stay in the cache.

A `Blocked` is made once: it chooses the block, gives nodes scratch memory, and writes down the calls. Calling it
only makes views and runs them; nothing is allocated but outputs that were not given.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from scopert.backend import Access, Fused, Program, Step
from scopert_numpy.blocked_nodes import REDUCE, function, identity, simplified
from scopert_numpy.blocked_plan import plan

Index = tuple[slice, ...]


class Blocked:
    """``(*inputs, out=None) -> array, or tuple of arrays`` for a fused body.

    Parameters
    ----------
    fused : Fused
    outputs : sequence of (shape, NumPy dtype)
    """

    def __init__(self, fused: Fused, outputs: Sequence[tuple[tuple[int, ...], Any]]) -> None:
        self._shapes = tuple(outputs)
        self._fused = fused = simplified(fused)
        self._plan = plan(fused)
        self._loads = [(n, node.value) for n, node in enumerate(fused.nodes) if node.op == "load"]
        self._windows = [self._window_facts(access) for access in fused.loads]
        self._targets = [self._window_facts(store.access) for store in fused.stores]
        # Values that are the same in every run: numbers, and positions along an axis.
        self._numbers: list[Any] = [None] * len(fused.nodes)
        for n, node in enumerate(fused.nodes):
            if node.op == "const":
                self._numbers[n] = node.dtype.np.type(node.value)
            elif node.op == "index":
                shape = [e if k == node.value else 1 for k, e in enumerate(fused.extents)]
                self._numbers[n] = np.arange(fused.extents[node.value], dtype=node.dtype.np).reshape(shape)
        self._indexed = [n for n, node in enumerate(fused.nodes) if node.op == "index"]
        self._first, self._each, self._last = self._calls()
        ranges = [
            [slice(start, min(start + b, n)) for start in range(0, n, b)]
            for n, b in zip(fused.extents, self._plan.block, strict=True)
        ]
        self._blocks: list[Index] = list(product(*ranges))
        #: Scratch memory that no running call uses.
        self._free: list[list[Any]] = []

    def _window_facts(self, access: Access) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        extents = self._fused.extents
        shape = tuple([n if stride else 1 for n, stride in zip(extents, access.strides, strict=True)])
        return shape, access.strides, access.offset

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
                function_of = REDUCE[node.op]
                calls.append(
                    (function_of if n in made.sums else function_of.reduce, node.args, n, tuple(sorted(node.value)))
                )
            elif node.args:
                calls.append((function(node.op), node.args, n, None))
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
        loads = [_window(np.asarray(array), facts) for array, facts in zip(inputs, self._windows, strict=True)]
        stores = [_window(array, facts) for array, facts in zip(outputs, self._targets, strict=True)]
        try:
            scratch = self._free.pop()
        except IndexError:
            scratch = self._new_scratch()
        self._run(loads, stores, scratch)
        self._free.append(scratch)
        return outputs[0] if single else tuple(outputs)

    def _new_scratch(self) -> list[Any]:
        block, extents = self._plan.block, self._fused.extents
        shares = set(self._plan.sums.values())
        whole = {self._plan.slots[n] for n in (*self._plan.sums, *self._plan.after) if n in self._plan.slots}
        made = []
        for slot, (axes, dtype) in enumerate(self._plan.scratch):
            sizes = extents if slot in whole and slot not in shares else block
            made.append(np.empty([size if k in axes else 1 for k, size in enumerate(sizes)], dtype))
        return made

    def _run(self, loads: Sequence[Any], stores: Sequence[Any], scratch: list[Any]) -> None:
        made, nodes = self._plan, self._fused.nodes
        whole = self._numbers.copy()
        for n, number in self._loads:
            whole[n] = loads[number]
        for n, slot in made.slots.items():
            whole[n] = scratch[slot]
        for n, output in made.direct.items():
            whole[n] = stores[output]
        for n in made.sums:
            whole[n].fill(identity(nodes[n].op, nodes[n].dtype.np))
        _compute(self._first, whole, stores, {})
        if len(self._blocks) == 1:
            _compute(self._each, whole, stores, {})
        else:
            for index in self._blocks:
                self._run_block(index, whole, stores, scratch)
        _compute(self._last, whole, stores, {})

    def _run_block(self, index: Index, whole: Sequence[Any], stores: Sequence[Any], scratch: Sequence[Any]) -> None:
        made = self._plan
        here = list(whole)
        # Scratch memory begins at 0 in every block.
        local = tuple([slice(0, s.stop - s.start) for s in index])
        for n, _ in self._loads:
            here[n] = _part(whole[n], index)
        for n in self._indexed:
            here[n] = _part(whole[n], index)
        for n in made.slots:
            here[n] = _part(whole[n], index if n in made.sums else local) if n not in made.after else whole[n]
        for n in made.direct:
            here[n] = _part(whole[n], index)
        targets = [_part(store, index) for store in stores]
        shares = {n: _part(scratch[slot], local) for n, slot in made.sums.items()}
        _compute(self._each, here, targets, shares)


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


def _part(array: Any, index: Index) -> Any:
    """A block of an array that has size 1 along axes where it does not vary."""
    return array[tuple([s if n > 1 else slice(None) for s, n in zip(index, array.shape, strict=True)])]


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
    return Blocked(step.body, [(value.shape or (), value.dtype.np) for value in values])  # type: ignore[misc]
