"""TOGETHER steps: the updates of many variables by one rule as one pass over their blocks.

Where variables and gradients lie is written down once, and looked up again when an array is another one than in the
last run.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import is_
from typing import Any

import numpy as np

from scopert.backend import Step, StepFailed, Together
from scopert.ops.training_ops import FULL, Update, update_of
from scopert_numpy.block_rules import BLOCK
from scopert_numpy.optimizers import SUPPORTED, compiled, on_blocks
from scopert_numpy.threads import pool

Array = Any
#: Elements of a unit of work of machine code, and for which another thread is worth its overhead in NumPy.
_UNIT, _GRAIN = 1 << 16, 1 << 16


def together(step: Step, bind: Callable[[Step], Callable[..., Any]]) -> Callable[..., Any]:
    """The callable of a TOGETHER step, to be called with the session's `write_lock` held; `bind` makes a member's."""
    assert isinstance(step.body, Together)
    members = step.body.members
    one_by_one = _OneByOne(members, [bind(member) for member in members])
    update = update_of(members[0].op)
    return one_by_one if update is None else _Joint(members, update, one_by_one)


class _OneByOne:
    """Runs the members one after the other."""

    def __init__(self, members: Sequence[Step], functions: Sequence[Callable[..., Any]]) -> None:
        self._members, self._functions = members, functions

    def __call__(self, *inputs: Any) -> Any:
        made: list[Any] = []
        at = 0
        for member, function in zip(self._members, self._functions, strict=True):
            mine = inputs[at : at + len(member.inputs)]
            at += len(member.inputs)
            try:
                output = function(*mine)
            except Exception as error:
                raise StepFailed(member, mine) from error
            if member.outputs:
                made.append(output)
        return made[0] if len(made) == 1 else tuple(made)


class _Joint:
    """Runs the rule over all members' blocks, which the threads share."""

    def __init__(self, members: Sequence[Step], update: Update, one_by_one: _OneByOne) -> None:
        width, states, first = len(update.names), update.states, members[0]
        self._update, self._one_by_one, self._count = update, one_by_one, len(members)
        self._flags = {name: first.origin.attrs[name] for name in update.flags}
        self._full = tuple([name in FULL for name in update.names[states:]])
        self._scalars = [states + number for number, full in enumerate(self._full) if not full]
        arrays = [states + number for number, full in enumerate(self._full) if full]
        self._refs = [width * k + index for k in range(len(members)) for index in range(states)]
        self._others = [width * k + index for k in range(len(members)) for index in arrays]
        self._outputs = [] if update.resource else [width * k for k in range(len(members))]
        self._seen: list[weakref.ref[Any]] = []
        self._work: Callable[[Sequence[Array], Sequence[Any]], None] | None = None

    def __call__(self, *inputs: Any) -> Any:
        arrays = [inputs[k].write_view() if inputs[k].initialized else None for k in self._refs]
        arrays += [inputs[k] for k in self._others]
        if not self._seen or not all(map(is_, arrays, [seen() for seen in self._seen])):
            self._work = self._prepared(arrays)
            # Weak ones: a gradient that is not in a workspace must not live on until the next run.
            self._seen = [] if self._work is None else [weakref.ref(array) for array in arrays]
        if self._work is None:
            return self._one_by_one(*inputs)
        self._work(arrays, [inputs[index] for index in self._scalars])
        return tuple([inputs[k] for k in self._outputs])

    def _prepared(self, arrays: Sequence[Any]) -> Callable[[Sequence[Array], Sequence[Any]], None] | None:
        """What changes these arrays; None if one of them is wrong, or unusual: the members' kernels know what to do."""
        states, count = self._update.states, self._count
        views, others = arrays[: states * count], arrays[states * count :]
        more = len(others) // count
        rows = [[*views[k * states : (k + 1) * states], *others[k * more : (k + 1) * more]] for k in range(count)]
        dtype = getattr(arrays[0], "dtype", None)
        if dtype not in SUPPORTED or not more:
            return None
        for row in rows:
            for array in row:
                usual = isinstance(array, np.ndarray) and array.dtype == dtype and array.flags.c_contiguous
                if not usual or array.shape != row[0].shape:
                    return None
        machine = compiled(self._update.rule, states, self._full, dtype, self._flags)
        if machine is None:
            return _Blocks(self._update, self._full, self._flags, dtype, [row[0].size for row in rows])
        made: Callable[[Sequence[Array], Sequence[Any]], None] = machine.over(rows, _UNIT)
        return made


class _Blocks:
    """NumPy calls over views of blocks."""

    def __init__(self, update: Update, full: Sequence[bool], flags: dict[str, bool], dtype: Any, sizes: Any) -> None:
        self._run = on_blocks(update.rule, update.states, full, dtype, flags)
        self._states, self._count = update.states, len(sizes)
        self._blocks = [
            (k, slice(start, min(start + BLOCK, size)))
            for k, size in enumerate(sizes)
            for start in range(0, size, BLOCK)
        ]
        # Where the blocks of each share end: a share has those that end in its part of all elements.
        shares = max(1, min(pool().threads, sum(sizes) // _GRAIN))
        ends = accumulate([where.stop - where.start for _, where in self._blocks])
        self._ends = [0, *[0] * shares]
        for number, end in enumerate(ends, 1):
            share = -(-end * shares // max(sum(sizes), 1))
            self._ends[share:] = [number] * (shares + 1 - share)

    def __call__(self, arrays: Sequence[Array], scalars: Sequence[Any]) -> None:
        states, count, run = self._states, self._count, self._run(scalars)
        flat = [array.reshape(-1) for array in arrays]
        more, first = len(flat) // count - states, states * count

        def part(lo: int, hi: int) -> None:
            with np.errstate(all="ignore"):
                for k, where in self._blocks[self._ends[lo] : self._ends[hi]]:
                    mine = flat[k * states : (k + 1) * states]
                    mine += flat[first + k * more : first + (k + 1) * more]
                    run([array[where] for array in mine])

        pool().parallel_for(part, len(self._ends) - 1)
