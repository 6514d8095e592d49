"""Partitioned variables by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import as_dtype
from scopert.graph.scopes import name_scope
from scopert.graph.shape import TensorShape, as_tuple
from scopert.graph.tensor import Tensor
from scopert.ops.array_slice import slice as slice_tensor
from scopert.scope.partitioned_variable import PartitionedVariable
from scopert.scope.request import PartitionInfo, Request
from scopert.scope.variable import SaveSliceInfo

if TYPE_CHECKING:
    from scopert.scope.store import VariableStore


class PartitionedStore:
    """The partitioned variables of a graph; their parts are in the store of single variables too."""

    def __init__(self, single: VariableStore) -> None:
        self._single = single
        self.variables: dict[str, PartitionedVariable] = {}

    def get(self, request: Request) -> PartitionedVariable:
        """The partitioned variable that is asked for, found or made.

        Raises
        ------
        ValueError
            If it exists and must not, must exist and does not, has another shape, type or partition, or
            the partitioner returns something else than a partition along one axis.
        """
        name = request.name
        if name in self._single._vars:
            raise ValueError(
                f"A partitioner was provided, but an unpartitioned version of the variable was found: {name}.  "
                "Perhaps a variable of the same name was already created without partitioning?"
            )
        shape = TensorShape(as_tuple(request.shape))
        if isinstance(request.initializer, Tensor):
            shape = shape.merge_with(request.initializer.shape)
        partitions = None
        if not request.reuse or request.partitioner is not None:
            partitions = _partitions(request.partitioner, shape, request.dtype)
        known = self.variables.get(name)
        if known is not None:
            _check_shared(request, shape, partitions, known)
            return known
        if request.reuse is True:
            raise ValueError(
                f"PartitionedVariable {name} does not exist, or was not created with tf.get_variable(). "
                "Did you mean to set reuse=False or reuse=tf.AUTO_REUSE in VarScope?"
            )
        assert partitions is not None
        made = self._make(request, shape, partitions)
        self.variables[name] = made
        return made

    def _make(self, request: Request, shape: TensorShape, partitions: Sequence[int]) -> PartitionedVariable:
        name = request.name
        axis, count = _sliced_axis(partitions)
        self._check_parts(name, count)
        full_shape = [int(n) for n in shape.as_list()]  # type: ignore[arg-type]
        parts = []
        dtype = request.dtype
        for number, (offset, part_shape) in enumerate(_slices(full_shape, count, axis)):
            part_name = f"{name}/part_{number}"
            initializer: Any = request.initializer
            own_shape: list[int] | None = part_shape
            with name_scope(part_name + "/PartitionedInitializer"):
                if initializer is not None and not callable(initializer):
                    if not isinstance(initializer, Tensor):
                        initializer = convert_to_tensor(initializer, dtype=dtype)
                    initializer = slice_tensor(initializer, offset, part_shape)
                    dtype = initializer.dtype.base
                    own_shape = None
            part_request = replace(
                request, name=part_name, shape=own_shape, dtype=dtype, initializer=initializer, partitioner=None
            )
            with name_scope(None):
                part = self._single.get_single(part_request, PartitionInfo(full_shape, offset))
            part._set_save_slice_info(SaveSliceInfo(name, full_shape, offset, part_shape))
            parts.append(part)
        return PartitionedVariable(name, shape, as_dtype(dtype), parts, partitions)

    def _check_parts(self, name: str, count: int) -> None:
        known = self._single._vars
        if f"{name}/part_0" not in known:
            return
        prefix = (
            "Partitioner returned a different partitioning than what was already found.  "
            f"Partitioner returned {count} shards, and shard {name}/part_0 was found, but"
        )
        if f"{name}/part_{count - 1}" not in known:
            raise ValueError(f"{prefix} {name}/part_{count - 1} was not.")
        if f"{name}/part_{count}" in known:
            raise ValueError(f"{prefix} so was the extra shard {name}/part_{count}.")


def _check_shared(request: Request, shape: TensorShape, partitions: Any, known: PartitionedVariable) -> None:
    name = request.name
    if request.reuse is False:
        raise ValueError(
            f"Partitioned variable with name {name} already exists. Did you mean to set reuse=True or "
            "reuse=tf.AUTO_REUSE in VarScope?"
        )
    if not shape.is_compatible_with(known.get_shape()):
        raise ValueError(
            f"Trying to reuse partitioned variable {name}, but specified shape {shape} and found shape "
            f"{known.get_shape()}."
        )
    dtype = as_dtype(request.dtype)
    if not dtype.is_compatible_with(known.dtype):
        raise ValueError(
            f"Trying to reuse partitioned variable {name}, but specified dtype {dtype.name} and found dtype "
            f"{known.dtype.name}."
        )
    if partitions is not None and known._get_partitions() != partitions:
        raise ValueError(
            f"Trying to reuse partitioned variable {name}, but specified partitions {partitions} and found partitions "
            f"{known._get_partitions()}."
        )


def _partitions(partitioner: Any, shape: TensorShape, dtype: Any) -> Sequence[int]:
    """What the partitioner says, checked."""
    if not shape.is_fully_defined():
        raise ValueError(f"Shape of a new partitioned variable must be fully defined, but instead was {shape}.")
    rank = len(shape)
    if rank < 1:
        raise ValueError(f"A partitioned Variable must have rank at least 1, shape: {shape}")
    found = partitioner(shape=shape, dtype=dtype)
    if not isinstance(found, Sequence):
        raise ValueError(f"Partitioner must return a sequence, but saw: {found}")
    if len(found) != rank:
        raise ValueError(
            f"Partitioner returned a partition list that does not match the Variable's rank: {found} vs. {shape}"
        )
    if any(count < 1 for count in found):
        raise ValueError(f"Partitioner returned zero partitions for some axes: {found}")
    if sum(count > 1 for count in found) > 1:
        raise ValueError(
            f"Can only slice a variable along one dimension: shape: {shape}, partitioning: {found}"
        )
    return found


def _sliced_axis(partitions: Sequence[int]) -> tuple[int, int]:
    """The axis that is cut, and into how many parts."""
    return next(((axis, count) for axis, count in enumerate(partitions) if count > 1), (0, 1))


def _slices(full_shape: list[int], count: int, axis: int) -> Iterator[tuple[list[int], list[int]]]:
    """Offset and shape of each part; the first parts are larger by one if it does not divide."""
    least, excess = divmod(full_shape[axis], count)
    offset = [0] * len(full_shape)
    for number in range(count):
        shape = list(full_shape)
        shape[axis] = least + (number < excess)
        yield list(offset), shape
        offset[axis] += shape[axis]
