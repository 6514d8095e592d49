"""Rows of embedding tables, also of tables in parts and for sparse ids."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import bfloat16, float16, float32, int32
from scopert.graph.scopes import colocate_with, name_scope
from scopert.graph.shape import TensorShape, merge
from scopert.graph.sparse_tensor import SparseTensor
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import fill
from scopert.ops.array_gather import gather
from scopert.ops.array_identity import identity
from scopert.ops.array_range import range as range_
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import rank, shape, size
from scopert.ops.array_stack import stack
from scopert.ops.array_where import where
from scopert.ops.clip import clip_by_norm
from scopert.ops.math_binary import divide, maximum, pow_
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_unary import sqrt
from scopert.ops.raw import raw
from scopert.public import public
from scopert.scope.partitioned_variable import PartitionedVariable
from scopert.scope.resource_variable import BaseResourceVariable


@public("nn.embedding_lookup")
def embedding_lookup(
    params: Any, ids: Any, partition_strategy: str = "mod", name: str | None = None, validate_indices: bool = True,
    max_norm: Any = None,
) -> Tensor:  # fmt: skip
    """Rows of an embedding table.

    Parameters
    ----------
    params : tensor-like, Variable, PartitionedVariable, or list of them
        The table, or its parts.
    ids : tensor-like
        Integers of any shape.
    partition_strategy : str
        How ids are spread over parts: ``"mod"``, id ``i`` is row ``i // n`` of part ``i % n``; ``"div"``, the
        parts follow one another.
    name : str, optional
    validate_indices : bool
        Without effect, as in TensorFlow.
    max_norm : float, optional
        Rows of a larger L2 norm are scaled down to it.

    Returns
    -------
    Tensor
        Of shape ``ids.shape + row shape``.

    Raises
    ------
    ValueError
        If there is no table, or the strategy is unknown.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Session() as sess:
    ...     print(sess.run(tf.nn.embedding_lookup([[1.0, 2.0], [3.0, 4.0]], [1, 0])).tolist())
    [[3.0, 4.0], [1.0, 2.0]]
    """
    return _lookup(params, ids, partition_strategy, name, max_norm)


def _tables(params: Any) -> list[Any]:
    if params is None:
        raise ValueError("params must be specified")
    if isinstance(params, PartitionedVariable):
        return builtins.list(params)
    tables = builtins.list(params) if isinstance(params, (list, tuple)) and not _is_value(params) else [params]
    if not tables:
        raise ValueError("Need at least one param")
    return tables


def _is_value(params: Any) -> bool:
    """Whether a list is one table of numbers and not a list of tables."""
    return (
        bool(params)
        and isinstance(params[0], (int, float, list, tuple))
        and not any(hasattr(item, "dtype") for item in params)
    )


def _lookup(params: Any, ids: Any, strategy: str, name: str | None, max_norm: Any) -> Tensor:
    tables = _tables(params)
    with name_scope(name, "embedding_lookup", [*tables, ids]) as scope:
        if not any(isinstance(table, BaseResourceVariable) for table in tables):
            tables = [convert_to_tensor(table, name=f"params_{index}") for index, table in enumerate(tables)]
        ids = convert_to_tensor(ids, name="ids")
        if len(tables) == 1:
            with colocate_with(tables[0]):
                found = _clip(_rows(tables[0], ids, scope), ids, max_norm)
            # The result itself need not be where the table is.
            return identity(found)
        return _clip(_lookup_in_parts(tables, ids, strategy, scope), ids, max_norm)


def _rows(table: Any, ids: Tensor, name: str | None = None) -> Tensor:
    if isinstance(table, BaseResourceVariable):
        return table.sparse_read(ids, name=name)
    return gather(table, ids, name=name)


def _clip(rows: Tensor, ids: Tensor, max_norm: Any) -> Tensor:
    if max_norm is None:
        return rows
    axes: Any
    if ids._rank and rows._rank:
        axes = builtins.list(builtins.range(ids._rank, rows._rank))
    else:
        first, last = (item._rank or rank(item) for item in (ids, rows))
        axes = range_(first, last)
    clipped: Tensor = clip_by_norm(rows, max_norm, axes=axes)
    return clipped


def _lookup_in_parts(tables: list[Any], ids: Tensor, strategy: str, scope: str) -> Tensor:
    flat = reshape(ids, [-1])
    places = range_(size(flat))
    assignments, new_ids = _assign(tables, flat, strategy)
    assignments = cast(assignments, int32)
    count = len(tables)
    ids_of = raw("DynamicPartition", new_ids, assignments, num_partitions=count)
    places_of = raw("DynamicPartition", places, assignments, num_partitions=count)
    parts = []
    for table, wanted in zip(tables, ids_of, strict=True):
        with colocate_with(table):
            parts.append(_rows(table, wanted))
    together = raw("ParallelDynamicStitch", places_of, parts, name=scope)
    row = _row_shape(tables)
    row_tensor: Any
    if row is not None and None not in row:
        row_tensor = TensorShape(row)
    else:
        with colocate_with(tables[0]):
            row_tensor = shape(tables[0])
        row_tensor = row_tensor[1:]
    result = reshape(together, concat([shape(ids), row_tensor], 0))
    if ids._shape is not None and row is not None:
        result.set_shape((*ids._shape, *row))
    return result


def _row_shape(tables: list[Any]) -> Any:
    found = None
    for table in tables:
        own = table._shape
        found = merge(found, None if own is None else own[1:])
    return found


def _assign(tables: list[Any], flat: Tensor, strategy: str) -> tuple[Any, Any]:
    """The part of each id, and the row in it."""
    count = len(tables)
    if strategy == "mod":
        return flat % count, flat // count
    if strategy != "div":
        raise ValueError(f"Unrecognized partition strategy: {strategy}")
    total = _total_rows(tables, flat)
    each, extras = total // count, total % count
    part = maximum(flat // (each + 1), (flat - extras) // each)
    row = where(part < extras, flat % (each + 1), (flat - extras) % each)
    return part, row


def _total_rows(tables: list[Any], flat: Tensor) -> Tensor:
    rows = [None if table._shape is None else table._shape[0] for table in tables]
    if None not in rows:
        return constant(sum(rows), flat.dtype)
    counts: list[Any] = []
    for table, known in zip(tables, rows, strict=True):
        if known is not None:
            counts.append(known)
        else:
            with colocate_with(table):
                counts.append(shape(table)[0])
    return reduce_sum(cast(stack(counts), flat.dtype))


@public("nn.embedding_lookup_sparse")
def embedding_lookup_sparse(
    params: Any, sp_ids: Any, sp_weights: Any, partition_strategy: str = "mod", name: str | None = None,
    combiner: str | None = None, max_norm: Any = None,
) -> Tensor:  # fmt: skip
    """Combines, for each row of a sparse matrix of ids, the rows of an embedding table.

    Parameters
    ----------
    params : tensor-like, Variable, PartitionedVariable, or list of them
    sp_ids : SparseTensor
        Integers, shape ``[n, m]``; every row has at least one.
    sp_weights : SparseTensor, optional
        Weights of the ids, of the same indices.
    partition_strategy : str
        See `embedding_lookup`.
    name : str, optional
    combiner : str, optional
        ``"sum"``; ``"mean"``, divided by the sum of the weights, the default; ``"sqrtn"``, divided by the root of
        the sum of their squares.
    max_norm : float, optional
        Rows of a larger L2 norm are scaled down to it first.

    Returns
    -------
    Tensor
        Shape ``[n] + row shape``.

    Raises
    ------
    TypeError
        If ids or weights are not sparse.
    ValueError
        If the combiner is unknown or shapes differ.
    """
    if combiner is None:
        combiner = "mean"
    if combiner not in ("mean", "sqrtn", "sum"):
        raise ValueError("combiner must be one of 'mean', 'sqrtn' or 'sum'")
    tables = _tables(params)
    if not isinstance(sp_ids, SparseTensor):
        raise TypeError("sp_ids must be SparseTensor")
    if sp_weights is not None:
        if not isinstance(sp_weights, SparseTensor):
            raise TypeError("sp_weights must be either None or SparseTensor")
        for ours, theirs in ((sp_ids.values, sp_weights.values), (sp_ids.indices, sp_weights.indices)):
            if not ours.shape.is_compatible_with(theirs.shape):
                raise ValueError(f"Shapes {ours.shape} and {theirs.shape} are incompatible")
    with name_scope(name, "embedding_lookup_sparse", [*tables, sp_ids]) as scope:
        segments = sp_ids.indices[:, 0]
        if segments.dtype is not int32:
            segments = cast(segments, int32)
        ids, positions = raw("Unique", sp_ids.values)
        rows = embedding_lookup(tables, ids, partition_strategy=partition_strategy, max_norm=max_norm)
        if rows.dtype in (float16, bfloat16):
            rows = cast(rows, float32)  # sums of rows keep their precision
        if sp_weights is None:
            kinds = {"sum": "SparseSegmentSum", "mean": "SparseSegmentMean", "sqrtn": "SparseSegmentSqrtN"}
            combined: Tensor = raw(kinds[combiner], rows, positions, segments, name=scope)
            return combined
        return _weighted(gather(rows, positions), sp_weights.values, segments, combiner, scope)


def _weighted(rows: Tensor, weights: Tensor, segments: Tensor, combiner: str, scope: str) -> Tensor:
    if weights.dtype is not rows.dtype:
        weights = cast(weights, rows.dtype)
    ones = fill(expand_dims(rank(rows) - 1, 0), 1)
    known = rows._rank
    weights = reshape(weights, concat([shape(weights), ones], 0))
    if known is not None and weights._shape is not None and len(weights._shape) != known:
        weights.set_shape((weights._shape[0], *(1,) * (known - 1)))
    rows = rows * weights
    combine: Callable[..., Any] = lambda *inputs, name=None: raw("SegmentSum", *inputs, name=name)  # noqa: E731
    if combiner == "sum":
        total: Tensor = combine(rows, segments, name=scope)
        return total
    total = combine(rows, segments)
    if combiner == "mean":
        return divide(total, combine(weights, segments), name=scope)
    squares = combine(pow_(weights, 2), segments)
    return divide(total, sqrt(squares), name=scope)
