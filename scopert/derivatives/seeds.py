"""The gradients that backpropagation starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopert.graph import dtypes
from scopert.graph.constant import constant
from scopert.graph.convert import to_tensor
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.scopes import colocate_with
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import fill
from scopert.ops.array_identity import identity
from scopert.ops.array_shape import shape


def as_tensors_or_slices(values: Sequence[Any], name: str, as_ref: bool = False) -> list[Any]:
    """Each as a tensor (called ``NAME_I``) or IndexedSlices; None stays None."""
    return [
        value if value is None or isinstance(value, IndexedSlices)
        else to_tensor(value, None, f"{name}_{index}", None, as_ref)
        for index, value in enumerate(values)
    ]  # fmt: skip


def initial_gradients(ys: Sequence[Any], grad_ys: Sequence[Any], colocate: bool) -> list[Any]:
    """A gradient for each of `ys`: the given one, checked, or ones.

    Raises
    ------
    ValueError
        If there are not as many as `ys`.
    TypeError
        If a type does not suit.
    """
    if len(grad_ys) != len(ys):
        raise ValueError(f"Passed {len(grad_ys)} grad_ys for {len(ys)} ys")
    made = []
    for index, (y, grad_y) in enumerate(zip(ys, as_tensors_or_slices(grad_ys, "grad_y"), strict=True)):
        if colocate:
            with colocate_with(y.op):
                made.append(_initial_gradient(index, y, grad_y))
        else:
            made.append(_initial_gradient(index, y, grad_y))
    return made


def _initial_gradient(index: int, y: Any, grad_y: Any) -> Any:
    if grad_y is None:
        if y.dtype.is_complex:
            raise TypeError(f"Gradients of complex tensors must set grad_ys (y.dtype = {y.dtype!r})")
        return fill(shape(y), constant(1, dtype=y.dtype.base, name=f"grad_ys_{index}"))
    _check_type(y, grad_y)
    name = f"grad_ys_{index}"
    if isinstance(grad_y, IndexedSlices):
        indices = identity(grad_y.indices, name=name + "_indices")
        values = identity(grad_y.values, name=name + "_values")
        dense = grad_y.dense_shape
        return IndexedSlices(
            values, indices, identity(dense, name=name + "_shape") if isinstance(dense, Tensor) else dense
        )
    return identity(grad_y, name=name)


def _check_type(y: Any, grad_y: Any) -> None:
    kind, found = y.dtype, grad_y.dtype
    start = f"Gradient type {found.name} generated for"
    if kind.is_floating or kind.is_integer:
        if not (found.is_floating or found.is_integer):
            raise TypeError(f"{start} real or integer-valued tensor {y} with type {kind.name} must be real or integer")
    elif kind.is_complex:
        if not found.is_complex:
            raise TypeError(f"{start} complex-valued tensor {y} with type {kind.name} must be real")
    elif kind.base is dtypes.variant:
        if found is not dtypes.variant:
            raise TypeError(f"{start} variant tensor {y} with type {kind.name} must be variant")
    elif kind.base is dtypes.resource:
        if found is dtypes.resource:
            raise TypeError(f"Input gradient {grad_y} for resource tensor {y} should not be a resource")
    else:
        raise TypeError(f"Tensor {y} with type {kind.name} must be numeric to obtain a default gradient")
