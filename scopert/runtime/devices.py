"""The names under which TensorFlow programs know the device of a backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scopert.backend import Backend
from scopert.graph.device import DeviceSpec
from scopert.public import public
from scopert.runtime.backends import backend_report, open_backend

_TASK = "/job:localhost/replica:0/task:0"


@dataclass(frozen=True, slots=True)
class DeviceAttributes:
    """A device: its full name, ``CPU`` or ``GPU``, and how much memory it may use (0: not limited)."""

    name: str
    device_type: str
    memory_limit_bytes: int = 0
    incarnation: int = 0


def session_devices(backend: Backend, cpus: int = 1) -> list[DeviceAttributes]:
    """The devices of a session on this backend."""
    found = [DeviceAttributes(f"{_TASK}/device:CPU:{index}", "CPU") for index in range(max(cpus, 1))]
    if backend.capabilities.device_memory:
        found.append(DeviceAttributes(f"{_TASK}/device:GPU:0", "GPU"))
    return found


def exists(device: str, devices: list[DeviceAttributes]) -> bool:
    """Whether a device that an operation asks for, perhaps in part, is one of these."""
    asked = DeviceSpec.from_string(device)
    for attributes in devices:
        have = DeviceSpec.from_string(attributes.name)
        if all(
            getattr(asked, part) in (None, getattr(have, part))
            for part in ("job", "replica", "task", "device_type", "device_index")
        ):
            return True
    return False


@public("devices")
def devices() -> list[DeviceAttributes]:
    """The devices that a session uses by default.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.devices()[0].device_type
    'CPU'
    """
    return session_devices(open_backend())


@public("test.is_gpu_available")
def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether sessions use a GPU by default.

    Parameters
    ----------
    cuda_only : bool
        All GPUs here are CUDA devices.
    min_cuda_compute_capability : (int, int), optional
        Not supported.

    Raises
    ------
    NotImplementedError
        If a compute capability is asked for.
    """
    if min_cuda_compute_capability is not None:
        raise NotImplementedError("is_gpu_available(min_cuda_compute_capability=...): backends do not tell it")
    return backend_report().used is not None and open_backend().capabilities.device_memory


@public("test.gpu_device_name")
def gpu_device_name() -> str:
    """``/device:GPU:0`` if sessions use a GPU by default, else the empty string."""
    return "/device:GPU:0" if is_gpu_available() else ""


@public("test.is_built_with_cuda")
def is_built_with_cuda() -> bool:
    """Whether sessions use a CUDA device by default."""
    return is_gpu_available()
