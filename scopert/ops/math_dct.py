"""The discrete cosine transform, and what speech recognition makes of it: mel scales and cepstra."""

from __future__ import annotations

import math
from typing import Any

from scopert.graph import dtypes
from scopert.graph.constant_value import constant_value
from scopert.graph.convert import convert_to_tensor
from scopert.graph.dtypes import DType, as_dtype
from scopert.graph.scopes import name_scope
from scopert.graph.tensor import Tensor
from scopert.ops.array_concat import concat
from scopert.ops.array_pad import pad
from scopert.ops.array_range import linspace
from scopert.ops.array_range import range as range_of
from scopert.ops.array_reshape import expand_dims, reshape
from scopert.ops.array_shape import shape as shape_of
from scopert.ops.array_split import split
from scopert.ops.math_binary import maximum, minimum
from scopert.ops.math_cast import cast
from scopert.ops.math_complex import complex_, real
from scopert.ops.math_fft import irfft, rfft
from scopert.ops.math_signal import frame
from scopert.ops.math_unary import exp, log, rsqrt, sqrt
from scopert.public import public


def _last(tensor: Tensor) -> Any:
    """The size of the last axis, a tensor if it is not known."""
    known = None if tensor._shape is None else tensor._shape[-1]
    return known or shape_of(tensor)[-1]


def _check(x: Tensor, kind: int, n: Any, axis: int, norm: str | None) -> None:
    if axis != -1:
        raise NotImplementedError(f"axis must be -1. Got: {axis}")
    if n is not None and n < 1:
        raise ValueError("n should be a positive integer or None")
    if kind not in (1, 2, 3):
        raise ValueError("Only Types I, II and III (I)DCT are supported.")
    if kind == 1:
        if norm == "ortho":
            raise ValueError("Normalization is not supported for the Type-I DCT.")
        if x._shape is not None and x._shape[-1] is not None and x._shape[-1] < 2:
            raise ValueError("Type-I DCT requires the dimension to be greater than one.")
    if norm not in (None, "ortho"):
        raise ValueError(f"Unknown normalization. Expected None or 'ortho', got: {norm}")


def _weights(first: Tensor, others: Tensor, count: Any) -> Tensor:
    return pad(expand_dims(first, 0), [[0, count - 1]], constant_values=others)


@public("signal.dct", "spectral.dct")
def dct(
    input: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None, name: str | None = None
) -> Tensor:
    """The discrete cosine transform of types I, II or III along the last axis, by `rfft`.

    Parameters
    ----------
    input : tensor-like of float32
    type : {1, 2, 3}
    n : int, optional
        The input is cut or filled up with zeros to this length.
    axis : int
        Must be -1.
    norm : {None, "ortho"}
    name : str, optional

    Raises
    ------
    ValueError
        If an argument is none of these.
    NotImplementedError
        For another axis.
    """
    with name_scope(name, "dct", [input]):
        x = convert_to_tensor(input, dtype=dtypes.float32)
        _check(x, type, n, axis, norm)
        length = _last(x)
        if n is not None:
            if n <= length:
                x = x[..., 0:n]
            else:
                rank = len(x._shape or ())
                widths = [[0, 0] for _ in range(rank - 1)] + [[0, n - length]]
                x = pad(x, convert_to_tensor(widths, dtype=dtypes.int32))
        count = _last(x)
        size = cast(count, dtypes.float32)
        if type == 1:
            return real(rfft(concat([x, x[..., -2:0:-1]], axis=-1)))
        if type == 2:
            turn = 2.0 * exp(complex_(0.0, -range_of(size) * math.pi * 0.5 / size))
            made = real(rfft(x, fft_length=[2 * count])[..., :count] * turn)
            if norm == "ortho":
                first = 0.5 * rsqrt(size)
                made = made * _weights(first, first * sqrt(2.0), count)
            return made
        if norm == "ortho":
            first = sqrt(size)
            x = x * _weights(first, first * sqrt(0.5), count)
        else:
            x = x * size
        turn = 2.0 * exp(complex_(0.0, range_of(size) * math.pi * 0.5 / size))
        return real(irfft(turn * complex_(x, 0.0), fft_length=[2 * count]))[..., :count]


@public("signal.idct", "spectral.idct")
def idct(
    input: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None, name: str | None = None
) -> Tensor:
    """The inverse of `dct` of this type, up to a scale (exactly with ``norm="ortho"``)."""
    if type not in (1, 2, 3):
        raise ValueError("Only Types I, II and III (I)DCT are supported.")
    return dct(input, type={1: 1, 2: 3, 3: 2}[type], n=n, axis=axis, norm=norm, name=name)


# The usual scale: linear below 700 Hz, logarithmic above.
_BREAK_HERTZ = 700.0
_HIGH_Q = 1127.0


def _hertz_to_mel(frequencies: Any) -> Tensor:
    with name_scope(None, "hertz_to_mel", [frequencies]):
        made: Tensor = _HIGH_Q * log(1.0 + convert_to_tensor(frequencies) / _BREAK_HERTZ)
        return made


def _check_mel(bins: int, rate: float, low: float, high: float, dtype: DType) -> None:
    if bins <= 0:
        raise ValueError(f"num_mel_bins must be positive. Got: {bins}")
    if rate <= 0.0:
        raise ValueError(f"sample_rate must be positive. Got: {rate}")
    if low < 0.0:
        raise ValueError(f"lower_edge_hertz must be non-negative. Got: {low}")
    if low >= high:
        raise ValueError(f"lower_edge_hertz {low:.1f} >= upper_edge_hertz {high:.1f}")
    if high > rate / 2:
        raise ValueError(
            f"upper_edge_hertz must not be larger than the Nyquist frequency (sample_rate / 2). Got: {high} "
            f"for sample_rate: {rate}"
        )
    if not dtype.is_floating:
        raise ValueError(f"dtype must be a floating point type. Got: {dtype}")


@public("signal.linear_to_mel_weight_matrix")
def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20, num_spectrogram_bins: int = 129, sample_rate: Any = 8000, lower_edge_hertz: Any = 125.0,
    upper_edge_hertz: Any = 3800.0, dtype: Any = dtypes.float32, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The weights ``[num_spectrogram_bins, num_mel_bins]`` by which spectra become mel spectra.

    Raises
    ------
    ValueError
        If the numbers make no scale, or `sample_rate` is a tensor of unknown value.
    """
    with name_scope(name, "linear_to_mel_weight_matrix") as scope:
        kind = as_dtype(dtype)
        if isinstance(sample_rate, Tensor):
            known = constant_value(sample_rate)
            if known is None:
                raise ValueError(
                    "`sample_rate` was a non-constant Tensor. Must be a Python float or a constant Tensor."
                )
            sample_rate = known.item()
        _check_mel(num_mel_bins, sample_rate, lower_edge_hertz, upper_edge_hertz, kind)
        rate = convert_to_tensor(sample_rate, kind, name="sample_rate")
        low = convert_to_tensor(lower_edge_hertz, kind, name="lower_edge_hertz")
        high = convert_to_tensor(upper_edge_hertz, kind, name="upper_edge_hertz")
        zero = convert_to_tensor(0.0, kind)
        # The bin at 0 Hz counts nowhere.
        frequencies = linspace(zero, rate / 2.0, num_spectrogram_bins)[1:]
        bins = expand_dims(_hertz_to_mel(frequencies), 1)
        edges = frame(
            linspace(_hertz_to_mel(low), _hertz_to_mel(high), num_mel_bins + 2), frame_length=3, frame_step=1
        )
        left, middle, right = (reshape(part, [1, num_mel_bins]) for part in split(edges, 3, axis=1))
        rising = (bins - left) / (middle - left)
        falling = (right - bins) / (right - middle)
        weights = maximum(zero, minimum(rising, falling))
        return pad(weights, [[1, 0], [0, 0]], name=scope)


@public("signal.mfccs_from_log_mel_spectrograms")
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any, name: str | None = None) -> Tensor:
    """The cepstra of logarithmic mel spectra ``[..., num_mel_bins]``."""
    with name_scope(name, "mfccs_from_log_mel_spectrograms", [log_mel_spectrograms]):
        x = convert_to_tensor(log_mel_spectrograms, dtype=dtypes.float32)
        if x._shape and x._shape[-1] == 0:
            raise ValueError(f"num_mel_bins must be positive. Got: {x}")
        bins = _last(x)
        made: Tensor = dct(x, type=2) * rsqrt(cast(bins, dtypes.float32) * 2.0)
        return made
