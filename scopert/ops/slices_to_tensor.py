"""IndexedSlices where a tensor is wanted: the rows are added up into a dense tensor."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from scopert.graph.constant_value import constant_value
from scopert.graph.convert import register_tensor_conversion_function
from scopert.graph.dtypes import DType
from scopert.graph.indexed_slices import IndexedSlices
from scopert.ops.raw import raw

# From here on the warning names the size.
_LARGE = 100_000_000


def _to_tensor(value: IndexedSlices, dtype: DType | None = None, name: str | None = None, as_ref: bool = False) -> Any:
    if dtype is not None and dtype.base is not value.dtype.base:
        raise ValueError(
            f"Tensor conversion requested dtype {dtype.name} for IndexedSlices with dtype {value.dtype.name}"
        )
    if value.dense_shape is None:
        raise ValueError(f"Tensor conversion requested for IndexedSlices without dense_shape: {value}")
    known = constant_value(value.dense_shape)
    if known is None:
        warnings.warn(
            "Converting sparse IndexedSlices to a dense Tensor of unknown shape. "
            "This may consume a large amount of memory.",
            stacklevel=2,
        )
    elif (count := int(np.prod(known, dtype=np.int64))) >= _LARGE:
        warnings.warn(
            f"Converting sparse IndexedSlices to a dense Tensor with {count} elements. "
            "This may consume a large amount of memory.",
            stacklevel=2,
        )
    return raw("UnsortedSegmentSum", value.values, value.indices, value.dense_shape[0], name=name)


register_tensor_conversion_function(IndexedSlices, _to_tensor)
