"""Initial values of variables: constants and simple distributions.

An initializer is called with a shape and a type and makes the operations of the initial value in the
current name scope. The numbers are those of TensorFlow 1.15 for the same seeds.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from scopert.graph.constant import constant
from scopert.graph.dtypes import DType, as_dtype, float32
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import ones, zeros
from scopert.ops.random_tensors import random_normal, random_uniform, truncated_normal
from scopert.public import public


class Initializer:
    """What all initializers share.

    `get_config` and `from_config` take them apart and make them again.
    """

    dtype: DType
    _config: ClassVar[tuple[str, ...]] = ()

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """The initial value.

        Parameters
        ----------
        shape : shape
        dtype : DType, optional
            By default the initializer's own.
        partition_info : object, optional
            Where the variable is a part of a larger one: its `full_shape` and `var_offset`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how it makes an initial value")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this initializer, the type by its name."""
        config = {name: getattr(self, name) for name in self._config}
        if "dtype" in config:
            config["dtype"] = self.dtype.name
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The initializer with these arguments."""
        return cls(**config)


def float_type(dtype: Any) -> DType:
    """`dtype`, which must be a floating one; raises `ValueError` otherwise."""
    kind = as_dtype(dtype)
    if not kind.is_floating:
        raise ValueError(f"Expected floating point type, got {kind}.")
    return kind


@public("zeros_initializer", "initializers.zeros")
class Zeros(Initializer):
    """Zeros of any type."""

    _config = ("dtype",)

    def __init__(self, dtype: Any = float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return zeros(shape, self.dtype if dtype is None else dtype)


@public("ones_initializer", "initializers.ones")
class Ones(Initializer):
    """Ones of any type."""

    _config = ("dtype",)

    def __init__(self, dtype: Any = float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return ones(shape, self.dtype if dtype is None else dtype)


@public("constant_initializer", "initializers.constant")
class Constant(Initializer):
    """Given values.

    Parameters
    ----------
    value : scalar, list, tuple or array
        Values in row-major order; if there are fewer than the shape has places, the last one fills the rest.
    dtype : DType
    verify_shape : bool
        `value` must have the variable's shape exactly.

    Raises
    ------
    TypeError
        If `value` is of another kind, or, when called, `verify_shape` fails.
    ValueError
        When called, if there are more values than places.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.constant_initializer([1, 2])([2, 2])))
    [[1. 2.]
     [2. 2.]]
    """

    _config = ("value", "dtype")

    def __init__(self, value: Any = 0, dtype: Any = float32, verify_shape: bool = False) -> None:
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray))):
            raise TypeError(
                f"Invalid type for initial value: {type(value)} (expected Python scalar, list or tuple of values, "
                "or numpy.ndarray)."
            )
        self.value = value
        self.dtype = as_dtype(dtype)
        self._verify_shape = verify_shape

    def __call__(
        self, shape: Any, dtype: Any = None, partition_info: Any = None, verify_shape: bool | None = None
    ) -> Tensor:
        verify = self._verify_shape if verify_shape is None else verify_shape
        return constant(self.value, dtype=self.dtype if dtype is None else dtype, shape=shape, verify_shape=verify)


@public("random_uniform_initializer", "initializers.random_uniform")
class RandomUniform(Initializer):
    """Numbers spread evenly over `[minval, maxval)`.

    Parameters
    ----------
    minval, maxval : scalar or scalar Tensor
        `maxval` is 1 by default for floating types; integers need one.
    seed : int, optional
        See `get_seed`.
    dtype : DType
    """

    _config = ("minval", "maxval", "seed", "dtype")

    def __init__(self, minval: Any = 0, maxval: Any = None, seed: int | None = None, dtype: Any = float32) -> None:
        self.minval = minval
        self.maxval = maxval
        self.seed = seed
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return random_uniform(shape, self.minval, self.maxval, self.dtype if dtype is None else dtype, seed=self.seed)


@public("random_normal_initializer", "initializers.random_normal")
class RandomNormal(Initializer):
    """Numbers of a normal distribution.

    Parameters
    ----------
    mean, stddev : scalar or scalar Tensor
    seed : int, optional
        See `get_seed`.
    dtype : DType
        A floating type.

    Raises
    ------
    ValueError
        If `dtype` is not floating.
    """

    _config = ("mean", "stddev", "seed", "dtype")

    def __init__(self, mean: Any = 0.0, stddev: Any = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.mean = mean
        self.stddev = stddev
        self.seed = seed
        self.dtype = float_type(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return random_normal(shape, self.mean, self.stddev, self.dtype if dtype is None else dtype, seed=self.seed)


@public("truncated_normal_initializer", "initializers.truncated_normal")
class TruncatedNormal(Initializer):
    """Numbers of a normal distribution, those farther than two deviations from the mean drawn again.

    The arguments are those of `random_normal_initializer`.
    """

    _config = ("mean", "stddev", "seed", "dtype")

    def __init__(self, mean: Any = 0.0, stddev: Any = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.mean = mean
        self.stddev = stddev
        self.seed = seed
        self.dtype = float_type(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return truncated_normal(shape, self.mean, self.stddev, self.dtype if dtype is None else dtype, seed=self.seed)
