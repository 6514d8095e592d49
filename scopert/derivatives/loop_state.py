"""One loop and the loop of its gradient: what the second needs of the first.

A value of the forward loop that the gradient uses is pushed on a stack in each iteration, and popped in the
gradient's loop, which runs the iterations backwards. Method names are TensorFlow's: contexts call them.
"""

from __future__ import annotations

from typing import Any

from scopert.graph.constant import constant
from scopert.graph.constant_value import constant_value
from scopert.graph.dtypes import int32
from scopert.graph.operation import Operation
from scopert.graph.scopes import colocate_with, control_dependencies
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.control_flow_accumulate import add_backward_counter, add_forward_counter, inside
from scopert.ops.control_flow_branch import CondContext
from scopert.ops.control_flow_loop import WhileContext
from scopert.ops.control_flow_ops import constant_enter_of, control_trigger, output_context, switch_ref_or_tensor
from scopert.ops.stack_ops import stack, stack_pop, stack_push


class LoopState:
    """What connects a loop and the loop of its gradient.

    Parameters
    ----------
    forward_context : WhileContext
    outer_grad_state : LoopState or None
        That of the loop around.

    Attributes
    ----------
    forward_index, grad_index : Tensor
        The next values of the counters that both loops get.
    grad_context : WhileContext
    history_map : dict
        Forward tensor -> its value in the same iteration, in the gradient's loop.
    switch_map : dict
        Switch of a loop variable -> the Merge that gathers its gradient.
    """

    def __init__(self, forward_context: WhileContext, outer_grad_state: LoopState | None) -> None:
        self.outer_grad_state = outer_grad_state
        self.forward_context = forward_context
        self.history_map: dict[Tensor, Tensor] = {}
        self.switch_map: dict[Operation, Any] = {}
        self.unused_exits: list[Tensor] = []
        self.deferred_exits: list[Tensor] = []
        self.forward_loop_exits = list(forward_context.loop_exits)
        self.pending_exits_count = len(forward_context.loop_exits)
        self._forward_sync: Operation | None = None
        self._grad_sync: Operation | None = None
        around = forward_context.outer_context if outer_grad_state is None else outer_grad_state.forward_context
        with inside(around):
            count, self.forward_index = add_forward_counter(forward_context, outer_grad_state)
        if outer_grad_state is None:
            with inside(around):
                self.grad_context = self._new_context(forward_context)
                self.grad_index = add_backward_counter(self.grad_context, count, None)
            return
        around.AddName(count)
        history = outer_grad_state.AddForwardAccumulator(count)
        with inside(outer_grad_state.grad_context):
            self.grad_context = self._new_context(forward_context)
            real_count = outer_grad_state.AddBackpropAccumulatedValue(history, count)
            self.grad_index = add_backward_counter(self.grad_context, real_count, outer_grad_state)

    def _new_context(self, forward: WhileContext) -> WhileContext:
        return WhileContext(
            forward.maximum_iterations, forward.parallel_iterations, forward.back_prop, forward.swap_memory,
            forward.name, self,
        )  # fmt: skip

    @property
    def forward_sync(self) -> Operation:
        """What pushes in branches are waited for by; made when it is needed first."""
        if self._forward_sync is None:
            with control_dependencies(None):
                self._forward_sync = control_trigger(name="f_sync")
            self._forward_sync._control_flow_context = self.forward_context
            self.forward_index.op._add_control_input(self._forward_sync)
        return self._forward_sync

    @property
    def grad_sync(self) -> Operation:
        """What pops are waited for by: an iteration ends when all stacks have been popped."""
        if self._grad_sync is None:
            with control_dependencies(None):
                self._grad_sync = control_trigger(name="b_sync")
            self._grad_sync._control_flow_context = self.grad_context
            self.grad_index.op._add_control_input(self._grad_sync)
            if self.grad_context.outer_context is not None:
                self.grad_context.outer_context.AddInnerOp(self._grad_sync)
        return self._grad_sync

    def AddForwardAccumulator(self, value: Tensor, dead_branch: bool = False) -> Tensor:
        """Pushes `value` on a new stack in each forward iteration; returns the stack.

        Parameters
        ----------
        value : Tensor
            In the forward loop, or in a cond in it.
        dead_branch : bool
            It stands in the branch of a cond that its context is not the one of.
        """
        current = get_default_graph()._get_control_flow_context()
        with control_dependencies(None):
            with inside(current), colocate_with(value):
                made = stack(constant(-1, int32), value.dtype.base, name="f_acc")
            entered = self.forward_context.AddValue(made)
            swap = self.forward_context.swap_memory
            context = output_context(value.op)
            if context is self.forward_context:
                with inside(self.forward_context):
                    push = stack_push(entered, value, swap)
                self.forward_index.op._add_control_input(push.op)
            else:
                if not isinstance(context, CondContext):
                    raise TypeError(f"value_ctxt is not a CondContext: {context}")
                with inside(context.outer_context if dead_branch else context):
                    push = stack_push(entered, value, swap)
                if dead_branch:
                    push.op._control_flow_context = context
                self.forward_sync._add_control_input(push.op)
            push.op._add_control_input(self.forward_index.op.inputs[0].op)
            return made

    def AddBackpropAccumulatedValue(self, history_value: Tensor, value: Tensor, dead_branch: bool = False) -> Tensor:
        """Pops what `AddForwardAccumulator` pushed, in the gradient's loop."""
        history_context = history_value.op._control_flow_context
        branch_context = None
        context = value.op._control_flow_context
        while context is not None and context is not history_context:
            if isinstance(context, CondContext):
                branch_context = context
                break
            context = context.outer_context
        with control_dependencies(None):
            self.grad_context.Enter()
            if branch_context is not None:
                pred = self._recorded(branch_context.pred)
                branch = branch_context.branch
                history_value = switch_ref_or_tensor(history_value, pred)[1 - branch if dead_branch else branch]
            pop = stack_pop(history_value, value.dtype.base)
            pop.set_shape(value.shape)
            self.grad_context.Exit()
        if self.grad_context.parallel_iterations > 1:
            self.grad_sync._add_control_input(pop.op)
        return pop

    def _recorded(self, pred: Tensor) -> Tensor:
        state: LoopState | None = self
        while state is not None:
            found = state.history_map.get(pred)
            if found is not None:
                return found
            state = state.outer_grad_state
        return pred

    def GetRealValue(self, value: Tensor) -> Tensor:
        """In the gradient's loop: the value that a forward tensor had in the same iteration."""
        real = self.history_map.get(value)
        if real is not None:
            return real
        current = value
        state: LoopState = self
        history = None
        while True:
            entered = constant_enter_of(current)
            if entered is not None:
                # The same in all iterations: what entered is there outside.
                current = entered.inputs[0]
                if state.outer_grad_state is None:
                    real = self.grad_context.AddValue(current)
                    break
                state = state.outer_grad_state
            elif current.op.type == "Const":
                real = constant(constant_value(current), dtype=current.dtype)
                break
            else:
                self.grad_context.Exit()
                history = state.AddForwardAccumulator(current)
                self.grad_context.Enter()
                break
        if real is None:
            assert history is not None
            real = state.AddBackpropAccumulatedValue(history, current)
            if state is not self:
                real = self.grad_context.AddValue(real)
        self.history_map[value] = real
        return real
