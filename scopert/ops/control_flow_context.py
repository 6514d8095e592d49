"""Where operations are made: in a branch of a cond, or in a loop.

The graph calls `AddOp` of the current context for each operation made in it. The context brings the
operation's inputs in (through a Switch into a branch, through an Enter into a loop) and ties operations
without inputs to the context's pivot, so that they run only when the branch or the iteration does. Method
names are TensorFlow's: programs that build control flow of their own call them.
"""

from __future__ import annotations

from typing import Any

from scopert import nest
from scopert.graph.collections import GraphKeys
from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.composite import FlowValue
from scopert.ops.control_flow_ops import (
    ENTERS,
    SWITCHES,
    context_contains,
    identity_of,
    output_context,
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
