"""Transpose and its relatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.constant_value import known_value
from scopert.graph.convert import to_tensor
from scopert.graph.opdef import VIEW, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import text
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_shape import ints, rank, set_known_shape, tensor_array
from scopert.ops.raw import raw
from scopert.public import public


def _transpose_rule(op: Operation) -> list[Shape]:
    source, perm_shape = op.inputs[0]._shape, op.inputs[1]._shape
    perm = known_value(op.inputs[1])
    if perm is None:
        length = None if source is None else len(source)
        if length is None and perm_shape is not None and len(perm_shape) == 1:
            length = perm_shape[0]
        return [None if length is None else (None,) * length]
    if source is None:
        # Like TensorFlow, which takes a vector of one entry for a scalar's permutation too.
        return [(None,) * perm.size if perm.size > 1 else None]
    if perm.size != len(source):
        raise ValueError(f"Dimension must be {len(source)} but is {perm.size}")
    axes = perm.reshape(-1).tolist()
    for axis in axes:
        if not -len(source) <= axis < len(source):
            raise ValueError(f"perm dim {axis} is out of range of input rank {len(source)}")
    return [tuple(source[axis] for axis in axes)]


def _permutation(perm: Any, rank: int) -> tuple[int, ...]:
    axes = tuple(axis + rank if axis < 0 else axis for axis in ints(perm)) if rank or len(perm) else ()
    if len(axes) != rank:
        message = f"transpose expects a vector of size {rank}. But input(1) is {list(axes)}"
        raise InvalidArgumentError(None, None, message)
    for axis in range(rank):
        if axis not in axes:
            raise InvalidArgumentError(None, None, f"{axis} is missing from {{{','.join(str(a) for a in axes)}}}.")
    return axes


def _transpose_kernel(xp: Any, x: Any, perm: Any) -> Any:
    array = tensor_array(xp, x)
    return array.transpose(_permutation(perm, array.ndim))


TRANSPOSE = define_op(
    "Transpose",
    inputs="x: T, perm: Tperm",
    outputs="y: T",
    attrs="T: type; Tperm: {int32, int64} = int32",
    shape=_transpose_rule,
    kernel=_transpose_kernel,
    traits=VIEW,
)

CONJUGATE_TRANSPOSE = define_op(
    "ConjugateTranspose",
    inputs="x: T, perm: Tperm",
    outputs="y: T",
    attrs="T: type; Tperm: {int32, int64} = int32",
    shape=_transpose_rule,
    kernel=lambda xp, x, perm: xp.conj(_transpose_kernel(xp, x, perm)),
)


@gradient("Transpose")
def _transpose_grad(op: Operation, grad: Any) -> Any:
    return [transpose(grad, invert_permutation(op.inputs[1])), None]


@gradient("ConjugateTranspose")
def _conjugate_transpose_grad(op: Operation, grad: Any) -> Any:
    return [transpose(grad, invert_permutation(op.inputs[1]), conjugate=True), None]


@public("transpose")
def transpose(a: Any, perm: Any = None, name: str | None = "transpose", conjugate: bool = False) -> Tensor:
    """`a` with its axes in another order.

    Parameters
    ----------
    a : Tensor
        Any type and shape.
    perm : Tensor, optional
        For each axis of the result, which axis of `a` it is; by default the axes in reverse.
    name : str, optional
        The operation's name.
    conjugate : bool, optional
        Whether complex elements are conjugated as well.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default():
    ...     tf.transpose(tf.zeros([2, 3, 4]), [0, 2, 1]).shape.as_list()
    [2, 4, 3]
    """
    with name_scope(name, "transpose", [a]) as scope:
        chosen = CONJUGATE_TRANSPOSE if conjugate and a.dtype.is_complex else TRANSPOSE
        if perm is not None:
            return apply(chosen, a, perm, name=scope)
        tensor = to_tensor(a, None, "a")
        if tensor._shape:
            count = len(tensor._shape)
            return apply(chosen, tensor, count - 1 - np.arange(count), name=scope)
        found = raw("Rank", tensor)
        reverse = found - 1 - raw("Range", 0, found, 1)
        result: Tensor = apply(chosen, tensor, reverse, name=scope)
        if tensor._shape is not None:
            set_known_shape(result, tensor._shape[::-1])
        return result


@public("linalg.matrix_transpose", "linalg.transpose", "matrix_transpose")
def matrix_transpose(a: Any, name: str | None = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """`a` with its last two axes exchanged: the transpose of each matrix of a batch.

    Raises
    ------
    ValueError
        If `a` is known to have fewer than two axes.
    """
    with name_scope(name, None, [a]):
        tensor = to_tensor(a, None, "a")
        if tensor._shape is not None:
            count = len(tensor._shape)
            if count < 2:
                raise ValueError(
                    "Argument 'a' should be a (batch) matrix, with rank >= 2.  Found: " + text(tensor._shape)
                )
            perm: Any = [*range(count - 2), count - 1, count - 2]
        else:
            from scopert.ops.array_concat import concat  # it needs this module for gradients

            found = rank(tensor)
            perm = concat((raw("Range", 0, found - 2, 1), [found - 1, found - 2]), 0)
        return transpose(tensor, perm=perm, conjugate=conjugate)


def _invert_kernel(xp: Any, x: Any) -> Any:
    count = len(x)
    counts = xp.zeros(count, xp.int64)
    if count and not (bool((x >= 0).all()) and bool((x < count).all())):
        raise InvalidArgumentError(None, None, f"{x.tolist()} is not between 0 and {count}")
    xp.add.at(counts, x, 1)
    if count and bool((counts != 1).any()):
        raise InvalidArgumentError(None, None, f"an index is duplicated in the input: {x.tolist()}")
    result = xp.empty_like(x)
    result[x] = xp.arange(count, dtype=x.dtype)
    return result


def _vector_rule(op: Operation) -> list[Shape]:
    source = op.inputs[0]._shape
    if source is not None and len(source) != 1:
        raise ValueError(f"Shape must be rank 1 but is rank {len(source)}")
    return [source or (None,)]


INVERT_PERMUTATION = define_op(
    "InvertPermutation",
    inputs="x: T",
    outputs="y: T",
    attrs="T: {int32, int64} = int32",
    shape=_vector_rule,
    kernel=_invert_kernel,
    differentiable=False,
)


@public("invert_permutation", "math.invert_permutation")
def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """The inverse of a permutation: ``y[x[i]] == i``.

    Raises
    ------
    InvalidArgumentError
        In a run, if `x` does not contain each of 0, 1, ... exactly once.
    """
    return apply(INVERT_PERMUTATION, x, name=name)
