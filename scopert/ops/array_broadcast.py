"""Broadcasting: a tensor in a larger shape, the shapes that result."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape, static_shape
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import TensorShape, as_tuple, brackets, broadcast, tensor_shape
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import ints, shape, tensor_array
from scopert.ops.raw import raw
from scopert.public import public


def _broadcast_to_rule(op: Operation) -> list[Shape]:
    source, target = op.inputs[0]._shape, known_shape(op.inputs[1])
    if source is None or target is None:
        return [target]
    if len(source) > len(target):
        raise ValueError(f"Shape must be at most rank {len(target)} but is rank {len(source)}")
    for size, wanted in zip(reversed(source), reversed(target), strict=False):
        if size not in (None, 1) and wanted is not None and size != wanted:
            raise ValueError(f"Incompatible shapes: {brackets(source)} vs. {brackets(target)}")
    return [target]


def _broadcast_to_kernel(xp: Any, x: Any, shape: Any) -> Any:
    array, target = tensor_array(xp, x), ints(shape) if shape.size else ()
    try:
        return xp.broadcast_to(array, target)
    except ValueError:
        raise InvalidArgumentError(
            None, None, f"Incompatible shapes: {list(array.shape)} vs. {list(target)}"
        ) from None


BROADCAST_TO = define_op(
    "BroadcastTo",
    inputs="input: T, shape: Tidx",
    outputs="output: T",
    attrs="T: type; Tidx: {int32, int64} = int32",
    shape=_broadcast_to_rule,
    kernel=_broadcast_to_kernel,
    traits=VIEW,
)


@gradient("BroadcastTo")
def _broadcast_to_grad(op: Operation, grad: Any) -> Any:
    from scopert.ops.math_reduction import reduce_sum

    source, target = op.inputs
    source_shape = shape(source)
    _, axes = raw("BroadcastGradientArgs", target, source_shape)
    return [reshape(reduce_sum(grad, axis=axes, keepdims=True), source_shape), None]


@public("broadcast_to")
def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`input` in a larger shape, its axes of size 1 repeated.

    Raises
    ------
    ValueError
        If the shapes are known not to broadcast.
    InvalidArgumentError
        If they turn out not to in a run.
    """
    return apply(BROADCAST_TO, input, shape, name=name)


def _joint_shape(s0: Any, s1: Any) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(ints(s0), ints(s1))
    except ValueError:
        raise InvalidArgumentError(
            None, None, f"Incompatible shapes: {list(ints(s0))} vs. {list(ints(s1))}"
        ) from None


def _longer(op: Operation) -> list[Shape]:
    lengths = [None if t._shape is None or len(t._shape) != 1 else t._shape[0] for t in op.inputs]
    return [(None if None in lengths else max(n for n in lengths if n is not None),)]


BROADCAST_ARGS = define_op(
    "BroadcastArgs",
    inputs="s0: T, s1: T",
    outputs="r0: T",
    attrs="T: {int32, int64} = int32",
    shape=_longer,
    kernel=lambda xp, s0, s1: xp.asarray(_joint_shape(s0, s1), s0.dtype),
    differentiable=False,
)


@static_shape("BroadcastArgs")
def _shape_from_args(op: Operation) -> Shape:
    return broadcast(known_shape(op.inputs[0]), known_shape(op.inputs[1]))


@public("broadcast_dynamic_shape")
def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """The shape to which two shapes, given as vectors, broadcast."""
    return apply(BROADCAST_ARGS, shape_x, shape_y)


@public("broadcast_static_shape")
def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """The shape to which two static shapes broadcast.

    Raises
    ------
    ValueError
        If they do not.
    """
    return tensor_shape(broadcast(as_tuple(shape_x), as_tuple(shape_y)))
