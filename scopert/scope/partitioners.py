"""Into how many parts a variable is cut."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scopert.graph.dtypes import DType, string
from scopert.graph.shape import TensorShape
from scopert.public import public

Partitioner = Callable[..., list[int]]


def _element_size(dtype: DType, string_size: int) -> int:
    return string_size if dtype.base is string else dtype.size


@public("fixed_size_partitioner")
def fixed_size_partitioner(num_shards: int, axis: int = 0) -> Partitioner:
    """A partitioner that cuts one axis into `num_shards` parts, or fewer if it is shorter.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.fixed_size_partitioner(3)(shape=tf.TensorShape([10, 2]), dtype=tf.float32)
    [3, 1]
    """

    def partitioner(shape: Any, **unused: Any) -> list[int]:
        counts = [1] * len(shape)
        counts[axis] = min(num_shards, shape.as_list()[axis])
        return counts

    return partitioner


@public("variable_axis_size_partitioner")
def variable_axis_size_partitioner(
    max_shard_bytes: int, axis: int = 0, bytes_per_string_element: int = 16, max_shards: int | None = None
) -> Partitioner:
    """A partitioner that cuts one axis so that no part is larger than `max_shard_bytes`, if that can be.

    Parameters
    ----------
    max_shard_bytes : int
    axis : int
    bytes_per_string_element : int
        How large a string is taken to be.
    max_shards : int, optional
        Never more parts than this.

    Raises
    ------
    ValueError
        If a number is not positive.
    """
    if max_shard_bytes < 1 or bytes_per_string_element < 1:
        raise ValueError("Both max_shard_bytes and bytes_per_string_element must be positive.")
    if max_shards and max_shards < 1:
        raise ValueError("max_shards must be positive.")

    def partitioner(shape: Any, dtype: Any) -> list[int]:
        if not isinstance(shape, TensorShape):
            raise ValueError(f"shape is not a TensorShape: {shape}")
        if not shape.is_fully_defined():
            raise ValueError(f"shape is not fully defined: {shape}")
        if not isinstance(dtype, DType):
            raise ValueError(f"dtype is not a DType: {dtype}")
        sizes: list[Any] = shape.as_list()
        bytes_per_slice = math.prod(sizes) / sizes[axis] * _element_size(dtype, bytes_per_string_element)
        slices_per_shard = max(1, math.floor(max_shard_bytes / bytes_per_slice))
        count = math.ceil(sizes[axis] / slices_per_shard)
        counts = [1] * len(sizes)
        counts[axis] = min(max_shards, count) if max_shards else count
        return counts

    return partitioner


@public("min_max_variable_partitioner")
def min_max_variable_partitioner(
    max_partitions: int = 1, axis: int = 0, min_slice_size: int = 256 << 10, bytes_per_string_element: int = 16
) -> Partitioner:
    """A partitioner that cuts one axis into at most `max_partitions` parts of about `min_slice_size` bytes or more.

    Raises
    ------
    ValueError
        When called for a variable that has no such axis.
    """

    def partitioner(shape: Any, dtype: Any) -> list[int]:
        sizes = shape.as_list()
        if axis >= len(sizes):
            raise ValueError(f"Can not partition variable along axis {axis} when shape is only {shape}")
        wanted = math.ceil(math.prod(sizes) * _element_size(dtype, bytes_per_string_element) / min_slice_size)
        counts = [1] * len(sizes)
        counts[axis] = max(1, min(sizes[axis], max_partitions, wanted))
        return counts

    return partitioner
