"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.scope.matrix_initializers import ConvolutionDeltaOrthogonal as convolutional_delta_orthogonal
from scopert.scope.matrix_initializers import ConvolutionOrthogonal1D as convolutional_orthogonal_1d
from scopert.scope.matrix_initializers import ConvolutionOrthogonal2D as convolutional_orthogonal_2d
from scopert.scope.matrix_initializers import ConvolutionOrthogonal3D as convolutional_orthogonal_3d

__all__ = [
    "convolutional_delta_orthogonal",
    "convolutional_orthogonal_1d",
    "convolutional_orthogonal_2d",
    "convolutional_orthogonal_3d",
]
