"""Variables that a gradient adds to loops: counters of iterations, and sums over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scopert.graph.constant import constant
from scopert.graph.dtypes import resource
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.operation import Operation
from scopert.graph.shape import TensorShape
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import zeros, zeros_like
from scopert.ops.array_shape import shape_internal
from scopert.ops.control_flow_loop import WhileContext
from scopert.ops.control_flow_ops import enter, exit_loop, loop_cond, merge, next_iteration, switch
from scopert.ops.math_binary import add, maximum, subtract
from scopert.ops.math_comparison import greater_equal


@contextmanager
def inside(context: Any) -> Iterator[None]:
    """Makes operations in a context, or where one stands if it is None."""
    if context is None:
        yield
        return
    context.Enter()
    try:
        yield
    finally:
        context.Exit()


def add_forward_counter(context: WhileContext, outer_state: Any) -> tuple[Tensor, Tensor]:
    """Counts the iterations of a loop.

    Returns
    -------
    (Tensor, Tensor)
        How many there were, and the counter's value for the next iteration.
    """
    count = constant(0, name="f_count")
    if outer_state is not None:
        # After all that the iteration of the outer loop pushed: the stacks stay in step.
        count.op._add_control_input(outer_state.forward_index.op.inputs[0].op)
    context.Enter()
    context.AddName(count)
    entered = enter(count, context.name, False, context.parallel_iterations, name="f_count")
    context.loop_enters.append(entered)
    merged = merge([entered, entered])[0]
    switched = switch(merged, context.pivot)
    following = next_iteration(add(switched[1], 1))
    merged.op._update_input(1, following)
    total = exit_loop(switched[0], name="f_count")
    context.loop_exits.append(total)
    context.ExitResult([total])
    context.Exit()
    return total, following


def add_backward_counter(context: WhileContext, count: Tensor, outer_state: Any) -> Tensor:
    """Makes a gradient's loop run `count` times; returns its counter's value for the next iteration."""
    one = constant(1, name="b_count")
    context.Enter()
    context.AddName(count)
    entered = enter(count, context.name, False, context.parallel_iterations, name="b_count")
    context.loop_enters.append(entered)
    merged = merge([entered, entered])[0]
    context._pivot_for_pred = merged
    context._pivot = loop_cond(greater_equal(merged, one), name="b_count")
    switched = switch(merged, context._pivot)
    index = subtract(switched[1], one)
    context._pivot_for_body = index
    following = next_iteration(index)
    merged.op._update_input(1, following)
    final_zero = exit_loop(switched[0], name="b_count")
    context.loop_exits.append(final_zero)
    if outer_state is not None:
        outer_state.grad_sync._add_control_input(final_zero.op)
    context.ExitResult([final_zero])
    context.Exit()
    return following


def accumulate(context: WhileContext, op: Operation, grad: Tensor) -> Tensor:
    """The sum of `grad` over the iterations: the gradient of a loop invariant, which `op` enters.

    Called inside the gradient's loop, and leaves inside it.
    """
    context.Exit()
    start = _zeros_to_start(context, op, grad)
    context.Enter()
    context.AddName(start)
    entered = enter(start, context.name, False, context.parallel_iterations, name="b_acc")
    context.loop_enters.append(entered)
    merged = merge([entered, entered], name="b_acc")[0]
    when_done, when_on = switch(merged, context.pivot)
    following = next_iteration(add(when_on, grad))
    merged.op._update_input(1, following)
    result: Tensor = exit_loop(when_done, name="b_acc")
    context.loop_exits.append(result)
    context.ExitResult([result])
    return result


def _zeros_to_start(context: WhileContext, op: Operation, grad: Tensor) -> Tensor:
    outer = context.outer_context
    if grad.shape.is_fully_defined():
        with inside(outer):
            return constant(0, grad.dtype, shape=grad.shape, name="b_acc")
    value = op.inputs[0]
    if not isinstance(outer, WhileContext) or outer.grad_state is None:
        with inside(outer):
            return zeros(shape_internal(value, optimize=False), grad.dtype)
    # The gradient of a nested loop: the shape is that of the same iteration of the outer forward loop.
    with inside(context.grad_state.forward_context.outer_context):
        shape = shape_internal(value, optimize=False)
    outer_state = context.grad_state.outer_grad_state
    history = outer_state.AddForwardAccumulator(shape)
    with inside(outer):
        return zeros(outer_state.AddBackpropAccumulatedValue(history, shape), grad.dtype)


def accumulate_slices(context: WhileContext, op: Operation, grad: IndexedSlices) -> IndexedSlices:
    """The same for rows: those of all iterations, one after the other."""
    values, indices, dense_shape = grad.values, grad.indices, grad.dense_shape
    context.Exit()
    with inside(context.outer_context):
        starts = _slices_to_start(op, values, indices, dense_shape)
    context.Enter()
    for tensor in starts:
        context.AddName(tensor)
    entered = [
        enter(tensor, context.name, False, context.parallel_iterations, use_input_shape=False, name="b_acc")
        for tensor in starts
    ]
    entered[0].set_shape([None])
    if starts[1]._shape is not None:
        entered[1].set_shape([None, *starts[1]._shape[1:]])
    context.loop_enters.extend(entered)
    merged = [merge([tensor, tensor], name="b_acc")[0] for tensor in entered]
    switched = [switch(tensor, context.pivot) for tensor in merged]
    sums = [
        concat([pair[1], found], 0) for pair, found in zip(switched[:2], (indices, values), strict=True)
    ]
    if dense_shape is not None:
        sums.append(maximum(dense_shape, switched[2][1]))
    followings = [next_iteration(tensor) for tensor in sums]
    for tensor, following in zip(merged, followings, strict=True):
        tensor.op._update_input(1, following)
    results = [exit_loop(pair[0], name="b_acc") for pair in switched]
    context.loop_exits.extend(results)
    context.ExitResult(results)
    return IndexedSlices(results[1], results[0], results[2] if dense_shape is not None else None)


def _slices_to_start(
    op: Operation, values: Tensor, indices: Tensor, dense_shape: Tensor | None
) -> list[Tensor]:
    """One row of zeros."""
    if values.shape.is_fully_defined():
        first = constant(0, values.dtype, shape=[1, *values.shape.as_list()[1:]], name="b_acc")
    else:
        rows = concat([[1], _shape_of(op.inputs[0])[1:]], 0)
        first = zeros(rows, dtype=values.dtype)
    starts = [constant([0], indices.dtype), first]
    if dense_shape is not None:
        if dense_shape.shape.is_fully_defined():
            starts.append(constant(0, dense_shape.dtype, shape=dense_shape.shape))
        else:
            shape = shape_internal(op.inputs[0], optimize=False, out_type=dense_shape.dtype)
            starts.append(zeros_like(shape, optimize=False))
    return starts


def _shape_of(tensor: Tensor) -> Any:
    if tensor.dtype is not resource:
        return shape_internal(tensor, optimize=False)
    while tensor.op.inputs:
        tensor = tensor.op.inputs[0]
    return TensorShape(tensor.op.attrs["shape"])
