"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.graph.sparse_tensor import is_tensor as is_tensor
from scopert.layers.arg_scope import add_arg_scope as add_arg_scope
from scopert.layers.arg_scope import arg_scope as arg_scope
from scopert.layers.arg_scope import current_arg_scope as current_arg_scope
from scopert.layers.arg_scope import has_arg_scope as has_arg_scope
from scopert.layers.contrib_variable_lists import add_model_variable as add_model_variable
from scopert.layers.contrib_variable_lists import filter_variables as filter_variables
from scopert.layers.contrib_variable_lists import get_local_variables as get_local_variables
from scopert.layers.contrib_variable_lists import get_model_variables as get_model_variables
from scopert.layers.contrib_variable_lists import get_trainable_variables as get_trainable_variables
from scopert.layers.contrib_variable_lists import get_unique_variable as get_unique_variable
from scopert.layers.contrib_variable_lists import get_variable_full_name as get_variable_full_name
from scopert.layers.contrib_variable_lists import get_variables as get_variables
from scopert.layers.contrib_variable_lists import get_variables_by_name as get_variables_by_name
from scopert.layers.contrib_variable_lists import get_variables_by_suffix as get_variables_by_suffix
from scopert.layers.contrib_variable_lists import get_variables_to_restore as get_variables_to_restore
from scopert.layers.contrib_variable_lists import global_variable as global_variable
from scopert.layers.contrib_variable_lists import local_variable as local_variable
from scopert.layers.contrib_variables import model_variable as model_variable
from scopert.layers.contrib_variables import variable as variable
from scopert.ops.control_flow_cond import smart_cond as smart_cond
from scopert.ops.math_sort import argsort as argsort
from scopert.ops.math_sort import sort as sort
from scopert.rnn.same_shape import with_same_shape as with_same_shape
from scopert.scope.matrix_initializers import ConvolutionDeltaOrthogonal as convolutional_delta_orthogonal
from scopert.scope.matrix_initializers import ConvolutionOrthogonal1D as convolutional_orthogonal_1d
from scopert.scope.matrix_initializers import ConvolutionOrthogonal2D as convolutional_orthogonal_2d
from scopert.scope.matrix_initializers import ConvolutionOrthogonal3D as convolutional_orthogonal_3d
from scopert.train.checkpoint_reader import list_variables as list_variables
from scopert.train.checkpoint_reader import load_checkpoint as load_checkpoint
from scopert.train.checkpoint_reader import load_variable as load_variable
from scopert.train.contrib_restore import assign_from_checkpoint as assign_from_checkpoint
from scopert.train.contrib_restore import assign_from_checkpoint_fn as assign_from_checkpoint_fn
from scopert.train.contrib_restore import assign_from_values as assign_from_values
from scopert.train.contrib_restore import assign_from_values_fn as assign_from_values_fn
from scopert.train.global_step import assert_global_step as assert_global_step
from scopert.train.global_step import create_global_step as create_global_step
from scopert.train.global_step import get_global_step as get_global_step
from scopert.train.global_step import get_or_create_global_step as get_or_create_global_step
from scopert.train.warm_start import init_from_checkpoint as init_from_checkpoint
from scopert.contrib.framework import nest as nest

__all__ = [
    "add_arg_scope",
    "add_model_variable",
    "arg_scope",
    "argsort",
    "assert_global_step",
    "assign_from_checkpoint",
    "assign_from_checkpoint_fn",
    "assign_from_values",
    "assign_from_values_fn",
    "convolutional_delta_orthogonal",
    "convolutional_orthogonal_1d",
    "convolutional_orthogonal_2d",
    "convolutional_orthogonal_3d",
    "create_global_step",
    "current_arg_scope",
    "filter_variables",
    "get_global_step",
    "get_local_variables",
    "get_model_variables",
    "get_or_create_global_step",
    "get_trainable_variables",
    "get_unique_variable",
    "get_variable_full_name",
    "get_variables",
    "get_variables_by_name",
    "get_variables_by_suffix",
    "get_variables_to_restore",
    "global_variable",
    "has_arg_scope",
    "init_from_checkpoint",
    "is_tensor",
    "list_variables",
    "load_checkpoint",
    "load_variable",
    "local_variable",
    "model_variable",
    "nest",
    "smart_cond",
    "sort",
    "variable",
    "with_same_shape",
]
