"""Kernels that use more of NumPy than the generic ones may."""

from __future__ import annotations

from scopert.backend import Kernel

KERNELS: tuple[Kernel, ...] = ()

__all__ = ["KERNELS"]
