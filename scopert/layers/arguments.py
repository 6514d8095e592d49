"""Checking the arguments that layers over images have in common."""

from __future__ import annotations

from typing import Any


def int_tuple(value: Any, n: int, name: str) -> tuple[int, ...]:
    """``n`` integers, from as many or from one.

    Raises
    ------
    ValueError
        If there are more or fewer, or they are no integers.
    """
    if isinstance(value, int):
        return (value,) * n
    complaint = f"The `{name}` argument must be a tuple of {n} integers. Received: {value}"
    try:
        values = tuple(value)
    except TypeError:
        raise ValueError(complaint) from None
    if len(values) != n:
        raise ValueError(complaint)
    for single in values:
        try:
            int(single)
        except (ValueError, TypeError):
            raise ValueError(f"{complaint} including element {single} of type {type(single)}") from None
    return values


def check_data_format(value: Any) -> str:
    """``channels_last`` or ``channels_first``.

    Raises
    ------
    ValueError
        If it is neither.
    """
    found = "channels_last" if value is None else str(value).lower()
    if found not in ("channels_first", "channels_last"):
        raise ValueError(
            f'The `data_format` argument must be one of "channels_first", "channels_last". Received: {value}'
        )
    return found


def check_padding(value: Any) -> str:
    """``valid`` or ``same``.

    Raises
    ------
    ValueError
        If it is neither.
    """
    found = str(value).lower()
    if found not in ("valid", "same"):
        raise ValueError(
            f'The `padding` argument must be a list/tuple or one of "valid", "same" (or "causal", only for `Conv1D). '
            f"Received: {found}"
        )
    return found


def op_format(data_format: str, spatial: int) -> str:
    """TensorFlow's name of a layout: ``NWC``, ``NCHW``, ..."""
    axes = {1: "W", 2: "HW", 3: "DHW"}[spatial]
    return f"N{axes}C" if data_format == "channels_last" else f"NC{axes}"


def window_length(size: int | None, kernel: int, padding: str, stride: int, dilation: int = 1) -> int | None:
    """How many windows fit along an axis."""
    if size is None:
        return None
    length = size if padding == "same" else size - (kernel - 1) * dilation
    return -(-length // stride)


def spread_length(size: Any, kernel: int, padding: str, stride: int) -> Any:
    """How long a transposed convolution makes an axis; None stays None."""
    if size is None:
        return None
    size = size * stride
    return size + max(kernel - stride, 0) if padding == "valid" else size
