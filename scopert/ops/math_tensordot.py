"""Products over several axes, as matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph import dtypes
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.shape import is_known
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_gather import gather
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_stack import stack
from scopert.ops.array_transpose import transpose
from scopert.ops.array_where import where
from scopert.ops.math_matmul import matmul
from scopert.ops.math_reduction import reduce_prod
from scopert.ops.raw import raw
from scopert.public import public

_INTEGERS = (int, np.integer)


def _axes_of_both(a: Tensor, axes: Any) -> tuple[Any, Any]:
    if isinstance(axes, _INTEGERS):
        if axes < 0:
            raise ValueError("'axes' must be at least 0.")
        if a._shape is not None:
            rank = len(a._shape)
            if axes > rank:
                raise ValueError(f"'axes' must not be larger than the number of dimensions of tensor {a}.")
            return list(range(rank - int(axes), rank)), list(range(int(axes)))
        found = rank_of(a)
        return range_of(found - axes, found, dtype=dtypes.int32), range_of(axes, dtype=dtypes.int32)
    if isinstance(axes, (list, tuple)):
        if len(axes) != 2:
            raise ValueError("'axes' must be an integer or have length 2.")
        left, right = axes
        if isinstance(left, _INTEGERS) and isinstance(right, _INTEGERS):
            left, right = [left], [right]
        if len(left) != len(right):
            raise ValueError(f"Different number of contraction axes 'a' and 'b', {len(left)} != {len(right)}.")
        return left, right
    tensor = convert_to_tensor(axes, name="axes", dtype=dtypes.int32)
    return tensor[0], tensor[1]


def _as_matrix(a: Tensor, axes: Any, flipped: bool) -> tuple[Tensor, Any, Any]:
    """The matrix whose columns (rows if flipped) run over `axes`; the free sizes; what is known of them."""
    if a._shape is not None and isinstance(axes, (list, tuple)):
        sizes = a._shape
        listed = [i if i >= 0 else i + len(sizes) for i in axes]
        free = [i for i in range(len(sizes)) if i not in listed]
        if is_known(sizes):
            free_sizes = [sizes[i] for i in free]
            rows = int(np.prod([sizes[i] for i in free]))  # type: ignore[arg-type]
            inner = int(np.prod([sizes[i] for i in listed]))
            order = listed + free if flipped else free + listed
            shape = [inner, rows] if flipped else [rows, inner]
            return reshape(transpose(a, order), shape), free_sizes, free_sizes
        known: Any = [sizes[i] for i in free]
        axes_tensor = convert_to_tensor(listed, dtype=dtypes.int32, name="axes")
        free_tensor = convert_to_tensor(free, dtype=dtypes.int32, name="free")
        full = shape_of(a)
    else:
        known = None
        full = shape_of(a)
        rank = rank_of(a)
        axes_tensor = convert_to_tensor(axes, dtype=dtypes.int32, name="axes")
        axes_tensor = where(axes_tensor >= 0, axes_tensor, axes_tensor + rank)
        free_tensor, _ = raw("ListDiff", range_of(rank), axes_tensor)
    free_dims = gather(full, free_tensor)
    axes_dims = gather(full, axes_tensor)
    row_count = reduce_prod(free_dims)
    inner_count = reduce_prod(axes_dims)
    if flipped:
        perm = concat([axes_tensor, free_tensor], 0)
        matrix_shape = stack([inner_count, row_count])
    else:
        perm = concat([free_tensor, axes_tensor], 0)
        matrix_shape = stack([row_count, inner_count])
    return reshape(transpose(a, perm), matrix_shape), free_dims, known


@public("tensordot", "linalg.tensordot")
def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The product of two tensors, summed over pairs of axes.

    Parameters
    ----------
    a, b : tensor-like
    axes : int, pair of int or lists, or tensor
        The axes of `a` and of `b` to sum over; a number n stands for the last n of `a` and the first n of `b`.
    name : str, optional

    Raises
    ------
    ValueError
        If the axes do not pair.

    Examples
    --------
    >>> import scopert as tf
    >>> tf.tensordot(tf.ones([2, 3, 4]), tf.ones([4, 3]), [[1, 2], [1, 0]]).shape.as_list()
    [2]
    """
    with name_scope(name, "Tensordot", [a, b, axes]) as scope:
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, name="b")
        axes_a, axes_b = _axes_of_both(a, axes)
        matrix_a, free_a, known_a = _as_matrix(a, axes_a, False)
        matrix_b, free_b, known_b = _as_matrix(b, axes_b, True)
        product = matmul(matrix_a, matrix_b)
        if isinstance(free_a, list) and isinstance(free_b, list):
            return reshape(product, free_a + free_b, name=scope)
        free_a = convert_to_tensor(free_a, dtype=dtypes.int32)
        free_b = convert_to_tensor(free_b, dtype=dtypes.int32)
        result = reshape(product, concat([free_a, free_b], 0), name=scope)
        if known_a is not None and known_b is not None:
            result.set_shape(known_a + known_b)
        return result
