"""Distinct numbers in the order in which they first appear, in machine code where there is any."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.backend import DType, Kernel, generic_kernel
from scopert_numpy.native import unavailable

Array = Any
# Below so many, sorting is as quick.
_FEW = 32


def _distinct(x: Array) -> tuple[Array, Array] | None:
    if x.size < _FEW or unavailable() is not None:
        return None
    from scopert_numpy.native.distinct import distinct

    return distinct(x)


def _unique(xp: Any, x: Array, *, out_idx: DType) -> Any:
    found = _distinct(x)
    if found is None:
        return _GENERIC["Unique"](xp, x, out_idx=out_idx)
    return found[0], found[1].astype(out_idx.np, copy=False)


def _unique_with_counts(xp: Any, x: Array, *, out_idx: DType) -> Any:
    found = _distinct(x)
    if found is None:
        return _GENERIC["UniqueWithCounts"](xp, x, out_idx=out_idx)
    values, index = found
    counts = np.bincount(index, minlength=len(values))
    return values, index.astype(out_idx.np, copy=False), counts.astype(out_idx.np, copy=False)


_GENERIC = {op: generic_kernel(op) for op in ("Unique", "UniqueWithCounts")}

UNIQUE: tuple[Kernel, ...] = (Kernel("Unique", _unique), Kernel("UniqueWithCounts", _unique_with_counts))

__all__ = ["UNIQUE"]
