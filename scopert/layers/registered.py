"""Updates and losses of a layer: registered when they are made, asked for by what they depend on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert import nest
from scopert.graph.collections import GraphKeys
from scopert.graph.convert import convert_to_tensor
from scopert.graph.operation import Operation
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor


def _reached(inputs: Any) -> set[Any]:
    """All operations and tensors that depend on the inputs."""
    seen: set[Any] = set()
    waiting: list[Any] = [item for item in nest.flatten(inputs) if isinstance(item, (Tensor, Operation))]
    while waiting:
        item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        waiting += item.consumers() if isinstance(item, Tensor) else item.outputs
    return seen


class Registered:
    """What registers updates and losses.

    Parameters
    ----------
    trainable : bool
        What is not trained has no updates.
    """

    def __init__(self, trainable: bool) -> None:
        self.trainable = trainable
        self.stateful = False
        # With each: whether it holds whatever the inputs are.
        self._updates: list[tuple[Any, bool]] = []
        self._losses: list[tuple[Any, bool]] = []
        self._loss_functions: list[Callable[[], Any]] = []
        # Of the call under way.
        self._call_inputs: Any = None

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Registers operations that must run with the layer, such as moving averages.

        Parameters
        ----------
        updates : operation, tensor, function that makes one, or list of them
        inputs : object
            Not used, as in TensorFlow 1.15: what depends on the inputs is found out.
        """
        for update in updates if isinstance(updates, (list, tuple)) else [updates]:
            made = update() if callable(update) and not hasattr(update, "op") else update
            if not isinstance(made, Operation):
                made = convert_to_tensor(made).op if not hasattr(made, "op") else made.op
            depends = self._call_inputs is not None and made in _reached(self._call_inputs)
            self._updates.append((made, not depends))

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Registers losses: tensors, or functions of no arguments that make them.

        They also go to ``GraphKeys.REGULARIZATION_LOSSES``.

        Parameters
        ----------
        losses : tensor, function, or list of them
        inputs : object, optional
            What a tensor depends on; None says that it holds whatever the inputs are.
        """
        made = []
        for loss in losses if isinstance(losses, (list, tuple)) else [losses]:
            if callable(loss) and not hasattr(loss, "op"):
                self._loss_functions.append(loss)
                value = loss()
                if value is not None:
                    made.append(value)
            elif loss is not None:
                self._losses.append((convert_to_tensor(loss), inputs is None))
                made.append(self._losses[-1][0])
        collect(made, GraphKeys.REGULARIZATION_LOSSES)

    @property
    def updates(self) -> list[Any]:
        """Registered updates; none if the layer is not trainable."""
        return [update for update, _ in self._updates] if self.trainable or self.stateful else []

    @property
    def losses(self) -> list[Any]:
        """Registered losses; those given as functions are made anew at each access, as in TensorFlow."""
        values = [function() for function in self._loss_functions]
        return [loss for loss, _ in self._losses] + [value for value in values if value is not None]

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """The updates that depend on these inputs; for None those that depend on none."""
        return _matching(self._updates if self.updates else [], inputs)

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """The losses that depend on these inputs; for None those that depend on none."""
        free = [function() for function in self._loss_functions] if inputs is None else []
        return _matching(self._losses, inputs) + [value for value in free if value is not None]


def collect(elements: list[Any], key: str) -> None:
    """Adds to a collection what it does not hold."""
    known = get_default_graph().get_collection_ref(key)
    known += [element for element in elements if not any(element is other for other in known)]


def _matching(marked: list[tuple[Any, bool]], inputs: Any) -> list[Any]:
    if inputs is None:
        return [item for item, free in marked if free]
    reached = _reached(inputs)
    return [item for item, free in marked if not free and item in reached]
