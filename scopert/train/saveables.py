"""What a Saver saves: names in the checkpoint, the tensors to be saved and how they are restored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from scopert.graph.build import apply
from scopert.graph.collections import GraphKeys
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import DType
from scopert.graph.operation import Operation
from scopert.graph.scopes import colocate_with, device, get_collection
from scopert.graph.shape import merge
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import identity
from scopert.ops.array_reshape import reshape
from scopert.ops.state_assign import assign
from scopert.ops.state_resource import ASSIGN_VARIABLE_OP, handle_shape
from scopert.scope.partitioned_variable import PartitionedVariable
from scopert.scope.resource_variable import BaseResourceVariable
from scopert.scope.variable import Variable
from scopert.scope.variable_lists import global_variables

_HOLDERS = ("Variable", "VariableV2", "AutoReloadVariable", "VarHandleOp", "ReadVariableOp")


class SaveSpec:
    """One tensor of a saveable.

    Parameters
    ----------
    tensor : Tensor or callable
        What is saved; a function is called where the saving operation is made.
    slice_spec : str
        Which part of a larger tensor it is.
    name : str
        In the checkpoint.
    dtype : DType
    device : str, optional
        Where it is. Default: the device of `tensor`.
    """

    def __init__(
        self, tensor: Tensor | Callable[[], Tensor], slice_spec: str, name: str, dtype: DType,
        device: str | None = None,
    ) -> None:  # fmt: skip
        self._tensor = tensor
        self.slice_spec = slice_spec
        self.name = name
        self.dtype = dtype
        self.device = tensor.device if device is None and isinstance(tensor, Tensor) else device or ""

    @property
    def tensor(self) -> Tensor:
        return self._tensor if isinstance(self._tensor, Tensor) else self._tensor()


class SaveableObject:
    """Something that a Saver can save.

    Parameters
    ----------
    op : Operation, Tensor or Variable
        What identifies it.
    specs : list of SaveSpec
    name : str
    """

    def __init__(self, op: Any, specs: Sequence[SaveSpec], name: str) -> None:
        self.op = op
        self.specs = list(specs)
        self.name = name

    @property
    def device(self) -> str:
        return self.specs[0].device

    def restore(self, restored_tensors: Sequence[Tensor], restored_shapes: Sequence[Any] | None) -> Any:
        """An operation that takes over tensors read from a checkpoint.

        Parameters
        ----------
        restored_tensors : list of Tensor
            One for each of `specs`.
        restored_shapes : list, optional
            Shapes to which they are reshaped; None: their own.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how it is restored")


class _ReferenceSaveable(SaveableObject):
    def __init__(self, tensor: Tensor, slice_spec: str, name: str) -> None:
        super().__init__(tensor, [SaveSpec(tensor, slice_spec, name, tensor.dtype.base)], name)

    def restore(self, restored_tensors: Sequence[Tensor], restored_shapes: Sequence[Any] | None) -> Any:
        value = restored_tensors[0]
        if restored_shapes is not None:
            value = reshape(value, restored_shapes[0])
        known = self.op._shape is not None and None not in self.op._shape
        with colocate_with(self.op):
            return assign(self.op, value, validate_shape=restored_shapes is None and known)


class _ResourceSaveable(SaveableObject):
    def __init__(
        self, handle: Tensor, tensor: Tensor | Callable[[], Tensor], dtype: DType, slice_spec: str, name: str
    ) -> None:
        super().__init__(handle, [SaveSpec(tensor, slice_spec, name, dtype, handle.device)], name)
        self._handle = handle

    def restore(self, restored_tensors: Sequence[Tensor], restored_shapes: Sequence[Any] | None) -> Any:
        value = restored_tensors[0]
        if restored_shapes is not None:
            value = reshape(value, restored_shapes[0])
        merge(handle_shape(self._handle), value._shape)
        with device(self._handle.device or None):
            return apply(ASSIGN_VARIABLE_OP, self._handle, identity(value))


def all_saveable_objects() -> list[Any]:
    """The global variables and what is in the collection ``SAVEABLE_OBJECTS``."""
    return global_variables() + get_collection(GraphKeys.SAVEABLE_OBJECTS)


def _graph_element(variable: Any) -> Tensor:
    """The tensor that stands for a variable: its reference, or its read if it is a resource."""
    if isinstance(variable, BaseResourceVariable):
        return variable._as_graph_element()
    return to_tensor(variable, as_ref=True)


def names_of(variables: Iterable[Any]) -> dict[str, Any]:
    """Each under its own name in the checkpoint; the parts of one variable as a list.

    Raises
    ------
    TypeError
        If one is not a variable.
    ValueError
        If two have one name.
    """
    if not isinstance(variables, (list, tuple, set, frozenset)):
        raise TypeError(f"Variables to save should be passed in a dict or a list: {variables}")
    names: dict[str, Any] = {}
    for variable in sorted(variables, key=lambda item: str(item.name)):
        if isinstance(variable, (SaveableObject, PartitionedVariable)):
            name = variable.name
        elif isinstance(variable, Variable) and variable._get_save_slice_info() is not None:
            part = variable._get_save_slice_info()
            assert part is not None and part.full_name is not None
            found = names.setdefault(part.full_name, [])
            if not isinstance(found, list):
                raise ValueError(f"Mixing slices and non-slices with the same name: {part.full_name}")
            found.append(variable)
            continue
        else:
            name = _name_in_graph(variable)
        if name in names:
            raise ValueError(f"At least two variables have the same name: {name}")
        names[name] = variable
    return names


def _name_in_graph(variable: Any) -> str:
    op = _checked(variable).op
    return op.inputs[0].op.name if op.type == "ReadVariableOp" else op.name


def _checked(variable: Any) -> Tensor:
    tensor = _graph_element(variable)
    if tensor.op.type not in _HOLDERS:
        raise TypeError(f"Variable to save is not a Variable: {variable}")
    return tensor


def saveables_of(var_list: Any) -> list[SaveableObject]:
    """The saveables of a list of variables, or of a dictionary from names to variables, by name.

    Raises
    ------
    TypeError
        If something is not a variable, or a name not a string.
    ValueError
        If a variable occurs twice.
    """
    names = var_list if isinstance(var_list, dict) else names_of(var_list)
    found: list[SaveableObject] = []
    seen: set[Operation] = set()
    for name in sorted(names, key=str):
        if not isinstance(name, str):
            raise TypeError(
                f"names_to_saveables must be a dict mapping string names to checkpointable operations. "
                f"Name is not a string: {name}"
            )
        for saveable in _saveables_under(name, names[name]):
            op = saveable.op if isinstance(saveable.op, Operation) else saveable.op.op
            if op in seen:
                raise ValueError(f"The same saveable will be restored with two names: {saveable.name}")
            seen.add(op)
            found.append(saveable)
    return found


def _saveables_under(name: str, item: Any) -> list[SaveableObject]:
    if isinstance(item, SaveableObject):
        return [item]
    if isinstance(item, (list, tuple, PartitionedVariable)):
        parts = [_part(name, variable) for variable in item]
        wholes = {str(variable._get_save_slice_info().full_name) for variable in item}  # type: ignore[union-attr]
        if len(wholes) > 1:
            raise ValueError(f"Slices must all be from the same tensor: {' != '.join(sorted(wholes))}")
        return parts
    return [_whole(name, item)]


def _part(name: str, variable: Any) -> SaveableObject:
    if not isinstance(variable, Variable):
        raise ValueError(f"Slices must all be Variables: {variable}")
    info = variable._get_save_slice_info()
    if info is None:
        raise ValueError(f"Slices must all be slices: {variable}")
    if isinstance(variable, BaseResourceVariable):
        return _ResourceSaveable(variable.handle, _reader(variable), variable.dtype.base, info.spec, name)
    return _PartSaveable(variable, info.spec, name)


def _reader(variable: BaseResourceVariable) -> Callable[[], Tensor]:
    """A read that is made where the variable is saved, and its result on the host."""

    def read() -> Tensor:
        with device(variable.device or None):
            value = variable.read_value()
            with device("/device:CPU:0"):
                return identity(value)

    return read


class _PartSaveable(_ReferenceSaveable):
    """A part by reference is saved through its read."""

    def __init__(self, variable: Variable, slice_spec: str, name: str) -> None:
        super().__init__(variable._ref(), slice_spec, name)
        self.specs = [SaveSpec(variable.value(), slice_spec, name, variable.dtype.base)]


def _whole(name: str, item: Any) -> SaveableObject:
    tensor = _checked(item)
    if tensor.op.type == "ReadVariableOp":
        return _ResourceSaveable(tensor.op.inputs[0], tensor, tensor.dtype.base, "", name)
    if isinstance(item, BaseResourceVariable):
        return _ResourceSaveable(item.handle, _reader(item), item.dtype.base, "", name)
    return _ReferenceSaveable(tensor, "", name)
