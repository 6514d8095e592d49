"""Diagonals of matrices and of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import brackets, merge
from scopert.graph.shape_rules import at_least_rank, same_as_first
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import zeros, zeros_like
from scopert.ops.array_shape import rank, shape, tensor_array
from scopert.ops.array_slice import slice as slice_of
from scopert.ops.raw import raw
from scopert.public import public

_NUMBERS = "T: {bfloat16, float16, float32, float64, int32, int64, complex64, complex128}"


def _half(source: Shape) -> Shape:
    if source is None:
        return None
    if len(source) % 2 or not source:
        raise ValueError(f"Input must have even and non-zero rank, input rank is {len(source)}")
    middle = len(source) // 2
    return merge(source[:middle], source[middle:])


def _diag_kernel(xp: Any, diagonal: Any) -> Any:
    array = xp.asarray(diagonal)
    return xp.diag(array.reshape(-1)).reshape(array.shape * 2)


def _diag_part_kernel(xp: Any, x: Any) -> Any:
    array = xp.asarray(x)
    half = array.shape[: array.ndim // 2]
    if array.shape != half * 2:
        raise InvalidArgumentError(None, None, f"the two halves of the shape must agree: {list(array.shape)}")
    count = int(np.prod(half, dtype=np.int64))
    return xp.array(xp.diagonal(array.reshape(count, count))).reshape(half)


DIAG = define_op(
    "Diag",
    inputs="diagonal: T",
    outputs="output: T",
    attrs=_NUMBERS,
    shape=lambda op: [(at_least_rank(op.inputs[0]._shape, 1) or ()) * 2 or None],
    kernel=_diag_kernel,
)
DIAG_PART = define_op(
    "DiagPart",
    inputs="input: T",
    outputs="diagonal: T",
    attrs=_NUMBERS,
    shape=lambda op: [_half(op.inputs[0]._shape)],
    kernel=_diag_part_kernel,
)


@gradient("Diag")
def _diag_grad(op: Operation, grad: Any) -> Any:
    return diag_part(grad)


@gradient("DiagPart")
def _diag_part_grad(op: Operation, grad: Any) -> Any:
    return diag(grad)


@public("diag", "linalg.tensor_diag")
def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """A tensor of twice the rank, with `diagonal` where both halves of the index agree and 0 elsewhere."""
    return apply(DIAG, diagonal, name=name)


@public("diag_part", "linalg.tensor_diag_part")
def diag_part(input: Any, name: str | None = None) -> Tensor:
    """The elements of a tensor where both halves of the index agree: the inverse of `diag`."""
    return apply(DIAG_PART, input, name=name)


# Batches of matrices


def _min(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else min(a, b)


def _matrix_diag_rule(op: Operation) -> list[Shape]:
    source = at_least_rank(op.inputs[0]._shape, 1)
    return [None if source is None else (*source, source[-1])]


def _matrix_diag_part_rule(op: Operation) -> list[Shape]:
    source = at_least_rank(op.inputs[0]._shape, 2)
    return [None if source is None else (*source[:-2], _min(source[-2], source[-1]))]


def _matrix_set_diag_rule(op: Operation) -> list[Shape]:
    source = at_least_rank(op.inputs[0]._shape, 2)
    diagonal = at_least_rank(op.inputs[1]._shape, 1)
    if source is None:
        return [None if diagonal is None else (None,) * (len(diagonal) + 1)]
    merge(diagonal, (*source[:-2], _min(source[-2], source[-1])))
    return [source]


def _at_least(array: Any, rank: int, what: str) -> None:
    if array.ndim < rank:
        raise InvalidArgumentError(
            None, None, f"{what} must be at least {rank}-dim, received shape: {brackets(array.shape)}"
        )


def _matrix_diag_kernel(xp: Any, diagonal: Any) -> Any:
    array = tensor_array(xp, diagonal)
    _at_least(array, 1, "diagonal")
    n = array.shape[-1]
    result = xp.zeros((*array.shape, n), array.dtype)
    result[..., xp.arange(n), xp.arange(n)] = array
    return result


def _matrix_diag_part_kernel(xp: Any, x: Any) -> Any:
    _at_least(x, 2, "input")
    return xp.array(xp.diagonal(x, axis1=-2, axis2=-1))


def _matrix_set_diag_kernel(xp: Any, x: Any, diagonal: Any) -> Any:
    _at_least(x, 2, "input")
    _at_least(diagonal, 1, "diagonal")
    result = xp.array(x)
    n = min(result.shape[-2:])
    if diagonal.shape != (*result.shape[:-2], n):
        raise InvalidArgumentError(
            None,
            None,
            f"Either first dimensions of diagonal don't match input.shape[:-2], or diagonal.shape[:-1] is not equal to "
            f"the longests diagonal in range [lower_diag_index:upper_diag_index].\nInput shape: "
            f"{brackets(result.shape)}\nDiagonal shape: {brackets(diagonal.shape)}\nExpected diagonal shape: "
            f"{brackets((*result.shape[:-2], n))}",
        )
    result[..., xp.arange(n), xp.arange(n)] = diagonal
    return result


MATRIX_DIAG = define_op(
    "MatrixDiag",
    inputs="diagonal: T",
    outputs="output: T",
    attrs="T: type",
    shape=_matrix_diag_rule,
    kernel=_matrix_diag_kernel,
)
MATRIX_DIAG_PART = define_op(
    "MatrixDiagPart",
    inputs="input: T",
    outputs="diagonal: T",
    attrs="T: type",
    shape=_matrix_diag_part_rule,
    kernel=_matrix_diag_part_kernel,
)
MATRIX_SET_DIAG = define_op(
    "MatrixSetDiag",
    inputs="input: T, diagonal: T",
    outputs="output: T",
    attrs="T: type",
    shape=_matrix_set_diag_rule,
    kernel=_matrix_set_diag_kernel,
)


@gradient("MatrixDiag")
def _matrix_diag_grad(op: Operation, grad: Any) -> Any:
    return matrix_diag_part(grad)


@gradient("MatrixDiagPart")
def _matrix_diag_part_grad(op: Operation, grad: Any) -> Any:
    source = op.inputs[0]._shape
    if source is not None and source[-1] is not None and source[-2] == source[-1]:
        return matrix_diag(grad)
    return matrix_set_diag(zeros_like(op.inputs[0]), grad)


@gradient("MatrixSetDiag")
def _matrix_set_diag_grad(op: Operation, grad: Any) -> Any:
    source = merge(op.inputs[0]._shape, grad._shape)
    diagonal = op.inputs[1]._shape
    batch = None if source is None else merge(source[:-2], None if diagonal is None else diagonal[:-1])
    target: Any
    if source is not None and batch is not None and None not in batch and None not in source[-2:]:
        target = [*batch, _min(source[-2], source[-1])]
    else:
        from scopert.ops.math_reduction import reduce_min

        with op.graph.colocate_with(grad):
            grad_shape, grad_rank = shape(grad), rank(grad)
            head = slice_of(grad_shape, [0], [grad_rank - 2])
            tail = slice_of(grad_shape, [grad_rank - 2], [2])
            target = concat([head, [reduce_min(tail)]], 0)
    input_grad = matrix_set_diag(grad, zeros(target, dtype=grad.dtype))
    return input_grad, matrix_diag_part(grad)


def _is_main(k: Any) -> bool:
    return isinstance(k, int) and k == 0


def _all_default(k: Any, num_rows: Any = -1, num_cols: Any = -1, padding_value: Any = 0) -> bool:
    return _is_main(k) and all(
        isinstance(value, int | float) and value == default
        for value, default in ((num_rows, -1), (num_cols, -1), (padding_value, 0))
    )


@public("linalg.diag", "matrix_diag")
def matrix_diag(
    diagonal: Any, name: str | None = "diag", k: Any = 0, num_rows: Any = -1, num_cols: Any = -1,
    padding_value: Any = 0,
) -> Tensor:  # fmt: skip
    """Matrices with the last axis of `diagonal` on their diagonal and 0 elsewhere.

    Parameters
    ----------
    diagonal : Tensor
        The diagonals of a batch of matrices.
    name : str, optional
        The operation's name.
    k : int or Tensor, optional
        Which diagonal, above (positive) or below the main one; two integers are the lowest and the highest
        of a band, whose diagonals are the last axis but one of `diagonal`, the highest first.
    num_rows, num_cols : int, optional
        The shape of the matrices; the smallest that is possible by default.
    padding_value : scalar, optional
        What is elsewhere.
    """
    if _all_default(k, num_rows, num_cols, padding_value):
        return apply(MATRIX_DIAG, diagonal, name=name)
    return raw("MatrixDiagV2", diagonal, k, num_rows, num_cols, padding_value, name=name)


@public("linalg.diag_part", "matrix_diag_part")
def matrix_diag_part(input: Any, name: str | None = "diag_part", k: Any = 0, padding_value: Any = 0) -> Tensor:
    """The diagonals of a batch of matrices.

    Parameters
    ----------
    input : Tensor
        At least two axes.
    name : str, optional
        The operation's name.
    k : int or Tensor, optional
        Which diagonal, or the lowest and the highest of a band; see `matrix_diag`.
    padding_value : scalar, optional
        What fills up the shorter diagonals of a band.
    """
    if _all_default(k, padding_value=padding_value):
        return apply(MATRIX_DIAG_PART, input, name=name)
    return raw("MatrixDiagPartV2", input, k, padding_value, name=name)


@public("linalg.set_diag", "matrix_set_diag")
def matrix_set_diag(input: Any, diagonal: Any, name: str | None = "set_diag", k: Any = 0) -> Tensor:
    """A batch of matrices with other diagonals; `k` as in `matrix_diag`."""
    if _is_main(k):
        return apply(MATRIX_SET_DIAG, input, diagonal, name=name)
    return raw("MatrixSetDiagV2", input, diagonal, k, name=name)


def _band_kernel(xp: Any, x: Any, num_lower: Any, num_upper: Any) -> Any:
    rows, columns = x.shape[-2:]
    lower, upper = int(num_lower), int(num_upper)
    for value, limit, what in ((lower, rows, "num_lower"), (upper, columns, "num_upper")):
        if value > limit:
            raise InvalidArgumentError(
                None, None, f"{what} must be negative or less or equal to number of rows ({limit}) got: {value}"
            )
    offset = xp.arange(columns)[None, :] - xp.arange(rows)[:, None]
    inside = ((lower < 0) | (-offset <= lower)) & ((upper < 0) | (offset <= upper))
    return xp.where(inside, x, x.dtype.type(0))


MATRIX_BAND_PART = define_op(
    "MatrixBandPart",
    inputs="input: T, num_lower: Tindex, num_upper: Tindex",
    outputs="band: T",
    attrs="T: type; Tindex: {int32, int64} = int64",
    shape=same_as_first,
    kernel=_band_kernel,
)


@gradient("MatrixBandPart")
def _band_grad(op: Operation, grad: Any) -> Any:
    return matrix_band_part(grad, op.inputs[1], op.inputs[2]), None, None


@public("linalg.band_part", "matrix_band_part")
def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """A batch of matrices with 0 outside a band around the diagonal.

    Parameters
    ----------
    input : Tensor
        At least two axes.
    num_lower, num_upper : Tensor
        How many diagonals are kept below and above the main one; all if negative.
    name : str, optional
        The operation's name.

    Examples
    --------
    >>> import scopert as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.band_part(tf.ones([2, 3]), -1, 0)))
    [[1. 0. 0.]
     [1. 1. 0.]]
    """
    return apply(MATRIX_BAND_PART, input, num_lower, num_upper, name=name)


