"""Machine code for fused loops on the CPU, by LLVM (the extra ``cpu``). See ``docs/native.md``."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scopert_numpy.native.engine import Engine


def unavailable() -> str | None:
    """Why there is no machine code here; None if there is. ``SCOPERT_NATIVE=0`` turns it off."""
    return "SCOPERT_NATIVE=0 turns it off" if os.environ.get("SCOPERT_NATIVE", "1") == "0" else _missing()


@cache
def _missing() -> str | None:
    if find_spec("llvmlite") is None:
        return "llvmlite is not installed (pip install scopert[cpu])"
    try:
        from scopert_numpy.native import jit

        jit.host()
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return f"llvmlite cannot be used: {error}"
    return None


def open_engine(threads: int | None = None) -> Engine | None:
    """An engine that shares work among `threads` threads (default: the cores available).

    Returns
    -------
    Engine or None
        None where `unavailable` says why.
    """
    if unavailable() is not None:
        return None
    from scopert_numpy.native.engine import Engine
    from scopert_numpy.threads import pool

    return Engine(pool(threads))
