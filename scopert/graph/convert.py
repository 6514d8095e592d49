"""Conversion of anything that stands for a tensor: values, lists of tensors, variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.graph import dtypes
from scopert.graph.constant import make_constant
from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.literals import as_array
from scopert.graph.shape import Dimension, TensorShape
from scopert.graph.tensor import Tensor
from scopert.public import public

Conversion = Callable[..., Any]

_registered: list[tuple[int, int, Any, Conversion]] = []
_by_type: dict[type, list[Conversion]] = {}
_LITERALS = frozenset({int, float, bool, str, bytes, np.ndarray})


@public("register_tensor_conversion_function")
def register_tensor_conversion_function(base_type: Any, conversion_func: Conversion, priority: int = 100) -> None:
    """Makes objects of a type usable as tensors.

    Parameters
    ----------
    base_type : type or tuple of types
    conversion_func : callable
        ``f(value, dtype=None, name=None, as_ref=False)`` returns a tensor, or NotImplemented to let
        another one try.
    priority : int
        Lower ones are asked first.

    Raises
    ------
    TypeError
        If an argument is not of that kind.
    """
    kinds = base_type if isinstance(base_type, tuple) else (base_type,)
    if not all(isinstance(kind, type) for kind in kinds):
        raise TypeError("base_type must be a type or a tuple of types.")
    if not callable(conversion_func):
        raise TypeError("conversion_func must be callable.")
    if any(issubclass(kind, t) for kind in kinds for t in (int, float, np.generic, np.ndarray)):
        raise TypeError("Cannot register conversions for Python numeric types and NumPy scalars and arrays.")
    _registered.append((priority, len(_registered), base_type, conversion_func))
    _registered.sort(key=lambda row: row[:2])
    _by_type.clear()


def _conversions(kind: type) -> list[Conversion]:
    found = _by_type.get(kind)
    if found is None:
        found = _by_type[kind] = [function for _, _, base, function in _registered if issubclass(kind, base)]
    return found


def _literal(value: Any, dtype: DType | None = None, name: str | None = None, as_ref: bool = False) -> Any:
    array, kind = as_array(value, dtype)
    if array is value:
        array = array.copy()
    return make_constant(array, kind, name or "Const")


def _shape_literal(value: Any, dtype: DType | None = None, name: str | None = None, as_ref: bool = False) -> Any:
    if not value.is_fully_defined():
        raise ValueError(f"Cannot convert a partially known TensorShape to a Tensor: {value}")
    if dtype is None:
        dtype = dtypes.int64 if any(n >= 2**31 for n in value.as_list()) else dtypes.int32
    elif dtype not in (dtypes.int32, dtypes.int64):
        raise TypeError(f"Cannot convert a TensorShape to dtype: {dtype}")
    elif dtype is dtypes.int32 and any(n >= 2**31 for n in value.as_list()):
        large = next(n for n in value.as_list() if n >= 2**31)
        raise ValueError(f"Cannot convert a TensorShape to dtype int32; a dimension is too large ({large})")
    return make_constant(np.array(value.as_list(), dtype.np), dtype, name or "shape_as_tensor")


def _dimension_literal(value: Any, dtype: DType | None = None, name: str | None = None, as_ref: bool = False) -> Any:
    if value.value is None:
        raise ValueError(f"Cannot convert an unknown Dimension to a Tensor: {value}")
    if dtype is None:
        dtype = dtypes.int64 if value.value >= 2**31 else dtypes.int32
    elif dtype not in (dtypes.int32, dtypes.int64):
        raise TypeError(f"Cannot convert a TensorShape to dtype: {dtype}")
    return make_constant(np.array(value.value, dtype.np), dtype, name or "shape_as_tensor")


register_tensor_conversion_function((list, tuple), _literal, 100)
register_tensor_conversion_function(TensorShape, _shape_literal, 100)
register_tensor_conversion_function(Dimension, _dimension_literal, 100)
register_tensor_conversion_function(object, _literal, 200)


@public("convert_to_tensor")
def convert_to_tensor(
    value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None, dtype_hint: Any = None
) -> Tensor:
    """A tensor of anything that can be one: a tensor itself, a value, a list with tensors, a variable.

    Parameters
    ----------
    value : object
    dtype : DType, optional
        The result must be of this type.
    name : str, optional
        Of the operation, if one is made.
    preferred_dtype, dtype_hint : DType, optional
        The type if the value allows it.

    Raises
    ------
    TypeError
        If nothing converts such a value, or not to this type.
    ValueError
        If a tensor is of another type.
    """
    hint = preferred_dtype if dtype_hint is None else dtype_hint
    return to_tensor(
        value, None if dtype is None else as_dtype(dtype), name, None if hint is None else as_dtype(hint)
    )


def to_tensor(
    value: Any, dtype: DType | None = None, name: str | None = None, preferred: DType | None = None,
    as_ref: bool = False,
) -> Tensor:  # fmt: skip
    """The same with types as DType objects, and refs where a variable must not be read."""
    kind = type(value)
    if kind is Tensor or isinstance(value, Tensor):
        if dtype is not None and value._dtype.base is not dtype.base:
            raise ValueError(
                f"Tensor conversion requested dtype {dtype.name} for Tensor with dtype {value.dtype.name}: {value!r}"
            )
        return value
    functions = [_literal] if kind in _LITERALS else _conversions(kind)
    for function in functions:
        made = NotImplemented
        if dtype is None and preferred is not None:
            try:
                made = function(value, dtype=preferred, name=name, as_ref=as_ref)
            except (TypeError, ValueError):
                made = NotImplemented
            if made is not NotImplemented and made.dtype.base is not preferred.base:
                raise TypeError(
                    f"convert_to_tensor did not convert to the preferred dtype: {made.dtype.base} vs {preferred.base}"
                )
        if made is NotImplemented:
            made = function(value, dtype=dtype, name=name, as_ref=as_ref)
        if made is NotImplemented:
            continue
        if not isinstance(made, Tensor):
            raise RuntimeError(
                f"Error while converting {value!r} to tensor {name or ''}: Conversion function {function} "
                f"returned non-Tensor: {made!r}"
            )
        if dtype is not None and made.dtype.base is not dtype.base:
            raise RuntimeError(
                f"Conversion function {function} returned incompatible dtype: requested = {dtype.name}, "
                f"actual = {made.dtype.name}"
            )
        return made
    raise TypeError(f"Cannot convert {value!r} with type {kind} to Tensor: no conversion function registered.")


def to_tensors(
    values: Any, dtype: DType | None = None, name: str | None = None, preferred: DType | None = None,
    as_ref: bool = False,
) -> list[Tensor]:  # fmt: skip
    """Several values as tensors, called ``NAME_0``, ``NAME_1``..."""
    return [
        to_tensor(value, dtype, None if name is None else f"{name}_{index}", preferred, as_ref)
        for index, value in enumerate(values)
    ]


__all__ = ["convert_to_tensor", "register_tensor_conversion_function", "to_tensor", "to_tensors"]
