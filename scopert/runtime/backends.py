"""Which backends there are, and which one is used."""

from __future__ import annotations

import importlib
import importlib.metadata
import threading

from scopert.backend import Backend, BackendSpec

GROUP = "scopert.backends"
_BUILT_IN = {"numpy": "scopert_numpy:SPEC", "null": "scopert_null:SPEC"}

_lock = threading.RLock()
_opened: dict[tuple[str, int], Backend] = {}


def default_backend() -> Backend:
    """The NumPy backend."""
    with _lock:
        found = _opened.get(("numpy", 0))
        if found is None:
            spec: BackendSpec = importlib.import_module("scopert_numpy").SPEC
            found = _opened["numpy", 0] = spec.open(0)
        return found
