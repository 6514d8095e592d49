"""Functions applied along the first axis: map_fn, foldl, foldr, scan.

They are loops over TensorArrays. Variables that the function makes are cached where it runs, which is why
they stand above variable scopes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scopert import nest
from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.shape import merge
from scopert.graph.tensor import Tensor
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.control_flow_while import while_loop
from scopert.ops.tensor_array import TensorArray
from scopert.public import public
from scopert.scope.scope_stack import get_variable_scope


class _Structure:
    """One value, or a nested structure of them."""

    def __init__(self, structure: Any) -> None:
        self._structure = structure
        self._is_nested = nest.is_sequence(structure)

    def flatten(self, value: Any) -> list[Any]:
        return nest.flatten(value) if self._is_nested else [value]

    def pack(self, values: list[Any]) -> Any:
        return nest.pack_sequence_as(self._structure, values) if self._is_nested else values[0]


@contextmanager
def _cached_variables() -> Iterator[None]:
    scope = get_variable_scope()
    if scope.caching_device is not None:
        yield
        return
    scope.set_caching_device(lambda op: op.device)
    try:
        yield
    finally:
        scope.set_caching_device(None)


def _callable(fn: Any) -> None:
    if not callable(fn):
        raise TypeError("fn must be callable.")


def _length(tensor: Tensor) -> Any:
    shape = tensor._shape
    return shape[0] if shape and shape[0] is not None else shape_of(tensor)[0]


def _set_lengths(results: list[Tensor], elems: list[Tensor]) -> None:
    """The results are as long as the elements are known to be."""
    length: Any = (None,)
    for tensor in elems:
        length = merge(length, None if tensor._shape is None else tensor._shape[:1])
    for tensor in results:
        shape = tensor._shape
        if shape is not None:
            tensor.set_shape((*length, *shape[1:]))


@public("map_fn")
def map_fn(
    fn: Callable[..., Any], elems: Any, dtype: Any = None, parallel_iterations: int | None = None,
    back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True, name: str | None = None,
) -> Any:  # fmt: skip
    """The results of `fn` for each row of `elems`, stacked.

    Parameters
    ----------
    fn : callable
        Gets a row of each of `elems`, in their structure.
    elems : Tensor or nested structure of Tensor
        Of one length.
    dtype : DType or nested structure of DType, optional
        The structure and types of what `fn` returns; by default those of `elems`.
    parallel_iterations, back_prop, swap_memory
        See `while_loop`.
    infer_shape : bool
        All results have one shape.
    name : str, optional

    Raises
    ------
    TypeError
        If `fn` is no function, or `elems` sparse.
    ValueError
        If an element is a scalar, or structures differ.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.map_fn(lambda x: x * x, tf.constant([1, 2, 3]))))
    [1 4 9]
    """
    _callable(fn)
    if nest.is_composite(elems):
        raise TypeError(
            "To perform a map on the values of a sparse tensor use either  SparseTensor(input.indices, "
            "fn(input.values), input.dense_shape) or  SparseTensor(input.indices, map_fn(fn, input.values), "
            "input.dense_shape)"
        )
    source = _Structure(elems)
    flat = source.flatten(elems)
    with name_scope(name, "map", flat), _cached_variables():
        flat = [convert_to_tensor(item, name="elem") for item in flat]
        if dtype is None or (not nest.is_sequence(dtype) and not dtype):
            dtype = source.pack([item.dtype for item in flat])
        target = source if dtype is None else _Structure(dtype)
        if flat[0]._rank == 0:
            if len(flat) == 1:
                raise ValueError("elems must be a 1+ dimensional Tensor, not a scalar")
            raise ValueError("elements in elems must be 1+ dimensional Tensors, not scalars")
        count = _length(flat[0])
        arrays = [TensorArray(item.dtype, size=count, dynamic_size=False, infer_shape=True) for item in flat]
        arrays = [array.unstack(item) for array, item in zip(arrays, flat, strict=True)]
        start = constant(0)
        results = [
            TensorArray(kind, size=count, dynamic_size=False, infer_shape=infer_shape)
            for kind in target.flatten(dtype)
        ]

        def body(i: Any, into: Any) -> Any:
            made = fn(source.pack([array.read(i) for array in arrays]))
            nest.assert_same_structure(dtype, made)
            into = [array.write(i, value) for array, value in zip(into, target.flatten(made), strict=True)]
            return i + 1, into

        _, results = while_loop(
            lambda i, _: i < count, body, (start, results), parallel_iterations=parallel_iterations or 10,
            back_prop=back_prop, swap_memory=swap_memory, maximum_iterations=count,
        )  # fmt: skip
        stacked = [array.stack() for array in results]
        _set_lengths(stacked, flat)
        return target.pack(stacked)


def _arrays_of(elems: Any) -> tuple[Any, Any]:
    """The length of `elems`, and an array of each."""
    flat = [convert_to_tensor(item, name="elem") for item in nest.flatten(elems)]
    count = _length(flat[0])

    def array_of(item: Any) -> TensorArray:
        return TensorArray(item.dtype, size=count, dynamic_size=False, infer_shape=True).unstack(item)

    return count, nest.map_structure(array_of, elems)


@public("foldl")
def foldl(
    fn: Callable[..., Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """``fn(...fn(fn(initializer, elems[0]), elems[1])...)``.

    Parameters
    ----------
    fn : callable
        Gets what it returned last and the next row.
    elems : Tensor or nested structure of Tensor
    initializer : Tensor or nested structure of Tensor, optional
        What it gets first; by default the first row.
    parallel_iterations, back_prop, swap_memory, name
        See `while_loop`.

    Raises
    ------
    TypeError
        If `fn` is no function.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.foldl(lambda a, x: a + x, tf.constant([1, 2, 3]))))
    6
    """
    _callable(fn)
    with name_scope(name, "foldl", [elems]), _cached_variables():
        count, arrays = _arrays_of(elems)
        if initializer is None:
            value = nest.map_structure(lambda array: array.read(0), arrays)
            start = constant(1)
        else:
            value, start = initializer, constant(0)

        def body(i: Any, value: Any) -> Any:
            row = nest.map_structure(lambda array: array.read(i), arrays)
            value = fn(value, row)
            return [i + 1, value]

        _, result = while_loop(
            lambda i, _: i < count, body, [start, value], parallel_iterations=parallel_iterations,
            back_prop=back_prop, swap_memory=swap_memory, maximum_iterations=count,
        )  # fmt: skip
        return result


@public("foldr")
def foldr(
    fn: Callable[..., Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """``fn(...fn(fn(initializer, elems[-1]), elems[-2])...)``; see `foldl`."""
    _callable(fn)
    with name_scope(name, "foldr", [elems]), _cached_variables():
        count, arrays = _arrays_of(elems)
        if initializer is None:
            start = count - 1
            value = nest.map_structure(lambda array: array.read(start), arrays)
        else:
            start, value = count, initializer

        def body(i: Any, value: Any) -> Any:
            i = i - 1
            row = nest.map_structure(lambda array: array.read(i), arrays)
            return [i, fn(value, row)]

        _, result = while_loop(
            lambda i, _: i > 0, body, [start, value], parallel_iterations=parallel_iterations,
            back_prop=back_prop, swap_memory=swap_memory, maximum_iterations=count,
        )  # fmt: skip
        return result


@public("scan")
def scan(
    fn: Callable[..., Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True, reverse: bool = False,
    name: str | None = None,
) -> Any:  # fmt: skip
    """All values of `foldl`, stacked.

    Parameters
    ----------
    fn : callable
        Gets what it returned last and the next row.
    elems : Tensor or nested structure of Tensor
        Of one length.
    initializer : Tensor or nested structure of Tensor, optional
        What it gets first, and the structure of what it returns; by default the first row, which is the first
        result, too.
    parallel_iterations, back_prop, swap_memory, name
        See `while_loop`.
    infer_shape : bool
        All results have one shape.
    reverse : bool
        From the last row to the first.

    Raises
    ------
    TypeError
        If `fn` is no function.
    ValueError
        If structures differ.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.scan(lambda a, x: a + x, tf.constant([1, 2, 3]))))
    [1 3 6]
    """
    _callable(fn)
    source = _Structure(elems)
    target = source if initializer is None else _Structure(initializer)
    flat = source.flatten(elems)
    with name_scope(name, "scan", flat), _cached_variables():
        flat = [convert_to_tensor(item, name="elem") for item in flat]
        shape = flat[0]._shape
        count: Any = shape_of(flat[0])[0] if shape is None or shape[0] is None else shape[0]
        arrays = [
            TensorArray(
                item.dtype, size=count, dynamic_size=False, element_shape=item.shape[1:], infer_shape=True
            )
            for item in flat
        ]
        arrays = [array.unstack(item) for array, item in zip(arrays, flat, strict=True)]
        if initializer is None:
            values = [array.read(count - 1 if reverse else 0) for array in arrays]
            done = 1
        else:
            values = [convert_to_tensor(item) for item in target.flatten(initializer)]
            done = 0
        results = [
            TensorArray(
                value.dtype, size=count, element_shape=value.shape if infer_shape else None, dynamic_size=False,
                infer_shape=infer_shape,
            )
            for value in values
        ]  # fmt: skip
        if initializer is None:
            first = count - 1 if reverse else 0
            results = [array.write(first, value) for array, value in zip(results, values, strict=True)]

        def body(i: Any, values: Any, into: Any) -> Any:
            row = source.pack([array.read(i) for array in arrays])
            made = fn(target.pack(values), row)
            nest.assert_same_structure(elems if initializer is None else initializer, made)
            flat_made = target.flatten(made)
            into = [array.write(i, value) for array, value in zip(into, flat_made, strict=True)]
            return i - 1 if reverse else i + 1, flat_made, into

        _, _, results = while_loop(
            (lambda i, _1, _2: i >= 0) if reverse else (lambda i, _1, _2: i < count), body,
            (count - 1 - done if reverse else done, values, results), parallel_iterations=parallel_iterations,
            back_prop=back_prop, swap_memory=swap_memory, maximum_iterations=count,
        )  # fmt: skip
        stacked = [array.stack() for array in results]
        _set_lengths(stacked, flat)
        return target.pack(stacked)
