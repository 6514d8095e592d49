"""What backpropagation asks of control flow: loops need stacks and loops of their own.

This room knows no control flow. Who defines it installs a :class:`FlowRules` with
:func:`install_flow_rules`; until then a graph has no loops and no conditionals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import zeros_like


class ExitState(Protocol):
    """The exits of one loop, as far as backpropagation has met them.

    Backpropagation enters a loop once it has met all of its exits: those without a gradient then
    get zeros.
    """

    deferred_exits: list[Tensor]
    unused_exits: list[Tensor]
    pending_exits_count: int


class FlowState(Protocol):
    """The loops that lie between `ys` and `xs` of one call of `tf.gradients`."""

    def unused_loop_exits(self, pending: dict[Operation, int], queued: set[Operation]) -> list[Tensor]:
        """Exits of loops that backpropagation would never enter, though their loops matter."""
        ...

    def zeros_like_for_exit(self, exit_tensor: Tensor) -> Tensor:
        """The zero gradient of an exit."""
        ...

    def exit_state(self, op: Operation) -> ExitState:
        """The state of the loop that an ``Exit`` belongs to."""
        ...

    def enter_gradient(self, op: Operation, before: bool) -> None:
        """Goes to where the gradient of `op` is built; `before` its gradients are summed, or after."""
        ...

    def exit_gradient(self, op: Operation, before: bool) -> None:
        """Leaves it."""
        ...

    def zeros_like(self, op: Operation, index: int) -> Tensor | None:
        """The gradient of an output that nothing used, inside or outside a loop."""
        ...

    def finish(self) -> None:
        """Closes the gradient loops."""
        ...


class FlowRules:
    """How a graph without control flow behaves; control flow overrides all of it."""

    def state(self, between: Sequence[Operation], between_set: set[Operation], colocate: bool) -> FlowState | None:
        """The state for the operations between `xs` and `ys`; None if there are no loops among them."""
        return None

    def is_loop_switch(self, op: Operation) -> bool:
        """Whether `op` is the ``Switch`` of a loop variable."""
        return False

    def is_loop_exit(self, op: Operation) -> bool:
        """Whether `op` is the ``Exit`` of a loop."""
        return False

    def zeros_outside_loop(self, op: Operation, index: int) -> Tensor:
        """The gradient of an output that nothing used, where there is no loop."""
        zeros: Tensor = zeros_like(op.outputs[index], optimize=False)
        return zeros


_installed: list[FlowRules] = [FlowRules()]


def install_flow_rules(rules: FlowRules) -> None:
    """Makes `rules` what backpropagation asks from now on."""
    _installed[0] = rules


def flow_rules() -> FlowRules:
    """The rules in force."""
    return _installed[0]


__all__ = ["Any", "ExitState", "FlowRules", "FlowState", "flow_rules", "install_flow_rules"]
