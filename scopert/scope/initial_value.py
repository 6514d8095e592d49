"""Initial values that depend on other variables: read those as if they were initialized.

All initializers run at once, in no order. So where the initial value of one variable reads
another, the read is replaced by the other's `initialized_value`.
"""

from __future__ import annotations

from typing import Any

from scopert.graph.build import output_dtypes
from scopert.graph.collections import GraphKeys
from scopert.graph.opdef import find_op
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor

_VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp"})
_KEPT = frozenset({"IsVariableInitialized", "VarIsInitializedOp", "ReadVariableOp", "If"})


def guard_initial_value(name: str, value: Tensor) -> Tensor:
    """`value`, with reads of other variables replaced by their initialized values.

    Parameters
    ----------
    name : str
        Of the variable that gets the value; the operations made are called after it.
    value : Tensor
    """
    op = value._op
    if not op._inputs or not _reaches_variable(op):
        return value
    return _safe_tensor(name, value, {})


def _reaches_variable(op: Operation) -> bool:
    """Whether a variable is among the ancestors; False if they form a cycle (a loop)."""
    state: dict[Operation, bool] = {}  # True while its ancestors are looked at
    found = False
    stack = [(op, iter((*(t._op for t in op._inputs), *op._control_inputs)))]
    state[op] = True
    while stack:
        current, rest = stack[-1]
        following = next(rest, None)
        if following is None:
            state[current] = False
            stack.pop()
            continue
        known = state.get(following)
        if known:
            return False
        if known is None:
            found = found or following.type in _VARIABLES
            state[following] = True
            stack.append((following, iter((*(t._op for t in following._inputs), *following._control_inputs))))
    return found or op.type in _VARIABLES


def _safe_tensor(name: str, tensor: Tensor, made: dict[Operation, Operation]) -> Tensor:
    op = tensor._op
    safe = made.get(op)
    if safe is None:
        safe = made[op] = _safe_op(name, op, made)
    return safe.outputs[tensor._value_index]


def _safe_op(name: str, op: Operation, made: dict[Operation, Operation]) -> Operation:
    if op.type in _KEPT:
        return op
    if op.type in _VARIABLES:
        variable = _variable_of(op)
        return op if variable is None else variable.initialized_value().op
    inputs = [_safe_tensor(name, tensor, made) for tensor in op._inputs]
    if inputs == op._inputs:
        return op
    opdef = op.opdef
    if op.type == "RefSwitch":  # the replacement is a value, not a reference
        opdef = find_op("Switch") or opdef
    for arg, tensor in zip(opdef.inputs, inputs, strict=False):
        if arg.is_ref and not tensor._dtype.is_ref:
            raise ValueError(
                f"Input '{arg.name}' passed {tensor._dtype.name} expected ref type: the initial value of {name} "
                f"depends on {op.name} (type {op.type}), which changes a variable"
            )
    attrs = dict(op.attrs)
    return op._graph._add(opdef, inputs, attrs, output_dtypes(opdef, attrs), f"{op.name}_{name}".replace(":", "_"))


def _variable_of(op: Operation) -> Any:
    for collection in (GraphKeys.GLOBAL_VARIABLES, GraphKeys.LOCAL_VARIABLES):
        for variable in op._graph.get_collection(collection):
            if getattr(variable, "op", None) is op and hasattr(variable, "initialized_value"):
                return variable
    return None
