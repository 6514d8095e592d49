"""Looking up rows of a table, or of a table that is spread over several tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import bfloat16, float16, float32, int32
from scopert.graph.scopes import colocate_with, name_scope
from scopert.graph.shape import as_tuple, merge
from scopert.graph.sparse_tensor import SparseTensor
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import fill
from scopert.ops.array_gather import gather
from scopert.ops.array_identity import identity
from scopert.ops.array_partition import dynamic_partition, parallel_dynamic_stitch
from scopert.ops.array_range import range as range_of
from scopert.ops.array_shape import expand_dims, rank, reshape, size
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_stack import stack
from scopert.ops.array_unique import unique
from scopert.ops.array_where import where
from scopert.ops.clip import clip_by_norm
from scopert.ops.math_binary import div, maximum, pow_
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_segment import segment_sum, sparse_segment_mean, sparse_segment_sqrt_n, sparse_segment_sum
from scopert.ops.math_unary import sqrt
from scopert.public import public

Transform = Callable[[Tensor], Tensor]


def _is_resource(table: Any) -> bool:
    """Whether a table reads its own rows: then it must not be read as a whole."""
    return hasattr(table, "sparse_read")


def _table_shape(table: Any) -> Shape:
    return table._shape if isinstance(table, Tensor) else as_tuple(table.shape)


def _clip(rows: Tensor, ids: Tensor, max_norm: float | None) -> Tensor:
    """Rows shortened to a length of at most `max_norm`."""
    if max_norm is None:
        return rows
    ids, rows = convert_to_tensor(ids), convert_to_tensor(rows)
    first: Any = len(ids._shape) if ids._shape else rank(ids)
    end: Any = len(rows._shape) if rows._shape else rank(rows)
    known = isinstance(first, int) and isinstance(end, int)
    return clip_by_norm(rows, max_norm, axes=list(range(first, end)) if known else range_of(first, end))


def _div_partition(tables: list[Any], ids: Tensor) -> tuple[Tensor, Tensor]:
    """Table and row of each id where tables hold consecutive ids, the first ones one more if it does not divide."""
    count = len(tables)
    lengths = [None if (sizes := _table_shape(table)) is None else sizes[0] for table in tables]
    known = [n for n in lengths if n is not None]
    if len(known) == count and sum(known):
        total = constant(sum(known), ids.dtype)
    else:
        parts: list[Any] = []
        for table, length in zip(tables, lengths, strict=True):
            if length is not None:
                parts.append(length)
                continue
            with colocate_with(table):
                parts.append(shape_of(table)[0])
        total = reduce_sum(cast(stack(parts), ids.dtype))
    each = total // count
    extra = total % count
    table_of = maximum(ids // (each + 1), (ids - extra) // each)
    rows = where(table_of < extra, ids % (each + 1), (ids - extra) % each)
    return table_of, rows


def _lookup_partitioned(
    tables: list[Any],
    ids: Tensor,
    partition_strategy: str,
    scope: str,
    max_norm: float | None,
    transform: Transform | None,
) -> Tensor:
    flat = reshape(ids, [-1])
    places = range_of(size(flat))
    if partition_strategy == "mod":
        table_of: Tensor = flat % len(tables)
        rows: Tensor = flat // len(tables)
    elif partition_strategy == "div":
        table_of, rows = _div_partition(tables, flat)
    else:
        raise ValueError("Unrecognized partition strategy: " + partition_strategy)
    table_of = cast(table_of, int32)
    row_lists = dynamic_partition(rows, table_of, len(tables))
    place_lists = dynamic_partition(places, table_of, len(tables))
    found = []
    for table, chosen in zip(tables, row_lists, strict=True):
        with colocate_with(table):
            part = gather(table, chosen)
            if transform is not None:
                part = transform(_clip(part, chosen, max_norm))
        found.append(part)
    together = parallel_dynamic_stitch(place_lists, found, name=scope)
    if transform is None:
        row_shape: Shape = _tail(_table_shape(tables[0]))
        for table in tables[1:]:
            row_shape = merge(row_shape, _tail(_table_shape(table)))
    else:
        row_shape = _tail(together._shape)
    sizes: Any
    if row_shape is not None and None not in row_shape:
        sizes = list(row_shape)
    elif transform is None:
        with colocate_with(tables[0]):
            sizes = shape_of(tables[0])[1:]
    else:
        sizes = shape_of(together)[1:]
    result = reshape(together, concat([shape_of(ids), sizes], 0))
    if ids._shape is not None and row_shape is not None:
        result.set_shape((*ids._shape, *row_shape))
    return _clip(result, ids, max_norm) if transform is None else result


def _tail(shape: Shape) -> Shape:
    return None if shape is None else shape[1:]


def _lookup(
    params: Any,
    ids: Any,
    partition_strategy: str,
    name: str | None,
    max_norm: float | None,
    transform: Transform | None,
) -> Tensor:
    if params is None or (isinstance(params, (list, tuple)) and not params):
        raise ValueError("Need at least one param")
    if hasattr(params, "_get_variable_list"):  # a PartitionedVariable
        params = list(params)
    tables = params if isinstance(params, list) else [params]
    with name_scope(name, "embedding_lookup", [*tables, ids]) as scope:
        if not any(map(_is_resource, tables)):
            tables = [convert_to_tensor(table, name=f"params_{k}") for k, table in enumerate(tables)]
        ids = convert_to_tensor(ids, name="ids")
        if len(tables) > 1 or (transform is not None and (ids._shape is None or len(ids._shape) != 1)):
            return _lookup_partitioned(tables, ids, partition_strategy, scope, max_norm, transform)
        with colocate_with(tables[0]):
            result = _clip(gather(tables[0], ids, name=scope), ids, max_norm)
            if transform is not None:
                result = transform(result)
        # Outside, so that the result itself is not bound to the table's device.
        return identity(result)


@public("nn.embedding_lookup")
def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: float | None = None,
) -> Tensor:
    """Rows of a table, or of one that is spread over several tensors.

    Parameters
    ----------
    params : tensor, variable, or list of them
        All of one shape but for the first axis, which the ids count.
    ids : tensor-like of int32 or int64
        Any shape.
    partition_strategy : str
        With several tables: ``mod`` deals ids out like cards, ``div`` in consecutive runs.
    validate_indices : bool
        Not used, as in TensorFlow 1.15: ids are always checked.
    max_norm : float, optional
        Longer rows are shortened to it.

    Returns
    -------
    Tensor
        Shape of `ids`, then that of a row.

    Raises
    ------
    ValueError
        If `params` is empty or the strategy unknown.
    """
    return _lookup(params, ids, partition_strategy, name, max_norm, None)


@public("nn.embedding_lookup_sparse")
def embedding_lookup_sparse(
    params: Any,
    sp_ids: Any,
    sp_weights: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    combiner: str | None = None,
    max_norm: float | None = None,
) -> Tensor:
    """The rows for each example of a sparse batch of ids, combined into one.

    Parameters
    ----------
    params : tensor, variable, or list of them
    sp_ids : SparseTensor of int
        ``(batch, position)``.
    sp_weights : SparseTensor of floats, optional
        Of the same structure; ones for None.
    combiner : str
        ``sum``, ``mean`` (the default) or ``sqrtn``: divided by nothing, by the sum of the weights, or by the root
        of the sum of their squares.

    Raises
    ------
    TypeError
        If ids or weights are not sparse.
    ValueError
        If the combiner is unknown or the structures differ.
    """
    if combiner is None:
        combiner = "mean"
    if combiner not in ("mean", "sqrtn", "sum"):
        raise ValueError("combiner must be one of 'mean', 'sqrtn' or 'sum'")
    if hasattr(params, "_get_variable_list"):
        params = list(params)
    tables = params if isinstance(params, list) else [params]
    if not isinstance(sp_ids, SparseTensor):
        raise TypeError("sp_ids must be SparseTensor")
    if sp_weights is not None:
        if not isinstance(sp_weights, SparseTensor):
            raise TypeError("sp_weights must be either None or SparseTensor")
        merge(sp_ids.values._shape, sp_weights.values._shape)
        merge(sp_ids.indices._shape, sp_weights.indices._shape)
        merge(sp_ids.dense_shape._shape, sp_weights.dense_shape._shape)
    with name_scope(name, "embedding_lookup_sparse", [*tables, sp_ids]) as scope:
        examples = sp_ids.indices[:, 0]
        if examples.dtype is not int32:
            examples = cast(examples, int32)
        ids, places = unique(sp_ids.values)
        rows = embedding_lookup(tables, ids, partition_strategy=partition_strategy, max_norm=max_norm)
        if rows.dtype.base in (float16, bfloat16):
            rows = cast(rows, float32)
        if sp_weights is None:
            combine = {"sum": sparse_segment_sum, "mean": sparse_segment_mean, "sqrtn": sparse_segment_sqrt_n}
            return combine[combiner](rows, places, examples, name=scope)
        weights = sp_weights.values
        if weights.dtype.base is not rows.dtype.base:
            weights = cast(weights, rows.dtype)
        rows = gather(rows, places)
        ones = fill(expand_dims(rank(rows) - 1, 0), 1)
        known = weights._shape
        weights = reshape(weights, concat([shape_of(weights), ones], 0))
        if rows._shape is not None and known is not None:
            weights.set_shape((*known, *([1] * (len(rows._shape) - 1))))
        rows = rows * weights
        if combiner == "sum":
            return segment_sum(rows, examples, name=scope)
        total = segment_sum(rows, examples)
        if combiner == "mean":
            return div(total, segment_sum(weights, examples), name=scope)
        return div(total, sqrt(segment_sum(pow_(weights, 2), examples)), name=scope)
