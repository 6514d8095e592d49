"""Coordinates of all points of a grid."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import ones
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import size
from scopert.ops.array_stack import stack
from scopert.public import public


@public("meshgrid")
def meshgrid(*args: Any, **kwargs: Any) -> list[Tensor]:
    """For each axis of a grid the coordinates of all its points along that axis.

    Parameters
    ----------
    *args : Tensor
        The coordinates along each axis: vectors.
    indexing : {"xy", "ij"}, optional
        Whether the first two axes of the results are exchanged (``xy``), as for matrices and pictures.
    name : str, optional
        The name of the scope around the operations.

    Raises
    ------
    TypeError
        For another keyword.
    ValueError
        For another indexing.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.meshgrid([1, 2], [3, 4, 5])[1]))
    [[3 3]
     [4 4]
     [5 5]]
    """
    indexing = kwargs.pop("indexing", "xy")
    name = kwargs.pop("name", "meshgrid")
    if kwargs:
        raise TypeError(f"'{next(iter(kwargs))}' is an invalid keyword argument for this function")
    if indexing not in ("xy", "ij"):
        raise ValueError("indexing parameter must be either 'xy' or 'ij'")
    with name_scope(name, "meshgrid", args):
        count = len(args)
        once = (1,) * count
        output = [reshape(stack(x), (*once[:i], -1, *once[i + 1 :])) for i, x in enumerate(args)]
        shapes = [size(x) for x in args]
        kind = to_tensor(args[0]).dtype.base
        if indexing == "xy" and count > 1:
            output[0] = reshape(output[0], (1, -1) + (1,) * (count - 2))
            output[1] = reshape(output[1], (-1, 1) + (1,) * (count - 2))
            shapes[0], shapes[1] = shapes[1], shapes[0]
        factor = ones(shapes, kind)
        return [x * factor for x in output]
