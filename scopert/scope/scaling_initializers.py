"""Initial values whose spread depends on how many inputs and outputs a weight connects."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from scopert.graph.dtypes import as_dtype, float32
from scopert.graph.tensor import Tensor
from scopert.ops.random_tensors import random_normal, random_uniform, truncated_normal
from scopert.public import public
from scopert.scope.initializers import Initializer, float_type

TRUNCATED_DEVIATION = 0.87962566103423978
"""Standard deviation of the standard normal distribution cut at two deviations."""
_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("normal", "uniform", "truncated_normal", "untruncated_normal")


def fans(shape: Any) -> tuple[int, int]:
    """How many inputs and outputs a weight of this shape has; a kernel's size counts for both."""
    sizes = [int(size) for size in shape]
    if not sizes:
        return 1, 1
    if len(sizes) == 1:
        return sizes[0], sizes[0]
    field = math.prod(sizes[:-2])
    return sizes[-2] * field, sizes[-1] * field


@public("variance_scaling_initializer", "initializers.variance_scaling")
class VarianceScaling(Initializer):
    """Random numbers of the variance `scale / n`.

    Parameters
    ----------
    scale : float
        Positive.
    mode : str
        What n is: "fan_in", the inputs of the weight; "fan_out", its outputs; "fan_avg", their mean.
    distribution : str
        "truncated_normal" or "normal" (cut at two deviations), "untruncated_normal", or "uniform".
    seed : int, optional
        See `get_seed`.
    dtype : DType
        A floating type.

    Raises
    ------
    ValueError
        If an argument is none of these.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     weights = session.run(tf.variance_scaling_initializer(seed=1)([100, 50]))
    >>> print(weights.shape, round(float(weights.std()), 2))
    (100, 50) 0.1
    """

    _config: ClassVar[tuple[str, ...]] = ("scale", "mode", "distribution", "seed", "dtype")

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal",
        seed: int | None = None, dtype: Any = float32,
    ) -> None:  # fmt: skip
        if scale <= 0.0:
            raise ValueError("`scale` must be positive float.")
        if mode not in _MODES:
            raise ValueError("Invalid `mode` argument:", mode)
        distribution = distribution.lower()
        if distribution not in _DISTRIBUTIONS:
            raise ValueError("Invalid `distribution` argument:", distribution)
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.seed = seed
        self.dtype = float_type(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        kind = self.dtype if dtype is None else dtype
        fan_in, fan_out = fans(shape if partition_info is None else partition_info.full_shape)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, count)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random_uniform(shape, -limit, limit, kind, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return random_normal(shape, 0.0, math.sqrt(variance), kind, seed=self.seed)
        return truncated_normal(shape, 0.0, math.sqrt(variance) / TRUNCATED_DEVIATION, kind, seed=self.seed)


@public("glorot_uniform_initializer", "initializers.glorot_uniform")
class GlorotUniform(VarianceScaling):
    """Evenly spread numbers with the limit sqrt(6 / (inputs + outputs)), as Glorot and Bengio (2010) propose."""

    _config = ("seed", "dtype")

    def __init__(self, seed: int | None = None, dtype: Any = float32) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)


@public("glorot_normal_initializer", "initializers.glorot_normal")
class GlorotNormal(VarianceScaling):
    """Truncated normal numbers of the deviation sqrt(2 / (inputs + outputs)), after Glorot and Bengio (2010)."""

    _config = ("seed", "dtype")

    def __init__(self, seed: int | None = None, dtype: Any = float32) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, dtype)


@public("initializers.lecun_normal")
def lecun_normal(seed: int | None = None) -> VarianceScaling:
    """An initializer of truncated normal numbers of the deviation sqrt(1 / inputs), after LeCun et al. (1998)."""
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed)


@public("initializers.lecun_uniform")
def lecun_uniform(seed: int | None = None) -> VarianceScaling:
    """An initializer of evenly spread numbers with the limit sqrt(3 / inputs), after LeCun et al. (1998)."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


@public("initializers.he_normal")
def he_normal(seed: int | None = None) -> VarianceScaling:
    """An initializer of truncated normal numbers of the deviation sqrt(2 / inputs), after He et al. (2015)."""
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed)


@public("initializers.he_uniform")
def he_uniform(seed: int | None = None) -> VarianceScaling:
    """An initializer of evenly spread numbers with the limit sqrt(6 / inputs), after He et al. (2015)."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


@public("uniform_unit_scaling_initializer", "initializers.uniform_unit_scaling")
class UniformUnitScaling(Initializer):
    """Evenly spread numbers with the limit `factor` * sqrt(3 / inputs).

    All axes but the last count as inputs. `factor` makes up for the nonlinearity that follows: Sussillo and
    Abbott (2014) measured 1.43 for relu and 1.15 for tanh.

    Raises
    ------
    ValueError
        If `dtype` is not floating.
    """

    _config = ("factor", "seed", "dtype")

    def __init__(self, factor: float = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.factor = factor
        self.seed = seed
        self.dtype = float_type(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        scale_shape = shape if partition_info is None else partition_info.full_shape
        inputs = 1.0
        for size in list(scale_shape)[:-1]:
            inputs *= float(size)
        limit = math.sqrt(3 / max(inputs, 1.0)) * self.factor
        return random_uniform(shape, -limit, limit, self.dtype if dtype is None else dtype, seed=self.seed)


class _ContribScaling:
    """The initializers of `contrib.layers`: functions of a shape and a type, without configuration."""

    def __init__(self, factor: float, mode: str, uniform: bool, seed: int | None, dtype: Any) -> None:
        self._factor, self._mode, self._uniform, self._seed = factor, mode, uniform, seed
        self._dtype = self._checked(dtype)

    @staticmethod
    def _checked(dtype: Any) -> Any:
        kind = as_dtype(dtype)
        if not kind.is_floating:
            raise TypeError("Cannot create initializer for non-floating point type.")
        return kind

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """The initial value; a part of a larger variable counts its own inputs and outputs only."""
        kind = self._dtype if dtype is None else self._checked(dtype)
        sizes = [float(size) for size in shape]
        fan_in = fan_out = 1.0
        if sizes:
            fan_in, fan_out = sizes[-2] if len(sizes) > 1 else sizes[-1], sizes[-1]
        field = math.prod(sizes[:-2])
        fan_in, fan_out = fan_in * field, fan_out * field
        count = {"FAN_IN": fan_in, "FAN_OUT": fan_out, "FAN_AVG": (fan_in + fan_out) / 2.0}[self._mode]
        if self._uniform:
            limit = math.sqrt(3.0 * self._factor / count)
            return random_uniform(shape, -limit, limit, kind, seed=self._seed)
        # 1.3 makes up, roughly, for the variance lost by cutting the distribution at two deviations.
        return truncated_normal(shape, 0.0, math.sqrt(1.3 * self._factor / count), kind, seed=self._seed)


@public(
    "contrib.layers.variance_scaling_initializer",
    "contrib.slim.variance_scaling_initializer",
    "contrib.slim.initializers.variance_scaling_initializer",
)
def contrib_variance_scaling_initializer(
    factor: float = 2.0, mode: str = "FAN_IN", uniform: bool = False, seed: int | None = None, dtype: Any = float32
) -> _ContribScaling:
    """The variance scaling of `contrib.layers`, whose constants differ from `variance_scaling_initializer`.

    Parameters
    ----------
    factor : float
    mode : str
        "FAN_IN", "FAN_OUT" or "FAN_AVG".
    uniform : bool
        Evenly spread numbers, else truncated normal ones.
    seed : int, optional
        See `get_seed`.

    Raises
    ------
    TypeError
        If `dtype` is not floating or `mode` is none of these.
    """
    kind = as_dtype(dtype)
    if kind.is_floating and mode not in ("FAN_IN", "FAN_OUT", "FAN_AVG"):
        raise TypeError(f"Unknown mode {mode} [FAN_IN, FAN_OUT, FAN_AVG]")
    return _ContribScaling(factor, mode, uniform, seed, dtype)


@public(
    "contrib.layers.xavier_initializer",
    "contrib.layers.xavier_initializer_conv2d",
    "contrib.slim.xavier_initializer",
    "contrib.slim.xavier_initializer_conv2d",
    "contrib.slim.initializers.xavier_initializer",
    "contrib.slim.initializers.xavier_initializer_conv2d",
)
def xavier_initializer(uniform: bool = True, seed: int | None = None, dtype: Any = float32) -> _ContribScaling:
    """Glorot and Bengio's initializer (2010): the variance 2 / (inputs + outputs)."""
    return contrib_variance_scaling_initializer(1.0, "FAN_AVG", uniform, seed, dtype)
