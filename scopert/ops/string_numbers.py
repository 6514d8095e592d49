"""Numbers as strings and back: text, raw bytes, base 64."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.dtypes import as_dtype, float32
from scopert.graph.opdef import HOST, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import same_as_first
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.string_map import as_text, map_elements, map_strings
from scopert.public import public


def _number_format(kind: Any, precision: int, scientific: bool, shortest: bool, width: int, fill: str) -> str:
    """The format in C's notation, as TensorFlow composes it."""
    floating = kind.is_floating or kind.is_complex
    if not floating and (scientific or shortest):
        raise InvalidArgumentError(
            None, None, f"scientific and shortest format not supported for datatype {kind.name}"
        )
    if len(fill) > 1 or (fill and fill not in " +-0#"):
        raise InvalidArgumentError(None, None, f'Fill string must be one or fewer characters, got: "{fill}"')
    if not floating and precision > -1:
        raise InvalidArgumentError(None, None, f"precision not supported for datatype {kind.name}")
    text = "%" + fill
    if width > -1:
        text += str(width)
    if precision > -1:
        text += f".{precision}"
    if not floating:
        return text + "d"
    return text + ("g" if shortest else "e" if scientific else "f")


def _as_string(
    xp: Any, x: Any, *, op: Any, precision: int, scientific: bool, shortest: bool, width: int, fill: Any
) -> Any:
    kind = op.attrs["T"]
    if scientific and shortest:
        raise InvalidArgumentError(None, None, "Cannot select both scientific and shortest notation")
    form = _number_format(kind, precision, scientific, shortest, width, as_text(fill))
    if kind.name == "bool":
        return map_strings(lambda item: b"true" if item else b"false", x)
    if kind.is_complex:
        return map_strings(lambda item: f"({form % item.real},{form % item.imag})".encode(), x)
    return map_strings(lambda item: (form % item).encode(), x)


AS_STRING = define_op(
    "AsString", inputs="input: T", outputs="output: string",
    attrs="T: {int8, int16, int32, int64, complex64, complex128, float32, float64, bool}; precision: int = -1; "
    'scientific: bool = false; shortest: bool = false; width: int = -1; fill: string = ""',
    shape=same_as_first, kernel=_as_string, traits=HOST, differentiable=False,
)  # fmt: skip


@public("as_string", "strings.as_string", "dtypes.as_string")
def as_string(
    input: Any, precision: int = -1, scientific: bool = False, shortest: bool = False, width: int = -1,
    fill: str = "", name: str | None = None,
) -> Tensor:  # fmt: skip
    """Numbers as text.

    Parameters
    ----------
    input : Tensor
    precision : int
        Digits after the point, of floating-point numbers; 6 by default.
    scientific, shortest : bool
        ``1.5e+00``, or the shorter of both notations.
    width : int
        The least number of characters.
    fill : str
        What makes up for it, e.g. ``"0"``; spaces by default.
    name : str, optional

    Raises
    ------
    InvalidArgumentError
        In a run, if the format does not go with the type.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.as_string([3.14159, 2.0], precision=2)))
    [b'3.14' b'2.00']
    """
    made: Tensor = apply(
        AS_STRING, input, precision=precision, scientific=scientific, shortest=shortest, width=width, fill=fill,
        name=name,
    )  # fmt: skip
    return made


def _to_number(xp: Any, x: Any, *, out_type: Any) -> Any:
    def parse(item: bytes) -> Any:
        text = item.strip().decode("utf-8", "replace")
        try:
            if "_" in text:
                raise ValueError
            if out_type.is_floating:
                return float(text)
            value = int(text)
            if not np.iinfo(out_type.np).min <= value <= np.iinfo(out_type.np).max:
                raise ValueError
            return value
        except ValueError:
            shown = item.decode("utf-8", "replace")
            raise InvalidArgumentError(
                None, None, f"StringToNumberOp could not correctly convert string: {shown}"
            ) from None

    with np.errstate(all="ignore"):
        return map_elements(parse, out_type.np, x)


STRING_TO_NUMBER = define_op(
    "StringToNumber", inputs="string_tensor: string", outputs="output: out_type",
    attrs="out_type: {float32, float64, int32, int64} = float32", shape=same_as_first, kernel=_to_number,
    traits=HOST, differentiable=False,
)  # fmt: skip


@public("string_to_number", "strings.to_number")
def string_to_number(
    string_tensor: Any = None, out_type: Any = float32, name: str | None = None, input: Any = None
) -> Tensor:
    """Text as numbers.

    Parameters
    ----------
    string_tensor, input : Tensor
        Strings.
    out_type : DType
        float32, float64, int32 or int64.
    name : str, optional

    Raises
    ------
    ValueError
        If both names are given.
    InvalidArgumentError
        In a run, if a string is no number of the type.
    """
    if string_tensor is not None and input is not None:
        raise ValueError("Cannot specify both 'string_tensor' and 'input'")
    value = input if string_tensor is None else string_tensor
    made: Tensor = apply(STRING_TO_NUMBER, value, out_type=out_type, name=name)
    return made


def _decode_raw(xp: Any, x: Any, *, out_type: Any, little_endian: bool) -> Any:
    items = [x] if isinstance(x, bytes) else x.ravel().tolist()
    shape = () if isinstance(x, bytes) else x.shape
    kind = np.dtype(out_type.np)
    length = len(items[0]) if items else 0
    for index, item in enumerate(items):
        if len(item) != length:
            raise InvalidArgumentError(
                None, None,
                f"DecodeRaw requires input strings to all be the same size, but element {index} has size {length} != "
                f"{len(item)}",
            )  # fmt: skip
    if length % kind.itemsize:
        raise InvalidArgumentError(
            None, None, f"Input to DecodeRaw has length {length} that is not a multiple of {kind.itemsize}, the size "
            f"of {out_type.name}",
        )  # fmt: skip
    ordered = kind.newbyteorder("<" if little_endian else ">")
    array = np.frombuffer(b"".join(items), ordered).astype(kind)
    return array.reshape(*shape, length // kind.itemsize)


def _decode_raw_shape(op: Operation) -> list[Shape]:
    shape = op._inputs[0]._shape
    return [None if shape is None else (*shape, None)]


DECODE_RAW = define_op(
    "DecodeRaw", inputs="bytes: string", outputs="output: out_type",
    attrs="out_type: {float16, float32, float64, int32, uint16, uint8, int16, int8, int64, complex64, complex128, "
    "bool}; little_endian: bool = true",
    shape=_decode_raw_shape, kernel=_decode_raw, traits=HOST, differentiable=False,
)  # fmt: skip


@public("decode_raw", "io.decode_raw")
def decode_raw(
    input_bytes: Any = None, out_type: Any = None, little_endian: bool = True, name: str | None = None,
    bytes: Any = None,
) -> Tensor:  # fmt: skip
    """The bytes of strings as numbers, along a new last axis.

    Parameters
    ----------
    input_bytes, bytes : Tensor
        Strings of one length.
    out_type : DType
    little_endian : bool
        The order of bytes in a number.
    name : str, optional

    Raises
    ------
    ValueError
        If an argument is missing, or both names are given.
    InvalidArgumentError
        In a run, if the lengths do not fit.
    """
    if input_bytes is not None and bytes is not None:
        raise ValueError("Cannot specify both 'bytes' and 'input_bytes'")
    if out_type is None:
        raise ValueError("decode_raw_v1() missing 1 positional argument: 'out_type'")
    value = bytes if input_bytes is None else input_bytes
    made: Tensor = apply(DECODE_RAW, value, out_type=as_dtype(out_type), little_endian=little_endian, name=name)
    return made


def _encode_base64(xp: Any, x: Any, *, pad: bool) -> Any:
    def encode(item: bytes) -> bytes:
        made = base64.urlsafe_b64encode(item)
        return made if pad else made.rstrip(b"=")

    return map_strings(encode, x)


def _decode_base64(xp: Any, x: Any) -> Any:
    def decode(item: bytes) -> bytes:
        try:
            return base64.b64decode(item + b"=" * (-len(item) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            shown = item.decode("utf-8", "replace")
            raise InvalidArgumentError(None, None, f"Invalid character found in base64: {shown!r}") from None

    return map_strings(decode, x)


ENCODE_BASE64 = define_op(
    "EncodeBase64", inputs="input: string", outputs="output: string", attrs="pad: bool = false", shape=same_as_first,
    kernel=_encode_base64, traits=HOST, differentiable=False,
)  # fmt: skip
DECODE_BASE64 = define_op(
    "DecodeBase64", inputs="input: string", outputs="output: string", shape=same_as_first, kernel=_decode_base64,
    traits=HOST, differentiable=False,
)  # fmt: skip


@public("encode_base64", "io.encode_base64")
def encode_base64(input: Any, pad: bool = False, name: str | None = None) -> Tensor:
    """Strings in web-safe base 64, with padding if `pad`."""
    made: Tensor = apply(ENCODE_BASE64, input, pad=pad, name=name)
    return made


@public("decode_base64", "io.decode_base64")
def decode_base64(input: Any, name: str | None = None) -> Tensor:
    """What `encode_base64` encoded; InvalidArgumentError in a run if it is no base 64."""
    made: Tensor = apply(DECODE_BASE64, input, name=name)
    return made
