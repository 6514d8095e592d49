"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.layers.convolution import Conv1D as Conv1D
from scopert.layers.convolution import Conv2D as Conv2D
from scopert.layers.convolution import Conv3D as Conv3D
from scopert.layers.convolution import conv1d as conv1d
from scopert.layers.convolution import conv2d as conv2d
from scopert.layers.convolution import conv3d as conv3d
from scopert.layers.dense import Dense as Dense
from scopert.layers.dense import dense as dense
from scopert.layers.input_spec import InputSpec as InputSpec
from scopert.layers.layer import Layer as Layer
from scopert.layers.normalization import BatchNormalization as BatchNormalization
from scopert.layers.normalization import batch_normalization as batch_normalization
from scopert.layers.pooling import AveragePooling1D as AveragePooling1D
from scopert.layers.pooling import AveragePooling2D as AveragePooling2D
from scopert.layers.pooling import AveragePooling3D as AveragePooling3D
from scopert.layers.pooling import MaxPooling1D as MaxPooling1D
from scopert.layers.pooling import MaxPooling2D as MaxPooling2D
from scopert.layers.pooling import MaxPooling3D as MaxPooling3D
from scopert.layers.pooling import average_pooling1d as average_pooling1d
from scopert.layers.pooling import average_pooling2d as average_pooling2d
from scopert.layers.pooling import average_pooling3d as average_pooling3d
from scopert.layers.pooling import max_pooling1d as max_pooling1d
from scopert.layers.pooling import max_pooling2d as max_pooling2d
from scopert.layers.pooling import max_pooling3d as max_pooling3d
from scopert.layers.separable import SeparableConv1D as SeparableConv1D
from scopert.layers.separable import SeparableConv2D as SeparableConv2D
from scopert.layers.separable import separable_conv1d as separable_conv1d
from scopert.layers.separable import separable_conv2d as separable_conv2d
from scopert.layers.shaping import Dropout as Dropout
from scopert.layers.shaping import Flatten as Flatten
from scopert.layers.shaping import dropout as dropout
from scopert.layers.shaping import flatten as flatten
from scopert.layers.transposed import Conv2DTranspose as Conv2DTranspose
from scopert.layers.transposed import Conv3DTranspose as Conv3DTranspose
from scopert.layers.transposed import conv2d_transpose as conv2d_transpose
from scopert.layers.transposed import conv3d_transpose as conv3d_transpose

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "BatchNormalization",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Dense",
    "Dropout",
    "Flatten",
    "InputSpec",
    "Layer",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "SeparableConv1D",
    "SeparableConv2D",
    "average_pooling1d",
    "average_pooling2d",
    "average_pooling3d",
    "batch_normalization",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "dense",
    "dropout",
    "flatten",
    "max_pooling1d",
    "max_pooling2d",
    "max_pooling3d",
    "separable_conv1d",
    "separable_conv2d",
]
