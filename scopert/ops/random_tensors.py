"""Uniform and normal numbers of a given shape."""

from __future__ import annotations

import math
from typing import Any

from scopert.errors import InternalError, InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, as_dtype, bfloat16, float16, float32, float64, int32, int64
from scopert.graph.opdef import RANDOM, STATEFUL, define_op
from scopert.graph.scopes import name_scope
from scopert.graph.shape import Dimension, brackets
from scopert.graph.tensor import Tensor
from scopert.ops.math_binary import add
from scopert.ops.random_bounded import ROW, RejectedError, bounded_normal, reserved_row_blocks
from scopert.ops.random_distributions import normal, reserved_blocks, uniform, uniform_int
from scopert.ops.random_distributions import truncated_normal as truncated
from scopert.ops.random_seed import get_seed
from scopert.ops.random_stream import FLOATS, INDEX, SEED_ATTRS, dimensions, reserve, shape_from_input
from scopert.public import public

Array = Any

UNIFORM_TYPES = (float16, bfloat16, float32, float64, int32, int64)


def _float_kernel(draw: Any) -> Any:
    def kernel(xp: Any, shape: Array, *, dtype: DType, op: Any, context: Any) -> Array:
        sizes = dimensions(shape)
        count = math.prod(sizes)
        return draw(xp, reserve(context, op, reserved_blocks(count)), count, dtype.np).reshape(sizes)

    return kernel


def _uniform_int_kernel(
    xp: Any, shape: Array, minval: Array, maxval: Array, *, Tout: DType, op: Any, context: Any
) -> Array:
    low, high = integer_range(minval, maxval)
    sizes = dimensions(shape)
    count = math.prod(sizes)
    stream = reserve(context, op, reserved_blocks(count))
    return uniform_int(xp, stream, count, low, high, Tout.np).reshape(sizes)


def integer_range(minval: Array, maxval: Array) -> tuple[int, int]:
    """The bounds of random integers, which must be scalars and make a range."""
    for name, value in (("minval", minval), ("maxval", maxval)):
        if value.ndim:
            raise InvalidArgumentError(None, None, f"{name} must be 0-D, got shape {brackets(value.shape)}")
    low, high = int(minval), int(maxval)
    if low >= high:
        raise InvalidArgumentError(None, None, f"Need minval < maxval, got {low} >= {high}")
    return low, high


def _bounded_kernel(
    xp: Any, shape: Array, means: Array, stdevs: Array, minvals: Array, maxvals: Array,
    *, dtype: DType, op: Any, context: Any,
) -> Array:  # fmt: skip
    sizes = dimensions(shape)
    if not sizes:
        raise InvalidArgumentError(None, None, "the shape must have at least one dimension")
    count = math.prod(sizes)
    rows, row = sizes[0], math.prod(sizes[1:])
    parameters = {"means": means, "stddevs": stdevs, "minvals": minvals, "maxvals": maxvals}
    for name, value in parameters.items():
        if value.ndim > 1:
            raise InvalidArgumentError(
                None, None, f"Input {name} should be a scalar or vector, got shape: {brackets(value.shape)}"
            )
    if means.size == 1 and stdevs.size == 1 and minvals.ndim == 0 and maxvals.ndim == 0:
        rows, row = -(-count // ROW), ROW
    else:
        for name, value in parameters.items():
            if value.ndim and value.shape[0] not in (1, rows):
                raise InvalidArgumentError(
                    None, None, f"Input {name} should have length 1 or shape[0], got shape: {brackets(value.shape)}"
                )
    stream = reserve(context, op, reserved_row_blocks(rows, row))
    table = [xp.broadcast_to(value.reshape(-1), (rows,)) for value in parameters.values()]
    try:
        flat = bounded_normal(
            xp, stream, [min(row, count - index * row) for index in range(rows)],
            list(zip(*table, strict=True)), dtype.np,
        )  # fmt: skip
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from error
    except RejectedError as error:
        message = "TruncatedNormal rejection sampler failed to accept a sample."
        raise InternalError(None, None, message) from error
    return flat.reshape(sizes)


RANDOM_UNIFORM = define_op(
    "RandomUniform", inputs="shape: T", outputs="output: dtype",
    attrs=f"{SEED_ATTRS}; dtype: {FLOATS}; T: {INDEX}",
    shape=shape_from_input, kernel=_float_kernel(uniform), traits=(STATEFUL, RANDOM), differentiable=False,
)  # fmt: skip
RANDOM_STANDARD_NORMAL = define_op(
    "RandomStandardNormal", inputs="shape: T", outputs="output: dtype",
    attrs=f"{SEED_ATTRS}; dtype: {FLOATS}; T: {INDEX}",
    shape=shape_from_input, kernel=_float_kernel(normal), traits=(STATEFUL, RANDOM), differentiable=False,
)  # fmt: skip
TRUNCATED_NORMAL = define_op(
    "TruncatedNormal", inputs="shape: T", outputs="output: dtype",
    attrs=f"{SEED_ATTRS}; dtype: {FLOATS}; T: {INDEX}",
    shape=shape_from_input, kernel=_float_kernel(truncated), traits=(STATEFUL, RANDOM), differentiable=False,
)  # fmt: skip
RANDOM_UNIFORM_INT = define_op(
    "RandomUniformInt", inputs="shape: T, minval: Tout, maxval: Tout", outputs="output: Tout",
    attrs=f"{SEED_ATTRS}; Tout: {INDEX}; T: {INDEX}",
    shape=shape_from_input, kernel=_uniform_int_kernel, traits=(STATEFUL, RANDOM), differentiable=False,
)  # fmt: skip
PARAMETERIZED_TRUNCATED_NORMAL = define_op(
    "ParameterizedTruncatedNormal",
    inputs="shape: T, means: dtype, stdevs: dtype, minvals: dtype, maxvals: dtype", outputs="output: dtype",
    attrs=f"{SEED_ATTRS}; dtype: {FLOATS}; T: {INDEX}",
    shape=shape_from_input, kernel=_bounded_kernel, traits=(STATEFUL, RANDOM), differentiable=False,
)  # fmt: skip


def shape_tensor(shape: Any) -> Tensor:
    """The shape argument of a random op as a tensor; an empty one is int32."""
    if isinstance(shape, (tuple, list)):
        if not shape:
            return convert_to_tensor(shape, dtype=int32, name="shape")
        shape = tuple(size.value if isinstance(size, Dimension) else size for size in shape)
    return convert_to_tensor(shape, name="shape")


@public("random_uniform", "random.uniform")
def random_uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Numbers spread evenly over `[minval, maxval)`.

    Parameters
    ----------
    shape : 1-D integer tensor-like
    minval, maxval : tensor-like of `dtype`
        `maxval` is 1 by default; integers need one.
    dtype : DType
        float16, bfloat16, float32, float64, int32 or int64. Integers are drawn modulo the range.
    seed : int, optional
        See `get_seed`.

    Raises
    ------
    ValueError
        If `dtype` is another type, or an integer type without `maxval`.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.random_uniform([4], maxval=10, dtype=tf.int32, seed=1)))
    [7 9 3 2]
    """
    dtype = as_dtype(dtype)
    if dtype not in UNIFORM_TYPES:
        raise ValueError(f"Invalid dtype {dtype!r}")
    if maxval is None:
        if dtype.is_integer:
            raise ValueError(f"Must specify maxval for integer dtype {dtype!r}")
        maxval = 1
    with name_scope(name, "random_uniform", [shape, minval, maxval]) as scope:
        shape = shape_tensor(shape)
        minval = convert_to_tensor(minval, dtype=dtype, name="min")
        maxval = convert_to_tensor(maxval, dtype=dtype, name="max")
        seed1, seed2 = get_seed(seed)
        if dtype.is_integer:
            return apply(RANDOM_UNIFORM_INT, shape, minval, maxval, seed=seed1, seed2=seed2, name=scope)
        numbers = apply(RANDOM_UNIFORM, shape, dtype=dtype, seed=seed1, seed2=seed2)
        return add(numbers * (maxval - minval), minval, name=scope)


def _scaled(
    op: Any, default_name: str, shape: Any, mean: Any, stddev: Any, dtype: Any, seed: int | None, name: str | None
) -> Tensor:
    with name_scope(name, default_name, [shape, mean, stddev]) as scope:
        shape = shape_tensor(shape)
        mean = convert_to_tensor(mean, dtype=dtype, name="mean")
        stddev = convert_to_tensor(stddev, dtype=dtype, name="stddev")
        seed1, seed2 = get_seed(seed)
        numbers = apply(op, shape, dtype=dtype, seed=seed1, seed2=seed2)
        return add(numbers * stddev, mean, name=scope)


@public("random_normal", "random.normal")
def random_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Numbers of a normal distribution, by the Box-Muller transform.

    Parameters
    ----------
    shape : 1-D integer tensor-like
    mean, stddev : tensor-like of `dtype`
    dtype : DType
        float16, bfloat16, float32 or float64.
    seed : int, optional
        See `get_seed`.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.random_normal([2], stddev=0.1, seed=1)))
    [-0.08113182  0.14845988]
    """
    return _scaled(RANDOM_STANDARD_NORMAL, "random_normal", shape, mean, stddev, dtype, seed, name)


@public("truncated_normal", "random.truncated_normal")
def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Numbers of a normal distribution, those farther than two deviations from the mean drawn again.

    The arguments are those of `random_normal`.
    """
    return _scaled(TRUNCATED_NORMAL, "truncated_normal", shape, mean, stddev, dtype, seed, name)


def parameterized_truncated_normal(
    shape: Any, means: Any = 0.0, stddevs: Any = 1.0, minvals: Any = -2.0, maxvals: Any = 2.0,
    dtype: Any = float32, seed: int | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Normal numbers between bounds that may differ from row to row of the first axis.

    Parameters
    ----------
    shape : 1-D integer tensor-like
    means, stddevs, minvals, maxvals : tensor-like of `dtype`
        Scalars, or vectors with one value for each row.
    """
    with name_scope(name, "parameterized_truncated_normal", [shape, means, stddevs, minvals, maxvals]):
        shape = shape_tensor(shape)
        means = convert_to_tensor(means, dtype=dtype, name="means")
        stddevs = convert_to_tensor(stddevs, dtype=dtype, name="stddevs")
        minvals = convert_to_tensor(minvals, dtype=dtype, name="minvals")
        maxvals = convert_to_tensor(maxvals, dtype=dtype, name="maxvals")
        seed1, seed2 = get_seed(seed)
        inputs = (shape, means, stddevs, minvals, maxvals)
        return apply(PARAMETERIZED_TRUNCATED_NORMAL, *inputs, seed=seed1, seed2=seed2)
