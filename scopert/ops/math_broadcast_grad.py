"""Over which axes a gradient is summed after a broadcast."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.graph import Graph
from scopert.graph.indexed_slices import IndexedSlices
from scopert.graph.opdef import define_op
from scopert.graph.shape import is_known
from scopert.graph.shape_rules import vector
from scopert.graph.stack import get_default_graph
from scopert.graph.tensor import Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_shape import shape_internal
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_types import INDEX

Axes = tuple[int, ...]


def reduction_axes(left: Any, right: Any) -> tuple[Axes, Axes]:
    """The axes of the broadcast result along which each of two shapes was repeated.

    Raises
    ------
    InvalidArgumentError
        If the shapes do not broadcast.
    """
    rank = max(len(left), len(right))
    a = [1] * (rank - len(left)) + [int(n) for n in left]
    b = [1] * (rank - len(right)) + [int(n) for n in right]
    for m, n in zip(a, b, strict=True):
        if m != n and 1 not in (m, n):
            raise InvalidArgumentError(None, None, f"Incompatible shapes: {list(left)} vs. {list(right)}")
    if list(left) == list(right):
        return (), ()
    # An axis of size 1 on both sides is in both, as in TensorFlow: summing over it changes nothing.
    return tuple(i for i in range(rank) if a[i] == 1), tuple(i for i in range(rank) if b[i] == 1)


def _kernel(xp: Any, s0: Any, s1: Any, *, T: Any) -> Any:
    return tuple(np.array(axes, T.np) for axes in reduction_axes(s0.tolist(), s1.tolist()))


BROADCAST_GRADIENT_ARGS = define_op(
    "BroadcastGradientArgs", inputs="s0: T, s1: T", outputs="r0: T, r1: T", attrs=f"T: {INDEX}", shape=vector,
    kernel=_kernel, differentiable=False,
)  # fmt: skip

# What is known of a pair of shapes in a graph: its first use makes the operations, later ones do not.
_known: WeakKeyDictionary[Graph, dict[tuple[Any, Any], tuple[Axes, Axes]]] = WeakKeyDictionary()


def broadcast_gradient_args(s0: Any, s1: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The axes to sum the gradients of two broadcast operands over, as tensors."""
    first, second = apply(BROADCAST_GRADIENT_ARGS, s0, s1, name=name)
    return first, second


def fully_equal(x: Tensor, y: Tensor, grad: Tensor | IndexedSlices) -> bool:
    """Whether all three are tensors of one static shape."""
    return isinstance(grad, Tensor) and x._shape == y._shape == grad._shape and is_known(x._shape)


class Unbroadcast:
    """How one operand's gradient returns to the operand's shape."""

    __slots__ = ("axes", "needed", "shape")

    def __init__(self, shape: Any, axes: Any, needed: bool) -> None:
        self.shape = shape
        self.axes = axes
        self.needed = needed

    def __call__(self, grad: Any) -> Any:
        if not self.needed:
            return grad
        return reshape(reduce_sum(grad, self.axes), self.shape)


def unbroadcast_both(x: Tensor, y: Tensor) -> tuple[Unbroadcast, Unbroadcast]:
    """For both operands, computed in the run (and made anew in each gradient)."""
    sx = shape_of(x)
    sy = shape_of(y)
    rx, ry = broadcast_gradient_args(sx, sy)
    return Unbroadcast(sx, rx, True), Unbroadcast(sy, ry, True)


def unbroadcast_known(x: Tensor, y: Tensor, grad: Tensor | IndexedSlices) -> tuple[Unbroadcast, Unbroadcast]:
    """For both operands; with static shapes the axes are constants, found once for each pair in a graph."""
    left, right = x._shape, y._shape
    if left is None or right is None or None in left or None in right:
        sx = shape_internal(x, optimize=False)
        sy = shape_internal(y, optimize=False)
        rx, ry = broadcast_gradient_args(sx, sy)
        return Unbroadcast(sx, rx, True), Unbroadcast(sy, ry, True)
    of_graph = _known.setdefault(get_default_graph(), {})
    found = of_graph.get((left, right))
    if found is None:
        broadcast_gradient_args(left, right)
        found = of_graph[left, right] = reduction_axes(left, right)
    # The slices of a gather's gradient have to become a tensor, which the sum makes of them.
    there = grad._shape if isinstance(grad, Tensor) else None
    return Unbroadcast(left, found[0], left != there), Unbroadcast(right, found[1], right != there)
