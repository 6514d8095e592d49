"""Variables as reference tensors: the ops that make, set and test them.

A `Ref(T)` tensor stands for the variable itself. Its kernels pass a `VariableRef` on; an op that
takes a plain `T` reads it.
"""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError, OutOfRangeError
from scopert.graph.opdef import STATEFUL, WRITES, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape_rules import equal, from_attr, scalar
from scopert.graph.tensor import Shape

NUMBERS = (
    "{float32, float64, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, uint16, "
    "complex128, float16, uint32, uint64}"
)


def _variable_kernel(xp: Any, *, op: Any, context: Any) -> Any:
    return context.variable(op)


def _legacy_shape(op: Operation) -> list[Shape]:
    # A scalar shape meant "unknown" when this op was made.
    return [op.attrs["shape"] or None]


VARIABLE_V2 = define_op(
    "VariableV2",
    outputs="ref: Ref(dtype)",
    attrs='shape: shape; dtype: type; container: string = ""; shared_name: string = ""',
    shape=from_attr("shape"),
    kernel=_variable_kernel,
    traits=STATEFUL,
    differentiable=False,
)

VARIABLE = define_op(
    "Variable",
    outputs="ref: Ref(dtype)",
    attrs='shape: shape; dtype: type; container: string = ""; shared_name: string = ""',
    shape=_legacy_shape,
    kernel=_variable_kernel,
    traits=STATEFUL,
    differentiable=False,
)


def _assign_shape(op: Operation) -> list[Shape]:
    ref, value = op._inputs
    return [equal(ref._shape, value._shape) if op.attrs["validate_shape"] else value._shape]


def _assign_kernel(xp: Any, ref: Any, value: Any, *, validate_shape: bool) -> Any:
    ref.assign(value, validate_shape)
    return ref


ASSIGN = define_op(
    "Assign",
    inputs="ref: Ref(T), value: T",
    outputs="output_ref: Ref(T)",
    attrs="T: type; validate_shape: bool = true; use_locking: bool = true",
    shape=_assign_shape,
    kernel=_assign_kernel,
    traits=WRITES,
    differentiable=False,
)


def check_same_shape(ref: Any, view: Any, value: Any) -> None:
    """Raises InvalidArgumentError if a value to be added to a variable has another shape."""
    if view.shape != getattr(value, "shape", ()):
        raise InvalidArgumentError(
            None,
            None,
            f"Cannot update variable with shape {list(view.shape)} using a Tensor with shape {list(value.shape)}, "
            f"shapes must be equal. (variable '{ref.name}')",
        )


def _assign_add_kernel(xp: Any, ref: Any, value: Any) -> Any:
    view = ref.write_view()
    check_same_shape(ref, view, value)
    xp.add(view, value, out=view)
    return ref


def _assign_sub_kernel(xp: Any, ref: Any, value: Any) -> Any:
    view = ref.write_view()
    check_same_shape(ref, view, value)
    xp.subtract(view, value, out=view)
    return ref


def _merged(op: Operation) -> list[Shape]:
    return [equal(op._inputs[0]._shape, op._inputs[1]._shape)]


ASSIGN_ADD = define_op(
    "AssignAdd",
    inputs="ref: Ref(T), value: T",
    outputs="output_ref: Ref(T)",
    attrs=f"T: {NUMBERS}; use_locking: bool = false",
    shape=_merged,
    kernel=_assign_add_kernel,
    traits=WRITES,
    differentiable=False,
)

ASSIGN_SUB = define_op(
    "AssignSub",
    inputs="ref: Ref(T), value: T",
    outputs="output_ref: Ref(T)",
    attrs=f"T: {NUMBERS}; use_locking: bool = false",
    shape=_merged,
    kernel=_assign_sub_kernel,
    traits=WRITES,
    differentiable=False,
)

IS_VARIABLE_INITIALIZED = define_op(
    "IsVariableInitialized",
    inputs="ref: Ref(dtype)",
    outputs="is_initialized: bool",
    attrs="dtype: type",
    shape=scalar,
    kernel=lambda xp, ref: xp.asarray(ref.initialized, dtype=bool),
    traits=STATEFUL,
    differentiable=False,
)


def count_up_to_kernel(xp: Any, ref: Any, *, limit: int) -> Any:
    """The value before it is increased by one; OutOfRangeError once it reached `limit`."""
    view = ref.write_view()
    before = view.copy()
    if int(before) >= limit:
        raise OutOfRangeError(None, None, f"Reached limit of {limit} (variable '{ref.name}')")
    xp.add(view, 1, out=view)
    return before


def count_up_to_shape(op: Operation) -> list[Shape]:
    """A counter is a scalar."""
    shape = op._inputs[0]._shape
    if shape is not None and shape != ():
        raise ValueError(f"Shape must be rank 0 but is rank {len(shape)}")
    return [()]


COUNT_UP_TO = define_op(
    "CountUpTo",
    inputs="ref: Ref(T)",
    outputs="output: T",
    attrs="limit: int; T: {int32, int64}",
    shape=count_up_to_shape,
    kernel=count_up_to_kernel,
    traits=WRITES,
    differentiable=False,
)

__all__ = [
    "ASSIGN", "ASSIGN_ADD", "ASSIGN_SUB", "COUNT_UP_TO", "IS_VARIABLE_INITIALIZED", "NUMBERS", "VARIABLE",
    "VARIABLE_V2", "check_same_shape", "count_up_to_kernel", "count_up_to_shape",
]  # fmt: skip
