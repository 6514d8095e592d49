"""Sums of many tensors of one shape."""

from __future__ import annotations

from typing import Any

from scopert.graph.build import apply
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import as_dtype
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import COMMUTATIVE, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import as_tuple, merge
from scopert.graph.shape_rules import same_as_all
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_identity import identity
from scopert.ops.math_types import NUMERIC
from scopert.public import public

Array = Any


def _add_n(xp: Any, *inputs: Array) -> Array:
    if len(inputs) == 1:
        return xp.array(inputs[0])
    total = inputs[0]
    for term in inputs[1:]:
        total = total + term
    return total


ADD_N = define_op(
    "AddN", inputs="inputs: N * T", outputs="sum: T", attrs=f"N: int >= 1; T: {NUMERIC[:-1]}, variant}}",
    shape=same_as_all, kernel=_add_n, traits=COMMUTATIVE,
)  # fmt: skip


def _accumulated_shape(op: Operation) -> list[Shape]:
    shape = op.attrs["shape"]
    for tensor in op.inputs:
        shape = merge(shape, tensor._shape)
    return [shape]


ACCUMULATE_N = define_op(
    "AccumulateNV2", inputs="inputs: N * T", outputs="sum: T", attrs=f"N: int >= 1; T: {NUMERIC}; shape: shape",
    shape=_accumulated_shape, kernel=_add_n, traits=COMMUTATIVE,
)  # fmt: skip


@gradient("AddN", "AccumulateNV2")
def _add_n_grad(op: Operation, grad: Any) -> list[Any]:
    return [grad] * len(op.inputs)


def _terms(inputs: Any) -> list[Any]:
    """The inputs as tensors or IndexedSlices; a tensor gives its type to values beside it."""
    if not inputs or not isinstance(inputs, (list, tuple)):
        raise ValueError("inputs must be a list of at least one Tensor/IndexedSlices with the same dtype and shape")
    return [item if isinstance(item, IndexedSlices) else convert_to_tensor(item) for item in inputs]


@public("add_n", "math.add_n")
def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of tensors of one shape and type.

    One tensor is returned as it is (an Identity if there is a name).

    Parameters
    ----------
    inputs : list of tensor-like or IndexedSlices
    name : str, optional
        Default ``AddN``.

    Raises
    ------
    ValueError
        If there are none, or the shapes differ.

    Examples
    --------
    >>> import scopert as tf
    >>> a = tf.constant([1.0, 2.0])
    >>> tf.add_n([a, a, a]).op.type
    'AddN'
    """
    terms = _terms(inputs)
    if len(terms) == 1:
        value = convert_to_tensor(terms[0])
        return identity(value, name=name) if name else value
    return apply(ADD_N, terms, name=name)


@public("accumulate_n", "math.accumulate_n")
def accumulate_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Tensor:
    """`add_n` of tensors whose shape may be given.

    Raises
    ------
    ValueError
        If there are none, or types or shapes differ.
    TypeError
        If `tensor_dtype` is another type.
    """
    problem = "inputs must be a list of at least one Tensor with the same dtype and shape"
    if not inputs or not isinstance(inputs, (list, tuple)):
        raise ValueError(problem)
    terms = _terms(inputs)
    if any(isinstance(item, IndexedSlices) or item.dtype is not terms[0].dtype for item in terms):
        raise ValueError(problem)
    merged = as_tuple(shape)
    for item in terms:
        merged = merge(merged, item._shape)
    kind = terms[0].dtype
    if tensor_dtype is not None and as_dtype(tensor_dtype) is not kind:
        raise TypeError(f"tensor_dtype is {tensor_dtype}, but input is of type {kind}")
    if len(terms) == 1:
        return terms[0] if name is None else identity(terms[0], name=name)
    return apply(ACCUMULATE_N, terms, shape=merged, name=name)
