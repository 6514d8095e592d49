"""Generated from the @public table by scopert/compat/namespace.py; do not edit."""
# ruff: noqa

from scopert.contrib import framework as framework
from scopert.contrib import layers as layers
from scopert.contrib import metrics as metrics
from scopert.contrib import nn as nn
from scopert.contrib import rnn as rnn
from scopert.contrib import seq2seq as seq2seq
from scopert.contrib import signal as signal
from scopert.contrib import slim as slim
from scopert.contrib import tensorboard as tensorboard
from scopert.contrib import util as util

__all__ = [
    "framework",
    "layers",
    "metrics",
    "nn",
    "rnn",
    "seq2seq",
    "signal",
    "slim",
    "tensorboard",
    "util",
]
