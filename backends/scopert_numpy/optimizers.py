"""Steps of optimizers in one pass over memory.

A rule of `scopert.ops.training_rules` is a chain of operations on whole arrays. It is run here with symbols, which
gives the loop over elements for machine code; without llvmlite, or where the rule looks at numbers, it is applied
block by block, so that what it makes between its operations stays in the cache.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert.backend import Kernel
from scopert.ops.training_ops import dense_kernels
from scopert_numpy.threads import pool

Array = Any
Rule = Callable[..., None]

#: Elements of a block: what a rule makes between its operations stays in the cache.
BLOCK = 1 << 14
# Elements per thread from which on a second one pays.
_GRAIN = 1 << 16
#: Types that are updated in blocks.
SUPPORTED = frozenset({np.dtype(np.float32), np.dtype(np.float64)})

_found: dict[tuple[Any, ...], Any] = {}
_lock = threading.Lock()


def apply(rule: Rule, xp: Any, views: list[Array], others: Sequence[Any], flags: dict[str, bool]) -> None:
    """``rule(xp, *views, *others, **flags)`` over blocks of elements."""
    shape, dtype = views[0].shape, views[0].dtype
    if dtype not in SUPPORTED or not all(view.flags.c_contiguous and view.dtype == dtype for view in views):
        rule(xp, *views, *others, **flags)
        return
    flat = [view.reshape(-1) for view in views]
    # Arrays of the variable's shape go with it element by element, all others are numbers.
    full = tuple([isinstance(item, np.ndarray) and item.shape == shape and item.ndim > 0 for item in others])
    rest = [item.reshape(-1) if each else item for item, each in zip(others, full, strict=True)]
    machine = compiled(rule, len(views), full, dtype, flags)
    if machine is not None:
        machine(flat, rest)
        return

    def part(lo: int, hi: int) -> None:
        with np.errstate(all="ignore"):
            for start in range(lo, hi, BLOCK):
                block = slice(start, min(start + BLOCK, hi))
                mine = [item[block] if each else item for item, each in zip(rest, full, strict=True)]
                rule(np, *[view[block] for view in flat], *mine, **flags)

    pool().parallel_for(part, flat[0].size, _GRAIN)


def compiled(rule: Rule, states: int, full: tuple[bool, ...], dtype: Any, flags: dict[str, bool]) -> Any:
    """The rule as machine code (see `Elementwise`); None where there is none."""
    key = (rule, states, full, dtype, tuple(flags.items()))
    try:
        return _found[key]
    except KeyError:
        pass
    from scopert_numpy.native import unavailable

    made = None
    if unavailable() is None and any(full):
        from scopert_numpy.native.flat import elementwise

        with _lock:
            made = elementwise(rule, states, full, dtype, flags)
    _found[key] = made
    return made


OPTIMIZERS: tuple[Kernel, ...] = tuple([Kernel(op, kernel) for op, kernel in dense_kernels(apply).items()])

__all__ = ["BLOCK", "OPTIMIZERS", "SUPPORTED", "apply", "compiled"]
