"""One variable in several parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from scopert.graph.convert import register_tensor_conversion_function
from scopert.graph.dtypes import DType
from scopert.graph.scopes import control_dependencies, name_scope
from scopert.graph.shape import TensorShape
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_identity import identity
from scopert.ops.array_split import split
from scopert.scope.variable import Variable


class PartitionedVariable:
    """A list of variables that acts as the tensor that they are together.

    Parameters
    ----------
    name : str
        The key of the whole.
    shape : TensorShape or list of int
    dtype : DType
    variable_list : list of Variable
        The parts; each says by its `SaveSliceInfo` which one it is.
    partitions : list of int
        How many parts there are along each axis.

    Raises
    ------
    TypeError
        If `variable_list` or `partitions` is no list.
    ValueError
        If the parts do not belong together.
    """

    def __init__(self, name: str, shape: Any, dtype: DType, variable_list: Any, partitions: Any) -> None:
        if not isinstance(variable_list, (list, tuple)):
            raise TypeError(f"variable_list is not a list or tuple: {variable_list}")
        if not isinstance(partitions, (list, tuple)):
            raise TypeError(f"partitions is not a list or tuple: {partitions}")
        if not all(count >= 1 for count in partitions):
            raise ValueError(f"partition values must be positive: {partitions}")
        if not variable_list:
            raise ValueError("variable_list may not be empty")
        slices = [part._get_save_slice_info() for part in variable_list]
        if any(found is None for found in slices):
            names = [part.name for part in variable_list]
            raise ValueError(f"All variables must have a save_slice_info available: {names}")
        if len(shape) != len(partitions):
            raise ValueError(f"len(shape) != len(partitions): {shape} vs. {partitions}")
        full_shapes = [found.full_shape for found in slices]
        if any(full_shape != shape for full_shape in full_shapes):
            raise ValueError(
                f"All variables' full shapes must match shape: {shape}; but full shapes were: {full_shapes}"
            )
        self._variable_list: list[Variable] = sorted(variable_list, key=lambda v: v._get_save_slice_info().var_offset)
        self._name = name
        self._shape = shape
        self._dtype = dtype
        self._partitions = partitions

    @property
    def name(self) -> str:
        return self._name

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def shape(self) -> TensorShape:
        return self.get_shape()

    def get_shape(self) -> TensorShape:
        """The shape of the whole."""
        return self._shape

    def _get_variable_list(self) -> list[Variable]:
        return self._variable_list

    def _get_partitions(self) -> Any:
        return self._partitions

    def _partition_axes(self) -> list[int]:
        axes = [axis for axis, count in enumerate(self._partitions) if count > 1]
        return axes or [0]

    def __iter__(self) -> Iterator[Variable]:
        return iter(self._variable_list)

    def __len__(self) -> int:
        axes = self._partition_axes()
        if len(axes) > 1:
            raise ValueError(f"Cannot get a length for {len(axes)} > 1 partition axes")
        return len(self._variable_list)

    def as_tensor(self) -> Tensor:
        """The parts joined, outside the control dependencies around."""
        with control_dependencies(None):
            return self._concat()

    def _concat(self) -> Tensor:
        if len(self._variable_list) == 1:
            with name_scope(None):
                return identity(self._variable_list[0], name=self._name)
        axis = self._one_axis("concatenate", "concat")
        with name_scope(self._name + "/ConcatPartitions/"):
            joined = concat(self._variable_list, axis)
        with name_scope(None):
            return identity(joined, name=self._name)

    def _one_axis(self, action: str, noun: str) -> int:
        axes = self._partition_axes()
        if len(axes) > 1:
            raise NotImplementedError(
                f"Cannot {action} along more than one dimension: {axes}.  Multi-axis partition {noun} is not supported"
            )
        return axes[0]

    def _assign_parts(self, method: Callable[[Variable, Any], Any], value: Any, read_value: bool) -> list[Any]:
        axis = self._one_axis("do assign action", "assign action")
        if isinstance(value, list):
            if len(value) != len(self._variable_list):
                raise ValueError(
                    f"{self._name} has {len(self._variable_list)} parts, but {len(value)} values are assigned to them"
                )
            values = value
        elif isinstance(value, PartitionedVariable):
            values = list(value)
        else:
            sizes = [part.shape.as_list()[axis] for part in self._variable_list]
            values = split(value, sizes, axis=axis)
        made = [method(part, values[number]) for number, part in enumerate(self._variable_list)]
        return made if read_value else [item.op for item in made]

    def assign(
        self, value: Any, use_locking: Any = False, name: str | None = None, read_value: bool = True
    ) -> list[Any]:
        """Assigns to every part its part of `value`; returns what each part's `assign` does."""
        return self._assign_parts(lambda v, x: v.assign(x, use_locking, name), value, read_value)

    def assign_add(
        self, value: Any, use_locking: Any = False, name: str | None = None, read_value: bool = True
    ) -> list[Any]:
        """Adds to every part its part of `value`."""
        return self._assign_parts(lambda v, x: v.assign_add(x, use_locking, name), value, read_value)

    def assign_sub(
        self, value: Any, use_locking: Any = False, name: str | None = None, read_value: bool = True
    ) -> list[Any]:
        """Subtracts from every part its part of `value`."""
        return self._assign_parts(lambda v, x: v.assign_sub(x, use_locking, name), value, read_value)


def _to_tensor(value: PartitionedVariable, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Tensor:
    if dtype is not None and not dtype.is_compatible_with(value.dtype):
        raise ValueError(
            f"Incompatible type conversion requested to type '{dtype.name}' for variable of type '{value.dtype.name}'"
        )
    if as_ref:
        raise NotImplementedError("PartitionedVariable doesn't support being used as a reference.")
    return value.as_tensor()


register_tensor_conversion_function(PartitionedVariable, _to_tensor)
