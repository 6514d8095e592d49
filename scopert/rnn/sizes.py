"""Shapes that begin with a batch size: the states and outputs of cells."""

from __future__ import annotations

from typing import Any

from scopert import nest
from scopert.graph.constant import constant
from scopert.graph.constant_value import constant_value
from scopert.graph.dtypes import int32
from scopert.graph.shape import TensorShape, as_shape
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import zeros
from scopert.ops.array_reshape import expand_dims


def _part(value: Any, name: str) -> tuple[Tensor | None, TensorShape]:
    """Some leading or trailing sizes as a vector, if they can be one, and what is known of them."""
    if isinstance(value, Tensor):
        known = constant_value(value)
        if value._rank == 0:
            return expand_dims(value, 0), TensorShape(None if known is None else [int(known)])
        if value._rank != 1:
            raise ValueError(f"{name} tensor must be either a scalar or vector, but saw tensor: {value}")
        return value, TensorShape(None if known is None else known.tolist())
    sizes = as_shape(value)
    return constant(sizes.as_list(), int32) if sizes.is_fully_defined() else None, sizes


def joined_sizes(prefix: Any, suffix: Any) -> Tensor:
    """The sizes of `prefix` and then those of `suffix`, as a vector.

    Parameters
    ----------
    prefix, suffix : int, shape or Tensor

    Raises
    ------
    ValueError
        If one is not known while the graph is built and no tensor either.
    """
    first, _ = _part(prefix, "prefix")
    second, _ = _part(suffix, "suffix")
    if first is None or second is None:
        raise ValueError(f"Provided a prefix or suffix of None: {prefix} and {suffix}")
    return concat((first, second), 0)


def static_sizes(prefix: Any, suffix: Any) -> TensorShape:
    """What is known of the same while the graph is built; the constants are made here, too, as in TensorFlow."""
    _, first = _part(prefix, "prefix")
    _, second = _part(suffix, "suffix")
    return first.concatenate(second)


def zero_tensors(state_size: Any, batch_size: Any, dtype: Any) -> Any:
    """Zeros of shape ``[batch_size, *size]`` for each size of a structure."""

    def make(size: Any) -> Tensor:
        made = zeros(joined_sizes(batch_size, size), dtype=dtype)
        made.set_shape(static_sizes(batch_size, size))
        return made

    return nest.map_structure(make, state_size)
