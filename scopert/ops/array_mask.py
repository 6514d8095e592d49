"""Masks: picking by booleans and masks made of lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.graph.constant import constant
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import as_dtype, bool_, int32
from scopert.graph.scopes import name_scope
from scopert.graph.shape import num_elements
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_gather import gather
from scopert.ops.array_reshape import expand_dims, reshape, squeeze
from scopert.ops.array_shape import rank, set_known_shape, shape
from scopert.ops.array_where import where
from scopert.ops.raw import raw
from scopert.public import public


@public("boolean_mask")
def boolean_mask(tensor: Any, mask: Any, name: str | None = "boolean_mask", axis: int | None = None) -> Tensor:
    """The slices of a tensor for which a mask is true.

    Parameters
    ----------
    tensor : Tensor
        What to pick from.
    mask : Tensor
        Booleans of known rank, at least 1, in the shape of the axes of `tensor` from `axis` on.
    name : str, optional
        The name of the scope around the operations.
    axis : int, optional
        The first axis that is masked; 0 by default.

    Returns
    -------
    Tensor
        The masked axes have become one, as long as the mask has true elements.

    Raises
    ------
    ValueError
        If the mask is a scalar, its rank unknown, or its shape does not fit.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.boolean_mask([[1, 2], [3, 4], [5, 6]], [True, False, True])))
    [[1 2]
     [5 6]]
    """
    with name_scope(name, None, [tensor, mask]):
        source = to_tensor(tensor, None, "tensor")
        chosen = to_tensor(mask, None, "mask")
        if chosen._shape == ():
            raise ValueError("mask cannot be scalar.")
        if chosen._shape is None:
            raise ValueError(
                "Number of mask dimensions must be specified, even if some dimensions are None.  E.g. shape=[None] "
                "is ok, but shape=None is not."
            )
        first = 0 if axis is None else axis
        last = first + len(chosen._shape)
        source.shape[first:last].assert_is_compatible_with(chosen.shape)
        count = raw("Prod", shape(source)[first:last], [0])
        target = concat([shape(source)[:first], [count], shape(source)[last:]], 0)
        flat = reshape(source, target)
        known = source._shape
        if known is not None:
            set_known_shape(flat, (*known[:first], num_elements(known[first:last]), *known[last:]))
        indices = squeeze(where(reshape(chosen, [-1])), axis=[1])
        return gather(flat, indices, axis=first)


def all_dimensions(x: Any) -> Tensor:
    """All axes of a tensor, as a vector: a constant if the rank is known."""
    if isinstance(x, Tensor) and x._shape is not None:
        return constant(np.arange(len(x._shape)), dtype=int32)
    return raw("Range", 0, rank(x), 1)


@public("sequence_mask")
def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = bool_, name: str | None = None) -> Tensor:
    """For each length so many True, then False.

    Parameters
    ----------
    lengths : Tensor
        Integers of any shape.
    maxlen : Tensor, optional
        The size of the last axis of the result; by default the largest length.
    dtype : DType, optional
        The type of the result; True becomes 1.
    name : str, optional
        The name of the scope around the operations.

    Raises
    ------
    ValueError
        If `maxlen` is not a scalar.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.sequence_mask([1, 3], 3, tf.int32)))
    [[1 0 0]
     [1 1 1]]
    """
    with name_scope(name, "SequenceMask", [lengths, maxlen]):
        counts = to_tensor(lengths)
        if maxlen is None:
            longest = raw("Max", counts, all_dimensions(counts))
            longest = raw("Maximum", constant(0, longest.dtype), longest)
        else:
            longest = to_tensor(maxlen)
        if longest._shape not in (None, ()):
            raise ValueError("maxlen must be scalar for sequence_mask")
        kind = longest.dtype.base
        row = raw("Range", constant(0, kind), longest, constant(1, kind))
        column = raw("Cast", expand_dims(counts, -1), DstT=kind)
        result: Tensor = row < column
        if dtype is None or as_dtype(dtype).base is bool_:
            return result
        return raw("Cast", result, DstT=as_dtype(dtype))
