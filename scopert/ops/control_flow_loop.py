"""A loop as the place where operations are made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scopert.graph.control import control_inputs_for
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import identity
from scopert.ops.control_flow_context import ControlFlowContext
from scopert.ops.control_flow_ops import (
    EXITS,
    enter,
    is_constant_enter,
    output_context,
    while_context,
)


class WhileContext(ControlFlowContext):
    """A loop.

    Attributes
    ----------
    pivot : Tensor
        The loop's LoopCond.
    loop_enters, loop_exits : list of Tensor
        Of the loop's variables.
    maximum_iterations : Tensor or None
    parallel_iterations : int
    back_prop, swap_memory : bool
    """

    def __init__(
        self, maximum_iterations: Tensor | None = None, parallel_iterations: int = 10, back_prop: bool = True,
        swap_memory: bool = False, name: str = "while_context", grad_state: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if not isinstance(parallel_iterations, int) or parallel_iterations <= 0:
            raise ValueError(f"`parallel_iterations` must be a positive integer: {parallel_iterations}")
        self._graph = get_default_graph()
        self._name = self._graph.unique_name(name)
        self._maximum_iterations = maximum_iterations
        self._parallel_iterations = parallel_iterations
        self._back_prop = back_prop
        self._swap_memory = swap_memory
        self._grad_state = grad_state
        self._pivot_for_pred: Tensor | None = None
        self._pivot_for_body: Tensor | None = None
        self._pivot: Any = None
        self._loop_enters: list[Tensor] = []
        self._loop_exits: list[Tensor] = []

    @property
    def maximum_iterations(self) -> Tensor | None:
        return self._maximum_iterations

    @property
    def parallel_iterations(self) -> int:
        return self._parallel_iterations

    @property
    def back_prop(self) -> bool:
        return self._back_prop

    @property
    def swap_memory(self) -> bool:
        return self._swap_memory

    @property
    def pivot(self) -> Any:
        return self._pivot

    @property
    def loop_enters(self) -> list[Tensor]:
        return self._loop_enters

    @property
    def loop_exits(self) -> list[Tensor]:
        return self._loop_exits

    @property
    def grad_state(self) -> Any:
        return self._grad_state

    def GetWhileContext(self) -> Any:
        return self

    def GetControlPivot(self) -> Tensor | None:
        return self._pivot_for_pred if self._pivot_for_body is None else self._pivot_for_body

    def IsWhileContext(self) -> bool:
        return True

    def AddValue(self, val: Tensor) -> Tensor:
        if val in self._values or val.op._control_flow_context is self:
            return self._external_values.get(val, val)
        self._values.add(val)
        recorded = self._recorded_value(val)
        if recorded is not None:
            self._external_values[val] = recorded
            return recorded
        outer = self._outer_context
        source = val if outer is None else outer.AddValue(val)
        with control_dependencies(None):
            inside: Tensor = enter(source, self._name, True, self._parallel_iterations)
            inside.graph.prevent_feeding(inside)
            if outer is not None:
                outer.AddInnerOp(inside.op)
        self.take_enters([inside])
        self._values.add(inside)
        self._external_values[val] = inside
        return inside

    def _recorded_value(self, val: Tensor) -> Tensor | None:
        """In the loop of a gradient: the value that `val` had in the same iteration of the forward loop."""
        current = get_default_graph()._get_control_flow_context()
        gradient_loop = None if current is None else current.GetWhileContext()
        if gradient_loop is None or gradient_loop.grad_state is None:
            return None
        forward = while_context(val.op)
        if val.op.type in EXITS:
            forward = forward.outer_context
            if forward is not None:
                forward = forward.GetWhileContext()
        if forward is not gradient_loop.grad_state.forward_context:
            return None
        found: Tensor = gradient_loop.grad_state.GetRealValue(val)
        return found

    def _add_op(self, op: Operation) -> None:
        # The shape of a forward value is computed in the forward loop: less to keep than the value.
        if op.type in ("Shape", "Size", "Rank"):
            current = get_default_graph()._get_control_flow_context()
            gradient_loop = None if current is None else current.GetWhileContext()
            if gradient_loop is not None and gradient_loop.grad_state is not None:
                source = op._inputs[0]._op
                if while_context(source) is gradient_loop.grad_state.forward_context:
                    op._control_flow_context = source._control_flow_context
                    source._control_flow_context._add_made_op(op)
                    return
        self._add_made_op(op)

    def _add_made_op(self, op: Operation) -> None:
        if not op._inputs:
            inside, outside = self._drop_external_control_inputs(op)
            if not inside:
                op._add_control_input(self._control_pivot_op())
        else:
            for index, tensor in enumerate(op._inputs):
                real = self.AddValue(tensor)
                if real is not tensor:
                    op._update_input(index, real)
            _, outside = self._drop_external_control_inputs(op)
            # An operation on loop-invariant values only must still wait for the iteration.
            if not op._control_inputs and all(is_constant_enter(tensor._op) for tensor in op._inputs):
                op._add_control_input(self._control_pivot_op())
        self._values.update(op.outputs)
        if outside:
            with control_dependencies(None):
                self.Enter()
                inner = [identity(other.outputs[0]).op for other in outside if other.outputs]
                self.Exit()
            op._add_control_inputs(inner)
        outer = self._outer_context
        if outer is not None or op.type not in EXITS:
            op._graph.prevent_fetching(op)
            for output in op.outputs:
                op._graph.prevent_feeding(output)
        if outer is not None:
            outer.AddInnerOp(op)

    def _control_pivot_op(self) -> Operation:
        pivot = self.GetControlPivot()
        assert pivot is not None
        return pivot.op

    def take_enters(self, enters: Iterable[Tensor]) -> None:
        """Puts Enters into the context; they wait for the control inputs in force outside."""
        local = get_default_graph()._local
        for tensor in enters:
            op = tensor.op
            kept = [
                other
                for other in control_inputs_for(local.control, [op._inputs[0]._op])
                if self._is_outside_control(output_context(other))
            ]
            op._control_flow_context = self
            op._add_control_inputs(kept)
            for block in local.control:
                block.seen.add(op)

    def _is_outside_control(self, context: Any) -> bool:
        """Whether an Enter can wait for an operation of `context`: one between here and the loop around."""
        outer = self._outer_context
        outer_loop = None if outer is None else outer.GetWhileContext()
        while outer is not context:
            if outer is None or outer is outer_loop:
                return False
            outer = outer.outer_context
        return True
