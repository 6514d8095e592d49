"""Joining strings, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scopert.graph.build import apply
from scopert.graph.opdef import HOST, define_op
from scopert.graph.operation import Operation
from scopert.graph.shape import merge
from scopert.graph.tensor import Shape, Tensor
from scopert.public import public


def _joined_shape(op: Operation) -> list[Shape]:
    """That of the inputs that are not scalars, which must agree."""
    if any(tensor._shape is None for tensor in op._inputs):
        return [None]
    shape: Shape = ()
    for tensor in op._inputs:
        if tensor._shape != ():
            shape = tensor._shape if shape == () else merge(shape, tensor._shape)
    return [shape]


def _join(xp: Any, *inputs: Any, separator: Any) -> Any:
    between = separator if isinstance(separator, bytes) else separator.encode()
    arrays = np.broadcast_arrays(*(np.asarray(item, dtype=object) for item in inputs))
    made = np.empty(arrays[0].shape, dtype=object)
    for place in np.ndindex(arrays[0].shape):
        made[place] = between.join(bytes(array[place]) for array in arrays)
    return made if made.ndim else made[()]


STRING_JOIN = define_op(
    "StringJoin",
    inputs="inputs: N * string",
    outputs="output: string",
    attrs='N: int >= 1; separator: string = ""',
    shape=_joined_shape,
    kernel=_join,
    traits=HOST,
    differentiable=False,
)


@public("string_join", "strings.join")
def string_join(inputs: Sequence[Any], separator: str = "", name: str | None = None) -> Tensor:
    """Joins strings of several tensors, element by element.

    Parameters
    ----------
    inputs : list of tensor-like
        Strings, of one shape or scalars.
    separator : str
    name : str, optional

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Session() as sess:
    ...     print(sess.run(tf.string_join(["a", ["b", "c"]], "-")).tolist())
    [b'a-b', b'a-c']
    """
    made: Tensor = apply(STRING_JOIN, list(inputs), separator=separator, name=name)
    return made
