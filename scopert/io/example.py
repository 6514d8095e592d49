"""The messages in which training data is stored: ``tf.train.Example`` and its parts, in protocol buffers' format.

Written here, so that reading and writing data needs no protobuf package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar

import numpy as np

from scopert.ops.wire_format import BYTES, FOUR, VARINT, field, fields, float32s, int64s, signed, varint
from scopert.public import public

M = TypeVar("M", bound="Message")


class Message:
    """What all messages can do."""

    def SerializeToString(self, deterministic: bool | None = None) -> bytes:
        """The message in bytes; the same content always gives the same."""
        raise NotImplementedError

    def MergeFromString(self, data: bytes) -> int:
        """Adds what the bytes say.

        Raises
        ------
        DecodeError
            If they are no message of this type.
        """
        raise NotImplementedError

    def Clear(self) -> None:
        """Forgets all content."""
        self.__init__()  # type: ignore[misc]

    def ParseFromString(self, data: bytes) -> int:
        """Replaces the content by what the bytes say; returns their number."""
        self.Clear()
        return self.MergeFromString(data)

    @classmethod
    def FromString(cls: type[M], data: bytes) -> M:
        """The message that the bytes say."""
        made = cls()
        made.MergeFromString(data)
        return made

    def CopyFrom(self, other: Message) -> None:
        """Takes over the content of a message of the same type."""
        self.ParseFromString(other.SerializeToString())

    def MergeFrom(self, other: Message) -> None:
        """Adds the content of a message of the same type."""
        self.MergeFromString(other.SerializeToString())

    def ByteSize(self) -> int:
        """How many bytes `SerializeToString` gives."""
        return len(self.SerializeToString())

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.SerializeToString() == other.SerializeToString()

    __hash__ = None  # type: ignore[assignment]


class _Values(list[Any]):
    """The values of a list message; each is checked as it comes in."""

    def __init__(self, check: Callable[[Any], Any]) -> None:
        super().__init__()
        self._check = check

    def append(self, value: Any) -> None:
        super().append(self._check(value))

    def extend(self, values: Iterable[Any]) -> None:
        super().extend(self._check(value) for value in values)

    def __setitem__(self, index: Any, value: Any) -> None:
        checked = [self._check(one) for one in value] if isinstance(index, slice) else self._check(value)
        super().__setitem__(index, checked)


class _ListMessage(Message):
    _check: ClassVar[Any]

    def __init__(self, value: Iterable[Any] = ()) -> None:
        self.value = _Values(type(self)._check)
        self.value.extend(value)

    def __repr__(self) -> str:
        return "".join(f"value: {_quoted(one) if isinstance(one, bytes) else one}\n" for one in self.value)


def _quoted(data: bytes) -> str:
    """Bytes as text formats of messages write them."""
    escapes = {9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 39: "\\'", 92: "\\\\"}
    shown = (escapes.get(byte, chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in data)
    return f'"{"".join(shown)}"'


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    raise TypeError(f"{value!r} has type {type(value).__name__}, but expected one of: bytes")


def _as_float(value: Any) -> float:
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        return float(np.float32(value))
    raise TypeError(f"{value!r} has type {type(value).__name__}, but expected one of: int, float")


def _as_int64(value: Any) -> int:
    if not isinstance(value, (bool, int, np.integer, np.bool_)):
        raise TypeError(f"{value!r} has type {type(value).__name__}, but expected one of: int")
    number = int(value)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f"Value out of range: {number}")
    return number


@public("train.BytesList")
class BytesList(_ListMessage):
    """A list of bytes: ``BytesList(value=[b"..."])``."""

    _check = staticmethod(_as_bytes)

    def SerializeToString(self, deterministic: bool | None = None) -> bytes:
        """The message in bytes."""
        return b"".join(field(1, one) for one in self.value)

    def MergeFromString(self, data: bytes) -> int:
        """Appends the values that the bytes say."""
        self.value.extend(value for number, kind, value in fields(data) if number == 1 and kind == BYTES)
        return len(data)


@public("train.FloatList")
class FloatList(_ListMessage):
    """A list of 32-bit floats: ``FloatList(value=[1.5])``."""

    _check = staticmethod(_as_float)

    def SerializeToString(self, deterministic: bool | None = None) -> bytes:
        """The message in bytes."""
        return field(1, np.array(self.value, "<f4").tobytes()) if self.value else b""

    def MergeFromString(self, data: bytes) -> int:
        """Appends the values that the bytes say."""
        for number, kind, value in fields(data):
            if number == 1 and kind in (BYTES, FOUR):
                list.extend(self.value, float32s(value))
        return len(data)


@public("train.Int64List")
class Int64List(_ListMessage):
    """A list of 64-bit integers: ``Int64List(value=[1])``."""

    _check = staticmethod(_as_int64)

    def SerializeToString(self, deterministic: bool | None = None) -> bytes:
        """The message in bytes."""
        return field(1, b"".join(map(varint, self.value))) if self.value else b""

    def MergeFromString(self, data: bytes) -> int:
        """Appends the values that the bytes say."""
        for number, kind, value in fields(data):
            if number != 1 or kind not in (BYTES, VARINT):
                continue
            list.extend(self.value, int64s(value) if kind == BYTES else [signed(value)])
        return len(data)


_KINDS: dict[str, tuple[int, type[_ListMessage]]] = {
    "bytes_list": (1, BytesList), "float_list": (2, FloatList), "int64_list": (3, Int64List)
}  # fmt: skip


@public("train.Feature")
class Feature(Message):
    """One list of values: of bytes, floats or integers.

    Parameters
    ----------
    bytes_list : BytesList, optional
    float_list : FloatList, optional
    int64_list : Int64List, optional
        At most one; the last one that is touched remains.
    """

    def __init__(self, bytes_list: Any = None, float_list: Any = None, int64_list: Any = None) -> None:
        self._kind: str | None = None
        self._list: _ListMessage | None = None
        for kind, given in (("bytes_list", bytes_list), ("float_list", float_list), ("int64_list", int64_list)):
            if given is not None:
                self._get(kind).CopyFrom(given)

    def _get(self, kind: str) -> Any:
        if self._kind != kind or self._list is None:
            # Reading a list that is not set gives an empty one; that counts once it has values.
            if self._list is not None and self._list.value:
                return _KINDS[kind][1]()
            self._kind, self._list = kind, _KINDS[kind][1]()
        return self._list

    @property
    def bytes_list(self) -> Any:
        """The bytes; empty if the feature has another kind."""
        return self._get("bytes_list")

    @property
    def float_list(self) -> Any:
        """The floats; empty if the feature has another kind."""
        return self._get("float_list")

    @property
    def int64_list(self) -> Any:
        """The integers; empty if the feature has another kind."""
        return self._get("int64_list")

    def WhichOneof(self, name: str) -> str | None:
        """Which list is set, for the name ``kind``.

        Raises
        ------
        ValueError
            For any other name.
        """
        if name != "kind":
            raise ValueError(f'Protocol message has no oneof "{name}" field.')
        return self._kind

    def HasField(self, name: str) -> bool:
        """Whether this list is set."""
        return self._kind == name

    def SerializeToString(self, deterministic: bool | None = None) -> bytes:
        """The message in bytes."""
        if self._kind is None or self._list is None:
            return b""
        return field(_KINDS[self._kind][0], self._list.SerializeToString())

    def MergeFromString(self, data: bytes) -> int:
        """Adds what the bytes say."""
        kinds = {number: kind for kind, (number, _) in _KINDS.items()}
        for number, form, value in fields(data):
            if number in kinds and form == BYTES:
                if self._kind != kinds[number] or self._list is None:
                    self._kind, self._list = kinds[number], _KINDS[kinds[number]][1]()
                self._list.MergeFromString(value)
        return len(data)

    def __repr__(self) -> str:
        return f"{self._kind} {{\n{_indent(self._list)}}}\n" if self._kind else ""


def _indent(message: Any) -> str:
    text = message if isinstance(message, str) else repr(message)
    return "".join(f"  {line}\n" for line in text.splitlines())


class _Map(dict[str, Any]):
    """Messages by name; a name that is not there gets an empty one when it is looked up."""

    def __init__(self, kind: type[Message]) -> None:
        super().__init__()
        self._kind = kind

    def __missing__(self, key: str) -> Any:
        made = self[key] = self._kind()
        return made

    def serialized(self) -> bytes:
        """The entries in the order of their names."""
        made = b""
        for key in sorted(self):
            made += field(1, field(1, key.encode()) + field(2, self[key].SerializeToString()))
        return made

    def merge(self, data: bytes) -> None:
        for number, form, value in fields(data):
            if number != 1 or form != BYTES:
                continue
            parts = {part: content for part, kind, content in fields(value) if kind == BYTES}
            self[parts.get(1, b"").decode()] = self._kind.FromString(parts.get(2, b""))


@public("train.Features")
class Features(Message):
    """Features by name: ``Features(feature={"label": Feature(...)})``."""

    def __init__(self, feature: dict[str, Feature] | None = None) -> None:
        self.feature = _Map(Feature)
        for name, given in (feature or {}).items():
            self.feature[name].CopyFrom(given)

    def SerializeToString(self, deterministic: bool | None = None) -> bytes:
        """The message in bytes."""
        return self.feature.serialized()

    def MergeFromString(self, data: bytes) -> int:
        """Adds what the bytes say."""
        self.feature.merge(data)
        return len(data)

    def __repr__(self) -> str:
        entries = (
            f'  key: "{name}"\n  value {{\n{_indent(_indent(self.feature[name]))}  }}\n'
            for name in sorted(self.feature)
        )
        return "".join(f"feature {{\n{entry}}}\n" for entry in entries)


@public("train.Example")
class Example(Message):
    """One example of training data: features by name.

    Examples
    --------
    >>> import scopert as tf
    >>> label = tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))
    >>> example = tf.train.Example(features=tf.train.Features(feature={"label": label}))
    >>> again = tf.train.Example.FromString(example.SerializeToString())
    >>> again.features.feature["label"].int64_list.value[0]
    3
    """

    def __init__(self, features: Features | None = None) -> None:
        self.features = Features()
        if features is not None:
            self.features.CopyFrom(features)

    def SerializeToString(self, deterministic: bool | None = None) -> bytes:
        """The message in bytes."""
        return field(1, self.features.SerializeToString()) if self.features.feature else b""

    def MergeFromString(self, data: bytes) -> int:
        """Adds what the bytes say."""
        for number, form, value in fields(data):
            if number == 1 and form == BYTES:
                self.features.MergeFromString(value)
        return len(data)

    def __repr__(self) -> str:
        return f"features {{\n{_indent(self.features)}}}\n"
