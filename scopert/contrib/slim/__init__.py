"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.scope.scaling_initializers import contrib_variance_scaling_initializer as variance_scaling_initializer
from scopert.scope.scaling_initializers import xavier_initializer as xavier_initializer
from scopert.scope.scaling_initializers import xavier_initializer as xavier_initializer_conv2d
from scopert.contrib.slim import initializers as initializers

__all__ = [
    "initializers",
    "variance_scaling_initializer",
    "xavier_initializer",
    "xavier_initializer_conv2d",
]
