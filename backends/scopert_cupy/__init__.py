"""The CuPy backend: scoped graphs on a CUDA device, or on a host device that runs the same kernels."""

from __future__ import annotations

import os

from scopert.backend import Backend, BackendSpec

#: ``host`` opens the host device instead of a card; tests and CI set it.
DEVICE_VARIABLE = "SCOPERT_CUPY_DEVICE"


def _probe() -> str | None:
    kind = os.environ.get(DEVICE_VARIABLE, "")
    if kind == "host":
        from scopert_cupy.host.builder import reason
    elif kind in ("", "cuda"):
        from scopert_cupy.cuda import reason
    else:
        return f"{DEVICE_VARIABLE}={kind!r} is neither 'cuda' nor 'host'"
    return reason()


def _open(device: int) -> Backend:
    from scopert_cupy.backend import CupyBackend

    if os.environ.get(DEVICE_VARIABLE) == "host":
        from scopert_cupy.host.device import open_device
    else:
        from scopert_cupy.cuda import open_device
    return CupyBackend(open_device(device), device)


SPEC = BackendSpec("cupy", 10, _probe, _open, "CUDA devices, through generated kernels and CUDA graphs")

__all__ = ["SPEC"]
