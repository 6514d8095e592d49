"""Comparisons and logic."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph.build import apply
from scopert.graph.opdef import COMMUTATIVE, ELEMENTWISE, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape import broadcast as broadcast_shapes
from scopert.graph.shape_rules import broadcast, same_as_all, same_as_first
from scopert.graph.tensor import Shape, Tensor, define_operator
from scopert.ops.math_elementwise import binary
from scopert.ops.math_types import NUMERIC, REAL
from scopert.public import public

Array = Any

_COMPARABLE = (
    "{bfloat16, float16, float32, float64, uint8, int8, int16, int32, int64, complex64, quint8, qint8, qint32, "
    "string, bool, complex128}"
)


def _equality_shape(op: Operation) -> list[Shape]:
    if op.attrs["incompatible_shape_error"]:
        return broadcast(op)
    left, right = (tensor._shape for tensor in op.inputs)
    try:
        found = broadcast_shapes(left, right)
    except ValueError:
        return [()]
    certain = left is not None and right is not None and None not in left and None not in right
    return [found if certain or left == right == () else None]


def _equals(xp: Any, x: Array, y: Array, shape_error: bool, differ: bool) -> Array:
    if isinstance(x, bytes) or isinstance(y, bytes):
        made = np.not_equal(_boxed(x), _boxed(y)) if differ else np.equal(_boxed(x), _boxed(y))
        return np.asarray(made, bool)
    if not shape_error:
        try:
            np.broadcast_shapes(x.shape, y.shape)
        except ValueError:
            return xp.asarray(differ)
    made = xp.not_equal(x, y) if differ else xp.equal(x, y)
    return made.astype(bool) if made.dtype != bool else made


def _boxed(value: Any) -> Array:
    if not isinstance(value, bytes):
        return value
    made = np.empty((), object)
    made[()] = value
    return made


def _equal(xp: Any, x: Array, y: Array, *, incompatible_shape_error: bool) -> Array:
    return _equals(xp, x, y, incompatible_shape_error, False)


def _not_equal(xp: Any, x: Array, y: Array, *, incompatible_shape_error: bool) -> Array:
    return _equals(xp, x, y, incompatible_shape_error, True)


def _approximate_equal(xp: Any, x: Array, y: Array, *, tolerance: float) -> Array:
    return xp.abs(x - y) < tolerance


EQUAL, NOT_EQUAL = (
    define_op(
        name, inputs="x: T, y: T", outputs="z: bool",
        attrs=f"T: {_COMPARABLE}; incompatible_shape_error: bool = true", shape=_equality_shape, kernel=kernel,
        traits=(ELEMENTWISE, COMMUTATIVE), differentiable=False,
    )
    for name, kernel in (("Equal", _equal), ("NotEqual", _not_equal))
)  # fmt: skip
APPROXIMATE_EQUAL = define_op(
    "ApproximateEqual", inputs="x: T, y: T", outputs="z: bool",
    attrs=f"T: {NUMERIC}; tolerance: float = 9.999999747378752e-06", shape=same_as_all, kernel=_approximate_equal,
    traits=(ELEMENTWISE, COMMUTATIVE), differentiable=False,
)  # fmt: skip
LESS = binary("Less", REAL, lambda xp, x, y: xp.less(x, y), outputs="z: bool", differentiable=False)
LESS_EQUAL = binary("LessEqual", REAL, lambda xp, x, y: xp.less_equal(x, y), outputs="z: bool", differentiable=False)
GREATER = binary("Greater", REAL, lambda xp, x, y: xp.greater(x, y), outputs="z: bool", differentiable=False)
GREATER_EQUAL = binary(
    "GreaterEqual", REAL, lambda xp, x, y: xp.greater_equal(x, y), outputs="z: bool", differentiable=False
)
LOGICAL_AND = binary("LogicalAnd", "", lambda xp, x, y: xp.logical_and(x, y), commutative=True, outputs="z: bool",
                     inputs="x: bool, y: bool", differentiable=False)  # fmt: skip
LOGICAL_OR = binary("LogicalOr", "", lambda xp, x, y: xp.logical_or(x, y), commutative=True, outputs="z: bool",
                    inputs="x: bool, y: bool", differentiable=False)  # fmt: skip
LOGICAL_NOT = define_op(
    "LogicalNot", inputs="x: bool", outputs="y: bool", shape=same_as_first, kernel=lambda xp, x: xp.logical_not(x),
    traits=ELEMENTWISE, differentiable=False,
)  # fmt: skip


@public("equal", "math.equal")
def equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether ``x == y``, elementwise and broadcast; of numbers, strings or booleans.

    ``==`` on tensors compares the objects, not their values.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.equal(tf.constant([1, 2]), 2).dtype
    tf.bool
    """
    return apply(EQUAL, x, y, name=name)


@public("not_equal", "math.not_equal")
def not_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether ``x != y``, elementwise and broadcast."""
    return apply(NOT_EQUAL, x, y, name=name)


def approximate_equal(x: Any, y: Any, tolerance: float = 1e-5, name: str | None = None) -> Tensor:
    """Whether `x` and `y`, of one shape, differ by less than `tolerance`."""
    return apply(APPROXIMATE_EQUAL, x, y, tolerance=tolerance, name=name)


@public("less", "math.less")
def less(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether ``x < y``, elementwise and broadcast."""
    return apply(LESS, x, y, name=name)


@public("less_equal", "math.less_equal")
def less_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether ``x <= y``, elementwise and broadcast."""
    return apply(LESS_EQUAL, x, y, name=name)


@public("greater", "math.greater")
def greater(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether ``x > y``, elementwise and broadcast."""
    return apply(GREATER, x, y, name=name)


@public("greater_equal", "math.greater_equal")
def greater_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether ``x >= y``, elementwise and broadcast."""
    return apply(GREATER_EQUAL, x, y, name=name)


@public("logical_and", "math.logical_and")
def logical_and(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether both are true."""
    return apply(LOGICAL_AND, x, y, name=name)


@public("logical_or", "math.logical_or")
def logical_or(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether either is true."""
    return apply(LOGICAL_OR, x, y, name=name)


@public("logical_not", "math.logical_not")
def logical_not(x: Any, name: str | None = None) -> Tensor:
    """Whether it is false."""
    return apply(LOGICAL_NOT, x, name=name)


@public("logical_xor", "math.logical_xor")
def logical_xor(x: Any, y: Any, name: str = "LogicalXor") -> Tensor:
    """Whether exactly one is true."""
    either = apply(LOGICAL_OR, x, y)
    both = apply(LOGICAL_AND, x, y)
    return apply(LOGICAL_AND, either, apply(LOGICAL_NOT, both), name=name)


define_operator("__invert__", logical_not)
define_operator("__lt__", less)
define_operator("__le__", less_equal)
define_operator("__gt__", greater)
define_operator("__ge__", greater_equal)
