"""Where operations are made: in a branch of a cond, or in a loop.

The graph calls `AddOp` of the current context for each operation made in it. The context brings the
operation's inputs in (through a Switch into a branch, through an Enter into a loop) and ties operations
without inputs to the context's pivot, so that they run only when the branch or the iteration does. Method
names are TensorFlow's: programs that build control flow of their own call them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scopert import nest
from scopert.graph.collections import GraphKeys
from scopert.graph.control import control_inputs_for
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.array_identity import identity
from scopert.ops.composite import FlowValue
from scopert.ops.control_flow_ops import (
    ENTERS,
    EXITS,
    SWITCHES,
    context_contains,
    enter,
    identity_of,
    is_constant_enter,
    output_context,
    switch_ref_or_tensor,
    while_context,
)
from scopert.ops.no_op import no_op


def _may_record(loop: Any, source_loop: Any) -> bool:
    """Whether one loop is that of the other's gradient: values go from one to the other through stacks."""
    state, source_state = loop.grad_state, source_loop.grad_state
    if state is not None:
        forward = state.forward_context
        if context_contains(source_loop, forward) or forward is source_loop.outer_context:
            return True
    if source_state is not None:
        forward = source_state.forward_context
        if forward is loop:
            return True
        return forward.grad_state is not None and forward.grad_state.forward_context is loop
    return False


class ControlFlowContext:
    """What both kinds of contexts have in common.

    Attributes
    ----------
    name : str
    outer_context : ControlFlowContext or None
    """

    def __init__(self) -> None:
        self._name = ""
        self._outer_context: Any = get_default_graph()._get_control_flow_context()
        self._nested_contexts: list[ControlFlowContext] = []
        if self._outer_context is not None:
            self._outer_context._nested_contexts.append(self)
        self._entered_from: list[Any] = []
        #: Tensors that stand in the context, or have been brought in.
        self._values: set[Tensor] = set()
        #: Outer tensor -> what stands for it inside.
        self._external_values: dict[Tensor, Tensor] = {}

    @property
    def name(self) -> str:
        return self._name

    @property
    def outer_context(self) -> Any:
        return self._outer_context

    @property
    def grad_state(self) -> Any:
        """The state of the gradients of the loop around, or None."""
        return None

    @property
    def back_prop(self) -> bool:
        return False

    def Enter(self) -> None:
        """Operations are made in the context from now on."""
        graph = get_default_graph()
        self._entered_from.append(graph._get_control_flow_context())
        graph._set_control_flow_context(self)

    def Exit(self) -> None:
        """Goes back to where `Enter` was called."""
        get_default_graph()._set_control_flow_context(self._entered_from.pop())

    def AddName(self, tensor: Tensor) -> None:
        """From now on `tensor` counts as one of the context."""
        self._values.add(tensor)

    def ExitResult(self, result: Any) -> None:
        """Makes results known to the context around."""
        if self._outer_context is not None:
            for tensor in nest.flatten(result, expand_composites=True):
                self._outer_context.AddName(tensor)

    def AddValue(self, val: Tensor) -> Tensor:
        """What stands for `val` inside; brought in if need be."""
        raise NotImplementedError

    def AddOp(self, op: Operation) -> None:
        """Called by the graph for each operation made in the context."""
        # What brings the inputs in is named below the operation; constants open no scope.
        local = op._graph._local
        scope = local.name
        if op.type != "Const":
            local.name = op._name
        try:
            self._add_op(op)
        finally:
            local.name = scope

    def _add_op(self, op: Operation) -> None:
        self._add_made_op(op)

    def _add_made_op(self, op: Operation) -> None:
        raise NotImplementedError

    def AddInnerOp(self, op: Operation) -> None:
        """Called for operations made in contexts inside this one."""
        if self._outer_context is not None:
            self._outer_context.AddInnerOp(op)

    def GetWhileContext(self) -> Any:
        """The innermost loop: the context itself or one around it."""
        return None if self._outer_context is None else self._outer_context.GetWhileContext()

    def GetControlPivot(self) -> Tensor | None:
        """What runs if and only if the context does."""
        return None

    def IsWhileContext(self) -> bool:
        return False

    def IsCondContext(self) -> bool:
        return False

    def __str__(self) -> str:
        return self._name

    def check_use(self, op: Operation, source: Operation) -> None:
        """Called by the graph when `op` takes an output of `source`, which stands in the context.

        Raises
        ------
        ValueError
            If it is a value of a loop, and `op` stands outside.
        """
        given = output_context(source)
        if given is None or given is op._control_flow_context:
            return
        source_loop = given.GetWhileContext()
        if source_loop is None:
            return
        loop = while_context(op)
        if loop is None:
            # An Enter or Switch may be on its way into a context.
            if op.type in ENTERS or op.type in SWITCHES:
                return
            reason = f"because '{source.name}' is in a while loop."
        else:
            if context_contains(source_loop, loop) or _may_record(loop, source_loop):
                return
            reason = "because they are in different while loops."
        raise ValueError(
            f"Cannot use '{source.name}' as input to '{op.name}' {reason} Return it from the loop's body as a loop "
            "variable, and use what tf.while_loop returns."
        )

    def _note_outputs(self, op: Operation) -> None:
        context: Any = self
        while context is not None:
            context._values.update(op.outputs)
            context = context._outer_context

    def _drop_external_control_inputs(self, op: Operation) -> tuple[list[Operation], list[Operation]]:
        """Removes control inputs from outside the loop around; returns those kept and those removed."""
        have = op.control_inputs
        if not have:
            return [], []
        loop = self.GetWhileContext()
        if loop is None:
            return have, []
        inside: list[Operation] = []
        outside: list[Operation] = []
        for other in have:
            context = output_context(other)
            kept = context is not None and context.GetWhileContext() is loop
            (inside if kept else outside).append(other)
        if outside:
            op._remove_all_control_inputs()
            op._add_control_inputs(inside)
        return inside, outside


class CondContext(ControlFlowContext):
    """One branch of a cond.

    Attributes
    ----------
    pred : Tensor
        The predicate.
    pivot : Tensor
        Alive if and only if the branch is taken.
    branch : int
        1 for the branch taken when the predicate is true, else 0.
    """

    def __init__(self, pred: Tensor, pivot: Tensor, branch: int, name: str = "cond_text") -> None:
        full_name = get_default_graph().unique_name(name)
        super().__init__()
        self._name = full_name
        self._pred = pred
        self._pivot = pivot
        self._branch = branch
        self._values.update((pred, pivot))
        self._external_values[pred] = pred
        pivot.op._control_flow_context = self

    @property
    def pred(self) -> Tensor:
        return self._pred

    @property
    def pivot(self) -> Tensor:
        return self._pivot

    @property
    def branch(self) -> int:
        return self._branch

    @property
    def grad_state(self) -> Any:
        loop = self.GetWhileContext()
        return None if loop is None else loop.grad_state

    def GetControlPivot(self) -> Tensor | None:
        return self._pivot

    def IsCondContext(self) -> bool:
        return True

    def AddValue(self, val: Tensor) -> Tensor:
        if val in self._values:
            return self._external_values.get(val, val)
        result = val
        self._values.add(val)
        outer = self._outer_context
        if outer is not None:
            result = outer.AddValue(val)
            self._values.add(result)
            self._external_values[result] = result
        with control_dependencies(None):
            result = self._switched(result)
            if outer is not None:
                outer.AddInnerOp(result.op)
        result.graph.prevent_fetching(result.op)
        result.op._control_flow_context = self
        context: Any = self
        while context is not None:
            context._values.add(result)
            context = context._outer_context
        self._external_values[val] = result
        return result

    def _add_made_op(self, op: Operation) -> None:
        if not op._inputs:
            self._drop_external_control_inputs(op)
            if not any(context_contains(self, other._control_flow_context) for other in op._control_inputs):
                op._add_control_input(self._pivot.op)
        else:
            for index, tensor in enumerate(op._inputs):
                if op.type == "Merge" and tensor._op.type == "NextIteration":
                    continue  # the back edge of a loop that is imported into the branch
                real = self.AddValue(tensor)
                if real is not tensor:
                    op._update_input(index, real)
            self._drop_external_control_inputs(op)
        self._note_outputs(op)
        outer = self._outer_context
        if outer is not None or op.type not in EXITS:
            op._graph.prevent_fetching(op)
        if outer is not None:
            outer.AddInnerOp(op)

    def _switched(self, val: Tensor) -> Tensor:
        result: Tensor = switch_ref_or_tensor(val, self._pred)[self._branch]
        return result

    def output(self, val: Tensor) -> Tensor:
        """The tensor of the branch that a result of its function stands for."""
        if val in self._values:
            return self._external_values.get(val, val)
        real = val
        self._values.add(val)
        if self._outer_context is not None:
            real = self._outer_context.AddValue(val)
            self._values.add(real)
            self._external_values[real] = real
        real = self._switched(real)
        self._external_values[val] = real
        return real


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


def tie_new_summaries(result: Any, before: list[Any]) -> Any:
    """Results that wait for the summaries written since, which nobody else runs.

    Parameters
    ----------
    result : nested structure of tensors
        What the function of a branch or body returned.
    before : list
        The summaries before it was called.
    """
    graph = get_default_graph()
    summaries = graph.get_collection(GraphKeys._SUMMARY_COLLECTION)
    if len(summaries) <= len(before):
        return result
    graph.get_collection_ref(GraphKeys._SUMMARY_COLLECTION)[:] = before
    with control_dependencies(summaries[len(before) :]):
        if result is None:
            return no_op()
        return nest.map_structure(
            lambda leaf: leaf if isinstance(leaf, FlowValue) else identity_of(leaf), result, expand_composites=True
        )


__all__ = ["CondContext", "ControlFlowContext", "WhileContext", "tie_new_summaries"]
