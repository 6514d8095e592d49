"""Shape rules that many ops share. A rule is ``rule(op) -> [shape of each output]``."""

from __future__ import annotations

from collections.abc import Callable

from scopert.graph.constant_value import known_shape
from scopert.graph.operation import Operation
from scopert.graph.shape import brackets, merge
from scopert.graph.shape import broadcast as broadcast_shapes
from scopert.graph.tensor import Shape

Rule = Callable[[Operation], list[Shape]]


def no_outputs(op: Operation) -> list[Shape]:
    """For ops without outputs."""
    return []


def same_as_first(op: Operation) -> list[Shape]:
    """The shape of the first input."""
    return [op._inputs[0]._shape]


def same_as_all(op: Operation) -> list[Shape]:
    """The one shape of all inputs, which must agree."""
    shape = op._inputs[0]._shape
    for tensor in op._inputs[1:]:
        shape = equal(shape, tensor._shape)
    return [shape]


def equal(left: Shape, right: Shape) -> Shape:
    """What is known of a shape that two tensors must share.

    Raises
    ------
    ValueError
        If they cannot, with the words of TensorFlow's shape inference.
    """
    try:
        return merge(left, right)
    except ValueError:
        assert left is not None and right is not None
        if len(left) != len(right):
            raise ValueError(f"Shapes must be equal rank, but are {len(left)} and {len(right)}") from None
        axis = next(i for i, (a, b) in enumerate(zip(left, right, strict=True)) if None not in (a, b) and a != b)
        raise ValueError(
            f"Dimension {axis} in both shapes must be equal, but are {left[axis]} and {right[axis]}. "
            f"Shapes are {brackets(left)} and {brackets(right)}."
        ) from None


def broadcast(op: Operation) -> list[Shape]:
    """The shape to which the two inputs broadcast."""
    left, right = op._inputs
    if left._shape == right._shape:
        shape = left._shape
        if shape is None or None not in shape:
            return [shape]
    try:
        return [broadcast_shapes(left._shape, right._shape)]
    except ValueError:
        raise ValueError(_unequal_sizes(left._shape or (), right._shape or ())) from None


def _unequal_sizes(left: tuple[int | None, ...], right: tuple[int | None, ...]) -> str:
    """The first sizes that do not broadcast, in the words of TensorFlow's shape inference."""
    rank = max(len(left), len(right))
    pairs = zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True)
    m, n = next((m, n) for m, n in pairs if m != n and None not in (m, n) and 1 not in (m, n))
    return f"Dimensions must be equal, but are {m} and {n}"


def scalar(op: Operation) -> list[Shape]:
    """A scalar for each output."""
    return [()] * _outputs(op)


def unknown(op: Operation) -> list[Shape]:
    """Nothing is known before a run."""
    return [None] * _outputs(op)


def vector(op: Operation) -> list[Shape]:
    """A vector of unknown length for each output."""
    return [(None,)] * _outputs(op)


def from_attr(name: str) -> Rule:
    """The shape that an attribute gives."""

    def rule(op: Operation) -> list[Shape]:
        return [op.attrs[name]]

    return rule


def from_input(index: int) -> Rule:
    """The shape that an input, a vector of lengths, holds."""

    def rule(op: Operation) -> list[Shape]:
        return [known_shape(op._inputs[index])]

    return rule


def same_as(index: int) -> Rule:
    """The shape of one input."""

    def rule(op: Operation) -> list[Shape]:
        return [op._inputs[index]._shape]

    return rule


def with_rank(shape: Shape, rank: int) -> tuple[int | None, ...]:
    """The shape, which must have this rank; unknown dimensions if it is unknown.

    Raises
    ------
    ValueError
        If it has another rank.
    """
    if shape is None:
        return (None,) * rank
    if len(shape) != rank:
        raise ValueError(f"Shape must be rank {rank} but is rank {len(shape)}")
    return shape


def at_least_rank(shape: Shape, rank: int) -> Shape:
    """The shape, which must have at least this rank if known.

    Raises
    ------
    ValueError
        If its rank is lower.
    """
    if shape is not None and len(shape) < rank:
        raise ValueError(f"Shape must be at least rank {rank} but is rank {len(shape)}")
    return shape


def _outputs(op: Operation) -> int:
    count = 0
    for arg in op.opdef.outputs:
        if arg.number_attr is not None:
            count += op.attrs[arg.number_attr]
        elif arg.type_list_attr is not None:
            count += len(op.attrs[arg.type_list_attr])
        else:
            count += 1
    return count
