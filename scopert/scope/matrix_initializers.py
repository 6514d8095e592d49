"""Identity and orthogonal matrices, and kernels of convolutions that keep lengths."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from scopert.graph.dtypes import float32
from scopert.graph.tensor import Tensor
from scopert.ops.array_fill import zeros
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_slice import slice as slice_of
from scopert.ops.array_stack import stack
from scopert.ops.array_transpose import matrix_transpose
from scopert.ops.linalg_eye import eye
from scopert.ops.linalg_qr import qr
from scopert.ops.math_binary import multiply
from scopert.ops.math_cast import cast
from scopert.ops.math_matmul import matmul
from scopert.ops.math_unary import sign
from scopert.ops.random_tensors import random_normal
from scopert.ops.raw import raw
from scopert.public import public
from scopert.scope.initializers import Initializer, float_type

_Kernel = dict[tuple[int, ...], Tensor]


@public("initializers.identity")
class Identity(Initializer):
    """`gain` times the identity matrix; a part of a variable gets its part of the matrix.

    Raises
    ------
    ValueError
        If `dtype` is not floating, or, when called, if the variable is not a matrix.
    """

    _config = ("gain", "dtype")

    def __init__(self, gain: Any = 1.0, dtype: Any = float32) -> None:
        self.gain = gain
        self.dtype = float_type(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        full_shape = shape if partition_info is None else partition_info.full_shape
        sizes: Sequence[Any] = full_shape.as_list() if hasattr(full_shape, "as_list") else full_shape
        if len(sizes) != 2:
            raise ValueError("Identity matrix initializer can only be used for 2D matrices.")
        matrix = eye(sizes[0], sizes[1], dtype=self.dtype if dtype is None else dtype)
        if partition_info is not None:
            matrix = slice_of(matrix, partition_info.var_offset, shape)
        return self.gain * matrix


def _orthogonal(rows: int, columns: int, dtype: Any, seed: int | None) -> Tensor:
    """The orthogonal factor of random normal numbers, its signs such that the triangular one's are positive."""
    factor, triangle = qr(random_normal([rows, columns], dtype=dtype, seed=seed), full_matrices=False)
    return factor * sign(raw("DiagPart", triangle))


@public("orthogonal_initializer", "initializers.orthogonal")
class Orthogonal(Initializer):
    """`gain` times a matrix with orthonormal columns, or rows if there are fewer of them.

    All axes but the last are taken together as the rows. Saxe, McClelland, Ganguli (2014).

    Parameters
    ----------
    gain : float
    seed : int, optional
        See `get_seed`.
    dtype : DType
        A floating type.

    Raises
    ------
    ValueError
        If `dtype` is not floating, or, when called, if the shape has fewer than two axes.
    """

    _config = ("gain", "seed", "dtype")

    def __init__(self, gain: Any = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.gain = gain
        self.seed = seed
        self.dtype = float_type(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        if len(shape) < 2:
            raise ValueError("The tensor to initialize must be at least two-dimensional")
        rows = 1
        for size in list(shape)[:-1]:
            rows *= int(size)
        columns = int(shape[-1])
        wide = rows < columns
        matrix = _orthogonal(*((columns, rows) if wide else (rows, columns)), self.dtype if dtype is None else dtype,
                             self.seed)  # fmt: skip
        if wide:
            matrix = matrix_transpose(matrix)
        return self.gain * reshape(matrix, shape)


@public("contrib.framework.convolutional_delta_orthogonal")
class ConvolutionDeltaOrthogonal(Initializer):
    """A kernel that is an orthogonal matrix at its centre and zero elsewhere (Xiao et al., 2018, algorithm 2).

    The arguments are those of `orthogonal_initializer`. The shape has three to five axes; the last, the outputs,
    is not shorter than that before it, the inputs.
    """

    _config = ("gain", "seed", "dtype")

    def __init__(self, gain: Any = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.gain = gain
        self.seed = seed
        self.dtype = float_type(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        kind = self.dtype if dtype is None else dtype
        if not 3 <= len(shape) <= 5:
            raise ValueError("The tensor to initialize must be at least three-dimensional and at most five-dimensional")
        _check_channels(shape)
        matrix = _orthogonal(shape[-1], shape[-1], kind, self.seed)[: shape[-2], :]
        matrix = matrix * cast(self.gain, dtype=kind)
        centre = [(size - 1) // 2 for size in list(shape)[:-2]]
        return raw("ScatterNd", [centre], expand_dims(matrix, 0), shape)


def _check_channels(shape: Any) -> None:
    if shape[-2] > shape[-1]:
        raise ValueError("In_filters cannot be greater than out_filters.")


class ConvolutionOrthogonal(Initializer):
    """A kernel that keeps lengths where the input wraps around (Xiao et al., 2018, algorithm 1).

    The product, as of convolutions, of 2-wide kernels made of symmetric projections p and their complements.
    Each random matrix takes the next seed.
    """

    _config = ("gain", "seed", "dtype")
    _axes = 0

    def __init__(self, gain: Any = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.gain = gain
        self.seed = seed
        self.dtype = float_type(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        kind = self.dtype if dtype is None else dtype
        if not self._axes:
            raise NotImplementedError("use the initializer for 1, 2 or 3 axes")
        if len(shape) != self._axes + 2:
            words = {1: "three", 2: "four", 3: "five"}
            raise ValueError(f"The tensor to initialize must be {words[self._axes]}-dimensional")
        _check_channels(shape)
        if any(size != shape[0] for size in list(shape)[1:-2]):
            raise ValueError("Kernel sizes must be equal.")
        return self._kernel(shape[0], shape[-2], shape[-1]) * cast(self.gain, dtype=kind)

    def _next_seed(self) -> None:
        if self.seed:
            self.seed += 1

    def _orthogonal_matrix(self, n: int) -> Tensor:
        numbers = random_normal([n, n], dtype=self.dtype, seed=self.seed)
        self._next_seed()
        factor, triangle = qr(numbers)
        return factor * sign(raw("DiagPart", triangle))

    def _symmetric_projection(self, n: int) -> Tensor:
        matrix = self._orthogonal_matrix(n)
        mask = cast(random_normal([n], seed=self.seed) > 0, self.dtype)
        self._next_seed()
        chosen = multiply(matrix, mask)
        return matmul(chosen, matrix_transpose(chosen))

    def _block(self, n: int) -> _Kernel:
        return self._of_projections([self._symmetric_projection(n) for _ in range(self._axes)], n)

    def _of_projections(self, projections: list[Tensor], n: int) -> _Kernel:
        raise NotImplementedError("use the initializer for 1, 2 or 3 axes")

    def _convolve(self, left: _Kernel, right: _Kernel, n: int) -> _Kernel:
        width, other = max(left)[0] + 1, max(right)[0] + 1
        result: _Kernel = {}
        for place in product(range(width + other - 1), repeat=self._axes):
            total = zeros([n, n], self.dtype)
            for step in product(*(range(min(width, index + 1)) for index in place)):
                rest = tuple(index - by for index, by in zip(place, step, strict=True))
                if max(rest) < other:
                    total = total + matmul(left[step], right[rest])
            result[place] = total
        return result

    def _kernel(self, width: int, inputs: int, outputs: int) -> Tensor:
        matrix = self._orthogonal_matrix(outputs)[0:inputs, :]
        if width == 1:
            for _ in range(self._axes):
                matrix = expand_dims(matrix, 0)
            return matrix
        kernel = self._block(outputs)
        for _ in range(width - 2):
            kernel = self._convolve(kernel, self._block(outputs), outputs)
        places = product(range(width), repeat=self._axes)
        return self._stacked({place: matmul(matrix, kernel[place]) for place in places}, width, ())

    def _stacked(self, kernel: _Kernel, width: int, place: tuple[int, ...]) -> Tensor:
        if len(place) == self._axes:
            return kernel[place]
        return stack([self._stacked(kernel, width, (*place, index)) for index in range(width)])


@public("contrib.framework.convolutional_orthogonal_1d")
class ConvolutionOrthogonal1D(ConvolutionOrthogonal):
    """An orthogonal kernel `[width, inputs, outputs]`; see `orthogonal_initializer` for the arguments."""

    _axes = 1

    def _of_projections(self, projections: list[Tensor], n: int) -> _Kernel:
        unit = eye(n, dtype=self.dtype)
        return {(0,): projections[0], (1,): unit - projections[0]}


@public("contrib.framework.convolutional_orthogonal_2d")
class ConvolutionOrthogonal2D(ConvolutionOrthogonal):
    """An orthogonal kernel `[width, width, inputs, outputs]`; see `orthogonal_initializer` for the arguments."""

    _axes = 2

    def _of_projections(self, projections: list[Tensor], n: int) -> _Kernel:
        first, second = projections
        unit = eye(n, dtype=self.dtype)
        return {
            (0, 0): matmul(first, second),
            (0, 1): matmul(first, unit - second),
            (1, 0): matmul(unit - first, second),
            (1, 1): matmul(unit - first, unit - second),
        }


@public("contrib.framework.convolutional_orthogonal_3d")
class ConvolutionOrthogonal3D(ConvolutionOrthogonal):
    """An orthogonal kernel `[width, width, width, inputs, outputs]`; arguments as of `orthogonal_initializer`."""

    _axes = 3

    def _of_projections(self, projections: list[Tensor], n: int) -> _Kernel:
        first, second, third = projections
        unit = eye(n, dtype=self.dtype)

        def either(which: int, projection: Tensor) -> Tensor:
            return which * projection + (1 - which) * (unit - projection)

        kernel: _Kernel = {}
        for i, j, k in product((0, 1), repeat=3):
            factors = either(i, first), either(j, second), either(k, third)
            kernel[i, j, k] = matmul(matmul(factors[0], factors[1]), factors[2])
        return kernel
