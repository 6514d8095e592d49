"""Gradients of elementwise functions of one operand.

Most wait for the incoming gradient before they compute their own factor, as in TensorFlow: it keeps
large intermediate values from being computed early.
"""

from __future__ import annotations

from typing import Any

from scopert.graph.constant import constant
from scopert.graph.opdef import gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies
from scopert.graph.tensor import Tensor
from scopert.ops.math_binary import multiply
from scopert.ops.math_complex import conj
from scopert.ops.math_unary import (
    exp,
    reciprocal,
    reciprocal_grad,
    rsqrt_grad,
    sigmoid_grad,
    sign,
    sqrt_grad,
    square,
    tanh_grad,
)


@gradient("Abs")
def _abs_grad(op: Operation, grad: Tensor) -> Any:
    return grad * sign(op.inputs[0])


@gradient("Neg")
def _neg_grad(op: Operation, grad: Tensor) -> Any:
    return -grad


@gradient("Inv", "Reciprocal")
def _reciprocal_grad(op: Operation, grad: Tensor) -> Any:
    return reciprocal_grad(op.outputs[0], grad)


@gradient("InvGrad", "ReciprocalGrad")
def _reciprocal_grad_grad(op: Operation, grad: Tensor) -> Any:
    b = op.inputs[1]
    with control_dependencies([grad]):
        ca = conj(op.inputs[0])
        cg = conj(grad)
        return cg * -2.0 * b * ca, reciprocal_grad(ca, grad)


@gradient("Square")
def _square_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        x = conj(op.inputs[0])
        return multiply(grad, multiply(x, constant(2.0, dtype=x.dtype)))


@gradient("Sqrt")
def _sqrt_grad(op: Operation, grad: Tensor) -> Any:
    return sqrt_grad(op.outputs[0], grad)


@gradient("SqrtGrad")
def _sqrt_grad_grad(op: Operation, grad: Tensor) -> Any:
    a, y = op.inputs[0], op.outputs[0]
    with control_dependencies([grad]):
        ga = grad / a
        return -conj(ga) * y, 0.5 * ga


@gradient("Rsqrt")
def _rsqrt_grad(op: Operation, grad: Tensor) -> Any:
    return rsqrt_grad(op.outputs[0], grad)


@gradient("RsqrtGrad")
def _rsqrt_grad_grad(op: Operation, grad: Tensor) -> Any:
    a, b = op.inputs
    with control_dependencies([grad]):
        ca = conj(a)
        cg = conj(grad)
        return -1.5 * cg * b * square(ca), rsqrt_grad(ca, grad)


@gradient("Exp")
def _exp_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return grad * conj(op.outputs[0])


@gradient("Expm1")
def _expm1_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return grad * exp(conj(op.inputs[0]))


@gradient("Log")
def _log_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return grad * reciprocal(conj(op.inputs[0]))


@gradient("Log1p")
def _log1p_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return grad * reciprocal(1 + conj(op.inputs[0]))


@gradient("Tanh")
def _tanh_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return tanh_grad(conj(op.outputs[0]), grad)


@gradient("TanhGrad")
def _tanh_grad_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        a, b = (conj(tensor) for tensor in op.inputs)
        return grad * -2.0 * b * a, tanh_grad(a, grad)


@gradient("Sigmoid")
def _sigmoid_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return sigmoid_grad(conj(op.outputs[0]), grad)


@gradient("SigmoidGrad")
def _sigmoid_grad_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        a, b = (conj(tensor) for tensor in op.inputs)
        gb = grad * b
        return gb - 2.0 * gb * a, sigmoid_grad(a, grad)


@gradient("Round", "Rint", "Floor", "Ceil")
def _step_grad(op: Operation, grad: Tensor) -> Any:
    return [None]
