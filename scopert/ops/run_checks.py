"""What a kernel checks of its inputs where no shape was known before the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.ops.window import Pads, effective_size


def require(condition: bool, message: str) -> None:
    """Raises InvalidArgumentError unless `condition` holds; the run adds the operation."""
    if not condition:
        raise InvalidArgumentError(None, None, message)


def require_rank(x: Any, rank: int, name: str) -> None:
    """An array must have this many axes."""
    require(x.ndim == rank, f"{name} must be {rank}-dimensional, got shape {list(x.shape)}")


def require_vector(x: Any, length: int, name: str) -> None:
    """An array must be a vector of this length: broadcasting would hide a mistake."""
    require(x.shape == (length,), f"{name} must be a vector of length {length}, got shape {list(x.shape)}")


def require_windows(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[Pads]
) -> None:
    """Windows must fit, or miss by less than a stride: then there are none."""
    for size, k, stride, dilation, (before, after) in zip(sizes, kernel, strides, dilations, pads, strict=True):
        extent = effective_size(k, dilation)
        windows = (size + before + after - extent + stride) // stride
        require(
            windows >= 0,
            f"Computed output size would be negative: {windows} [input_size: {size}, effective_filter_size: {extent}, "
            f"stride: {stride}]",
        )
