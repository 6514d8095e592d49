"""Learning rates that fall with the global step.

All of them take a rate, a step and the length of the decay, and return a scalar tensor of the rate's type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.control_flow_case import case
from scopert.ops.control_flow_cond import cond
from scopert.ops.math_binary import add, divide, minimum, multiply, pow_
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal, greater, less_equal, logical_and
from scopert.ops.math_trigonometry import cos
from scopert.ops.math_unary import ceil, exp, floor, log, negative, sqrt
from scopert.ops.random_tensors import random_normal
from scopert.public import public


@public("train.exponential_decay")
def exponential_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """``learning_rate * decay_rate ** (global_step / decay_steps)``.

    Parameters
    ----------
    learning_rate, decay_rate : float or scalar Tensor
    global_step, decay_steps : int or scalar Tensor
    staircase : bool
        Divide without remainder: the rate falls in steps.
    name : str, optional
        Default ``ExponentialDecay``.

    Raises
    ------
    ValueError
        If `global_step` is None.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Session() as sess:
    ...     print(sess.run(tf.train.exponential_decay(0.5, 2, 1, 0.5)))
    0.125
    """
    with name_scope(name, "ExponentialDecay") as scope:
        rate, dtype = _rate(learning_rate)
        steps, factor = cast(decay_steps, dtype), cast(decay_rate, dtype)
        exponent = divide(cast(_step(global_step), dtype), steps)
        if staircase:
            exponent = floor(exponent)
        return multiply(rate, pow_(factor, exponent), name=scope)


@public("train.natural_exp_decay")
def natural_exp_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """``learning_rate * exp(-decay_rate * global_step / decay_steps)``; see `exponential_decay`."""
    factor = exp(negative(decay_rate))
    return exponential_decay(learning_rate, global_step, decay_steps, factor, staircase, name)


@public("train.inverse_time_decay")
def inverse_time_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """``learning_rate / (1 + decay_rate * global_step / decay_steps)``; see `exponential_decay`."""
    with name_scope(name, "InverseTimeDecay") as scope:
        rate, dtype = _rate(learning_rate)
        steps, factor = cast(decay_steps, dtype), cast(decay_rate, dtype)
        part = divide(cast(_step(global_step), dtype), steps)
        if staircase:
            part = floor(part)
        one = cast(constant(1), dtype)
        return divide(rate, add(one, multiply(factor, part)), name=scope)


@public("train.polynomial_decay")
def polynomial_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, end_learning_rate: Any = 0.0001, power: Any = 1.0,
    cycle: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """From `learning_rate` to `end_learning_rate` in `decay_steps` steps.

    ``(learning_rate - end_learning_rate) * (1 - global_step / decay_steps) ** power + end_learning_rate``

    Parameters
    ----------
    learning_rate, end_learning_rate, power : float or scalar Tensor
    global_step, decay_steps : int or scalar Tensor
    cycle : bool
        Beyond `decay_steps`, decay over the next multiple of it instead of staying at the end.
    name : str, optional
        Default ``PolynomialDecay``.

    Raises
    ------
    ValueError
        If `global_step` is None.
    """
    with name_scope(name, "PolynomialDecay") as scope:
        rate, dtype = _rate(learning_rate)
        end, exponent = cast(end_learning_rate, dtype), cast(power, dtype)
        step = cast(_step(global_step), dtype)
        length = cast(decay_steps, dtype)
        if cycle:
            length = multiply(
                length, cond(equal(step, 0), lambda: constant(1.0, dtype=dtype), lambda: ceil(step / decay_steps))
            )
        else:
            step = minimum(step, decay_steps)
        part = divide(step, length)
        return add(multiply(rate - end, pow_(1 - part, exponent)), end, name=scope)


@public("train.cosine_decay")
def cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, alpha: Any = 0.0, name: str | None = None
) -> Tensor:
    """Half a cosine from `learning_rate` to `alpha` times it (Loshchilov and Hutter, 2016).

    Parameters
    ----------
    learning_rate, alpha : float or scalar Tensor
    global_step, decay_steps : int or scalar Tensor
    name : str, optional
        Default ``CosineDecay``.

    Raises
    ------
    ValueError
        If `global_step` is None.
    """
    with name_scope(name, "CosineDecay"):
        rate, dtype = _rate(learning_rate)
        steps = cast(decay_steps, dtype)
        part = minimum(cast(_step(global_step), dtype), steps) / steps
        wave = 0.5 * (1.0 + cos(constant(math.pi, dtype=dtype) * part))
        return multiply(rate, (1 - alpha) * wave + alpha)


@public("train.cosine_decay_restarts")
def cosine_decay_restarts(
    learning_rate: Any, global_step: Any, first_decay_steps: Any, t_mul: Any = 2.0, m_mul: Any = 1.0,
    alpha: Any = 0.0, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Cosine decay that starts again: each period `t_mul` times as long, from a rate `m_mul` times as high.

    Parameters
    ----------
    learning_rate, t_mul, m_mul, alpha : float or scalar Tensor
    global_step, first_decay_steps : int or scalar Tensor
    name : str, optional
        Default ``SGDRDecay``.

    Raises
    ------
    ValueError
        If `global_step` is None.
    """
    with name_scope(name, "SGDRDecay") as scope:
        rate, dtype = _rate(learning_rate)
        length, floor_rate = cast(first_decay_steps, dtype), cast(alpha, dtype)
        stretch, scale = cast(t_mul, dtype), cast(m_mul, dtype)
        done = cast(_step(global_step), dtype) / length

        def geometric() -> list[Any]:
            period = floor(log(1.0 - done * (1.0 - stretch)) / log(stretch))
            before = (1.0 - stretch**period) / (1.0 - stretch)
            return [period, (done - before) / stretch**period]

        def even() -> list[Any]:
            period = floor(done)
            return [period, done - period]

        period, part = cond(equal(stretch, 1.0), even, geometric)
        height = scale**period
        wave = 0.5 * height * (1.0 + cos(constant(math.pi, dtype=dtype) * part))
        return multiply(rate, (1 - floor_rate) * wave + floor_rate, name=scope)


@public("train.linear_cosine_decay")
def linear_cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, num_periods: Any = 0.5, alpha: Any = 0.0,
    beta: Any = 0.001, name: str | None = None,
) -> Tensor:  # fmt: skip
    """``learning_rate * ((alpha + linear) * cosine + beta)`` (Bello et al., 2017).

    Parameters
    ----------
    learning_rate, num_periods, alpha, beta : float or scalar Tensor
    global_step, decay_steps : int or scalar Tensor
    name : str, optional
        Default ``LinearCosineDecay``.

    Raises
    ------
    ValueError
        If `global_step` is None.
    """
    with name_scope(name, "LinearCosineDecay") as scope:
        rate, dtype = _rate(learning_rate)
        steps, periods = cast(decay_steps, dtype), cast(num_periods, dtype)
        start, end = cast(alpha, dtype), cast(beta, dtype)
        step = minimum(cast(_step(global_step), dtype), steps)
        linear = (steps - step) / steps
        wave = _wave(step / steps, periods, dtype)
        return multiply(rate, (start + linear) * wave + end, name=scope)


@public("train.noisy_linear_cosine_decay")
def noisy_linear_cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, initial_variance: Any = 1.0, variance_decay: Any = 0.55,
    num_periods: Any = 0.5, alpha: Any = 0.0, beta: Any = 0.001, name: str | None = None,
) -> Tensor:  # fmt: skip
    """`linear_cosine_decay` with normal noise of variance ``initial_variance / (1 + step) ** variance_decay``.

    Parameters
    ----------
    learning_rate, initial_variance, variance_decay, num_periods, alpha, beta : float or scalar Tensor
    global_step, decay_steps : int or scalar Tensor
    name : str, optional
        Default ``NoisyLinearCosineDecay``.

    Raises
    ------
    ValueError
        If `global_step` is None.
    """
    with name_scope(name, "NoisyLinearCosineDecay") as scope:
        rate, dtype = _rate(learning_rate)
        steps = cast(decay_steps, dtype)
        first, decay = cast(initial_variance, dtype), cast(variance_decay, dtype)
        periods, start, end = cast(num_periods, dtype), cast(alpha, dtype), cast(beta, dtype)
        step = minimum(cast(_step(global_step), dtype), steps)
        linear = (steps - step) / steps
        variance = first / pow_(1.0 + step, decay)
        noisy = linear + random_normal(linear.shape, stddev=sqrt(variance))
        wave = _wave(step / steps, periods, dtype)
        return multiply(rate, (start + noisy) * wave + end, name=scope)


@public("train.piecewise_constant", "train.piecewise_constant_decay")
def piecewise_constant(x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None) -> Tensor:
    """``values[0]`` up to and at ``boundaries[0]``, ``values[1]`` up to ``boundaries[1]``, and so on.

    Parameters
    ----------
    x : number, scalar Tensor or Variable
        The step.
    boundaries : list of number or Tensor
        Increasing, of the type of `x`; int32 ones are converted if `x` is int64.
    values : list of number or Tensor
        One more than `boundaries`, all of one type.
    name : str, optional
        Default ``PiecewiseConstant``.

    Raises
    ------
    ValueError
        If the counts or types do not fit.
    """
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")
    limits = [convert_to_tensor(item) for item in boundaries]
    rates = [convert_to_tensor(item) for item in values]
    convert_to_tensor(x)  # TensorFlow converts the step twice, which numbers the constants that follow
    with name_scope(name, "PiecewiseConstant"):
        step = convert_to_tensor(x)
        limits = [_like_step(limit, step) for limit in limits]
        for rate in rates[1:]:
            if rate.dtype.base is not rates[0].dtype.base:
                raise ValueError(
                    f"Values must have elements all with the same dtype ({rates[0].dtype.base!r} vs "
                    f"{rate.dtype.base!r})."
                )
        cases: list[tuple[Tensor, Callable[[], Tensor]]] = [
            (less_equal(step, limits[0]), lambda: rates[0]),
            (greater(step, limits[-1]), lambda: rates[-1]),
        ]
        for low, high, rate in zip(limits[:-1], limits[1:], rates[1:-1], strict=True):
            inside = logical_and(greater(step, low), less_equal(step, high), name="and")
            cases.append((inside, lambda rate=rate: rate))  # type: ignore[misc]
        return case(cases, lambda: rates[0], exclusive=True)


def _like_step(limit: Tensor, step: Tensor) -> Tensor:
    if limit.dtype.base is step.dtype.base:
        return limit
    if limit.dtype.base.name == "int32" and step.dtype.base.name == "int64":
        widened: Tensor = cast(limit, step.dtype.base)
        return widened
    raise ValueError(f"Boundaries ({limit.dtype.base!r}) must have the same dtype as x ({step.dtype.base!r}).")


def _rate(learning_rate: Any) -> tuple[Tensor, DType]:
    rate = convert_to_tensor(learning_rate, name="initial_learning_rate")
    return rate, rate.dtype


def _step(global_step: Any) -> Any:
    if global_step is None:
        raise ValueError("global_step is required: None values not supported.")
    return global_step


def _wave(part: Tensor, periods: Any, dtype: DType) -> Any:
    turns = 2.0 * periods * part
    return 0.5 * (1.0 + cos(constant(math.pi, dtype=dtype) * turns))
