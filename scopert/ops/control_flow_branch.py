"""One branch of a cond as the place where operations are made."""

from __future__ import annotations

from typing import Any

from scopert.graph.operation import Operation
from scopert.graph.scopes import control_dependencies
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.control_flow_context import ControlFlowContext
from scopert.ops.control_flow_ops import (
    EXITS,
    context_contains,
    switch_ref_or_tensor,
)


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
