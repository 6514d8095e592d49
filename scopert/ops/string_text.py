"""Strings as text: length, case, pieces, patterns."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.opdef import HOST, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape import broadcast
from scopert.graph.shape_rules import same_as_first
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.string_map import as_bytes, as_text, map_elements, map_strings
from scopert.public import public

# White space as C has it in its own locale.
_SPACE = b" \t\n\v\f\r"


def _length(xp: Any, x: Any, *, unit: str) -> Any:
    if unit == "UTF8_CHAR":
        # Bytes that begin a character.
        return map_elements(lambda item: sum(byte & 0xC0 != 0x80 for byte in item), np.int32, x)
    return map_elements(len, np.int32, x)


STRING_LENGTH = define_op(
    "StringLength", inputs="input: string", outputs="output: int32", attrs='unit: {"BYTE", "UTF8_CHAR"} = "BYTE"',
    shape=same_as_first, kernel=_length, traits=HOST, differentiable=False,
)  # fmt: skip


@public("strings.length")
def string_length(input: Any, name: str | None = None, unit: str = "BYTE") -> Tensor:
    """The lengths of strings, in bytes or (`unit` ``"UTF8_CHAR"``) in characters."""
    made: Tensor = apply(STRING_LENGTH, input, unit=unit, name=name)
    return made


def _case(change: Callable[[Any], Any]) -> Callable[..., Any]:
    def kernel(xp: Any, x: Any, *, encoding: Any) -> Any:
        if as_text(encoding) == "utf-8":
            return map_strings(lambda item: change(item.decode("utf-8")).encode("utf-8"), x)
        return map_strings(change, x)

    return kernel


def _lower(item: Any) -> Any:
    return item.lower()


def _upper(item: Any) -> Any:
    return item.upper()


STRING_LOWER = define_op(
    "StringLower", inputs="input: string", outputs="output: string", attrs='encoding: string = ""',
    shape=same_as_first, kernel=_case(_lower), traits=HOST, differentiable=False,
)  # fmt: skip
STRING_UPPER = define_op(
    "StringUpper", inputs="input: string", outputs="output: string", attrs='encoding: string = ""',
    shape=same_as_first, kernel=_case(_upper), traits=HOST, differentiable=False,
)  # fmt: skip


@public("strings.lower")
def string_lower(input: Any, encoding: str = "", name: str | None = None) -> Tensor:
    """Strings in lower case: ASCII letters only, unless `encoding` is ``"utf-8"``."""
    made: Tensor = apply(STRING_LOWER, input, encoding=encoding, name=name)
    return made


@public("strings.upper")
def string_upper(input: Any, encoding: str = "", name: str | None = None) -> Tensor:
    """Strings in upper case: ASCII letters only, unless `encoding` is ``"utf-8"``."""
    made: Tensor = apply(STRING_UPPER, input, encoding=encoding, name=name)
    return made


STRING_STRIP = define_op(
    "StringStrip", inputs="input: string", outputs="output: string", shape=same_as_first,
    kernel=lambda xp, x: map_strings(lambda item: item.strip(_SPACE), x), traits=HOST, differentiable=False,
)  # fmt: skip


@public("strings.strip", "string_strip")
def string_strip(input: Any, name: str | None = None) -> Tensor:
    """Strings without white space at both ends."""
    made: Tensor = apply(STRING_STRIP, input, name=name)
    return made


def _piece(item: Any, pos: int, length: int) -> Any:
    start = pos if pos >= 0 else len(item) + pos
    if not 0 <= start <= len(item):
        raise InvalidArgumentError(None, None, f"pos {pos} out of range for string {_shown(item)}")
    if length < 0:
        raise InvalidArgumentError(None, None, f"len {length} must be non-negative")
    return item[start : start + length]


def _shown(item: Any) -> str:
    return repr(item.encode() if isinstance(item, str) else item)


def _substr(xp: Any, x: Any, pos: Any, length: Any, *, unit: str) -> Any:
    if unit == "UTF8_CHAR":
        return map_strings(lambda item, p, n: _piece(item.decode("utf-8"), p, n).encode("utf-8"), x, pos, length)
    return map_strings(_piece, x, pos, length)


def _substr_shape(op: Operation) -> list[Shape]:
    data, pos, length = (tensor._shape for tensor in op._inputs)
    if pos is not None and length is not None and len(pos) != len(length):
        raise ValueError(f"pos and len must have same rank: {len(pos)} and {len(length)}")
    return [None if data is None or pos is None else broadcast(data, pos)]


SUBSTR = define_op(
    "Substr", inputs="input: string, pos: T, len: T", outputs="output: string",
    attrs='T: {int32, int64}; unit: {"BYTE", "UTF8_CHAR"} = "BYTE"', shape=_substr_shape, kernel=_substr, traits=HOST,
    differentiable=False,
)  # fmt: skip


@public("strings.substr", "substr")
def substr(input: Any, pos: Any, len: Any, name: str | None = None, unit: str = "BYTE") -> Tensor:
    """Pieces of strings.

    Parameters
    ----------
    input : Tensor
        Strings.
    pos, len : Tensor
        Where they begin (from the end if negative), and how long they are at most; broadcast.
    name : str, optional
    unit : str
        ``"BYTE"`` or ``"UTF8_CHAR"``.

    Raises
    ------
    InvalidArgumentError
        In a run, if a position is outside its string.
    """
    made: Tensor = apply(SUBSTR, input, pos, len, unit=unit, name=name)
    return made


@lru_cache(maxsize=256)
def _pattern(pattern: bytes) -> re.Pattern[bytes]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InvalidArgumentError(
            None, None, f"Invalid pattern: {pattern.decode('utf-8', 'replace')}, error: {error}"
        ) from None


def _rewrite(match: re.Match[bytes], rewrite: bytes) -> bytes:
    r"""The rewrite with ``\0`` ... ``\9`` replaced by what the groups matched."""
    return re.sub(
        rb"\\(\d|\\)",
        lambda found: b"\\" if found.group(1) == b"\\" else match.group(int(found.group(1))) or b"",
        rewrite,
    )


def _replace(x: Any, pattern: Any, rewrite: Any, everywhere: bool) -> Any:
    compiled, text = _pattern(as_bytes(pattern)), as_bytes(rewrite)
    most = max((int(digit) for digit in re.findall(rb"\\(\d)", text)), default=0)
    if most > compiled.groups:
        raise InvalidArgumentError(
            None, None, f"Invalid rewrite pattern: {as_text(rewrite)}: it asks for group {most} of {compiled.groups}"
        )
    return map_strings(lambda item: compiled.sub(lambda match: _rewrite(match, text), item, 0 if everywhere else 1), x)


REGEX_REPLACE = define_op(
    "RegexReplace", inputs="input: string, pattern: string, rewrite: string", outputs="output: string",
    attrs="replace_global: bool = true", shape=same_as_first,
    kernel=lambda xp, x, pattern, rewrite, *, replace_global: _replace(x, pattern, rewrite, replace_global),
    traits=HOST, differentiable=False,
)  # fmt: skip
STATIC_REGEX_REPLACE = define_op(
    "StaticRegexReplace", inputs="input: string", outputs="output: string",
    attrs="pattern: string; rewrite: string; replace_global: bool = true", shape=same_as_first,
    kernel=lambda xp, x, *, pattern, rewrite, replace_global: _replace(x, pattern, rewrite, replace_global),
    traits=HOST, differentiable=False,
)  # fmt: skip


@public("strings.regex_replace", "regex_replace")
def regex_replace(
    input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: str | None = None
) -> Tensor:
    r"""Strings with what a regular expression matches replaced.

    Parameters
    ----------
    input : Tensor
        Strings.
    pattern : str or Tensor
        A regular expression. TensorFlow has RE2's, these are Python's, whose common part is large.
    rewrite : str or Tensor
        ``\1`` ... ``\9`` stand for what the groups matched, ``\0`` for the whole match.
    replace_global : bool
        All matches, not only the first.
    name : str, optional

    Raises
    ------
    InvalidArgumentError
        In a run, if the pattern is none.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.strings.regex_replace("a1b22", "[0-9]+", "-")))
    b'a-b-'
    """
    if isinstance(pattern, (str, bytes)) and isinstance(rewrite, (str, bytes)):
        made: Tensor = apply(
            STATIC_REGEX_REPLACE, input, pattern=pattern, rewrite=rewrite, replace_global=replace_global, name=name
        )
    else:
        made = apply(REGEX_REPLACE, input, pattern, rewrite, replace_global=replace_global, name=name)
    return made


def _full_match(x: Any, pattern: Any) -> Any:
    compiled = _pattern(as_bytes(pattern))
    return map_elements(lambda item: compiled.fullmatch(item) is not None, np.bool_, x)


REGEX_FULL_MATCH = define_op(
    "RegexFullMatch", inputs="input: string, pattern: string", outputs="output: bool", shape=same_as_first,
    kernel=lambda xp, x, pattern: _full_match(x, pattern), traits=HOST, differentiable=False,
)  # fmt: skip
STATIC_REGEX_FULL_MATCH = define_op(
    "StaticRegexFullMatch", inputs="input: string", outputs="output: bool", attrs="pattern: string",
    shape=same_as_first, kernel=lambda xp, x, *, pattern: _full_match(x, pattern), traits=HOST,
    differentiable=False,
)  # fmt: skip


@public("strings.regex_full_match")
def regex_full_match(input: Any, pattern: Any, name: str | None = None) -> Tensor:
    """Whether a regular expression matches whole strings; see `regex_replace`."""
    if isinstance(pattern, (str, bytes)):
        made: Tensor = apply(STATIC_REGEX_FULL_MATCH, input, pattern=pattern, name=name)
    else:
        made = apply(REGEX_FULL_MATCH, input, pattern, name=name)
    return made
