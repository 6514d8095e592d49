"""Rows of a larger tensor: the gradient of a gather."""

from __future__ import annotations

from typing import Any, NamedTuple

from scopert.graph.dtypes import DType
from scopert.graph.graph import Graph, graph_of
from scopert.graph.operation import Operation
from scopert.graph.tensor import Tensor
from scopert.public import public


@public("IndexedSlices")
class IndexedSlices:
    """``dense[indices[i]] += values[i]``: a sparse stand-in for a tensor.

    Parameters
    ----------
    values : Tensor
        Shape ``[n, d1, ...]``.
    indices : Tensor
        Integers, shape ``[n]``; an index may occur more than once.
    dense_shape : Tensor, optional
        The shape of the tensor that it stands for.
    """

    __slots__ = ("__weakref__", "_dense_shape", "_indices", "_values")

    def __init__(self, values: Tensor, indices: Tensor, dense_shape: Tensor | None = None) -> None:
        graph_of([item for item in (values, indices, dense_shape) if item is not None])
        self._values = values
        self._indices = indices
        self._dense_shape = dense_shape

    @property
    def values(self) -> Tensor:
        return self._values

    @property
    def indices(self) -> Tensor:
        return self._indices

    @property
    def dense_shape(self) -> Tensor | None:
        return self._dense_shape

    @property
    def name(self) -> str:
        return self._values.name

    @property
    def device(self) -> str:
        return self._values.device

    @property
    def op(self) -> Operation:
        return self._values.op

    @property
    def dtype(self) -> DType:
        return self._values.dtype

    @property
    def graph(self) -> Graph:
        return self._values.graph

    def _to_components(self) -> tuple[Tensor, ...]:
        if self._dense_shape is None:
            return (self._values, self._indices)
        return (self._values, self._indices, self._dense_shape)

    def _from_components(self, components: tuple[Tensor, ...]) -> IndexedSlices:
        return IndexedSlices(*components)

    def __repr__(self) -> str:
        dense = "" if self._dense_shape is None else f", dense_shape={self._dense_shape}"
        return f"IndexedSlices(indices={self._indices}, values={self._values}{dense})"

    __str__ = __repr__

    def __neg__(self) -> IndexedSlices:
        return IndexedSlices(-self._values, self._indices, self._dense_shape)


class IndexedSlicesValue(NamedTuple):
    """What running an `IndexedSlices` gives."""

    values: Any
    indices: Any
    dense_shape: Any
