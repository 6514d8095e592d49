"""What is known of a tensor without there being one: its shape and type."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph.dtypes import DType, as_dtype, float32, int64
from scopert.graph.shape import TensorShape, as_shape, tensor_shape
from scopert.graph.sparse_tensor import SparseTensor, SparseTensorValue, as_sparse_tensor
from scopert.graph.tensor import Tensor
from scopert.public import public


@public("TensorSpec")
class TensorSpec:
    """The shape, type and name of a tensor.

    Parameters
    ----------
    shape : shape
    dtype : DType, optional
    name : str, optional

    Examples
    --------
    >>> import scopert as tf
    >>> tf.TensorSpec([None, 3])
    TensorSpec(shape=(?, 3), dtype=tf.float32, name=None)
    """

    __slots__ = ("_dtype", "_name", "_shape")

    def __init__(self, shape: Any, dtype: Any = float32, name: str | None = None) -> None:
        self._shape = tensor_shape(as_shape(shape)._sizes)
        self._dtype = as_dtype(dtype)
        self._name = name

    @classmethod
    def from_spec(cls, spec: Any, name: str | None = None) -> TensorSpec:
        """Return the spec of something that has a shape and a type."""
        return cls(spec.shape, spec.dtype, name or spec.name)

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """Return the spec of a tensor."""
        return cls(tensor.shape, tensor.dtype, name or tensor.op.name)

    @property
    def shape(self) -> TensorShape:
        """What is known of the shape."""
        return self._shape

    @property
    def dtype(self) -> DType:
        """The type of the elements."""
        return self._dtype

    @property
    def name(self) -> str | None:
        """The name, if there is one."""
        return self._name

    @property
    def value_type(self) -> type:
        """The class of what it describes."""
        return Tensor

    def is_compatible_with(self, spec_or_tensor: Any) -> bool:
        """Return whether the type is the same and some shape fits both."""
        return self._dtype.is_compatible_with(spec_or_tensor.dtype) and self._shape.is_compatible_with(
            spec_or_tensor.shape
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TensorSpec):
            return False
        return (self._shape._sizes, self._dtype, self._name) == (other._shape._sizes, other._dtype, other._name)

    def __hash__(self) -> int:
        return hash((self._shape._sizes, self._dtype))

    def __reduce__(self) -> tuple[Any, ...]:
        return TensorSpec, (self._shape, self._dtype, self._name)

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self._shape}, dtype={self._dtype!r}, name={self._name!r})"


@public("SparseTensorSpec")
class SparseTensorSpec:
    """The shape and type of a sparse tensor.

    Parameters
    ----------
    shape : shape, optional
    dtype : DType, optional
    """

    __slots__ = ("_dtype", "_shape")

    def __init__(self, shape: Any = None, dtype: Any = float32) -> None:
        self._shape = as_shape(shape)
        self._dtype = as_dtype(dtype)

    @classmethod
    def from_value(cls, value: Any) -> SparseTensorSpec:
        """Return the spec of a sparse tensor or of the value of one."""
        if isinstance(value, SparseTensorValue) and isinstance(value.values, np.ndarray):
            return cls(value.dense_shape, value.values.dtype)
        if not isinstance(value, SparseTensor | SparseTensorValue):
            raise TypeError("Expected SparseTensor or SparseTensorValue")
        found = as_sparse_tensor(value)
        return cls(found.shape, found.dtype)

    @property
    def shape(self) -> TensorShape:
        """What is known of the shape of the whole."""
        return self._shape

    @property
    def dtype(self) -> DType:
        """The type of the elements."""
        return self._dtype

    @property
    def value_type(self) -> type:
        """The class of what it describes."""
        return SparseTensor

    @property
    def _component_specs(self) -> list[TensorSpec]:
        rank = self._shape.ndims
        return [TensorSpec([None, rank], int64), TensorSpec([None], self._dtype), TensorSpec([rank], int64)]

    def _serialize(self) -> tuple[TensorShape, DType]:
        return self._shape, self._dtype

    def _from_components(self, parts: Any) -> Any:
        plain = all(isinstance(part, np.ndarray) for part in parts)
        return SparseTensorValue(*parts) if plain else SparseTensor(*parts)

    def is_compatible_with(self, spec_or_value: Any) -> bool:
        """Return whether the type is the same and some shape fits both."""
        other = spec_or_value if isinstance(spec_or_value, SparseTensorSpec) else self.from_value(spec_or_value)
        return self._dtype is other._dtype and self._shape.is_compatible_with(other._shape)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseTensorSpec):
            return False
        return (self._shape._sizes, self._dtype) == (other._shape._sizes, other._dtype)

    def __hash__(self) -> int:
        return hash((self._shape._sizes, self._dtype))

    def __repr__(self) -> str:
        return f"SparseTensorSpec({self._shape!r}, {self._dtype!r})"
