"""Applying Python functions to the elements of string tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def as_text(value: Any) -> str:
    """An attribute or element as text."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def as_bytes(value: Any) -> bytes:
    """An attribute or element as bytes."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8")


def map_elements(function: Callable[..., Any], dtype: Any, *inputs: Any) -> Any:
    """``function`` of the elements of `inputs`, broadcast, as an array of `dtype`; a scalar if they are."""
    arrays = np.broadcast_arrays(*(_as_array(item) for item in inputs))
    made = np.empty(arrays[0].shape, dtype)
    flat = made.reshape(-1)
    for index, items in enumerate(zip(*(array.ravel().tolist() for array in arrays), strict=True)):
        flat[index] = function(*items)
    return made if made.ndim else made[()]


def map_strings(function: Callable[..., bytes], *inputs: Any) -> Any:
    """The same for functions that give strings."""
    return map_elements(function, object, *inputs)


def _as_array(value: Any) -> Any:
    if isinstance(value, (bytes, str)):
        array = np.empty((), object)
        array[()] = as_bytes(value)
        return array
    return np.asarray(value)
