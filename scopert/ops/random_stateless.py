"""Random numbers that depend on a seed given as a tensor and on nothing else."""

from __future__ import annotations

import math
from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, as_dtype, float32, int64
from scopert.graph.opdef import Shape, define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import brackets
from scopert.graph.tensor import Tensor
from scopert.ops.math_binary import add
from scopert.ops.philox import Philox
from scopert.ops.random_categorical import LOGITS, categorical_kernel, categorical_shape
from scopert.ops.random_distributions import normal, truncated_normal, uniform, uniform_int
from scopert.ops.random_stream import FLOATS, INDEX, dimensions, shape_from_input
from scopert.ops.random_tensors import UNIFORM_TYPES, integer_range, shape_tensor
from scopert.public import public

Array = Any


def _stream(xp: Any, seed: Array) -> Philox:
    if seed.shape != (2,):
        raise InvalidArgumentError(None, None, f"seed must have shape [2], not {brackets(seed.shape)}")
    return Philox.from_stateless_seed(xp, int(seed[0]), int(seed[1]))


def _float_kernel(draw: Any) -> Any:
    def kernel(xp: Any, shape: Array, seed: Array, *, dtype: DType) -> Array:
        sizes = dimensions(shape)
        return draw(xp, _stream(xp, seed), math.prod(sizes), dtype.np).reshape(sizes)

    return kernel


def _int_kernel(xp: Any, shape: Array, seed: Array, minval: Array, maxval: Array, *, dtype: DType) -> Array:
    low, high = integer_range(minval, maxval)
    sizes = dimensions(shape)
    return uniform_int(xp, _stream(xp, seed), math.prod(sizes), low, high, dtype.np).reshape(sizes)


def _multinomial_kernel(xp: Any, logits: Array, num_samples: Array, seed: Array, *, output_dtype: DType) -> Array:
    return categorical_kernel(xp, logits, num_samples, lambda blocks: _stream(xp, seed), output_dtype)


def _check_seed(op: Operation) -> None:
    seed = op.inputs[1 if op.type != "StatelessMultinomial" else 2]._shape
    if seed is not None and (len(seed) != 1 or seed[0] not in (None, 2)):
        rank = len(seed)
        raise ValueError(
            f"Shape must be rank 1 but is rank {rank}" if rank != 1 else f"Dimension must be 2 but is {seed[0]}"
        )


def _shape(op: Operation) -> list[Shape]:
    _check_seed(op)
    return shape_from_input(op)


def _multinomial_shape(op: Operation) -> list[Shape]:
    _check_seed(op)
    return categorical_shape(op)


_ATTRS = f"dtype: {FLOATS} = float32; T: {INDEX} = int32; Tseed: {INDEX} = int64"

STATELESS_UNIFORM = define_op(
    "StatelessRandomUniform", inputs="shape: T, seed: Tseed", outputs="output: dtype", attrs=_ATTRS,
    shape=_shape, kernel=_float_kernel(uniform), differentiable=False,
)  # fmt: skip
STATELESS_NORMAL = define_op(
    "StatelessRandomNormal", inputs="shape: T, seed: Tseed", outputs="output: dtype", attrs=_ATTRS,
    shape=_shape, kernel=_float_kernel(normal), differentiable=False,
)  # fmt: skip
STATELESS_TRUNCATED_NORMAL = define_op(
    "StatelessTruncatedNormal", inputs="shape: T, seed: Tseed", outputs="output: dtype", attrs=_ATTRS,
    shape=_shape, kernel=_float_kernel(truncated_normal), differentiable=False,
)  # fmt: skip
STATELESS_UNIFORM_INT = define_op(
    "StatelessRandomUniformInt", inputs="shape: T, seed: Tseed, minval: dtype, maxval: dtype",
    outputs="output: dtype", attrs=f"dtype: {INDEX}; T: {INDEX}; Tseed: {INDEX} = int64",
    shape=_shape, kernel=_int_kernel, differentiable=False,
)  # fmt: skip
STATELESS_MULTINOMIAL = define_op(
    "StatelessMultinomial", inputs="logits: T, num_samples: int32, seed: Tseed", outputs="output: output_dtype",
    attrs=f"T: {LOGITS}; Tseed: {INDEX} = int64; output_dtype: {INDEX} = int64",
    shape=_multinomial_shape, kernel=_multinomial_kernel, differentiable=False,
)  # fmt: skip


@public("random.stateless_uniform")
def stateless_random_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, name: str | None = None
) -> Tensor:
    """Numbers spread evenly over `[minval, maxval)`, the same at each run for the same `seed`.

    Parameters
    ----------
    shape : 1-D integer tensor-like
    seed : integer tensor-like of shape [2]
    minval, maxval, dtype
        As in `random_uniform`.

    Raises
    ------
    ValueError
        If `dtype` has no uniform numbers, or is an integer type without `maxval`.
    """
    dtype = as_dtype(dtype)
    if dtype not in UNIFORM_TYPES:
        raise ValueError(f"Invalid dtype {dtype!r}")
    if maxval is None:
        if dtype.is_integer:
            raise ValueError(f"Must specify maxval for integer dtype {dtype!r}")
        maxval = 1
    with name_scope(name, "stateless_random_uniform", [shape, seed, minval, maxval]) as scope:
        shape = shape_tensor(shape)
        minval = convert_to_tensor(minval, dtype=dtype, name="min")
        maxval = convert_to_tensor(maxval, dtype=dtype, name="max")
        if dtype.is_integer:
            return apply(STATELESS_UNIFORM_INT, shape, seed, minval, maxval, name=scope)
        numbers = apply(STATELESS_UNIFORM, shape, seed, dtype=dtype)
        return add(numbers * (maxval - minval), minval, name=scope)


def _scaled(op: Any, default_name: str, shape: Any, seed: Any, mean: Any, stddev: Any, dtype: Any, name: Any) -> Tensor:
    with name_scope(name, default_name, [shape, seed, mean, stddev]) as scope:
        shape = shape_tensor(shape)
        mean = convert_to_tensor(mean, dtype=dtype, name="mean")
        stddev = convert_to_tensor(stddev, dtype=dtype, name="stddev")
        return add(apply(op, shape, seed, dtype=dtype) * stddev, mean, name=scope)


@public("random.stateless_normal")
def stateless_random_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, name: str | None = None
) -> Tensor:
    """Normal numbers, the same at each run for the same `seed`, an integer tensor of shape [2]."""
    return _scaled(STATELESS_NORMAL, "stateless_random_normal", shape, seed, mean, stddev, dtype, name)


@public("random.stateless_truncated_normal")
def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, name: str | None = None
) -> Tensor:
    """Normal numbers within two deviations, the same at each run for the same `seed`."""
    return _scaled(STATELESS_TRUNCATED_NORMAL, "stateless_truncated_normal", shape, seed, mean, stddev, dtype, name)


@public("random.stateless_multinomial")
def stateless_multinomial(
    logits: Any, num_samples: Any, seed: Any, output_dtype: Any = int64, name: str | None = None
) -> Tensor:
    """Classes drawn by unnormalised log-probabilities; the older name of `random.stateless_categorical`."""
    with name_scope(name, "stateless_multinomial", [logits, seed]):
        return _classes(logits, num_samples, seed, output_dtype)


@public("random.stateless_categorical")
def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = int64, name: str | None = None
) -> Tensor:
    """Classes drawn by unnormalised log-probabilities, the same at each run for the same `seed`.

    Parameters
    ----------
    logits : tensor-like of shape [rows, classes]
    num_samples : int32 scalar
        How many classes to draw for each row.
    seed : integer tensor-like of shape [2]
    dtype : DType
        int32 or int64.
    """
    with name_scope(name, "stateless_categorical", [logits, seed]):
        return _classes(logits, num_samples, seed, dtype)


def _classes(logits: Any, num_samples: Any, seed: Any, dtype: Any) -> Tensor:
    logits = convert_to_tensor(logits, name="logits")
    return apply(STATELESS_MULTINOMIAL, logits, num_samples, seed, output_dtype=dtype)
