"""Means and variances, and batch normalisation written out in plain ops."""

from __future__ import annotations

from typing import Any

from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import float16, float32
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import zeros_like
from scopert.ops.array_gather import gather
from scopert.ops.array_identity import stop_gradient
from scopert.ops.array_reshape import squeeze
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_binary import add, multiply, squared_difference, subtract
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_mean, reduce_prod, reduce_sum
from scopert.ops.math_unary import reciprocal, rsqrt, square
from scopert.ops.nn_arguments import one_of
from scopert.public import public


def _keep(keep_dims: bool | None, keepdims: bool | None) -> bool:
    return bool(one_of("keepdims", keepdims, "keep_dims", keep_dims))


@public("nn.moments")
def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance over some axes.

    Parameters
    ----------
    x : tensor-like
        float16 is reduced in float32.
    axes : list of int
    shift : object
        Not used, as in TensorFlow since 1.2.
    keep_dims, keepdims : bool
        Leave the axes in place with size 1.

    Returns
    -------
    mean, variance : Tensor

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     [float(v) for v in session.run(tf.nn.moments(tf.constant([1.0, 3.0]), [0]))]
    [2.0, 1.0]
    """
    keep = _keep(keep_dims, keepdims)
    with name_scope(name, "moments", [x, axes]):
        x = convert_to_tensor(x) if not isinstance(x, Tensor) else x
        half = x.dtype.base is float16
        y = cast(x, float32) if half else x
        mean = reduce_mean(y, axes, keepdims=True, name="mean")
        variance = reduce_mean(squared_difference(y, stop_gradient(mean)), axes, keepdims=True, name="variance")
        if not keep:
            mean, variance = squeeze(mean, axes), squeeze(variance, axes)
        if half:
            return cast(mean, float16), cast(variance, float16)
        return mean, variance


@public("nn.weighted_moments")
def weighted_moments(
    x: Any,
    axes: Any,
    frequency_weights: Any,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Mean and variance over some axes, each element counted with a weight that broadcasts against it.

    Returns
    -------
    mean, variance : Tensor
    """
    keep = _keep(keep_dims, keepdims)
    with name_scope(name, "weighted_moments", [x, frequency_weights, axes]):
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(frequency_weights, name="frequency_weights")
        half = x.dtype.base is float16
        if half:
            x = cast(x, float32)
        weights = cast(weights, x.dtype)
        total = reduce_sum(weights * x, axes, name="weighted_input_sum", keepdims=True)
        # Zeros of the full shape make every element count in the divisor.
        spread = weights + zeros_like(x)
        weight = reduce_sum(spread, axes, name="sum_of_weights", keepdims=True)
        inverse = reciprocal(weight, name="inv_weight_sum")
        mean = multiply(total, inverse)
        distance = reduce_sum(weights * squared_difference(x, mean), axes, name="weighted_distsq", keepdims=True)
        variance = multiply(distance, inverse)
        if not keep:
            mean, variance = squeeze(mean, axes), squeeze(variance, axes)
        if half:
            mean, variance = cast(mean, float16), cast(variance, float16)
        return mean, variance


@public("nn.sufficient_statistics")
def sufficient_statistics(
    x: Any,
    axes: Any,
    shift: Any = None,
    keep_dims: bool | None = None,
    name: str | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor, Tensor, Any]:
    """Count, sum and sum of squares over some axes, of ``x - shift`` if a shift is given.

    Returns
    -------
    count, mean_ss, var_ss : Tensor
        `count` is a scalar of the type of `x`.
    shift : Tensor or None
    """
    keep = _keep(keep_dims, keepdims)
    axes = list(set(axes))
    with name_scope(name, "sufficient_statistics", [x, shift]):
        x = convert_to_tensor(x, name="x")
        sizes = x._shape
        if sizes is not None and all(sizes[axis] is not None for axis in axes):
            number = 1
            for axis in axes:
                number *= sizes[axis] or 0
            count = constant(number, dtype=x.dtype)
        else:
            lengths = gather(cast(shape_of(x), x.dtype), axes)
            count = reduce_prod(lengths, name="count")
        if shift is not None:
            shift = convert_to_tensor(shift, name="shift")
            first = subtract(x, shift)
            second = squared_difference(x, shift)
        else:
            first = x
            second = square(x)
        mean_ss = reduce_sum(first, axes, keepdims=keep, name="mean_ss")
        var_ss = reduce_sum(second, axes, keepdims=keep, name="var_ss")
        return count, mean_ss, var_ss, shift


@public("nn.normalize_moments")
def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and variance from what `sufficient_statistics` gives."""
    with name_scope(name, "normalize", [counts, mean_ss, variance_ss, shift]):
        divisor = reciprocal(counts, name="divisor")
        if shift is not None:
            shifted = multiply(mean_ss, divisor, name="shifted_mean")
            mean = add(shifted, shift, name="mean")
        else:
            shifted = mean = multiply(mean_ss, divisor, name="mean")
        variance = subtract(multiply(variance_ss, divisor), square(shifted), name="variance")
        return mean, variance


@public("nn.batch_normalization")
def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float, name: str | None = None
) -> Tensor:
    """``scale * (x - mean) / sqrt(variance + variance_epsilon) + offset``.

    All but `x` broadcast against it; `offset` and `scale` may be None.
    Ioffe and Szegedy, "Batch Normalization", 2015.
    """
    with name_scope(name, "batchnorm", [x, mean, variance, scale, offset]):
        inverse = rsqrt(variance + variance_epsilon)
        if scale is not None:
            inverse = inverse * scale
        scaled = x * cast(inverse, x.dtype)
        rest = offset - mean * inverse if offset is not None else -mean * inverse
        return scaled + cast(rest, x.dtype)


@public("nn.batch_norm_with_global_normalization")
def batch_norm_with_global_normalization(
    t: Any = None,
    m: Any = None,
    v: Any = None,
    beta: Any = None,
    gamma: Any = None,
    variance_epsilon: Any = None,
    scale_after_normalization: Any = None,
    name: str | None = None,
    input: Any = None,
    mean: Any = None,
    variance: Any = None,
) -> Tensor:
    """`batch_normalization` with another order of arguments; `gamma` counts only with `scale_after_normalization`."""
    t = one_of("input", input, "t", t)
    m = one_of("mean", mean, "m", m)
    v = one_of("variance", variance, "v", v)
    return batch_normalization(t, m, v, beta, gamma if scale_after_normalization else None, variance_epsilon, name)
