"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.scope.initializers import Constant as constant
from scopert.scope.initializers import Ones as ones
from scopert.scope.initializers import RandomNormal as random_normal
from scopert.scope.initializers import RandomUniform as random_uniform
from scopert.scope.initializers import TruncatedNormal as truncated_normal
from scopert.scope.initializers import Zeros as zeros
from scopert.scope.matrix_initializers import Identity as identity
from scopert.scope.matrix_initializers import Orthogonal as orthogonal
from scopert.scope.scaling_initializers import GlorotNormal as glorot_normal
from scopert.scope.scaling_initializers import GlorotUniform as glorot_uniform
from scopert.scope.scaling_initializers import UniformUnitScaling as uniform_unit_scaling
from scopert.scope.scaling_initializers import VarianceScaling as variance_scaling
from scopert.scope.scaling_initializers import he_normal as he_normal
from scopert.scope.scaling_initializers import he_uniform as he_uniform
from scopert.scope.scaling_initializers import lecun_normal as lecun_normal
from scopert.scope.scaling_initializers import lecun_uniform as lecun_uniform
from scopert.scope.variable_lists import global_variables_initializer as global_variables
from scopert.scope.variable_lists import local_variables_initializer as local_variables
from scopert.scope.variable_lists import tables_initializer as tables_initializer
from scopert.scope.variable_lists import variables_initializer as variables

__all__ = [
    "constant",
    "global_variables",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "local_variables",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "tables_initializer",
    "truncated_normal",
    "uniform_unit_scaling",
    "variables",
    "variance_scaling",
    "zeros",
]
