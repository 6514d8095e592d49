"""How many insertions, deletions and replacements lead from one sequence to another."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape
from scopert.graph.opdef import HOST, define_op
from scopert.graph.operation import Operation
from scopert.graph.sparse_tensor import as_sparse_tensor, is_sparse
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_shape import ints
from scopert.public import public


def _sequences(indices: Any, values: Any, rank: int) -> dict[tuple[int, ...], list[Any]]:
    if indices.ndim != 2 or indices.shape[1] != rank or len(indices) != len(values):
        raise InvalidArgumentError(
            None, None, f"indices of shape {list(indices.shape)} do not fit values of shape {list(values.shape)}"
        )
    found: dict[tuple[int, ...], list[Any]] = {}
    for index, value in zip(indices.tolist(), values.tolist(), strict=True):
        found.setdefault(tuple(index[:-1]), []).append(value)
    return found


def _distance(a: list[Any], b: list[Any]) -> int:
    """Levenshtein's distance, row by row of its table."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def _kernel(
    xp: Any, hypothesis_indices: Any, hypothesis_values: Any, hypothesis_shape: Any, truth_indices: Any,
    truth_values: Any, truth_shape: Any, *, normalize: bool,
) -> Any:  # fmt: skip
    left, right = ints(hypothesis_shape), ints(truth_shape)
    if len(left) != len(right):
        raise InvalidArgumentError(
            None, None, f"hypothesis and truth must have as many axes, got shapes {list(left)} and {list(right)}"
        )
    hypotheses = _sequences(hypothesis_indices, hypothesis_values, len(left))
    truths = _sequences(truth_indices, truth_values, len(right))
    result = np.zeros(tuple(max(a, b) for a, b in zip(left[:-1], right[:-1], strict=True)), np.float32)
    for index in hypotheses.keys() | truths.keys():
        a, b = hypotheses.get(index, []), truths.get(index, [])
        if any(i >= n for i, n in zip(index, result.shape, strict=True)):
            raise InvalidArgumentError(None, None, f"index {list(index)} is beyond the shape {list(result.shape)}")
        distance = float(_distance(a, b))
        if normalize:
            distance = distance / len(b) if b else np.inf
        result[index] = distance
    return result


def _rule(op: Operation) -> list[Shape]:
    left, right = known_shape(op.inputs[2]), known_shape(op.inputs[5])
    if left is None or right is None:
        return [None]
    if len(left) != len(right):
        raise ValueError(f"Shapes must have as many axes, got {left} and {right}")
    pairs = zip(left[:-1], right[:-1], strict=True)
    return [tuple(None if a is None or b is None else max(a, b) for a, b in pairs)]


EDIT_DISTANCE = define_op(
    "EditDistance",
    inputs="hypothesis_indices: int64, hypothesis_values: T, hypothesis_shape: int64, truth_indices: int64, "
    "truth_values: T, truth_shape: int64",
    outputs="output: float32",
    attrs="normalize: bool = true; T: type",
    shape=_rule,
    kernel=_kernel,
    traits=HOST,
    differentiable=False,
)


@public("edit_distance")
def edit_distance(hypothesis: Any, truth: Any, normalize: bool = True, name: str = "edit_distance") -> Tensor:
    """Levenshtein's distance between sequences, which are the last axes of two sparse tensors.

    Parameters
    ----------
    hypothesis, truth : SparseTensor
        The sequences, for each place of all axes but the last.
    normalize : bool, optional
        Whether the distance is divided by the length of the true sequence; it is infinite if that is empty.
    name : str, optional
        The operation's name.

    Returns
    -------
    Tensor
        float32, without the last axis.

    Raises
    ------
    TypeError
        If an argument is not sparse.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     a = tf.SparseTensor([[0, 0], [0, 1]], ["k", "i"], [1, 2])
    ...     b = tf.SparseTensor([[0, 0], [0, 1]], ["k", "a"], [1, 2])
    ...     print(sess.run(tf.edit_distance(a, b)))
    [0.5]
    """
    if not is_sparse(hypothesis):
        raise TypeError("Hypothesis must be a SparseTensor.")
    if not is_sparse(truth):
        raise TypeError("Truth must be a SparseTensor.")
    left, right = as_sparse_tensor(hypothesis), as_sparse_tensor(truth)
    return apply(EDIT_DISTANCE, *left._to_components(), *right._to_components(), normalize=normalize, name=name)
