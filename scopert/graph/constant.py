"""The op Const, and values as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.graph import Graph
from scopert.graph.literals import Array, as_array
from scopert.graph.opdef import define_op
from scopert.graph.shape import as_tuple, text
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.public import public

CONST = define_op(
    "Const",
    outputs="output: dtype",
    attrs="value: tensor; dtype: type",
    shape=lambda op: [op.attrs["value"].shape],
    kernel=lambda xp, *, value: value,
    differentiable=False,
)


def make_constant(array: Array, dtype: DType, name: str, graph: Graph | None = None) -> Tensor:
    """A Const operation that holds `array`, which must not be changed afterwards."""
    graph = get_default_graph() if graph is None else graph
    return graph._add(CONST, [], {"value": array, "dtype": dtype}, (dtype,), name).outputs[0]


@public("constant")
def constant(
    value: Any, dtype: Any = None, shape: Any = None, name: str = "Const", verify_shape: bool = False
) -> Tensor:
    """A tensor with a value that is fixed when the graph is built.

    Parameters
    ----------
    value : scalar, list or array
    dtype : DType, optional
        Default: float32 for Python floats, int32 or int64 for integers, an array's own type.
    shape : shape, optional
        A shorter value is filled up with its last element.
    verify_shape : bool
        The value must have this shape exactly.

    Raises
    ------
    TypeError
        If a value does not fit `dtype`, or `verify_shape` fails.
    ValueError
        If there are more values than `shape` has places.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.constant([1, 2, 3]).dtype
    tf.int32
    """
    array, kind = as_array(value, None if dtype is None else as_dtype(dtype))
    if array.base is not None or array is value:
        array = array.copy()
    if shape is not None:
        array = _fill_shape(array, as_tuple(shape), verify_shape)
    return make_constant(array, kind, "Const" if name is None else name)


def _fill_shape(array: Array, shape: Any, verify_shape: bool) -> Array:
    if shape is None or None in shape:
        raise TypeError(f"the shape of a constant must be known: {text(shape)}")
    if verify_shape:
        if array.shape != shape:
            raise TypeError(f"Expected Tensor's shape: {shape}, got {array.shape}.")
        return array
    size = int(np.prod(shape, dtype=np.int64))
    if size == 0:
        return np.empty(shape, array.dtype)
    if array.size > size:
        raise ValueError(f"Too many elements provided. Needed at most {size}, but received {array.size}")
    if array.size == size:
        return array.reshape(shape)
    if array.size == 0:
        raise ValueError(f"No elements to fill the shape {shape} with.")
    flat = array.reshape(-1)
    return np.concatenate([flat, np.broadcast_to(flat[-1:], (size - flat.size,))]).reshape(shape)
