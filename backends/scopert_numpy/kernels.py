"""Kernels that use more of NumPy than the generic ones may."""

from __future__ import annotations

from scopert.backend import Kernel
from scopert_numpy.along import ALONG
from scopert_numpy.bags import BAGS
from scopert_numpy.convolution import CONVOLUTIONS
from scopert_numpy.depthwise import DEPTHWISE
from scopert_numpy.into import INTO
from scopert_numpy.matmul import MATMULS
from scopert_numpy.optimizers import OPTIMIZERS
from scopert_numpy.pooling import POOLINGS
from scopert_numpy.random import RANDOM_NUMBERS
from scopert_numpy.segments import SEGMENTS
from scopert_numpy.unique import UNIQUE

KERNELS: tuple[Kernel, ...] = (
    *MATMULS, *CONVOLUTIONS, *DEPTHWISE, *POOLINGS, *OPTIMIZERS, *RANDOM_NUMBERS, *BAGS, *SEGMENTS, *UNIQUE, *ALONG,
    *INTO,
)  # fmt: skip

__all__ = ["KERNELS"]
