"""What is known of rows of a larger tensor without there being any."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph.dtypes import DType, as_dtype, float32, int64
from scopert.graph.indexed_slices import IndexedSlices, IndexedSlicesValue
from scopert.graph.shape import TensorShape, as_shape
from scopert.graph.tensor_spec import TensorSpec
from scopert.public import public


@public("IndexedSlicesSpec")
class IndexedSlicesSpec:
    """The shape and types of an `IndexedSlices`.

    Parameters
    ----------
    shape : shape, optional
        Of the tensor that it stands for.
    dtype : DType
        Of the values.
    indices_dtype : DType
        int32 or int64.
    dense_shape_dtype : DType, optional
        None: it says nothing of the shape of the whole.
    indices_shape : shape, optional
        Default: a vector of any length.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.IndexedSlicesSpec([5, 2]).value_type is tf.IndexedSlices
    True
    """

    __slots__ = ("_dense_shape_dtype", "_indices_dtype", "_indices_shape", "_shape", "_values_dtype")

    def __init__(
        self, shape: Any = None, dtype: Any = float32, indices_dtype: Any = int64, dense_shape_dtype: Any = None,
        indices_shape: Any = None,
    ) -> None:  # fmt: skip
        self._shape = as_shape(shape)
        self._values_dtype = as_dtype(dtype)
        self._indices_dtype = as_dtype(indices_dtype)
        self._dense_shape_dtype = None if dense_shape_dtype is None else as_dtype(dense_shape_dtype)
        self._indices_shape = as_shape(indices_shape).with_rank(1)

    @property
    def value_type(self) -> type:
        """The class of what it describes."""
        return IndexedSlices

    @property
    def _component_specs(self) -> tuple[TensorSpec, ...]:
        rows = self._indices_shape.concatenate(self._shape[1:])
        specs = (TensorSpec(rows, self._values_dtype), TensorSpec(self._indices_shape, self._indices_dtype))
        if self._dense_shape_dtype is None:
            return specs
        return (*specs, TensorSpec([self._shape.ndims], self._dense_shape_dtype))

    def _to_components(self, value: Any) -> tuple[Any, ...]:
        if value.dense_shape is None:
            return value.values, value.indices
        return value.values, value.indices, value.dense_shape

    def _from_components(self, parts: Any) -> Any:
        if not all(isinstance(part, np.ndarray) for part in parts):
            return IndexedSlices(*parts)
        values, indices, *rest = parts
        return IndexedSlicesValue(values, indices, rest[0] if rest else None)

    def _serialize(self) -> tuple[TensorShape, DType, DType, DType | None, TensorShape]:
        return (
            self._shape, self._values_dtype, self._indices_dtype, self._dense_shape_dtype, self._indices_shape,
        )  # fmt: skip

    def _key(self) -> tuple[Any, ...]:
        shape, *dtypes, indices_shape = self._serialize()
        return (shape._sizes, *dtypes, indices_shape._sizes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IndexedSlicesSpec) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"IndexedSlicesSpec{self._serialize()!r}"
