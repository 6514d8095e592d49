"""Element types: TensorFlow's types with their enum numbers, and what NumPy calls them.

There is one instance of each type, so types compare by identity; comparing with anything else
converts it first (``float32 == np.float32 == "float32"``).
"""

from __future__ import annotations

import builtins
from typing import Any

import ml_dtypes
import numpy as np

from scopert.public import export, public

_REF = 100  # the enum number of a reference type is its base type's plus this

# enum number, name, the type NumPy users see, the NumPy type that holds elements inside
_TABLE: tuple[tuple[int, str, Any, Any], ...] = (
    (1, "float32", np.float32, np.float32),
    (2, "float64", np.float64, np.float64),
    (3, "int32", np.int32, np.int32),
    (4, "uint8", np.uint8, np.uint8),
    (5, "int16", np.int16, np.int16),
    (6, "int8", np.int8, np.int8),
    (7, "string", object, np.object_),
    (8, "complex64", np.complex64, np.complex64),
    (9, "int64", np.int64, np.int64),
    (10, "bool", np.bool_, np.bool_),
    (11, "qint8", np.dtype([("qint8", np.int8)]), np.int8),
    (12, "quint8", np.dtype([("quint8", np.uint8)]), np.uint8),
    (13, "qint32", np.dtype([("qint32", np.int32)]), np.int32),
    (14, "bfloat16", ml_dtypes.bfloat16, ml_dtypes.bfloat16),
    (15, "qint16", np.dtype([("qint16", np.int16)]), np.int16),
    (16, "quint16", np.dtype([("quint16", np.uint16)]), np.uint16),
    (17, "uint16", np.uint16, np.uint16),
    (18, "complex128", np.complex128, np.complex128),
    (19, "float16", np.float16, np.float16),
    (20, "resource", None, np.object_),
    (21, "variant", None, np.object_),
    (22, "uint32", np.uint32, np.uint32),
    (23, "uint64", np.uint64, np.uint64),
)
_ROWS = {row[0]: row for row in _TABLE}
_INTERNED: dict[int, DType] = {}


@public("DType", "dtypes.DType")
class DType:
    """The type of the elements of a tensor.

    Use the constants (`tf.float32`, `tf.int64`, ...) or `tf.as_dtype`; ``DType(n)`` is the type
    with TensorFlow's enum number `n`.

    Attributes
    ----------
    name : str
        E.g. ``"float32"``, or ``"float32_ref"`` for the reference type of a variable.
    np : numpy.dtype
        What holds the elements: `object` for strings, resources and variants, the plain integer
        for quantized types.
    base : DType
        This type without the reference.
    is_ref, is_bool, is_integer, is_floating, is_complex, is_quantized, is_unsigned : bool
        What kind of type it is; quantized types are not integers.

    Raises
    ------
    TypeError
        If the number is not that of a type.

    Examples
    --------
    >>> from scopert.graph.dtypes import as_dtype, float32
    >>> as_dtype("float32") is float32, float32.is_floating, float32.size
    (True, True, 4)
    """

    __slots__ = (
        "_enum",
        "base",
        "is_bool",
        "is_complex",
        "is_floating",
        "is_integer",
        "is_numpy_compatible",
        "is_quantized",
        "is_ref",
        "is_unsigned",
        "name",
        "np",
    )

    _enum: int
    name: str
    np: np.dtype[Any]
    base: DType
    is_ref: builtins.bool
    is_bool: builtins.bool
    is_integer: builtins.bool
    is_floating: builtins.bool
    is_complex: builtins.bool
    is_quantized: builtins.bool
    is_unsigned: builtins.bool
    is_numpy_compatible: builtins.bool

    def __new__(cls, type_enum: int) -> DType:
        number = int(type_enum)
        known = _INTERNED.get(number)
        if known is not None:
            return known
        row = _ROWS.get(number % _REF)
        if row is None or number not in (row[0], row[0] + _REF):
            raise TypeError(f"type_enum is not a valid types_pb2.DataType: {number}")
        self = object.__new__(cls)
        self._enum = number
        self.is_ref = number > _REF
        self.name = row[1] + "_ref" if self.is_ref else row[1]
        self.np = np.dtype(row[3])
        self.base = DType(number - _REF) if self.is_ref else self
        plain = row[2] is not None and not isinstance(row[2], np.dtype)
        self.is_numpy_compatible = row[2] is not None
        self.is_quantized = isinstance(row[2], np.dtype)
        self.is_bool = row[1] == "bool"
        self.is_integer = plain and self.np.kind in "iu"
        self.is_unsigned = plain and self.np.kind == "u"
        self.is_floating = plain and (self.np.kind == "f" or row[1] == "bfloat16")
        self.is_complex = plain and self.np.kind == "c"
        _INTERNED[number] = self
        return self

    @property
    def base_dtype(self) -> DType:
        """This type without the reference."""
        return self.base

    @property
    def _is_ref_dtype(self) -> builtins.bool:
        return self.is_ref

    @property
    def _as_ref(self) -> DType:
        return self if self.is_ref else _INTERNED[self._enum + _REF]

    @property
    def real_dtype(self) -> DType:
        """The type of the real part: itself, unless it is complex."""
        if self.base is complex64:
            return float32
        if self.base is complex128:
            return float64
        return self

    @property
    def as_numpy_dtype(self) -> Any:
        """The NumPy type (a scalar type such as ``np.float32``); `KeyError` for resources and variants."""
        numpy_type = _ROWS[self.base._enum][2]
        if numpy_type is None:
            raise KeyError(self._enum)
        return numpy_type

    @property
    def as_datatype_enum(self) -> int:
        """TensorFlow's number for this type."""
        return self._enum

    @property
    def min(self) -> Any:
        """The smallest finite value; `TypeError` if the type is not an ordered number."""
        return self._range("minimum").min

    @property
    def max(self) -> Any:
        """The largest finite value; `TypeError` if the type is not an ordered number."""
        return self._range("maximum").max

    def _range(self, which: str) -> Any:
        if self.base is bfloat16:
            return ml_dtypes.finfo(ml_dtypes.bfloat16)  # type: ignore[no-untyped-call]
        if self.is_floating:
            return np.finfo(self.np)
        if self.is_integer:
            return np.iinfo(self.np)
        raise TypeError(f"Cannot find {which} value of {self}.")

    @property
    def limits(self) -> tuple[Any, Any]:
        """The range of intensities of an image of this type: from 0 to 1 for floats, else to `max`."""
        if self.is_bool:
            return 0, True
        if self.is_integer:
            return 0, int(self.max)
        if self.base is float32 or self.base is float64:
            return 0, 1
        raise KeyError(self.as_numpy_dtype)

    @property
    def size(self) -> int:
        """The bytes of an element (of a pointer for strings; 1 for resources and variants)."""
        return 1 if not self.is_numpy_compatible else self.np.itemsize

    def is_compatible_with(self, other: Any) -> builtins.bool:
        """Return whether a tensor of type `other` can stand where this type is wanted."""
        kind = as_dtype(other)
        return self is kind or self is kind.base

    def __eq__(self, other: object) -> builtins.bool:
        if self is other:
            return True
        if other is None or type(other) is DType:
            return False
        try:
            return self is as_dtype(other)
        except TypeError:
            return False

    def __ne__(self, other: object) -> builtins.bool:
        return not self == other

    def __hash__(self) -> int:
        return self._enum

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __repr__(self) -> str:
        return "tf." + self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)


resource = DType(20)
variant = DType(21)
float16 = DType(19)
half = float16
float32 = DType(1)
float64 = DType(2)
double = float64
bfloat16 = DType(14)
complex64 = DType(8)
complex128 = DType(18)
int8 = DType(6)
int16 = DType(5)
int32 = DType(3)
int64 = DType(9)
uint8 = DType(4)
uint16 = DType(17)
uint32 = DType(22)
uint64 = DType(23)
bool_ = DType(10)
bool = bool_  # TensorFlow's name; `bool_` is for modules that need Python's as well
string = DType(7)
qint8 = DType(11)
quint8 = DType(12)
qint16 = DType(15)
quint16 = DType(16)
qint32 = DType(13)
for _row in _TABLE:
    DType(_row[0] + _REF)

float16_ref = float16._as_ref
float32_ref = float32._as_ref
float64_ref = float64._as_ref
bfloat16_ref = bfloat16._as_ref
complex64_ref = complex64._as_ref
complex128_ref = complex128._as_ref
int8_ref = int8._as_ref
int16_ref = int16._as_ref
int32_ref = int32._as_ref
int64_ref = int64._as_ref
uint8_ref = uint8._as_ref
uint16_ref = uint16._as_ref
uint32_ref = uint32._as_ref
uint64_ref = uint64._as_ref
bool_ref = bool_._as_ref
string_ref = string._as_ref
resource_ref = resource._as_ref
variant_ref = variant._as_ref

QUANTIZED_DTYPES = frozenset(dtype for dtype in _INTERNED.values() if dtype.is_quantized)

for _name in (*(_row[1] for _row in _TABLE), "half", "double", "QUANTIZED_DTYPES"):
    export(__name__, _name, _name, f"dtypes.{_name}")


def _conversions() -> dict[Any, DType]:
    """Map everything but `DType` that `as_dtype` accepts: enum numbers, names, Python and NumPy types."""
    table: dict[Any, DType] = dict(_INTERNED)
    for dtype in _INTERNED.values():
        table[dtype.name] = dtype
    for alias, name in (("half", "float16"), ("float", "float32"), ("double", "float64")):
        table[alias] = table[name]
        table[alias + "_ref"] = table[name + "_ref"]
    for number, _, numpy_type, _ in _TABLE:
        if numpy_type is not None:
            table[numpy_type] = table[np.dtype(numpy_type)] = _INTERNED[number]
    # On each platform two C types share a width; NumPy has a scalar type for each.
    for c_type in (np.intc, np.uintc, np.int_, np.uint, np.longlong, np.ulonglong):
        table[c_type] = table[np.dtype(c_type)] = table[np.dtype(c_type).name]
    for text in (np.object_, np.bytes_, np.str_, builtins.object):
        table[text] = string
    table[builtins.float] = float32
    table[builtins.bool] = bool_
    return table


_CONVERSIONS = _conversions()


@public("as_dtype", "dtypes.as_dtype")
def as_dtype(type_value: Any) -> DType:
    """Return the `DType` that `type_value` stands for.

    Parameters
    ----------
    type_value : DType, int, str, type or numpy.dtype
        A type, its enum number or name, a NumPy dtype or scalar type, or Python's `float`, `bool`
        or `object`. Python's `int` is not accepted, as it has no fixed width.

    Raises
    ------
    TypeError
        If it stands for none.

    Examples
    --------
    >>> import numpy as np
    >>> as_dtype("half"), as_dtype(np.int64), as_dtype(float), as_dtype(np.dtype("S3"))
    (tf.float16, tf.int64, tf.float32, tf.string)
    """
    if type(type_value) is DType:
        return type_value
    try:
        return _CONVERSIONS[type_value]
    except (KeyError, TypeError):  # TypeError: not hashable
        pass
    if isinstance(type_value, np.dtype) and type_value.type in _CONVERSIONS:
        return _CONVERSIONS[type_value.type]
    raise TypeError(f"Cannot convert value {type_value!r} to a TensorFlow DType.")
