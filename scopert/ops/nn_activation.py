"""Rectifiers and their relatives: Relu, Relu6, LeakyRelu, Elu, Selu, Softplus and Softsign.

Each comes with its gradient op. A kernel picks constants of the array's own type, so that 16-bit floats
stay what they are.
"""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import ELEMENTWISE, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape_rules import same_as_all, same_as_first
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import zeros, zeros_like
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_where import where
from scopert.ops.math_cast import cast
from scopert.ops.math_unary import exp, negative, sigmoid
from scopert.public import public

Array = Any

REAL = "T: {float32, float64, int32, uint8, int16, int8, int64, bfloat16, uint16, float16, uint32, uint64}"
FLOATING = "T: {float16, bfloat16, float32, float64}"
LEAKY = "alpha: float = 0.20000000298023224; T: {float16, bfloat16, float32, float64} = float32"

# Klambauer et al., "Self-Normalizing Neural Networks", 2017: the constants whose fixed point is (0, 1).
SELU_SCALE = 1.0507009873554804934193349852946
SELU_SCALE_ALPHA = 1.7580993408473768599402175208123


def _keep_where(xp: Any, gradients: Array, mask: Array) -> Array:
    return xp.where(mask, gradients, gradients.dtype.type(0))


def _leaky(xp: Any, x: Array, *, alpha: float) -> Array:
    return xp.where(x > 0, x, x * x.dtype.type(alpha))


def _leaky_grad(xp: Any, gradients: Array, x: Array, *, alpha: float) -> Array:
    return xp.where(x > 0, gradients, gradients * x.dtype.type(alpha))


def _elu_grad(xp: Any, gradients: Array, y: Array) -> Array:
    return xp.where(y < 0, (y + y.dtype.type(1)) * gradients, gradients)


def _selu(xp: Any, x: Array) -> Array:
    kind = x.dtype.type
    return xp.where(x < 0, kind(SELU_SCALE_ALPHA) * xp.expm1(x), kind(SELU_SCALE) * x)


def _selu_grad(xp: Any, gradients: Array, y: Array) -> Array:
    kind = y.dtype.type
    return xp.where(y < 0, gradients * (y + kind(SELU_SCALE_ALPHA)), gradients * kind(SELU_SCALE))


def _softsign_grad(xp: Any, gradients: Array, x: Array) -> Array:
    size = x.dtype.type(1) + xp.abs(x)
    return gradients / (size * size)


RELU = define_op(
    "Relu", "features: T", "activations: T",
    "T: {float32, float64, int32, uint8, int16, int8, int64, bfloat16, uint16, float16, uint32, uint64, qint8}",
    shape=same_as_first, traits=ELEMENTWISE,
    kernel=lambda xp, x: xp.maximum(x, x.dtype.type(0)),
)  # fmt: skip
RELU_GRAD = define_op(
    "ReluGrad", "gradients: T, features: T", "backprops: T", REAL, shape=same_as_all, traits=ELEMENTWISE,
    kernel=lambda xp, g, x: _keep_where(xp, g, x > 0),
)  # fmt: skip
RELU6 = define_op(
    "Relu6", "features: T", "activations: T", REAL, shape=same_as_first, traits=ELEMENTWISE,
    kernel=lambda xp, x: xp.minimum(xp.maximum(x, x.dtype.type(0)), x.dtype.type(6)),
)  # fmt: skip
RELU6_GRAD = define_op(
    "Relu6Grad", "gradients: T, features: T", "backprops: T", REAL, shape=same_as_all, traits=ELEMENTWISE,
    kernel=lambda xp, g, x: _keep_where(xp, g, (x > 0) & (x < 6)),
)  # fmt: skip
LEAKY_RELU = define_op(
    "LeakyRelu", "features: T", "activations: T", LEAKY, shape=same_as_first, traits=ELEMENTWISE,
    kernel=_leaky,
)  # fmt: skip
LEAKY_RELU_GRAD = define_op(
    "LeakyReluGrad", "gradients: T, features: T", "backprops: T", LEAKY, shape=same_as_all,
    traits=ELEMENTWISE, kernel=_leaky_grad,
)  # fmt: skip
ELU = define_op(
    "Elu", "features: T", "activations: T", FLOATING, shape=same_as_first, traits=ELEMENTWISE,
    kernel=lambda xp, x: xp.where(x < 0, xp.expm1(x), x),
)  # fmt: skip
ELU_GRAD = define_op(
    "EluGrad", "gradients: T, outputs: T", "backprops: T", FLOATING, shape=same_as_all,
    traits=ELEMENTWISE, kernel=_elu_grad,
)  # fmt: skip
SELU = define_op(
    "Selu", "features: T", "activations: T", FLOATING, shape=same_as_first, traits=ELEMENTWISE, kernel=_selu
)
SELU_GRAD = define_op(
    "SeluGrad", "gradients: T, outputs: T", "backprops: T", FLOATING, shape=same_as_all,
    traits=ELEMENTWISE, kernel=_selu_grad,
)  # fmt: skip
SOFTPLUS = define_op(
    "Softplus", "features: T", "activations: T", FLOATING, shape=same_as_first, traits=ELEMENTWISE,
    kernel=lambda xp, x: xp.logaddexp(x, x.dtype.type(0)),
)  # fmt: skip
SOFTPLUS_GRAD = define_op(
    "SoftplusGrad", "gradients: T, features: T", "backprops: T", FLOATING, shape=same_as_all,
    traits=ELEMENTWISE, kernel=lambda xp, g, x: g / (xp.exp(-x) + x.dtype.type(1)),
)  # fmt: skip
SOFTSIGN = define_op(
    "Softsign", "features: T", "activations: T", FLOATING, shape=same_as_first, traits=ELEMENTWISE,
    kernel=lambda xp, x: x / (x.dtype.type(1) + xp.abs(x)),
)  # fmt: skip
SOFTSIGN_GRAD = define_op(
    "SoftsignGrad", "gradients: T, features: T", "backprops: T", FLOATING, shape=same_as_all,
    traits=ELEMENTWISE, kernel=_softsign_grad,
)  # fmt: skip


def _no_slope(features: Tensor) -> Tensor:
    """The gradient of a step function, as a tensor of zeros."""
    return zeros(shape_of(features), features.dtype)


@gradient("Relu")
def _relu_rule(op: Operation, grad: Tensor) -> Any:
    return apply(RELU_GRAD, grad, op.outputs[0])


@gradient("ReluGrad")
def _relu_grad_rule(op: Operation, grad: Tensor) -> Any:
    return apply(RELU_GRAD, grad, op.inputs[1]), _no_slope(op.inputs[1])


@gradient("Relu6")
def _relu6_rule(op: Operation, grad: Tensor) -> Any:
    return apply(RELU6_GRAD, grad, op.outputs[0])


@gradient("Relu6Grad")
def _relu6_grad_rule(op: Operation, grad: Tensor) -> Any:
    return apply(RELU6_GRAD, grad, op.inputs[1]), _no_slope(op.inputs[1])


@gradient("LeakyRelu")
def _leaky_rule(op: Operation, grad: Tensor) -> Any:
    return apply(LEAKY_RELU_GRAD, grad, op.inputs[0], alpha=op.attrs["alpha"])


@gradient("LeakyReluGrad")
def _leaky_grad_rule(op: Operation, grad: Tensor) -> Any:
    features = op.inputs[1]
    return apply(LEAKY_RELU_GRAD, grad, features, alpha=op.attrs["alpha"]), _no_slope(features)


@gradient("Elu")
def _elu_rule(op: Operation, grad: Tensor) -> Any:
    return apply(ELU_GRAD, grad, op.outputs[0])


@gradient("EluGrad")
def _elu_grad_rule(op: Operation, grad: Tensor) -> Any:
    y = op.inputs[1]
    return apply(ELU_GRAD, grad, y), where(y < 0, grad * op.inputs[0], zeros_like(y))


@gradient("Selu")
def _selu_rule(op: Operation, grad: Tensor) -> Any:
    return apply(SELU_GRAD, grad, op.outputs[0])


@gradient("SeluGrad")
def _selu_grad_rule(op: Operation, grad: Tensor) -> Any:
    y = op.inputs[1]
    return apply(SELU_GRAD, grad, y), where(y < 0.0, grad * op.inputs[0], zeros_like(y))


@gradient("Softplus")
def _softplus_rule(op: Operation, grad: Tensor) -> Any:
    return grad * sigmoid(op.inputs[0])


@gradient("SoftplusGrad")
def _softplus_grad_rule(op: Operation, grad: Tensor) -> Any:
    # y = dy / (1 + exp(-x)), so its slope in x is dy / (exp(-x) + 2 + exp(x)).
    dy, x = op.inputs
    with op.graph.control_dependencies([grad]):
        slope = grad * dy / (exp(negative(x)) + 2.0 + exp(x))
        return apply(SOFTPLUS_GRAD, grad, x), slope


@gradient("Softsign")
def _softsign_rule(op: Operation, grad: Tensor) -> Any:
    return apply(SOFTSIGN_GRAD, grad, op.inputs[0])


@public("nn.relu")
def relu(features: Any, name: str | None = None) -> Tensor:
    """``max(features, 0)``, element by element.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     session.run(tf.nn.relu([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return apply(RELU, features, name=name)


@public("nn.relu6")
def relu6(features: Any, name: str | None = None) -> Tensor:
    """``min(max(features, 0), 6)``, element by element."""
    with name_scope(name, "Relu6", [features]) as scope:
        return apply(RELU6, convert_to_tensor(features, name="features"), name=scope)


@public("nn.leaky_relu")
def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """``features`` where positive, ``alpha * features`` elsewhere; integers become float32."""
    with name_scope(name, "LeakyRelu", [features]) as scope:
        features = convert_to_tensor(features, name="features")
        if features.dtype.is_integer:
            features = cast(features, "float32")
        return apply(LEAKY_RELU, features, name=scope, alpha=float(alpha))


@public("nn.elu")
def elu(features: Any, name: str | None = None) -> Tensor:
    """``exp(features) - 1`` where negative, ``features`` elsewhere."""
    return apply(ELU, features, name=name)


@public("nn.selu")
def selu(features: Any, name: str | None = None) -> Tensor:
    """The self-normalising `elu`: ``scale * alpha * (exp(features) - 1)`` where negative, else ``scale * features``.

    Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    """
    return apply(SELU, features, name=name)


@public("nn.softplus", "math.softplus")
def softplus(features: Any, name: str | None = None) -> Tensor:
    """``log(exp(features) + 1)``, without overflow."""
    return apply(SOFTPLUS, features, name=name)


@public("nn.softsign", "math.softsign")
def softsign(features: Any, name: str | None = None) -> Tensor:
    """``features / (abs(features) + 1)``."""
    return apply(SOFTSIGN, features, name=name)


@public("nn.crelu")
def crelu(features: Any, name: str | None = None, axis: int = -1) -> Tensor:
    """The positive and the negative part, rectified and side by side along ``axis``.

    Shang et al., "Understanding and Improving Convolutional Neural Networks via Concatenated Rectified
    Linear Units", 2016.
    """
    with name_scope(name, "CRelu", [features]) as scope:
        features = convert_to_tensor(features, name="features")
        return apply(RELU, concat([features, -features], axis, name=scope))
