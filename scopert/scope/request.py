"""What `get_variable` was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scopert.graph.dtypes import float32
from scopert.scope.distribution import VariableAggregation, VariableSynchronization


@dataclass(slots=True)
class Request:
    """The arguments of one look-up, in the order in which custom getters pass them on.

    `name` is the full key once the scope has filled in its part. A request is not changed: who
    needs another one makes a copy.
    """

    name: str
    shape: Any = None
    dtype: Any = float32
    initializer: Any = None
    regularizer: Any = None
    reuse: Any = None
    trainable: bool | None = None
    collections: Any = None
    caching_device: Any = None
    partitioner: Any = None
    validate_shape: bool = True
    use_resource: bool | None = None
    constraint: Any = None
    synchronization: Any = VariableSynchronization.AUTO
    aggregation: Any = VariableAggregation.NONE


class PartitionInfo:
    """What an initializer is told of the part that it fills.

    Parameters
    ----------
    full_shape : list of int
        Of the whole variable.
    var_offset : list of int
        Where the part begins.

    Raises
    ------
    TypeError
        If one is not a list or tuple.
    ValueError
        If their lengths differ, or an offset is outside.
    """

    __slots__ = ("_full_shape", "_var_offset")

    def __init__(self, full_shape: Any, var_offset: Any) -> None:
        for label, given in (("full_shape", full_shape), ("var_offset", var_offset)):
            if not isinstance(given, (list, tuple)) or isinstance(given, str):
                raise TypeError(f"`{label}` must be a sequence (like tuple or list) instead of {type(given).__name__}")
        if len(full_shape) != len(var_offset):
            raise ValueError(
                f"Expected equal length, but `var_offset` is of length {len(var_offset)} while "
                f"full_shape is of length {len(full_shape)}."
            )
        for size, offset in zip(full_shape, var_offset, strict=True):
            if offset < 0 or offset >= size:
                raise ValueError(
                    f"Expected 0 <= offset < shape but found offset={offset}, shape={size} for "
                    f"var_offset={var_offset}, full_shape={full_shape}"
                )
        self._full_shape = full_shape
        self._var_offset = var_offset

    @property
    def full_shape(self) -> Any:
        return self._full_shape

    @property
    def var_offset(self) -> Any:
        return self._var_offset

    def single_offset(self, shape: Any) -> int:
        """The offset along the one axis that is partitioned; 0 if none is."""
        axis = self.single_slice_dim(shape)
        return 0 if axis is None else int(self._var_offset[axis])

    def single_slice_dim(self, shape: Any) -> int | None:
        """The axis that is partitioned, given the shape of the part; None if none is.

        Raises
        ------
        TypeError
            If `shape` is not a list or tuple.
        ValueError
            If it does not fit, or several axes are partitioned.
        """
        if not isinstance(shape, (list, tuple)):
            raise TypeError(f"`shape` must be a sequence (like tuple or list) instead of {type(shape).__name__}")
        if len(shape) != len(self._full_shape):
            raise ValueError(
                f"Expected equal length, but received shape={shape} of length {len(shape)} while "
                f"self.full_shape={self._full_shape} is of length {len(self._full_shape)}."
            )
        for axis, size in enumerate(shape):
            if self._var_offset[axis] + size > self._full_shape[axis]:
                raise ValueError(
                    f"With self.var_offset={self._var_offset}, a partition of shape={shape} would exceed "
                    f"self.full_shape={self._full_shape} in dimension {axis}."
                )
        axes = [axis for axis, size in enumerate(shape) if size != self._full_shape[axis]]
        if len(axes) > 1:
            raise ValueError(
                f"Cannot use single_slice_dim() with shape={shape} and self.full_shape={self._full_shape} since slice "
                f"dim could be either dimension {axes[0]} or {axes[1]}."
            )
        return axes[0] if axes else None
