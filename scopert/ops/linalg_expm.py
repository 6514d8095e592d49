"""The matrix exponential, composed of products and one solution: scaling, Padé approximants, squaring.

N. Higham, "The scaling and squaring method for the matrix exponential revisited" (2005). The approximant
is chosen for each matrix of a stack by its 1-norm.
"""

from __future__ import annotations

import math
from typing import Any

from scopert.graph import dtypes
from scopert.graph.constant import constant
from scopert.graph.convert import convert_to_tensor
from scopert.graph.scopes import name_scope
from scopert.graph.shape import is_known
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_shape import size as size_of
from scopert.ops.array_where import where
from scopert.ops.control_flow_while import while_loop
from scopert.ops.linalg_eye import eye
from scopert.ops.linalg_ops import matrix_solve
from scopert.ops.math_binary import maximum, pow_
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import less
from scopert.ops.math_matmul import matmul
from scopert.ops.math_reduction import reduce_max, reduce_sum
from scopert.ops.math_unary import abs_, floor, log
from scopert.public import public

# The largest 1-norm at which each degree but the last is good enough, and the norm to scale down to.
_SINGLE = ((3, 5, 7), (4.258730016922831e-1, 1.880152677804762), 3.925724783138660)
_DOUBLE = (
    (3, 5, 7, 9, 13),
    (1.495585217958292e-2, 2.539398330063230e-1, 9.504178996162932e-1, 2.097847961257068),
    5.371920351148152,
)
_BY_TYPE = {
    dtypes.float16: _SINGLE, dtypes.float32: _SINGLE, dtypes.complex64: _SINGLE, dtypes.float64: _DOUBLE,
    dtypes.complex128: _DOUBLE,
}  # fmt: skip


def _coefficients(degree: int) -> list[float]:
    """Of the powers 0 to `degree` - 1 of the numerator; the highest one is 1."""
    return [
        float(math.factorial(2 * degree - k) // (math.factorial(k) * math.factorial(degree - k))) for k in range(degree)
    ]


def _approximant(matrix: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """The odd and the even part of the numerator of the Padé approximant."""
    b = [constant(c, matrix.dtype) for c in _coefficients(degree)]
    identity = eye(shape_of(matrix)[-2], batch_shape=shape_of(matrix)[:-2], dtype=matrix.dtype)
    powers = [matmul(matrix, matrix)]  # 2, 4, 6...
    while 2 * len(powers) < min(degree - 1, 6):
        powers.append(matmul(powers[-1], powers[0]))
    if degree == 13:  # with the powers up to 6 only
        m2, m4, m6 = powers
        inner = matmul(m6, m6 + b[11] * m4 + b[9] * m2) + b[7] * m6 + b[5] * m4 + b[3] * m2 + b[1] * identity
        odd = matmul(matrix, inner)
        upper = b[12] * m6 + b[10] * m4 + b[8] * m2
        return odd, matmul(m6, upper) + b[6] * m6 + b[4] * m4 + b[2] * m2 + b[0] * identity
    while 2 * len(powers) < degree - 1:
        powers.append(matmul(powers[-1], powers[0]))
    inner = powers[-1]
    for k in range(len(powers) - 1, 0, -1):
        inner = inner + b[2 * k + 1] * powers[k - 1]
    odd = matmul(matrix, inner + b[1] * identity)
    even = b[degree - 1] * powers[-1]
    for k in range(len(powers) - 1, 0, -1):
        even = even + b[2 * k] * powers[k - 1]
    return odd, even + b[0] * identity


def _by_norm(norm: Tensor, bounds: tuple[float, ...], cases: list[Tensor]) -> Tensor:
    if len(cases) == 1:
        return cases[0]
    return where(less(norm, constant(bounds[0], norm.dtype)), cases[0], _by_norm(norm, bounds[1:], cases[1:]))


@public("linalg.expm")
def matrix_exponential(input: Any, name: str | None = None) -> Tensor:
    """The exponentials of square matrices ``[..., n, n]``.

    Raises
    ------
    ValueError
        If the type is neither floating nor complex.
    """
    with name_scope(name, "matrix_exponential", [input]):
        matrix = convert_to_tensor(input, name="input")
        shape = matrix._shape
        if shape is not None and shape[-2:] == (0, 0):
            return matrix
        if matrix.dtype not in _BY_TYPE:
            raise ValueError(f"tf.linalg.expm does not support matrices of type {matrix.dtype}")
        known_batch = shape is not None and is_known(shape[:-2])
        batch = None if known_batch else shape_of(matrix)[:-2]
        matrix = reshape(matrix, concat(([-1], shape_of(matrix)[-2:]), axis=0))
        norm = reduce_max(reduce_sum(abs_(matrix), axis=size_of(shape_of(matrix)) - 2), axis=-1)
        degrees, bounds, largest = _BY_TYPE[matrix.dtype]
        bound = constant(largest, norm.dtype)
        squarings = maximum(floor(log(norm / bound) / log(constant(2.0, norm.dtype))), 0)
        parts = [_approximant(matrix, degree) for degree in degrees[:-1]]
        scale = pow_(constant(2.0, dtype=matrix.dtype), cast(squarings, matrix.dtype))[..., None, None]
        parts.append(_approximant(matrix / scale, degrees[-1]))
        odd = _by_norm(norm, bounds, [part[0] for part in parts])
        even = _by_norm(norm, bounds, [part[1] for part in parts])
        total = odd + even
        result = matrix_solve(-odd + even, total)
        most = reduce_max(squarings)

        def more(i: Tensor, r: Tensor) -> Tensor:
            return less(i, most)

        def square_once(i: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
            return i + 1, where(less(i, squarings), matmul(r, r), r)

        _, result = while_loop(more, square_once, [constant(0.0, norm.dtype), result])
        if shape is not None and is_known(shape):
            return reshape(result, shape)
        lead: Any = list((shape or ())[:-2]) if known_batch else batch
        return reshape(result, concat((lead, shape_of(result)[-2:]), axis=0))
