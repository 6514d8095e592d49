"""Gradients of the arithmetic of two operands."""

from __future__ import annotations

from typing import Any

from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.opdef import gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies
from scopert.graph.tensor import Tensor
from scopert.ops.math_binary import (
    MUL,
    MUL_NO_NAN,
    div_no_nan,
    divide,
    floor_div,
    realdiv,
    scalar_mul,
    xdivy,
    xlogy,
)
from scopert.ops.math_broadcast_grad import fully_equal, unbroadcast_both, unbroadcast_known
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import not_equal
from scopert.ops.math_complex import conj
from scopert.ops.math_unary import negative

Grads = tuple[Any, Any]


@gradient("Add", "AddV2")
def _add_grad(op: Operation, grad: Tensor) -> Grads:
    x, y = op.inputs
    if fully_equal(x, y, grad):
        return grad, grad
    to_x, to_y = unbroadcast_known(x, y, grad)
    return to_x(grad), to_y(grad)


@gradient("Sub")
def _sub_grad(op: Operation, grad: Tensor) -> Grads:
    x, y = op.inputs
    if fully_equal(x, y, grad):
        return grad, -grad
    to_x, to_y = unbroadcast_known(x, y, grad)
    return to_x(grad), to_y(-grad)


@gradient("Mul")
def _mul_grad(op: Operation, grad: Tensor) -> Grads:
    x, y = op.inputs
    if fully_equal(x, y, grad) and grad.dtype in (dtypes.int32, dtypes.float32):
        return apply(MUL, grad, y), apply(MUL, grad, x)
    to_x, to_y = unbroadcast_known(x, y, grad)
    x, y = conj(x), conj(y)
    return to_x(apply(MUL, grad, y)), to_y(apply(MUL, x, grad))


@gradient("MulNoNan")
def _mul_no_nan_grad(op: Operation, grad: Tensor) -> Grads:
    x, y = op.inputs
    if fully_equal(x, y, grad):
        return apply(MUL_NO_NAN, grad, y), apply(MUL_NO_NAN, x, grad)
    to_x, to_y = unbroadcast_both(x, y)
    return to_x(apply(MUL_NO_NAN, grad, y)), to_y(apply(MUL_NO_NAN, x, grad))


@gradient("RealDiv")
def _real_div_grad(op: Operation, grad: Tensor) -> Grads:
    to_x, to_y = unbroadcast_both(*op.inputs)
    x, y = (conj(tensor) for tensor in op.inputs)
    return to_x(realdiv(grad, y)), to_y(grad * realdiv(realdiv(-x, y), y))


@gradient("Div")
def _div_grad(op: Operation, grad: Tensor) -> Grads:
    to_x, to_y = unbroadcast_both(*op.inputs)
    x, y = (conj(tensor) for tensor in op.inputs)
    return to_x(divide(grad, y)), to_y(grad * divide(divide(-x, y), y))


@gradient("DivNoNan")
def _div_no_nan_grad(op: Operation, grad: Tensor) -> Grads:
    to_x, to_y = unbroadcast_both(*op.inputs)
    x, y = (conj(tensor) for tensor in op.inputs)
    return to_x(div_no_nan(grad, y)), to_y(grad * div_no_nan(div_no_nan(-x, y), y))


@gradient("FloorDiv", "TruncateDiv")
def _integral_div_grad(op: Operation, grad: Tensor) -> Grads:
    return None, None


@gradient("FloorMod")
def _floor_mod_grad(op: Operation, grad: Tensor) -> Grads:
    x, y = (conj(tensor) for tensor in op.inputs)
    to_x, to_y = unbroadcast_both(x, y)
    quotient = floor_div(x, y)
    return to_x(grad), to_y(grad * negative(quotient))


def _where_not_zero(x: Tensor) -> Any:
    """1 where `x` is not 0, and 0 there."""
    return cast(not_equal(x, cast(0.0, x.dtype)), x.dtype)


@gradient("Xlogy")
def _xlogy_grad(op: Operation, grad: Tensor) -> Grads:
    x, y = op.inputs
    to_x, to_y = unbroadcast_both(x, y)
    with control_dependencies([grad]):
        of_x = xlogy(_where_not_zero(x), y)
        of_y = xdivy(x, y)
        return to_x(of_x * grad), to_y(of_y * grad)


@gradient("Xdivy")
def _xdivy_grad(op: Operation, grad: Tensor) -> Grads:
    x, y = op.inputs
    to_x, to_y = unbroadcast_both(x, y)
    with control_dependencies([grad]):
        of_x = xdivy(_where_not_zero(x), y)
        of_y = xdivy(negative(x), y**2)
        return to_x(of_x * grad), to_y(of_y * grad)


@gradient("SquaredDifference")
def _squared_difference_grad(op: Operation, grad: Tensor) -> Grads:
    x, y = op.inputs
    with control_dependencies([grad]):
        of_x = scalar_mul(2.0, grad) * (x - y)
    if fully_equal(x, y, grad):
        return of_x, -of_x
    to_x, to_y = unbroadcast_known(x, y, grad)
    return to_x(of_x), -to_y(of_x)
