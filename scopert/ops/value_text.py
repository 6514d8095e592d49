"""Arrays as text, as TensorFlow's Assert, Print and string formatting write them."""

from __future__ import annotations

from typing import Any

import numpy as np


def element_text(value: Any, quoted: bool) -> str:
    """One element; strings are escaped, and may be quoted."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return f'"{_escape(value)}"' if quoted else _escape(value)
    if isinstance(value, (bool, np.bool_)):
        return "1" if value else "0"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (complex, np.complexfloating)):
        return "?"
    return _float_text(float(value), not isinstance(value, (float, np.float64)))


def _float_text(value: float, single: bool) -> str:
    """The shortest of two precisions that gives the number back."""
    if np.isnan(value):
        return "nan"
    if np.isinf(value):
        return "inf" if value > 0 else "-inf"
    short, long = (6, 9) if single else (15, 17)
    text = f"{value:.{short}g}"
    kind = np.float32 if single else np.float64
    return text if kind(text) == kind(value) else f"{value:.{long}g}"


_ESCAPES = {10: "\\n", 13: "\\r", 9: "\\t", 34: '\\"', 39: "\\'", 92: "\\\\"}


def _escape(value: bytes) -> str:
    return "".join(_ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in value)


def summary(value: Any, most: int) -> str:
    """At most so many elements, all if negative, rows in brackets: what Assert and Print write."""
    array = _as_array(value)
    limit = array.size if most < 0 else min(most, array.size)
    flat = array.ravel()
    parts: list[str] = []
    if array.ndim == 0:
        parts = [element_text(item, quoted=False) for item in flat[:limit]]
        return " ".join(parts) + ("..." if array.size > limit else "")
    _add_rows(array.shape, 0, flat, limit, [0], parts)
    return "".join(parts) + ("..." if array.size > limit else "")


def _add_rows(
    shape: tuple[int, ...], axis: int, flat: Any, limit: int, done: list[int], parts: list[str]
) -> None:
    if done[0] >= limit:
        return
    if axis == len(shape) - 1:
        for number in range(shape[axis]):
            if done[0] >= limit:
                if axis:
                    parts.append("...")
                return
            if number:
                parts.append(" ")
            parts.append(element_text(flat[done[0]], quoted=False))
            done[0] += 1
        return
    for _ in range(shape[axis]):
        if done[0] >= limit:
            return
        parts.append("[")
        _add_rows(shape, axis + 1, flat, limit, done, parts)
        parts.append("]")


def ends_summary(value: Any, ends: int) -> str:
    """So many elements at both ends of each axis, all if negative: what tf.print writes."""
    array = _as_array(value)
    return _ends(array, 0, array.ndim, max(array.shape, default=0) if ends < 0 else ends)


def _ends(array: Any, axis: int, rank: int, ends: int) -> str:
    if axis == rank:
        return element_text(array, quoted=True)
    spacing = " " if axis == rank - 1 else "\n" * (rank - 1 - axis) + " " * (axis + 1)
    count = len(array)
    items = [_ends(item, axis + 1, rank, ends) for item in array[: min(ends, count)]]
    if count > 2 * ends:
        items.append("...")
    items += [_ends(item, axis + 1, rank, ends) for item in array[max(ends, count - ends) :]]
    return "[" + spacing.join(items) + "]"


def _as_array(value: Any) -> Any:
    if isinstance(value, (bytes, str)):
        array = np.empty((), object)
        array[()] = value
        return array
    return np.asarray(value)
