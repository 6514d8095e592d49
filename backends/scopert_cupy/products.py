"""Matrix products of a card: cuBLASLt on the device's own stream, timed by its events."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import cupy
from cupy.cuda import runtime

from scopert_cupy.cublaslt import CublasLt
from scopert_cupy.cublaslt.library import Library, load
from scopert_cupy.failures import DeviceError

if TYPE_CHECKING:
    from scopert_cupy.cuda import CudaDevice

_LOG = logging.getLogger("scopert")


class Products(CublasLt):
    """Plans and runs products on a `CudaDevice`, whose calls it is made and used in."""

    def __init__(self, device: CudaDevice) -> None:
        stream = device.stream

        def elapsed(work: Callable[[], None]) -> float:
            begin, end = cupy.cuda.Event(), cupy.cuda.Event()
            begin.record(stream)
            work()
            end.record(stream)
            end.synchronize()
            return float(cupy.cuda.get_elapsed_time(begin, end)) / 1000

        super().__init__(device, _library(), stream.ptr, elapsed)


def _library() -> Library | None:
    """That of the CUDA version that CuPy was made for; None, and the reason in the log, if it is not there."""
    try:
        return load(runtime.runtimeGetVersion() // 1000)
    except DeviceError as error:
        _LOG.warning("%s", error)
        return None
