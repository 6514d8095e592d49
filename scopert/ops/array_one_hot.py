"""Indices as vectors that are on in one place."""

from __future__ import annotations

from typing import Any

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_value
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import as_dtype, float32
from scopert.graph.opdef import define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_shape import tensor_array
from scopert.public import public


def _one_hot_rule(op: Operation) -> list[Shape]:
    source, depth, axis = op.inputs[0]._shape, known_value(op.inputs[1]), op.attrs["axis"]
    if axis < -1:
        raise ValueError(f"axis must be >= -1, got {axis}")
    if depth is not None and int(depth) < 0:
        raise ValueError(f"depth must be non-negative, got {int(depth)}")
    if source is None:
        return [None]
    if axis > len(source):
        raise ValueError(f"axis must be at most {len(source)}, got {axis}")
    where = len(source) if axis == -1 else axis
    return [(*source[:where], None if depth is None else int(depth), *source[where:])]


def _one_hot_kernel(xp: Any, indices: Any, depth: Any, on_value: Any, off_value: Any, *, axis: int) -> Any:
    picked = xp.asarray(indices)
    if depth.ndim or int(depth) < 0:
        raise InvalidArgumentError(None, None, f"depth must be a non-negative scalar, got {depth.tolist()}")
    where = picked.ndim if axis == -1 else axis
    row = xp.arange(int(depth)).reshape((-1,) + (1,) * (picked.ndim - where))
    hot = xp.expand_dims(picked, where) == row
    return xp.where(hot, tensor_array(xp, on_value), tensor_array(xp, off_value))


ONE_HOT = define_op(
    "OneHot",
    inputs="indices: TI, depth: int32, on_value: T, off_value: T",
    outputs="output: T",
    attrs="axis: int = -1; T: type; TI: {uint8, int32, int64} = int64",
    shape=_one_hot_rule,
    kernel=_one_hot_kernel,
    differentiable=False,
)


@public("one_hot")
def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: int | None = None,
    dtype: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """For each index a vector with `on_value` in its place and `off_value` elsewhere.

    Parameters
    ----------
    indices : Tensor
        Integers; one that is negative or not less than `depth` gives a vector without `on_value`.
    depth : Tensor
        The length of the vectors.
    on_value, off_value : Tensor, optional
        Scalars; 1 and 0 by default.
    axis : int, optional
        Where the new axis stands; last by default.
    dtype : DType, optional
        The type of the result: that of the values if they are given, else float32.
    name : str, optional
        The operation's name.

    Raises
    ------
    TypeError
        If the types of `on_value`, `off_value` and `dtype` differ.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.one_hot([0, 2], 3, dtype=tf.int32)))
    [[1 0 0]
     [0 0 1]]
    """
    with name_scope(name, "one_hot", [indices, depth, on_value, off_value, axis, dtype]) as scope:
        kind = None if dtype is None else as_dtype(dtype).base
        on_kind = None if on_value is None else to_tensor(on_value).dtype.base
        off_kind = None if off_value is None else to_tensor(off_value).dtype.base
        if on_kind is None and off_kind is None:
            kind = kind or float32
        elif kind is None:
            kind = on_kind or off_kind
        for found, what in ((on_kind, "on_value"), (off_kind, "off_value")):
            if found is not None and dtype is not None and found is not kind:
                raise TypeError(f"dtype {found} of {what} does not match dtype parameter {dtype}")
        if on_value is None:
            on_value, on_kind = to_tensor(1, kind, "on_value"), kind
        if off_value is None:
            off_value, off_kind = to_tensor(0, kind, "off_value"), kind
        if on_kind is not off_kind:
            raise TypeError(f"dtype {on_kind} of on_value does not match dtype {off_kind} of off_value")
        return apply(ONE_HOT, indices, depth, on_value, off_value, axis=axis, name=scope)
