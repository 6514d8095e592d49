"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

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
from scopert.layers.contrib_layers import linear as linear
from scopert.layers.contrib_layers import one_hot_encoding as one_hot_encoding
from scopert.layers.contrib_layers import relu as relu
from scopert.layers.contrib_layers import relu6 as relu6
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
from scopert.scope.scaling_initializers import contrib_variance_scaling_initializer as variance_scaling_initializer
from scopert.scope.scaling_initializers import xavier_initializer as xavier_initializer
from scopert.scope.scaling_initializers import xavier_initializer as xavier_initializer_conv2d
from scopert.contrib.layers import utils as utils

__all__ = [
    "apply_regularization",
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
    "dropout",
    "flatten",
    "fully_connected",
    "l1_l2_regularizer",
    "l1_regularizer",
    "l2_regularizer",
    "layer_norm",
    "linear",
    "max_pool2d",
    "one_hot_encoding",
    "relu",
    "relu6",
    "repeat",
    "separable_conv2d",
    "separable_convolution2d",
    "softmax",
    "stack",
    "sum_regularizer",
    "utils",
    "variance_scaling_initializer",
    "xavier_initializer",
    "xavier_initializer_conv2d",
]
