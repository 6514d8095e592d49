"""The cross entropy of sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.math_binary import div_no_nan
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_statistics import count_nonzero
from scopert.ops.nn_cross_entropy import sparse_softmax_cross_entropy_with_logits
from scopert.public import public


@public("contrib.seq2seq.sequence_loss")
def sequence_loss(
    logits: Any, targets: Any, weights: Any, average_across_timesteps: bool = True, average_across_batch: bool = True,
    sum_over_timesteps: bool = False, sum_over_batch: bool = False,
    softmax_loss_function: Callable[..., Any] | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The weighted cross entropy of sequences of logits.

    Parameters
    ----------
    logits : Tensor
        Of shape ``[batch, time, classes]``.
    targets : Tensor
        Class numbers, of shape ``[batch, time]``.
    weights : Tensor
        Of the shape of `targets`; 0 masks padding.
    average_across_timesteps, average_across_batch : bool
        Sum over this axis and divide by the sum of its weights.
    sum_over_timesteps, sum_over_batch : bool
        Sum over this axis and divide by the number of its weights that are not 0.
    softmax_loss_function : callable, optional
        ``f(labels=..., logits=...)`` instead of `tf.nn.sparse_softmax_cross_entropy_with_logits`.
    name : str, optional

    Returns
    -------
    Tensor
        A scalar if both axes are reduced, else of shape ``[batch]``, ``[time]`` or ``[batch, time]``.

    Raises
    ------
    ValueError
        If a rank is wrong, or an axis is to be averaged and summed.
    """
    for label, value, rank, axes in (
        ("Logits", logits, 3, "batch_size x sequence_length x logits"),
        ("Targets", targets, 2, "batch_size x sequence_length"),
        ("Weights", weights, 2, "batch_size x sequence_length"),
    ):
        if len(value.get_shape()) != rank:
            raise ValueError(f"{label} must be a [{axes}] tensor")
    for axis_name, average, total in (
        ("timesteps", average_across_timesteps, sum_over_timesteps), ("batch", average_across_batch, sum_over_batch)
    ):  # fmt: skip
        if average and total:
            raise ValueError(f"average_across_{axis_name} and sum_over_{axis_name} cannot be set to True at same time.")
    with name_scope(name, "sequence_loss", [logits, targets, weights]):
        classes = shape_of(logits)[2]
        flat = reshape(logits, [-1, classes])
        targets = reshape(targets, [-1])
        function = softmax_loss_function or sparse_softmax_cross_entropy_with_logits
        losses = function(labels=targets, logits=flat)
        losses *= reshape(weights, [-1])
        if average_across_timesteps and average_across_batch:
            return div_no_nan(reduce_sum(losses), reduce_sum(weights))
        if sum_over_timesteps and sum_over_batch:
            losses = reduce_sum(losses)
            return div_no_nan(losses, cast(count_nonzero(weights), losses.dtype))
        losses = reshape(losses, shape_of(logits)[0:2])
        if average_across_timesteps or average_across_batch:
            axis = [0] if average_across_batch else [1]
            losses = reduce_sum(losses, axis=axis)
            return div_no_nan(losses, reduce_sum(weights, axis=axis))
        if sum_over_timesteps or sum_over_batch:
            axis = [0] if sum_over_batch else [1]
            losses = reduce_sum(losses, axis=axis)
            return div_no_nan(losses, cast(count_nonzero(weights, axis=axis), losses.dtype))
        return losses
