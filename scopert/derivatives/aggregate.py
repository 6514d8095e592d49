"""Summing the gradients that meet in one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph import dtypes
from scopert.graph.graph import Graph
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.math_addn import accumulate_n, add_n
from scopert.ops.math_cast import cast
from scopert.public import public


@public("AggregationMethod")
class AggregationMethod:
    """How `tf.gradients` sums several gradients of one tensor.

    ``ADD_N``, the default: one ``AddN``. ``EXPERIMENTAL_TREE``: pairs, one after the other, beside the
    operation. ``EXPERIMENTAL_ACCUMULATE_N``: one ``AccumulateNV2`` where shapes are known.
    """

    ADD_N = 0
    DEFAULT = ADD_N
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


_METHODS = (
    AggregationMethod.ADD_N,
    AggregationMethod.EXPERIMENTAL_TREE,
    AggregationMethod.EXPERIMENTAL_ACCUMULATE_N,
)


def aggregate(found: Sequence[Any], op: Operation, method: int | None) -> Any:
    """The sum of the gradients of one output of `op`.

    Parameters
    ----------
    found : list of Tensor, IndexedSlices or None
    op : Operation
    method : int, optional
        One of `AggregationMethod`.

    Returns
    -------
    Tensor, IndexedSlices or None
        Rows stay rows unless a dense gradient is among them.

    Raises
    ------
    TypeError
        If something is no gradient.
    """
    items = [item for item in found if item is not None]
    for item in items:
        if not isinstance(item, (Tensor, IndexedSlices)):
            raise TypeError(
                f"gradients have to be either all Tensors or all IndexedSlices; one of {op.name!r} is {item!r}"
            )
    if len(items) < 2:
        return items[0] if items else None
    if any(isinstance(item, IndexedSlices) for item in items):
        return _sum_with_rows(items)
    if method == AggregationMethod.EXPERIMENTAL_ACCUMULATE_N and _same_known_shape(items):
        return accumulate_n(items)
    if method in (AggregationMethod.EXPERIMENTAL_TREE, AggregationMethod.EXPERIMENTAL_ACCUMULATE_N):
        with name_scope(op.name + "_gradient_sum"):
            total = items[0]
            for item in items[1:]:
                total = add_n([total, item])
            return total
    return _sum_by_device(op.graph, items)


def check_method(method: int | None) -> None:
    """Raises ValueError unless `method` is None or one of `AggregationMethod`."""
    if method is not None and method not in _METHODS:
        raise ValueError(f"Invalid aggregation_method specified {method}.")


def _same_known_shape(items: Sequence[Tensor]) -> bool:
    shape = items[0]._shape
    return shape is not None and None not in shape and all(item._shape == shape for item in items)


def _sum_by_device(graph: Graph, items: Sequence[Tensor]) -> Tensor:
    """One AddN a device, placed with its first input; then one over the devices."""
    by_device: dict[str, list[Tensor]] = {}
    for item in items:
        by_device.setdefault(item.device, []).append(item)
    parts: list[Tensor] = []
    for place in sorted(by_device):
        members = by_device[place]
        with graph.colocate_with(members[0].op, ignore_existing=True):
            parts.append(add_n(members))
    total: Tensor = add_n(parts)
    return total


def _sum_with_rows(items: Sequence[Any]) -> Any:
    if any(isinstance(item, Tensor) for item in items):
        return add_n(items)
    rows = [_flatten(item) for item in _one_index_type(items)]
    values = concat([item.values for item in rows], axis=0)
    indices = concat([item.indices for item in rows], axis=0)
    return IndexedSlices(values, indices, rows[0].dense_shape)


def _one_index_type(items: Sequence[IndexedSlices]) -> list[IndexedSlices]:
    """Rows whose indices can be concatenated: int64 if any of them is."""
    kinds = [item.indices.dtype for item in items]
    if all(kind is dtypes.int32 for kind in kinds) or all(kind is not dtypes.int32 for kind in kinds):
        return list(items)
    return [
        item if item.indices.dtype is not dtypes.int32
        else IndexedSlices(item.values, cast(item.indices, dtypes.int64), item.dense_shape)
        for item in items
    ]  # fmt: skip


def _flatten(item: Any) -> IndexedSlices:
    """Rows of rows as plain rows."""
    if not isinstance(item, IndexedSlices):
        raise TypeError(f"expected IndexedSlices, got {item!r}")
    if isinstance(item.values, Tensor):
        return item
    from scopert.ops.array_gather import gather

    inner = _flatten(item.values)
    return IndexedSlices(inner.values, gather(item.indices, inner.indices), item.dense_shape)
