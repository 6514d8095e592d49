"""Sparse tensors: the places and values of the elements that are not zero, as three tensors."""

from __future__ import annotations

from typing import Any, NamedTuple

from scopert.graph.constant_value import constant_value, known_shape
from scopert.graph.convert import to_tensor
from scopert.graph.dimension import Dimension
from scopert.graph.dtypes import DType, as_dtype, int64
from scopert.graph.graph import Graph
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import TensorShape, tensor_shape, unknown_shape
from scopert.graph.tensor import Tensor
from scopert.public import export, public


class SparseTensorValue(NamedTuple):
    """What running a `SparseTensor` gives, and what can be fed for one."""

    indices: Any
    values: Any
    dense_shape: Any


export(__name__, "SparseTensorValue", "SparseTensorValue")


@public("SparseTensor", "sparse.SparseTensor")
class SparseTensor:
    """A tensor of which only some elements are stored.

    Parameters
    ----------
    indices : Tensor
        int64 of shape ``[n, rank]``: where the stored elements are. Most ops want them in row-major order.
    values : Tensor
        The stored elements: a vector of length `n`.
    dense_shape : Tensor
        int64: the shape of the whole.

    Raises
    ------
    ValueError
        If the shapes of the three do not fit.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     s = tf.SparseTensor([[0, 1], [2, 0]], [5, 6], [3, 2])
    ...     print(sess.run(tf.sparse.to_dense(s)))
    [[0 5]
     [0 0]
     [6 0]]
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        with name_scope(None, "SparseTensor", [indices, values, dense_shape]):
            self._indices = to_tensor(indices, int64, "indices")
            self._values = to_tensor(values, None, "values")
            self._dense_shape = to_tensor(dense_shape, int64, "dense_shape")
        places = self._indices.shape.with_rank(2)
        count = self._values.shape.with_rank(1)
        rank = self._dense_shape.shape.with_rank(1)
        Dimension(places[0]).merge_with(count[0])
        Dimension(places[1]).merge_with(rank[0])

    @classmethod
    def from_value(cls, sparse_tensor_value: Any) -> SparseTensor:
        """Return a sparse tensor of the parts of a `SparseTensorValue` (or of another sparse tensor)."""
        if not is_sparse(sparse_tensor_value):
            raise TypeError(f"Neither a SparseTensor nor SparseTensorValue: {sparse_tensor_value}.")
        value = sparse_tensor_value
        return cls(indices=value.indices, values=value.values, dense_shape=value.dense_shape)

    @property
    def indices(self) -> Tensor:
        """Where the stored elements are."""
        return self._indices

    @property
    def values(self) -> Tensor:
        """The stored elements."""
        return self._values

    @property
    def dense_shape(self) -> Tensor:
        """The shape of the whole, as a tensor."""
        return self._dense_shape

    @property
    def shape(self) -> TensorShape:
        """What is known of the shape of the whole."""
        value = constant_value(self._dense_shape)
        if value is not None:
            return tensor_shape(tuple(None if size < 0 else int(size) for size in value.tolist()))
        if self._dense_shape.op.type in ("Shape", "Pack", "ConcatV2", "StridedSlice"):
            return tensor_shape(known_shape(self._dense_shape))
        return unknown_shape(self._dense_shape.shape[0].value)

    def get_shape(self) -> TensorShape:
        """The same as `shape`."""
        return self.shape

    @property
    def dtype(self) -> DType:
        """The type of the elements."""
        return self._values.dtype

    @property
    def op(self) -> Operation:
        """The operation that makes the values."""
        return self._values.op

    @property
    def graph(self) -> Graph:
        """The graph of the three tensors."""
        return self._indices.graph

    @property
    def name(self) -> str:
        """The name of the values."""
        return self._values.name

    def consumers(self) -> list[Operation]:
        """The operations that take one of the three tensors."""
        found = [op for part in self._to_components() for op in part.consumers()]
        return list(dict.fromkeys(found))

    def eval(self, feed_dict: Any = None, session: Any = None) -> SparseTensorValue:
        """Run the three tensors in `session`, or in the default session."""
        from scopert.graph.stack import default_session

        chosen = default_session(session, self.graph, "evaluate tensor", "eval")
        return SparseTensorValue(*chosen.run(list(self._to_components()), feed_dict))

    def _to_components(self) -> tuple[Tensor, Tensor, Tensor]:
        return self._indices, self._values, self._dense_shape

    def _from_components(self, parts: Any) -> SparseTensor:
        return SparseTensor(*parts)

    def __repr__(self) -> str:
        return f"SparseTensor(indices={self._indices}, values={self._values}, dense_shape={self._dense_shape})"

    # The ops are above this room: they fill in what the operators mean.

    def _multiplied(self, other: Any, name: str) -> SparseTensor:
        """``other * self``, in the name scope of that operator."""
        return sparse_operators["multiplied"](self, other, name)

    def __mul__(self, other: Any) -> SparseTensor:
        return sparse_operators["mul"](self, other)

    def __truediv__(self, other: Any) -> SparseTensor:
        return sparse_operators["truediv"](self, other)

    def __div__(self, other: Any) -> SparseTensor:
        return sparse_operators["div"](self, other)


sparse_operators: dict[str, Any] = {}
"""What ``sparse * dense`` and its like do: ``function(sparse, dense) -> SparseTensor``."""


def is_sparse(value: Any) -> bool:
    """Return whether `value` is a sparse tensor or the value of one."""
    return isinstance(value, SparseTensor | SparseTensorValue)


@public("is_tensor", "contrib.framework.is_tensor")
def is_tensor(x: Any) -> bool:
    """Return whether `x` is a tensor, a sparse one, indexed slices or a variable."""
    return isinstance(x, Tensor | SparseTensor | IndexedSlices) or hasattr(x, "_as_graph_element")


def as_sparse_tensor(value: Any) -> SparseTensor:
    """Return `value` as a sparse tensor.

    Raises
    ------
    TypeError
        If it is neither one nor the value of one.
    """
    if isinstance(value, SparseTensorValue):
        return SparseTensor.from_value(value)
    if not isinstance(value, SparseTensor):
        raise TypeError("Input must be a SparseTensor.")
    return value


@public("convert_to_tensor_or_sparse_tensor")
def convert_to_tensor_or_sparse_tensor(value: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Return `value` as a sparse tensor if it is one or the value of one, else as a tensor.

    Raises
    ------
    RuntimeError
        If a sparse tensor is of another type than `dtype`.
    """
    kind = None if dtype is None else as_dtype(dtype)
    if not is_sparse(value):
        return to_tensor(value, kind, name)
    found = as_sparse_tensor(value)
    if kind is not None and not kind.is_compatible_with(found.dtype):
        raise RuntimeError(f"Sparse dtype: requested = {kind.name}, actual = {found.dtype.name}")
    return found
