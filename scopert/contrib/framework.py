"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.graph.sparse_tensor import is_tensor as is_tensor
from scopert.layers.arg_scope import add_arg_scope as add_arg_scope
from scopert.layers.arg_scope import arg_scope as arg_scope
from scopert.layers.arg_scope import current_arg_scope as current_arg_scope
from scopert.layers.arg_scope import has_arg_scope as has_arg_scope
from scopert.layers.contrib_variables import model_variable as model_variable
from scopert.layers.contrib_variables import variable as variable
from scopert.scope.matrix_initializers import ConvolutionDeltaOrthogonal as convolutional_delta_orthogonal
from scopert.scope.matrix_initializers import ConvolutionOrthogonal1D as convolutional_orthogonal_1d
from scopert.scope.matrix_initializers import ConvolutionOrthogonal2D as convolutional_orthogonal_2d
from scopert.scope.matrix_initializers import ConvolutionOrthogonal3D as convolutional_orthogonal_3d

__all__ = [
    "add_arg_scope",
    "arg_scope",
    "convolutional_delta_orthogonal",
    "convolutional_orthogonal_1d",
    "convolutional_orthogonal_2d",
    "convolutional_orthogonal_3d",
    "current_arg_scope",
    "has_arg_scope",
    "is_tensor",
    "model_variable",
    "variable",
]
