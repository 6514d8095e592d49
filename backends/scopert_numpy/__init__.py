"""The NumPy backend: always there, and the reference for the others."""

from __future__ import annotations

from scopert.backend import Backend, BackendSpec


def _probe() -> str | None:
    return None


def _open(device: int) -> Backend:
    from scopert_numpy.backend import NumpyBackend

    return NumpyBackend(device)


SPEC = BackendSpec("numpy", 0, _probe, _open, "NumPy on the CPU")

__all__ = ["SPEC"]
