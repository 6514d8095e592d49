"""Losses over many classes that look at the true ones and a sample of the others."""

from __future__ import annotations

from typing import Any

from scopert.graph.dtypes import int32, int64
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones, ones_like, zeros_like
from scopert.ops.array_identity import stop_gradient
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import shape
from scopert.ops.array_slice import slice as slice_of
from scopert.ops.array_stack import stack
from scopert.ops.candidate_sampling import compute_accidental_hits, log_uniform_candidate_sampler
from scopert.ops.math_binary import multiply
from scopert.ops.math_cast import cast
from scopert.ops.math_matmul import matmul
from scopert.ops.math_unary import log
from scopert.ops.nn_cross_entropy import sigmoid_cross_entropy_with_logits, softmax_cross_entropy_with_logits_v2
from scopert.ops.sparse_dense import sparse_to_dense
from scopert.public import public
from scopert.scope.embedding import embedding_lookup
from scopert.scope.partitioned_variable import PartitionedVariable


def _sum_rows(x: Tensor) -> Tensor:
    """The sum of each row of a matrix, as a product with ones: its gradient is cheaper than a reduction's."""
    columns = shape(x)[1]
    column = ones(stack([columns, 1]), x.dtype)
    return reshape(matmul(x, column), [-1])


def _sampled_logits(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int,
    sampled_values: Any, remove_accidental_hits: bool, partition_strategy: str, name: str | None,
    seed: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Logits `[rows, num_true + num_sampled]`, the true classes first, and labels of the same shape."""
    if not isinstance(weights, list):
        weights = list(weights) if isinstance(weights, PartitionedVariable) else [weights]
    with name_scope(name, "compute_sampled_logits", [*weights, biases, inputs, labels]):
        if labels.dtype != int64:
            labels = cast(labels, int64)
        flat = reshape(labels, [-1])
        if sampled_values is None:
            sampled_values = log_uniform_candidate_sampler(
                labels, num_true, num_sampled, unique=True, range_max=num_classes, seed=seed
            )
        sampled, true_count, sampled_count = (stop_gradient(value) for value in sampled_values)
        sampled = cast(sampled, int64)
        ids = concat([flat, sampled], 0)

        rows = embedding_lookup(weights, ids, partition_strategy=partition_strategy)
        if rows.dtype != inputs.dtype:
            rows = cast(rows, inputs.dtype)
        true_rows = slice_of(rows, [0, 0], stack([shape(flat)[0], -1]))
        sampled_rows = slice_of(rows, stack([shape(flat)[0], 0]), [-1, -1])
        sampled_logits = matmul(inputs, sampled_rows, transpose_b=True)
        offsets = embedding_lookup(biases, ids, partition_strategy=partition_strategy)
        if offsets.dtype != inputs.dtype:
            offsets = cast(offsets, inputs.dtype)
        true_offsets = slice_of(offsets, [0], shape(flat))
        sampled_offsets = slice_of(offsets, shape(flat), [-1])

        size = shape(true_rows)[1:2]
        by_row = concat([[-1, num_true], size], 0)
        products = multiply(expand_dims(inputs, 1), reshape(true_rows, by_row))
        flat_products = reshape(products, concat([[-1], size], 0))
        true_logits = reshape(_sum_rows(flat_products), [-1, num_true])
        true_offsets = reshape(true_offsets, [-1, num_true])
        true_logits = true_logits + true_offsets
        sampled_logits = sampled_logits + sampled_offsets
        if remove_accidental_hits:
            sampled_logits = _without_hits(sampled_logits, labels, sampled, num_true, num_sampled)
        true_logits = true_logits - log(true_count)
        sampled_logits = sampled_logits - log(sampled_count)
        logits = concat([true_logits, sampled_logits], 1)
        return logits, concat([ones_like(true_logits) / num_true, zeros_like(sampled_logits)], 1)


def _without_hits(logits: Tensor, labels: Tensor, sampled: Tensor, num_true: int, num_sampled: int) -> Tensor:
    """The logits, those of sampled classes that are true ones pushed down as far as possible."""
    rows, ids, weights = compute_accidental_hits(labels, sampled, num_true=num_true)
    rows = reshape(rows, [-1, 1])
    columns = reshape(cast(ids, int32), [-1, 1])
    places = concat([rows, columns], 1, "sparse_indices")
    whole = concat([shape(labels)[:1], expand_dims(num_sampled, 0)], 0)
    if logits.dtype != weights.dtype:
        weights = cast(weights, logits.dtype)
    return logits + sparse_to_dense(places, whole, weights, default_value=0.0, validate_indices=False)


@public("nn.nce_loss")
def nce_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int = 1,
    sampled_values: Any = None, remove_accidental_hits: bool = False, partition_strategy: str = "mod",
    name: str | None = "nce_loss",
) -> Tensor:  # fmt: skip
    """The noise-contrastive loss of each row (Gutmann and Hyvarinen, 2010).

    Parameters
    ----------
    weights : Tensor of shape [num_classes, size], or a list or partitioned variable of its parts
    biases : Tensor of shape [num_classes]
    labels : int64 Tensor of shape [rows, num_true]
    inputs : Tensor of shape [rows, size]
    num_sampled, num_classes, num_true : int
    sampled_values : tuple of Tensor, optional
        What a candidate sampler returns; by default that of `nn.log_uniform_candidate_sampler`.
    remove_accidental_hits : bool
        Ignore sampled classes that are true ones.
    partition_strategy : str
        See `nn.embedding_lookup`.

    Returns
    -------
    Tensor of shape [rows]
    """
    logits, targets = _sampled_logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, partition_strategy, name,
    )  # fmt: skip
    return _sum_rows(sigmoid_cross_entropy_with_logits(labels=targets, logits=logits, name="sampled_losses"))


@public("nn.sampled_softmax_loss")
def sampled_softmax_loss(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int = 1,
    sampled_values: Any = None, remove_accidental_hits: bool = True, partition_strategy: str = "mod",
    name: str | None = "sampled_softmax_loss", seed: int | None = None,
) -> Tensor:  # fmt: skip
    """The softmax loss of each row over the true classes and a sample (Jean et al., 2015).

    The arguments are those of `nn.nce_loss`; `seed` is that of the default sampler.
    """
    logits, targets = _sampled_logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, partition_strategy, name, seed,
    )  # fmt: skip
    targets = stop_gradient(targets, name="labels_stop_gradient")
    return softmax_cross_entropy_with_logits_v2(labels=targets, logits=logits)
