"""Slots: the variables that an optimizer or an average keeps beside a variable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from scopert.graph.dtypes import as_dtype
from scopert.graph.scopes import colocate_with
from scopert.graph.shape import TensorShape
from scopert.ops.array_fill import zeros
from scopert.ops.array_shape import shape as shape_of
from scopert.scope.get_variable import get_variable
from scopert.scope.initializers import Zeros
from scopert.scope.ref_variable import RefVariable
from scopert.scope.resource_variable import BaseResourceVariable
from scopert.scope.scope_stack import current_scope
from scopert.scope.variable import SaveSliceInfo, Variable
from scopert.scope.variable_scope import variable_scope


def create_slot(primary: Any, val: Any, name: str, colocate_with_primary: bool = True) -> Any:
    """A slot whose initial value is a tensor.

    Parameters
    ----------
    primary : Variable or Tensor
        What the slot belongs to.
    val : tensor-like
        The initial value.
    name : str
        The slot is ``PRIMARY/NAME`` under the current variable scope.
    colocate_with_primary : bool
        Place it with `primary`.
    """
    validate = val.get_shape().is_fully_defined()
    with _opened(primary, name, colocate_with_primary):
        return _create_variable(primary, val, validate, None, None)


def create_slot_with_initializer(
    primary: Any, initializer: Any, shape: Any, dtype: Any, name: str, colocate_with_primary: bool = True
) -> Any:
    """A slot whose initial value an initializer makes from `shape` and `dtype`."""
    validate = TensorShape(shape).is_fully_defined()
    with _opened(primary, name, colocate_with_primary):
        return _create_variable(primary, initializer, validate, shape, dtype)


def create_zeros_slot(primary: Any, name: str, dtype: Any = None, colocate_with_primary: bool = True) -> Any:
    """A slot of zeros; its shape, if it is unknown, is that of the initial value of `primary`."""
    kind = primary.dtype.base if dtype is None else as_dtype(dtype).base
    known = primary.get_shape()
    if known.is_fully_defined():
        return create_slot_with_initializer(primary, Zeros(dtype=kind), known, kind, name, colocate_with_primary)
    value = primary.initialized_value() if isinstance(primary, Variable) else primary
    return create_slot(primary, zeros(shape_of(value), dtype=kind), name, colocate_with_primary)


@contextmanager
def _opened(primary: Any, name: str, colocate: bool) -> Iterator[None]:
    prefix = primary._shared_name if isinstance(primary, Variable) else primary.op.name
    with variable_scope(None, f"{prefix}/{name}"), colocate_with(primary) if colocate else nullcontext():
        yield


def _create_variable(primary: Any, initial: Any, validate: bool, shape: Any, dtype: Any) -> Any:
    use_resource = None
    if isinstance(primary, BaseResourceVariable):
        use_resource = True
    elif isinstance(primary, RefVariable):
        use_resource = False
    # A slot is one variable even where the scope splits variables: its primary is split already.
    scope = current_scope()
    partitioner = scope.partitioner
    scope.set_partitioner(None)
    slot = get_variable(
        "", initializer=initial, trainable=False, use_resource=use_resource,
        shape=shape if callable(initial) else None, dtype=dtype, validate_shape=validate,
    )  # fmt: skip
    scope.set_partitioner(partitioner)
    part = primary._get_save_slice_info() if isinstance(primary, Variable) else None
    if part is not None:
        own_name = slot.name[len(primary.op.name) + 1 : -2]
        slot._set_save_slice_info(
            SaveSliceInfo(f"{part.full_name}/{own_name}", part.full_shape, part.var_offset, part.var_shape)
        )
    return slot
