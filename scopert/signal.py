"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.math_dct import dct as dct
from scopert.ops.math_dct import idct as idct
from scopert.ops.math_dct import linear_to_mel_weight_matrix as linear_to_mel_weight_matrix
from scopert.ops.math_dct import mfccs_from_log_mel_spectrograms as mfccs_from_log_mel_spectrograms
from scopert.ops.math_fft import fft as fft
from scopert.ops.math_fft import fft2d as fft2d
from scopert.ops.math_fft import fft3d as fft3d
from scopert.ops.math_fft import fftshift as fftshift
from scopert.ops.math_fft import ifft as ifft
from scopert.ops.math_fft import ifft2d as ifft2d
from scopert.ops.math_fft import ifft3d as ifft3d
from scopert.ops.math_fft import ifftshift as ifftshift
from scopert.ops.math_fft import irfft as irfft
from scopert.ops.math_fft import irfft2d as irfft2d
from scopert.ops.math_fft import irfft3d as irfft3d
from scopert.ops.math_fft import rfft as rfft
from scopert.ops.math_fft import rfft2d as rfft2d
from scopert.ops.math_fft import rfft3d as rfft3d
from scopert.ops.math_signal import frame as frame
from scopert.ops.math_signal import hamming_window as hamming_window
from scopert.ops.math_signal import hann_window as hann_window
from scopert.ops.math_signal import inverse_stft as inverse_stft
from scopert.ops.math_signal import inverse_stft_window_fn as inverse_stft_window_fn
from scopert.ops.math_signal import overlap_and_add as overlap_and_add
from scopert.ops.math_signal import stft as stft

__all__ = [
    "dct",
    "fft",
    "fft2d",
    "fft3d",
    "fftshift",
    "frame",
    "hamming_window",
    "hann_window",
    "idct",
    "ifft",
    "ifft2d",
    "ifft3d",
    "ifftshift",
    "inverse_stft",
    "inverse_stft_window_fn",
    "irfft",
    "irfft2d",
    "irfft3d",
    "linear_to_mel_weight_matrix",
    "mfccs_from_log_mel_spectrograms",
    "overlap_and_add",
    "rfft",
    "rfft2d",
    "rfft3d",
    "stft",
]
