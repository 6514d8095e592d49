"""Values that a run is given: checked against the tensor that they stand for, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.dtypes import DType, string
from scopert.graph.graph import Graph
from scopert.graph.literals import as_array
from scopert.graph.shape import is_compatible, tensor_shape
from scopert.graph.tensor import Tensor
from scopert.runtime.handles import TensorHandle


def feed_tensor(graph: Graph, key: Any) -> Tensor:
    """The tensor that a key of a feed dictionary stands for.

    Raises
    ------
    TypeError
        If it stands for none of this graph.
    ValueError
        If it may not be fed.
    """
    try:
        tensor = graph.as_graph_element(key, allow_tensor=True, allow_operation=False)
    except (TypeError, ValueError, KeyError) as error:
        raise TypeError(f"Cannot interpret feed_dict key as Tensor: {error.args[0]}") from None
    assert isinstance(tensor, Tensor)
    if not graph.is_feedable(tensor):
        raise ValueError(f"Tensor {tensor} may not be fed.")
    return tensor


def feed_array(tensor: Tensor, value: Any, handles: Any = None) -> Any:
    """A fed value as an array of the tensor's type.

    Parameters
    ----------
    tensor : Tensor
    value : object
    handles : Handles, optional
        What the session keeps between runs: a `TensorHandle` stands for a value in it.

    Raises
    ------
    TypeError
        If the value is a tensor itself, or does not fit the type.
    ValueError
        If its shape does not fit.
    """
    dtype = tensor._dtype.base
    if type(value) is np.ndarray and value.dtype == dtype.np and dtype is not string:
        array = value
    elif isinstance(value, TensorHandle):
        array = handles.fed(value.handle)
        if array.dtype != dtype.np:
            raise InvalidArgumentError(
                None, tensor.op, f"the handle {value} holds {array.dtype}, tensor {tensor.name!r} is {dtype.name}"
            )
    else:
        array = _convert(tensor, value)
    shape = tensor._shape
    if shape is not None and array.shape != shape and not is_compatible(array.shape, shape):
        raise ValueError(
            f"Cannot feed value of shape {array.shape} for Tensor {tensor.name!r}, which has shape "
            f"{str(tensor_shape(shape))!r}"
        )
    return array[()] if dtype is string and not array.ndim else array


def _convert(tensor: Tensor, value: Any) -> Any:
    dtype = tensor._dtype.base
    if isinstance(value, Tensor):
        raise TypeError(
            "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include Python scalars, "
            "strings, lists, numpy ndarrays, or TensorHandles. For reference, the tensor object was "
            f"{value} which was passed to the feed with key {tensor}."
        )
    if dtype is string:
        if isinstance(value, (int, float)):
            raise _wrong_type(dtype, value)
        made: Any = as_array(value, dtype)[0]
        return made
    try:
        array = np.asarray(value, dtype=dtype.np)
    except OverflowError:
        raise _wrong_type(dtype, value) from None
    if type(value) is int and array != value:
        raise _wrong_type(dtype, value)
    return array


def _wrong_type(dtype: DType, value: Any) -> TypeError:
    return TypeError(
        f"Type of feed value {value} with type {type(value)} is not compatible with Tensor type "
        f"{dtype.as_numpy_dtype}. Try explicitly setting the type of the feed tensor to a larger type (e.g. int64)."
    )
