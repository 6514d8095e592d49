"""Gamma and Poisson numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, float32, int32
from scopert.graph.opdef import ELEMENTWISE, RANDOM, STATEFUL, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.shape_rules import broadcast
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones, zeros_like
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.gamma_derivative import sample_derivative
from scopert.ops.math_binary import maximum
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.random_distributions import reserved_blocks
from scopert.ops.random_samplers import gamma, poisson
from scopert.ops.random_seed import get_seed
from scopert.ops.random_stream import INDEX, SEED_ATTRS, dimensions, reserve, shape_from_input
from scopert.public import public

Array = Any

_RATES = "{float16, float32, float64, int32, int64}"


def _draw(xp: Any, sampler: Any, shape: Array, parameter: Array, dtype: Any, op: Any, context: Any) -> Array:
    """`shape` samples for each element of `parameter`: an array of the shape `shape + parameter.shape`."""
    sizes = dimensions(shape)
    whole = (*sizes, *parameter.shape)
    samples = math.prod(sizes)
    if samples * parameter.size == 0:
        return xp.empty(whole, dtype=dtype)
    stream = reserve(context, op, reserved_blocks(samples * parameter.size))
    return sampler(xp, stream, samples, parameter.reshape(-1)).reshape(whole).astype(dtype, copy=False)


def _gamma_kernel(xp: Any, shape: Array, alpha: Array, *, T: DType, op: Any, context: Any) -> Array:
    return _draw(xp, gamma, shape, alpha, T.np, op, context)


def _poisson_kernel(xp: Any, shape: Array, rate: Array, *, dtype: DType, op: Any, context: Any) -> Array:
    return _draw(xp, poisson, shape, rate, dtype.np, op, context)


def _gamma_grad_kernel(xp: Any, alpha: Array, sample: Array) -> Array:
    wide = xp.broadcast_arrays(alpha.astype(xp.float64), sample.astype(xp.float64))
    return sample_derivative(xp, *wide).astype(alpha.dtype, copy=False)


def _shape(op: Operation) -> list[Shape]:
    samples, parameter = shape_from_input(op)[0], op._inputs[1]._shape
    return [None if samples is None or parameter is None else (*samples, *parameter)]


RANDOM_GAMMA = define_op(
    "RandomGamma", inputs="shape: S, alpha: T", outputs="output: T",
    attrs=f"{SEED_ATTRS}; S: {INDEX}; T: {{float16, float32, float64}}",
    shape=_shape, kernel=_gamma_kernel, traits=(STATEFUL, RANDOM),
)  # fmt: skip
RANDOM_GAMMA_GRAD = define_op(
    "RandomGammaGrad", inputs="alpha: T, sample: T", outputs="output: T", attrs="T: {float32, float64}",
    shape=broadcast, kernel=_gamma_grad_kernel, traits=ELEMENTWISE,
)  # fmt: skip
RANDOM_POISSON = define_op(
    "RandomPoissonV2", inputs="shape: S, rate: R", outputs="output: dtype",
    attrs=f"{SEED_ATTRS}; S: {INDEX}; R: {_RATES} = float64; dtype: {_RATES} = int64",
    shape=_shape, kernel=_poisson_kernel, traits=(STATEFUL, RANDOM),
)  # fmt: skip


@gradient("RandomGamma")
def _random_gamma_gradient(op: Operation, grad: Tensor) -> tuple[None, Tensor]:
    samples, alpha = op.inputs[0], op.inputs[1]
    with control_dependencies([grad]):
        leading = shape_of(samples)[0]
        row = concat([ones([leading], dtype=int32), shape_of(alpha)], axis=0)
        partial = apply(RANDOM_GAMMA_GRAD, reshape(alpha, row), op.outputs[0])
        return None, reduce_sum(grad * partial, axis=range_of(leading))


@public("random_gamma", "random.gamma")
def random_gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Gamma numbers, `shape` of them for each pair of parameters.

    Parameters
    ----------
    shape : 1-D int32 tensor-like
    alpha : tensor-like of `dtype`
        The shape parameter of the distribution.
    beta : tensor-like of `dtype`, optional
        Its rate, 1 by default; broadcasts with `alpha`.
    dtype : DType
        float16, float32 or float64.
    seed : int, optional
        See `get_seed`.

    Returns
    -------
    Tensor
        Of the shape `shape` followed by that of `alpha + beta`. Zeros are replaced by the smallest normal
        number. It has gradients to `alpha` and `beta`.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.random_gamma([7], alpha=[0.5, 1.5]).shape)
    (7, 2)
    """
    with name_scope(name, "random_gamma", [shape, alpha, beta]):
        shape = convert_to_tensor(shape, name="shape", dtype=int32)
        alpha = convert_to_tensor(alpha, name="alpha", dtype=dtype)
        beta = convert_to_tensor(1 if beta is None else beta, name="beta", dtype=dtype)
        broadcast_alpha = alpha + zeros_like(beta)
        seed1, seed2 = get_seed(seed)
        drawn = apply(RANDOM_GAMMA, shape, broadcast_alpha, seed=seed1, seed2=seed2)
        return maximum(np.finfo(alpha.dtype.as_numpy_dtype).tiny, drawn / beta)


@public("random_poisson", "random.poisson")
def random_poisson(
    lam: Any, shape: Any, dtype: Any = float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Poisson counts, `shape` of them for each rate.

    Parameters
    ----------
    lam : tensor-like
        Rates: float16, float32, float64, int32 or int64.
    shape : 1-D int32 tensor-like
    dtype : DType
        Of the counts; the same types.
    seed : int, optional
        See `get_seed`.

    Returns
    -------
    Tensor
        Of the shape `shape` followed by that of `lam`.
    """
    with name_scope(name, "random_poisson", [lam, shape]):
        shape = convert_to_tensor(shape, name="shape", dtype=int32)
        seed1, seed2 = get_seed(seed)
        return apply(RANDOM_POISSON, shape, lam, dtype=dtype, seed=seed1, seed2=seed2)
