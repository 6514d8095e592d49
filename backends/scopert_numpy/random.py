"""Random numbers of type float32 by machine code, where there is any: the bits of the generic kernels."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from scopert.backend import Kernel, Origin, as_dtype
from scopert.ops.random_distributions import normal, reserved_blocks, truncated_normal, uniform
from scopert.ops.random_stream import dimensions, reserve
from scopert_numpy.native import unavailable

_FLOAT = as_dtype("float32")


def _is_float(origin: Origin) -> bool:
    return origin.attrs["dtype"] is _FLOAT and unavailable() is None


def _kernels(op: str, kind: str, draw: Callable[..., Any]) -> list[Kernel]:
    def fill(shape: Any, origin: Any, context: Any, out: Any) -> Any:
        from scopert_numpy.native.random import fill

        sizes = dimensions(shape)
        count = prod(sizes)
        position = reserve(context, origin, reserved_blocks(count))
        made = np.empty(sizes, np.float32) if out is None else out
        if not fill(kind, position, made.reshape(-1)):
            made[...] = draw(np, position, count, np.float32).reshape(sizes)
        return made

    def new(xp: Any, shape: Any, *, op: Any, context: Any) -> Any:
        return fill(shape, op, context, None)

    def into(xp: Any, shape: Any, *, op: Any, context: Any, out: Any) -> Any:
        return fill(shape, op, context, out)

    return [Kernel(op, new, _is_float), Kernel(op, into, _is_float, out=True)]


RANDOM_NUMBERS: tuple[Kernel, ...] = (
    *_kernels("RandomUniform", "uniform", uniform),
    *_kernels("RandomStandardNormal", "normal", normal),
    *_kernels("TruncatedNormal", "truncated", truncated_normal),
)
