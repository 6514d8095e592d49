"""Elementwise ops of two inputs: arithmetic, divisions and remainders, powers, extrema, bits."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.math_cast import cast
from scopert.ops.math_elementwise import binary
from scopert.ops.math_types import ARITHMETIC, FLOATING_OR_WIDE, INTEGER, NO_BFLOAT16
from scopert.public import public

Array = Any


def _check_divisor(xp: Any, x: Array, y: Array) -> None:
    if x.size and not xp.all(y):
        raise InvalidArgumentError(None, None, "Integer division by zero")


def _is_integer(x: Array) -> bool:
    return bool(x.dtype.kind in "iu")


def _add(xp: Any, x: Array, y: Array) -> Array:
    if isinstance(x, bytes) and isinstance(y, bytes):
        return x + y
    return xp.add(x, y, dtype=object) if isinstance(x, bytes) or isinstance(y, bytes) else xp.add(x, y)


def _truncate_div(xp: Any, x: Array, y: Array) -> Array:
    if not _is_integer(x):
        return x / y  # TensorFlow cuts off integers only
    _check_divisor(xp, x, y)
    quotient = xp.floor_divide(x, y)
    rest = x - quotient * y
    return quotient + ((rest != 0) & ((x < 0) != (y < 0))).astype(x.dtype)


def _div(xp: Any, x: Array, y: Array) -> Array:
    return _truncate_div(xp, x, y) if _is_integer(x) else x / y


def _floor_div(xp: Any, x: Array, y: Array) -> Array:
    if not _is_integer(x):
        return xp.floor(x / y)
    _check_divisor(xp, x, y)
    return xp.floor_divide(x, y)


def _floor_mod(xp: Any, x: Array, y: Array) -> Array:
    if _is_integer(x):
        _check_divisor(xp, x, y)
        return xp.mod(x, y)
    rest = xp.fmod(x, y)
    return xp.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)


def _truncate_mod(xp: Any, x: Array, y: Array) -> Array:
    if _is_integer(x):
        _check_divisor(xp, x, y)
    return xp.fmod(x, y)


def _pow(xp: Any, x: Array, y: Array) -> Array:
    if _is_integer(x) and xp.any(y < 0):
        raise InvalidArgumentError(None, None, "Integers to negative integer powers are not allowed")
    return xp.power(x, y)


def _squared_difference(xp: Any, x: Array, y: Array) -> Array:
    d = x - y
    return xp.conj(d) * d if d.dtype.kind == "c" else d * d


def _guarded_divisor(xp: Any, y: Array, zero: Array) -> Array:
    return xp.where(zero, y.dtype.type(1), y)


def _div_no_nan(xp: Any, x: Array, y: Array) -> Array:
    zero = y == 0
    return xp.where(zero, x.dtype.type(0), x / _guarded_divisor(xp, y, zero))


def _mul_no_nan(xp: Any, x: Array, y: Array) -> Array:
    return xp.where(y == 0, x.dtype.type(0), x * y)


def _xdivy(xp: Any, x: Array, y: Array) -> Array:
    return xp.where(x == 0, x.dtype.type(0), x / y)


def _xlogy(xp: Any, x: Array, y: Array) -> Array:
    return xp.where(x == 0, x.dtype.type(0), x * xp.log(y))


def _shift(xp: Any, x: Array, y: Array) -> Array:
    bits = 8 * x.dtype.itemsize
    return xp.clip(y, 0, bits - 1).astype(x.dtype)


ADD = binary("Add", "{bfloat16, float16, float32, float64, uint8, int8, int16, int32, int64, complex64, complex128, "
             "string}", _add)  # fmt: skip
ADD_V2 = binary("AddV2", "{bfloat16, float16, float32, float64, uint8, int8, int16, int32, int64, complex64, "
                "complex128}", lambda xp, x, y: xp.add(x, y), commutative=True)  # fmt: skip
SUB = binary("Sub", ARITHMETIC, lambda xp, x, y: xp.subtract(x, y))
MUL = binary("Mul", ARITHMETIC, lambda xp, x, y: xp.multiply(x, y), commutative=True)
MUL_NO_NAN = binary("MulNoNan", NO_BFLOAT16, _mul_no_nan)
DIV = binary("Div", ARITHMETIC, _div)
DIV_NO_NAN = binary("DivNoNan", NO_BFLOAT16, _div_no_nan)
REAL_DIV = binary("RealDiv", ARITHMETIC, _div)
TRUNCATE_DIV = binary("TruncateDiv", ARITHMETIC, _truncate_div)
FLOOR_DIV = binary("FloorDiv", ARITHMETIC, _floor_div)
FLOOR_MOD = binary("FloorMod", "{int32, int64, bfloat16, float16, float32, float64}", _floor_mod)
TRUNCATE_MOD = binary("TruncateMod", "{int32, int64, bfloat16, float16, float32, float64}", _truncate_mod)
MOD = binary("Mod", "{int32, int64, float16, float16, bfloat16, float32, float64}", _truncate_mod)
POW = binary("Pow", "{bfloat16, float32, float16, float64, int32, int64, complex64, complex128}", _pow)
MAXIMUM = binary("Maximum", FLOATING_OR_WIDE, lambda xp, x, y: xp.maximum(x, y), commutative=True)
MINIMUM = binary("Minimum", FLOATING_OR_WIDE, lambda xp, x, y: xp.minimum(x, y), commutative=True)
SQUARED_DIFFERENCE = binary(
    "SquaredDifference", "{bfloat16, float16, float32, float64, int32, int64, complex64, complex128}",
    _squared_difference, commutative=True,
)  # fmt: skip
XDIVY = binary("Xdivy", NO_BFLOAT16, _xdivy)
XLOGY = binary("Xlogy", NO_BFLOAT16, _xlogy)
BITWISE_AND, BITWISE_OR, BITWISE_XOR = (
    binary(name, INTEGER, kernel, commutative=True, differentiable=False)
    for name, kernel in (
        ("BitwiseAnd", lambda xp, x, y: xp.bitwise_and(x, y)),
        ("BitwiseOr", lambda xp, x, y: xp.bitwise_or(x, y)),
        ("BitwiseXor", lambda xp, x, y: xp.bitwise_xor(x, y)),
    )
)
LEFT_SHIFT = binary("LeftShift", INTEGER, lambda xp, x, y: xp.left_shift(x, _shift(xp, x, y)), differentiable=False)
RIGHT_SHIFT = binary("RightShift", INTEGER, lambda xp, x, y: xp.right_shift(x, _shift(xp, x, y)), differentiable=False)


@public("add", "math.add")
def add(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x + y``, broadcast; concatenates strings.

    Parameters
    ----------
    x, y : tensor-like
        Of one type.
    name : str, optional
        Default ``Add`` (the operator ``+`` calls its operation ``add``).

    Raises
    ------
    ValueError
        If the shapes cannot be broadcast.
    TypeError
        If the types differ.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.add(tf.constant([1.0, 2.0]), 1.0).name)
    Add:0
    """
    return apply(ADD, x, y, name=name)


def add_v2(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x + y`` as the op AddV2, which knows no strings."""
    return apply(ADD_V2, x, y, name=name)


@public("subtract", "math.subtract")
def subtract(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x - y``, broadcast."""
    return apply(SUB, x, y, name=name)


@public("multiply", "math.multiply")
def multiply(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x * y``, broadcast."""
    return apply(MUL, x, y, name=name)


@public("scalar_mul", "math.scalar_mul")
def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """A scalar times a tensor or IndexedSlices.

    Raises
    ------
    ValueError
        If `scalar` is not one.
    """
    factor = convert_to_tensor(scalar, dtype=x.dtype.base, name="scalar")
    if factor._shape != ():
        raise ValueError(f"Only scalar multiply works, got shape {factor.shape}")
    if isinstance(x, IndexedSlices):
        return IndexedSlices(apply(MUL, factor, x.values, name=name), x.indices, x.dense_shape)
    return apply(MUL, factor, x, name=name)


# What integers become in a true division.
_TRUE_DIVISION: dict[DType, DType | None] = {
    dtypes.uint8: dtypes.float32, dtypes.int8: dtypes.float32, dtypes.uint16: dtypes.float32,
    dtypes.int16: dtypes.float32, dtypes.int32: dtypes.float64, dtypes.int64: dtypes.float64,
    dtypes.bfloat16: None, dtypes.float16: None, dtypes.float32: None, dtypes.float64: None,
    dtypes.complex64: None, dtypes.complex128: None,
}  # fmt: skip


def _same_type(x: Tensor, y: Tensor) -> DType:
    kind = x.dtype.base
    if kind is not y.dtype.base:
        raise TypeError(f"x and y must have the same dtype, got {kind!r} != {y.dtype.base!r}")
    return kind


@public("truediv", "math.truediv")
def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x / y`` as Python 3 divides: integers become floats first (8 and 16 bit: float32, else float64).

    Raises
    ------
    TypeError
        If the types differ or do not divide.
    """
    with name_scope(name, "truediv", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, name="y")
        kind = _same_type(x, y)
        if kind not in _TRUE_DIVISION:
            raise TypeError(f"Invalid dtype {kind!r} in __truediv__")
        target = _TRUE_DIVISION[kind]
        if target is not None:
            x, y = cast(x, target), cast(y, target)
        return apply(REAL_DIV, x, y, name=scope)


@public("div")
def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x / y`` as Python 2 divides: integers are rounded down."""
    with name_scope(name, "div", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, name="y", dtype=x.dtype.base)
        kind = _same_type(x, y)
        if kind.is_floating or kind.is_complex:
            return apply(REAL_DIV, x, y, name=scope)
        return apply(FLOOR_DIV, x, y, name=scope)


@public("divide", "math.divide")
def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """``x / y`` by Python's rules for the objects given; `truediv` if there is a name."""
    return x / y if name is None else truediv(x, y, name)


@public("div_no_nan", "math.divide_no_nan")
def div_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x / y``, and 0 where `y` is 0."""
    with name_scope(name, "div_no_nan", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, name="y", dtype=x.dtype.base)
        return apply(DIV_NO_NAN, x, y, name=scope)


@public("math.multiply_no_nan")
def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x * y``, and 0 where `y` is 0, even if `x` is infinite or NaN."""
    with name_scope(name, "multiply_no_nan", [x, y]) as scope:
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, name="y", dtype=x.dtype.base)
        return apply(MUL_NO_NAN, x, y, name=scope)


@public("math.reciprocal_no_nan")
def reciprocal_no_nan(x: Any, name: str | None = None) -> Tensor:
    """``1 / x``, and 0 where `x` is 0."""
    with name_scope(name, "reciprocal_no_nan", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        one = convert_to_tensor(1, dtype=x.dtype.base, name="one")
        return apply(DIV_NO_NAN, one, x, name=scope)


@public("realdiv")
def realdiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x / y`` of floats."""
    return apply(REAL_DIV, x, y, name=name)


@public("truncatediv")
def truncatediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x / y``, of integers rounded toward zero; those divided by zero are an InvalidArgumentError in the run."""
    return apply(TRUNCATE_DIV, x, y, name=name)


@public("floordiv", "math.floordiv")
def floordiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x / y`` rounded down; integers divided by zero are an InvalidArgumentError in the run."""
    with name_scope(name, "floordiv", [x, y]) as scope:
        return apply(FLOOR_DIV, x, y, name=scope)


@public("floor_div")
def floor_div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """`floordiv` with the op's own name, FloorDiv."""
    return apply(FLOOR_DIV, x, y, name=name)


@public("floormod", "mod", "math.floormod", "math.mod")
def floormod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """What a division rounded down leaves; it has the sign of `y`."""
    return apply(FLOOR_MOD, x, y, name=name)


@public("truncatemod")
def truncatemod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """What a division rounded toward zero leaves; it has the sign of `x`."""
    return apply(TRUNCATE_MOD, x, y, name=name)


@public("pow", "math.pow")
def pow_(x: Any, y: Any, name: str | None = None) -> Tensor:
    """`x` to the power of `y`; integers to negative powers are an InvalidArgumentError in the run."""
    with name_scope(name, "Pow", [x]) as scope:
        return apply(POW, x, y, name=scope)


@public("maximum", "math.maximum")
def maximum(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The greater of `x` and `y`, elementwise and broadcast; NaN if either is."""
    return apply(MAXIMUM, x, y, name=name)


@public("minimum", "math.minimum")
def minimum(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The lesser of `x` and `y`, elementwise and broadcast; NaN if either is."""
    return apply(MINIMUM, x, y, name=name)


@public("squared_difference", "math.squared_difference")
def squared_difference(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``(x - y)`` squared; of complex numbers, the square of its size."""
    return apply(SQUARED_DIFFERENCE, x, y, name=name)


@public("math.xdivy")
def xdivy(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x / y``, and 0 where `x` is 0."""
    return apply(XDIVY, x, y, name=name)


@public("math.xlogy")
def xlogy(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x * log(y)``, and 0 where `x` is 0."""
    return apply(XLOGY, x, y, name=name)


@public("bitwise.bitwise_and")
def bitwise_and(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits that are set in both integers."""
    return apply(BITWISE_AND, x, y, name=name)


@public("bitwise.bitwise_or")
def bitwise_or(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits that are set in either integer."""
    return apply(BITWISE_OR, x, y, name=name)


@public("bitwise.bitwise_xor")
def bitwise_xor(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The bits that differ."""
    return apply(BITWISE_XOR, x, y, name=name)


@public("bitwise.left_shift")
def left_shift(x: Any, y: Any, name: str | None = None) -> Tensor:
    """`x` shifted by `y` bits to the left; `y` is held within the width of the type."""
    return apply(LEFT_SHIFT, x, y, name=name)


@public("bitwise.right_shift")
def right_shift(x: Any, y: Any, name: str | None = None) -> Tensor:
    """`x` shifted by `y` bits to the right, keeping the sign; `y` is held within the width of the type."""
    return apply(RIGHT_SHIFT, x, y, name=name)
