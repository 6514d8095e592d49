"""The loops that backpropagation meets, and the zeros for what nothing used in branches and loops."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from scopert.derivatives.loop_state import LoopState
from scopert.graph.constant import constant
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import DType, resource
from scopert.graph.operation import Operation
from scopert.graph.scopes import colocate_with, control_dependencies
from scopert.graph.shape import is_known
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import zeros, zeros_like
from scopert.ops.array_identity import identity
from scopert.ops.array_shape import shape_internal
from scopert.ops.control_flow_accumulate import inside
from scopert.ops.control_flow_ops import (
    EXITS,
    SWITCHES,
    is_switch_of_loop,
    next_iteration,
    switch,
    switch_ref_or_tensor,
    while_context,
)
from scopert.ops.state_resource import handle_of, handle_shape, variable_shape


def flow_state(between: list[Operation], colocate: bool) -> FlowState | None:
    """The state of the loops whose exits are among `between`, which grows by their other exits.

    Returns
    -------
    FlowState or None
        None if there are no loops.
    """
    state = None
    members = set(between)
    for op in between:  # it grows
        if op.type in EXITS:
            if state is None:
                state = FlowState()
            with colocate_with(op) if colocate else nullcontext():
                state.add_loop(op, between, members)
    return state


class FlowState:
    """The loops between `ys` and `xs` of one call of `tf.gradients`."""

    def __init__(self) -> None:
        self._loops: dict[Any, LoopState] = {}

    def add_loop(self, op: Operation, between: list[Operation], members: set[Operation]) -> None:
        """Makes the gradient's loop of the one that `op` leaves."""
        forward = while_context(op)
        if forward in self._loops:
            return
        outer = _loop_around(forward)
        made = self._loops[forward] = LoopState(forward, self._loops.get(outer))
        for tensor in made.forward_loop_exits:
            if tensor.op not in members:
                members.add(tensor.op)
                between.append(tensor.op)

    def _state_of(self, op: Operation, before: bool) -> LoopState | None:
        forward = while_context(op)
        if before and op.type in EXITS:
            forward = _loop_around(op._control_flow_context)
        return self._loops.get(forward)

    def exit_state(self, op: Operation) -> LoopState:
        """The state of the loop that an Exit belongs to."""
        return self._loops[while_context(op)]

    def unused_loop_exits(self, pending: dict[Operation, int], queued: set[Operation]) -> list[Tensor]:
        """Exits of loops that no gradient comes into: their bodies matter all the same."""
        found: list[Tensor] = []
        for state in self._loops.values():
            for tensor in state.forward_loop_exits:
                if not pending.get(tensor.op):
                    state.pending_exits_count -= 1
                    if tensor.op not in queued:
                        state.unused_exits.append(tensor)
                    if not state.pending_exits_count:
                        found.extend(state.unused_exits)
            for tensor in state.forward_context.loop_enters:
                if not pending.get(tensor.op):
                    pending[tensor.op] = 1
        return found

    def enter_gradient(self, op: Operation, before: bool) -> None:
        """Goes to where the gradient of `op` is built; `before` its gradients are summed, or after."""
        state = self._state_of(op, before)
        if state is not None:
            state.grad_context.Enter()

    def exit_gradient(self, op: Operation, before: bool) -> None:
        """Leaves it."""
        state = self._state_of(op, before)
        if state is not None:
            state.grad_context.Exit()

    def zeros_like_for_exit(self, exit_tensor: Tensor) -> Tensor:
        """The zero gradient of an exit."""
        known = exit_tensor.shape.is_fully_defined()
        forward = exit_tensor.op._control_flow_context
        outer_state = self._loops.get(_loop_around(forward))
        if outer_state is None:
            return zeros(exit_tensor.shape, exit_tensor.dtype) if known else zeros_like(exit_tensor, optimize=False)
        if known:
            with inside(outer_state.grad_context):
                return zeros(exit_tensor.shape, exit_tensor.dtype)
        with inside(forward.outer_context):
            shape = shape_internal(exit_tensor, optimize=False)
        history = outer_state.AddForwardAccumulator(shape)
        with inside(outer_state.grad_context):
            return zeros(outer_state.AddBackpropAccumulatedValue(history, shape), exit_tensor.dtype)

    def zeros_like(self, op: Operation, index: int) -> Tensor | None:
        """The gradient of an output that nothing used, in a loop or outside."""
        if is_switch_of_loop(op):
            return None  # what is missing comes from the next iteration
        state = self._loops.get(while_context(op))
        if state is None:
            return zeros_outside_loop(op, index)
        dead_branch = op.type in SWITCHES
        context = op._control_flow_context
        value = to_tensor(op.outputs[index])
        known, dtype = value._shape, value.dtype
        if dtype is resource:
            # TensorFlow fails here; the gradient is that of the variable's value.
            known, dtype = handle_shape(value), _handle_dtype(value)
            if not is_known(known):
                raise ValueError(f"the zero gradient of {value} needs the shape of the variable behind it")
        if is_known(known):
            result: Tensor = constant(0, shape=known, dtype=dtype)
            if dead_branch:
                pred = state.history_map[context.pred]
                result = switch_ref_or_tensor(result, pred)[1 - context.branch]
            return result
        if dead_branch:
            # The size is known in the other branch only, where the value went.
            with inside(context.outer_context):
                other = switch_ref_or_tensor(op.inputs[0], context.pred)[1 - context.branch]
                shape = shape_internal(other, optimize=False)
            other.op._control_flow_context = context
            shape.op._control_flow_context = context
        else:
            with inside(context):
                shape = shape_internal(value, optimize=False)
        state.grad_context.Exit()
        history = state.AddForwardAccumulator(shape, dead_branch)
        state.grad_context.Enter()
        return zeros(state.AddBackpropAccumulatedValue(history, shape, dead_branch), value.dtype)

    def finish(self) -> None:
        """Closes the gradients of variables on which their next values do not depend: those are zero."""
        for state in self._loops.values():
            for merged in state.switch_map.values():
                if merged.op.inputs[0] is merged.op.inputs[1]:
                    self._close(state, merged)

    @staticmethod
    def _close(state: LoopState, merged: Tensor) -> None:
        first = merged.op.inputs[0]
        if first.shape.is_fully_defined():
            with inside(state.grad_context):
                following = next_iteration(constant(0, dtype=first.dtype, shape=first.shape))
        else:
            with inside(state.grad_context.outer_context):
                value = zeros(shape_internal(first.op.inputs[0], optimize=False))
            with inside(state.grad_context):
                following = next_iteration(value)
        merged.op._update_input(1, following)


def _loop_around(context: Any) -> Any:
    outer = context.outer_context
    return None if outer is None else outer.GetWhileContext()


def zeros_outside_loop(op: Operation, index: int) -> Tensor:
    """The gradient of an output that nothing used, where there is no loop."""
    value = op.outputs[index]
    context = op._control_flow_context
    if op.type not in SWITCHES or context is None:
        if value.dtype is resource:
            return zeros(variable_shape(value), dtype=_handle_dtype(value))
        made: Tensor = zeros_like(value, optimize=False)
        return made
    # The zeros of the branch that is not taken must be dead with it.
    switched = switch(op.inputs[0], context.pred)[1 - context.branch]
    pivot = identity(switched)
    if value.dtype is resource:
        with control_dependencies([pivot]):
            return zeros(variable_shape(switched), dtype=_handle_dtype(value))
    shape = shape_internal(switched, optimize=False)
    with control_dependencies([pivot]):
        return zeros(shape, dtype=value.dtype)


def _handle_dtype(value: Tensor) -> DType:
    handle = handle_of(value)
    if handle is None:
        raise ValueError(f"the zero gradient of {value} needs the variable behind it, which is not known")
    dtype: DType = handle.attrs["dtype"]
    return dtype


def check_not_initial_value(op: Operation, from_ops: Sequence[Operation]) -> None:
    """Raises ValueError: `op` is the Switch of a loop that is left open, with an x before it."""
    seen: set[Operation] = set()
    queue = [op]
    for other in queue:
        if other in from_ops:
            raise ValueError(
                f"Cannot compute gradient inside while loop with respect to op '{other.name}'. We do not support "
                "taking the gradient wrt or through the initial value of a loop variable. Gradients can be computed "
                "through loop invariants or wrt the input parameters to the loop body."
            )
        for tensor in other.inputs:
            if tensor.op not in seen:
                seen.add(tensor.op)
                queue.append(tensor.op)
