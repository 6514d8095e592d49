"""``tf.compat.as_bytes`` and its kin."""

from __future__ import annotations

import numbers
import os
from typing import Any

import numpy as np

from scopert.public import export, public


@public("compat.as_bytes")
def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """A string as bytes.

    Raises
    ------
    TypeError
        If it is neither a string nor bytes.
    """
    if isinstance(bytes_or_text, bytearray):
        return bytes(bytes_or_text)
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


@public("compat.as_text", "compat.as_str")
def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Bytes as a string; see `as_bytes`."""
    return as_bytes(bytes_or_text, encoding).decode(encoding)


@public("compat.as_str_any")
def as_str_any(value: Any) -> str:
    """Anything as a string; bytes are decoded."""
    return as_text(value) if isinstance(value, bytes) else str(value)


@public("compat.path_to_str")
def path_to_str(path: Any) -> Any:
    """A path object as a string; anything else as it is."""
    return as_str_any(os.fspath(path)) if hasattr(path, "__fspath__") else path


#: Python's and NumPy's numbers, for `isinstance`.
integral_types = (numbers.Integral, np.integer)
real_types = (numbers.Real, np.integer, np.floating)
complex_types = (numbers.Complex, np.number)
bytes_or_text_types = (bytes, str)
for _name in ("integral_types", "real_types", "complex_types", "bytes_or_text_types"):
    export(__name__, _name, f"compat.{_name}")
