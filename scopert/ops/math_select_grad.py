"""Gradients that choose: of powers, signs, maxima and minima, products, and of complex numbers' parts."""

from __future__ import annotations

from typing import Any

from scopert.graph import dtypes
from scopert.graph.constant import constant
from scopert.graph.opdef import gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies, device
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones_like, zeros, zeros_like
from scopert.ops.array_gather import gather
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_transpose import invert_permutation, transpose
from scopert.ops.array_where import where
from scopert.ops.math_binary import div_no_nan, divide, pow_
from scopert.ops.math_broadcast_grad import Unbroadcast, broadcast_gradient_args, unbroadcast_both, unbroadcast_known
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal, greater_equal, less_equal, not_equal
from scopert.ops.math_complex import complex_, conj, imag, real
from scopert.ops.math_cumulative import cumprod
from scopert.ops.math_reduction import reduce_prod, reduce_sum
from scopert.ops.math_sum_grad import reduced_shape, safe_shape_div
from scopert.ops.math_unary import log, reciprocal
from scopert.ops.raw import raw


@gradient("Pow")
def _pow_grad(op: Operation, grad: Tensor) -> Any:
    x, y = op.inputs
    to_x, to_y = unbroadcast_known(x, y, grad)
    x, y = conj(x), conj(y)
    of_x = to_x(grad * y * pow_(x, y - 1))
    z = conj(op.outputs[0])
    # The logarithm of a base that is not positive counts as 0.
    mask = not_equal(x, 0) if x.dtype.is_complex else x > 0
    safe = where(mask, x, ones_like(x))
    log_x = where(mask, log(safe), zeros_like(x))
    return of_x, to_y(grad * z * log_x)


def _extremum_grad(op: Operation, grad: Tensor, chooses_first: Any) -> Any:
    x, y = op.inputs
    sx, sy = shape_of(x), shape_of(y)
    none = zeros(shape_of(grad), grad.dtype)
    mask = chooses_first(x, y)
    rx, ry = broadcast_gradient_args(sx, sy)
    of_x = Unbroadcast(sx, rx, True)(where(mask, grad, none))
    return of_x, Unbroadcast(sy, ry, True)(where(mask, none, grad))


@gradient("Maximum")
def _maximum_grad(op: Operation, grad: Tensor) -> Any:
    return _extremum_grad(op, grad, greater_equal)


@gradient("Minimum")
def _minimum_grad(op: Operation, grad: Tensor) -> Any:
    return _extremum_grad(op, grad, less_equal)


@gradient("Max", "Min")
def _reduced_extremum_grad(op: Operation, grad: Tensor) -> Any:
    kept = reduced_shape(shape_of(op.inputs[0]), op.inputs[1])
    y = reshape(op.outputs[0], kept)
    grad = reshape(grad, kept)
    # Elements that are equally extreme share the gradient.
    chosen = cast(equal(y, op.inputs[0]), grad.dtype)
    count = reshape(reduce_sum(chosen, op.inputs[1]), kept)
    return [divide(chosen, count) * grad, None]


@gradient("Prod")
def _prod_grad(op: Operation, grad: Tensor) -> Any:
    source = op.inputs[0]
    input_shape = shape_of(source)
    indices = reshape(op.inputs[1], [-1])
    kept = reduced_shape(input_shape, op.inputs[1])
    scaling = safe_shape_div(input_shape, kept)
    grad = raw("Tile", reshape(grad, kept), scaling)
    # Each element's factor is the product of those before it and of those after it, so that a zero
    # among them does no harm.
    with device("/cpu:0"):
        rank = rank_of(source)
        indices = (indices + rank) % rank
        reduced = cast(indices, dtypes.int32)
        others, _ = raw("ListDiff", range_of(0, rank), reduced)
        order = concat([reduced, others], 0)
        reduced_count = reduce_prod(gather(input_shape, reduced))
        other_count = reduce_prod(gather(input_shape, others))
    permuted = transpose(source, order)
    permuted_shape = shape_of(permuted)
    columns = reshape(permuted, (reduced_count, other_count))
    left = cumprod(columns, axis=0, exclusive=True)
    right = cumprod(columns, axis=0, exclusive=True, reverse=True)
    factors = reshape(conj(left) * conj(right), permuted_shape)
    out = grad * transpose(factors, invert_permutation(order))
    return reshape(out, input_shape), None


@gradient("Sign")
def _sign_grad(op: Operation, grad: Tensor) -> Any:
    x = op.inputs[0]
    return zeros(shape_of(x), dtype=x.dtype)


@gradient("Complex")
def _complex_grad(op: Operation, grad: Tensor) -> Any:
    to_real, to_imag = unbroadcast_both(*op.inputs)
    return to_real(real(grad)), to_imag(imag(grad))


@gradient("Real")
def _real_grad(op: Operation, grad: Tensor) -> Any:
    return complex_(grad, constant(0, dtype=grad.dtype))


@gradient("Imag")
def _imag_grad(op: Operation, grad: Tensor) -> Any:
    return complex_(constant(0, dtype=grad.dtype), grad)


@gradient("Angle")
def _angle_grad(op: Operation, grad: Tensor) -> Any:
    x = op.inputs[0]
    with control_dependencies([grad]):
        re, im = real(x), imag(x)
        z = reciprocal(complex_(im, re))
        zero = constant(0, dtype=grad.dtype)
        return -complex_(grad, zero) * z


@gradient("Conj")
def _conj_grad(op: Operation, grad: Tensor) -> Any:
    return conj(grad)


@gradient("ComplexAbs")
def _complex_abs_grad(op: Operation, grad: Tensor) -> Any:
    size = op.outputs[0]
    return div_no_nan(complex_(grad, zeros_like(grad)) * op.inputs[0], complex_(size, zeros_like(size)))
