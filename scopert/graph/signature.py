"""The grammar in which an op states its inputs, outputs and attributes.

It is the notation of TensorFlow's op registry, so that a signature can be compared with it::

    inputs   "values: N * T, axis: Tidx"        NAME: TYPE, where TYPE is a dtype, the name of an
    outputs  "output: T"                        attribute, "N * TYPE", or "Ref(TYPE)"
    attrs    "N: int >= 2; T: type; Tidx: {int32, int64} = int32; padding: {"SAME", "VALID"}"
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from scopert.graph.dtypes import DType, as_dtype

NO_DEFAULT: Any = type("NoDefault", (), {"__repr__": lambda self: "NO_DEFAULT"})()

_ARG = re.compile(r"(\w+)\s*:\s*(Ref\()?\s*(?:(\w+)\s*\*\s*)?(\w+)\)?$")


@dataclass(frozen=True, slots=True)
class Arg:
    """An input or output. Exactly one of `dtype`, `type_attr`, `type_list_attr` is set."""

    name: str
    dtype: DType | None
    type_attr: str | None
    type_list_attr: str | None
    number_attr: str | None
    is_ref: bool

    @property
    def is_list(self) -> bool:
        return self.number_attr is not None or self.type_list_attr is not None


@dataclass(frozen=True, slots=True)
class Attr:
    """An attribute: `kind` is type, int, float, bool, string, shape, tensor, func or ``list(kind)``.

    Where a string must be one of some `allowed`, operations hold it as a ``str``, however it was given.
    """

    name: str
    kind: str
    default: Any
    allowed: tuple[Any, ...] | None
    minimum: int | None

    @property
    def has_default(self) -> bool:
        return self.default is not NO_DEFAULT


def parse_attrs(text: str) -> tuple[Attr, ...]:
    """Parses attributes, separated by ``;``."""
    return tuple(_parse_attr(part.strip()) for part in text.split(";") if part.strip())


def _parse_attr(text: str) -> Attr:
    name, _, rest = text.partition(":")
    kind, equals, default_text = _split_default(rest.strip())
    minimum = None
    if ">=" in kind:
        kind, _, least = kind.partition(">=")
        minimum = int(least)
    kind = kind.strip()
    is_list = kind.startswith("list(")
    inner = kind[5:-1].strip() if is_list else kind
    allowed: tuple[Any, ...] | None = None
    if inner.startswith("{"):
        items = [item.strip() for item in inner[1:-1].split(",")]
        if items[0].startswith('"'):
            allowed, inner = tuple(json.loads(item) for item in items), "string"
        else:
            allowed, inner = tuple(as_dtype(item) for item in items), "type"
    kind = f"list({inner})" if is_list else inner
    default = _parse_value(default_text, kind) if equals else NO_DEFAULT
    return Attr(name.strip(), kind, default, allowed, minimum)


def _split_default(text: str) -> tuple[str, bool, str]:
    found = re.search(r"(?<![<>])=(?!=)", text)
    if found is None:
        return text, False, ""
    return text[: found.start()].strip(), True, text[found.end() :].strip()


def _parse_value(text: str, kind: str) -> Any:
    if kind.startswith("list("):
        inner = text[1:-1].strip()
        return [_parse_value(item.strip(), kind[5:-1]) for item in inner.split(",")] if inner else []
    if kind == "type":
        return as_dtype(text)
    if kind == "bool":
        return text == "true"
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(text)
    if kind == "string":
        return json.loads(text)
    if kind == "shape":
        return None if text == "<unknown>" else tuple(None if n < 0 else n for n in json.loads(text))
    raise ValueError(f"attributes of kind {kind} have no default values: {text}")


def parse_args(text: str, attrs: tuple[Attr, ...]) -> tuple[Arg, ...]:
    """Parses inputs or outputs, separated by commas."""
    kinds = {attr.name: attr.kind for attr in attrs}
    made = []
    for part in text.split(","):
        if not part.strip():
            continue
        found = _ARG.match(part.strip())
        if found is None:
            raise ValueError(f"not an input or output: {part!r}")
        name, ref, number, kind = found.groups()
        attr_kind = kinds.get(kind)
        made.append(
            Arg(
                name,
                as_dtype(kind) if attr_kind is None else None,
                kind if attr_kind == "type" else None,
                kind if attr_kind == "list(type)" else None,
                number,
                ref is not None,
            )
        )
    return tuple(made)
