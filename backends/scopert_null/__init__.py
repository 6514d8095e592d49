"""The null backend: shapes and no numbers, for planning and for tests of everything around a run."""

from __future__ import annotations

from scopert.backend import Backend, BackendSpec


def _probe() -> str | None:
    return None


def _open(device: int) -> Backend:
    from scopert_null.backend import NullBackend

    return NullBackend(device)


# A negative priority is never chosen unless it is asked for by name.
SPEC = BackendSpec("null", -100, _probe, _open, "computes shapes, no numbers; used only when asked for by name")

__all__ = ["SPEC"]
