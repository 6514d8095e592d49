"""Special functions: error functions, gamma and beta functions, Bessel functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.opdef import ELEMENTWISE, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies
from scopert.graph.shape_rules import equal as equal_shapes
from scopert.graph.tensor import Shape, Tensor
from scopert.ops import gamma_derivative
from scopert.ops import math_special_kernels as kernels
from scopert.ops.array_fill import zeros_like
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_where import where
from scopert.ops.math_broadcast_grad import Unbroadcast, broadcast_gradient_args, unbroadcast_both
from scopert.ops.math_complex import conj
from scopert.ops.math_elementwise import binary, unary
from scopert.ops.math_types import DOUBLE, FLOATING
from scopert.ops.math_unary import abs_, exp, log, reciprocal, sign, square
from scopert.ops.sparse_map import maps_sparse
from scopert.public import public

Array = Any


# Elements that are computed at once, so that the many intermediate arrays stay in the cache.
_BLOCK = 8192


def _in_float64(function: Callable[..., Array]) -> Callable[..., Array]:
    """A kernel that computes in float64 and returns the type of its arguments."""

    def kernel(xp: Any, *inputs: Array) -> Array:
        wide = [xp.asarray(x).astype(xp.float64) for x in inputs]
        return function(xp, *wide).astype(inputs[0].dtype)

    return kernel


def _by_blocks(function: Callable[..., Array], **single: bool) -> Callable[..., Array]:
    """`_in_float64` of one argument; on the host, large arrays block by block.

    `single` is given on where the argument is not float64.
    """

    def kernel(xp: Any, x: Array) -> Array:
        options = single if x.dtype.itemsize < 8 else {}
        if x.size <= _BLOCK or xp is not np:
            return function(xp, xp.asarray(x).astype(xp.float64), **options).astype(x.dtype)
        flat = x.reshape(-1)
        made = np.empty(flat.shape, x.dtype)
        for start in range(0, flat.size, _BLOCK):
            block = flat[start : start + _BLOCK].astype(np.float64)
            made[start : start + _BLOCK] = function(xp, block, **options)
        return made.reshape(x.shape)

    return kernel


def _igamma_grad_a(xp: Any, a: Array, x: Array) -> Array:
    """dP/da: minus the density times the derivative of a sample."""
    a, x = xp.broadcast_arrays(a, x)
    inside = (a > 0) & (x > 0)
    safe_a, safe_x = xp.where(inside, a, 1.0), xp.where(inside, x, 1.0)
    density = xp.exp((safe_a - 1) * xp.log(safe_x) - safe_x - kernels.lgamma(xp, safe_a))
    value = -density * gamma_derivative.sample_derivative(xp, safe_a, safe_x)
    return xp.where(inside, value, xp.where((a > 0) & (x == 0), 0.0, xp.nan))


def _betainc_shape(op: Operation) -> list[Shape]:
    """Scalars beside tensors of one shape."""
    found: Shape = ()
    for tensor in op.inputs:
        shape = tensor._shape
        if shape != ():
            found = shape if found == () else equal_shapes(found, shape)
    return [None if any(tensor._shape is None for tensor in op.inputs) and found == () else found]


def _betainc(xp: Any, a: Array, b: Array, x: Array) -> Array:
    shapes = {part.shape for part in (a, b, x)} - {()}
    if len(shapes) > 1:
        raise InvalidArgumentError(
            None, None, f"Shapes of a, b and x are inconsistent: {a.shape} vs. {b.shape} vs. {x.shape}"
        )
    return kernels.betainc(xp, a, b, x)


ERF = unary("Erf", FLOATING, _by_blocks(kernels.erf, single=True))
ERFC = unary("Erfc", FLOATING, _by_blocks(kernels.erfc, single=True))
LGAMMA = unary("Lgamma", FLOATING, _by_blocks(kernels.lgamma))
DIGAMMA = unary("Digamma", FLOATING, _by_blocks(kernels.digamma))
BESSEL_I0E = unary("BesselI0e", FLOATING, _by_blocks(kernels.bessel_i0e))
BESSEL_I1E = unary("BesselI1e", FLOATING, _by_blocks(kernels.bessel_i1e))
ZETA = binary("Zeta", DOUBLE, _in_float64(kernels.zeta), inputs="x: T, q: T")
POLYGAMMA = binary("Polygamma", DOUBLE, _in_float64(kernels.polygamma), inputs="a: T, x: T")
IGAMMA = binary("Igamma", DOUBLE, _in_float64(kernels.igamma), inputs="a: T, x: T")
IGAMMAC = binary("Igammac", DOUBLE, _in_float64(kernels.igammac), inputs="a: T, x: T")
IGAMMA_GRAD_A = binary("IgammaGradA", DOUBLE, _in_float64(_igamma_grad_a), inputs="a: T, x: T")
BETAINC = define_op(
    "Betainc", inputs="a: T, b: T, x: T", outputs="z: T", attrs=f"T: {DOUBLE}", shape=_betainc_shape,
    kernel=_in_float64(_betainc), traits=ELEMENTWISE,
)  # fmt: skip


@public("erf", "math.erf")
@maps_sparse("Erf")
def erf(x: Any, name: str | None = None) -> Tensor:
    """The error function, elementwise."""
    return apply(ERF, x, name=name)


@public("erfc", "math.erfc")
def erfc(x: Any, name: str | None = None) -> Tensor:
    """``1 - erf(x)``, exact in the tail, elementwise."""
    return apply(ERFC, x, name=name)


@public("lgamma", "math.lgamma")
def lgamma(x: Any, name: str | None = None) -> Tensor:
    """The logarithm of the size of the gamma function, elementwise."""
    return apply(LGAMMA, x, name=name)


@public("digamma", "math.digamma")
def digamma(x: Any, name: str | None = None) -> Tensor:
    """The derivative of `lgamma`, elementwise."""
    return apply(DIGAMMA, x, name=name)


@public("math.bessel_i0e")
@maps_sparse("BesselI0e")
def bessel_i0e(x: Any, name: str | None = None) -> Tensor:
    """The modified Bessel function of order 0, times ``exp(-abs(x))``."""
    return apply(BESSEL_I0E, x, name=name)


@public("math.bessel_i1e")
@maps_sparse("BesselI1e")
def bessel_i1e(x: Any, name: str | None = None) -> Tensor:
    """The modified Bessel function of order 1, times ``exp(-abs(x))``."""
    return apply(BESSEL_I1E, x, name=name)


@public("zeta", "math.zeta")
def zeta(x: Any, q: Any, name: str | None = None) -> Tensor:
    """Hurwitz's zeta function: the sum of ``(k + q)**-x``."""
    return apply(ZETA, x, q, name=name)


@public("polygamma", "math.polygamma")
def polygamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The derivative of order `a`, a whole number, of `digamma`."""
    return apply(POLYGAMMA, a, x, name=name)


@public("igamma", "math.igamma")
def igamma(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The lower regularised incomplete gamma function."""
    return apply(IGAMMA, a, x, name=name)


@public("igammac", "math.igammac")
def igammac(a: Any, x: Any, name: str | None = None) -> Tensor:
    """The upper regularised incomplete gamma function."""
    return apply(IGAMMAC, a, x, name=name)


@public("betainc", "math.betainc")
def betainc(a: Any, b: Any, x: Any, name: str | None = None) -> Tensor:
    """The regularised incomplete beta function; it has a gradient with respect to `x` only."""
    return apply(BETAINC, a, b, x, name=name)


@gradient("Erf")
def _erf_grad(op: Operation, grad: Tensor) -> Any:
    factor = constant(2 / np.sqrt(np.pi), dtype=grad.dtype)
    with control_dependencies([grad]):
        return grad * factor * exp(-square(conj(op.inputs[0])))


@gradient("Erfc")
def _erfc_grad(op: Operation, grad: Tensor) -> Any:
    factor = constant(-2 / np.sqrt(np.pi), dtype=grad.dtype)
    with control_dependencies([grad]):
        return grad * factor * exp(-square(conj(op.inputs[0])))


@gradient("Lgamma")
def _lgamma_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        return grad * digamma(conj(op.inputs[0]))


@gradient("Digamma")
def _digamma_grad(op: Operation, grad: Tensor) -> Any:
    with control_dependencies([grad]):
        x = conj(op.inputs[0])
        return grad * polygamma(constant(1, dtype=x.dtype), x)


@gradient("BesselI0e")
def _bessel_i0e_grad(op: Operation, grad: Tensor) -> Any:
    x, y = op.inputs[0], op.outputs[0]
    with control_dependencies([grad]):
        return grad * (bessel_i1e(x) - sign(x) * y)


@gradient("BesselI1e")
def _bessel_i1e_grad(op: Operation, grad: Tensor) -> Any:
    x, y = op.inputs[0], op.outputs[0]
    with control_dependencies([grad]):
        # About 0 the quotient y / x is replaced by its limit.
        eps = float(np.finfo(x.dtype.np).eps)
        none = zeros_like(x)
        large = abs_(x) > eps
        safe = where(large, x, eps + none)
        slope = bessel_i0e(safe) - y * (sign(safe) + reciprocal(safe))
        return grad * where(large, slope, 0.5 + none)


@gradient("Igamma")
def _igamma_grad(op: Operation, grad: Tensor) -> Any:
    a, x = op.inputs
    to_a, to_x = unbroadcast_both(a, x)
    with control_dependencies([grad]):
        of_a = apply(IGAMMA_GRAD_A, a, x)
        of_x = exp(-x + (a - 1) * log(x) - lgamma(a))
        return to_a(of_a * grad), to_x(of_x * grad)


@gradient("Igammac")
def _igammac_grad(op: Operation, grad: Tensor) -> Any:
    of_a, of_x = _igamma_grad(op, grad)
    return -of_a, -of_x


@gradient("Betainc")
def _betainc_grad(op: Operation, grad: Tensor) -> Any:
    a, b, x = op.inputs
    sa, sx = shape_of(a), shape_of(x)
    _, rx = broadcast_gradient_args(sa, sx)
    log_beta = lgamma(a) + lgamma(b) - lgamma(a + b)
    of_x = exp((b - 1) * log(1 - x) + (a - 1) * log(x) - log_beta)
    return None, None, Unbroadcast(sx, rx, True)(of_x * grad)


@gradient("Zeta")
def _zeta_grad(op: Operation, grad: Tensor) -> Any:
    to_q = unbroadcast_both(*op.inputs)[1]
    with control_dependencies([grad]):
        x, q = (conj(tensor) for tensor in op.inputs)
        return None, to_q(-x * zeta(x + 1, q) * grad)


@gradient("Polygamma")
def _polygamma_grad(op: Operation, grad: Tensor) -> Any:
    to_x = unbroadcast_both(*op.inputs)[1]
    with control_dependencies([grad]):
        n, x = (conj(tensor) for tensor in op.inputs)
        return None, to_x(polygamma(n + 1, x) * grad)
