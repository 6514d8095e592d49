"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.scope.initializers import Constant as constant
from scopert.scope.initializers import Ones as ones
from scopert.scope.initializers import RandomNormal as random_normal
from scopert.scope.initializers import RandomUniform as random_uniform
from scopert.scope.initializers import TruncatedNormal as truncated_normal
from scopert.scope.initializers import Zeros as zeros
from scopert.scope.scaling_initializers import GlorotNormal as glorot_normal
from scopert.scope.scaling_initializers import GlorotUniform as glorot_uniform
from scopert.scope.scaling_initializers import UniformUnitScaling as uniform_unit_scaling
from scopert.scope.scaling_initializers import VarianceScaling as variance_scaling
from scopert.scope.scaling_initializers import he_normal as he_normal
from scopert.scope.scaling_initializers import he_uniform as he_uniform
from scopert.scope.scaling_initializers import lecun_normal as lecun_normal
from scopert.scope.scaling_initializers import lecun_uniform as lecun_uniform

__all__ = [
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "uniform_unit_scaling",
    "variance_scaling",
    "zeros",
]
