"""Averages of losses over a whole batch, for one replica."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import float32
from scopert.graph.tensor import Tensor
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_binary import multiply
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.weights_broadcast import broadcast_weights
from scopert.public import public

# Training is not replicated here: each process is a replica of its own.
_REPLICAS = 1


@public("nn.compute_average_loss")
def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: int | None = None
) -> Tensor:
    """The sum of all losses, weighted, divided by the batch size.

    Parameters
    ----------
    per_example_loss : tensor-like
        Examples along the first axis.
    sample_weight : tensor-like, optional
        Broadcasts against it.
    global_batch_size : int, optional
        Default: the size of the first axis.
    """
    losses = convert_to_tensor(per_example_loss)
    dtype = losses.dtype
    if sample_weight is not None:
        losses = cast(losses, float32)
        weights = broadcast_weights(cast(sample_weight, float32), losses)
        losses = multiply(losses, weights)
    losses = cast(losses, dtype)
    if global_batch_size is None:
        count: Any = cast(shape_of(losses)[0] * _REPLICAS, dtype)
    else:
        count = global_batch_size
    return reduce_sum(losses) / count


@public("nn.scale_regularization_loss")
def scale_regularization_loss(regularization_loss: Any) -> Tensor:
    """The sum of a loss divided by the number of replicas, which is one."""
    return reduce_sum(regularization_loss) / _REPLICAS
