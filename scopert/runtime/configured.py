"""What a session's configuration chooses: the backend, and which passes programs go through."""

from __future__ import annotations

import os
from typing import cast

from scopert.backend import Backend, DeviceBackend
from scopert.errors import InvalidArgumentError
from scopert.runtime.backends import open_backend
from scopert.runtime.options import ConfigProto, OptimizerOptions


def optimizes(config: ConfigProto) -> bool:
    """Whether programs go through the passes: ``opt_level=L0`` and ``SCOPERT_OPTIMIZE=0`` say no."""
    level = config.graph_options.optimizer_options.opt_level
    return level != OptimizerOptions.L0 and os.environ.get("SCOPERT_OPTIMIZE", "1") != "0"


def fuses(config: ConfigProto) -> bool:
    """Whether operations are fused into loops: unless ``global_jit_level=OFF`` or ``SCOPERT_JIT=0`` say no."""
    level = config.graph_options.optimizer_options.global_jit_level
    if level == OptimizerOptions.DEFAULT:
        return os.environ.get("SCOPERT_JIT", "1") != "0"
    return bool(level > OptimizerOptions.DEFAULT)


def backend_for(config: ConfigProto, name: str | None) -> Backend:
    """The backend of this name, or the one that the configuration or the environment asks for, with its options."""
    asked = name or config.backend or None
    if asked is None and config.device_count.get("GPU", 1) == 0:
        asked = "numpy"
    visible = config.gpu_options.visible_device_list
    device = None
    if visible:
        try:
            device = int(visible.split(",")[0])
        except ValueError:
            raise InvalidArgumentError(
                None, None, f"Could not parse entry in 'visible_device_list': {visible!r}"
            ) from None
    backend = open_backend(asked, device)
    if backend.capabilities.device_memory:
        _use_gpu_options(config, cast(DeviceBackend, backend))
    return backend


def _use_gpu_options(config: ConfigProto, backend: DeviceBackend) -> None:
    options = config.gpu_options
    if options.experimental.use_unified_memory:
        raise NotImplementedError("GPUOptions.experimental.use_unified_memory: variables and arenas are device memory")
    if options.allocator_type not in ("", "BFC"):
        raise NotImplementedError(f"GPUOptions.allocator_type {options.allocator_type!r}: there is one way to allocate")
    fraction = options.per_process_gpu_memory_fraction
    if not 0 <= fraction <= 1:
        raise InvalidArgumentError(None, None, f"per_process_gpu_memory_fraction must be in [0, 1], got {fraction}")
    if fraction:
        backend.limit_memory(fraction)
