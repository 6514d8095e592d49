"""The ops of TensorFlow 1's control flow: values that are alive or dead, and frames of iterations.

None has a kernel: they say which steps run at all, so the lowering (`scopert.program.control_flow`)
gives them their meaning.

========================  =======================================================================
Switch                    hands its data on at output 1 if the predicate is true, else at output 0;
                          the other output is dead, and what depends on it does not run
Merge                     the input that is alive, and its number
Enter, Exit               into a loop's frame and out of it
NextIteration             the value of the loop's variable in the next iteration
LoopCond                  marks the tensor that decides whether there is one more iteration
========================  =======================================================================
"""

from __future__ import annotations

from typing import Any

from scopert import nest
from scopert.graph.build import apply
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import as_dtype
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import HOST, STATEFUL, define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import colocate_with, name_scope
from scopert.graph.shape_rules import no_outputs, same_as_first, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_identity import IDENTITY
from scopert.ops.composite import map_tensors, to_tensor_or_composite, to_tensors_or_composites
from scopert.ops.slices import as_indexed_slices_list


def _both_like_data(op: Operation) -> list[Shape]:
    with_rank(op._inputs[1]._shape, 0)
    shape = op._inputs[0]._shape
    return [shape, shape]


def _condition(op: Operation) -> list[Shape]:
    with_rank(op._inputs[0]._shape, 0)
    return [()]


def _common_shape(op: Operation) -> list[Shape]:
    """What the shapes of all inputs have in common, and a scalar."""
    first = op._inputs[0]._shape
    if first is None:
        return [None, ()]
    dims = list(first)
    for tensor in op._inputs[1:]:
        other = tensor._shape
        if other is None or len(other) != len(dims):
            return [None, ()]
        dims = [a if a == b else None for a, b in zip(dims, other, strict=True)]
    return [tuple(dims), ()]


def _enter_shape(op: Operation) -> list[Shape]:
    # A loop variable may change its shape: `enter` sets it where it may not.
    return [op._inputs[0]._shape if op.attrs["is_constant"] else None]


SWITCH = define_op(
    "Switch", inputs="data: T, pred: bool", outputs="output_false: T, output_true: T", attrs="T: type",
    shape=_both_like_data,
)  # fmt: skip
REF_SWITCH = define_op(
    "RefSwitch", inputs="data: Ref(T), pred: bool", outputs="output_false: Ref(T), output_true: Ref(T)",
    attrs="T: type", shape=_both_like_data,
)  # fmt: skip
MERGE = define_op(
    "Merge", inputs="inputs: N * T", outputs="output: T, value_index: int32", attrs="T: type; N: int >= 1",
    shape=_common_shape,
)  # fmt: skip
REF_MERGE = define_op(
    "RefMerge", inputs="inputs: Ref(N * T)", outputs="output: Ref(T), value_index: int32",
    attrs="T: type; N: int >= 1", shape=_common_shape,
)  # fmt: skip
_FRAME = "T: type; frame_name: string; is_constant: bool = false; parallel_iterations: int = 10"
ENTER = define_op("Enter", inputs="data: T", outputs="output: T", attrs=_FRAME, shape=_enter_shape)
REF_ENTER = define_op("RefEnter", inputs="data: Ref(T)", outputs="output: Ref(T)", attrs=_FRAME, shape=same_as_first)
EXIT = define_op("Exit", inputs="data: T", outputs="output: T", attrs="T: type", shape=same_as_first)
REF_EXIT = define_op("RefExit", inputs="data: Ref(T)", outputs="output: Ref(T)", attrs="T: type", shape=same_as_first)
NEXT_ITERATION = define_op("NextIteration", inputs="data: T", outputs="output: T", attrs="T: type", shape=same_as_first)
REF_NEXT_ITERATION = define_op(
    "RefNextIteration", inputs="data: Ref(T)", outputs="output: Ref(T)", attrs="T: type", shape=same_as_first
)
LOOP_COND = define_op("LoopCond", inputs="input: bool", outputs="output: bool", shape=_condition)
CONTROL_TRIGGER = define_op("ControlTrigger", shape=no_outputs, kernel=lambda xp: (), differentiable=False)
REF_IDENTITY = define_op(
    "RefIdentity", inputs="input: Ref(T)", outputs="output: Ref(T)", attrs="T: type", shape=same_as_first,
    kernel=lambda xp, reference: reference,
)  # fmt: skip


def _abort(xp: Any, *, error_msg: Any, exit_without_error: bool) -> Any:
    text = error_msg.decode() if isinstance(error_msg, bytes) else error_msg
    raise SystemExit(0 if exit_without_error else f"Abort_op intentional failure; {text}")


ABORT = define_op(
    "Abort", attrs='error_msg: string = ""; exit_without_error: bool = false', shape=no_outputs, kernel=_abort,
    traits=(STATEFUL, HOST), differentiable=False,
)  # fmt: skip

# What TensorFlow calls the same function for a tensor, a ref and a composite.


def identity_of(data: Any, name: str | None = None) -> Any:
    """The same value under a new name; a ref stays one."""
    data = to_tensor_or_composite(data, as_ref=True)
    if not isinstance(data, Tensor):
        return map_tensors(identity_of, data)
    return apply(REF_IDENTITY if data._dtype.is_ref else IDENTITY, data, name=name)


def next_iteration(data: Any, name: str | None = None) -> Any:
    """The value for the next iteration."""
    data = to_tensor_or_composite(data, as_ref=True)
    if not isinstance(data, Tensor):
        return map_tensors(next_iteration, data)
    return apply(REF_NEXT_ITERATION if data._dtype.is_ref else NEXT_ITERATION, data, name=name)


def enter(
    data: Any, frame_name: str, is_constant: bool = False, parallel_iterations: int = 10,
    use_input_shape: bool = True, name: str | None = None,
) -> Any:  # fmt: skip
    """A value inside a loop's frame: in its first iteration, or in all if `is_constant`."""
    data = to_tensor_or_composite(data, as_ref=True)
    if not isinstance(data, Tensor):
        return map_tensors(
            lambda part: enter(part, frame_name, is_constant, parallel_iterations, use_input_shape), data
        )
    result = apply(
        REF_ENTER if data._dtype.is_ref else ENTER, data, frame_name=frame_name, is_constant=is_constant,
        parallel_iterations=parallel_iterations, name=name,
    )  # fmt: skip
    if use_input_shape:
        result.set_shape(data._shape)
    return result


def exit_loop(data: Any, name: str | None = None) -> Any:
    """The last value of a loop's variable, outside."""
    data = to_tensor_or_composite(data, as_ref=True)
    if not isinstance(data, Tensor):
        return map_tensors(exit_loop, data)
    return apply(REF_EXIT if data._dtype.is_ref else EXIT, data, name=name)


def switch(data: Any, pred: Any, dtype: Any = None, name: str | None = None) -> Any:
    """``(data if not pred, data if pred)``; the other one is dead."""
    with name_scope(name, "Switch", [data, pred]) as scope:
        if dtype is not None and not isinstance(data, Tensor):
            data = to_tensor(data, as_dtype(dtype), "data", None, True)
        data = to_tensor_or_composite(data, "data", as_ref=True)
        pred = to_tensor(pred, None, "pred")
        if isinstance(data, Tensor):
            return apply(SWITCH, data, pred, name=scope)
        pairs = [apply(SWITCH, part, pred) for part in nest.flatten(data, expand_composites=True)]
        return tuple(
            nest.pack_sequence_as(data, [pair[side] for pair in pairs], expand_composites=True) for side in (0, 1)
        )


def switch_ref_or_tensor(data: Any, pred: Tensor, name: str = "Switch") -> Any:
    """`switch`, placed with `data`; a ref stays one."""
    data = to_tensor_or_composite(data, "data")
    with colocate_with(data.values if isinstance(data, IndexedSlices) else data, ignore_existing=True):
        if isinstance(data, Tensor) and data._dtype.is_ref:
            return apply(REF_SWITCH, data, pred, name=name)
        return switch(data, pred, name=name)


def merge(inputs: Any, name: str | None = None) -> Any:
    """The one of `inputs` that is alive, and its number.

    Raises
    ------
    ValueError
        If one is None.
    """
    if any(item is None for item in inputs):
        raise ValueError(f"At least one of the merge inputs is None: {inputs}")
    with name_scope(name, "Merge", inputs) as scope:
        items = to_tensors_or_composites(inputs, as_ref=True)
        if all(isinstance(item, Tensor) for item in items):
            refs = all(item._dtype.is_ref for item in items)
            return apply(REF_MERGE if refs else MERGE, items, name=scope)
        if all(isinstance(item, (IndexedSlices, Tensor)) for item in items):
            items = as_indexed_slices_list(items, optimize=False)
        for other in items[1:]:
            nest.assert_same_structure(items[0], other, expand_composites=True)
        columns = zip(*(nest.flatten(item, expand_composites=True) for item in items), strict=True)
        merged = [apply(MERGE, list(column)) for column in columns]
        value = nest.pack_sequence_as(items[0], [pair[0] for pair in merged], expand_composites=True)
        return value, merged[0][1]


def loop_cond(pred: Tensor, name: str | None = None) -> Tensor:
    """Marks what decides whether there is one more iteration."""
    result: Tensor = apply(LOOP_COND, pred, name=name)
    return result


def control_trigger(name: str | None = None) -> Operation:
    """An operation that runs even where what it waits for is dead."""
    result: Operation = apply(CONTROL_TRIGGER, name=name)
    return result


# Questions about operations.

SWITCHES = frozenset({"Switch", "RefSwitch"})
MERGES = frozenset({"Merge", "RefMerge"})
ENTERS = frozenset({"Enter", "RefEnter"})
EXITS = frozenset({"Exit", "RefExit"})


def is_constant_enter(op: Operation) -> bool:
    """Whether it brings a value into a loop that is the same in each iteration."""
    return op.type in ENTERS and bool(op.attrs["is_constant"])


def constant_enter_of(value: Tensor) -> Operation | None:
    """The constant Enter that a value inside a loop is only handed on from, or None."""
    op = value._op
    while op.type in ("Switch", "RefSwitch", "Identity", "RefIdentity"):
        op = op._inputs[0]._op
    return op if is_constant_enter(op) else None


def output_context(op: Operation) -> Any:
    """The control flow context in which the outputs of an operation stand."""
    context = op._control_flow_context
    if context is not None and op.type in EXITS:
        context = context.outer_context
    return context


def while_context(op: Operation) -> Any:
    """The innermost loop around an operation, or None."""
    context = op._control_flow_context
    return None if context is None else context.GetWhileContext()


def is_switch_of_cond(op: Operation) -> bool:
    """Whether a Switch only feeds branches of conds."""
    if op.type not in SWITCHES:
        return False
    for output in op.outputs:
        for consumer in output.consumers():
            context = consumer._control_flow_context
            if consumer.type in ENTERS:
                context = context.outer_context
            if context is None or not context.IsCondContext():
                return False
    return True


def is_switch_of_loop(op: Operation) -> bool:
    """Whether it is the Switch of a loop's variable."""
    if op.type not in SWITCHES:
        return False
    context = op._control_flow_context
    return context is not None and context.IsWhileContext() and not is_switch_of_cond(op)


def context_contains(outer: Any, inner: Any) -> bool:
    """Whether `inner` is `outer` or stands inside it; None is the graph itself."""
    while inner is not outer:
        if inner is None:
            return False
        inner = inner.outer_context
    return True
