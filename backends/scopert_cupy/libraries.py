"""The libraries of a card: cuBLASLt for products, and cuDNN where it is installed, on the device's own stream.

What they can choose between is timed by the device's events.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cupy
from cupy.cuda import runtime

from scopert_cupy.cublaslt import CublasLt
from scopert_cupy.cublaslt.library import Library, load
from scopert_cupy.cudnn import Cudnn
from scopert_cupy.failures import DeviceError

if TYPE_CHECKING:
    from scopert_cupy.cuda import CudaDevice

_LOG = logging.getLogger("scopert")


class Products(CublasLt):
    """Plans and runs products on a `CudaDevice`, whose calls it is made and used in."""

    def __init__(self, device: CudaDevice) -> None:
        super().__init__(device, _library(), device.stream.ptr, _timer(device))


def operations(device: CudaDevice, cudnn: Any) -> Cudnn | None:
    """cuDNN for a device; None, and the reason in the log, if it cannot be had there."""
    try:
        return Cudnn(device, cudnn, device.stream.ptr, _timer(device))
    except DeviceError as error:
        _LOG.warning("%s: convolutions and attention are left to generated kernels", error)
        return None


def _timer(device: CudaDevice) -> Callable[[Callable[[], None]], float]:
    """Seconds that the device needs for what is put into its stream."""
    stream = device.stream

    def elapsed(work: Callable[[], None]) -> float:
        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        begin.record(stream)
        work()
        end.record(stream)
        end.synchronize()
        return float(cupy.cuda.get_elapsed_time(begin, end)) / 1000

    return elapsed


def _library() -> Library | None:
    """That of the CUDA version that CuPy was made for; None, and the reason in the log, if it is not there."""
    try:
        return load(runtime.runtimeGetVersion() // 1000)
    except DeviceError as error:
        _LOG.warning("%s", error)
        return None
