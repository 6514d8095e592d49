"""Elementwise ops of one input that are plain arithmetic, powers, exponentials and rounding."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import ELEMENTWISE, define_op
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import same_as_first
from scopert.graph.tensor import Tensor, define_operator
from scopert.ops.math_elementwise import unary, unary_grad
from scopert.ops.math_types import COMPLEX, FLOATING, FLOATING_OR_COMPLEX, INTEGER, SIGNED
from scopert.ops.sparse_map import maps_sparse
from scopert.public import public

Array = Any


def _is_integer(x: Array) -> bool:
    return bool(x.dtype.kind in "iu")


def _reciprocal(xp: Any, x: Array) -> Array:
    if _is_integer(x):  # 1 / x cut off: 1, -1 or 0
        return xp.where(xp.abs(x) == 1, x, x.dtype.type(0))
    return x.dtype.type(1) / x


def _round(xp: Any, x: Array) -> Array:
    return xp.array(x) if _is_integer(x) else xp.rint(x)


def _sign(xp: Any, x: Array) -> Array:
    if x.dtype.kind != "c":
        return xp.sign(x)
    size = xp.abs(x)
    return xp.where(size == 0, x.dtype.type(0), x / xp.where(size == 0, size.dtype.type(1), size)).astype(x.dtype)


def _sigmoid(xp: Any, x: Array) -> Array:
    one = x.dtype.type(1)
    if x.dtype.kind == "c":
        return one / (one + xp.exp(-x))
    if x.dtype.itemsize > 2:  # where the power overflows, the result is as good as 0
        return one / (one + xp.exp(-x))
    e = xp.exp(-xp.abs(x))  # never overflows
    return xp.where(x >= 0, one, e) / (one + e)


def _conjugate(xp: Any, x: Array) -> Array:
    return xp.conj(x) if x.dtype.kind == "c" else x


def _reciprocal_grad(xp: Any, y: Array, dy: Array) -> Array:
    y = _conjugate(xp, y)
    return -dy * y * y


def _sqrt_grad(xp: Any, y: Array, dy: Array) -> Array:
    return dy * y.dtype.type(0.5) / _conjugate(xp, y)


def _rsqrt_grad(xp: Any, y: Array, dy: Array) -> Array:
    y = _conjugate(xp, y)
    return dy * (y.dtype.type(-0.5) * y) * (y * y)


def _tanh_grad(xp: Any, y: Array, dy: Array) -> Array:
    return dy * (y.dtype.type(1) - y * y)


def _sigmoid_grad(xp: Any, y: Array, dy: Array) -> Array:
    return dy * (y.dtype.type(1) - y) * y


def _population_count(xp: Any, x: Array) -> Array:
    return xp.bitwise_count(x.view(f"u{x.dtype.itemsize}")).astype(xp.uint8)


ABS = unary("Abs", "{bfloat16, float16, float32, float64, int8, int16, int32, int64}", lambda xp, x: xp.abs(x))
NEG = unary("Neg", SIGNED, lambda xp, x: xp.negative(x))
INV = unary("Inv", SIGNED, _reciprocal)
RECIPROCAL = unary("Reciprocal", SIGNED, _reciprocal)
SQUARE = unary("Square", SIGNED, lambda xp, x: x * x)
SQRT = unary("Sqrt", FLOATING_OR_COMPLEX, lambda xp, x: xp.sqrt(x))
RSQRT = unary("Rsqrt", FLOATING_OR_COMPLEX, lambda xp, x: x.dtype.type(1) / xp.sqrt(x))
EXP = unary("Exp", FLOATING_OR_COMPLEX, lambda xp, x: xp.exp(x))
EXPM1 = unary("Expm1", FLOATING_OR_COMPLEX, lambda xp, x: xp.expm1(x))
LOG = unary("Log", FLOATING_OR_COMPLEX, lambda xp, x: xp.log(x))
LOG1P = unary("Log1p", FLOATING_OR_COMPLEX, lambda xp, x: xp.log1p(x))
TANH = unary("Tanh", FLOATING_OR_COMPLEX, lambda xp, x: xp.tanh(x))
SIGMOID = unary("Sigmoid", FLOATING_OR_COMPLEX, _sigmoid)
SIGN = unary("Sign", SIGNED, _sign)
ROUND = unary("Round", SIGNED, _round)
RINT = unary("Rint", FLOATING, lambda xp, x: xp.rint(x))
FLOOR = unary("Floor", FLOATING, lambda xp, x: xp.floor(x))
CEIL = unary("Ceil", FLOATING, lambda xp, x: xp.ceil(x))
IS_NAN = unary("IsNan", FLOATING, lambda xp, x: xp.isnan(x), "y: bool", differentiable=False)
IS_INF = unary("IsInf", FLOATING, lambda xp, x: xp.isinf(x), "y: bool", differentiable=False)
IS_FINITE = unary("IsFinite", FLOATING, lambda xp, x: xp.isfinite(x), "y: bool", differentiable=False)
INVERT = unary("Invert", INTEGER, lambda xp, x: xp.invert(x), differentiable=False)
POPULATION_COUNT = unary("PopulationCount", INTEGER, _population_count, "y: uint8", differentiable=False)

INV_GRAD = unary_grad("InvGrad", _reciprocal_grad, FLOATING_OR_COMPLEX)
RECIPROCAL_GRAD = unary_grad("ReciprocalGrad", _reciprocal_grad, FLOATING_OR_COMPLEX)
SQRT_GRAD = unary_grad("SqrtGrad", _sqrt_grad, FLOATING_OR_COMPLEX)
RSQRT_GRAD = unary_grad("RsqrtGrad", _rsqrt_grad, FLOATING_OR_COMPLEX)
TANH_GRAD = unary_grad("TanhGrad", _tanh_grad, FLOATING_OR_COMPLEX)
SIGMOID_GRAD = unary_grad("SigmoidGrad", _sigmoid_grad, FLOATING_OR_COMPLEX)

COMPLEX_ABS = define_op(
    "ComplexAbs", inputs="x: T", outputs="y: Tout", attrs=f"T: {COMPLEX}; Tout: {{float32, float64}} = float32",
    shape=same_as_first, kernel=lambda xp, x: xp.abs(x), traits=ELEMENTWISE,
)  # fmt: skip


@public("abs", "math.abs")
@maps_sparse("Abs")
def abs_(x: Any, name: str | None = None) -> Tensor:
    """The absolute value; of complex numbers, as the real type of half their width."""
    with name_scope(name, "Abs", [x]) as scope:
        tensor = convert_to_tensor(x, name="x")
        if tensor.dtype.is_complex:
            return apply(COMPLEX_ABS, tensor, Tout=tensor.dtype.real_dtype, name=scope)
        return apply(ABS, tensor, name=scope)


@public("negative", "math.negative")
@maps_sparse("Neg")
def negative(x: Any, name: str | None = None) -> Tensor:
    """``-x``, elementwise."""
    return apply(NEG, x, name=name)


neg = negative


@public("math.reciprocal", "reciprocal")
def reciprocal(x: Any, name: str | None = None) -> Tensor:
    """``1 / x``, elementwise."""
    return apply(RECIPROCAL, x, name=name)


@public("square", "math.square")
@maps_sparse("Square")
def square(x: Any, name: str | None = None) -> Tensor:
    """``x * x``, elementwise."""
    return apply(SQUARE, x, name=name)


@public("sqrt", "math.sqrt")
@maps_sparse("Sqrt")
def sqrt(x: Any, name: str | None = None) -> Tensor:
    """The square root, elementwise; NaN for negative real numbers."""
    return apply(SQRT, x, name=name)


@public("rsqrt", "math.rsqrt")
def rsqrt(x: Any, name: str | None = None) -> Tensor:
    """``1 / sqrt(x)``, elementwise."""
    return apply(RSQRT, x, name=name)


@public("exp", "math.exp")
def exp(x: Any, name: str | None = None) -> Tensor:
    """e to the power of `x`, elementwise."""
    return apply(EXP, x, name=name)


@public("expm1", "math.expm1")
def expm1(x: Any, name: str | None = None) -> Tensor:
    """``exp(x) - 1``, exact for small `x`, elementwise."""
    return apply(EXPM1, x, name=name)


@public("log", "math.log")
def log(x: Any, name: str | None = None) -> Tensor:
    """The natural logarithm, elementwise."""
    return apply(LOG, x, name=name)


@public("log1p", "math.log1p")
def log1p(x: Any, name: str | None = None) -> Tensor:
    """``log(1 + x)``, exact for small `x`, elementwise."""
    return apply(LOG1P, x, name=name)


@public("tanh", "math.tanh", "nn.tanh")
@maps_sparse("Tanh")
def tanh(x: Any, name: str | None = None) -> Tensor:
    """The hyperbolic tangent, elementwise."""
    return apply(TANH, x, name=name)


@public("sigmoid", "math.sigmoid", "nn.sigmoid")
def sigmoid(x: Any, name: str | None = None) -> Tensor:
    """``1 / (1 + exp(-x))``, elementwise.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.sigmoid(tf.constant([0.0, 1.0])).shape
    TensorShape([Dimension(2)])
    """
    with name_scope(name, "Sigmoid", [x]) as scope:
        return apply(SIGMOID, convert_to_tensor(x, name="x"), name=scope)


@public("sign", "math.sign")
@maps_sparse("Sign")
def sign(x: Any, name: str | None = None) -> Tensor:
    """-1, 0 or 1; of complex numbers ``x / |x|``, and 0 for 0."""
    return apply(SIGN, x, name=name)


@public("round", "math.round")
def round_(x: Any, name: str | None = None) -> Tensor:
    """The nearest integer, halves to the even one. Integers are returned as they are."""
    tensor = convert_to_tensor(x, name="x")
    return tensor if tensor.dtype.is_integer else apply(ROUND, tensor, name=name)


@public("rint", "math.rint")
def rint(x: Any, name: str | None = None) -> Tensor:
    """The nearest integer, halves to the even one."""
    return apply(RINT, x, name=name)


@public("floor", "math.floor")
def floor(x: Any, name: str | None = None) -> Tensor:
    """The largest integer that is not greater, elementwise."""
    return apply(FLOOR, x, name=name)


@public("ceil", "math.ceil")
def ceil(x: Any, name: str | None = None) -> Tensor:
    """The smallest integer that is not less, elementwise."""
    return apply(CEIL, x, name=name)


@public("is_nan", "math.is_nan", "debugging.is_nan")
def is_nan(x: Any, name: str | None = None) -> Tensor:
    """Which elements are NaN."""
    return apply(IS_NAN, x, name=name)


@public("is_inf", "math.is_inf", "debugging.is_inf")
def is_inf(x: Any, name: str | None = None) -> Tensor:
    """Which elements are infinite."""
    return apply(IS_INF, x, name=name)


@public("is_finite", "math.is_finite", "debugging.is_finite")
def is_finite(x: Any, name: str | None = None) -> Tensor:
    """Which elements are neither infinite nor NaN."""
    return apply(IS_FINITE, x, name=name)


@public("bitwise.invert")
def invert(x: Any, name: str | None = None) -> Tensor:
    """Flips all bits of integers."""
    return apply(INVERT, x, name=name)


def population_count(x: Any, name: str | None = None) -> Tensor:
    """How many bits are set, as uint8."""
    return apply(POPULATION_COUNT, x, name=name)


def reciprocal_grad(y: Any, dy: Any, name: str | None = None) -> Tensor:
    """The gradient of `reciprocal` from its result `y`."""
    return apply(RECIPROCAL_GRAD, y, dy, name=name)


def sqrt_grad(y: Any, dy: Any, name: str | None = None) -> Tensor:
    """The gradient of `sqrt` from its result `y`."""
    return apply(SQRT_GRAD, y, dy, name=name)


def rsqrt_grad(y: Any, dy: Any, name: str | None = None) -> Tensor:
    """The gradient of `rsqrt` from its result `y`."""
    return apply(RSQRT_GRAD, y, dy, name=name)


def tanh_grad(y: Any, dy: Any, name: str | None = None) -> Tensor:
    """The gradient of `tanh` from its result `y`."""
    return apply(TANH_GRAD, y, dy, name=name)


def sigmoid_grad(y: Any, dy: Any, name: str | None = None) -> Tensor:
    """The gradient of `sigmoid` from its result `y`."""
    return apply(SIGMOID_GRAD, y, dy, name=name)


define_operator("__neg__", negative)
define_operator("__abs__", abs_)
