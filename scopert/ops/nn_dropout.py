"""Dropout."""

from __future__ import annotations

from numbers import Real
from typing import Any

from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.shape import TensorShape
from scopert.graph.tensor import Tensor
from scopert.ops.array_shape import shape
from scopert.ops.math_cast import cast
from scopert.ops.random_tensors import random_uniform
from scopert.public import public


@public("nn.dropout")
def dropout(
    x: Any, keep_prob: Any = None, noise_shape: Any = None, seed: int | None = None, name: str | None = None,
    rate: Any = None,
) -> Tensor:  # fmt: skip
    """Sets a random share of elements to zero and scales the others so that the expected sum stays.

    Parameters
    ----------
    x : floating tensor-like
    keep_prob : float or scalar Tensor, optional
        1 - `rate`, the older way to say it; only one of the two may be given.
    noise_shape : shape or 1-D int32 Tensor, optional
        Shape of the choices, which broadcast to `x`: an axis of 1 is kept or dropped as a whole.
    seed : int, optional
        See `get_seed`.
    rate : float or scalar Tensor of the type of `x`
        The share of zeros, in `[0, 1)`. Zero returns `x` itself.

    Raises
    ------
    ValueError
        If `x` is not floating, `rate` is out of range, or neither or both of `rate` and `keep_prob` are given.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     x = session.run(tf.nn.dropout(tf.ones([1000]), rate=0.5, seed=1))
    >>> print(sorted(set(x.tolist())))
    [0.0, 2.0]
    """
    if keep_prob is not None:
        if rate is not None:
            raise ValueError("Cannot specify both 'keep_prob' and 'rate'")
        try:
            rate = 1.0 - keep_prob
        except TypeError:
            raise ValueError(f"keep_prob must be a floating point number or Tensor (got {keep_prob!r})") from None
    if rate is None:
        raise ValueError("You must provide a rate to dropout.")
    with name_scope(name, "dropout", [x]):
        x = convert_to_tensor(x, name="x")
        if not x.dtype.is_floating:
            raise ValueError(
                f"x has to be a floating point tensor since it's going to be scaled. Got a {x.dtype} tensor instead."
            )
        if isinstance(rate, Real):
            if not 0 <= float(rate) < 1:
                raise ValueError(f"rate must be a scalar tensor or a float in the range [0, 1), got {float(rate):g}")
            if rate == 0:
                return x
        rate = convert_to_tensor(rate, dtype=x.dtype, name="rate")
        rate.get_shape().assert_has_rank(0)
        known = constant_value(rate)
        if known is not None and known == 0:
            return x
        choice = random_uniform(_noise_shape(x, noise_shape), seed=seed, dtype=x.dtype)
        scale = 1 / (1 - rate)
        kept = choice >= rate
        result = x * scale * cast(kept, x.dtype)
        result.set_shape(x.get_shape())
        return result


def _noise_shape(x: Tensor, noise_shape: Any) -> Any:
    """`noise_shape` with the dimensions of `x` where it has none; anything but a shape is taken as it is."""
    if noise_shape is None:
        return shape(x)
    try:
        wanted = TensorShape(noise_shape)
    except (TypeError, ValueError):
        return noise_shape
    sizes = x._shape
    if sizes is None or wanted.ndims is None or len(sizes) != wanted.ndims:
        return noise_shape
    return TensorShape([own if size is None else size for size, own in zip(wanted.as_list(), sizes, strict=True)])
