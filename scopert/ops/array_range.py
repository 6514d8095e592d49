"""Sequences of numbers: range and linspace."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_value
from scopert.graph.convert import to_tensor
from scopert.graph.dtypes import as_dtype, float32, float64, int32, int64
from scopert.graph.opdef import define_op
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.raw import raw
from scopert.public import public

_WIDENING = (int32, int64, float32, float64)


def _number(value: Any) -> Any:
    """A scalar as a Python integer, or in its own floating-point type, whose rounding matters."""
    return value.item() if value.dtype.kind == "i" else value.dtype.type(value.item())


def _count(start: Any, limit: Any, delta: Any) -> int:
    if delta == 0:
        raise ValueError(f"Requires delta != 0: {delta}")
    if (delta > 0 and start > limit) or (delta < 0 and start < limit):
        sign = "<=" if delta > 0 else ">="
        raise ValueError(f"Requires start {sign} limit when delta {'>' if delta > 0 else '<'} 0: {start}/{limit}")
    if isinstance(start, int):
        return -((start - limit) // delta) if delta > 0 else -((limit - start) // -delta)
    return math.ceil(abs((limit - start) / delta))


def _range_rule(op: Operation) -> list[Shape]:
    for tensor in op.inputs:
        if tensor._shape not in (None, ()):
            raise ValueError(f"Shape must be rank 0 but is rank {len(tensor._shape or ())}")
    values = [known_value(tensor) for tensor in op.inputs]
    if any(value is None for value in values):
        return [(None,)]
    return [(_count(*(_number(value) for value in values)),)]


def _range_kernel(xp: Any, start: Any, limit: Any, delta: Any) -> Any:
    try:
        count = _count(_number(start), _number(limit), _number(delta))
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None
    # TensorFlow adds the step again and again; in floating point that is not the same as multiplying.
    if start.dtype.kind != "i":
        steps = np.full(count, delta.item(), start.dtype)
        if count:
            steps[0] = start.item()
        return xp.asarray(np.add.accumulate(steps, dtype=start.dtype))
    return start.item() + xp.arange(count, dtype=start.dtype) * delta.item()


RANGE = define_op(
    "Range",
    inputs="start: Tidx, limit: Tidx, delta: Tidx",
    outputs="output: Tidx",
    attrs="Tidx: {bfloat16, float32, float64, int32, int64} = int32",
    shape=_range_rule,
    kernel=_range_kernel,
    differentiable=False,
)


@public("range")
def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range") -> Tensor:
    """Numbers from `start` up to, without, `limit` in steps of `delta`.

    Parameters
    ----------
    start : Tensor
        A scalar; if it is the only argument, it is the limit, and the start is 0.
    limit : Tensor, optional
        A scalar.
    delta : Tensor, optional
        A scalar, not 0.
    dtype : DType, optional
        The type of the result; by default the widest of the arguments' types.
    name : str, optional
        The operation's name.

    Raises
    ------
    ValueError
        If the step is known to be 0 or to lead away from the limit.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.range(3, 18, 3)))
    [ 3  6  9 12 15]
    """
    if limit is None:
        start, limit = 0, start
    with name_scope(name, "Range", [start, limit, delta]) as scope:
        kind = None if dtype is None else as_dtype(dtype)
        first = to_tensor(start, kind, "start")
        last = to_tensor(limit, kind, "limit")
        step = to_tensor(delta, kind, "delta")
        if kind is None:
            found = [first.dtype.base, last.dtype.base, step.dtype.base]
            if not all(one in _WIDENING for one in found):
                raise TypeError(f"range needs int32, int64, float32 or float64, got {found}")
            kind = max(found, key=_WIDENING.index)
            first, last, step = (
                tensor if tensor.dtype.base is kind else raw("Cast", tensor, DstT=kind)
                for tensor in (first, last, step)
            )
        return apply(RANGE, first, last, step, name=scope)


def _linspace_rule(op: Operation) -> list[Shape]:
    for tensor in op.inputs:
        if tensor._shape not in (None, ()):
            raise ValueError(f"Shape must be rank 0 but is rank {len(tensor._shape or ())}")
    count = known_value(op.inputs[2])
    if count is None:
        return [(None,)]
    if int(count) <= 0:
        raise ValueError(f"Requires num > 0: {int(count)}")
    return [(int(count),)]


def _linspace_kernel(xp: Any, start: Any, stop: Any, num: Any) -> Any:
    count = int(num)
    if count <= 0:
        raise InvalidArgumentError(None, None, f"Requires num > 0: {count}")
    if count == 1:
        return xp.full(1, start, start.dtype)
    step = (stop - start) / start.dtype.type(count - 1)
    result = start + step * xp.arange(count).astype(start.dtype)
    result[-1] = stop
    return result


LINSPACE = define_op(
    "LinSpace",
    inputs="start: T, stop: T, num: Tidx",
    outputs="output: T",
    attrs="T: {bfloat16, float32, float64}; Tidx: {int32, int64} = int32",
    shape=_linspace_rule,
    kernel=_linspace_kernel,
    differentiable=False,
)


@public("linspace", "lin_space")
def linspace(start: Any, stop: Any, num: Any, name: str | None = None) -> Tensor:
    """`num` numbers at equal distances, from `start` to `stop`.

    Parameters
    ----------
    start, stop : Tensor
        Scalars of a floating-point type.
    num : Tensor
        How many numbers: an integer greater than 0.
    name : str, optional
        The operation's name.
    """
    return apply(LINSPACE, start, stop, num, name=name)
