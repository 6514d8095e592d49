"""Arithmetic of sliding windows, shared by convolutions and poolings: output sizes and padding."""

from __future__ import annotations

from collections.abc import Sequence

Pads = tuple[int, int]


def effective_size(kernel: int, dilation: int) -> int:
    """Extent of a kernel of ``kernel`` taps that stand ``dilation`` apart."""
    return (kernel - 1) * dilation + 1


def output_size(
    size: int | None,
    kernel: int | None,
    stride: int,
    padding: str,
    dilation: int = 1,
    explicit: Pads = (0, 0),
) -> int | None:
    """Number of windows along one axis; None where a size that it needs is unknown.

    Raises
    ------
    ValueError
        If the window does not fit and the number would be negative.
    """
    if size is None or (kernel is None and padding != "SAME"):
        return None
    if padding == "SAME":
        return -(-size // stride)
    assert kernel is not None
    total = size + sum(explicit) if padding == "EXPLICIT" else size
    windows = (total - effective_size(kernel, dilation) + stride) // stride
    if windows < 0:
        extent = effective_size(kernel, dilation)
        raise ValueError(f"Negative dimension size caused by subtracting {extent} from {total}")
    return windows


def window_pads(
    size: int, kernel: int, stride: int, padding: str, dilation: int = 1, explicit: Pads = (0, 0)
) -> Pads:
    """Elements to add before and after an axis; SAME puts the odd one behind, as TensorFlow does."""
    if padding == "VALID":
        return (0, 0)
    if padding == "EXPLICIT":
        return explicit
    total = max((-(-size // stride) - 1) * stride + effective_size(kernel, dilation) - size, 0)
    return (total // 2, total - total // 2)


def pair_up(explicit: Sequence[int]) -> list[Pads]:
    """TF's flat ``explicit_paddings`` as one (before, after) pair per axis."""
    return list(zip(explicit[::2], explicit[1::2], strict=True))


def spatial_axes(data_format: str, rank: int) -> list[int]:
    """Positions of the spatial axes: behind the batch, and before or behind the channels."""
    return list(range(2, rank)) if data_format.startswith("NC") else list(range(1, rank - 1))


def channel_axis(data_format: str, rank: int) -> int:
    """Position of the channels."""
    return 1 if data_format.startswith("NC") else rank - 1
