"""Functions composed of reductions and elementwise ops."""

from __future__ import annotations

from typing import Any

from scopert import nest
from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import as_dtype
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_diag import matrix_diag_part
from scopert.ops.array_fill import zeros, zeros_like
from scopert.ops.array_identity import stop_gradient
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_where import where
from scopert.ops.math_binary import ADD, SUB, maximum, minimum
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import NOT_EQUAL
from scopert.ops.math_reduction import one_of, reduce_max, reduce_mean, reduce_sum
from scopert.ops.math_special import bessel_i0e, bessel_i1e, lgamma
from scopert.ops.math_unary import abs_, exp, is_finite, log, negative, sqrt, square
from scopert.ops.raw import raw
from scopert.public import public


@public("reduce_logsumexp", "math.reduce_logsumexp")
def reduce_logsumexp(
    input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
    reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """``log(sum(exp(x)))`` over axes, computed so that it does not overflow; arguments as `reduce_sum`."""
    axis = one_of("reduction_indices", reduction_indices, "axis", axis)
    keep = bool(one_of("keep_dims", keep_dims, "keepdims", keepdims))
    x = convert_to_tensor(input_tensor)
    with name_scope(name, "ReduceLogSumExp", [x]):
        raw_max = reduce_max(x, axis=axis, keepdims=True)
        finite = where(is_finite(raw_max), raw_max, zeros_like(raw_max))
        offset = stop_gradient(finite)
        result = log(reduce_sum(exp(apply(SUB, x, offset)), axis, keepdims=keep))
        if not keep:
            offset = reshape(offset, shape_of(result))
        result = apply(ADD, result, offset)
        if axis is None and not keep and result._shape is None:
            result.set_shape(())
        return result


@public("math.reduce_variance")
def reduce_variance(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The mean squared distance from the mean over axes."""
    with name_scope(name or "reduce_variance"):
        means = reduce_mean(input_tensor, axis=axis, keepdims=True)
        return reduce_mean(square(input_tensor - means), axis=axis, keepdims=keepdims)


@public("math.reduce_std")
def reduce_std(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The square root of `reduce_variance`."""
    with name_scope(name or "reduce_std"):
        return sqrt(reduce_variance(input_tensor, axis=axis, keepdims=keepdims))


@public("count_nonzero", "math.count_nonzero")
def count_nonzero(
    input_tensor: Any = None, axis: Any = None, keepdims: bool | None = None, dtype: Any = dtypes.int64,
    name: str | None = None, reduction_indices: Any = None, keep_dims: bool | None = None, input: Any = None,
) -> Tensor:  # fmt: skip
    """How many elements over axes are not 0 (strings: not empty); other arguments as `reduce_sum`."""
    keep = bool(one_of("keep_dims", keep_dims, "keepdims", keepdims))
    x = one_of("input", input, "input_tensor", input_tensor)
    axis = one_of("reduction_indices", reduction_indices, "axis", axis)
    with name_scope(name, "count_nonzero", [x]):
        x = convert_to_tensor(x, name="input")
        zero = zeros([], dtype=x.dtype)
        present = cast(apply(NOT_EQUAL, x, zero), dtypes.int64)
        return cast(reduce_sum(present, axis=axis, keepdims=keep), as_dtype(dtype))


@public("saturate_cast", "dtypes.saturate_cast")
def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """`cast` that first holds the value within the range of the new type."""
    with name_scope(name, "saturate_cast", [value]) as scope:
        value = convert_to_tensor(value, name="value")
        kind = as_dtype(dtype).base
        if value.dtype.min < kind.min:
            value = maximum(value, convert_to_tensor(kind.min, dtype=value.dtype, name="min"))
        if value.dtype.max > kind.max:
            value = minimum(value, convert_to_tensor(kind.max, dtype=value.dtype, name="max"))
        return cast(value, kind, name=scope)


@public("trace", "linalg.trace")
def trace(x: Any, name: str | None = None) -> Tensor:
    """The sum along the main diagonal of the last two axes."""
    with name_scope(name, "Trace", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return reduce_sum(matrix_diag_part(x), [-1], name=scope)


@public("log_sigmoid", "math.log_sigmoid")
def log_sigmoid(x: Any, name: str | None = None) -> Tensor:
    """``log(sigmoid(x))``, as ``-softplus(-x)``, elementwise."""
    with name_scope(name, "LogSigmoid", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return negative(raw("Softplus", -x), name=scope)


@public("math.polyval")
def polyval(coeffs: Any, x: Any, name: str | None = None) -> Tensor:
    """The polynomial with these coefficients, the highest power first, at `x`."""
    with name_scope(name, "polyval", [*nest.flatten(coeffs), x]) as scope:
        x = convert_to_tensor(x, name="x")
        if len(coeffs) < 1:
            return zeros_like(x, name=scope)
        terms = [convert_to_tensor(c, name=f"coeff_{index}") for index, c in enumerate(coeffs)]
        p = terms[0]
        for c in terms[1:]:
            p = c + p * x
        return p


@public("lbeta", "math.lbeta")
def lbeta(x: Any, name: str | None = None) -> Tensor:
    """The logarithm of the multivariate beta function over the last axis."""
    with name_scope(name, "lbeta", [x]):
        x = convert_to_tensor(x, name="x")
        of_parts = reduce_sum(lgamma(x), axis=[-1])
        return of_parts - lgamma(reduce_sum(x, axis=[-1]))


@public("math.bessel_i0")
def bessel_i0(x: Any, name: str | None = None) -> Tensor:
    """The modified Bessel function of order 0."""
    with name_scope(name, "bessel_i0", [x]):
        return exp(abs_(x)) * bessel_i0e(x)


@public("math.bessel_i1")
def bessel_i1(x: Any, name: str | None = None) -> Tensor:
    """The modified Bessel function of order 1."""
    with name_scope(name, "bessel_i1", [x]):
        return exp(abs_(x)) * bessel_i1e(x)
