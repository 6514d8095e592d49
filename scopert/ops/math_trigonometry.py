"""Trigonometric and hyperbolic functions and their inverses, with gradients."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.opdef import OpDef, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies
from scopert.graph.tensor import Tensor
from scopert.ops.math_binary import add as plain_add
from scopert.ops.math_binary import subtract
from scopert.ops.math_complex import conj
from scopert.ops.math_elementwise import binary, unary
from scopert.ops.math_types import FLOATING, FLOATING_OR_COMPLEX, SIGNED
from scopert.ops.math_unary import reciprocal, sqrt, square
from scopert.public import public


def _function(name: str, numpy_name: str, types: str = FLOATING_OR_COMPLEX) -> OpDef:
    def kernel(xp: Any, x: Any) -> Any:
        return getattr(xp, numpy_name)(x).astype(x.dtype, copy=False)  # integers are cut off

    return unary(name, types, kernel)


SIN = _function("Sin", "sin")
COS = _function("Cos", "cos")
TAN = _function("Tan", "tan", SIGNED)
ASIN = _function("Asin", "arcsin", SIGNED)
ACOS = _function("Acos", "arccos", SIGNED)
ATAN = _function("Atan", "arctan", SIGNED)
SINH = _function("Sinh", "sinh")
COSH = _function("Cosh", "cosh")
ASINH = _function("Asinh", "arcsinh")
ACOSH = _function("Acosh", "arccosh")
ATANH = _function("Atanh", "arctanh")
ATAN2 = binary("Atan2", FLOATING, lambda xp, y, x: xp.arctan2(y, x), inputs="y: T, x: T")


@public("sin", "math.sin")
def sin(x: Any, name: str | None = None) -> Tensor:
    """The sine, elementwise."""
    return apply(SIN, x, name=name)


@public("cos", "math.cos")
def cos(x: Any, name: str | None = None) -> Tensor:
    """The cosine, elementwise."""
    return apply(COS, x, name=name)


@public("tan", "math.tan")
def tan(x: Any, name: str | None = None) -> Tensor:
    """The tangent, elementwise."""
    return apply(TAN, x, name=name)


@public("asin", "math.asin")
def asin(x: Any, name: str | None = None) -> Tensor:
    """The inverse of the sine, elementwise."""
    return apply(ASIN, x, name=name)


@public("acos", "math.acos")
def acos(x: Any, name: str | None = None) -> Tensor:
    """The inverse of the cosine, elementwise."""
    return apply(ACOS, x, name=name)


@public("atan", "math.atan")
def atan(x: Any, name: str | None = None) -> Tensor:
    """The inverse of the tangent, elementwise."""
    return apply(ATAN, x, name=name)


@public("atan2", "math.atan2")
def atan2(y: Any, x: Any, name: str | None = None) -> Tensor:
    """The angle of the point ``(x, y)``, of [-pi, pi]."""
    return apply(ATAN2, y, x, name=name)


@public("sinh", "math.sinh")
def sinh(x: Any, name: str | None = None) -> Tensor:
    """The hyperbolic sine, elementwise."""
    return apply(SINH, x, name=name)


@public("cosh", "math.cosh")
def cosh(x: Any, name: str | None = None) -> Tensor:
    """The hyperbolic cosine, elementwise."""
    return apply(COSH, x, name=name)


@public("asinh", "math.asinh")
def asinh(x: Any, name: str | None = None) -> Tensor:
    """The inverse of the hyperbolic sine, elementwise."""
    return apply(ASINH, x, name=name)


@public("acosh", "math.acosh")
def acosh(x: Any, name: str | None = None) -> Tensor:
    """The inverse of the hyperbolic cosine, elementwise."""
    return apply(ACOSH, x, name=name)


@public("atanh", "math.atanh")
def atanh(x: Any, name: str | None = None) -> Tensor:
    """The inverse of the hyperbolic tangent, elementwise."""
    return apply(ATANH, x, name=name)


@gradient("Sin")
def _sin_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return grad * cos(conj(op.inputs[0]))


@gradient("Cos")
def _cos_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        x = conj(op.inputs[0])
        return -grad * sin(x)


@gradient("Tan")
def _tan_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return square(reciprocal(cos(conj(op.inputs[0])))) * grad


def _inverse_root(op: Operation, grad: Tensor) -> Tensor:
    """``1 / sqrt(1 - x**2)``."""
    squared = square(conj(op.inputs[0]))
    one = constant(1, dtype=grad.dtype)
    return reciprocal(sqrt(subtract(one, squared)))


@gradient("Asin")
def _asin_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return grad * _inverse_root(op, grad)


@gradient("Acos")
def _acos_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        inverse = _inverse_root(op, grad)
        return -grad * inverse


@gradient("Atan")
def _atan_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        squared = square(conj(op.inputs[0]))
        one = constant(1, dtype=grad.dtype)
        return grad * reciprocal(plain_add(one, squared))


@gradient("Atan2")
def _atan2_grad(op: Operation, grad: Tensor) -> Any:
    y, x = op.inputs
    with control_dependencies([grad]):
        scaled = grad / (square(x) + square(y))
        return x * scaled, -y * scaled


@gradient("Sinh")
def _sinh_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return grad * cosh(conj(op.inputs[0]))


@gradient("Cosh")
def _cosh_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return grad * sinh(conj(op.inputs[0]))


@gradient("Asinh")
def _asinh_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return grad / cosh(conj(op.outputs[0]))


@gradient("Acosh")
def _acosh_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return grad / sinh(conj(op.outputs[0]))


@gradient("Atanh")
def _atanh_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        squared = square(conj(op.inputs[0]))
        one = constant(1, dtype=grad.dtype)
        return grad * reciprocal(subtract(one, squared))
