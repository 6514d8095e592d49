"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.ops.math_dct import dct as dct
from scopert.ops.math_dct import idct as idct
from scopert.ops.math_fft import fft as fft
from scopert.ops.math_fft import fft2d as fft2d
from scopert.ops.math_fft import fft3d as fft3d
from scopert.ops.math_fft import ifft as ifft
from scopert.ops.math_fft import ifft2d as ifft2d
from scopert.ops.math_fft import ifft3d as ifft3d
from scopert.ops.math_fft import irfft as irfft
from scopert.ops.math_fft import irfft2d as irfft2d
from scopert.ops.math_fft import irfft3d as irfft3d
from scopert.ops.math_fft import rfft as rfft
from scopert.ops.math_fft import rfft2d as rfft2d
from scopert.ops.math_fft import rfft3d as rfft3d

__all__ = [
    "dct",
    "fft",
    "fft2d",
    "fft3d",
    "idct",
    "ifft",
    "ifft2d",
    "ifft3d",
    "irfft",
    "irfft2d",
    "irfft3d",
    "rfft",
    "rfft2d",
    "rfft3d",
]
