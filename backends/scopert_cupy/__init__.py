"""The CuPy backend: scoped graphs on a CUDA device, or on a host device that runs the same kernels."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import warnings
from typing import TYPE_CHECKING, cast

from scopert.backend import Backend, BackendSpec

if TYPE_CHECKING:
    from scopert_cupy.device import Device

#: ``host`` opens the host device instead of a card; tests and CI set it.
DEVICE_VARIABLE = "SCOPERT_CUPY_DEVICE"


def _probe() -> str | None:
    kind = os.environ.get(DEVICE_VARIABLE, "")
    if kind == "host":
        return _host_reason()
    if kind not in ("", "cuda"):
        return f"{DEVICE_VARIABLE}={kind!r} is neither 'cuda' nor 'host'"
    return _cuda_reason()


def _host_reason() -> str | None:
    from scopert_cupy.failures import DeviceError
    from scopert_cupy.host.builder import compiler

    try:
        compiler()
    except DeviceError as error:
        return str(error)
    return None


def _cuda_reason() -> str | None:
    """Why there is no card; whatever CuPy raises or warns of stays in here."""
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed: pip install 'scopert[cuda13]' (or cuda12)"
    if not _has_driver():  # CuPy takes a while to load, and would say the same
        return "No CUDA driver is installed on this machine."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from scopert_cupy.cuda import reason

            return reason()
    except Exception as error:  # a broken installation fails in many ways
        return f"CuPy cannot be used: {type(error).__name__}: {error}"


def _has_driver() -> bool:
    for name in ("libcuda.so.1", "libcuda.so", "nvcuda.dll"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _open(device: int) -> Backend:
    from scopert_cupy.backend import CupyBackend

    if os.environ.get(DEVICE_VARIABLE) == "host":
        from scopert_cupy.host.faulty import open_host

        if device:
            raise ValueError(f"there is one host device, 0; got device {device}")
        return CupyBackend(cast("Device", open_host()), device)
    from scopert_cupy.cuda import open_device

    return CupyBackend(open_device(device), device)


SPEC = BackendSpec("cupy", 10, _probe, _open, "CUDA devices, through generated kernels and CUDA graphs", numbered=True)

__all__ = ["SPEC"]
