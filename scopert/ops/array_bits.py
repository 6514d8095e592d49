"""The same bytes as another type, and positions as coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.dtypes import DType
from scopert.graph.opdef import VIEW, define_op
from scopert.graph.operation import Operation
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_shape import ints
from scopert.public import public

_TYPES = (
    "{bfloat16, float16, float32, float64, int64, int32, uint8, uint16, uint32, uint64, int8, int16, complex64, "
    "complex128, qint8, quint8, qint16, quint16, qint32}"
)


def _bitcast_shape(source: Shape, old: DType, new: DType) -> Shape:
    if source is None or old.size == new.size:
        return source
    if old.size > new.size:
        return (*source, old.size // new.size)
    ratio = new.size // old.size
    if not source or source[-1] not in (ratio, None):
        raise ValueError(
            f"Cannot bitcast due to shape. {None if not source else source[-1]} does not match {ratio}"
        )
    return source[:-1]


def _bitcast_kernel(xp: Any, x: Any, *, type: DType, op: Any) -> Any:
    array = xp.ascontiguousarray(xp.asarray(x)).reshape(xp.shape(x))
    try:
        target = _bitcast_shape(array.shape, op.input_dtypes[0], type)
    except ValueError as error:
        raise InvalidArgumentError(None, None, str(error)) from None
    return array.reshape(-1).view(type.np).reshape(target)


BITCAST = define_op(
    "Bitcast",
    inputs="input: T",
    outputs="output: type",
    attrs=f"T: {_TYPES}; type: {_TYPES}",
    shape=lambda op: [_bitcast_shape(op.inputs[0]._shape, op.inputs[0].dtype.base, op.attrs["type"])],
    kernel=_bitcast_kernel,
    traits=VIEW,
)


@public("bitcast")
def bitcast(input: Any, type: Any, name: str | None = None) -> Tensor:
    """The bytes of `input` read as elements of another type.

    Parameters
    ----------
    input : Tensor
        Of a numeric type.
    type : DType
        If it is smaller, the result has one more axis; if it is larger, one less.
    name : str, optional
        The operation's name.

    Raises
    ------
    ValueError
        If the last axis does not make whole elements.
    """
    return apply(BITCAST, input, type=type, name=name)


def _unravel_rule(op: Operation) -> list[Shape]:
    indices, dims = op.inputs[0]._shape, op.inputs[1]._shape
    if indices is None or dims is None:
        return [None]
    count = dims[0] if dims else None
    if not indices:
        return [(count,)]
    size: int | None = 1
    for n in indices:
        size = None if n is None or size is None else size * n
    return [(count, size)]


def _unravel_kernel(xp: Any, indices: Any, dims: Any) -> Any:
    target = ints(dims)
    size = int(np.prod(target, dtype=np.int64))
    if bool(((indices < 0) | (indices >= size)).any()):
        raise InvalidArgumentError(None, None, "index is out of bound as with dims")
    return xp.stack(xp.unravel_index(indices, target)).astype(indices.dtype)


UNRAVEL_INDEX = define_op(
    "UnravelIndex",
    inputs="indices: Tidx, dims: Tidx",
    outputs="output: Tidx",
    attrs="Tidx: {int32, int64} = int32",
    shape=_unravel_rule,
    kernel=_unravel_kernel,
    differentiable=False,
)


@public("unravel_index")
def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Tensor:
    """The coordinates, in an array of shape `dims`, of positions in row-major order.

    Raises
    ------
    InvalidArgumentError
        In a run, if a position is beyond the array.
    """
    return apply(UNRAVEL_INDEX, indices, dims, name=name)
