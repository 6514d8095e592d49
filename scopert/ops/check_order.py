"""Whether the elements of a tensor are in order."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_shape import size
from scopert.ops.array_strided import strided_slice
from scopert.ops.check_types import is_numeric_tensor
from scopert.ops.control_flow_cond import cond
from scopert.ops.math_comparison import less, less_equal
from scopert.ops.math_reduction import reduce_all
from scopert.public import public


def _differences(x: Any) -> Tensor:
    x = reshape(x, [-1])
    if not is_numeric_tensor(x):
        raise TypeError(f"Expected x to be numeric, instead found: {x}")
    is_short = less(size(x), 2)
    count = shape_of(x) - 1
    result: Tensor = cond(
        is_short,
        lambda: convert_to_tensor([], dtype=x.dtype),
        lambda: strided_slice(x, [1], [1] + count) - strided_slice(x, [0], count),  # noqa: RUF005  (a tensor is added)
    )
    return result


@public("is_non_decreasing", "math.is_non_decreasing", "debugging.is_non_decreasing")
def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """Whether each element is at least as large as the one before; true if there are fewer than two.

    Raises
    ------
    TypeError
        If `x` is not numeric.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     print(session.run(tf.math.is_non_decreasing([1, 1, 2])))
    True
    """
    with name_scope(name, "is_non_decreasing", [x]):
        differences = _differences(x)
        zero = convert_to_tensor(0, dtype=differences.dtype)
        return reduce_all(less_equal(zero, differences))


@public("is_strictly_increasing", "math.is_strictly_increasing", "debugging.is_strictly_increasing")
def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """Whether each element is larger than the one before; true if there are fewer than two.

    Raises
    ------
    TypeError
        If `x` is not numeric.
    """
    with name_scope(name, "is_strictly_increasing", [x]):
        differences = _differences(x)
        zero = convert_to_tensor(0, dtype=differences.dtype)
        return reduce_all(less(zero, differences))
