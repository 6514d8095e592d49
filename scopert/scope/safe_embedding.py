"""Embedding lookups for batches with empty examples and invalid ids."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.scopes import name_scope
from scopert.graph.sparse_tensor import SparseTensor
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones_like, zeros_like
from scopert.ops.array_gather import gather
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_slice import slice as slice_
from scopert.ops.array_stack import stack
from scopert.ops.array_tile import tile
from scopert.ops.array_where import where
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import greater, greater_equal, logical_and
from scopert.ops.math_reduction import reduce_prod
from scopert.ops.sparse_form import sparse_reshape
from scopert.ops.sparse_make import sparse_fill_empty_rows, sparse_retain
from scopert.public import public
from scopert.scope.embedding import embedding_lookup_sparse
from scopert.scope.partitioned_variable import PartitionedVariable
from scopert.scope.resource_variable import BaseResourceVariable


@public("nn.safe_embedding_lookup_sparse")
def safe_embedding_lookup_sparse(
    embedding_weights: Any,
    sparse_ids: SparseTensor,
    sparse_weights: SparseTensor | None = None,
    combiner: str = "mean",
    default_id: int | None = None,
    name: str | None = None,
    partition_strategy: str = "div",
    max_norm: float | None = None,
) -> Tensor:
    """`tf.nn.embedding_lookup_sparse` that ignores invalid ids and weights, and gives something for no ids.

    Parameters
    ----------
    embedding_weights : variable, tensor, or list of them
    sparse_ids : SparseTensor of int
        Any number of batch axes, then the ids of an example. Negative ids do not count.
    sparse_weights : SparseTensor of floats, optional
        Of the same structure; ids with a weight of 0 or less do not count.
    combiner : str
    default_id : int, optional
        The id of an example that has none; without it the result is zero there.
    partition_strategy, max_norm
        See `tf.nn.embedding_lookup`.

    Returns
    -------
    Tensor
        The batch axes, then those of a row.

    Raises
    ------
    ValueError
        If there are no tables.
    """
    if embedding_weights is None:
        raise ValueError(f"Missing embedding_weights {embedding_weights}.")
    if isinstance(embedding_weights, PartitionedVariable):
        embedding_weights = list(embedding_weights)
    tables = embedding_weights if isinstance(embedding_weights, list) else [embedding_weights]
    if not tables:
        raise ValueError(f"Missing embedding_weights {embedding_weights}.")
    dtype = None if sparse_weights is None else sparse_weights.dtype
    tables = [
        table if isinstance(table, BaseResourceVariable) and dtype in (None, table.dtype)
        else convert_to_tensor(table, dtype=dtype)
        for table in tables
    ]  # fmt: skip
    parts = [*tables, sparse_ids] + ([] if sparse_weights is None else [sparse_weights])
    with name_scope(name, "embedding_lookup", parts) as scope:
        original = sparse_ids.dense_shape
        known = original._shape
        rank = None if known is None else known[0]
        last = (len(sparse_ids.shape.as_list()) if rank is None else rank) - 1
        rows = reduce_prod(slice_(original, [0], [last]))
        ids = sparse_reshape(sparse_ids, [rows, gather(original, last)])
        weights = sparse_weights
        if weights is not None:
            weights = SparseTensor(ids.indices, weights.values, ids.dense_shape)
        ids, weights = _without_invalid(ids, weights)
        if combiner != "sum" and weights is not None:
            positive = greater(weights.values, 0)
            ids, weights = sparse_retain(ids, positive), sparse_retain(weights, positive)
        ids, is_empty = sparse_fill_empty_rows(ids, default_id or 0)
        if weights is not None:
            weights, _ = sparse_fill_empty_rows(weights, 1.0)
        result = embedding_lookup_sparse(
            tables, ids, weights, combiner=combiner, partition_strategy=partition_strategy,
            name=None if default_id is None else scope, max_norm=max_norm,
        )  # fmt: skip
        if default_id is None:
            # What the filled-in id gave for an empty example becomes zero.
            empty = tile(reshape(is_empty, [-1, 1]), stack([1, shape_of(result)[1]]))
            result = where(empty, zeros_like(result), result, name=scope)
        batch = slice_(cast(original, int32), [0], [last])
        final = reshape(result, concat([batch, slice_(shape_of(result), [1], [-1])], 0))
        if rank is not None and result._shape is not None:
            final.set_shape((*((None,) * last), *result._shape[1:]))
        return final


def _without_invalid(ids: SparseTensor, weights: SparseTensor | None) -> tuple[SparseTensor, SparseTensor | None]:
    """Ids that are not negative, with a positive weight where there are weights."""
    valid = greater_equal(ids.values, 0)
    if weights is None:
        return sparse_retain(ids, valid), None
    valid = logical_and(valid, ones_like(weights.values, dtype="bool"))
    return sparse_retain(ids, valid), sparse_retain(weights, valid)
