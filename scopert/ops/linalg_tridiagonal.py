"""Tridiagonal matrices: products and solutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph.build import apply
from scopert.graph.opdef import define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.shape import is_compatible, is_known
from scopert.graph.shape_rules import at_least_rank, same_as
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_diag import matrix_diag_part
from scopert.ops.array_fill import zeros
from scopert.ops.array_pad import pad
from scopert.ops.array_reshape import expand_dims, squeeze
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_stack import stack
from scopert.ops.array_transpose import matrix_transpose, transpose
from scopert.ops.math_complex import conj
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.raw import raw
from scopert.public import public

Array = Any

_TYPES = "{float64, float32, complex64, complex128}"


def _multiply(xp: Any, superdiag: Array, maindiag: Array, subdiag: Array, rhs: Array) -> Array:
    above, main, below = (xp.swapaxes(d, -1, -2) for d in (superdiag, maindiag, subdiag))
    made = main * rhs
    made[..., :-1, :] += above[..., :-1, :] * rhs[..., 1:, :]
    made[..., 1:, :] += below[..., 1:, :] * rhs[..., :-1, :]
    return made


def _solve(xp: Any, diagonals: Array, rhs: Array, *, partial_pivoting: bool) -> Array:
    """Gaussian elimination, a row of all systems at a time; pivoting exchanges neighbours."""
    if diagonals.ndim != rhs.ndim or diagonals.shape[-2] != 3 or diagonals.shape[-1] != rhs.shape[-2]:
        raise InvalidArgumentError(
            None, None, f"Expected 3 diagonals of the length of rhs, got {diagonals.shape} and {rhs.shape}"
        )
    n = rhs.shape[-2]
    # Each row holds its entries at the columns i, i + 1, i + 2 once the left ones are gone.
    upper = xp.zeros((*diagonals.shape[:-2], n, 3), diagonals.dtype)
    made = rhs.copy()
    row = xp.stack([diagonals[..., 1, 0], diagonals[..., 0, 0], xp.zeros_like(diagonals[..., 0, 0])], axis=-1)
    if n == 1:
        row[..., 1] = 0
    right = made[..., 0, :]
    for i in range(n - 1):
        last = diagonals[..., 0, i + 1] if i + 1 < n - 1 else xp.zeros_like(row[..., 0])
        below = xp.stack([diagonals[..., 2, i + 1], diagonals[..., 1, i + 1], last], axis=-1)
        below_right = made[..., i + 1, :]
        if partial_pivoting:
            swap = (xp.abs(below[..., 0]) > xp.abs(row[..., 0]))[..., None]
            row, below = xp.where(swap, below, row), xp.where(swap, row, below)
            right, below_right = xp.where(swap, below_right, right), xp.where(swap, right, below_right)
        if bool(xp.any(row[..., 0] == 0)):
            raise InvalidArgumentError(None, None, "The first element of diagonal is zero or a pivot vanishes.")
        factor = (below[..., 0] / row[..., 0])[..., None]
        upper[..., i, :], made[..., i, :] = row, right
        rest = below - factor * row
        row = xp.concatenate([rest[..., 1:], xp.zeros_like(rest[..., :1])], axis=-1)
        right = below_right - factor * right
    if n:
        if bool(xp.any(row[..., 0] == 0)):
            raise InvalidArgumentError(None, None, "The last element of diagonal is zero.")
        upper[..., n - 1, :], made[..., n - 1, :] = row, right
    for i in range(n - 1, -1, -1):
        value = made[..., i, :]
        for step in (1, 2):
            if i + step < n:
                value = value - upper[..., i, step, None] * made[..., i + step, :]
        made[..., i, :] = value / upper[..., i, 0, None]
    return made


TRIDIAGONAL_MATMUL = define_op(
    "TridiagonalMatMul", inputs="superdiag: T, maindiag: T, subdiag: T, rhs: T", outputs="output: T",
    attrs=f"T: {_TYPES}", shape=same_as(3), kernel=_multiply,
)  # fmt: skip
TRIDIAGONAL_SOLVE = define_op(
    "TridiagonalSolve", inputs="diagonals: T, rhs: T", outputs="output: T",
    attrs=f"partial_pivoting: bool = true; T: {_TYPES}", shape=same_as(1), kernel=_solve,
)  # fmt: skip


def _size(tensor: Tensor, axis: int) -> int | None:
    shape = tensor._shape
    return None if shape is None or len(shape) < -axis else shape[axis]


def _gather_nd(params: Tensor, indices: Any) -> Tensor:
    made: Tensor = raw("GatherNd", params, indices)
    return made


@public("linalg.tridiagonal_solve")
def tridiagonal_solve(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", transpose_rhs: bool = False,
    conjugate_rhs: bool = False, name: str | None = None, partial_pivoting: bool = True,
) -> Tensor:  # fmt: skip
    """The solutions of systems with tridiagonal matrices.

    Parameters
    ----------
    diagonals : Tensor or three of them
        "compact": ``[..., 3, n]``, the superdiagonal (its last element is not read), the diagonal and the
        subdiagonal (its first is not read). "sequence": the three; "matrix": ``[..., n, n]``.
    rhs : Tensor
        ``[..., n]`` or ``[..., n, k]``.
    diagonals_format : {"compact", "sequence", "matrix"}
    transpose_rhs, conjugate_rhs : bool
    name : str, optional
    partial_pivoting : bool
        Exchange rows where that is more exact.

    Raises
    ------
    ValueError
        If shapes do not fit, or the format is another.
    InvalidArgumentError
        In the run, if a pivot is zero.
    """
    if diagonals_format == "compact":
        return _solve_compact(diagonals, rhs, transpose_rhs, conjugate_rhs, partial_pivoting, name)
    if diagonals_format == "sequence":
        if not isinstance(diagonals, (tuple, list)) or len(diagonals) != 3:
            raise ValueError("Expected diagonals to be a sequence of length 3.")
        above, main, below = diagonals
        m = _size(main, -1)

        def padded(part: Tensor, what: str, widths: list[int]) -> Tensor:
            n = _size(part, -1)
            if not n or n == m or m is None:
                return part
            if n != m - 1:
                raise ValueError(f"Expected {what} to be have length {m} or {m - 1}, got {n}.")
            return pad(part, [[0, 0] for _ in range(len(part._shape or ()) - 1)] + [widths])

        below = padded(below, "subdiagonal", [1, 0])
        above = padded(above, "superdiagonal", [0, 1])
        packed = stack((above, main, below), axis=-2)
        return _solve_compact(packed, rhs, transpose_rhs, conjugate_rhs, partial_pivoting, name)
    if diagonals_format == "matrix":
        m1, m2 = _size(diagonals, -1), _size(diagonals, -2)
        if m1 and m2 and m1 != m2:
            raise ValueError(f"Expected last two dimensions of diagonals to be same, got {m1} and {m2}")
        size = m1 or m2
        if not size:
            raise ValueError('The size of the matrix needs to be known for diagonals_format="matrix"')
        last = size - 1
        places = [
            [[min(i + 1, last), i] if i < last else [0, 0], [i, i], [i - 1, i] if i else [0, 0]] for i in range(size)
        ]
        packed = transpose(_gather_nd(transpose(diagonals), places))
        return _solve_compact(packed, rhs, transpose_rhs, conjugate_rhs, partial_pivoting, name)
    raise ValueError(f"Unrecognized diagonals_format: {diagonals_format}")


def _solve_compact(
    diagonals: Tensor, rhs: Tensor, transpose_rhs: bool, conjugate_rhs: bool, pivoting: bool, name: str | None
) -> Tensor:
    if diagonals._shape is None or rhs._shape is None:
        raise ValueError("the ranks of diagonals and rhs must be known")
    rank, rhs_rank = len(diagonals._shape), len(rhs._shape)
    if rank < 2:
        raise ValueError(f"Expected diagonals to have rank at least 2, got {rank}")
    if rhs_rank not in (rank, rank - 1):
        raise ValueError(f"Expected the rank of rhs to be {rank - 1} or {rank}, got {rhs_rank}")
    if diagonals._shape[-2] and diagonals._shape[-2] != 3:
        raise ValueError(f"Expected 3 diagonals got {diagonals._shape[-2]}")
    if not is_compatible(diagonals._shape[:-2], rhs._shape[: rank - 2]):
        raise ValueError(f"Batch shapes {diagonals._shape[:-2]} and {rhs._shape[: rank - 2]} are incompatible")

    def solve(right: Tensor) -> Tensor:
        left_size, right_size = _size(diagonals, -1), _size(right, -2)
        if left_size and right_size and left_size != right_size:
            raise ValueError(
                "Expected number of left-hand sided and right-hand sides to be equal, "
                f"got {left_size} and {right_size}"
            )
        return apply(TRIDIAGONAL_SOLVE, diagonals, right, partial_pivoting=pivoting, name=name)

    if rhs_rank == rank - 1:
        if conjugate_rhs:
            rhs = conj(rhs)
        return squeeze(solve(expand_dims(rhs, -1)), -1)
    if transpose_rhs:
        rhs = matrix_transpose(rhs, conjugate=conjugate_rhs)
    elif conjugate_rhs:
        rhs = conj(rhs)
    result = solve(rhs)
    return matrix_transpose(result) if transpose_rhs else result


@public("linalg.tridiagonal_matmul")
def tridiagonal_matmul(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", name: str | None = None
) -> Tensor:
    """The products of tridiagonal matrices and `rhs` ``[..., n, k]``; formats as `tridiagonal_solve`."""
    if diagonals_format == "compact":
        above, main, below = (diagonals[..., i, :] for i in range(3))
    elif diagonals_format == "sequence":
        above, main, below = diagonals
    elif diagonals_format == "matrix":
        m1, m2 = _size(diagonals, -1), _size(diagonals, -2)
        if not m1 or not m2:
            raise ValueError('The size of the matrix needs to be known for diagonals_format="matrix"')
        if m1 != m2:
            raise ValueError(f"Expected last two dimensions of diagonals to be same, got {m1} and {m2}")
        main = matrix_diag_part(diagonals)
        turned = transpose(diagonals)
        above = transpose(_gather_nd(turned, [[i + 1, i] for i in range(m1 - 1)] + [[0, 0]]))
        below = transpose(_gather_nd(turned, [[0, 0]] + [[i - 1, i] for i in range(1, m1)]))
    else:
        raise ValueError(f"Unrecognized diagonals_format: {diagonals_format}")
    above, main, below = (expand_dims(part, -2) for part in (above, main, below))
    return apply(TRIDIAGONAL_MATMUL, above, main, below, rhs, name=name)


def _shifted(x: Tensor, forward: bool) -> Tensor:
    """Rows moved up (or down if not `forward`) by one, zeros in the gap."""
    none = zeros((rank_of(x) - 2, 2), dtype="int32")
    widths = concat([none, [[0, 1], [0, 0]] if forward else [[1, 0], [0, 0]]], axis=0)
    return pad(x[..., 1:, :] if forward else x[..., :-1, :], widths)


@gradient("TridiagonalMatMul")
def _matmul_grad(op: Operation, grad: Tensor) -> Any:
    above, main, below = (matrix_transpose(part, conjugate=True) for part in op.inputs[:3])
    rhs = conj(op.inputs[3])
    of_above = reduce_sum(_shifted(rhs, True) * grad, axis=-1)
    of_main = reduce_sum(rhs * grad, axis=-1)
    of_below = reduce_sum(_shifted(rhs, False) * grad, axis=-1)
    of_rhs = _shifted(above * grad, False) + main * grad + _shifted(below * grad, True)
    return expand_dims(of_above, -2), expand_dims(of_main, -2), expand_dims(of_below, -2), of_rhs


def _transposed(diagonals: Tensor) -> Tensor:
    main = diagonals[..., 1, :]
    shape = diagonals._shape
    if shape is not None and is_known(shape):
        none = zeros([*(n or 0 for n in shape[:-2]), 1], dtype=diagonals.dtype)
        above = concat((diagonals[..., 2, 1:], none), axis=-1)
        below = concat((none, diagonals[..., 0, :-1]), axis=-1)
    else:
        none = zeros((rank_of(diagonals) - 2, 2), dtype="int32")
        above = pad(diagonals[..., 2, 1:], concat((none, np.array([[0, 1]], np.int32)), axis=0))
        below = pad(diagonals[..., 0, :-1], concat((none, np.array([[1, 0]], np.int32)), axis=0))
    return stack([above, main, below], axis=-2)


@gradient("TridiagonalSolve")
def _solve_grad(op: Operation, grad: Tensor) -> Any:
    at_least_rank(op.inputs[0]._shape, 2)
    x = op.outputs[0]
    of_rhs = apply(
        TRIDIAGONAL_SOLVE, _transposed(op.inputs[0]), grad, partial_pivoting=op.get_attr("partial_pivoting")
    )
    main = reduce_sum(of_rhs * x, axis=-1)
    above = reduce_sum(of_rhs * _shifted(x, True), axis=-1)
    below = reduce_sum(of_rhs * _shifted(x, False), axis=-1)
    return -stack([above, main, below], axis=-2), of_rhs
