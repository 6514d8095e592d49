"""Records with typed fields that behave like protocol buffer messages in Python.

Options of sessions are such messages in TensorFlow. These have the same fields and refuse the same
mistakes, and need no protobuf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

_NUMBER = (int, float)


class Field:
    """One field: a Python type, a `Message` class, or ``[type]`` for a repeated one, ``{type: type}`` for a map."""

    __slots__ = ("kind", "name", "of")

    def __init__(self, name: str, declared: Any) -> None:
        self.name = name
        self.kind = "repeated" if isinstance(declared, list) else "map" if isinstance(declared, dict) else "single"
        if self.kind == "repeated":
            declared = declared[0]
        elif self.kind == "map":
            declared = next(iter(declared.items()))
        self.of: Any = declared

    @property
    def is_message(self) -> bool:
        return self.kind == "single" and isinstance(self.of, type) and issubclass(self.of, Message)

    def new(self) -> Any:
        """The value of a field that nobody has set."""
        if self.kind == "repeated":
            return Repeated(self.of)
        if self.kind == "map":
            return Map(*self.of)
        return self.of()

    def check(self, value: Any) -> Any:
        return checked(value, self.of)


def checked(value: Any, kind: type) -> Any:
    """`value` as an element of a field of this type.

    Raises
    ------
    TypeError
        If it is none.
    """
    if kind is bool and isinstance(value, int):
        return bool(value)
    if (kind is int and isinstance(value, int)) or (hasattr(value, "__index__") and kind is int):
        return int(value)
    if kind is float and (isinstance(value, _NUMBER) or (hasattr(value, "__float__") and not isinstance(value, str))):
        return float(value)
    if kind is str and isinstance(value, (str, bytes)):
        return value.decode() if isinstance(value, bytes) else value
    if isinstance(value, kind):
        return value
    raise TypeError(f"{value!r} has type {type(value).__name__}, but expected one of: {kind.__name__}")


class Repeated(list[Any]):
    """A repeated field."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self._kind = kind

    def append(self, value: Any) -> None:
        super().append(checked(value, self._kind))

    def extend(self, values: Iterable[Any]) -> None:
        super().extend([checked(value, self._kind) for value in values])

    def add(self, **fields: Any) -> Any:
        """Appends a new message and returns it."""
        made = self._kind(**fields)
        self.append(made)
        return made

    def MergeFrom(self, other: Iterable[Any]) -> None:
        self.extend(other)


class Map(dict[Any, Any]):
    """A map field."""

    def __init__(self, key_kind: type, value_kind: type) -> None:
        super().__init__()
        self._kinds = key_kind, value_kind

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(checked(key, self._kinds[0]), checked(value, self._kinds[1]))

    def update(self, *others: Any, **more: Any) -> None:
        for key, value in dict(*others, **more).items():
            self[key] = value

    def MergeFrom(self, other: Any) -> None:
        self.update(other)


class Message:
    """A record; a subclass lists its fields in `FIELDS`.

    Raises
    ------
    ValueError
        For a field that it does not have, given to the constructor.
    AttributeError
        For one that is set later, and for an assignment to a field that is itself a message.
    TypeError
        For a value of a wrong type.
    """

    FIELDS: ClassVar[dict[str, Any]] = {}
    _fields: ClassVar[dict[str, Field]] = {}

    def __init_subclass__(cls) -> None:
        cls._fields = {name: Field(name, declared) for name, declared in cls.FIELDS.items()}

    def __init__(self, **values: Any) -> None:
        object.__setattr__(self, "_values", {})
        for name, value in values.items():
            field = self._fields.get(name)
            if field is None:
                raise ValueError(f'Protocol message {type(self).__name__} has no "{name}" field.')
            if value is None:
                continue
            if field.kind == "repeated":
                getattr(self, name).extend(value)
            elif field.kind == "map":
                getattr(self, name).update(value)
            elif field.is_message:
                getattr(self, name).CopyFrom(field.of(**value) if isinstance(value, dict) else field.check(value))
            else:
                self._values[name] = field.check(value)

    _values: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        field = type(self)._fields.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = self._values.get(name)
        if value is None:
            value = field.new()
            if field.kind != "single" or field.is_message:
                self._values[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        field = self._fields.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if field.kind != "single" or field.is_message:
            raise AttributeError(f'Assignment not allowed to field "{name}" in protocol message object.')
        self._values[name] = field.check(value)

    def set_fields(self) -> list[tuple[str, Any]]:
        """The fields that differ from their defaults."""
        return [
            (name, self._values[name])
            for name, field in self._fields.items()
            if name in self._values and self._values[name] != field.new()
        ]

    def ListFields(self) -> list[tuple[Any, Any]]:
        """The fields that are set, as pairs of a descriptor with a `name`, and the value."""
        return [(self._fields[name], value) for name, value in self.set_fields()]

    def HasField(self, name: str) -> bool:
        """Whether a single field is set.

        Raises
        ------
        ValueError
            If there is no such field, or it is a repeated one.
        """
        field = self._fields.get(name)
        if field is None or field.kind != "single":
            raise ValueError(f"Protocol message {type(self).__name__} has no non-repeated field \"{name}\"")
        return any(name == other for other, _ in self.set_fields())

    def ClearField(self, name: str) -> None:
        if name not in self._fields:
            raise ValueError(f'Protocol message has no "{name}" field.')
        self._values.pop(name, None)

    def Clear(self) -> None:
        self._values.clear()

    def MergeFrom(self, other: Message) -> None:
        """Sets what is set in `other`; repeated fields are appended, messages merged."""
        if type(other) is not type(self):
            raise TypeError(f"MergeFrom() wants a {type(self).__name__}, got a {type(other).__name__}")
        for name, value in other.set_fields():
            field = self._fields[name]
            if field.kind != "single" or field.is_message:
                cast(Callable[[Any], None], getattr(self, name).MergeFrom)(value)
            else:
                self._values[name] = value

    def CopyFrom(self, other: Message) -> None:
        """Becomes equal to `other`."""
        if other is not self:
            self.Clear()
            self.MergeFrom(other)

    def __deepcopy__(self, memo: Any) -> Message:
        made = type(self)()
        made.CopyFrom(self)
        return made

    __copy__ = lambda self: self.__deepcopy__(None)  # noqa: E731

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), [(n, list(v) if isinstance(v, Repeated) else dict(v) if isinstance(v, Map) else v)
                                       for n, v in self.set_fields()])  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.set_fields() == other.set_fields()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "".join(f"{line}\n" for line in self._lines(""))

    def _lines(self, indent: str) -> list[str]:
        lines = []
        for name, value in self.set_fields():
            if isinstance(value, Map):
                items = [f"{indent}{name} {{ key: {_text(k)} value: {_text(v)} }}" for k, v in value.items()]
                lines += items
                continue
            for item in value if isinstance(value, Repeated) else [value]:
                if isinstance(item, Message):
                    lines += [f"{indent}{name} {{", *item._lines(indent + "  "), f"{indent}}}"]
                else:
                    lines.append(f"{indent}{name}: {_text(item)}")
        return lines


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _rebuild(kind: type[Message], values: list[tuple[str, Any]]) -> Message:
    return kind(**dict(values))
