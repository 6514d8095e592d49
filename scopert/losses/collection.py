"""The collections of losses and their sums."""

from __future__ import annotations

from typing import Any

from scopert.graph.collections import GraphKeys
from scopert.graph.constant import constant
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.math_addn import add_n
from scopert.public import public


@public("losses.add_loss")
def add_loss(loss: Tensor, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Adds a loss to a collection; None adds it to none."""
    if loss_collection:
        get_default_graph().add_to_collection(loss_collection, loss)


@public("losses.get_losses")
def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Any]:
    """The losses of a collection; with `scope` only those whose names begin so."""
    return get_default_graph().get_collection(loss_collection, scope)


@public("losses.get_regularization_losses")
def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """The losses that regularizers made; with `scope` only those whose names begin so."""
    return get_default_graph().get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


@public("losses.get_regularization_loss")
def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Tensor:
    """The sum of the losses that regularizers made, 0 if there are none."""
    losses = get_regularization_losses(scope)
    return add_n(losses, name=name) if losses else constant(0.0)


@public("losses.get_total_loss")
def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """The sum of all losses of the graph, those of regularizers included unless told.

    Raises
    ------
    ValueError
        If there is none.
    """
    losses = get_losses(scope)
    if add_regularization_losses:
        losses = losses + get_regularization_losses(scope)
    return add_n(losses, name=name)
