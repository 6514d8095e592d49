"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.math_signal import frame as frame
from scopert.ops.math_signal import hamming_window as hamming_window
from scopert.ops.math_signal import hann_window as hann_window
from scopert.ops.math_signal import inverse_stft as inverse_stft
from scopert.ops.math_signal import inverse_stft_window_fn as inverse_stft_window_fn
from scopert.ops.math_signal import overlap_and_add as overlap_and_add
from scopert.ops.math_signal import stft as stft

__all__ = [
    "frame",
    "hamming_window",
    "hann_window",
    "inverse_stft",
    "inverse_stft_window_fn",
    "overlap_and_add",
    "stft",
]
