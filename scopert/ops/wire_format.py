"""Protocol buffers' format, as far as examples of training data need it.

A message is a sequence of fields, each a key ``number << 3 | kind`` and a value; kind 0 is a variable-length integer,
1 eight bytes, 2 a length and bytes, 5 four bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5
WORD = (1 << 64) - 1


class DecodeError(Exception):
    """Bytes that are no message of the wanted type."""


def varint(value: int) -> bytes:
    made = bytearray()
    value &= WORD
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise DecodeError("Error parsing message: a truncated or too long integer")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value & WORD, at


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | BYTES) + varint(len(data)) + data


def fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Number, kind and value of each field."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = read_varint(data, at)
            yield number, kind, value
            continue
        if kind == BYTES:
            size, at = read_varint(data, at)
        elif kind in (FOUR, EIGHT):
            size = 4 if kind == FOUR else 8
        else:
            raise DecodeError(f"Error parsing message: a field of kind {kind}")
        if at + size > len(data):
            raise DecodeError("Error parsing message: it ends inside a field")
        yield number, kind, data[at : at + size]
        at += size


def int64s(data: bytes) -> list[int]:
    """The integers of a packed list."""
    values, at = [], 0
    while at < len(data):
        word, at = read_varint(data, at)
        values.append(signed(word))
    return values


def signed(word: int) -> int:
    """Eight bytes as a number with a sign."""
    return word - (1 << 64) if word >> 63 else word


def float32s(data: bytes) -> list[float]:
    """The floats of a packed list."""
    if len(data) % 4:
        raise DecodeError("Error parsing message: floats of a broken length")
    values: list[float] = np.frombuffer(data, "<f4").tolist()
    return values


def _list_of(kind: str, data: bytes) -> list[Any]:
    values: list[Any] = []
    for number, form, value in fields(data):
        if number != 1:
            continue
        if kind == "string" and form == BYTES:
            values.append(value)
        elif kind == "float32" and form in (BYTES, FOUR):
            values += float32s(value)
        elif kind == "int64" and form in (BYTES, VARINT):
            values += int64s(value) if form == BYTES else [signed(value)]
    return values


_KINDS = {1: "string", 2: "float32", 3: "int64"}


def read_example(data: bytes) -> dict[str, tuple[str, list[Any]]]:
    """The features of a serialized example: the name of each one's type, and its values.

    A feature without a list is left out.

    Raises
    ------
    DecodeError
        If the bytes are no example.
    """
    found: dict[str, tuple[str, list[Any]]] = {}
    for number, form, features in fields(data):
        if number != 1 or form != BYTES:
            continue
        for inner, inner_form, entry in fields(features):
            if inner != 1 or inner_form != BYTES:
                continue
            parts = {part: content for part, kind, content in fields(entry) if kind == BYTES}
            name = parts.get(1, b"").decode()
            found.pop(name, None)
            for kind, kind_form, content in fields(parts.get(2, b"")):
                if kind in _KINDS and kind_form == BYTES:
                    before = found.get(name, ("", []))
                    values = _list_of(_KINDS[kind], content)
                    found[name] = (_KINDS[kind], before[1] + values if before[0] == _KINDS[kind] else values)
    return found
