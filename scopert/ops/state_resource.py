"""Variables as resources: handles, reads, assignments.

A handle is a tensor of dtype `resource`. What is known of the variable behind it (its shape and
dtype) stands in the attributes of the VarHandleOp that made it.
"""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.constant import constant
from scopert.graph.dtypes import DType, int32
from scopert.graph.opdef import READS, STATEFUL, WRITES, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import equal, scalar
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.state_variables import check_same_shape, count_up_to_kernel

#: Ops that pass a handle on unchanged.
_CARRIERS = frozenset({"Identity", "Enter", "RefEnter", "Switch", "RefSwitch", "Exit", "NextIteration", "LoopCond"})


def handle_of(tensor: Tensor) -> Operation | None:
    """The VarHandleOp behind a handle, or None if it cannot be told before a run."""
    op = tensor._op
    while op.type != "VarHandleOp":
        if op.type not in _CARRIERS and op.type != "Merge":
            return None
        op = op._inputs[0]._op
    return op


def handle_shape(tensor: Tensor) -> Shape:
    """The shape of the variable behind a handle, as far as it is known."""
    op = handle_of(tensor)
    return None if op is None else op.attrs["shape"]


VAR_HANDLE_OP = define_op(
    "VarHandleOp",
    outputs="resource: resource",
    attrs='container: string = ""; shared_name: string = ""; dtype: type; shape: shape',
    shape=scalar,
    kernel=lambda xp, *, op, context: context.variable(op),
    traits=STATEFUL,
    differentiable=False,
)


def _read_shape(op: Operation) -> list[Shape]:
    handle = handle_of(op._inputs[0])
    if handle is None:
        return [None]
    _check_dtype(op, handle)
    return [handle.attrs["shape"]]


def _check_dtype(op: Operation, handle: Operation) -> None:
    if handle.attrs["dtype"] is not op.attrs["dtype"]:
        raise ValueError(
            f"Trying to read variable with wrong dtype. Expected {handle.attrs['dtype'].name} "
            f"got {op.attrs['dtype'].name}"
        )


READ_VARIABLE_OP = define_op(
    "ReadVariableOp",
    inputs="resource: resource",
    outputs="value: dtype",
    attrs="dtype: type",
    shape=_read_shape,
    kernel=lambda xp, ref: ref.read(),
    traits=(READS, STATEFUL),
)


@gradient("ReadVariableOp")
def _read_variable_grad(op: Operation, grad: Any) -> Any:
    return grad


def _assign_shape(op: Operation) -> list[Shape]:
    handle = handle_of(op._inputs[0])
    if handle is not None:
        _check_dtype(op, handle)
        equal(handle.attrs["shape"], op._inputs[1]._shape)
    return []


def _assign_kernel(xp: Any, ref: Any, value: Any) -> None:
    ref.assign(value, False)


ASSIGN_VARIABLE_OP = define_op(
    "AssignVariableOp",
    inputs="resource: resource, value: dtype",
    attrs="dtype: type",
    shape=_assign_shape,
    kernel=_assign_kernel,
    traits=(WRITES, STATEFUL),
    differentiable=False,
)


def _add_kernel(xp: Any, ref: Any, value: Any) -> None:
    view = ref.write_view()
    check_same_shape(ref, view, value)
    xp.add(view, value, out=view)


def _subtract_kernel(xp: Any, ref: Any, value: Any) -> None:
    view = ref.write_view()
    check_same_shape(ref, view, value)
    xp.subtract(view, value, out=view)


ASSIGN_ADD_VARIABLE_OP = define_op(
    "AssignAddVariableOp",
    inputs="resource: resource, value: dtype",
    attrs="dtype: type",
    shape=_assign_shape,
    kernel=_add_kernel,
    traits=(WRITES, STATEFUL),
    differentiable=False,
)

ASSIGN_SUB_VARIABLE_OP = define_op(
    "AssignSubVariableOp",
    inputs="resource: resource, value: dtype",
    attrs="dtype: type",
    shape=_assign_shape,
    kernel=_subtract_kernel,
    traits=(WRITES, STATEFUL),
    differentiable=False,
)

VAR_IS_INITIALIZED_OP = define_op(
    "VarIsInitializedOp",
    inputs="resource: resource",
    outputs="is_initialized: bool",
    shape=scalar,
    kernel=lambda xp, ref: xp.asarray(ref.initialized, dtype=bool),
    traits=STATEFUL,
    differentiable=False,
)


def _shape_of_variable(op: Operation) -> list[Shape]:
    shape = handle_shape(op._inputs[0])
    return [(None,) if shape is None else (len(shape),)]


def _variable_shape_kernel(xp: Any, ref: Any, *, out_type: DType) -> Any:
    return xp.asarray(ref.read().shape, dtype=out_type.np)


VARIABLE_SHAPE = define_op(
    "VariableShape",
    inputs="input: resource",
    outputs="output: out_type",
    attrs="out_type: {int32, int64} = int32",
    shape=_shape_of_variable,
    kernel=_variable_shape_kernel,
    traits=(READS, STATEFUL),
    differentiable=False,
)


def variable_shape(handle: Tensor, out_type: DType = int32) -> Tensor:
    """The shape of the variable behind a handle: a constant if it is known.

    What came through control flow is asked in the run, as in TensorFlow.
    """
    shape = handle_shape(handle) if handle._op.type in ("VarHandleOp", "Identity") else None
    if shape is None or None in shape:
        made: Tensor = apply(VARIABLE_SHAPE, handle, out_type=out_type)
        return made
    return constant(list(shape), dtype=out_type)


RESOURCE_COUNT_UP_TO = define_op(
    "ResourceCountUpTo",
    inputs="resource: resource",
    outputs="output: T",
    attrs="limit: int; T: {int32, int64}",
    shape=scalar,
    kernel=count_up_to_kernel,
    traits=(WRITES, STATEFUL),
    differentiable=False,
)

__all__ = [
    "ASSIGN_ADD_VARIABLE_OP", "ASSIGN_SUB_VARIABLE_OP", "ASSIGN_VARIABLE_OP", "READ_VARIABLE_OP",
    "RESOURCE_COUNT_UP_TO", "VARIABLE_SHAPE", "VAR_HANDLE_OP", "VAR_IS_INITIALIZED_OP", "handle_of",
    "handle_shape", "variable_shape",
]  # fmt: skip
