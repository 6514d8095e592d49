"""What stands before the functions of a module."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec


@cache
def preamble() -> str:
    """The prelude that all functions are written over."""
    if find_spec("scopert_cupy.prelude") is None:
        return ""
    return str(import_module("scopert_cupy.prelude").PRELUDE)
