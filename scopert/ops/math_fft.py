"""Discrete Fourier transforms over the last one, two or three axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.errors import InvalidArgumentError
from scopert.graph import dtypes
from scopert.graph.build import apply
from scopert.graph.constant_value import known_shape
from scopert.graph.convert import convert_to_tensor
from scopert.graph.opdef import OpDef, define_op, gradient
from scopert.graph.operation import Operation
from scopert.graph.scopes import name_scope
from scopert.graph.shape import is_known
from scopert.graph.shape_rules import at_least_rank, with_rank
from scopert.graph.tensor import Shape, Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones, zeros, zeros_like
from scopert.ops.array_pad import pad
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_reverse import roll
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_stack import stack, unstack
from scopert.ops.array_transpose import transpose
from scopert.ops.math_binary import floormod, maximum
from scopert.ops.math_cast import cast
from scopert.ops.math_complex import conj, real
from scopert.ops.math_matmul import matmul
from scopert.ops.math_reduction import reduce_prod
from scopert.ops.math_types import COMPLEX
from scopert.ops.math_unary import exp, reciprocal
from scopert.ops.raw import raw
from scopert.public import public

Array = Any
Grads = tuple[Any, None]


def _axes(rank: int) -> tuple[int, ...]:
    return tuple(range(-rank, 0))


def _same(rank: int) -> Any:
    def rule(op: Operation) -> list[Shape]:
        return [at_least_rank(op.inputs[0]._shape, rank)]

    return rule


def _complex_kernel(rank: int, inverse: bool) -> Any:
    def kernel(xp: Any, x: Array) -> Array:
        if x.ndim < rank:
            raise InvalidArgumentError(None, None, f"Input must have rank of at least {rank} but got: {list(x.shape)}")
        if not x.size:
            return xp.array(x)
        return (xp.fft.ifftn if inverse else xp.fft.fftn)(x, axes=_axes(rank)).astype(x.dtype)

    return kernel


def _complex_op(name: str, rank: int, inverse: bool) -> OpDef:
    return define_op(
        name, inputs="input: Tcomplex", outputs="output: Tcomplex", attrs=f"Tcomplex: {COMPLEX}",
        shape=_same(rank), kernel=_complex_kernel(rank, inverse),
    )  # fmt: skip


FFT, FFT2D, FFT3D = _complex_op("FFT", 1, False), _complex_op("FFT2D", 2, False), _complex_op("FFT3D", 3, False)
IFFT, IFFT2D, IFFT3D = _complex_op("IFFT", 1, True), _complex_op("IFFT2D", 2, True), _complex_op("IFFT3D", 3, True)


def _real_shape(rank: int, inverse: bool) -> Any:
    def rule(op: Operation) -> list[Shape]:
        source = at_least_rank(op.inputs[0]._shape, rank)
        with_rank(op.inputs[1]._shape, 1)
        length = known_shape(op.inputs[1])
        if source is None:
            return [None]
        if length is None:
            return [(*source[:-rank], *(None,) * rank)]
        if len(length) != rank:
            raise ValueError(f"fft_length must have {rank} elements, got {len(length)}")
        tail = list(length)
        if not inverse and tail[-1] is not None:
            tail[-1] = tail[-1] // 2 + 1 if tail[-1] else 0
        return [(*source[:-rank], *tail)]

    return rule


def _checked_length(x: Array, fft_length: Array, rank: int) -> list[int]:
    length = [int(n) for n in fft_length.tolist()]
    if x.ndim < rank:
        raise InvalidArgumentError(None, None, f"Input must have rank of at least {rank} but got: {list(x.shape)}")
    if len(length) != rank:
        raise InvalidArgumentError(None, None, f"fft_length must have shape [{rank}]")
    if any(n < 0 for n in length):
        raise InvalidArgumentError(None, None, "fft_length must be non-negative")
    return length


def _rfft_kernel(rank: int) -> Any:
    def kernel(xp: Any, x: Array, fft_length: Array) -> Array:
        length = _checked_length(x, fft_length, rank)
        for n, have in zip(length, x.shape[-rank:], strict=True):
            if x.size and have < n:
                raise InvalidArgumentError(
                    None, None, f"Input dimension must have length of at least {n} but got: {have}"
                )
        if not x.size or 0 in length:
            return xp.zeros((*x.shape[:-rank], *length[:-1], length[-1] // 2 + 1 if length[-1] else 0), xp.complex64)
        return xp.fft.rfftn(x, s=length, axes=_axes(rank)).astype(xp.complex64)

    return kernel


def _irfft_kernel(rank: int) -> Any:
    def kernel(xp: Any, x: Array, fft_length: Array) -> Array:
        length = _checked_length(x, fft_length, rank)
        wanted = [*length[:-1], length[-1] // 2 + 1]
        for n, have in zip(wanted, x.shape[-rank:], strict=True):
            if x.size and have < n:
                raise InvalidArgumentError(
                    None, None, f"Input dimension must have length of at least {n} but got: {have}"
                )
        if not x.size or 0 in length:
            return xp.zeros((*x.shape[:-rank], *length), xp.float32)
        return xp.fft.irfftn(x, s=length, axes=_axes(rank)).astype(xp.float32)

    return kernel


def _real_op(name: str, rank: int, inverse: bool) -> OpDef:
    kinds = ("complex64", "float32") if inverse else ("float32", "complex64")
    return define_op(
        name, inputs=f"input: {kinds[0]}, fft_length: int32", outputs=f"output: {kinds[1]}",
        shape=_real_shape(rank, inverse), kernel=_irfft_kernel(rank) if inverse else _rfft_kernel(rank),
    )  # fmt: skip


RFFT, RFFT2D, RFFT3D = _real_op("RFFT", 1, False), _real_op("RFFT2D", 2, False), _real_op("RFFT3D", 3, False)
IRFFT, IRFFT2D, IRFFT3D = _real_op("IRFFT", 1, True), _real_op("IRFFT2D", 2, True), _real_op("IRFFT3D", 3, True)


@public("fft", "signal.fft", "spectral.fft")
def fft(input: Any, name: str | None = None) -> Tensor:
    """The discrete Fourier transform of the last axis of complex numbers."""
    return apply(FFT, input, name=name)


@public("ifft", "signal.ifft", "spectral.ifft")
def ifft(input: Any, name: str | None = None) -> Tensor:
    """The inverse of `fft`."""
    return apply(IFFT, input, name=name)


@public("fft2d", "signal.fft2d", "spectral.fft2d")
def fft2d(input: Any, name: str | None = None) -> Tensor:
    """The discrete Fourier transform of the last two axes."""
    return apply(FFT2D, input, name=name)


@public("ifft2d", "signal.ifft2d", "spectral.ifft2d")
def ifft2d(input: Any, name: str | None = None) -> Tensor:
    """The inverse of `fft2d`."""
    return apply(IFFT2D, input, name=name)


@public("fft3d", "signal.fft3d", "spectral.fft3d")
def fft3d(input: Any, name: str | None = None) -> Tensor:
    """The discrete Fourier transform of the last three axes."""
    return apply(FFT3D, input, name=name)


@public("ifft3d", "signal.ifft3d", "spectral.ifft3d")
def ifft3d(input: Any, name: str | None = None) -> Tensor:
    """The inverse of `fft3d`."""
    return apply(IFFT3D, input, name=name)


def _inferred_length(x: Tensor, rank: int, inverse: bool) -> Tensor:
    tail = None if x._shape is None else x._shape[-rank:]
    if tail is None or not is_known(tail):
        sizes = shape_of(x)[-rank:]
        if not inverse:
            return sizes
        parts: list[Any] = list(unstack(sizes))
        parts[-1] = maximum(0, 2 * (parts[-1] - 1))
        return stack(parts)
    length = [n or 0 for n in tail]
    if inverse and length:
        length[-1] = max(0, 2 * (length[-1] - 1))
    return convert_to_tensor(length, dtypes.int32)


def _padded(x: Tensor, rank: int, fft_length: Tensor, inverse: bool) -> Tensor:
    """The input with zeros up to the length of the transform."""
    shape = x._shape
    if shape is not None and 0 in shape:
        return x
    length = known_shape(fft_length)
    if length is not None and is_known(length) and shape is not None:
        tail = shape[-len(length) :]
        if is_known(tail):
            wanted = [n or 0 for n in length]
            if inverse:
                wanted[-1] = wanted[-1] // 2 + 1
            widths = [[0, max(n - (have or 0), 0)] for n, have in zip(wanted, tail, strict=True)]
            if any(width for _, width in widths):
                return pad(x, [[0, 0]] * max(len(shape) - len(length), 0) + widths)
            return x
    input_rank = rank_of(x)
    sizes = shape_of(x)[-rank:]
    outer = maximum(0, input_rank - rank)
    outer_widths = zeros([outer], fft_length.dtype)
    if inverse:
        fft_length = concat([fft_length[:-1], fft_length[-1:] // 2 + 1], 0)
    inner_widths = maximum(0, fft_length - sizes)
    after = concat([outer_widths, inner_widths], 0)
    return pad(x, stack([zeros_like(after), after], axis=1))


def _real_transform(opdef: OpDef, x: Any, fft_length: Any, name: str | None, rank: int, inverse: bool) -> Tensor:
    with name_scope(name, opdef.name.lower(), [x, fft_length]) as scope:
        tensor = convert_to_tensor(x, dtypes.complex64 if inverse else dtypes.float32)
        tensor.shape.with_rank_at_least(rank)
        if fft_length is None:
            length = _inferred_length(tensor, rank, inverse)
        else:
            length = convert_to_tensor(fft_length, dtypes.int32)
            length.shape.with_rank(1)
        return apply(opdef, _padded(tensor, rank, length, inverse), length, name=scope)


@public("signal.rfft", "spectral.rfft")
def rfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The first half of the Fourier transform of real numbers, along the last axis.

    Parameters
    ----------
    input_tensor : tensor-like of float32
    fft_length : vector of one integer, optional
        The input is cut or filled up with zeros to it.
    name : str, optional
    """
    return _real_transform(RFFT, input_tensor, fft_length, name, 1, False)


@public("signal.irfft", "spectral.irfft")
def irfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The inverse of `rfft`; the result's length is `fft_length`, by default even."""
    return _real_transform(IRFFT, input_tensor, fft_length, name, 1, True)


@public("signal.rfft2d", "spectral.rfft2d")
def rfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """`rfft` over two axes."""
    return _real_transform(RFFT2D, input_tensor, fft_length, name, 2, False)


@public("signal.irfft2d", "spectral.irfft2d")
def irfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The inverse of `rfft2d`."""
    return _real_transform(IRFFT2D, input_tensor, fft_length, name, 2, True)


@public("signal.rfft3d", "spectral.rfft3d")
def rfft3d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """`rfft` over three axes; it has no gradient."""
    return _real_transform(RFFT3D, input_tensor, fft_length, name, 3, False)


@public("signal.irfft3d", "spectral.irfft3d")
def irfft3d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The inverse of `rfft3d`; it has no gradient."""
    return _real_transform(IRFFT3D, input_tensor, fft_length, name, 3, True)


def _shifts(x: Tensor, axes: Any, sign: int) -> tuple[Any, Any]:
    if x._shape is None:
        raise ValueError("the rank of the tensor must be known")
    sizes = x._shape
    if axes is None:
        axes = tuple(range(len(sizes)))
    picked = [sizes[axis] for axis in ([axes] if isinstance(axes, int) else axes)]
    if None in picked:
        raise ValueError(f"the sizes of the axes {axes} must be known")
    shifts = [sign * ((n or 0) // 2) for n in picked]
    return (shifts[0] if isinstance(axes, int) else shifts), axes


@public("signal.fftshift")
def fftshift(x: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """Moves the zero frequency to the middle of the axes (default: of all)."""
    with name_scope(name, "fftshift") as scope:
        x = convert_to_tensor(x)
        shift, axes = _shifts(x, axes, 1)
        return roll(x, shift, axes, scope)


@public("signal.ifftshift")
def ifftshift(x: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """The inverse of `fftshift`."""
    with name_scope(name, "ifftshift") as scope:
        x = convert_to_tensor(x)
        shift, axes = _shifts(x, axes, -1)
        return roll(x, shift, axes, scope)


def _count(grad: Tensor, rank: int) -> Tensor:
    return reduce_prod(shape_of(grad)[-rank:])


def _register(forward: str, backward: str, rank: int, to: Callable[..., Tensor], back: Callable[..., Tensor]) -> None:
    @gradient(forward)
    def of_forward(op: Operation, grad: Tensor) -> Tensor:
        size = cast(_count(grad, rank), grad.dtype)
        return back(grad) * size

    @gradient(backward)
    def of_backward(op: Operation, grad: Tensor) -> Tensor:
        scale = cast(1.0 / cast(_count(grad, rank), grad.dtype.real_dtype), grad.dtype)
        return to(grad) * scale


_register("FFT", "IFFT", 1, fft, ifft)
_register("FFT2D", "IFFT2D", 2, fft2d, ifft2d)
_register("FFT3D", "IFFT3D", 3, fft3d, ifft3d)


def _alternating(length: Tensor) -> Tensor:
    return cast(1 - 2 * (range_of(length) % 2), dtypes.complex64)


def _roots_of_unity(length: Tensor) -> Tensor:
    rows = raw("Tile", expand_dims(range_of(length), 0), stack([length, 1]))
    columns = transpose(rows, [1, 0])
    turns = cast(rows * columns, dtypes.complex64) / cast(length, dtypes.complex64)
    return exp(-2j * math.pi * turns)


def _rfft_grad(rank: int, inverse: Callable[..., Tensor]) -> Callable[[Operation, Tensor], Grads]:
    """The half spectrum that `rfft` leaves out counts too: all but the first and, if the length is even,
    the last column count twice."""

    def rule(op: Operation, grad: Tensor) -> Grads:
        x, length = op.inputs
        sizes = shape_of(x)
        is_even = cast(1 - length[-1] % 2, dtypes.complex64)
        first, last = grad[..., 0:1], grad[..., -1:]
        if rank == 1:
            extra = first + is_even * last * _alternating(sizes[-1])
        else:
            mask = _roots_of_unity(sizes[-2])
            ahead = ones([rank_of(first) - 2], dtypes.int32)
            tiled = raw(
                "Tile", reshape(mask, concat([ahead, shape_of(mask)], 0)), concat([shape_of(first)[:-2], [1, 1]], 0)
            )
            of_first = matmul(tiled, conj(first))
            of_last = matmul(tiled, conj(last))
            width = sizes[-1]
            repeats = concat([ones([rank_of(grad) - 1], dtypes.int32), [width]], 0)
            extra = of_first + is_even * (raw("Tile", of_last, repeats) * _alternating(width))
        count = cast(_count(x, rank), dtypes.float32)
        return 0.5 * (inverse(grad, length) * count + real(extra)), None

    return rule


def _irfft_grad(rank: int, forward: Callable[..., Tensor]) -> Callable[[Operation, Tensor], Grads]:
    def rule(op: Operation, grad: Tensor) -> Grads:
        x, length = op.inputs
        is_odd = floormod(length[-1], 2)
        width = shape_of(x)[-1]
        mask = concat([np.array([1.0], np.float32), 2.0 * ones([width - 2 + is_odd]), ones([1 - is_odd])], 0)
        scale = reciprocal(cast(_count(grad, rank), dtypes.float32))
        return forward(grad, length) * cast(scale * mask, dtypes.complex64), None

    return rule


gradient("RFFT")(_rfft_grad(1, irfft))
gradient("RFFT2D")(_rfft_grad(2, irfft2d))
gradient("IRFFT")(_irfft_grad(1, rfft))
gradient("IRFFT2D")(_irfft_grad(2, rfft2d))
