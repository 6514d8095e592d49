"""Reading the arguments that convolutions and poolings have in common."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any

import numpy as np


def spatial_sequence(value: Any, n: int, channel_axis: int, name: str) -> list[int]:
    """A number, ``n`` numbers or ``n + 2`` numbers as one per axis, batch and channels included.

    Raises
    ------
    ValueError
        If there are neither 1, ``n`` nor ``n + 2`` of them.
    """
    if value is None:
        value = [1]
    elif not isinstance(value, Sized):
        value = [value]
    values = list(value)
    if len(values) == n + 2:
        return values
    if len(values) == 1:
        values *= n
    elif len(values) != n:
        raise ValueError(f"{name} should be of length 1, {n} or {n + 2} but was {len(values)}")
    return [1, 1, *values] if channel_axis == 1 else [1, *values, 1]


def padding_attrs(padding: Any) -> dict[str, Any]:
    """``padding`` and ``explicit_paddings`` from a name or from four pairs.

    Raises
    ------
    ValueError
        If the pairs are not four, or explicit padding is asked for by name.
    """
    if isinstance(padding, (list, tuple)):
        for k, pair in enumerate(padding):
            size = len(pair) if isinstance(pair, (list, tuple)) else None
            if size != 2:
                raise ValueError(
                    "When padding is a list, each element of padding must be a list/tuple of size 2. Element with "
                    f"index {k} of padding {'is not a list/tuple' if size is None else f'has size {size}'}"
                )
        if len(padding) != 4:
            raise ValueError(f"When padding is a list, it must be of size 4. Got padding of size: {len(padding)}")
        return {"padding": "EXPLICIT", "explicit_paddings": [int(n) for pair in padding for n in pair]}
    if padding == "EXPLICIT":
        raise ValueError(
            '"EXPLICIT" is not a valid value for the padding parameter. To use explicit padding, the padding '
            "parameter must be a list."
        )
    return {"padding": padding}


def one_of(name: str, value: Any, old_name: str, old_value: Any) -> Any:
    """An argument that has a new and an old name.

    Raises
    ------
    ValueError
        If both were given.
    """
    if value is not None and old_value is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{name}'")
    return old_value if value is None else value


def strides_and_rates(
    n: int, strides: Sequence[int] | None, rates: Sequence[int] | None
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Strides and dilation rates, ones by default, as vectors of ``n`` positive int32.

    Raises
    ------
    ValueError
        If there are not ``n``, one is not positive, or both strides and rates exceed one.
    """
    checked = []
    for name, values in (("dilation_rate", rates), ("strides", strides)):
        values = [1] * n if values is None else values
        if len(values) != n:
            raise ValueError(f"len({name})={len(values)} but should be {n}")
        array = np.array(values, dtype=np.int32)
        if (array < 1).any():
            raise ValueError(f"all values of {name} must be positive")
        checked.append(array)
    rate, stride = checked
    if (stride > 1).any() and (rate > 1).any():
        raise ValueError("strides > 1 not supported in conjunction with dilation_rate > 1")
    return stride, rate
