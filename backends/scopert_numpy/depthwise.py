"""Depthwise convolutions: machine code where there is any, else the generic kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scopert.backend import Kernel, Origin
from scopert.ops import convolution_kernels as generic
from scopert.ops.nn_depthwise import backward_filter, backward_input, forward, kernel_of
from scopert_numpy.native import unavailable

Array = Any
Pads = tuple[int, int]


def _run(kind: str, arrays: Sequence[Array], image: Sequence[int], out: Sequence[int], taps: Sequence[int],
         strides: Sequence[int], dilations: Sequence[int], pads: Sequence[Pads]) -> bool:  # fmt: skip
    from scopert_numpy.native import depthwise

    before = [pad[0] for pad in pads]
    return depthwise.run(kind, arrays, image, out, taps, strides, dilations, before)


def _contiguous(*arrays: Array) -> list[Array]:
    return [np.ascontiguousarray(array) for array in arrays]


class _Fast:
    """`convolution_kernels`, by machine code; several filters a channel see the channel repeated."""

    @staticmethod
    def depthwise(
        xp: Any, x: Array, w: Array, strides: Sequence[int], dilations: Sequence[int], pads: Sequence[Pads]
    ) -> Array:
        *kernel, depth, multiplier = w.shape
        out = generic.count_windows(x.shape[1:-1], kernel, strides, dilations, pads)
        seen = np.repeat(x, multiplier, axis=-1) if multiplier != 1 else x
        arrays = _contiguous(seen, w)
        made = np.empty((x.shape[0], *out, depth * multiplier), x.dtype)
        if _run("forward", (*arrays, made), seen.shape, out, kernel, strides, dilations, pads):
            return made
        return generic.depthwise(xp, x, w, strides, dilations, pads)

    @staticmethod
    def depthwise_grad_input(
        xp: Any, sizes: Sequence[int], w: Array, dy: Array, strides: Sequence[int], dilations: Sequence[int],
        pads: Sequence[Pads],
    ) -> Array:  # fmt: skip
        *kernel, depth, multiplier = w.shape
        shape = (*[int(n) for n in sizes[:-1]], depth * multiplier)
        made = np.empty(shape, dy.dtype)
        if not _run("input", (*_contiguous(w, dy), made), shape, dy.shape[1:-1], kernel, strides, dilations, pads):
            return generic.depthwise_grad_input(xp, sizes, w, dy, strides, dilations, pads)
        return made if multiplier == 1 else made.reshape(*shape[:-1], depth, multiplier).sum(axis=-1)

    @staticmethod
    def depthwise_grad_filter(
        xp: Any, x: Array, sizes: Sequence[int], dy: Array, strides: Sequence[int], dilations: Sequence[int],
        pads: Sequence[Pads],
    ) -> Array:  # fmt: skip
        *kernel, _, multiplier = [int(n) for n in sizes]
        seen = np.repeat(x, multiplier, axis=-1) if multiplier != 1 else x
        made = np.empty([int(n) for n in sizes], dy.dtype)
        arrays = (*_contiguous(seen, dy), made)
        if _run("filter", arrays, seen.shape, dy.shape[1:-1], kernel, strides, dilations, pads):
            return made
        return generic.depthwise_grad_filter(xp, x, sizes, dy, strides, dilations, pads)


def _has_code(origin: Origin) -> bool:
    return origin.output_dtypes[0].np in (np.float32, np.float64) and unavailable() is None


DEPTHWISE: tuple[Kernel, ...] = (
    Kernel("DepthwiseConv2dNative", kernel_of(forward, _Fast), _has_code),
    Kernel("DepthwiseConv2dNativeBackpropInput", kernel_of(backward_input, _Fast), _has_code),
    Kernel("DepthwiseConv2dNativeBackpropFilter", kernel_of(backward_filter, _Fast), _has_code),
)
