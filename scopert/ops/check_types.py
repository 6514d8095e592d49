"""Checks of types and kinds, all done while the graph is built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import (
    DType,
    as_dtype,
    complex64,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    qint8,
    qint32,
    quint8,
    uint8,
)
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.no_op import no_op
from scopert.public import public

_NUMERIC = frozenset(
    (float32, float64, int8, int16, int32, int64, uint8, qint8, qint32, quint8, complex64)
)


@public("assert_type", "debugging.assert_type")
def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None) -> Operation:
    """Checks that a tensor is of this type.

    Raises
    ------
    TypeError
        If it is not.
    """
    with name_scope(name, "assert_type", [tensor]):
        tensor = convert_to_tensor(tensor, name="tensor")
        if tensor.dtype != tf_type:
            raise TypeError(f"{message or ''}  {tensor.name} must be of type {tf_type}")
        return no_op("statically_determined_correct_type")


@public("assert_integer", "debugging.assert_integer")
def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Operation:
    """Checks that a tensor is of an integer type.

    Raises
    ------
    TypeError
        If it is not.
    """
    with name_scope(name, "assert_integer", [x]):
        x = convert_to_tensor(x, name="x")
        if not x.dtype.is_integer:
            raise TypeError(
                f'{message or ""}  Expected "x" to be integer type.  Found: {x.name} of dtype {x.dtype}'
            )
        return no_op("statically_determined_was_integer")


@public("assert_scalar", "debugging.assert_scalar")
def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Tensor:
    """The tensor itself, which must be known to be a scalar.

    Raises
    ------
    ValueError
        If it is not.
    """
    with name_scope(name, "assert_scalar", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name=scope)
        if tensor._rank != 0:
            raise ValueError(f"{message or ''}Expected scalar shape for {tensor.name}, saw shape: {tensor.shape}.")
        result: Tensor = tensor
        return result


@public("assert_proper_iterable", "debugging.assert_proper_iterable")
def assert_proper_iterable(values: Any) -> None:
    """Checks that `values` is a collection: no tensor, array or string.

    Raises
    ------
    TypeError
        If it is not.
    """
    if isinstance(values, (Tensor, np.ndarray, bytes, str)) or hasattr(type(values), "_to_components"):
        raise TypeError(f'Expected argument "values" to be a "proper" iterable.  Found: {type(values)}')
    if not hasattr(values, "__iter__"):
        raise TypeError(f'Expected argument "values" to be iterable.  Found: {type(values)}')


@public("assert_same_float_dtype", "debugging.assert_same_float_dtype")
def assert_same_float_dtype(tensors: Iterable[Any] | None = None, dtype: Any = None) -> DType:
    """The one floating-point type of `tensors`, which must be `dtype` if that is given; float32 without both.

    Raises
    ------
    ValueError
        If types differ, or it is no floating-point type.
    """
    expected = None if dtype is None else as_dtype(dtype)
    first: Any = None
    for item in tensors or ():
        if item is None:
            continue
        found = item.dtype.base_dtype
        if expected is None:
            expected, first = found, item
        elif expected != found:
            like = "" if first is None else f" as {getattr(first, 'name', first)}"
            raise ValueError(
                f"{getattr(item, 'name', item)}, type={found}, must be of the same type ({expected}){like}."
            )
    if expected is None:
        return float32
    if not expected.is_floating:
        raise ValueError(f"Expected floating point type, got {expected}.")
    return expected


@public("is_numeric_tensor", "debugging.is_numeric_tensor")
def is_numeric_tensor(tensor: Any) -> bool:
    """Whether it is a tensor of numbers."""
    return isinstance(tensor, Tensor) and tensor.dtype in _NUMERIC
