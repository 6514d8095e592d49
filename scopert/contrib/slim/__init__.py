"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.layers.arg_scope import add_arg_scope as add_arg_scope
from scopert.layers.arg_scope import arg_scope as arg_scope
from scopert.layers.arg_scope import current_arg_scope as current_arg_scope
from scopert.layers.arg_scope import has_arg_scope as has_arg_scope
from scopert.layers.contrib_convolution import avg_pool2d as avg_pool2d
from scopert.layers.contrib_convolution import convolution as convolution
from scopert.layers.contrib_convolution import convolution1d as conv1d
from scopert.layers.contrib_convolution import convolution1d as convolution1d
from scopert.layers.contrib_convolution import convolution2d as conv2d
from scopert.layers.contrib_convolution import convolution2d as convolution2d
from scopert.layers.contrib_convolution import convolution2d_transpose as conv2d_transpose
from scopert.layers.contrib_convolution import convolution2d_transpose as convolution2d_transpose
from scopert.layers.contrib_convolution import convolution3d as conv3d
from scopert.layers.contrib_convolution import convolution3d as convolution3d
from scopert.layers.contrib_convolution import max_pool2d as max_pool2d
from scopert.layers.contrib_convolution import separable_convolution2d as separable_conv2d
from scopert.layers.contrib_convolution import separable_convolution2d as separable_convolution2d
from scopert.layers.contrib_layers import bias_add as bias_add
from scopert.layers.contrib_layers import dropout as dropout
from scopert.layers.contrib_layers import flatten as flatten
from scopert.layers.contrib_layers import fully_connected as fully_connected
from scopert.layers.contrib_layers import one_hot_encoding as one_hot_encoding
from scopert.layers.contrib_layers import repeat as repeat
from scopert.layers.contrib_layers import softmax as softmax
from scopert.layers.contrib_layers import stack as stack
from scopert.layers.contrib_normalization import batch_norm as batch_norm
from scopert.layers.contrib_normalization import layer_norm as layer_norm
from scopert.layers.contrib_regularizers import apply_regularization as apply_regularization
from scopert.layers.contrib_regularizers import l1_l2_regularizer as l1_l2_regularizer
from scopert.layers.contrib_regularizers import l1_regularizer as l1_regularizer
from scopert.layers.contrib_regularizers import l2_regularizer as l2_regularizer
from scopert.layers.contrib_regularizers import sum_regularizer as sum_regularizer
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
from scopert.scope.scaling_initializers import contrib_variance_scaling_initializer as variance_scaling_initializer
from scopert.scope.scaling_initializers import xavier_initializer as xavier_initializer
from scopert.scope.scaling_initializers import xavier_initializer as xavier_initializer_conv2d
from scopert.train.contrib_restore import assign_from_checkpoint as assign_from_checkpoint
from scopert.train.contrib_restore import assign_from_checkpoint_fn as assign_from_checkpoint_fn
from scopert.train.contrib_restore import assign_from_values as assign_from_values
from scopert.train.contrib_restore import assign_from_values_fn as assign_from_values_fn
from scopert.train.global_step import assert_global_step as assert_global_step
from scopert.train.global_step import create_global_step as create_global_step
from scopert.train.global_step import get_global_step as get_global_step
from scopert.train.global_step import get_or_create_global_step as get_or_create_global_step
from scopert.contrib.slim import initializers as initializers
from scopert.contrib.slim import metrics as metrics
from scopert.contrib.slim import model_analyzer as model_analyzer
from scopert.contrib.slim import utils as utils

__all__ = [
    "add_arg_scope",
    "add_model_variable",
    "apply_regularization",
    "arg_scope",
    "assert_global_step",
    "assign_from_checkpoint",
    "assign_from_checkpoint_fn",
    "assign_from_values",
    "assign_from_values_fn",
    "avg_pool2d",
    "batch_norm",
    "bias_add",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "convolution",
    "convolution1d",
    "convolution2d",
    "convolution2d_transpose",
    "convolution3d",
    "create_global_step",
    "current_arg_scope",
    "dropout",
    "filter_variables",
    "flatten",
    "fully_connected",
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
    "initializers",
    "l1_l2_regularizer",
    "l1_regularizer",
    "l2_regularizer",
    "layer_norm",
    "local_variable",
    "max_pool2d",
    "metrics",
    "model_analyzer",
    "model_variable",
    "one_hot_encoding",
    "repeat",
    "separable_conv2d",
    "separable_convolution2d",
    "softmax",
    "stack",
    "sum_regularizer",
    "utils",
    "variable",
    "variance_scaling_initializer",
    "xavier_initializer",
    "xavier_initializer_conv2d",
]
