"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.compat.gradient_checker import compute_gradient as compute_gradient
from scopert.compat.gradient_checker import compute_gradient_error as compute_gradient_error
from scopert.runtime.devices import gpu_device_name as gpu_device_name
from scopert.runtime.devices import is_built_with_cuda as is_built_with_cuda
from scopert.runtime.devices import is_gpu_available as is_gpu_available

__all__ = [
    "compute_gradient",
    "compute_gradient_error",
    "gpu_device_name",
    "is_built_with_cuda",
    "is_gpu_available",
]
