"""Python and NumPy values as arrays, by TensorFlow's rules (`make_tensor_proto`)."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scopert.graph import dtypes
from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.shape import Dimension, TensorShape

Array = np.ndarray[Any, Any]


def _is_str(value: Any) -> bool:
    return isinstance(value, (str, bytes))


def _fits(dtype: DType) -> Callable[[Any], bool]:
    """Whether a Python scalar may become an element of this type."""
    if dtype.is_bool:
        return lambda v: isinstance(v, (bool, np.bool_))
    if dtype.is_integer or dtype.is_quantized:
        if dtype.is_quantized:
            return lambda v: False  # as in TensorFlow: only one-element tuples and arrays become quantized
        return lambda v: isinstance(v, (numbers.Integral, np.integer, Dimension))
    if dtype.is_floating:
        return lambda v: isinstance(v, (numbers.Real, np.integer, np.floating)) or _is_number_like(v)
    if dtype.is_complex:
        return lambda v: isinstance(v, (numbers.Complex, np.number)) or _is_number_like(v)
    if dtype is dtypes.string:
        return _is_str
    return lambda v: True


def _is_number_like(value: Any) -> bool:
    """Scalars of NumPy extension types, such as bfloat16."""
    return isinstance(value, np.generic) and value.dtype.kind in "Vf"


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, np.ndarray):
        yield from value.flat
    else:
        yield value


def _check(value: Any, dtype: DType) -> None:
    fits = _fits(dtype)
    for item in _leaves(value):
        if hasattr(item, "op") and hasattr(item, "dtype"):
            raise TypeError("List of Tensors when single Tensor expected")
        if not fits(item):
            raise TypeError(f"Expected {dtype.name}, got {item!r} of type '{type(item).__name__}' instead.")


def _plain(value: Any) -> Any:
    if isinstance(value, Dimension):
        return value.value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, TensorShape):
        return value.as_list()
    return value


def _as_bytes_array(array: Array) -> Array:
    made = np.empty(array.shape, dtype=object)
    flat = made.reshape(-1)
    for index, item in enumerate(array.reshape(-1)):
        if isinstance(item, str):
            flat[index] = item.encode()
        elif isinstance(item, bytes):
            flat[index] = bytes(item)
        else:
            raise TypeError(f"Expected string, got {item!r} of type '{type(item).__name__}' instead.")
    return made


def _ragged(value: Any) -> ValueError:
    return ValueError(f"Argument must be a dense tensor: {value} - its rows differ in length")


def as_array(value: Any, dtype: DType | None = None) -> tuple[Array, DType]:
    """An array of a value, and its type.

    Parameters
    ----------
    value : scalar, nested list, or array
    dtype : DType, optional
        Default: Python floats are float32, integers int32 if all fit and else int64; arrays keep
        their own type.

    Raises
    ------
    TypeError
        If a Python value does not fit the type.
    ValueError
        If it is None, or its rows differ in length.
    """
    if dtype is not None:
        dtype = dtype.base
    if isinstance(value, (np.ndarray, np.generic)):
        return _from_array(np.asarray(value), dtype)
    if value is None:
        raise ValueError("None values not supported.")
    kind = type(value)
    if hasattr(value, "__array_interface__") or (hasattr(value, "__array__") and not hasattr(value, "op")):
        return _from_array(np.asarray(value), dtype)
    if dtype is None:
        if kind is float:
            return np.array(value, np.float32), dtypes.float32
        if kind is int and -0x80000000 <= value <= 0x7FFFFFFF:
            return np.array(value, np.int32), dtypes.int32
        if kind is bool:
            return np.array(value), dtypes.bool
    if dtype is not None and dtype.is_quantized and _is_of_tuples(value):
        return np.array(value, dtype.as_numpy_dtype).view(dtype.np), dtype
    if kind is list or kind is tuple:
        quick = _from_numbers(value, dtype)
        if quick is not None:
            return quick
    return _from_python(_plain(value), dtype)


# Which kinds of numbers NumPy may find in a list for it to be of a type, by the kind of that type.
_ACCEPTED = {"b": "b", "i": "biu", "u": "biu", "f": "biuf", "V": "biuf", "c": "biufc"}


def _from_numbers(value: Any, dtype: DType | None) -> tuple[Array, DType] | None:
    """Lists of plain numbers at NumPy's speed; None for anything that needs a closer look."""
    try:
        array = np.array(value)
    except (ValueError, TypeError, NotImplementedError, OverflowError):
        return None
    kind = array.dtype.kind
    if kind not in "biuf" or not array.size:
        return None
    if dtype is not None:
        if dtype.is_quantized or kind not in _ACCEPTED.get(dtype.np.kind, ""):
            return None
        return array.astype(dtype.np), dtype
    if array.dtype == np.float64:
        return array.astype(np.float32), dtypes.float32
    if array.dtype == np.int64 and array.min() >= -0x80000000 and array.max() <= 0x7FFFFFFF:
        return array.astype(np.int32), dtypes.int32
    return array, as_dtype(array.dtype)


def _from_array(array: Array, dtype: DType | None) -> tuple[Array, DType]:
    if array.dtype.kind in "US" or (array.dtype.kind == "O" and (dtype is None or dtype is dtypes.string)):
        if dtype is not None and dtype is not dtypes.string:
            _check(array, dtype)
        return _as_bytes_array(array), dtypes.string
    if dtype is None:
        dtype = as_dtype(array.dtype)
    if dtype.is_quantized and array.dtype == dtype.as_numpy_dtype:
        return array.view(dtype.np), dtype
    if array.dtype != dtype.np:
        array = array.astype(dtype.np)
    return array, dtype


def _wrapped(value: Any, dtype: DType) -> Array:
    """Integers in a type that may be too small for them: they wrap around, as with TensorFlow's NumPy."""
    wide = np.array(value)
    if wide.size and wide.dtype.kind == "O":
        raise OverflowError
    return wide.astype(dtype.np)


def _is_of_tuples(value: Any) -> bool:
    """Whether the innermost elements of a nested list are tuples of one number."""
    if isinstance(value, tuple):
        return len(value) == 1
    return isinstance(value, list) and all(map(_is_of_tuples, value))


def _from_python(value: Any, dtype: DType | None) -> tuple[Array, DType]:
    if dtype is not None:
        _check(value, dtype)
        try:
            if dtype is dtypes.string:
                return _as_bytes_array(_object_array(value)), dtype
            if dtype.is_integer:
                return _wrapped(value, dtype), dtype
            return np.array(value, dtype=dtype.np), dtype
        except ValueError as error:
            raise _ragged(value) from error
        except OverflowError as error:
            raise ValueError(f"{value!r} does not fit into {dtype.name}") from error
    if isinstance(value, (str, bytes)):
        return _as_bytes_array(_object_array(value)), dtypes.string
    try:
        array = np.array(value)
    except ValueError as error:
        raise _ragged(value) from error
    if array.dtype.kind in "USO":
        if any(hasattr(item, "op") for item in _leaves(value)):
            raise TypeError("List of Tensors when single Tensor expected")
        if not any(_is_str(item) for item in _leaves(value)):
            bad = next((item for item in _leaves(value)), value)
            raise TypeError(f"Failed to convert object of type {type(bad)} to Tensor. Contents: {value}. "
                            "Consider casting elements to a supported type.")  # fmt: skip
        return _as_bytes_array(_object_array(value)), dtypes.string
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    elif array.dtype == np.int64:
        small = array.astype(np.int32)
        if np.array_equal(small, array):
            array = small
    return array, as_dtype(array.dtype)


def _object_array(value: Any) -> Array:
    """An array that holds Python strings one by one, whatever their lengths."""
    def shape_of(item: Any) -> tuple[int, ...]:
        if isinstance(item, list):
            inner = {shape_of(part) for part in item}
            if len(inner) > 1:
                raise ValueError("ragged")
            return (len(item), *(inner.pop() if inner else ()))
        if isinstance(item, np.ndarray):
            return item.shape
        return ()

    made = np.empty(shape_of(value), dtype=object)
    flat = made.reshape(-1)
    for index, item in enumerate(_leaves(value)):
        flat[index] = item
    return made
