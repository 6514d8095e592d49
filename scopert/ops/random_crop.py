"""Cropping at random."""

from __future__ import annotations

from typing import Any

from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import int32
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_slice import slice as slice_of
from scopert.ops.assert_op import assert_
from scopert.ops.math_reduction import reduce_all
from scopert.ops.no_op import with_dependencies
from scopert.ops.random_tensors import random_uniform
from scopert.public import public


@public("random_crop", "image.random_crop")
def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """A piece of shape `size` of `value`, at an offset drawn evenly.

    Parameters
    ----------
    value : tensor-like
    size : 1-D int32 tensor-like
        One entry for each axis; an axis that is not to be cropped has its full size there.
    seed : int, optional
        See `get_seed`.

    Raises
    ------
    errors.InvalidArgumentError
        When run, if `size` is larger than `value`.
    """
    with name_scope(name, "random_crop", [value, size]) as scope:
        value = convert_to_tensor(value, name="value")
        size = convert_to_tensor(size, dtype=int32, name="size")
        whole = shape_of(value)
        check = assert_(reduce_all(whole >= size), ["Need value.shape >= size, got ", whole, size], summarize=1000)
        whole = with_dependencies([check], whole)
        limit = whole - size + 1
        offset = random_uniform(shape_of(whole), dtype=size.dtype, maxval=size.dtype.max, seed=seed) % limit
        return slice_of(value, offset, size, name=scope)
