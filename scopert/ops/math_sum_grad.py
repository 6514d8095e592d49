"""Gradients of Sum and Mean."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from scopert.graph import dtypes
from scopert.graph.constant import constant
from scopert.graph.constant_value import constant_value
from scopert.graph.graph import Graph
from scopert.graph.opdef import gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import colocate_with
from scopert.graph.shape import is_known, num_elements
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_shape import size as size_of
from scopert.ops.math_binary import maximum, truediv
from scopert.ops.math_cast import cast
from scopert.ops.math_reduction import reduce_prod
from scopert.ops.raw import raw

Sizes = tuple[int, ...]


def safe_shape_div(x: Any, y: Any) -> Tensor:
    """``x // y`` of sizes, where a size of 0 counts as 1."""
    result: Tensor = x // maximum(y, 1)
    return result


def reduced_shape(input_shape: Any, axes: Any) -> Any:
    """The shape, as a tensor, with 1 in place of the sizes of `axes`."""
    input_shape = cast(input_shape, dtypes.int32)
    axes = cast(axes, dtypes.int32)
    rank = size_of(input_shape)
    axes = (axes + rank) % rank
    axes_shape = shape_of(axes)
    return raw(
        "DynamicStitch", [raw("Range", 0, rank, 1, name="range"), axes], [input_shape, raw("Fill", axes_shape, 1)]
    )


# As for broadcasts: the first gradient over these axes makes operations, later ones only constants.
_known: WeakKeyDictionary[Graph, dict[tuple[Any, Sizes], tuple[Sizes, Sizes]]] = WeakKeyDictionary()


def _kept_and_repeated(shape: Any, axes: Sizes) -> tuple[Sizes, Sizes]:
    of_graph = _known.setdefault(get_default_graph(), {})
    found = of_graph.get((shape, axes))
    if found is None:
        reduced_shape(shape, axes)
        reduced = {axis % len(shape) for axis in axes}
        kept = tuple(1 if i in reduced else n for i, n in enumerate(shape))
        safe_shape_div(shape, kept)
        repeated = tuple(n // max(m, 1) for n, m in zip(shape, kept, strict=True))
        found = of_graph[shape, axes] = kept, repeated
    return found


@gradient("Sum")
def _sum_grad(op: Operation, grad: Tensor) -> Any:
    shape = op.inputs[0]._shape
    axes = None if shape is None else constant_value(op.inputs[1])
    if shape is not None and axes is not None:
        if np.array_equal(axes, np.arange(len(shape))):
            grad = reshape(grad, [1] * len(shape))
            full = constant(shape, dtypes.int32) if is_known(shape) else shape_of(op.inputs[0])
            return [raw("Tile", grad, full), None]
        if is_known(shape):
            kept, repeated = _kept_and_repeated(shape, tuple(axes.reshape(-1).tolist()))
            return [raw("Tile", reshape(grad, kept), repeated), None]
    input_shape = shape_of(op.inputs[0])
    with colocate_with(input_shape):
        kept_shape = reduced_shape(input_shape, op.inputs[1])
        scaling = safe_shape_div(input_shape, kept_shape)
    return [raw("Tile", reshape(grad, kept_shape), scaling), None]


@gradient("Mean")
def _mean_grad(op: Operation, grad: Tensor) -> Any:
    of_sum = _sum_grad(op, grad)[0]
    before, after = op.inputs[0]._shape, op.outputs[0]._shape
    factor: Any
    all_before, all_after = num_elements(before), num_elements(after)
    if all_before is not None and all_after is not None:
        count = all_before // max(all_after, 1)
        factor = constant(count, of_sum.dtype)
    else:
        sizes = shape_of(op.inputs[0]), shape_of(op.outputs[0])
        factor = safe_shape_div(reduce_prod(sizes[0]), reduce_prod(sizes[1]))
    return truediv(of_sum, cast(factor, of_sum.dtype)), None
