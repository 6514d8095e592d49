"""Which variable an operation reads or writes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from scopert.graph.dtypes import resource
from scopert.graph.kernel import Origin
from scopert.graph.opdef import WRITES
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor

NOTHING: Collection[object] = ()

#: Operations that stand for a variable of the session, and compute nothing.
VARIABLE_OPS = frozenset({"Variable", "VariableV2", "VarHandleOp"})


def is_handle(tensor: Tensor) -> bool:
    """Whether a tensor stands for a variable (or another resource), and not for a value."""
    return tensor._dtype.is_ref or tensor._dtype is resource


def variable_key(op: Operation) -> object:
    """What is the same for all operations that stand for one variable."""
    attrs = op.attrs
    shared = attrs.get("shared_name")
    if shared is None:
        return op._name
    return (attrs.get("container") or "", shared or op._name)


def key_of(origin: Origin) -> object:
    """The same for the operation that a variable slot of a program stands for."""
    return origin.attrs.get("container") or "", origin.attrs.get("shared_name") or origin.name


def variable_of(tensor: Tensor) -> object:
    """The key of the variable that a handle stands for, through operations that pass handles on."""
    op = tensor._op
    while True:
        for other in op._inputs:
            if is_handle(other):
                op = other._op
                break
        else:
            return variable_key(op)


def ref_arguments(op: Operation) -> list[bool]:
    """For each input, whether the operation takes the variable itself and not its value."""
    flags: list[bool] = []
    for arg in op.opdef.inputs:
        count = 1
        if arg.number_attr is not None:
            count = op.attrs[arg.number_attr]
        elif arg.type_list_attr is not None:
            count = len(op.attrs[arg.type_list_attr])
        flags += [arg.is_ref] * count
    return flags


def touched(op: Operation) -> tuple[Collection[object], Collection[object]]:
    """The variables that an operation reads, and those that it writes."""
    handles = [index for index, tensor in enumerate(op._inputs) if is_handle(tensor)]
    if not handles:
        return NOTHING, NOTHING
    reads: dict[object, Any] = {}
    writes: dict[object, Any] = {}
    refs = ref_arguments(op)
    changes = WRITES in op.opdef.traits
    passes_on = any(is_handle(tensor) for tensor in op.outputs)
    for index in handles:
        tensor = op._inputs[index]
        if tensor._dtype.is_ref and not refs[index]:
            reads[variable_of(tensor)] = None
        elif changes:
            writes[variable_of(tensor)] = None
        elif not passes_on:
            reads[variable_of(tensor)] = None
    return reads, writes
