"""Local response normalisation, and scaling to unit length."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import merge
from scopert.graph.shape_rules import with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops import normalization_kernels as kernels
from scopert.ops.math_binary import maximum, multiply
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_unary import rsqrt, square
from scopert.ops.nn_arguments import one_of
from scopert.ops.run_checks import require, require_rank
from scopert.public import public

Array = Any

ATTRS = (
    "depth_radius: int = 5; bias: float = 1.0; alpha: float = 1.0; beta: float = 0.5; "
    "T: {float16, bfloat16, float32} = float32"
)


def _image(op: Operation) -> list[Shape]:
    shape = op.inputs[0]._shape
    for tensor in op.inputs[1:]:
        shape = merge(shape, tensor._shape)
    return [with_rank(shape, 4)]


def _lrn(xp: Any, x: Array, *, depth_radius: int, bias: float, alpha: float, beta: float) -> Array:
    require_rank(x, 4, "in")
    return kernels.lrn(xp, x, depth_radius, bias, alpha, beta)


def _lrn_grad(
    xp: Any, dy: Array, x: Array, y: Array, *, depth_radius: int, bias: float, alpha: float, beta: float
) -> Array:
    require_rank(x, 4, "in")
    require(dy.shape == x.shape == y.shape, "input_grads, input_image and output_image must have the same shape")
    return kernels.lrn_grad(xp, dy, x, y, depth_radius, bias, alpha, beta)


LRN = define_op("LRN", "input: T", "output: T", ATTRS, shape=_image, kernel=_lrn)
LRN_GRAD = define_op(
    "LRNGrad", "input_grads: T, input_image: T, output_image: T", "output: T", ATTRS, shape=_image,
    kernel=_lrn_grad,
)  # fmt: skip


@gradient("LRN")
def _rule(op: Operation, grad: Tensor) -> Any:
    attrs = {name: op.attrs[name] for name in ("depth_radius", "bias", "alpha", "beta")}
    return apply(LRN_GRAD, grad, op.inputs[0], op.outputs[0], **attrs)


@public("nn.local_response_normalization", "nn.lrn")
def local_response_normalization(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
    name: str | None = None,
) -> Tensor:
    """``input / (bias + alpha * s) ** beta``, where ``s`` sums the squares of the channels within `depth_radius`.

    Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012.

    Parameters
    ----------
    input : tensor-like of float16 or float32
        ``(batch, height, width, channels)``.
    """
    return apply(LRN, input, depth_radius=depth_radius, bias=bias, alpha=alpha, beta=beta, name=name)


@public("nn.l2_normalize", "math.l2_normalize", "linalg.l2_normalize")
def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None) -> Tensor:
    """``x / sqrt(max(sum(x ** 2), epsilon))`` with the sum over `axis` (all axes for None)."""
    axis = one_of("axis", axis, "dim", dim)
    with name_scope(name, "l2_normalize", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        total = reduce_sum(square(x), axis, keepdims=True)
        return multiply(x, rsqrt(maximum(total, epsilon)), name=scope)
