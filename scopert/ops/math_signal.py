"""Signals: windows, overlapping frames and the short-time Fourier transform."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scopert.graph import dtypes
from scopert.graph.constant import constant
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_fill import ones, zeros, zeros_like
from scopert.ops.array_gather import gather
from scopert.ops.array_pad import pad
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import reshape
from scopert.ops.array_shape import rank as rank_of
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_shape import size as size_of
from scopert.ops.array_split import split
from scopert.ops.array_strided import strided_slice
from scopert.ops.array_transpose import transpose
from scopert.ops.control_flow_cond import cond
from scopert.ops.control_flow_while import while_loop
from scopert.ops.math_binary import floormod, maximum, pow_
from scopert.ops.math_cast import cast
from scopert.ops.math_comparison import equal, greater
from scopert.ops.math_fft import irfft, rfft
from scopert.ops.math_reduction import reduce_sum
from scopert.ops.math_trigonometry import cos
from scopert.ops.math_unary import ceil, log, square
from scopert.ops.raw import raw
from scopert.public import public

Window = Callable[..., Tensor]


def _scalar(value: Any, name: str, dtype: Any = None) -> Tensor:
    tensor = convert_to_tensor(value, dtype=dtype, name=name)
    tensor.shape.assert_has_rank(0)
    return tensor


def _raised_cosine(
    name: str | None, default_name: str, window_length: Any, periodic: Any, dtype: Any, a: float, b: float
) -> Tensor:
    """``a - b cos(2 pi n / N)``."""
    kind = as_dtype(dtype)
    if not kind.is_floating:
        raise ValueError(f"dtype must be a floating point type. Found {kind}")
    with name_scope(name, default_name, [window_length, periodic]):
        window_length = _scalar(window_length, "window_length", dtypes.int32)
        known = constant_value(window_length)
        if known is not None and known == 1:
            return ones([1], dtype=kind)
        periodic = cast(convert_to_tensor(periodic, dtype=dtypes.bool, name="periodic"), dtypes.int32)
        periodic.shape.assert_has_rank(0)
        even = 1 - floormod(window_length, 2)
        n = cast(window_length + periodic * even - 1, kind)
        count = cast(range_of(window_length), kind)
        angle = constant(2 * np.pi, dtype=kind) * count / n
        if known is not None:
            return cast(a - b * cos(angle), kind)
        made: Tensor = cond(
            equal(window_length, 1), lambda: ones([1], dtype=kind), lambda: cast(a - b * cos(angle), kind)
        )
        return made


@public("signal.hann_window", "contrib.signal.hann_window")
def hann_window(
    window_length: Any, periodic: Any = True, dtype: Any = dtypes.float32, name: str | None = None
) -> Tensor:
    """The Hann window of this length; periodic for spectra, symmetric for filters."""
    return _raised_cosine(name, "hann_window", window_length, periodic, dtype, 0.5, 0.5)


@public("signal.hamming_window", "contrib.signal.hamming_window")
def hamming_window(
    window_length: Any, periodic: Any = True, dtype: Any = dtypes.float32, name: str | None = None
) -> Tensor:
    """The Hamming window of this length; periodic for spectra, symmetric for filters."""
    return _raised_cosine(name, "hamming_window", window_length, periodic, dtype, 0.54, 0.46)


def _gcd(a: Any, b: Any) -> Tensor:
    """The greatest common divisor of two integer scalars."""
    with name_scope(None, "gcd", [a, b]):
        a, b = convert_to_tensor(a), convert_to_tensor(b)
        for letter, tensor in (("a", a), ("b", b)):
            tensor.shape.assert_has_rank(0)
            if not tensor.dtype.is_integer:
                raise ValueError(f"{letter} must be an integer type. Got: {tensor.dtype}")
        known_a, known_b = constant_value(a), constant_value(b)
        if known_a is not None and known_b is not None:
            return convert_to_tensor(math.gcd(int(known_a), int(known_b)))
        made = while_loop(
            lambda _, b: greater(b, zeros_like(b)), lambda a, b: [b, floormod(a, b)], [a, b], back_prop=False
        )
        found: Tensor = made[0]
        return found


def _frame_shape(signal: Tensor, length: Tensor, step: Tensor, pad_end: bool, axis: Tensor) -> list[Any] | None:
    shape = signal._shape
    known_length, known_step, known_axis = constant_value(length), constant_value(step), constant_value(axis)
    if shape is None:
        return None
    if known_axis is None:
        return [None] * (len(shape) + 1)
    position = int(known_axis) % len(shape)
    samples, frames = shape[position], None
    if samples is not None and known_step is not None:
        if pad_end:
            frames = max(0, -(-samples // int(known_step)))
        elif known_length is not None:
            frames = max(0, (samples - int(known_length) + int(known_step)) // int(known_step))
    size = None if known_length is None else int(known_length)
    return [*shape[:position], frames, size, *shape[position + 1 :]]


@public("signal.frame", "contrib.signal.frame")
def frame(
    signal: Any, frame_length: Any, frame_step: Any, pad_end: bool = False, pad_value: Any = 0, axis: Any = -1,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Cuts an axis into frames that may overlap: that axis becomes two, frames and samples.

    Parameters
    ----------
    signal : tensor-like
    frame_length, frame_step : int or scalar tensor
        The samples of a frame, and from one frame to the next.
    pad_end : bool
        Fill up frames at the end with `pad_value`, else leave them out.
    axis : int
    name : str, optional
    """
    with name_scope(name, "frame", [signal, frame_length, frame_step, pad_value]):
        signal = convert_to_tensor(signal, name="signal")
        length = convert_to_tensor(frame_length, name="frame_length")
        step = convert_to_tensor(frame_step, name="frame_step")
        axis = convert_to_tensor(axis, name="axis")
        signal.shape.with_rank_at_least(1)
        for tensor in (length, step, axis):
            tensor.shape.assert_has_rank(0)
        known = _frame_shape(signal, length, step, pad_end, axis)
        rank = rank_of(signal)
        axis = range_of(rank)[axis]
        sizes = shape_of(signal)
        outer, samples, inner = split(sizes, [axis, 1, rank - 1 - axis])
        samples = reshape(samples, [])
        outer_rank, inner_rank = size_of(outer), size_of(inner)
        if pad_end:
            filler = _scalar(pad_value, "pad_value", signal.dtype)
            frames = -(-samples // step)
            missing = maximum(0, length + step * (frames - 1) - samples)
            before, after = (zeros([count, 2], dtype=missing.dtype) for count in (outer_rank, inner_rank))
            widths = concat([before, [[0, missing]], after], 0)
            signal = pad(signal, widths, constant_values=filler)
            sizes = shape_of(signal)
            samples = sizes[axis]
        else:
            frames = maximum(0, 1 + (samples - length) // step)
        # Frames are made of pieces that all of them share.
        piece = _gcd(length, step)
        in_frame, in_step, count = length // piece, step // piece, samples // piece
        kept = concat([outer, [count * piece], inner], 0)
        pieces_shape = concat([outer, [count, piece], inner], 0)
        pieces = reshape(strided_slice(signal, zeros_like(sizes), kept), pieces_shape)
        starts = reshape(range_of(frames) * in_step, [frames, 1])
        within = reshape(range_of(in_frame), [1, in_frame])
        made = gather(pieces, starts + within, axis=axis)
        made = reshape(made, concat([outer, [frames, length], inner], 0))
        if known:
            made.set_shape(known)
        return made


@public("signal.overlap_and_add", "contrib.signal.overlap_and_add")
def overlap_and_add(signal: Any, frame_step: Any, name: str | None = None) -> Tensor:
    """The sum of frames ``[..., frames, samples]``, each `frame_step` behind the one before it.

    Raises
    ------
    ValueError
        If `frame_step` is no integer scalar, or the signal has fewer than two axes.
    """
    with name_scope(name, "overlap_and_add", [signal, frame_step]):
        signal = convert_to_tensor(signal, name="signal")
        signal.shape.with_rank_at_least(2)
        step = _scalar(frame_step, "frame_step")
        if not step.dtype.is_integer:
            raise ValueError(f"frame_step must be an integer. Got {step.dtype}")
        sizes = shape_of(signal)
        outer = sizes[:-2]
        outer_rank = size_of(outer)

        def whole(inner: Any) -> Tensor:
            return concat([outer, inner], 0)

        length, frames = sizes[-1], sizes[-2]
        total = length + step * (frames - 1)
        known = constant_value(step)
        if known is not None and signal._shape is not None and int(known) == signal._shape[-1]:
            return reshape(signal, whole([total]), name="fast_path")
        # Frames are cut into segments of the step's length; segment i of frame j counts at i + j.
        segments = -(-length // step)
        inner_widths = [[0, segments], [0, segments * step - length]]
        widths = concat([zeros([outer_rank, 2], dtypes.int32), inner_widths], 0)
        signal = pad(signal, widths)
        signal = reshape(signal, whole([frames + segments, segments, step]))
        order = concat([range_of(outer_rank), outer_rank + np.array([1, 0, 2], np.int32)], 0)
        signal = transpose(signal, order)
        signal = reshape(signal, whole([(frames + segments) * segments, step]))
        signal = signal[..., : (frames + segments - 1) * segments, :]
        signal = reshape(signal, whole([segments, frames + segments - 1, step]))
        signal = reduce_sum(signal, -3)
        signal = reshape(signal, whole([(frames + segments - 1) * step]))
        return signal[..., :total]


def _enclosing_power_of_two(value: Tensor) -> Tensor:
    known = constant_value(value)
    if known is not None:
        return constant(int(2 ** np.ceil(np.log(known) / np.log(2.0))), value.dtype)
    exponent = ceil(log(cast(value, dtypes.float32)) / log(2.0))
    return cast(pow_(2.0, exponent), value.dtype)


def _fft_length(fft_length: Any, frame_length: Tensor) -> Tensor:
    if fft_length is None:
        return _enclosing_power_of_two(frame_length)
    return convert_to_tensor(fft_length, name="fft_length")


@public("signal.stft", "contrib.signal.stft")
def stft(
    signals: Any, frame_length: Any, frame_step: Any, fft_length: Any = None, window_fn: Window | None = hann_window,
    pad_end: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The short-time Fourier transform of signals ``[..., samples]``: ``[..., frames, bins]``.

    Parameters
    ----------
    signals : tensor-like of float32
    frame_length, frame_step : int or scalar tensor
    fft_length : int, optional
        Default: the power of two that holds a frame.
    window_fn : callable, optional
        ``f(length, dtype=...)``; None for no window.
    pad_end : bool
    name : str, optional
    """
    with name_scope(name, "stft", [signals, frame_length, frame_step]):
        signals = convert_to_tensor(signals, name="signals")
        signals.shape.with_rank_at_least(1)
        length = _scalar(frame_length, "frame_length")
        step = _scalar(frame_step, "frame_step")
        transform = _fft_length(fft_length, length)
        frames = frame(signals, length, step, pad_end=pad_end)
        if window_fn is not None:
            frames = frames * window_fn(length, dtype=frames.dtype)
        return rfft(frames, [transform])


@public("signal.inverse_stft_window_fn", "contrib.signal.inverse_stft_window_fn")
def inverse_stft_window_fn(
    frame_step: Any, forward_window_fn: Window = hann_window, name: str | None = None
) -> Callable[[Any, DType], Tensor]:
    """The window with which `inverse_stft` undoes `stft` exactly."""
    with name_scope(name, "inverse_stft_window_fn", [forward_window_fn]):
        step = _scalar(frame_step, "frame_step")

    def window(frame_length: Any, dtype: Any) -> Tensor:
        with name_scope(name, "inverse_stft_window_fn", [forward_window_fn]):
            length = _scalar(frame_length, "frame_length")
            forward = forward_window_fn(length, dtype=dtype)
            overlaps = -(-length // step)
            squares = pad(square(forward), [(0, overlaps * step - length)])
            squares = reduce_sum(reshape(squares, [overlaps, step]), 0, keepdims=True)
            squares = reshape(raw("Tile", squares, [overlaps, 1]), [overlaps * step])
            made: Tensor = forward / squares[:length]
            return made

    return window


@public("signal.inverse_stft", "contrib.signal.inverse_stft")
def inverse_stft(
    stfts: Any, frame_length: Any, frame_step: Any, fft_length: Any = None, window_fn: Window | None = hann_window,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The signals of short-time Fourier transforms ``[..., frames, bins]``; arguments as `stft`."""
    with name_scope(name, "inverse_stft", [stfts]):
        stfts = convert_to_tensor(stfts, name="stfts")
        stfts.shape.with_rank_at_least(2)
        length = _scalar(frame_length, "frame_length")
        step = _scalar(frame_step, "frame_step")
        transform = _fft_length(fft_length, length)
        transform.shape.assert_has_rank(0)
        frames = irfft(stfts, [transform])
        known = constant_value(length)
        shape = frames._shape
        if known is None or shape is None or shape[-1] is None:
            frames = frames[..., :length]
            rank, sizes = rank_of(frames), shape_of(frames)
            missing = maximum(0, length - sizes[-1])
            frames = pad(frames, concat([zeros([rank - 1, 2], dtype=length.dtype), [[0, missing]]], 0))
        elif shape[-1] > known:
            frames = frames[..., : int(known)]
        elif shape[-1] < known:
            frames = pad(frames, [[0, 0]] * (len(shape) - 1) + [[0, int(known) - shape[-1]]])
        if known is not None and frames._shape is not None:
            frames.set_shape([None] * (len(frames._shape) - 1) + [int(known)])
        if window_fn is not None:
            frames = frames * window_fn(length, dtype=stfts.dtype.real_dtype)
        return overlap_and_add(frames, step)
