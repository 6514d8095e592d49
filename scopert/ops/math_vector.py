"""Small ops of their own: cross products, neighbouring floats, clipping."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.opdef import ELEMENTWISE, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies
from scopert.graph.shape_rules import at_least_rank, same_as_all
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_fill import ones, zeros
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_where import where
from scopert.ops.math_broadcast_grad import Unbroadcast, broadcast_gradient_args
from scopert.ops.math_comparison import greater, less, logical_or
from scopert.ops.math_elementwise import binary
from scopert.ops.math_types import NUMERIC, REAL
from scopert.public import public

Array = Any


def _cross_shape(op: Operation) -> list[Shape]:
    [shape] = same_as_all(op)
    at_least_rank(shape, 1)
    if shape is not None and shape[-1] not in (3, None):
        raise ValueError(f"Cross-products are only defined for 3-element vectors, got {shape[-1]}")
    return [shape]


def _cross(xp: Any, a: Array, b: Array) -> Array:
    a0, a1, a2 = a[..., 0], a[..., 1], a[..., 2]
    b0, b1, b2 = b[..., 0], b[..., 1], b[..., 2]
    return xp.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=-1)


CROSS = define_op(
    "Cross", inputs="a: T, b: T", outputs="product: T", attrs=f"T: {REAL}", shape=_cross_shape, kernel=_cross,
)  # fmt: skip


@public("cross", "linalg.cross")
def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """The cross products of vectors of three elements, along the last axis."""
    return apply(CROSS, a, b, name=name)


@gradient("Cross")
def _cross_grad(op: Operation, grad: Tensor) -> Any:
    u, v = op.inputs
    return cross(v, grad), cross(grad, u)


NEXT_AFTER = binary("NextAfter", "{float64, float32} = float32", lambda xp, a, b: xp.nextafter(a, b),
                    inputs="x1: T, x2: T", outputs="output: T")  # fmt: skip


@public("math.nextafter")
def nextafter(x1: Any, x2: Any, name: str | None = None) -> Tensor:
    """The next float after `x1` toward `x2`, elementwise and broadcast."""
    return apply(NEXT_AFTER, x1, x2, name=name)


@gradient("NextAfter")
def _nextafter_grad(op: Operation, grad: Tensor) -> Any:
    x1, x2 = op.inputs
    s1, s2 = shape_of(x1), shape_of(x2)
    r1, r2 = broadcast_gradient_args(s1, s2)
    with control_dependencies([grad]):
        of_x1 = ones(s1, dtype=x1.dtype)
        of_x2 = zeros(s2, dtype=x2.dtype)
        return Unbroadcast(s1, r1, True)(of_x1 * grad), Unbroadcast(s2, r2, True)(of_x2 * grad)


def _clip_shape(op: Operation) -> list[Shape]:
    return [op.inputs[0]._shape]


CLIP_BY_VALUE = define_op(
    "ClipByValue", inputs="t: T, clip_value_min: T, clip_value_max: T", outputs="output: T", attrs=f"T: {NUMERIC}",
    shape=_clip_shape, kernel=lambda xp, t, low, high: xp.minimum(xp.maximum(t, low), high), traits=ELEMENTWISE,
)  # fmt: skip


@gradient("ClipByValue")
def _clip_by_value_grad(op: Operation, grad: Tensor) -> Any:
    x, y, z = op.inputs
    sx, sy, sz = shape_of(x), shape_of(y), shape_of(z)
    none = zeros(shape_of(grad), grad.dtype)
    below, above = less(x, y), greater(x, z)
    _, ry = broadcast_gradient_args(sx, sy)
    rx, rz = broadcast_gradient_args(sx, sz)
    of_x = where(logical_or(below, above), none, grad)
    of_y, of_z = where(below, grad, none), where(above, grad, none)
    return Unbroadcast(sx, rx, True)(of_x), Unbroadcast(sy, ry, True)(of_y), Unbroadcast(sz, rz, True)(of_z)
