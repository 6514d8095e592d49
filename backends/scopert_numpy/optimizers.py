"""Steps of optimizers in one pass over memory.

A rule of `scopert.ops.training_rules` is a chain of operations on whole arrays. It is run here with symbols, which
gives the loop over elements for machine code; without llvmlite it becomes NumPy calls over blocks (`block_rules`), and
where the rule looks at numbers it is applied block by block, so that what it makes between its operations stays in the
cache.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scopert.backend import Kernel
from scopert.ops.training_ops import dense_kernels, sparse_kernels
from scopert_numpy.block_rules import BLOCK, BlockRule
from scopert_numpy.native import unavailable
from scopert_numpy.threads import pool
from scopert_numpy.tracing import Untraceable

Array = Any
Rule = Callable[..., None]

# Elements per thread from which on a second one pays.
_GRAIN = 1 << 16
#: Types that are updated in blocks.
SUPPORTED = frozenset({np.dtype(np.float32), np.dtype(np.float64)})

_found: dict[tuple[Any, ...], Any] = {}
_by_rows: dict[tuple[Any, ...], Any] = {}
_on_blocks: dict[tuple[Any, ...], Any] = {}
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
    numbers = [item for item, each in zip(rest, full, strict=True) if not each]
    run = on_blocks(rule, len(views), full, dtype, flags)(numbers)
    arrays = [*flat, *[item for item, each in zip(rest, full, strict=True) if each]]

    def part(lo: int, hi: int) -> None:
        with np.errstate(all="ignore"):
            for start in range(lo, hi, BLOCK):
                block = slice(start, min(start + BLOCK, hi))
                run([array[block] for array in arrays])

    pool().parallel_for(part, flat[0].size, _GRAIN)


def compiled(rule: Rule, states: int, full: tuple[bool, ...], dtype: Any, flags: dict[str, bool]) -> Any:
    """The rule as machine code (see `Elementwise`); None where there is none."""
    if unavailable() is not None or not any(full):
        return None
    key = (rule, states, full, dtype, tuple(flags.items()))
    if key not in _found:
        from scopert_numpy.native.flat import elementwise

        with _lock:
            _found[key] = elementwise(rule, states, full, dtype, flags)
    return _found[key]


def on_blocks(
    rule: Rule, states: int, full: Sequence[bool], dtype: Any, flags: dict[str, bool]
) -> Callable[[Sequence[Any]], Callable[[Sequence[Array]], None]]:
    """``f(numbers)(arrays)`` applies the rule to contiguous blocks: the variables, then the others that are arrays."""
    key = (rule, states, tuple(full), dtype, tuple(flags.items()))
    with _lock:
        if key not in _on_blocks:
            try:
                _on_blocks[key] = BlockRule(rule, states, full, dtype, flags).prepared
            except Untraceable:
                _on_blocks[key] = _itself(rule, states, tuple(full), flags)
        found: Callable[[Sequence[Any]], Callable[[Sequence[Array]], None]] = _on_blocks[key]
        return found


def _itself(rule: Rule, states: int, full: Sequence[bool], flags: dict[str, bool]) -> Any:
    def prepared(given: Sequence[Any]) -> Callable[[Sequence[Array]], None]:
        def run(arrays: Sequence[Array]) -> None:
            more, numbers = iter(arrays[states:]), iter(given)
            rule(np, *arrays[:states], *[next(more if each else numbers) for each in full], **flags)

        return run

    return prepared


def apply_rows(
    rule: Rule, xp: Any, views: list[Array], indices: Array, others: Sequence[Any], flags: dict[str, bool]
) -> bool:
    """Applies a rule to rows of the views, one index after the other; false where there is no machine code for it."""
    var, dtype = views[0], views[0].dtype
    if unavailable() is not None or dtype not in SUPPORTED or not var.ndim or not var.size:
        return False
    if not all(view.flags.c_contiguous and view.dtype == dtype and view.shape == var.shape for view in views):
        return False
    full = tuple([isinstance(item, np.ndarray) and item.ndim > 0 for item in others])
    if sum(full) != 1:
        return False
    key = (rule, len(views), full, dtype, indices.dtype, tuple(flags.items()))
    if key not in _by_rows:
        from scopert_numpy.native.row_updates import row_rule

        with _lock:
            _by_rows[key] = row_rule(rule, len(views), full, dtype, indices.dtype, flags)
    machine = _by_rows[key]
    if machine is None:
        return False
    if indices.size:
        arrays = [np.ascontiguousarray(item, dtype) if each else item for item, each in zip(others, full, strict=True)]
        machine(views, np.ascontiguousarray(indices), arrays)
    return True


OPTIMIZERS: tuple[Kernel, ...] = (
    *[Kernel(op, kernel) for op, kernel in dense_kernels(apply).items()],
    *[Kernel(op, kernel) for op, kernel in sparse_kernels(apply_rows).items()],
)
