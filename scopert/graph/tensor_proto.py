"""Values as TensorFlow's TensorProto messages, and back.

Like graph definitions, they need the messages of the ``tensorboard`` package.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from scopert.graph import dtypes
from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.graph_def import protos, shape_proto
from scopert.graph.literals import Array, as_array
from scopert.graph.shape import as_tuple
from scopert.public import public

# Where a message keeps the elements of a type, if it does not hold their bytes.
_FIELDS: dict[DType, str] = {
    dtypes.float32: "float_val",
    dtypes.float64: "double_val",
    dtypes.int64: "int64_val",
    dtypes.uint32: "uint32_val",
    dtypes.uint64: "uint64_val",
    dtypes.bool_: "bool_val",
    dtypes.string: "string_val",
    dtypes.complex64: "scomplex_val",
    dtypes.complex128: "dcomplex_val",
    dtypes.float16: "half_val",
    dtypes.bfloat16: "half_val",
}
_BYTES = frozenset(
    {
        dtypes.float32, dtypes.float64, dtypes.int32, dtypes.uint8, dtypes.int16, dtypes.int8, dtypes.int64,
        dtypes.qint8, dtypes.quint8, dtypes.qint16, dtypes.quint16, dtypes.qint32, dtypes.uint16, dtypes.uint32,
        dtypes.uint64,
    }
)  # fmt: skip


def _elements(array: Array, dtype: DType) -> list[Any]:
    flat = array.reshape(-1)
    if dtype.is_complex:
        return flat.view(np.float32 if dtype is dtypes.complex64 else np.float64).tolist()
    if dtype in (dtypes.float16, dtypes.bfloat16):
        return flat.view(np.uint16).tolist()
    return flat.tolist()


@public("make_tensor_proto")
def make_tensor_proto(
    values: Any, dtype: Any = None, shape: Any = None, verify_shape: bool = False, allow_broadcast: bool = False
) -> Any:
    """A TensorProto that holds a value.

    Parameters
    ----------
    values : scalar, list or array
        The elements.
    dtype : DType, optional
        Their type; see `constant`.
    shape : shape, optional
        The shape; fewer elements than it has places stand for a tensor that the last one fills up.
    verify_shape : bool, optional
        Whether the value must have this shape exactly.
    allow_broadcast : bool, optional
        Whether a single element may stand for the whole of another shape; others must fit then.

    Raises
    ------
    TypeError
        If the value does not fit the type, or `verify_shape` fails.
    ValueError
        If there are too many elements, or both options are given.
    """
    if allow_broadcast and verify_shape:
        raise ValueError("allow_broadcast and verify_shape are not both allowed.")
    if isinstance(values, protos().tensor_pb2.TensorProto):
        return values
    array, kind = as_array(values, None if dtype is None else as_dtype(dtype))
    target = array.shape
    if shape is not None:
        target = tuple(int(n or 0) for n in as_tuple(shape) or ())
        size = int(np.prod(target, dtype=np.int64))
        if size == 0:
            array = array.reshape(-1)[:0]
        if verify_shape and array.shape != target:
            raise TypeError(f"Expected Tensor's shape: {target}, got {array.shape}.")
        if allow_broadcast and array.size not in (1, size):
            raise TypeError(f"Expected Tensor's shape: {target}, got {array.shape}.")
        if array.size > size:
            raise ValueError(f"Too many elements provided. Needed at most {size}, but received {array.size}")
    made = protos().tensor_pb2.TensorProto(dtype=kind.as_datatype_enum, tensor_shape=shape_proto(target))
    whole = array.size == int(np.prod(target, dtype=np.int64))
    if whole and array.size > 1 and kind in _BYTES:
        made.tensor_content = np.ascontiguousarray(array).tobytes()
    else:
        getattr(made, _FIELDS.get(kind, "int_val")).extend(_elements(np.ascontiguousarray(array), kind))
    return made


@public("make_ndarray")
def make_ndarray(tensor: Any) -> Array:
    """The value of a TensorProto.

    Raises
    ------
    TypeError
        If the elements are of a type that no array can hold.
    """
    target = tuple(dim.size for dim in tensor.tensor_shape.dim)
    kind = as_dtype(tensor.dtype)
    size = int(np.prod(target, dtype=np.int64))
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, kind.as_numpy_dtype).copy().reshape(target)
    if not kind.is_numpy_compatible:
        raise TypeError(f"Unsupported tensor type: {tensor.dtype}")
    stored = list(getattr(tensor, _FIELDS.get(kind, "int_val")))
    if kind is dtypes.string:
        flat = np.empty(len(stored), object)
        flat[:] = stored
    elif kind.is_complex:
        flat = np.array(stored, kind.real_dtype.np).view(kind.np)
    elif kind in (dtypes.float16, dtypes.bfloat16):
        flat = np.array(stored, np.uint16).view(np.float16 if kind is dtypes.float16 else ml_dtypes.bfloat16)
    else:
        flat = np.array(stored, kind.np).view(kind.as_numpy_dtype)
    if flat.size == size:
        return flat.reshape(target)
    if not flat.size:
        raise ValueError(f"a message without elements cannot fill the shape {target}")
    return np.concatenate([flat, np.repeat(flat[-1:], size - flat.size)]).reshape(target)
