"""Kernels that use more of NumPy than the generic ones may."""

from __future__ import annotations

from scopert.backend import Kernel
from scopert_numpy.segments import SEGMENTS

KERNELS: tuple[Kernel, ...] = (*SEGMENTS,)

__all__ = ["KERNELS"]
